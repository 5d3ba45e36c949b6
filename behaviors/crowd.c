/*
 * crowd.c -- local processes and their groups. See crowd.h.
 */
#include "crowd.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS_FIRST 16u

struct crowd_member {
    struct crowd_member *next;
    etf_pid pid;
    etf_ref ref; /* of our monitor */
    bool dead;   /* it is on the board still */
    uint32_t count, capacity;
    struct etf_box **groups; /* owned, and the boxes; one for each join */
};

/* ---- Members by pid ----------------------------------------------------- */

static struct crowd_member **bucket_of(const struct crowd *c, etf_pid pid)
{
    return &c->buckets[(pid.id ^ pid.serial * 0x9e3779b1u) & c->mask];
}

static struct crowd_member *find(const struct crowd *c, etf_pid pid)
{
    struct crowd_member *m = c->buckets == NULL ? NULL : *bucket_of(c, pid);

    while (m != NULL && !etf_pid_equal(m->pid, pid))
        m = m->next;
    return m;
}

static bool reserve(struct crowd *c)
{
    uint32_t old_count = c->buckets == NULL ? 0 : c->mask + 1;
    uint32_t count = old_count == 0 ? BUCKETS_FIRST : 2 * old_count;
    struct crowd_member **old = c->buckets, **buckets;

    if (old_count > 0 && (c->count < old_count || count == 0))
        return true;
    buckets = calloc(count, sizeof(struct crowd_member *));
    if (buckets == NULL)
        return old_count > 0; /* the chains grow */
    c->buckets = buckets;
    c->mask = count - 1;
    for (uint32_t i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            struct crowd_member *m = old[i];

            old[i] = m->next;
            m->next = *bucket_of(c, m->pid);
            *bucket_of(c, m->pid) = m;
        }
    }
    free(old);
    return true;
}

/* Out of the table, without a word to anybody. */
static void drop(struct crowd *c, struct crowd_member *m)
{
    struct crowd_member **link = bucket_of(c, m->pid);

    while (*link != m)
        link = &(*link)->next;
    *link = m->next;
    c->count--;
    while (m->count > 0)
        etf_box_free(m->groups[--m->count]);
    free(m->groups);
    free(m);
}

/* The member, a new one if need be, which is watched from now on. */
static enum agner_err enter(struct gen *self, struct crowd *c, etf_pid pid,
                            struct crowd_member **out)
{
    struct crowd_member *m = find(c, pid);
    enum agner_err err;

    *out = m;
    if (m != NULL)
        return AGNER_OK;
    m = reserve(c) ? calloc(1, sizeof *m) : NULL;
    if (m == NULL)
        return AGNER_ENOMEM;
    m->pid = pid;
    err = rt_monitor(self, etf_from_pid(NULL, pid), 0, &m->ref);
    if (err != AGNER_OK) {
        free(m);
        return err;
    }
    m->next = *bucket_of(c, pid);
    *bucket_of(c, pid) = m;
    c->count++;
    *out = m;
    return AGNER_OK;
}

/* Nobody stays who is in no group. */
static void leave_if_idle(struct gen *self, struct crowd *c,
                          struct crowd_member *m)
{
    if (m->count > 0)
        return;
    (void)rt_demonitor(self, m->ref, true); /* it stands, or has just fired */
    drop(c, m);
}

static bool push(struct crowd_member *m, etf_term group)
{
    uint32_t capacity = m->capacity == 0 ? 4 : 2 * m->capacity;
    struct etf_box **groups;

    if (m->count == m->capacity) {
        groups = realloc(m->groups, capacity * sizeof(struct etf_box *));
        if (groups == NULL)
            return false;
        m->groups = groups;
        m->capacity = capacity;
    }
    m->groups[m->count] = etf_box_new(group);
    if (m->groups[m->count] == NULL)
        return false;
    m->count++;
    return true;
}

