/*
 * dispatcher_partition.c -- the dispatcher by partitions.
 *
 * How many events a partition may send is decided in dispatch_partition.c; here
 * is which partition an event is for, and the queues of those that have not
 * asked.
 */
#include <stdlib.h>

#include "stage/dispatch_partition.h"
#include "stage/stage_internal.h"

#define PARTITIONS_MAX 1000000u

/* A message that waits for the ends of several queues. */
struct note {
    struct note *next;
    struct stage_piece *piece; /* owned: the message */
    uint64_t id;               /* that stands for it in the queues */
    uint32_t left;             /* queues that it is still in */
};

struct place {
    const struct gen_stage_consumer *consumer; /* borrowed; NULL: none */
    etf_term name;                             /* in `names` */
    struct stage_buffer queue;
    uint32_t fresh, start; /* of the events that are being dispatched */
};

/* Events that are given their places. In the state, since a hash that leaves by
 * rt_exit() leaves it behind. */
struct sorting {
    etf_term *events;  /* owned: as they come; behind them, by place */
    uint32_t *places;  /* owned: of each */
    uint32_t *touched; /* in `places`, behind: those that have any */
    uint64_t count, capacity;
    uint32_t touched_count;
};

struct by_partition {
    struct partition sums;
    struct place *places; /* owned */
    uint32_t count;
    struct etf_box *names; /* owned; NULL: numbers */
    uint64_t (*hash)(struct gen *self, void *ctx, etf_term *event);
    void *ctx;
    uint32_t *place_of; /* owned; by a consumer's index */
    uint32_t index_capacity;
    struct note *notes; /* owned */
    uint64_t note_count;
    struct sorting sorting;
};

/* ---- Setting up --------------------------------------------------------- */

static enum agner_err name_all(struct gen *self, struct by_partition *p,
                               etf_term names)
{
    etf_term name;

    if (!etf_is_none(names)) {
        p->names = etf_box_new(names);
        if (p->names == NULL)
            return AGNER_ENOMEM;
        names = etf_box_term(p->names);
    }
    for (uint32_t i = 0; i < p->count; i++) {
        name = etf_int(rt_region(self), i);
        if (p->names != NULL)
            (void)etf_list_next(&names, &name);
        p->places[i].name = name;
        p->places[i].queue.max = UINT64_MAX;
    }
    return AGNER_OK;
}

static int by_name(const void *a, const void *b)
{
    return etf_compare_exact(*(const etf_term *)a, *(const etf_term *)b);
}

/* Of two partitions with one name the second would never have a consumer, and
 * its events would wait for ever. */
static enum agner_err all_differ(const struct by_partition *p)
{
    etf_term *names = malloc(p->count * sizeof *names);
    enum agner_err err = AGNER_OK;

    if (names == NULL)
        return AGNER_ENOMEM;
    for (uint32_t i = 0; i < p->count; i++)
        names[i] = p->places[i].name;
    qsort(names, p->count, sizeof *names, by_name);
    for (uint32_t i = 1; i < p->count; i++)
        if (by_name(&names[i - 1], &names[i]) == 0)
            err = AGNER_EINVAL;
    free(names);
    return err;
}

static enum agner_err partition_init(struct gen *self, void *state,
                                     const void *options)
{
    const struct gen_stage_partition_options *o = options;
    struct by_partition *p = state;
    enum agner_err err;
    uint64_t count;

    if (o == NULL)
        return AGNER_EINVAL;
    count = o->count;
    if (!etf_is_none(o->names)) {
        int64_t size = etf_list_size(o->names);

        count = size > 0 ? (uint64_t)size : 0;
    }
    if (count == 0 || count > PARTITIONS_MAX)
        return AGNER_EINVAL;
    p->count = (uint32_t)count;
    p->hash = o->hash;
    p->ctx = o->ctx;
    p->places = calloc(p->count, sizeof *p->places);
    p->sums.rows = calloc(p->count, sizeof *p->sums.rows);
    if (p->places == NULL || p->sums.rows == NULL)
        return AGNER_ENOMEM;
    err = name_all(self, p, o->names);
    return err == AGNER_OK && p->names != NULL ? all_differ(p) : err;
}

static void partition_fini(void *state)
{
    struct by_partition *p = state;
    struct note *note;

    for (uint32_t i = 0; i < p->count && p->places != NULL; i++)
        gen__buffer_fini(&p->places[i].queue);
    while ((note = p->notes) != NULL) {
        p->notes = note->next;
        gen__piece_free(note->piece);
        free(note);
    }
    etf_box_free(p->names);
    free(p->sorting.events);
    free(p->sorting.places);
    free(p->place_of);
    free(p->sums.rows);
    free(p->places);
}

/* ---- Messages ----------------------------------------------------------- */

/* One queue has come to its end of the message. */
static enum agner_err note_passed(struct gen *self, struct by_partition *p,
                                  uint64_t id)
{
    struct note **at = &p->notes, *note;
    enum agner_err err;

    while (*at != NULL && (*at)->id != id)
        at = &(*at)->next;
    note = *at;
    if (note == NULL || --note->left > 0)
        return AGNER_OK;
    *at = note->next;
    err = gen__stage_send_info(self, note->piece->rest);
    gen__piece_free(note->piece);
    free(note);
    return err;
}

