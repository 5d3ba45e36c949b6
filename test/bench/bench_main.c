/*
 * bench_main.c -- agner-bench ROW N: one row of the bench, for tools/bench.
 *
 * Prints `row agner metric value unit` lines, as the programs in peers/ do.
 * BENCH_CORES sets the number of workers (default: one per core), BENCH_BOX
 * where a black box is kept (default: there is none). `agner-bench rows` lists
 * the rows; without N a row has a tiny size, which only shows that it works.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

/* Name, size of the smoke test, what it needs, what it does. */
/* clang-format off */
static const struct bench_row rows[] = {
    { "pingpong",        200, BENCH_RUNTIME, bench_pingpong },
    { "pingpong_many", 20000, BENCH_RUNTIME, bench_pingpong_many },
    { "ring",           2000, BENCH_RUNTIME, bench_ring },
    { "fanin",          1000, BENCH_RUNTIME, bench_fanin },
    { "fanout",        10000, BENCH_RUNTIME, bench_fanout },
    { "call",            100, BENCH_RUNTIME, bench_call },
    { "call_many",     10000, BENCH_RUNTIME, bench_call_many },
    { "statem",          100, BENCH_RUNTIME, bench_statem },
    { "spawn",           100, BENCH_RUNTIME, bench_spawn_row },
    { "skynet",         1000, BENCH_RUNTIME, bench_skynet },
    { "memory",         1000, BENCH_RUNTIME, bench_memory_row },
    { "names",           100, BENCH_RUNTIME, bench_names },
    { "pg",             1000, BENCH_RUNTIME, bench_pg },
    { "pg_broadcast",  10000, BENCH_RUNTIME, bench_pg_broadcast },
    { "service",         400, BENCH_RUNTIME, bench_service },
    { "links",           100, BENCH_RUNTIME, bench_links },
    { "hub",             100, BENCH_RUNTIME, bench_hub },
    { "saga",             50, BENCH_RUNTIME, bench_saga },
    { "steps",            20, BENCH_RUNTIME, bench_steps },
    { "store",           100, BENCH_RUNTIME, bench_store },
    { "supervisor",      100, BENCH_RUNTIME, bench_supervisor },
    { "supervisor_many", 1000, BENCH_RUNTIME, bench_supervisor_many },
    { "log",            1000, BENCH_RUNTIME, bench_log },
    { "timers",         1000, BENCH_RUNTIME, bench_timers },
    { "timer_fire",      100, BENCH_RUNTIME, bench_timer_fire },
    { "latency",          50, BENCH_RUNTIME, bench_latency },
    { "latency_idle",     50, BENCH_RUNTIME, bench_latency_idle },
    { "big",            2400, BENCH_RUNTIME, bench_big },
    { "chameneos",      1000, BENCH_RUNTIME, bench_chameneos },
    { "counting",       2000, BENCH_RUNTIME, bench_counting },
    { "bank",           1000, BENCH_RUNTIME, bench_bank },
    { "hello",             1, BENCH_RUNTIME, bench_hello },
    { "hello_node",        1, BENCH_NODE,    bench_hello },
    { "empty",             1, BENCH_RUNTIME, bench_empty },
    { "empty_node",        1, BENCH_NODE,    bench_empty },
    { "idle",             10, BENCH_RUNTIME, bench_idle },
    { "scale_processes", 10000, BENCH_RUNTIME, bench_scale_processes },
    { "scale_names",    1000, BENCH_RUNTIME, bench_scale_names },
    { "scale_timers",  10000, BENCH_RUNTIME, bench_scale_timers },
    { "scale_supervisor", 1000, BENCH_RUNTIME, bench_scale_supervisor },
    { "scale_hub",      1000, BENCH_RUNTIME, bench_scale_hub },
    { "scale_cluster",   100, BENCH_NOTHING, bench_scale_cluster },
    { "floors",         1000, BENCH_NOTHING, bench_floors },
    { "queue",          1000, BENCH_RUNTIME, bench_queue },
    { "worker",          500, BENCH_RUNTIME, bench_worker },
    { "batch",          1000, BENCH_RUNTIME, bench_batch },
    { "future",          100, BENCH_RUNTIME, bench_future },
    { "action",         1000, BENCH_RUNTIME, bench_action },
    { "interval",         20, BENCH_RUNTIME, bench_interval },
    { "codec",             1, BENCH_NOTHING, bench_codec },
    { "stage",          1000, BENCH_RUNTIME, bench_stage },
    { "stream",          100, BENCH_RUNTIME, bench_stream },
    { "feed",           2000, BENCH_RUNTIME, bench_feed },
    { "mux",            2000, BENCH_RUNTIME, bench_mux },
    { "sim",               2, BENCH_NOTHING, bench_sim },
    { "feed_of",        2000, BENCH_RUNTIME, bench_feed_of },
    { "mux_posters",    2000, BENCH_RUNTIME, bench_mux_posters },
    { "stage_broadcast", 1000, BENCH_RUNTIME, bench_stage_broadcast },
    { "dist_connect",      2, BENCH_NODE,    bench_dist_connect },
    { "dist_call",      1000, BENCH_NODE,    bench_dist_call },
    { "dist_rpc",       1000, BENCH_NODE,    bench_dist_rpc },
    { "dist_send",      1000, BENCH_NODE,    bench_dist_send },
    { "dist_bulk",         1, BENCH_NODE,    bench_dist_bulk },
    { "dist_link",        20, BENCH_NODE,    bench_dist_link },
    { "dist_stage",     1000, BENCH_NODE,    bench_dist_stage },
};
/* clang-format on */

