/*
 * test_behaviors_stream_remote.c -- snapshots with their changes, and streams
 * of other nodes: spec/eventstream.md 2 (replication), 3.4, 5. Two nodes in a
 * simulated world whose connection is lost. A failure prints its seed, and
 * STREAM_SEED=n runs that one alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <agner/gen.h>
#include <agner/sim.h>

#include "pair.h"
#include "stream/remote.h"

#define PORT    5000
#define TICK_MS 4000
#define LONG_MS 120000u

struct place {
    char name[64], host[32];
    struct node *node;
    struct gen *self;
};

struct world {
    struct sim *sim;
    struct place a, b; /* a has the stream, b follows */
    struct gen_stream *s;
    etf_pid server;
};

static void start_place(struct world *w, struct place *p, int number)
{
    struct node_options options;

    (void)snprintf(p->host, sizeof p->host, "10.0.0.%d", number);
    (void)snprintf(p->name, sizeof p->name, "n%d@%s", number, p->host);
    options = pair_options(p->name);
    options.listen_host = p->host;
    options.listen_port = PORT;
    options.tick_time_ms = TICK_MS;
    options.rt.world = sim_world(w->sim);
    options.rt.log = pair_quiet;
    p->node = pair_start(&options);
    p->self = rt_attach(node_rt(p->node));
    assert_non_null(p->self);
}

static struct world *start(uint64_t seed)
{
    struct world *w = calloc(1, sizeof *w);

    w->sim = sim_new(seed, NULL);
    start_place(w, &w->a, 1);
    start_place(w, &w->b, 2);
    assert_int_equal(node_route(w->a.node, w->b.name, w->b.host, PORT),
                     AGNER_OK);
    assert_int_equal(node_route(w->b.node, w->a.name, w->a.host, PORT),
                     AGNER_OK);
    return w;
}

static void stop(struct world *w)
{
    rt_detach(w->a.self);
    rt_detach(w->b.self);
    gen_stream_free(w->s);
    node_stop(w->a.node, 1000);
    node_stop(w->b.node, 1000);
    sim_free(w->sim);
    free(w);
}

static void serve(struct world *w, const struct gen_stream_options *options,
                  etf_term owner)
{
    assert_int_equal(gen_stream_new(node_rt(w->a.node), options, &w->s),
                     AGNER_OK);
    assert_int_equal(gen_stream_serve(w->a.self, w->s, etf_atom("changes"),
                                      owner, &w->server),
                     AGNER_OK);
}

static etf_term there(struct world *w)
{
    return etf_make(w->b.self, "{changes, _}", etf_atom(w->a.name));
}

static struct gen_stream *
follow(struct world *w, const struct gen_stream_follow_options *options)
{
    struct gen_stream *s = NULL;

    assert_int_equal(
        gen_stream_follow(w->b.self, there(w), options, LONG_MS, &s), AGNER_OK);
    return s;
}

static void publish(struct world *w, int from, int to)
{
    for (int i = from; i < to; i++) {
        assert_int_equal(gen_stream_publish(w->a.self, w->s,
                                            etf_make(w->a.self, "{n, _}", i),
                                            NULL),
                         AGNER_OK);
        rt_reset(w->a.self);
    }
}

static struct gen_cursor *cursor_at(struct world *w, struct gen_stream *s)
{
    struct gen_cursor *c;

    assert_int_equal(gen_cursor_follow(w->b.self, s, NULL, &c), AGNER_OK);
    return c;
}

static void expect_numbers(struct world *w, struct gen_cursor *c, int from,
                           int to)
{
    struct gen_stream_event event;
    int64_t n;

    for (int i = from; i < to; i++) {
        assert_int_equal(gen_cursor_next(w->b.self, c, &event, LONG_MS, NULL),
                         AGNER_OK);
        assert_true(etf_match(event.term, "{n, _}", &n));
        assert_int_equal(n, i);
    }
}

/* ---- The decisions ------------------------------------------------------- */

