/*
 * memory.c -- C11's memory for the explorer: the stores of each location, and
 * which of them a load may return.
 *
 * Each thread has a vector clock; each store has the clock of who made it, and,
 * if it releases, the clock that an acquire of it takes over. A load may return
 * any store that is not older than one that its thread knows of: that it has
 * read or made, or that happened before.
 */
#include <stdio.h>
#include <string.h>

#include "explore_internal.h"

#define STORES_MAX 512u /* of one location, in one run */
#define EVENTS_MAX 4096u
#define PLAIN_MAX  64u

struct store {
    uint64_t value;
    unsigned by;    /* EXPLORE_THREADS: before the threads */
    uint32_t epoch; /* of its maker's clock */
    bool releases;
    uint32_t sync[EXPLORE_THREADS]; /* releases: what an acquire learns */
};

struct location {
    const volatile void *at;
    size_t size;
    uint32_t count;
    struct store stores[STORES_MAX];
};

/* Plain memory: who wrote it last, and when. */
struct plain {
    const void *at;
    unsigned by;
    uint32_t epoch;
};

struct event {
    const char *what;
    unsigned by, location;
    uint64_t value, seen;
};

static struct location locations[EXPLORE_LOCATIONS];
static unsigned location_count;
static struct plain plains[PLAIN_MAX];
static unsigned plain_count;
static uint32_t everybody[EXPLORE_THREADS]; /* the clock of all fences */
static struct event events[EVENTS_MAX];
static unsigned event_count, thread_count;

void explore__memory_reset(unsigned threads)
{
    memset(&explore__all, 0, sizeof explore__all);
    memset(everybody, 0, sizeof everybody);
    location_count = plain_count = event_count = 0;
    thread_count = threads;
}

static uint64_t word_of(const volatile void *at, size_t size)
{
    uint64_t word = 0;

    memcpy(&word, (const void *)(uintptr_t)at, size);
    return word;
}

static void put_word(volatile void *at, size_t size, uint64_t word)
{
    memcpy((void *)(uintptr_t)at, &word, size);
}

static uint64_t cut(uint64_t value, size_t size)
{
    return size == 8 ? value : value & ((UINT64_C(1) << size * 8) - 1);
}

static unsigned find(const volatile void *at, size_t size)
{
    struct location *l;

    for (unsigned i = 0; i < location_count; i++)
        if (locations[i].at == at)
            return i;
    if (location_count == EXPLORE_LOCATIONS) {
        explore_fail("more than %u locations", EXPLORE_LOCATIONS);
        return 0;
    }
    l = &locations[location_count];
    l->at = at;
    l->size = size;
    l->count = 1;
    l->stores[0] =
        (struct store){ .value = word_of(at, size), .by = EXPLORE_THREADS };
    return location_count++;
}

static void join(uint32_t *into, const uint32_t *from)
{
    for (unsigned i = 0; i < EXPLORE_THREADS; i++)
        if (from[i] > into[i])
            into[i] = from[i];
}

static void note(const char *what, unsigned location, uint64_t value,
                 uint64_t seen)
{
    if (event_count < EVENTS_MAX)
        events[event_count++] =
            (struct event){ what, explore__me(), location, value, seen };
}

void explore__show(void)
{
    for (unsigned i = 0; i < event_count; i++)
        (void)fprintf(stderr, "  %4u  thread %u  %-8s L%-2u  %llx (%llx)\n", i,
                      events[i].by, events[i].what, events[i].location,
                      (unsigned long long)events[i].value,
                      (unsigned long long)events[i].seen);
}

/* ---- Which stores a thread may read ---------------------------------------
 */

static bool happened(const struct explore_thread *t, const struct store *s)
{
    return s->by == EXPLORE_THREADS || s->epoch <= t->clock[s->by];
}

static uint32_t oldest(const struct explore_thread *t, unsigned location)
{
    const struct location *l = &locations[location];
    uint32_t first = t->oldest[location];

    for (uint32_t i = l->count; i-- > first;)
        if (happened(t, &l->stores[i]))
            return i;
    return first;
}

