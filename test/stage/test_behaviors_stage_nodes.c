/*
 * test_behaviors_stage_nodes.c -- stages across nodes, in a simulated pair
 * whose connection is lost.
 */
#include "stage_hand.h"

#include "../process/twin.h"

#define SEEDS 20u

/* The two nodes as beds: hands tell those who are on their node. */
struct pair_of_beds {
    struct sim *sim;
    struct twin twin;
    struct bed left, right;
};

static void open_pair(struct pair_of_beds *p, uint64_t seed, uint32_t loss_ppm)
{
    struct bed *beds[2] = { &p->left, &p->right };

    memset(p, 0, sizeof *p);
    p->sim = sim_new(seed, NULL);
    assert_non_null(p->sim);
    twin_open(&p->twin, p->sim, loss_ppm);
    for (unsigned i = 0; i < 2; i++) {
        beds[i]->seed = seed;
        beds[i]->sim = p->sim;
        beds[i]->rt = p->twin.sides[i].rt;
        (void)rt_log_level_set(p->twin.sides[i].rt, (etf_pid){ 0 },
                               RT_LOG_NONE);
        beds[i]->self = rt_attach(beds[i]->rt);
        assert_non_null(beds[i]->self);
    }
}

static void close_pair(struct pair_of_beds *p)
{
    rt_detach(p->left.self);
    rt_detach(p->right.self);
    twin_close(&p->twin);
    sim_free(p->sim);
}

/* A producer on the left, under that name. */
static etf_term producer(struct pair_of_beds *p, const char *name,
                         const char *what)
{
    etf_term options = etf_nil(), stage;
    etf_pid pid;

    assert_int_equal(etf_parse(rt_region(p->left.self), what, strlen(what),
                               &options, NULL, NULL),
                     AGNER_OK);
    stage = hand_start_with(&p->left, name, options);
    assert_true(etf_get_pid(stage, &pid));
    assert_int_equal(rt_register(p->left.rt, etf_atom(name), pid), AGNER_OK);
    return stage;
}

static etf_term far_name(struct pair_of_beds *p, const char *name)
{
    return etf_make(p->right.self, "{_, 'left@twin'}", etf_atom(name));
}

static void subscribe(struct pair_of_beds *p, const char *consumer,
                      etf_term stage, const char *name, int mode, etf_ref *ref)
{
    etf_term reply = ETF_NONE;

    assert_int_equal(
        gen_call(p->right.self, stage,
                 etf_make(p->right.self, "{subscribe, _, 4, 2, true, _, []}",
                          far_name(p, name), (int64_t)mode),
                 WAIT_MS, &reply),
        AGNER_OK);
    assert_true(etf_match(reply, "{ok, _}", ref));
    hand_expect(&p->right, consumer, "subscribed");
    hand_expect(&p->left, name,
                mode == 0   ? "{subscribe,[{max_demand,4},{min_demand,2},"
                              "{cancel,permanent}]}"
                : mode == 1 ? "{subscribe,[{max_demand,4},{min_demand,2},"
                              "{cancel,transient}]}"
                            : "{subscribe,[{max_demand,4},{min_demand,2},"
                              "{cancel,temporary}]}");
}

/* The connection is lost with the next signal. */
static void lose(struct pair_of_beds *p)
{
    uint64_t losses = p->twin.losses;

    p->twin.loss_ppm = 1000000;
    while (p->twin.losses == losses) {
        (void)rt_send(p->right.self, far_name(p, "nobody"), ETF_A(ok));
        (void)sim_run(p->sim, 1);
    }
    p->twin.loss_ppm = 0;
}