/* Takes away the newest of its memberships in `group`. */
static void pop(struct crowd_member *m, etf_term group)
{
    for (uint32_t i = m->count; i-- > 0;) {
        if (!etf_equal(etf_box_term(m->groups[i]), group))
            continue;
        etf_box_free(m->groups[i]);
        m->groups[i] = m->groups[--m->count];
        return;
    }
}

size_t gen__crowd_count(const struct crowd *c, etf_term group, etf_pid pid)
{
    const struct crowd_member *m = find(c, pid);
    size_t count = 0;

    for (uint32_t i = 0; m != NULL && i < m->count; i++)
        count += etf_equal(etf_box_term(m->groups[i]), group);
    return count;
}

/* ---- Life --------------------------------------------------------------- */

/* Before its watchers hear of the end: when the state goes, one of them may
 * have started another process of the name, which has members. */
static void ended(struct rt_hook *hook, struct rt *rt)
{
    struct crowd *c =
        (struct crowd *)(void *)((char *)hook - offsetof(struct crowd, end));

    (void)rt;
    rt_board_clear(c->board);
}

enum agner_err gen__crowd_init(struct gen *self, struct crowd *c,
                               struct rt_board *board)
{
    c->board = board;
    c->work = etf_region_new(0);
    if (board == NULL || c->work == NULL)
        return AGNER_ENOMEM;
    rt_board_clear(board);
    c->end.run = ended;
    return rt_hook_add(self, &c->end);
}

void gen__crowd_fini(struct crowd *c)
{
    for (uint32_t i = 0; c->buckets != NULL && i <= c->mask; i++)
        while (c->buckets[i] != NULL)
            drop(c, c->buckets[i]);
    free(c->buckets);
    etf_region_free(c->work);
}

/* ---- Joining and leaving ------------------------------------------------ */

/* The first `count` of the bag take their newest membership back. */
static void undo(struct gen *self, struct crowd *c, etf_term group,
                 const struct bag *bag, size_t count)
{
    while (count-- > 0) {
        struct crowd_member *m;
        etf_pid pid;

        (void)etf_get_pid(bag->pids[count], &pid);
        m = find(c, pid);
        if (m == NULL)
            continue;
        pop(m, group);
        leave_if_idle(self, c, m);
    }
}

/* Writes the group's roll with those of the bag. */
static enum agner_err sign(struct crowd *c, etf_term group,
                           const struct bag *bag)
{
    struct roll roll;
    enum agner_err err =
        gen__roll_read(c->board, c->work, group, bag->count, &roll);

    if (err != AGNER_OK)
        return err;
    for (size_t i = 0; i < bag->count; i++)
        gen__roll_add(&roll, bag->pids[i], false);
    err = gen__roll_write(c->board, c->work, group, &roll);
    gen__roll_fini(&roll);
    return err;
}

static enum agner_err join_all(struct gen *self, struct crowd *c,
                               etf_term group, const struct bag *bag)
{
    enum agner_err err = AGNER_OK;
    size_t done = 0;

    while (err == AGNER_OK && done < bag->count) {
        struct crowd_member *m;
        etf_pid pid;

        (void)etf_get_pid(bag->pids[done], &pid);
        err = enter(self, c, pid, &m);
        if (err != AGNER_OK)
            break;
        if (push(m, group)) {
            done++;
        } else {
            leave_if_idle(self, c, m);
            err = AGNER_ENOMEM;
        }
    }
    if (err == AGNER_OK)
        err = sign(c, group, bag);
    if (err != AGNER_OK)
        undo(self, c, group, bag, done);
    return err;
}

enum agner_err gen__crowd_join(struct gen *self, struct crowd *c,
                               etf_term group, etf_term pids)
{
    struct bag bag;
    bool other;
    enum agner_err err = gen__bag_init(&bag, pids, ETF_NONE, &other);

    if (err == AGNER_OK && other)
        err = AGNER_EINVAL;
    if (err == AGNER_OK && bag.count > 0)
        err = join_all(self, c, group, &bag);
    gen__bag_fini(&bag);
    etf_region_reset(c->work);
    return err;
}