void explore__see_all(struct explore_thread *t)
{
    for (unsigned i = 0; i < location_count; i++)
        t->oldest[i] = locations[i].count - 1;
}

uint64_t explore__newest(const volatile void *at, size_t size)
{
    const struct location *l = &locations[find(at, size)];

    return l->stores[l->count - 1].value;
}

static struct explore_thread *self(void)
{
    return &explore__all.threads[explore__me()];
}

static void learn(struct explore_thread *t, const struct store *s,
                  enum explore_order order)
{
    if ((order & EXPLORE_ACQUIRE) != 0 && s->releases)
        join(t->clock, s->sync);
}

/* Appends a store; `before`: the one that a read-modify-write has read, whose
 * release sequence it continues. */
static void append(struct explore_thread *t, unsigned location, uint64_t value,
                   enum explore_order order, const struct store *before)
{
    struct location *l = &locations[location];
    struct store *s;

    if (l->count == STORES_MAX) {
        explore_fail("more than %u stores", STORES_MAX);
        return;
    }
    s = &l->stores[l->count];
    t->clock[explore__me()]++;
    *s = (struct store){ .value = cut(value, l->size),
                         .by = explore__me(),
                         .epoch = t->clock[explore__me()] };
    if ((order & EXPLORE_RELEASE) != 0) {
        s->releases = true;
        join(s->sync, t->clock);
    }
    if (before != NULL && before->releases) {
        s->releases = true;
        join(s->sync, before->sync);
    }
    t->oldest[location] = l->count++;
    explore__all.stores++;
}

/* ---- Operations
 * -------------------------------------------------------------- */

static enum explore_order weakened(enum explore_order order, unsigned what)
{
    return explore__weak(what) ? EXPLORE_RELAXED : order;
}

uint64_t explore__load(const volatile void *at, size_t size,
                       enum explore_order order)
{
    struct explore_thread *t;
    unsigned location;
    uint32_t first, chosen;
    const struct store *s;

    if (!explore__is_thread())
        return word_of(at, size);
    explore__point();
    t = self();
    location = find(at, size);
    first = oldest(t, location);
    /* The newest first: the plain choice. */
    chosen = locations[location].count - 1 -
             explore__choose(locations[location].count - first);
    s = &locations[location].stores[chosen];
    t->oldest[location] = chosen;
    learn(t, s, weakened(order, EXPLORE_WEAK_LOAD));
    note("load", location, s->value, chosen);
    return s->value;
}

void explore__store(volatile void *at, size_t size, uint64_t value,
                    enum explore_order order)
{
    unsigned location;

    if (!explore__is_thread()) {
        put_word(at, size, value);
        return;
    }
    explore__point();
    location = find(at, size);
    append(self(), location, value, weakened(order, EXPLORE_WEAK_STORE), NULL);
    put_word(at, size, value);
    note("store", location, value, 0);
}

/* Reads the newest, writes the next. */
static uint64_t modify(volatile void *at, size_t size, uint64_t value,
                       enum explore_order order, const char *what)
{
    unsigned location = find(at, size);
    struct location *l = &locations[location];
    struct store before = l->stores[l->count - 1];
    struct explore_thread *t = self();

    learn(t, &before, order);
    append(t, location, value, order, &before);
    put_word(at, size, value);
    note(what, location, value, before.value);
    return before.value;
}

uint64_t explore__swap(volatile void *at, size_t size, uint64_t value,
                       enum explore_order order)
{
    uint64_t before = word_of(at, size);

    if (!explore__is_thread()) {
        put_word(at, size, value);
        return before;
    }
    explore__point();
    return modify(at, size, value, weakened(order, EXPLORE_WEAK_SWAP), "swap");
}

