/*
 * watermark.c -- looking at the memory, raising alarms: see watermark.h.
 */
#include "watermark.h"

#include "event.h"
#include "rt_carrier.h"
#include "worker.h"

#define LOOK_NS    100000000u  /* between two looks */
#define TRIM_NS    1000000000u /* between two times of giving back */
#define COUNT_STEP (1u << 20)  /* blocks, in the simulation: all */

static uint64_t share_of(uint64_t room, uint64_t percent)
{
    return room / 100 * percent;
}

enum agner_err rt__watermark_init(struct rt *rt, struct agner_error *error)
{
    const struct rt_options *o = &rt->options;
    struct watermark *w = &rt->watermark;
    uint64_t used = 0, room = 0;

    if (rt->world->memory == NULL)
        return AGNER_OK;
    rt->world->memory(rt->world->ctx, &used, &room);
    w->hard = o->memory_hard != 0 ? o->memory_hard : share_of(room, 95);
    w->soft = o->memory_soft;
    if (w->soft == 0)
        w->soft =
            o->memory_hard != 0 ? share_of(w->hard, 85) : share_of(room, 80);
    store_relaxed(&w->used, used);
    w->look_ns = rt->start_ns;
    if (w->hard != 0 && w->soft >= w->hard)
        return agner_fail(error, AGNER_EINVAL,
                          "memory_soft is %llu bytes, and memory_hard, %llu, "
                          "is not above it",
                          (unsigned long long)w->soft,
                          (unsigned long long)w->hard);
    return AGNER_OK;
}

/* Free blocks of the pools, as far as they were counted. */
static uint64_t spare_bytes(const struct rt *rt)
{
    uint64_t bytes = 0;
    unsigned i;

    for (i = 0; i < rt->worker_total; i++)
        bytes += load_relaxed(&rt->workers[i]->pool.counted_bytes);
    return bytes;
}

/* Over `mark`, when it was (or was not) before? */
static bool is_over(uint64_t used, uint64_t mark, bool was)
{
    if (mark == 0)
        return false;
    return was ? used > mark - mark / 16 : used > mark;
}

static enum rt_memory_level level_of(const struct watermark *w, uint64_t used,
                                     enum rt_memory_level was)
{
    if (is_over(used, w->hard, was == RT_MEMORY_HARD))
        return RT_MEMORY_HARD;
    return is_over(used, w->soft, was != RT_MEMORY_OK) ? RT_MEMORY_SOFT
                                                       : RT_MEMORY_OK;
}

/* {set_alarm, {Mark, {Used, Bytes}}} or {clear_alarm, Mark}, as OTP's
 * alarm_handler has them. Without memory for it the log has it. */
static void alarm_of(struct rt *rt, const char *mark, uint64_t bytes, bool set,
                     uint64_t used)
{
    uint64_t words[64];
    struct etf_region r;
    etf_term id = etf_atom(mark);

    etf__region_init(&r, words, 64, 0);
    rt__event_own(
        rt, "alarm",
        set ? etf_make(&r, "{set_alarm, {_, {_, _}}}", id, used, bytes)
            : etf_make(&r, "{clear_alarm, _}", id));
    etf__region_fini(&r);
    if (set)
        add_relaxed(&rt->watermark.alarms, 1u);
    rt_log(rt, set ? RT_LOG_WARNING : RT_LOG_NOTICE,
           "%s: %s: %llu bytes of memory are used, the mark is %llu", mark,
           set ? "set_alarm" : "clear_alarm", (unsigned long long)used,
           (unsigned long long)bytes);
}

static void tell(struct rt *rt, enum rt_memory_level was,
                 enum rt_memory_level level, uint64_t used)
{
    struct watermark *w = &rt->watermark;

    if ((was == RT_MEMORY_OK) != (level == RT_MEMORY_OK))
        alarm_of(rt, "memory_soft_mark", w->soft, was == RT_MEMORY_OK, used);
    if ((was == RT_MEMORY_HARD) != (level == RT_MEMORY_HARD))
        alarm_of(rt, "memory_hard_mark", w->hard, level == RT_MEMORY_HARD,
                 used);
    rt__lock(&w->lock);
    if (w->changed != NULL)
        w->changed(w->ctx, level);
    rt__unlock(&w->lock);
}

/* So that what was freed does not look used: the allocator gives back, and
 * workers count what their pools have. */
static void ease(struct rt *rt, uint64_t now_ns)
{
    struct watermark *w = &rt->watermark;

    if (rt->simulated)
        (void)rt__pool_count(&rt->workers[0]->pool, COUNT_STEP);
    else
        rt__wake_all(rt);
    if (now_ns < w->trim_ns)
        return;
    w->trim_ns = now_ns + TRIM_NS;
    if (rt->world->memory_trim != NULL)
        rt->world->memory_trim(rt->world->ctx);
}

void rt__watermark_look(struct rt *rt, uint64_t now_ns)
{
    struct watermark *w = &rt->watermark;
    enum rt_memory_level was = (enum rt_memory_level)load_relaxed(&w->level);
    enum rt_memory_level level;
    uint64_t used = 0, room = 0, spare;

    if (w->soft == 0 || now_ns < w->look_ns)
        return;
    w->look_ns = now_ns + LOOK_NS;
    rt->world->memory(rt->world->ctx, &used, &room);
    if (used == 0)
        return; /* there was no descriptor to look: it stays as it was */
    spare = spare_bytes(rt);
    used = used > spare ? used - spare : 0;
    store_relaxed(&w->used, used);
    level = level_of(w, used, was);
    if (level != RT_MEMORY_OK)
        ease(rt, now_ns);
    if (level == was)
        return;
    store_relaxed(&w->level, (uint32_t)level);
    tell(rt, was, level, used);
}

uint64_t rt__watermark_wanted_ns(const struct rt *rt)
{
    const struct watermark *w = &rt->watermark;

    if (rt->simulated ? w->soft == 0 : load_relaxed(&w->level) == RT_MEMORY_OK)
        return RT_NEVER;
    return w->look_ns;
}

bool rt__memory_refuses(struct rt *rt)
{
    if (__builtin_expect(load_relaxed(&rt->watermark.level) != RT_MEMORY_HARD,
                         1))
        return false;
    add_relaxed(&rt->watermark.refused, 1u);
    return true;
}

enum rt_memory_level rt_memory_level(const struct rt *rt)
{
    return (enum rt_memory_level)load_relaxed(&rt->watermark.level);
}

void rt__memory_watch(struct rt *rt,
                      void (*changed)(void *ctx, enum rt_memory_level level),
                      void *ctx)
{
    rt__lock(&rt->watermark.lock);
    rt->watermark.changed = changed;
    rt->watermark.ctx = ctx;
    rt__unlock(&rt->watermark.lock);
}
