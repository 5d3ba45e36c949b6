/*
 * names.c -- registered names: an array by atom number.
 *
 * A name is an interned atom, so its number leads to one word: the pid that
 * holds it, or 0. Looking up is a load, registering an exchange. Each process
 * knows its names, so that they can be freed when it ends. A lock, shared by
 * the slots of a stripe, guards that list and orders registering against
 * ending: rt__name_add() and rt__names_end() say how.
 */
#include <stdlib.h>
#include <string.h>

#include "worker.h"

static rt_spin *stripe(struct rt *rt, const struct process *p)
{
    return &rt->name_locks[p->slot % NAME_STRIPES];
}

static _Atomic(uint64_t) *word_of(struct rt *rt, etf_term name, bool make)
{
    uint32_t number = etf__atom_number(name);
    _Atomic(uint64_t) *chunk, *seen = NULL;

    if (number / NAME_CHUNK >= NAME_CHUNKS)
        return NULL;
    /* Acquire pairs with the release below: the chunk is all zero before. */
    chunk = load_acquire(&rt->names[number / NAME_CHUNK]);
    if (chunk == NULL && make) {
        chunk = calloc(NAME_CHUNK, sizeof *chunk);
        if (chunk == NULL)
            return NULL;
        if (!cas_acq_rel(&rt->names[number / NAME_CHUNK], &seen, chunk)) {
            free((void *)(uintptr_t)chunk);
            chunk = seen;
        }
    }
    return chunk == NULL ? NULL : &chunk[number % NAME_CHUNK];
}

uint64_t rt__name_find(struct rt *rt, etf_term name)
{
    _Atomic(uint64_t) *word;

    if (etf__tag(name) != ETF__ATOM)
        return 0;
    word = word_of(rt, name, false);
    /* Acquire pairs with the release in rt__name_add(): the process that has
     * the name is ready to be sent to. */
    return word == NULL ? 0 : load_acquire(word);
}

/* The stripe is held. */
static enum agner_err remember(struct process *p, etf_term name)
{
    struct names *names = load_relaxed(&p->names);
    uint32_t capacity, count = names == NULL ? 0 : names->count;

    if (names == NULL || names->count == names->capacity) {
        capacity = names == NULL ? 1 : names->capacity * 2;
        names = realloc(names, sizeof *names + capacity * sizeof(etf_term));
        if (names == NULL)
            return AGNER_ENOMEM;
        names->count = count;
        names->capacity = capacity;
        store_relaxed(&p->names, names);
    }
    names->items[names->count++] = name;
    return AGNER_OK;
}

/* Is that life over? The stripe is held, and the name was written before. */
static bool is_over(const struct process *p, etf_term pid)
{
    fence_seq_cst(); /* names, then the mailbox: pairs with rt__names_end() */
    return load_relaxed(&p->generation) != etf__pid_generation(pid) ||
           load_relaxed(&p->inbox) == MAILBOX_DEAD;
}

/* Takes the name, from nobody or from somebody dead: who has heard of a
 * process's end may have its name, though that is just being freed (G18). */
static bool take_name(struct rt *rt, _Atomic(uint64_t) *word, etf_term pid)
{
    uint64_t seen = 0;

    while (!cas_acq_rel(word, &seen, pid.word)) {
        etf_term holder = etf__word(seen);

        if (seen != 0 && !is_over(rt__slot(rt, etf__pid_slot(holder)), holder))
            return false;
    }
    return true;
}

enum agner_err rt__name_add(struct rt *rt, etf_term name, struct process *p,
                            etf_term pid)
{
    _Atomic(uint64_t) *word = word_of(rt, name, true);
    enum agner_err err = AGNER_ENOPROC;

    if (word == NULL)
        return AGNER_ENOMEM;
    rt__lock(stripe(rt, p));
    if (load_acquire(&p->generation) == etf__pid_generation(pid)) {
        err = remember(p, name);
        if (err == AGNER_OK && is_over(p, pid)) {
            load_relaxed(&p->names)->count--;
            err = AGNER_ENOPROC;
        } else if (err == AGNER_OK && !take_name(rt, word, pid)) {
            load_relaxed(&p->names)->count--;
            err = AGNER_ETAKEN;
        }
    }
    rt__unlock(stripe(rt, p));
    return err;
}

/*
 * Order: the mailbox was closed before (a full barrier), and we read `names`
 * after; rt__name_add() writes `names`, fences, and then looks at the mailbox.
 * So either we see its name or it sees our end.
 */
void rt__names_end(struct rt *rt, struct process *p)
{
    struct names *names;
    uint64_t mine;
    uint32_t i;

    fence_after_rmw();
    if (load_relaxed(&p->names) == NULL)
        return;
    rt__lock(stripe(rt, p));
    names = load_relaxed(&p->names);
    store_relaxed(&p->names, NULL);
    for (i = 0; names != NULL && i < names->count; i++) {
        mine =
            rt__pid_word(p).word; /* somebody may have taken it: take_name() */
        (void)cas_release(word_of(rt, names->items[i], false), &mine, 0u);
    }
    rt__unlock(stripe(rt, p));
    free(names);
}

uint32_t rt__names_of(struct rt *rt, struct process *p, etf_term *names,
                      uint32_t room)
{
    const struct names *have;
    uint32_t count = 0;

    rt__lock(stripe(rt, p));
    have = load_relaxed(&p->names);
    if (have != NULL) {
        count = have->count;
        memcpy(names, have->items,
               (count < room ? count : room) * sizeof *names);
    }
    rt__unlock(stripe(rt, p));
    return count;
}

