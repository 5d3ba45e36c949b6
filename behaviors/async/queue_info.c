/*
 * queue_info.c -- what a queue shows: gen_queue_info(), and its figures.
 */
#include "async/queue.h"

void gen_queue_info(struct gen_queue *q, struct gen_queue_info *info)
{
    uint64_t now_ns = rt_now_ns(q->rt);

    *info =
        (struct gen_queue_info){ .state = gen_latch_state(q->latch),
                                 .parallelism = q->o.parallelism,
                                 .max_work = q->handover ? 0 : q->o.max_work };
    rt__lock(&q->lock);
    info->workers = q->alive;
    info->queued = q->count;
    info->waiting = q->puts_count;
    info->refused = q->refused;
    info->dropped = q->dropped;
    info->high_mark = q->high_mark;
    info->longest_wait_ms = q->longest_ns / 1000000u;
    if (q->probe_ns != 0 && now_ns > q->probe_ns + q->longest_ns)
        info->longest_wait_ms = (now_ns - q->probe_ns) / 1000000u;
    for (unsigned i = 0; i < q->o.parallelism; i++) {
        const struct queue_slot *s = &q->slots[i];
        unsigned at = load_relaxed(&s->at);

        /* One is under way, those behind it wait. */
        info->running += load_relaxed(&s->busy);
        info->queued += at < s->count ? s->count - at : 0;
        info->done += load_relaxed(&s->done);
        info->failed += load_relaxed(&s->failed);
        info->crashed += load_relaxed(&s->crashed);
    }
    rt__unlock(&q->lock);
}

etf_term queue__show(const struct rt_figures *figures, struct etf_region *r)
{
    struct gen_queue *q =
        (struct gen_queue *)(void *)((char *)(uintptr_t)figures -
                                     offsetof(struct gen_queue, figures));
    struct gen_queue_info i;
    etf_term name = ETF_A(undefined);

    if (q->o.name != NULL)
        name = etf_make(r, "_", q->o.name);
    gen_queue_info(q, &i);
    const struct {
        const char *key;
        etf_term value;
    } rows[] = {
        { "name", name },
        { "state", etf_atom(gen_latch_state_name(i.state)) },
        { "parallelism", etf_make(r, "_", i.parallelism) },
        { "workers", etf_make(r, "_", i.workers) },
        { "max_work", etf_make(r, "_", (uint64_t)i.max_work) },
        { "queued", etf_make(r, "_", i.queued) },
        { "running", etf_make(r, "_", i.running) },
        { "waiting", etf_make(r, "_", i.waiting) },
        { "done", etf_make(r, "_", i.done) },
        { "failed", etf_make(r, "_", i.failed) },
        { "crashed", etf_make(r, "_", i.crashed) },
        { "refused", etf_make(r, "_", i.refused) },
        { "dropped", etf_make(r, "_", i.dropped) },
        { "high_mark", etf_make(r, "_", i.high_mark) },
        { "longest_wait_ms", etf_make(r, "_", i.longest_wait_ms) },
    };
    etf_term pairs[2 * (sizeof rows / sizeof *rows)];
    size_t count = sizeof rows / sizeof *rows;

    for (size_t k = 0; k < count; k++) {
        pairs[2 * k] = etf_atom(rows[k].key);
        pairs[2 * k + 1] = rows[k].value;
        if (etf_is_none(rows[k].value))
            return ETF_NONE;
    }
    return etf_map(r, pairs, count);
}
