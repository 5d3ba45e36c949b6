/*
 * bench.h -- what the bench rows share: atoms, processes, waiting, printing.
 *
 * A row is a function that does the same work as the programs in peers/ do for
 * the row of that name, with the library's defaults (watchdog, limits and
 * time-outs on), and prints its figures with bench_out(). A step that fails
 * ends the program: a row measures, or says why it could not.
 */
#ifndef BENCH_H
#define BENCH_H

#include <agner/gen.h>
#include <agner/node.h>

#define BENCH_WAIT_MS 120000u       /* longer than any step should take */
#define BENCH_COOKIE  "peers_bench" /* as in peers/beam */

struct bench {
    const char *row;
    int64_t n;         /* the size of the row: peers/ have the same */
    struct rt *rt;     /* NULL for a row without processes */
    struct gen *self;  /* main(), attached to rt */
    struct node *node; /* rows with two nodes: ours; otherwise NULL */
};

struct bench_row {
    const char *name;
    int64_t n; /* for the smoke test: tiny */
    enum bench_needs { BENCH_NOTHING, BENCH_RUNTIME, BENCH_NODE } needs;
    void (*run)(struct bench *b);
};

/* The atoms of the messages, looked up once by bench_init(). */
/* clang-format off */
#define BENCH_ATOMS(X)                                                       \
    X(ping) X(pong) X(go) X(done) X(tag) X(next) X(token) X(incr) X(sum)     \
    X(pid) X(sink) X(echo) X(tick) X(meet) X(met) X(debit) X(credit)
/* clang-format on */
struct bench_atoms {
#define BENCH_ATOM_FIELD(name) etf_term name;
    BENCH_ATOMS(BENCH_ATOM_FIELD)
#undef BENCH_ATOM_FIELD
};
extern struct bench_atoms bench_atoms;
void bench_init(void);

/* Monotonic nanoseconds. */
uint64_t bench_now(void);

/* Nodes of ours are to speak plain with each other: BENCH_PLAIN. */
bool bench_is_plain(void);

/* Prints `row peer metric value unit`; peer is agner, or BENCH_PEER. */
void bench_out(const struct bench *b, const char *metric, double value,
               const char *unit);
/* The two usual ones: nanoseconds each, and how many a second. */
void bench_out_each(const struct bench *b, const char *metric, uint64_t ns,
                    int64_t count);
void bench_out_rate(const struct bench *b, const char *metric, const char *unit,
                    uint64_t ns, int64_t count);

/* The same as bench_out() for a metric of a size: `metric_at_10k`. */
void bench_out_at(const struct bench *b, const char *metric, int64_t size,
                  double value, const char *unit);

/* Ends the program unless err is AGNER_OK, or AGNER_EKILLED: a process that is
 * killed has done its part. `what` and the error go to stderr. */
void bench_must(enum agner_err err, const char *what);
/* malloc that ends the program when memory is out. */
void *bench_memory(size_t count, size_t size);

/* Starts a behaviour process; returns its pid. `args` may be ETF_NONE for [].
 */
etf_pid bench_start(struct gen *self, const struct rt_behavior *behavior,
                    etf_term args);
/* Starts a raw process. */
etf_pid bench_spawn(struct gen *self, void (*code)(struct gen *self, void *arg),
                    void *arg);
void bench_send(struct gen *self, etf_pid to, etf_term message);
/* Receives `count` messages `done`. */
void bench_wait_done(struct gen *self, int64_t count);
/* Kills the processes and waits until they are dead. */
void bench_kill(struct gen *self, const etf_pid *pids, int64_t count);

/* {tag, N} in self's region. */
etf_term bench_tag(struct gen *self, int64_t n);

/* Counts {tag, _} messages down from N, then sends `done` to Boss and ends.
 * args: {N, Boss}. */
extern const struct rt_behavior bench_counter;

/* A server with a number: `incr` answers it plus one. 8 bytes of state. */
extern const struct gen_server bench_number;

/* A raw process that waits for `go`, then sends `count` {tag, _} to `to`. */
struct bench_blast {
    etf_pid to;
    int64_t count;
};
void bench_blast(struct gen *self, void *arg);

/* `count` clients at once, the i-th calling servers[i % server_count] `per`
 * times, with a time-out of 5 s. Returns the nanoseconds that it took. */