/* The roll without those of the bag, of whom the found ones are marked. */
static enum agner_err strike(struct crowd *c, etf_term group, struct bag *bag)
{
    struct roll roll;
    enum agner_err err = gen__roll_read(c->board, c->work, group, 0, &roll);

    if (err != AGNER_OK)
        return err;
    if (gen__roll_take(&roll, bag, false) == 0)
        err = AGNER_EUNKNOWN;
    else
        err = gen__roll_write(c->board, c->work, group, &roll);
    gen__roll_fini(&roll);
    return err;
}

enum agner_err gen__crowd_leave(struct gen *self, struct crowd *c,
                                etf_term group, etf_term pids, etf_term *left)
{
    struct bag bag;
    bool other;
    enum agner_err err = gen__bag_init(&bag, pids, ETF_NONE, &other);

    if (err == AGNER_OK && other)
        err = AGNER_EINVAL;
    if (err == AGNER_OK)
        err = strike(c, group, &bag);
    for (size_t i = 0; err == AGNER_OK && i < bag.count; i++) {
        struct crowd_member *m;
        etf_pid pid;

        (void)etf_get_pid(bag.pids[i], &pid);
        m = bag.used[i] ? find(c, pid) : NULL;
        if (m == NULL)
            continue;
        pop(m, group);
        leave_if_idle(self, c, m);
    }
    if (err == AGNER_OK)
        *left = gen__bag_list(&bag, rt_region(self), true);
    gen__bag_fini(&bag);
    etf_region_reset(c->work);
    return err;
}

/* ---- Ends --------------------------------------------------------------- */

/* Takes a dead member off the board, group by group; false: not all of it. */
static bool bury(struct gen *self, struct crowd *c, struct crowd_member *m)
{
    etf_term pid = etf_from_pid(NULL, m->pid), groups = etf_nil();
    uint32_t left = m->count;
    enum agner_err err = AGNER_OK;

    while (left > 0 && err == AGNER_OK) {
        etf_term group = etf_box_term(m->groups[left - 1]);
        etf_term copy = etf_copy(rt_region(self), group);
        etf_term longer = etf_cons(rt_region(self), copy, groups);
        struct bag bag;
        bool other;

        err = etf_is_none(longer) ? AGNER_ENOMEM
                                  : gen__bag_init(&bag, pid, ETF_NONE, &other);
        if (err != AGNER_OK)
            break;
        err = strike(c, group, &bag);
        gen__bag_fini(&bag);
        etf_region_reset(c->work);
        if (err == AGNER_ENOMEM)
            break;
        err = AGNER_OK;
        groups = longer;
        etf_box_free(m->groups[--left]);
        m->count = left;
    }
    if (!etf_same(groups, etf_nil()))
        c->left(self, pid, groups);
    m->dead = true;
    return left == 0;
}

bool gen__is_down(etf_term message, etf_ref *ref)
{
    return etf_is_tagged(message, ETF_A(DOWN), 5) &&
           etf_get_ref(etf_tuple_items(message)[1], ref);
}

bool gen__crowd_down(struct gen *self, struct crowd *c, etf_term down)
{
    struct crowd_member *m;
    etf_ref ref;
    etf_pid pid;

    if (!gen__is_down(down, &ref) ||
        !etf_get_pid(etf_tuple_items(down)[3], &pid))
        return false;
    m = find(c, pid);
    if (m == NULL || !etf_ref_equal(m->ref, ref))
        return false;
    if (bury(self, c, m))
        drop(c, m);
    else
        c->late = true;
    return true;
}

void gen__crowd_retry(struct gen *self, struct crowd *c)
{
    c->late = false;
    for (uint32_t i = 0; c->buckets != NULL && i <= c->mask; i++) {
        struct crowd_member *m, *next;

        for (m = c->buckets[i]; m != NULL; m = next) {
            next = m->next;
            if (!m->dead)
                continue;
            if (bury(self, c, m))
                drop(c, m);
            else
                c->late = true;
        }
    }
}