static void distributed(uint64_t seed)
{
    struct pair_of_beds p;
    etf_term first, second, c, t, q, reply = ETF_NONE;
    etf_ref c_ref, t_ref, q_ref;

    open_pair(&p, seed, 0);
    first = producer(&p, "p", "[{role, producer}]");
    second = producer(&p, "s", "[{role, producer}]");
    c = hand_start(&p.right, "c", "[{role, consumer}]");
    t = hand_start(&p.right, "t", "[{role, consumer}]");
    q = hand_start(&p.right, "q", "[{role, consumer}]");
    subscribe(&p, "c", c, "p", GEN_STAGE_TEMPORARY, &c_ref);
    subscribe(&p, "t", t, "p", GEN_STAGE_TRANSIENT, &t_ref);
    subscribe(&p, "q", q, "s", GEN_STAGE_PERMANENT, &q_ref);
    hand_do(&p.right, c, "ok", "{ask, _, 2}", c_ref);
    hand_expect(&p.left, "p", "{demand,2}");
    hand_do(&p.left, first, "{2,1,0}", "{emit, [a, b, c]}");
    hand_expect(&p.right, "c", "{events,[a,b]}");
    hand_do(&p.right, c, "ok", "{ask, _, 1}", c_ref);
    hand_expect(&p.right, "c", "{events,[c]}");
    /* The producer is killed: the temporary one lives, the transient ends. */
    assert_int_equal(rt_send(p.left.self, first, ETF_A(ok)), AGNER_OK);
    {
        etf_pid pid;

        assert_true(etf_get_pid(first, &pid));
        assert_int_equal(rt_exit_signal(p.left.self, pid, ETF_A(kill)),
                         AGNER_OK);
    }
    hand_expect(&p.right, "c", "{canceled,down,killed}");
    hand_expect(&p.right, "t", "{canceled,down,killed}");
    hand_expect(&p.right, "t", "{terminate,killed}");
    hand_do(&p.right, c, "alive", "alive");
    /* A permanent one ends with its producer, whatever for. */
    subscribe(&p, "c", c, "s", GEN_STAGE_TEMPORARY, &c_ref);
    lose(&p);
    hand_expect(&p.right, "c", "{canceled,down,noconnection}");
    hand_expect(&p.right, "q", "{canceled,down,noconnection}");
    hand_expect(&p.right, "q", "{terminate,noconnection}");
    hand_expect(&p.left, "s", "{cancel,down,noconnection}");
    hand_expect(&p.left, "s", "{cancel,down,noconnection}");
    (void)sim_run(p.sim, 100);
    q = hand_start(&p.right, "q", "[{role, consumer}]");
    subscribe(&p, "q", q, "s", GEN_STAGE_PERMANENT, &q_ref);
    hand_do(&p.left, second, "ok", "{stop, normal}");
    hand_expect(&p.right, "q", "{canceled,down,normal}");
    hand_expect(&p.right, "q", "{terminate,normal}");
    /* A name that nobody has there is reported too. */
    assert_int_equal(
        gen_call(p.right.self, c,
                 etf_make(p.right.self, "{subscribe, _, 4, 2, true, 2, []}",
                          far_name(&p, "nobody")),
                 WAIT_MS, &reply),
        AGNER_OK);
    hand_expect(&p.right, "c", "subscribed");
    hand_expect(&p.right, "c", "{canceled,down,noproc}");
    close_pair(&p);
}

/* 3.5, stage_test, TestStageDistributed. */
static void conf_TestStageDistributed_flows_across_nodes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        distributed(seed);
}

/* ---- A subscription that survives ---------------------------------------- */

/* Waits for events, and for nothing else but what a loss brings. */
static void expect_events(struct pair_of_beds *p, uint64_t *last)
{
    for (;;) {
        etf_term message, what, events, event, kind, reason;
        uint64_t n;

        assert_int_equal(rt_receive(p->right.self, WAIT_MS, &message),
                         AGNER_OK);
        if (!etf_match(message, "{r, _}", &what))
            continue;
        if (etf_match(what, "{canceled, _, _}", &kind, &reason))
            assert_true(etf_same(reason, ETF_A(noconnection)) ||
                        etf_same(reason, ETF_A(noproc)));
        if (!etf_match(what, "{events, _}", &events))
            continue;
        while (etf_list_next(&events, &event)) {
            assert_true(etf_get_uint(event, &n));
            assert_true(n > *last); /* some are lost, none comes late */
            *last = n;
        }
        rt_reset(p->right.self);
        return;
    }
}