uint64_t bench_clients(struct gen *self, const etf_pid *servers,
                       int64_t server_count, int64_t count, int64_t per);
/* One client, `count` calls: to each server in turn; to one. */
uint64_t bench_calls_around(struct gen *self, const etf_pid *servers,
                            int64_t server_count, int64_t count);
uint64_t bench_calls(struct gen *self, etf_pid server, int64_t count);

/* What the second program of the rows with two nodes runs: bench_serve.c. */
int bench_serve(const char *name, bool epmd);

/* bench_message.c */
void bench_pingpong(struct bench *b);
void bench_pingpong_many(struct bench *b);
void bench_ring(struct bench *b);
/* Two that do, for `n` messages: nanoseconds. */
uint64_t bench_pair(struct gen *self, int64_t n);
/* Pairs that talk as fast as they can, until the one of `pids` is killed. */
void bench_busy_pairs(struct gen *self, int64_t pairs, etf_pid *pids);
/* bench_savina.c */
void bench_big(struct bench *b);
void bench_chameneos(struct bench *b);
void bench_counting(struct bench *b);
void bench_bank(struct bench *b);
/* bench_latency.c */
void bench_latency(struct bench *b);
void bench_latency_idle(struct bench *b);
void bench_timer_fire(struct bench *b);
/* bench_idle.c */
void bench_hello(struct bench *b);
void bench_empty(struct bench *b);
void bench_idle(struct bench *b);
/* bench_scale.c */
void bench_scale_processes(struct bench *b);
/* bench_cluster.c */
void bench_scale_cluster(struct bench *b);
/* bench_floors.c */
void bench_floors(struct bench *b);
/* bench_fan.c */
void bench_fanin(struct bench *b);
void bench_fanout(struct bench *b);
/* bench_call.c */
void bench_call(struct bench *b);
void bench_call_many(struct bench *b);
void bench_statem(struct bench *b);
/* bench_spawn.c */
void bench_spawn_row(struct bench *b);
void bench_skynet(struct bench *b);
void bench_memory_row(struct bench *b);
/* bench_names.c */
void bench_names(struct bench *b);
void bench_scale_names(struct bench *b);
/* bench_pg.c */
void bench_pg(struct bench *b);
void bench_pg_broadcast(struct bench *b);
/* bench_feed.c */
void bench_feed(struct bench *b);
void bench_mux(struct bench *b);
void bench_feed_of(struct bench *b);
void bench_mux_posters(struct bench *b);
/* bench_links.c */
void bench_links(struct bench *b);
void bench_hub(struct bench *b);
void bench_scale_hub(struct bench *b);
/* bench_saga.c */
void bench_saga(struct bench *b);
/* bench_steps.c */
void bench_steps(struct bench *b);
void bench_store(struct bench *b);
/* bench_supervisor.c */
void bench_supervisor(struct bench *b);
void bench_supervisor_many(struct bench *b);
void bench_scale_supervisor(struct bench *b);
/* bench_service.c */
void bench_service(struct bench *b);
/* bench_log.c */
void bench_log(struct bench *b);
/* bench_sim.c */
void bench_sim(struct bench *b);

/* bench_timers.c */
void bench_timers(struct bench *b);
void bench_scale_timers(struct bench *b);
/* bench_flow.c */
void bench_stage_broadcast(struct bench *b);
/* A producer of as many {tag, N} as are asked for. */
extern const struct gen_stage bench_ticker;
uint64_t bench_pipeline(struct gen *self, etf_pid producer, int64_t consumers,
                        int64_t events, bool to_all);
/* bench_stream.c */
void bench_stage(struct bench *b);
void bench_stream(struct bench *b);
/* bench_async.c */
void bench_queue(struct bench *b);
void bench_worker(struct bench *b);
void bench_batch(struct bench *b);
void bench_future(struct bench *b);
void bench_action(struct bench *b);
void bench_interval(struct bench *b);
/* bench_codec.c */
void bench_codec(struct bench *b);
/* bench_dist.c */
void bench_dist_connect(struct bench *b);
void bench_dist_call(struct bench *b);
void bench_dist_rpc(struct bench *b);
void bench_dist_send(struct bench *b);
void bench_dist_bulk(struct bench *b);
void bench_dist_link(struct bench *b);
void bench_dist_stage(struct bench *b);

#endif
