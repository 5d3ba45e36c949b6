/*
 * global_bed.c -- global_bed.h.
 */
#include "global_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HIS_TAG 77

/* ---- Acts --------------------------------------------------------------- */

static void note(struct bed *b, const char *word, etf_term a, etf_term t)
{
    char first[256] = "", second[1024] = "", line[1400];

    if (!etf_is_none(a))
        (void)etf_format(first, sizeof first, a);
    if (!etf_is_none(t))
        (void)etf_format(second, sizeof second, t);
    (void)snprintf(line, sizeof line, "%s%s%s%s%s\n", word,
                   first[0] == '\0' ? "" : " ", first,
                   second[0] == '\0' ? "" : " ", second);
    assert_int_equal(etf_buffer_add(&b->log, line, strlen(line)), AGNER_OK);
}

static void send_act(void *ctx, etf_term node, etf_term message)
{
    note(ctx, "send", node, message);
}

static void disconnect_act(void *ctx, etf_term node)
{
    note(ctx, "disconnect", node, ETF_NONE);
}

static void join_act(void *ctx, etf_term node)
{
    note(ctx, "join", node, ETF_NONE);
}

static void locker_act(void *ctx, etf_term message)
{
    note(ctx, "locker", ETF_NONE, message);
}

static enum agner_err resolve_act(void *ctx, etf_term node, int64_t tag,
                                  etf_term conflicts, etf_term ops)
{
    struct bed *b = ctx;

    (void)tag;
    note(b, "resolve", node, etf_make(b->region, "{_, _}", conflicts, ops));
    return AGNER_OK;
}

static void resolve_stop_act(void *ctx, etf_term node, int64_t tag)
{
    (void)ctx;
    (void)node;
    (void)tag;
}

static enum agner_err monitor_act(void *ctx, etf_pid pid, etf_ref *ref)
{
    struct bed *b = ctx;

    (void)pid;
    *ref = (etf_ref){ .count = 1, .words = { ++b->refs } };
    b->watched++;
    return AGNER_OK;
}

static void demonitor_act(void *ctx, etf_ref ref)
{
    struct bed *b = ctx;

    (void)ref;
    b->watched--;
}

static void link_act(void *ctx, etf_pid pid, bool on)
{
    struct bed *b = ctx;

    note(b, on ? "link" : "unlink", etf_from_pid(b->region, pid), ETF_NONE);
}

static void synced_act(void *ctx, etf_term node, bool in)
{
    note(ctx, in ? "synced" : "lost", node, ETF_NONE);
}

static uint64_t now_act(void *ctx)
{
    return ((struct bed *)ctx)->now_ms;
}

static void log_act(void *ctx, enum rt_log_level level, const char *format,
                    etf_term a, etf_term t)
{
    (void)level;
    (void)format;
    (void)t;
    note(ctx, "log", a, ETF_NONE);
}

static const struct global_acts acts = {
    .send = send_act,
    .disconnect = disconnect_act,
    .join = join_act,
    .tell_locker = locker_act,
    .resolve = resolve_act,
    .resolve_stop = resolve_stop_act,
    .monitor = monitor_act,
    .demonitor = demonitor_act,
    .link = link_act,
    .synced = synced_act,
    .now_ms = now_act,
    .log = log_act,
};

/* ---- The bed ------------------------------------------------------------ */

void bed_begin(struct bed *b, const char *self)
{
    struct rt_options options = { .log_level = RT_LOG_NONE };

    *b = (struct bed){ .sim = sim_new(1, NULL) };
    assert_non_null(b->sim);
    options.world = sim_world(b->sim);
    assert_int_equal(rt_new(&options, &b->rt, NULL), AGNER_OK);
    b->region = etf_region_new(0);
    assert_non_null(b->region);
    b->acts = acts;
    b->acts.ctx = b;
    b->g.acts = &b->acts;
    b->g.region = b->region;
    b->g.self = etf_atom(self);
    b->g.locker = (etf_pid){ .id = 5, .serial = 1 };
    b->g.connect_all = b->g.prevent_overlapping = true;
    b->g.creation = 100;
    b->g.next_tag = 1;
    b->g.next_op = 1;
    assert_int_equal(gen__global_names(b->rt, &b->g.names), AGNER_OK);
}

void bed_end(struct bed *b)
{
    global__fini(&b->g);
    etf_buffer_fini(&b->log);
    etf_region_free(b->region);
    rt_free(b->rt, 0);
    sim_free(b->sim);
}

void bed_forget(struct bed *b)
{
    b->log.size = 0;
}

const char *bed_text(struct bed *b)
{
    assert_int_equal(etf_buffer_add(&b->log, "", 1), AGNER_OK);
    b->log.size--;
    return (const char *)b->log.data;
}

void bed_expect(struct bed *b, const char *lines)
{
    assert_string_equal(bed_text(b), lines);
    bed_forget(b);
}

etf_pid bed_far(const char *node, uint32_t id)
{
    return (etf_pid){ .node = etf_atom(node), .id = id, .creation = 9 };
}

int64_t bed_meet(struct bed *b, const char *node, int64_t version)
{
    int64_t tag = b->g.next_tag;

    global__nodeup(&b->g, etf_atom(node), 1);
    bed_cast(b, "{init_connect, {_, _}, _, {locker, no_longer_a_pid, [], _}}",
             version, HIS_TAG, etf_atom(node), bed_far(node, 4));
    if (version >= GLOBAL_VERSION_VERIFY)
        bed_info(b, "{init_connect_ack, _, _, _}", etf_atom(node), tag,
                 HIS_TAG);
    return tag;
}

void bed_know(struct bed *b, const char *node, int64_t version, etf_term names)
{
    int64_t tag = bed_meet(b, node, version);

    bed_cast(b, "{lock_is_set, _, _, {global, lock}}", etf_atom(node), tag);
    bed_cast(b, "{exchange, _, _, [], _}", etf_atom(node), names, tag);
    bed_cast(b, "{resolved, _, [], [], unused, [], _}", etf_atom(node), tag);
    bed_forget(b);
}
