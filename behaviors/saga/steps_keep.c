/*
 * steps_keep.c -- the keeper's tables: by id, by driver, who waits, who is
 * finished.
 */
#include "saga/steps_keep.h"

#include <stdlib.h>
#include <string.h>

/* ---- Finding ------------------------------------------------------------- */

static struct steps_entry **id_bucket(struct steps_keeper *k, etf_term id)
{
    return &k->by_id[etf_phash2(id, STEPS_BUCKETS)];
}

static struct steps_entry **pid_bucket(struct steps_keeper *k, etf_pid pid)
{
    return &k->by_pid[pid.id % STEPS_BUCKETS];
}

struct steps_entry *gen__steps_find(struct steps_keeper *k, etf_term id)
{
    struct steps_entry *entry = *id_bucket(k, id);

    while (entry != NULL && !etf_equal(etf_box_term(entry->id), id))
        entry = entry->same_hash;
    return entry;
}

struct steps_entry *gen__steps_find_pid(struct steps_keeper *k, etf_pid pid)
{
    struct steps_entry *entry = *pid_bucket(k, pid);

    while (entry != NULL && !etf_pid_equal(entry->driver, pid))
        entry = entry->same_pid;
    return entry;
}

static void put_in_bucket(struct steps_keeper *k, struct steps_entry *entry)
{
    struct steps_entry **bucket = id_bucket(k, etf_box_term(entry->id));

    entry->same_hash = *bucket;
    *bucket = entry;
}

void gen__steps_add(struct steps_keeper *k, struct steps_entry *entry)
{
    put_in_bucket(k, entry);
    gen__steps_put(k->room, &k->room->active, entry);
}

void gen__steps_forget(struct steps_keeper *k, struct steps_entry *entry)
{
    struct steps_entry **at = id_bucket(k, etf_box_term(entry->id));
    struct steps_room *room = k->room;

    while (*at != entry)
        at = &(*at)->same_hash;
    *at = entry->same_hash;
    gen__steps_take(room, entry->finished ? &room->finished : &room->active,
                    entry);
    gen__steps_entry_free(entry);
}

void gen__steps_set_driver(struct steps_keeper *k, struct steps_entry *entry,
                           etf_pid pid)
{
    struct steps_entry **at;

    if (!etf_pid_is_none(entry->driver)) {
        at = pid_bucket(k, entry->driver);
        while (*at != entry)
            at = &(*at)->same_pid;
        *at = entry->same_pid;
    }
    entry->driver = pid;
    if (etf_pid_is_none(pid))
        return;
    at = pid_bucket(k, pid);
    entry->same_pid = *at;
    *at = entry;
}

/* ---- Who waits for a place ----------------------------------------------- */

void gen__steps_queue(struct steps_keeper *k, struct steps_entry *entry)
{
    entry->behind = NULL;
    entry->queued = true;
    if (k->ready_last == NULL)
        k->ready = entry;
    else
        k->ready_last->behind = entry;
    k->ready_last = entry;
}

struct steps_entry *gen__steps_dequeue(struct steps_keeper *k)
{
    struct steps_entry *entry = k->ready;

    if (entry == NULL)
        return NULL;
    k->ready = entry->behind;
    if (k->ready == NULL)
        k->ready_last = NULL;
    entry->queued = false;
    return entry;
}

void gen__steps_unqueue(struct steps_keeper *k, struct steps_entry *entry)
{
    struct steps_entry *before = NULL, *at = k->ready;

    if (!entry->queued)
        return;
    for (; at != entry; at = at->behind)
        before = at;
    if (before == NULL)
        k->ready = entry->behind;
    else
        before->behind = entry->behind;
    if (k->ready_last == entry)
        k->ready_last = before;
    entry->queued = false;
}

/* ---- Answers ------------------------------------------------------------- */

enum agner_err gen__steps_wait(struct steps_waiter **list, struct gen_from from)
{
    struct steps_waiter *waiter = malloc(sizeof *waiter);

    if (waiter == NULL)
        return AGNER_ENOMEM;
    waiter->from = from;
    waiter->next = *list;
    *list = waiter;
    return AGNER_OK;
}

void gen__steps_answer(struct gen *self, struct steps_waiter **list,
                       etf_term answer)
{
    struct steps_waiter *waiter;

    while ((waiter = *list) != NULL) {
        *list = waiter->next;
        (void)gen_reply(self, waiter->from, answer);
        free(waiter);
    }
}

/* ---- The end of a saga --------------------------------------------------- */

static void count_end(struct steps_room *room, enum gen_steps_state state,
                      bool aborted)
{
    rt__lock(&room->lock);
    room->committed += state == GEN_STEPS_COMMITTED;
    room->compensated += state == GEN_STEPS_COMPENSATED;
    room->failed += state == GEN_STEPS_FAILED;
    room->aborted += aborted;
    rt__unlock(&room->lock);
}

