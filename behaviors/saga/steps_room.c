/*
 * steps_room.c -- what the processes of a kind of saga share, and what it
 * shows.
 *
 * Whoever looks takes counts of entries under the lock, then copies each one's
 * view under the lock, and makes terms without it.
 */
#include "saga/steps_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- The room ------------------------------------------------------------ */

struct steps_room *gen__steps_room_new(struct rt *rt,
                                       const struct gen_steps *table,
                                       struct gen_store *store)
{
    struct steps_room *room = calloc(1, sizeof *room);

    if (room == NULL)
        return NULL;
    store_relaxed(&room->refs, 1u);
    room->rt = rt;
    room->table = table;
    room->store = gen_store_hold(store);
    room->running_max = table->running_max == 0 ? 100 : table->running_max;
    room->waiting_max = table->waiting_max == 0 ? 10000 : table->waiting_max;
    room->keep_max = table->keep_max == 0 ? 1000 : table->keep_max;
    room->keep_ms = table->keep_ms == 0 ? 3600000 : table->keep_ms;
    return room;
}

struct steps_room *gen__steps_room_hold(struct steps_room *room)
{
    add_relaxed(&room->refs, 1u);
    return room;
}

static void free_all(struct steps_list *list)
{
    struct steps_entry *entry;

    while ((entry = list->first) != NULL) {
        list->first = entry->next;
        gen__steps_entry_free(entry);
    }
}

/* Order: the last count that is given back acquires what all others did. */
void gen__steps_room_free(void *value)
{
    struct steps_room *room = value;

    if (room == NULL || sub_acq_rel(&room->refs, 1u) != 1)
        return;
    free_all(&room->active);
    free_all(&room->finished);
    gen_store_free(room->store);
    free(room);
}

etf_term gen__steps_room_term(struct etf_region *r, struct steps_room *room)
{
    etf_term term =
        etf_resource(r, gen__steps_room_hold(room), gen__steps_room_free);

    if (etf_is_none(term))
        gen__steps_room_free(room);
    return term;
}

/* ---- Entries ------------------------------------------------------------- */

struct steps_entry *gen__steps_entry_new(etf_term id, etf_term names,
                                         size_t count)
{
    struct steps_entry *entry = calloc(1, sizeof *entry);

    if (entry == NULL)
        return NULL;
    store_relaxed(&entry->refs, 1u);
    entry->view.count = count;
    entry->id = etf_box_new(id);
    entry->names = etf_box_new(names);
    entry->steps = calloc(count == 0 ? 1 : count, sizeof *entry->steps);
    if (entry->id != NULL && entry->names != NULL && entry->steps != NULL)
        return entry;
    gen__steps_entry_free(entry);
    return NULL;
}

static void waiters_free(struct steps_waiter *waiter)
{
    while (waiter != NULL) {
        struct steps_waiter *next = waiter->next;

        free(waiter);
        waiter = next;
    }
}

/* Order: as the room's. */
void gen__steps_entry_free(struct steps_entry *entry)
{
    if (entry == NULL || sub_acq_rel(&entry->refs, 1u) != 1)
        return;
    etf_box_free(entry->id);
    etf_box_free(entry->names);
    etf_box_free(entry->outcome);
    etf_box_free(entry->view.reason);
    waiters_free(entry->beginners);
    waiters_free(entry->awaiters);
    free(entry->steps);
    free(entry);
}

static void free_entry(void *value)
{
    gen__steps_entry_free(value);
}

etf_term gen__steps_entry_term(struct etf_region *r, struct steps_entry *entry)
{
    etf_term term;

    add_relaxed(&entry->refs, 1u);
    term = etf_resource(r, entry, free_entry);
    if (etf_is_none(term))
        gen__steps_entry_free(entry);
    return term;
}

void gen__steps_put(struct steps_room *room, struct steps_list *list,
                    struct steps_entry *entry)
{
    rt__lock(&room->lock);
    entry->next = NULL;
    entry->prev = list->last;
    if (list->last == NULL)
        list->first = entry;
    else
        list->last->next = entry;
    list->last = entry;
    list->count++;
    rt__unlock(&room->lock);
}

void gen__steps_take(struct steps_room *room, struct steps_list *list,
                     struct steps_entry *entry)
{
    rt__lock(&room->lock);
    if (entry->prev == NULL)
        list->first = entry->next;
    else
        entry->prev->next = entry->next;
    if (entry->next == NULL)
        list->last = entry->prev;
    else
        entry->next->prev = entry->prev;
    entry->next = entry->prev = NULL;
    list->count--;
    rt__unlock(&room->lock);
}

/* ---- Views --------------------------------------------------------------- */

/* Under the lock; returns the reason that was there. */
static struct etf_box *set_stuck(struct steps_room *room,
                                 struct steps_entry *entry, bool stuck,
                                 struct etf_box *reason)
{
    struct etf_box *old = entry->view.reason;

    if (stuck && !entry->view.stuck)
        room->stuck++;
    if (!stuck && entry->view.stuck)
        room->stuck--;
    entry->view.stuck = stuck;
    entry->view.reason = reason;
    return old;
}

void gen__steps_show(struct steps_room *room, struct steps_entry *entry,
                     const struct journal *j, size_t present,
                     struct etf_box *reason)
{
    struct etf_box *old;
    size_t count = j->record.count;

    if (count > entry->view.count)
        count = entry->view.count; /* it never changes for one saga */
    rt__lock(&room->lock);
    old = set_stuck(room, entry, j->record.phase == STEPS_STUCK, reason);
    entry->view.phase = j->record.phase;
    entry->view.present = present;
    entry->view.created_ms = j->created_ms;
    entry->view.deadline_ms = j->deadline_ms;
    memcpy(entry->steps, j->record.steps, count * sizeof *entry->steps);
    rt__unlock(&room->lock);
    etf_box_free(old);
}