uint64_t explore__change(volatile void *at, size_t size, enum explore_op op,
                         uint64_t value, enum explore_order order)
{
    uint64_t before;

    if (explore__is_thread())
        explore__point();
    before = word_of(at, size); /* memory holds the newest */
    if (op == EXPLORE_ADD)
        value = cut(before + value, size);
    else if (op == EXPLORE_OR)
        value |= before;
    else
        value &= before;
    if (explore__is_thread())
        return modify(at, size, value, order, "change");
    put_word(at, size, value);
    return before;
}

/* One that fails is a relaxed load, maybe of an older store. */
static bool lose(unsigned location, void *seen, size_t size, uint64_t wanted)
{
    struct explore_thread *t = self();
    const struct location *l = &locations[location];
    uint32_t stale[STORES_MAX], count = 0, first = oldest(t, location), chosen;

    for (uint32_t i = l->count; i-- > first;)
        if (l->stores[i].value != wanted)
            stale[count++] = i;
    if (l->stores[l->count - 1].value == wanted) {
        chosen = explore__choose(count + 1);
        if (chosen == 0)
            return false; /* it wins */
        chosen = stale[chosen - 1];
    } else {
        chosen = stale[explore__choose(count)];
    }
    t->oldest[location] = chosen;
    put_word(seen, size, l->stores[chosen].value);
    note("cas lost", location, l->stores[chosen].value, wanted);
    return true;
}

bool explore__cas(volatile void *at, size_t size, void *seen, uint64_t value,
                  enum explore_order order)
{
    uint64_t wanted = word_of(seen, size);

    if (!explore__is_thread()) {
        if (word_of(at, size) != wanted) {
            put_word(seen, size, word_of(at, size));
            return false;
        }
        put_word(at, size, value);
        return true;
    }
    explore__point();
    if (lose(find(at, size), seen, size, wanted))
        return false;
    (void)modify(at, size, value, weakened(order, EXPLORE_WEAK_CAS), "cas");
    return true;
}

void explore__fence(void)
{
    struct explore_thread *t = self();

    if (!explore__is_thread() || explore__weak(EXPLORE_WEAK_FENCE))
        return;
    explore__point();
    t->clock[explore__me()]++;
    join(t->clock, everybody);
    join(everybody, t->clock);
    note("fence", 0, 0, 0);
}

/* Each thread passes a fence, wherever it is. */
void explore__barrier(void)
{
    if (!explore__is_thread() || explore__weak(EXPLORE_WEAK_BARRIER))
        return;
    explore__point();
    for (unsigned i = 0; i < thread_count; i++)
        join(everybody, explore__all.threads[i].clock);
    for (unsigned i = 0; i < thread_count; i++)
        join(explore__all.threads[i].clock, everybody);
    note("barrier", 0, 0, 0);
}

/* ---- Plain memory ---------------------------------------------------------
 */

static struct plain *plain_at(const void *at)
{
    for (unsigned i = 0; i < plain_count; i++)
        if (plains[i].at == at)
            return &plains[i];
    if (plain_count == PLAIN_MAX) {
        explore_fail("more than %u plain objects", PLAIN_MAX);
        return NULL;
    }
    plains[plain_count] = (struct plain){ .at = at, .by = EXPLORE_THREADS };
    return &plains[plain_count++];
}

static bool is_ordered(const struct plain *p)
{
    return p->by == EXPLORE_THREADS || p->epoch <= self()->clock[p->by];
}

void explore_wrote(const void *at)
{
    struct plain *p = plain_at(at);

    if (p == NULL || !explore__is_thread())
        return;
    if (!is_ordered(p))
        explore_fail("thread %u writes what thread %u has written, unordered",
                     explore__me(), p->by);
    p->by = explore__me();
    p->epoch = ++self()->clock[p->by];
}

void explore_reads(const void *at)
{
    struct plain *p = plain_at(at);

    if (p == NULL || !explore__is_thread())
        return;
    if (!is_ordered(p))
        explore_fail("thread %u reads what thread %u has written, unordered",
                     explore__me(), p->by);
}