static void a_table_says_where_following_goes_on(void **state)
{
    static const struct {
        struct stream_resume r;
        uint64_t at;
    } rows[] = {
        /* next, from, life, ours, first, front */
        { { true, 0, 0, 7, 10, 20 }, 20 },
        { { false, 15, 7, 7, 10, 20 }, 15 },
        { { false, 20, 7, 7, 10, 20 }, 20 },
        { { false, 5, 7, 7, 10, 20 }, 10 },
        { { false, 25, 7, 7, 10, 20 }, 10 },
        { { false, 15, 6, 7, 10, 20 }, 10 },
    };
    static const struct {
        struct stream_again a;
        enum stream_again_what what;
        uint64_t gap;
    } again[] = {
        /* begun, owner, life, expect, its life, seq */
        { { false, true, 0, 0, 7, 20 }, STREAM_GO_ON, 0 },
        { { true, true, 7, 20, 7, 20 }, STREAM_GO_ON, 0 },
        { { true, false, 7, 15, 7, 20 }, STREAM_GAP, 5 },
        { { true, true, 7, 15, 7, 20 }, STREAM_SNAPSHOT, 5 },
        { { true, false, 7, 15, 8, 0 }, STREAM_GAP, 1 },
        { { true, false, 7, 15, 8, 3 }, STREAM_GAP, 4 },
        { { true, false, 7, 15, 7, 12 }, STREAM_GAP, 13 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(gen__stream_resume(&rows[i].r), rows[i].at);
    for (size_t i = 0; i < sizeof again / sizeof again[0]; i++) {
        uint64_t gap = 0;

        assert_int_equal(gen__stream_again(&again[i].a, &gap), again[i].what);
        assert_int_equal(gap, again[i].gap);
    }
}

/* ---- Other nodes --------------------------------------------------------- */

/* W-7: one relay for all readers of a node, the same numbers, the reason of the
 * close. More events than the credit. */
static void conf_StreamWeak_7_another_node_follows(void **state)
{
    struct world *w = start(1);
    struct gen_stream_event event;
    struct gen_stream *s, *same;
    struct gen_cursor *c, *d;

    (void)state;
    serve(w, NULL, ETF_NONE);
    publish(w, 0, 10); /* before anybody follows */
    s = follow(w, &(struct gen_stream_follow_options){ .credit = 16 });
    same = follow(w, NULL);
    assert_ptr_equal(s, same);
    c = cursor_at(w, s);
    d = cursor_at(w, s);
    assert_int_equal(gen_cursor_position(c), 10);
    publish(w, 10, 3000);
    expect_numbers(w, c, 10, 3000);
    expect_numbers(w, d, 10, 3000);
    assert_int_equal(gen_cursor_position(c), 3000);
    assert_int_equal(
        gen_stream_close(w->a.self, w->s, etf_make(w->a.self, "{bye, 1}")),
        AGNER_OK);
    assert_int_equal(gen_cursor_next(w->b.self, c, &event, LONG_MS, NULL),
                     AGNER_EDONE);
    assert_true(etf_equal(gen_cursor_reason(c, rt_region(w->b.self)),
                          etf_make(w->b.self, "{bye, 1}")));
    gen_cursor_close(c);
    gen_cursor_close(d);
    gen_stream_free(s);
    gen_stream_free(same);
    stop(w);
}

static void what_cannot_be_followed_is_told(void **state)
{
    struct world *w = start(2);
    struct gen_stream *s;
    etf_term away = etf_make(w->b.self, "{changes, 'n9@10.0.0.9'}");

    (void)state;
    assert_int_equal(gen_stream_follow(w->b.self, there(w), NULL, LONG_MS, &s),
                     AGNER_ENOPROC);
    assert_int_equal(gen_stream_follow(w->b.self, away, NULL, LONG_MS, &s),
                     AGNER_ENODEDOWN);
    assert_int_equal(
        gen_stream_follow(w->b.self, etf_atom("changes"), NULL, LONG_MS, &s),
        AGNER_EINVAL);
    stop(w);
}

/* Credit: what a slow reader that blocks has not taken stays where it is. */
static void credit_bounds_what_is_on_its_way(void **state)
{
    struct world *w = start(3);
    struct gen_cursor_options block = { .lag = GEN_STREAM_BLOCK, .window = 10 };
    struct gen_stream_info info;
    struct gen_stream *s;
    struct gen_cursor *c;

    (void)state;
    serve(w, &(struct gen_stream_options){ .segment = 16 }, ETF_NONE);
    s = follow(w, &(struct gen_stream_follow_options){ .credit = 20 });
    assert_int_equal(gen_cursor_follow(w->b.self, s, &block, &c), AGNER_OK);
    publish(w, 0, 1000);
    (void)rt_sleep(w->b.self, 1000);
    gen_stream_info(s, &info);
    assert_int_equal(info.next_seq, 10);
    gen_stream_info(w->s, &info);
    assert_true(info.lag >= 1000 - 10 - 20);
    expect_numbers(w, c, 0, 1000);
    gen_cursor_close(c);
    gen_stream_free(s);
    stop(w);
}

/* Following ends when nobody wants it any more. */
static void a_relay_that_nobody_needs_ends(void **state)
{
    struct world *w = start(4);
    struct gen_stream_info info;
    struct gen_stream *s;

    (void)state;
    serve(w, NULL, ETF_NONE);
    s = follow(w, NULL);
    (void)rt_sleep(w->b.self, 1000);
    gen_stream_info(w->s, &info);
    assert_int_equal(info.readers, 1); /* the feeder */
    gen_stream_free(s);
    rt_reset(w->b.self); /* the answer that it came in holds it too */
    (void)rt_sleep(w->b.self, 20000);
    gen_stream_info(w->s, &info);
    assert_int_equal(info.readers, 0);
    stop(w);
}

/* ---- Losses -------------------------------------------------------------- */

static void lose(struct world *w)
{
    (void)sim_reset(w->sim, w->a.host, w->b.host);
}

/* It comes back, and nobody notices. */
static void a_lost_connection_is_resumed_by_number(void **state)
{
    struct world *w = start(5);
    struct gen_stream *s;
    struct gen_cursor *c;

    (void)state;
    serve(w, &(struct gen_stream_options){ .retain = 1000 }, ETF_NONE);
    s = follow(w, NULL);
    c = cursor_at(w, s);
    publish(w, 0, 50);
    expect_numbers(w, c, 0, 50);
    lose(w);
    publish(w, 50, 500); /* while it is away */
    expect_numbers(w, c, 50, 500);
    assert_int_equal(gen_cursor_lost(c), 0);
    gen_cursor_close(c);
    gen_stream_free(s);
    stop(w);
}

/* What is not kept is told: how many, and then it goes on under the same
 * numbers. */
static void what_is_gone_is_counted(void **state)
{
    struct world *w = start(6);
    struct gen_stream_event event;
    struct gen_stream *s;
    struct gen_cursor *c;
    uint64_t lost;

    (void)state;
    serve(w, &(struct gen_stream_options){ .segment = 4 }, ETF_NONE);
    s = follow(w, NULL);
    c = cursor_at(w, s);
    publish(w, 0, 50);
    expect_numbers(w, c, 0, 50);
    lose(w);
    (void)rt_sleep(w->b.self, 10); /* both know */
    publish(w, 50, 500);
    assert_int_equal(gen_cursor_next(w->b.self, c, &event, LONG_MS, NULL),
                     AGNER_ELAGGED);
    lost = event.size;
    assert_true(lost > 0 && lost <= 450);
    (void)rt_sleep(w->b.self, 10000);
    publish(w, 500, 510);
    expect_numbers(w, c, 50 + (int)lost, 510);
    assert_int_equal(gen_cursor_position(c), 510);
    gen_cursor_close(c);
    gen_stream_free(s);
    stop(w);
}

/* Resuming off: the loss is the end. */
static void without_resuming_a_lost_node_is_the_end(void **state)
{
    struct world *w = start(7);
    struct gen_stream_event event;
    struct gen_stream *s;
    struct gen_cursor *c;

    (void)state;
    serve(w, NULL, ETF_NONE);
    s = follow(w, &(struct gen_stream_follow_options){ .no_resume = true });
    c = cursor_at(w, s);
    publish(w, 0, 50);
    expect_numbers(w, c, 0, 50);
    lose(w);
    assert_int_equal(gen_cursor_next(w->b.self, c, &event, LONG_MS, NULL),
                     AGNER_EDONE);
    assert_true(etf_atom_is(gen_cursor_reason(c, rt_region(w->b.self)),
                            "noconnection"));
    gen_cursor_close(c);
    gen_stream_free(s);
    stop(w);
}

/* Another stream under the same name: its numbers mean nothing here. */
static void a_new_stream_of_that_name_is_a_gap(void **state)
{
    struct world *w = start(8);
    struct gen_stream_event event;
    struct gen_stream *s;
    struct gen_cursor *c;

    (void)state;
    serve(w, NULL, ETF_NONE);
    s = follow(w, NULL);
    c = cursor_at(w, s);
    publish(w, 0, 50);
    expect_numbers(w, c, 0, 50);
    (void)rt_trap_exit(w->a.self, true);
    assert_int_equal(gen_server_stop(w->a.self, etf_from_pid(NULL, w->server),
                                     etf_make(w->a.self, "shutdown"), LONG_MS),
                     AGNER_OK);
    gen_stream_free(w->s);
    serve(w, NULL, ETF_NONE);
    assert_int_equal(gen_cursor_next(w->b.self, c, &event, LONG_MS, NULL),
                     AGNER_ELAGGED);
    assert_int_equal(event.size, 1);
    publish(w, 0, 5);
    expect_numbers(w, c, 0, 5);
    gen_cursor_close(c);
    gen_stream_free(s);
    stop(w);
}

/* ---- A model and its changes --------------------------------------------- */

/* An owner: a sum, and each number that was added to it. */
struct owner {
    struct gen_stream *s;
    int64_t sum;
};

static enum gen_next owner_init(struct gen *self, etf_term args)
{
    struct owner *o = gen_state(self);
    void *s;

    if (!etf_get_resource(args, &s))
        return gen_stop(self, ETF_A(badarg));
    o->s = gen_stream_hold(s);
    return GEN_NEXT;
}

static enum gen_next owner_call(struct gen *self, struct gen_from from,
                                etf_term request)
{
    struct owner *o = gen_state(self);
    int64_t n;

    if (gen_stream_snapshot_asked(request))
        return gen_stream_snapshot_reply(self, from, o->s,
                                         etf_make(self, "{sum, _}", o->sum));
    if (!etf_match(request, "{add, _}", &n) ||
        gen_stream_publish(self, o->s, request, NULL) != AGNER_OK)
        return gen_reply(self, from, ETF_A(error));
    o->sum += n;
    return gen_reply(self, from, ETF_A(ok));
}

static void owner_destroy(void *state)
{
    gen_stream_free(((struct owner *)state)->s);
}

static const struct gen_server owner = {
    .name = "owner",
    .state_size = sizeof(struct owner),
    .init = owner_init,
    .handle_call = owner_call,
    .destroy = owner_destroy,
};

static etf_pid start_owner(struct world *w,
                           const struct gen_stream_options *options)
{
    etf_pid pid;

    assert_int_equal(gen_stream_new(node_rt(w->a.node), options, &w->s),
                     AGNER_OK);
    assert_int_equal(gen_start(w->a.self, &owner,
                               gen__stream_term(w->a.self, w->s), NULL, &pid,
                               NULL),
                     AGNER_OK);
    assert_int_equal(gen_stream_serve(w->a.self, w->s, etf_atom("changes"),
                                      etf_from_pid(NULL, pid), &w->server),
                     AGNER_OK);
    return pid;
}

static void add(struct world *w, etf_pid pid, int64_t n)
{
    etf_term answer;

    assert_int_equal(gen_call(w->a.self, etf_from_pid(NULL, pid),
                              etf_make(w->a.self, "{add, _}", n), LONG_MS,
                              &answer),
                     AGNER_OK);
    rt_reset(w->a.self);
}

/* What a reader makes of a snapshot and the changes after it. */
static int64_t sum_of(struct gen *self, etf_term snapshot,
                      const struct gen_stream_promise *changes)
{
    struct gen_stream_event event;
    struct gen_cursor *c;
    int64_t sum = -1, n;

    assert_true(etf_match(snapshot, "{sum, _}", &sum));
    assert_int_equal(gen_cursor_open(self, changes, NULL, &c), AGNER_OK);
    while (gen_cursor_next(self, c, &event, 1000, NULL) == AGNER_OK) {
        if (etf_match(event.term, "{gen_stream_snapshot, {sum, _}}", &n))
            sum = n;
        else if (etf_match(event.term, "{add, _}", &n))
            sum += n;
    }
    gen_cursor_close(c);
    return sum;
}

struct adder {
    struct world *w;
    etf_pid owner;
    int count;
    _Atomic bool done;
};

static void adder(struct gen *self, void *arg)
{
    struct adder *a = arg;
    etf_term answer;

    for (int i = 1; i <= a->count; i++) {
        (void)gen_call(self, etf_from_pid(NULL, a->owner),
                       etf_make(self, "{add, _}", i), LONG_MS, &answer);
        rt_reset(self);
        (void)rt_sleep(self, 1);
    }
    a->done = true;
}

/* Readers come at any time while the model changes, here and on the other node:
 * all end with the same sum. */
static void snapshot_and_changes_have_no_gap(void **state)
{
    struct world *w = start(9);
    struct adder a = { .w = w, .count = 200 };
    etf_pid pid;

    (void)state;
    a.owner = start_owner(w, &(struct gen_stream_options){ .segment = 16 });
    assert_int_equal(rt_spawn(w->a.self, adder, &a, NULL, &pid), AGNER_OK);
    while (!a.done) {
        for (int far = 0; far < 2; far++) {
            struct gen *self = far ? w->b.self : w->a.self;
            struct gen_stream_promise changes;
            etf_term snapshot;
            int64_t early;

            assert_int_equal(gen_stream_snapshot_subscribe(
                                 self,
                                 far ? there(w) : etf_from_pid(NULL, a.owner),
                                 LONG_MS, &snapshot, &changes),
                             AGNER_OK);
            assert_true(etf_match(snapshot, "{sum, _}", &early));
            (void)rt_sleep(self, 20);
            if (early > 100 * 101 / 2) /* late enough that the rest is short */
                assert_int_equal(sum_of(self, snapshot, &changes),
                                 200 * 201 / 2);
            gen_stream_promise_free(&changes);
            rt_reset(self);
        }
    }
    (void)rt_kill(node_rt(w->a.node), a.owner, etf_atom("kill"));
    stop(w);
}

/* 3.4: what is not kept is replaced by a new snapshot, and nobody lags. */
static void a_new_snapshot_stands_for_what_is_gone(void **state)
{
    struct world *w = start(10);
    struct gen_stream_promise changes;
    etf_term snapshot;
    etf_pid pid;

    (void)state;
    pid = start_owner(w, &(struct gen_stream_options){ .segment = 4 });
    add(w, pid, 1);
    assert_int_equal(gen_stream_snapshot_subscribe(w->b.self, there(w), LONG_MS,
                                                   &snapshot, &changes),
                     AGNER_OK);
    lose(w);
    (void)rt_sleep(w->b.self, 10);
    for (int i = 0; i < 100; i++)
        add(w, pid, 2);
    (void)rt_sleep(w->b.self, 10000);
    for (int i = 0; i < 100; i++)
        add(w, pid, 3);
    (void)rt_sleep(w->b.self, 1000);
    assert_int_equal(sum_of(w->b.self, snapshot, &changes), 501);
    gen_stream_promise_free(&changes);
    /* And who comes after that gets numbers that fit, too. */
    assert_int_equal(gen_stream_snapshot_subscribe(w->b.self, there(w), LONG_MS,
                                                   &snapshot, &changes),
                     AGNER_OK);
    add(w, pid, 4);
    (void)rt_sleep(w->b.self, 1000);
    assert_int_equal(sum_of(w->b.self, snapshot, &changes), 505);
    gen_stream_promise_free(&changes);
    (void)rt_kill(node_rt(w->a.node), pid, etf_atom("kill"));
    stop(w);
}

/* {Name, Node} may be of this very node. */
static void a_name_of_this_node_serves_too(void **state)
{
    struct world *w = start(12);
    struct gen_stream_promise changes;
    etf_term snapshot, here;
    etf_pid pid;

    (void)state;
    pid = start_owner(w, NULL);
    add(w, pid, 1);
    here = etf_make(w->a.self, "{changes, _}", etf_atom(w->a.name));
    assert_int_equal(gen_stream_snapshot_subscribe(w->a.self, here, LONG_MS,
                                                   &snapshot, &changes),
                     AGNER_OK);
    assert_int_equal(sum_of(w->a.self, snapshot, &changes), 1);
    gen_stream_promise_free(&changes);
    (void)rt_kill(node_rt(w->a.node), pid, etf_atom("kill"));
    stop(w);
}

static void an_owner_that_has_none_says_so(void **state)
{
    struct world *w = start(11);
    struct gen_stream_promise changes;
    etf_term snapshot;

    (void)state;
    serve(w, NULL, ETF_NONE);
    assert_int_equal(gen_stream_snapshot_subscribe(w->b.self, there(w), LONG_MS,
                                                   &snapshot, &changes),
                     AGNER_ENOTSUP);
    stop(w);
}

/* ---- Any loss, at any time ----------------------------------------------- */

/* Events come, the connection is lost and found: what the reader got and what
 * it was told is missing are all, in order. */
static void run_seed(uint64_t seed)
{
    struct world *w = start(seed);
    uint64_t retain = sim_draw(w->sim, 2) == 0 ? 10000 : 20;
    struct gen_stream_options options = { .segment = 8, .retain = retain };
    struct gen_stream_event event;
    struct gen_stream *s;
    struct gen_cursor *c;
    int published = 0;
    uint64_t at = 0, lost = 0;
    enum agner_err err;
    int64_t n;

    serve(w, &options, ETF_NONE);
    s = follow(w, &(struct gen_stream_follow_options){ .credit = 10 });
    c = cursor_at(w, s);
    for (int round = 0; round < 30; round++) {
        int more = (int)sim_draw(w->sim, 40);

        publish(w, published, published + more);
        published += more;
        if (sim_draw(w->sim, 3) == 0)
            lose(w);
        if (sim_draw(w->sim, 8) == 0) {
            (void)sim_partition(w->sim, w->a.host, w->b.host);
            (void)rt_sleep(w->b.self, sim_draw(w->sim, 3 * TICK_MS));
            sim_heal_all(w->sim);
        }
        (void)rt_sleep(w->b.self, sim_draw(w->sim, 2000));
    }
    assert_int_equal(gen_stream_close(w->a.self, w->s, ETF_NONE), AGNER_OK);
    while ((err = gen_cursor_next(w->b.self, c, &event, LONG_MS, NULL)) ==
               AGNER_OK ||
           err == AGNER_ELAGGED) {
        if (event.seq != at)
            fail_msg("seed %llu: %llu in place of %llu",
                     (unsigned long long)seed, (unsigned long long)event.seq,
                     (unsigned long long)at);
        at += err == AGNER_OK ? 1 : event.size;
        lost += err == AGNER_OK ? 0 : event.size;
        if (err == AGNER_OK &&
            (!etf_match(event.term, "{n, _}", &n) || (uint64_t)n != event.seq))
            fail_msg("seed %llu: another event", (unsigned long long)seed);
    }
    if (err != AGNER_EDONE || at != (uint64_t)published ||
        (retain > 1000 && lost != 0))
        fail_msg("seed %llu: error %d, %llu of %d, %llu lost",
                 (unsigned long long)seed, err, (unsigned long long)at,
                 published, (unsigned long long)lost);
    gen_cursor_close(c);
    gen_stream_free(s);
    stop(w);
}

static uint64_t seeds(void)
{
    const char *count = getenv("STREAM_SEEDS");

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    uint64_t usual = 3;
#else
    uint64_t usual = 8;
#endif
    return count == NULL ? usual : strtoull(count, NULL, 10);
}

static void losses_lose_nothing_that_is_kept(void **state)
{
    const char *one = getenv("STREAM_SEED");

    (void)state;
    if (one != NULL) {
        run_seed(strtoull(one, NULL, 10));
        return;
    }
    for (uint64_t seed = 100; seed < 100 + seeds(); seed++)
        run_seed(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_says_where_following_goes_on),
        cmocka_unit_test(conf_StreamWeak_7_another_node_follows),
        cmocka_unit_test(what_cannot_be_followed_is_told),
        cmocka_unit_test(credit_bounds_what_is_on_its_way),
        cmocka_unit_test(a_relay_that_nobody_needs_ends),
        cmocka_unit_test(a_lost_connection_is_resumed_by_number),
        cmocka_unit_test(what_is_gone_is_counted),
        cmocka_unit_test(without_resuming_a_lost_node_is_the_end),
        cmocka_unit_test(a_new_stream_of_that_name_is_a_gap),
        cmocka_unit_test(snapshot_and_changes_have_no_gap),
        cmocka_unit_test(a_new_snapshot_stands_for_what_is_gone),
        cmocka_unit_test(a_name_of_this_node_serves_too),
        cmocka_unit_test(an_owner_that_has_none_says_so),
        cmocka_unit_test(losses_lose_nothing_that_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