static void survives(uint64_t seed)
{
    const struct gen_stage_subscribe o = {
        .max_demand = 4, .reconnect = true, .retry_ms = 5, .retry_max_ms = 50
    };
    struct pair_of_beds p;
    etf_term first, r;
    uint64_t last = 0;
    etf_pid pid;

    open_pair(&p, seed, 0);
    first = producer(&p, "p", "[{role, producer}, {supply, 1}]");
    r = hand_start(&p.right, "r", "[{role, consumer}]");
    assert_int_equal(gen_stage_sync_subscribe(
                         p.right.self, r, far_name(&p, "p"), &o, WAIT_MS, NULL),
                     AGNER_OK);
    for (unsigned i = 0; i < 5; i++) {
        expect_events(&p, &last);
        lose(&p);
    }
    p.twin.loss_ppm = 20000; /* again and again */
    for (unsigned i = 0; i < 40; i++)
        expect_events(&p, &last);
    p.twin.loss_ppm = 0;
    (void)sim_run(p.sim, 200);
    /* It is gone, and nobody has its name yet, when the connection is back. */
    lose(&p);
    assert_true(etf_get_pid(first, &pid));
    (void)rt_exit_signal(p.left.self, pid, ETF_A(kill));
    assert_int_equal(rt_wait(p.left.self, pid, WAIT_MS), AGNER_OK);
    (void)sim_run(p.sim, 300);
    first = producer(&p, "p", "[{role, producer}, {supply, 1000000}]");
    do
        expect_events(&p, &last);
    while (last < 1000000);
    /* An end that is none of the connection's ends it, permanent as it is. */
    assert_true(etf_get_pid(first, &pid));
    (void)rt_exit_signal(p.left.self, pid, ETF_A(kill));
    hand_await_end(&p.right, r);
    close_pair(&p);
}

/* It need not wait for its time when the node is there again. */
static void hears_of_nodes(uint64_t seed)
{
    const struct gen_stage_subscribe o = { .max_demand = 4,
                                           .reconnect = true,
                                           .retry_ms = 3600000,
                                           .retry_max_ms = 3600000 };
    struct pair_of_beds p;
    uint64_t last = 0;
    etf_term r, reply = ETF_NONE;
    etf_ref ref;

    open_pair(&p, seed, 0);
    (void)producer(&p, "p", "[{role, producer}, {supply, 1}]");
    r = hand_start(&p.right, "r", "[{role, consumer}]");
    assert_int_equal(gen_stage_sync_subscribe(
                         p.right.self, r, far_name(&p, "p"), &o, WAIT_MS, NULL),
                     AGNER_OK);
    for (unsigned i = 0; i < 5; i++) {
        expect_events(&p, &last);
        lose(&p);
    }
    expect_events(&p, &last);
    /* Until it is cancelled while it waits: the node may be quicker. */
    for (unsigned i = 0; i < 20 && !etf_same(reply, ETF_A(ok)); i++) {
        (void)sim_run(p.sim, 30);
        assert_int_equal(gen_stage_sync_subscribe(p.right.self, r,
                                                  far_name(&p, "p"), &o,
                                                  WAIT_MS, &ref),
                         AGNER_OK);
        lose(&p);
        assert_int_equal(
            gen_call(p.right.self, r,
                     etf_make(p.right.self, "{cancel, _, enough}", ref),
                     WAIT_MS, &reply),
            AGNER_OK);
    }
    assert_true(etf_same(reply, ETF_A(ok)));
    hand_do(&p.right, r, "-31", "{cancel, _, enough}", ref);
    close_pair(&p);
}

static void a_subscription_is_back_with_its_node(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        hears_of_nodes(seed);
}

static void a_subscription_survives_its_connection(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        survives(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conf_TestStageDistributed_flows_across_nodes),
        cmocka_unit_test(a_subscription_survives_its_connection),
        cmocka_unit_test(a_subscription_is_back_with_its_node),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
