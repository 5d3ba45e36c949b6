/*
 * stage_figures.c -- what a stage shows of itself, also while it is stuck.
 *
 * Counters are written by the stage alone and read relaxed: each is right, and
 * two of them may be a moment apart. The list of subscriptions is copied under
 * its lock, at most ROWS_MAX of each side, so that a stage never waits for
 * somebody who looks.
 */
#include <stdlib.h>

#include "stage/stage_internal.h"

#define ROWS_MAX 1000u

struct row {
    struct etf_box *box; /* held: it has `to` and `options` */
    etf_term to, options;
    uint64_t asked, moved, open, since_ms, min, max;
    enum gen_stage_cancel mode;
    bool manual;
};

const char *gen__stage_role(enum gen_stage_role role)
{
    switch (role) {
    case GEN_STAGE_PRODUCER:
        return "producer";
    case GEN_STAGE_CONSUMER:
        return "consumer";
    case GEN_STAGE_PRODUCER_CONSUMER:
        return "producer_consumer";
    case GEN_STAGE_AUTO:
        return "auto";
    }
    return "undefined";
}

static void copy(struct row *row, const struct stage_sub *sub)
{
    row->box = etf_box_hold(sub->box);
    row->to = sub->to;
    row->options = sub->options;
    row->asked = load_relaxed(&sub->asked);
    row->moved = load_relaxed(&sub->moved);
    row->open = load_relaxed(&sub->open);
    row->since_ms = load_relaxed(&sub->since_ms);
    row->min = sub->demand.min;
    row->max = sub->demand.max;
    row->mode = (enum gen_stage_cancel)load_relaxed(&sub->shown_mode);
    row->manual = load_relaxed(&sub->shown_manual) != 0;
}

/* Who is the other side, as far as it is known. */
static etf_term who(struct etf_region *r, const struct row *row)
{
    return etf_copy(r, row->to);
}

static etf_term waiting(struct etf_region *r, const struct row *row,
                        uint64_t now_ms)
{
    uint64_t ms = 0;

    if (row->open > 0 && now_ms > row->since_ms)
        ms = now_ms - row->since_ms;
    return etf_uint(r, ms);
}

static etf_term show_producer(struct etf_region *r, const struct row *row,
                              uint64_t now_ms)
{
    static const char *const modes[] = { "permanent", "transient",
                                         "temporary" };

    return etf_make(r,
                    "#{pid => _, min => _, max => _, pending => _, asked => _, "
                    "received => _, cancel => _, manual => _, waiting_ms => _}",
                    who(r, row), row->min, row->max, row->open, row->asked,
                    row->moved, etf_atom(modes[row->mode]), row->manual,
                    waiting(r, row, now_ms));
}

static etf_term partition_of(struct etf_region *r, const struct row *row)
{
    etf_term options = row->options, option, key, value;

    while (etf_list_next(&options, &option))
        if (etf_match(option, "{_, _}", &key, &value) &&
            etf_atom_is(key, "partition"))
            return etf_copy(r, value);
    return ETF_A(undefined);
}

static etf_term show_consumer(struct etf_region *r, const struct row *row,
                              uint64_t now_ms)
{
    return etf_make(r,
                    "#{pid => _, asked => _, sent => _, pending => _, "
                    "waiting_ms => _, partition => _}",
                    who(r, row), row->asked, row->moved, row->open,
                    waiting(r, row, now_ms), partition_of(r, row));
}

/* Copies of one side's, the oldest first. NULL: none, or no memory. */
static struct row *take_rows(struct stage *s, enum stage_side side,
                             uint32_t *count)
{
    struct row *rows = calloc(ROWS_MAX, sizeof *rows);
    const struct stage_sub *sub;

    *count = 0;
    if (rows == NULL)
        return NULL;
    rt__lock(&s->subs.lock);
    for (sub = s->subs.first[side]; sub != NULL && *count < ROWS_MAX;
         sub = sub->next)
        copy(&rows[(*count)++], sub);
    rt__unlock(&s->subs.lock);
    return rows;
}

static etf_term show_side(struct stage *s, struct etf_region *r,
                          enum stage_side side, uint64_t now_ms)
{
    etf_term list = etf_nil();
    uint32_t count;
    struct row *rows = take_rows(s, side, &count);

    if (rows == NULL)
        return ETF_NONE;
    for (uint32_t i = count; i-- > 0;) {
        etf_term one = side == STAGE_TO_PRODUCER
                           ? show_producer(r, &rows[i], now_ms)
                           : show_consumer(r, &rows[i], now_ms);

        list = etf_is_none(list) ? list : etf_cons(r, one, list);
        etf_box_free(rows[i].box);
    }
    free(rows);
    return list;
}

static const char *dispatcher_name(const struct stage *s)
{
    if (s->dispatcher == NULL)
        return "undefined";
    if (s->dispatcher == gen_stage_demand_dispatcher() ||
        s->dispatcher == gen_stage_broadcast_dispatcher() ||
        s->dispatcher == gen_stage_partition_dispatcher())
        return s->dispatcher->name;
    return "custom";
}

etf_term gen__stage_show(const struct rt_figures *figures, struct etf_region *r)
{
    struct stage *s =
        (struct stage *)((uintptr_t)figures - offsetof(struct stage, figures));
    uint64_t now_ms = rt_now_ms(s->rt), max = load_relaxed(&s->buffer_max);
    const char *name = s->table->name != NULL ? s->table->name : "stage";
    etf_term limit = max == UINT64_MAX ? ETF_A(infinity) : etf_uint(r, max);

    return etf_make(
        r,
        "#{name => _, role => _, mode => _, dispatcher => _, buffered => _, "
        "buffer_max => _, discarded => _, events_in => _, events_out => _, "
        "queued => _, producers => _, consumers => _}",
        etf_atom(name), etf_atom(gen__stage_role(s->role)),
        etf_atom(load_relaxed(&s->mode) != 0 ? "accumulate" : "forward"),
        etf_atom(dispatcher_name(s)), load_relaxed(&s->buffered), limit,
        load_relaxed(&s->discarded), load_relaxed(&s->events_in),
        load_relaxed(&s->events_out), load_relaxed(&s->queued),
        show_side(s, r, STAGE_TO_PRODUCER, now_ms),
        show_side(s, r, STAGE_TO_CONSUMER, now_ms));
}