static enum agner_err pass_notes(struct gen *self, struct by_partition *p,
                                 struct place *place)
{
    struct stage_piece *piece;
    enum agner_err err = AGNER_OK;
    uint64_t id;

    while (err == AGNER_OK &&
           (piece = gen__buffer_message(&place->queue)) != NULL) {
        if (etf_get_uint(piece->rest, &id))
            err = note_passed(self, p, id);
        gen__piece_free(piece);
    }
    return err;
}

static enum agner_err partition_info(struct gen *self, void *state,
                                     etf_term message)
{
    struct by_partition *p = state;
    struct stage_buffer carrier = { .max = UINT64_MAX };
    struct note *note;

    if (p->sums.queued == 0)
        return gen__stage_send_info(self, message);
    note = calloc(1, sizeof *note);
    if (note == NULL || !gen__buffer_put_message(&carrier, message)) {
        free(note);
        return AGNER_ENOMEM;
    }
    note->piece = gen__buffer_message(&carrier);
    note->id = ++p->note_count;
    note->next = p->notes;
    p->notes = note;
    for (uint32_t i = 0; i < p->count; i++) {
        if (p->places[i].queue.count == 0)
            continue;
        if (!gen__buffer_put_message(&p->places[i].queue,
                                     etf_uint(rt_region(self), note->id)))
            return AGNER_ENOMEM;
        note->left++;
    }
    return AGNER_OK;
}

/* ---- Consumers ---------------------------------------------------------- */

/* {partition, Name} of the options; ETF_NONE: there is none. */
static etf_term name_in(etf_term options)
{
    etf_term option, key, value;

    while (etf_list_next(&options, &option))
        if (etf_match(option, "{_, _}", &key, &value) &&
            etf_atom_is(key, "partition"))
            return value;
    return ETF_NONE;
}

static uint32_t find(const struct by_partition *p, etf_term name)
{
    uint32_t i = 0;

    while (i < p->count && !etf_equal(p->places[i].name, name))
        i++;
    return i;
}

static bool remember(struct by_partition *p, uint32_t index, uint32_t place)
{
    uint32_t capacity = p->index_capacity == 0 ? 4 : p->index_capacity;
    uint32_t *more;

    while (capacity <= index)
        capacity *= 2;
    if (capacity > p->index_capacity) {
        more = realloc(p->place_of, capacity * sizeof *more);
        if (more == NULL)
            return false;
        p->place_of = more;
        p->index_capacity = capacity;
    }
    p->place_of[index] = place;
    return true;
}

static enum agner_err
partition_subscribe(struct gen *self, void *state,
                    const struct gen_stage_consumer *consumer, etf_term options,
                    uint64_t *demand, etf_term *reason)
{
    struct by_partition *p = state;
    etf_term name = name_in(options);
    uint32_t i;

    (void)demand;
    if (etf_is_none(name)) {
        *reason = etf_make(self, "{bad_partition, undefined}");
        return AGNER_EINVAL;
    }
    i = find(p, name);
    if (i == p->count) {
        *reason = etf_make(self, "{bad_partition, _}", name);
        return AGNER_EINVAL;
    }
    if (p->places[i].consumer != NULL) {
        *reason = etf_make(self, "{partition_taken, _}", name);
        return AGNER_ETAKEN;
    }
    if (!remember(p, consumer->index, i))
        return AGNER_ENOMEM;
    p->places[i].consumer = consumer;
    return AGNER_OK;
}

static enum agner_err
partition_cancel(struct gen *self, void *state,
                 const struct gen_stage_consumer *consumer, uint64_t *demand)
{
    struct by_partition *p = state;
    uint32_t i = p->place_of[consumer->index];
    struct place *place = &p->places[i];

    place->consumer = NULL;
    *demand = gen__partition_cancel(&p->sums, i);
    gen__buffer_drop(&place->queue, place->queue.count);
    gen__stage_discarded(self, *demand, "their partition has no consumer");
    return pass_notes(self, p, place);
}

static enum agner_err partition_ask(struct gen *self, void *state,
                                    const struct gen_stage_consumer *consumer,
                                    uint64_t count, uint64_t *demand)
{
    struct by_partition *p = state;
    uint32_t i = p->place_of[consumer->index];
    struct place *place = &p->places[i];
    enum agner_err err = AGNER_OK;
    uint64_t left, got;

    *demand = gen__partition_ask(&p->sums, i, count, &left);
    for (; left > 0 && err == AGNER_OK; left -= got) {
        struct etf_box *box;
        etf_term events =
            gen__buffer_peek(&place->queue, rt_region(self), left, &got, &box);

        if (etf_is_none(events))
            return AGNER_ENOMEM;
        err = gen__stage_deliver_box(self, place->consumer, events, got, box);
        gen__buffer_drop(&place->queue, got);
        if (err == AGNER_OK)
            err = pass_notes(self, p, place);
    }
    return err;
}