#define ROW_COUNT (sizeof rows / sizeof *rows)

static struct rt_options runtime_options(void)
{
    const char *cores = getenv("BENCH_CORES");
    struct rt_options options = { 0 };

    static struct rt_blackbox box;

    if (cores != NULL)
        options.workers = (unsigned)strtoul(cores, NULL, 10);
    box.path = getenv("BENCH_BOX");
    if (box.path != NULL)
        options.blackbox = &box;
    return options;
}

static const char *const everything[] = { "agner: all", "erlang: all" };

static void start_node(struct bench *b)
{
    struct node_options options = {
        .name = "bench@127.0.0.1",
        .cookie = BENCH_COOKIE,
        .listen_host = "127.0.0.1",
        .erlang = NODE_ERLANG_LOOPBACK,
        .permits = everything,
        .permit_count = 2,
        .epmd = NODE_EPMD_NONE,
        .plain = bench_is_plain(),
        .rt = runtime_options(),
    };
    struct agner_error error = { 0 };
    enum agner_err err = node_start(&options, &b->node, &error);

    bench_must(err, error.text);
    b->rt = node_rt(b->node);
}

static void start(struct bench *b, enum bench_needs needs)
{
    struct rt_options options = runtime_options();

    switch (needs) {
    case BENCH_NOTHING:
        return;
    case BENCH_RUNTIME:
        bench_must(rt_new(&options, &b->rt, NULL), "runtime");
        break;
    case BENCH_NODE:
        start_node(b);
        break;
    }
    b->self = rt_attach(b->rt);
    bench_must(b->self == NULL ? AGNER_ENOMEM : AGNER_OK, "attach");
}

static void stop(struct bench *b)
{
    if (b->self != NULL)
        rt_detach(b->self);
    if (b->node != NULL)
        node_stop(b->node, 1000);
    else if (b->rt != NULL)
        rt_free(b->rt, 1000);
}

static const struct bench_row *find(const char *name)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

int main(int argc, char **argv)
{
    const struct bench_row *row = argc > 1 ? find(argv[1]) : NULL;
    struct bench b = { 0 };

    bench_init();
    if (argc > 1 && strcmp(argv[1], "rows") == 0) {
        for (size_t i = 0; i < ROW_COUNT; i++)
            printf("%s\n", rows[i].name);
        return EXIT_SUCCESS;
    }
    if (argc >= 3 && strcmp(argv[1], "serve") == 0)
        return bench_serve(argv[2], argc > 3 && strcmp(argv[3], "epmd") == 0);
    if (row == NULL) {
        fprintf(stderr, "usage: agner-bench ROW [N]; agner-bench rows\n");
        return 2;
    }
    b.row = row->name;
    b.n = argc > 2 ? strtoll(argv[2], NULL, 10) : row->n;
    if (b.n < 1) {
        fprintf(stderr, "N must be a number above 0\n");
        return 2;
    }
    start(&b, row->needs);
    row->run(&b);
    stop(&b);
    return EXIT_SUCCESS;
}