void gen__steps_finish(struct gen *self, struct steps_keeper *k,
                       struct steps_entry *entry, etf_term outcome,
                       bool finished)
{
    struct steps_room *room = k->room;
    struct gen_steps_outcome o = { .state = GEN_STEPS_RUNNING };

    (void)gen__steps_outcome_read(outcome, &o);
    etf_box_free(entry->outcome);
    entry->outcome = etf_box_new(outcome);
    entry->halted = true;
    if (finished) {
        entry->ended_ms = rt_wall_ns(room->rt) / 1000000;
        gen__steps_take(room, &room->active, entry);
        entry->finished = true;
        gen__steps_put(room, &room->finished, entry);
        count_end(room, o.state, entry->aborted);
    }
    gen__steps_answer(self, &entry->awaiters,
                      etf_make(self, "{ok, _}", outcome));
}

/* ---- From the store ------------------------------------------------------ */

struct found {
    struct steps_keeper *k;
    struct steps_entry **entries; /* owned, and a count of each */
    size_t count, room;
};

static bool add_found(struct found *f, struct steps_entry *entry)
{
    if (f->count == f->room) {
        size_t room = f->room == 0 ? 64 : 2 * f->room;
        struct steps_entry **more =
            realloc(f->entries, room * sizeof(struct steps_entry *));

        if (more == NULL)
            return false;
        f->entries = more;
        f->room = room;
    }
    f->entries[f->count++] = entry;
    return true;
}

/* One that cannot be read waits for a person. */
static void make_unreadable(struct steps_room *room, struct steps_entry *entry,
                            struct etf_region *r, const char *why)
{
    etf_term reason = etf_make(r, "{journal, _}", why);

    entry->halted = true;
    entry->outcome = etf_box_new(etf_make(r, "{stuck, none, [_], []}", reason));
    entry->view.deadline_ms = RT_INFINITY;
    gen__steps_show_stuck(room, entry, true, etf_box_new(reason));
}

static void make_known(struct steps_room *room, struct steps_entry *entry,
                       struct etf_region *r, const struct journal *j)
{
    enum steps_phase phase = j->record.phase;
    etf_term reason = phase == STEPS_STUCK ? j->trouble : j->reason;

    entry->finished = phase >= STEPS_COMMITTED;
    entry->halted = phase >= STEPS_STUCK;
    entry->ended_ms = j->updated_ms;
    if (entry->halted)
        entry->outcome = etf_box_new(gen__steps_outcome_term(r, j));
    gen__steps_show(room, entry, j, 0,
                    etf_is_none(reason) ? NULL : etf_box_new(reason));
}

static enum agner_err each(void *ctx, struct etf_region *r, etf_term id,
                           const struct journal *j, const char *why)
{
    struct found *f = ctx;
    etf_term names = etf_nil();
    struct steps_entry *entry;

    if (j != NULL)
        names = etf_list(r, j->names, j->record.count, etf_nil());
    entry = gen__steps_entry_new(id, names, j == NULL ? 0 : j->record.count);
    if (entry == NULL)
        return AGNER_ENOMEM;
    entry->stored = true;
    if (j == NULL)
        make_unreadable(f->k->room, entry, r, why);
    else
        make_known(f->k->room, entry, r, j);
    if (add_found(f, entry))
        return AGNER_OK;
    gen__steps_entry_free(entry);
    return AGNER_ENOMEM;
}

static int by_time(const void *a, const void *b)
{
    const struct steps_entry *one = *(struct steps_entry *const *)a;
    const struct steps_entry *other = *(struct steps_entry *const *)b;
    uint64_t x = one->finished ? one->ended_ms : one->view.created_ms;
    uint64_t y = other->finished ? other->ended_ms : other->view.created_ms;

    return x < y ? -1 : x > y;
}

enum agner_err gen__steps_begin_all(struct gen *self, struct steps_keeper *k,
                                    struct agner_error *error)
{
    struct found f = { .k = k };
    enum agner_err err = gen__steps_load(self, k->room, each, &f, error);

    if (err == AGNER_OK && f.count > 1)
        qsort(f.entries, f.count, sizeof(struct steps_entry *), by_time);
    for (size_t i = 0; i < f.count; i++) {
        struct steps_entry *entry = f.entries[i];

        put_in_bucket(k, entry);
        gen__steps_put(k->room,
                       entry->finished ? &k->room->finished : &k->room->active,
                       entry);
        if (!entry->halted)
            gen__steps_queue(k, entry);
    }
    free(f.entries);
    return err;
}

/* ---- Forgetting ---------------------------------------------------------- */

bool gen__steps_purge(struct gen *self, struct steps_keeper *k)
{
    struct steps_room *room = k->room;
    uint64_t now_ms = rt_wall_ns(room->rt) / 1000000;
    struct steps_entry *old[STEPS_ERASED_MAX], *entry = room->finished.first;
    struct agner_error error = { 0 };
    size_t count = 0, left = room->finished.count;
    enum agner_err err;

    for (; entry != NULL && count < STEPS_ERASED_MAX; entry = entry->next) {
        bool stale = now_ms >= entry->ended_ms &&
                     now_ms - entry->ended_ms >= room->keep_ms;

        if (!etf_pid_is_none(entry->driver) ||
            (!stale && left <= room->keep_max))
            break;
        old[count++] = entry;
        left--;
    }
    if (count == 0)
        return false;
    err = gen__steps_erase(self, room, old, count, &error);
    if (err != AGNER_OK) {
        rt_log_self(self, RT_LOG_WARNING,
                    "%s: finished sagas stay in the store: %s",
                    room->table->name, error.text);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        gen__steps_forget(k, old[i]);
    return count == STEPS_ERASED_MAX;
}