/* ---- Events ------------------------------------------------------------- */

static uint64_t partition_room(const void *state)
{
    const struct by_partition *p = state;

    return p->sums.waiting;
}

static uint64_t partition_queued(const void *state)
{
    const struct by_partition *p = state;

    return p->sums.queued;
}

static bool make_room(struct sorting *sorting, const struct by_partition *p,
                      uint64_t count)
{
    etf_term *events;
    uint32_t *places;

    sorting->count = 0;
    sorting->touched_count = 0;
    if (count <= sorting->capacity)
        return true;
    if (count > SIZE_MAX / 2 / sizeof *events)
        return false;
    events = realloc(sorting->events, 2 * count * sizeof *events);
    if (events == NULL)
        return false;
    sorting->events = events;
    places = realloc(sorting->places, (count + p->count) * sizeof *places);
    if (places == NULL)
        return false;
    sorting->places = places;
    sorting->touched = places + count;
    sorting->capacity = count;
    return true;
}

static uint64_t number_of(struct gen *self, const struct by_partition *p,
                          etf_term *event)
{
    if (p->hash != NULL)
        return p->hash(self, p->ctx, event);
    return etf_phash2(*event, p->count);
}

/* Gives events their places as long as any are wanted. */
static void sort(struct gen *self, struct by_partition *p, etf_term events,
                 struct sorting *sorting, struct gen_stage_sent *sent)
{
    etf_term event;

    while (p->sums.waiting > 0 && etf_list_next(&events, &event)) {
        uint64_t number = number_of(self, p, &event);
        struct place *place;

        if (number >= p->count || etf_is_none(event)) {
            sent->discarded++;
            continue;
        }
        gen__partition_take(&p->sums);
        place = &p->places[number];
        if (place->fresh++ == 0)
            sorting->touched[sorting->touched_count++] = (uint32_t)number;
        sorting->places[sorting->count] = (uint32_t)number;
        sorting->events[sorting->count++] = event;
    }
}

/* Lays the events of each place side by side, behind the others. */
static void lay_out(struct by_partition *p, struct sorting *sorting)
{
    etf_term *by_place = sorting->events + sorting->count;
    uint32_t at = 0;

    for (uint32_t i = 0; i < sorting->touched_count; i++) {
        struct place *place = &p->places[sorting->touched[i]];

        place->start = at;
        at += place->fresh;
        place->fresh = 0;
    }
    for (uint64_t i = 0; i < sorting->count; i++) {
        struct place *place = &p->places[sorting->places[i]];

        by_place[place->start + place->fresh++] = sorting->events[i];
    }
}

static enum agner_err hand_out(struct gen *self, struct by_partition *p,
                               uint32_t number, const etf_term *events,
                               struct gen_stage_sent *sent)
{
    struct place *place = &p->places[number];
    uint64_t count = place->fresh;
    uint64_t now = gen__partition_give(&p->sums, number, count), gone;
    enum agner_err err = AGNER_OK;
    etf_term list;

    place->fresh = 0;
    sent->delivered += now;
    sent->buffered += count - now;
    if (now > 0) {
        list = etf_list(rt_region(self), events, now, etf_nil());
        if (etf_is_none(list))
            return AGNER_ENOMEM;
        err = gen_stage_deliver(self, place->consumer, list, now);
    }
    if (err != AGNER_OK || now == count)
        return err;
    list = etf_list(rt_region(self), events + now, count - now, etf_nil());
    if (etf_is_none(list) || !gen__buffer_put(&place->queue, rt_region(self),
                                              list, count - now, &gone))
        return AGNER_ENOMEM;
    return AGNER_OK;
}

static enum agner_err partition_dispatch(struct gen *self, void *state,
                                         etf_term events, uint64_t count,
                                         struct gen_stage_sent *sent)
{
    struct by_partition *p = state;
    struct sorting *sorting = &p->sorting;
    enum agner_err err = AGNER_OK;

    if (p->sums.waiting == 0)
        return AGNER_OK;
    if (!make_room(sorting, p, count))
        return AGNER_ENOMEM;
    sort(self, p, events, sorting, sent);
    lay_out(p, sorting);
    for (uint32_t i = 0; i < sorting->touched_count && err == AGNER_OK; i++) {
        const struct place *place = &p->places[sorting->touched[i]];

        err = hand_out(self, p, sorting->touched[i],
                       sorting->events + sorting->count + place->start, sent);
    }
    return err;
}

const struct gen_stage_dispatcher *gen_stage_partition_dispatcher(void)
{
    static const struct gen_stage_dispatcher table = {
        .name = "partition",
        .state_size = sizeof(struct by_partition),
        .init = partition_init,
        .subscribe = partition_subscribe,
        .cancel = partition_cancel,
        .ask = partition_ask,
        .room = partition_room,
        .dispatch = partition_dispatch,
        .info = partition_info,
        .queued = partition_queued,
        .fini = partition_fini,
    };

    return &table;
}