void gen__steps_show_stuck(struct steps_room *room, struct steps_entry *entry,
                           bool stuck, struct etf_box *reason)
{
    struct etf_box *old;

    rt__lock(&room->lock);
    old = set_stuck(room, entry, stuck, reason);
    rt__unlock(&room->lock);
    etf_box_free(old);
}

/* ---- Figures ------------------------------------------------------------- */

static const char *state_name(const struct steps_view *view)
{
    static const char *const names[STEPS_PHASES] = {
        [STEPS_FORWARD] = "running",
        [STEPS_BACKWARD] = "compensating",
        [STEPS_STUCK] = "stuck",
        [STEPS_COMMITTED] = "committed",
        [STEPS_COMPENSATED] = "compensated",
        [STEPS_FAILED] = "failed",
    };

    return view->stuck ? "stuck" : names[view->phase];
}

static const char *const step_names[STEP_STATES] = {
    [STEP_WAITING] = "waiting",
    [STEP_RUNNING] = "running",
    [STEP_DONE] = "done",
    [STEP_REFUSED] = "failed",
    [STEP_UNCLEAR] = "failed",
    [STEP_COMPENSATING] = "compensating",
    [STEP_COMPENSATED] = "compensated",
    [STEP_NOT_COMPENSATED] = "not_compensated",
};

static etf_term steps_term(struct etf_region *r, etf_term names,
                           const struct step_record *steps, size_t count)
{
    etf_term items[STEPS_COUNT_MAX], name = ETF_NONE;
    size_t i = 0;

    for (; i < count && etf_list_next(&names, &name); i++)
        items[i] =
            etf_make(r,
                     "#{name => _, state => _, attempts => _, "
                     "compensations => _}",
                     etf_copy(r, name), etf_atom(step_names[steps[i].state]),
                     steps[i].attempts, steps[i].compensations);
    return etf_list(r, items, i, etf_nil());
}

static etf_term name_at(etf_term names, size_t index)
{
    etf_term name = ETF_A(undefined), at;

    for (size_t i = 0; i <= index && etf_list_next(&names, &at); i++)
        name = at;
    return name;
}

/* The deadline may have passed: then it is below 0. */
static etf_term left(struct etf_region *r, uint64_t deadline_ms,
                     uint64_t now_ms)
{
    if (deadline_ms == RT_INFINITY)
        return ETF_A(infinity);
    return etf_int(r, deadline_ms > INT64_MAX
                          ? INT64_MAX
                          : (int64_t)deadline_ms - (int64_t)now_ms);
}

etf_term gen__steps_info(struct steps_room *room, struct steps_entry *entry,
                         struct etf_region *r)
{
    struct step_record steps[STEPS_COUNT_MAX];
    uint64_t now_ms = rt_wall_ns(room->rt) / 1000000;
    struct steps_view view;
    etf_term names = etf_box_term(entry->names), map;

    rt__lock(&room->lock);
    view = entry->view;
    memcpy(steps, entry->steps, view.count * sizeof *steps);
    if (view.reason != NULL)
        (void)etf_box_hold(view.reason);
    rt__unlock(&room->lock);
    map = etf_make(
        r,
        "#{id => _, state => _, age_ms => _, left_ms => _, step => _, "
        "steps => _, jobs => 0, nexts => 0, reason => _}",
        etf_copy(r, etf_box_term(entry->id)), etf_atom(state_name(&view)),
        now_ms > view.created_ms ? now_ms - view.created_ms : 0,
        left(r, view.deadline_ms, now_ms),
        view.phase < STEPS_COMMITTED ? etf_copy(r, name_at(names, view.present))
                                     : ETF_A(undefined),
        steps_term(r, names, steps, view.count),
        view.reason == NULL ? ETF_A(undefined)
                            : etf_copy(r, etf_box_term(view.reason)));
    etf_box_free(view.reason);
    return map;
}

/* Counts of those that are shown: the active first. */
static size_t take_shown(struct steps_room *room, struct steps_entry **shown)
{
    struct steps_entry *entry;
    size_t count = 0;

    for (entry = room->active.first; entry != NULL && count < STEPS_SHOWN;
         entry = entry->next)
        shown[count++] = entry;
    for (entry = room->finished.first; entry != NULL && count < STEPS_SHOWN;
         entry = entry->next)
        shown[count++] = entry;
    for (size_t i = 0; i < count; i++)
        add_relaxed(&shown[i]->refs, 1u);
    return count;
}

etf_term gen__steps_figures(const struct rt_figures *figures,
                            struct etf_region *r)
{
    struct steps_room *room = /* the room's own, which is not const */
        (struct steps_room *)((uintptr_t)figures -
                              offsetof(struct steps_room, figures));
    struct steps_entry *shown[STEPS_SHOWN];
    etf_term list = etf_nil();
    uint64_t in_flight, committed, compensated, failed, stuck, aborted;
    size_t count;

    rt__lock(&room->lock);
    count = take_shown(room, shown);
    in_flight = room->active.count;
    committed = room->committed;
    compensated = room->compensated;
    failed = room->failed;
    stuck = room->stuck;
    aborted = room->aborted;
    rt__unlock(&room->lock);
    while (count-- > 0) {
        list = etf_cons(r, gen__steps_info(room, shown[count], r), list);
        gen__steps_entry_free(shown[count]);
    }
    return etf_make(r,
                    "#{name => _, type => steps, in_flight => _, "
                    "committed => _, cancelled => _, compensated => _, "
                    "failed => _, stuck => _, tx_max => _, list => _}",
                    etf_atom(room->table->name), in_flight, committed, aborted,
                    compensated, failed, stuck, (uint64_t)room->running_max,
                    list);
}