etf_term rt_names_of(struct rt *rt, struct etf_region *r, etf_pid pid)
{
    struct process *p = etf_pid_is_local(pid) ? rt__slot(rt, pid.id) : NULL;
    etf_term few[16], *names = few, list;
    uint32_t room = 16, count;

    if (p == NULL || !rt_is_alive(rt, pid))
        return etf_nil();
    while ((count = rt__names_of(rt, p, names, room)) > room) {
        if (names != few)
            free(names);
        room = count;
        names = malloc(room * sizeof *names);
        if (names == NULL)
            return ETF_NONE;
    }
    list = etf_list(r, names, count, etf_nil());
    if (names != few)
        free(names);
    return list;
}

void rt__names_fini(struct rt *rt)
{
    unsigned i;

    for (i = 0; i < NAME_CHUNKS; i++)
        free((void *)(uintptr_t)load_relaxed(&rt->names[i]));
}

enum agner_err rt_register(struct rt *rt, etf_term name, etf_pid pid)
{
    struct process *p;

    if (etf__tag(name) != ETF__ATOM || etf_same(name, ETF_A(undefined)))
        return AGNER_EINVAL;
    if (!etf_pid_is_local(pid))
        return AGNER_ENOPROC;
    p = rt__slot(rt, pid.id);
    if (p == NULL)
        return AGNER_ENOPROC;
    return rt__name_add(rt, name, p, rt__word_of(pid));
}

/* The stripe is held. Was it there? */
static bool forget(struct process *p, etf_term name)
{
    struct names *names = load_relaxed(&p->names);
    uint32_t i;

    for (i = 0; names != NULL && i < names->count; i++) {
        if (!etf_same(names->items[i], name))
            continue;
        memmove(&names->items[i], &names->items[i + 1],
                (names->count - i - 1) * sizeof(etf_term));
        names->count--;
        return true;
    }
    return false;
}

/* Frees the name. `only`: whose it must be, or 0 for anybody's; *owner (may be
 * NULL): whose it was. */
static enum agner_err release(struct rt *rt, etf_term name, uint64_t only,
                              etf_pid *owner)
{
    _Atomic(uint64_t) *word;
    struct process *p;
    uint64_t pid;
    bool found = false;

    if (etf__tag(name) != ETF__ATOM)
        return AGNER_ENONAME;
    word = word_of(rt, name, false);
    pid = word == NULL ? 0 : load_acquire(word);
    if (pid == 0)
        return AGNER_ENONAME;
    if (only != 0 && only != pid)
        return AGNER_EOWNER;
    p = rt__slot(rt, etf__pid_slot(etf__word(pid)));
    rt__lock(stripe(rt, p));
    if (load_relaxed(word) == pid && forget(p, name))
        found = cas_release(word, &pid, 0u);
    rt__unlock(stripe(rt, p));
    if (!found)
        return AGNER_ENONAME;
    if (owner != NULL)
        *owner = rt__pid_of(etf__word(pid));
    return AGNER_OK;
}

enum agner_err rt_unregister(struct rt *rt, etf_term name)
{
    return release(rt, name, 0, NULL);
}

enum agner_err rt_unregister_any(struct rt *rt, etf_term name, etf_pid *owner)
{
    return release(rt, name, 0, owner);
}

enum agner_err rt_register_self(struct gen *self, etf_term name)
{
    enum agner_err err = rt__may_run(self);

    return err == AGNER_OK ? rt_register(self->rt, name, rt_self(self)) : err;
}

enum agner_err rt_unregister_self(struct gen *self, etf_term name)
{
    return release(self->rt, name, rt__pid_word(self->process).word, NULL);
}

enum agner_err rt_whereis(struct rt *rt, etf_term name, etf_pid *pid)
{
    uint64_t word = rt__name_find(rt, name);

    if (word == 0)
        return AGNER_ENONAME;
    *pid = rt__pid_of(etf__word(word));
    return AGNER_OK;
}

static int by_text(const void *a, const void *b)
{
    const etf_term *left = a, *right = b;

    return etf_compare(*left, *right);
}

etf_term rt_registered(struct rt *rt, struct etf_region *r)
{
    size_t count = 0, room = 64, i;
    etf_term *names = malloc(room * sizeof *names);
    etf_term list;
    unsigned c;

    for (c = 0; names != NULL && c < NAME_CHUNKS; c++) {
        _Atomic(uint64_t) *chunk = load_acquire(&rt->names[c]);

        for (i = 0; chunk != NULL && i < NAME_CHUNK; i++) {
            if (load_relaxed(&chunk[i]) == 0)
                continue;
            if (count == room) {
                etf_term *more = realloc(names, room * 2 * sizeof *names);

                if (more == NULL) {
                    free(names);
                    return ETF_NONE;
                }
                names = more;
                room *= 2;
            }
            names[count++] =
                etf__word((uint64_t)(c * NAME_CHUNK + i) << 3 | ETF__ATOM);
        }
    }
    if (names == NULL)
        return ETF_NONE;
    qsort(names, count, sizeof *names, by_text);
    list = etf_list(r, names, count, etf_nil());
    free(names);
    return list;
}
