/*
 * wallet_sim.c -- no coin is made or lost, whatever the network does: a test in
 * the simulated world.
 *
 *     wallet-sim                  finds a seed for which the careless payer
 *                                 makes money, and writes a small case
 *     GEN_SIM_SEED=17 wallet-sim  that seed again
 *     wallet-sim --replay FILE    that case again
 *
 * The first argument may be `careful`: the payer that asks again.
 */
#include <string.h>

#include <agner/node.h>
#include <agner/sim_test.h>

#include "wallet.h"

#define COINS 20
#define PORT  5000

static const char *const names[] = { "here@10.0.0.1", "there@10.0.0.2" };
static const char *const hosts[] = { "10.0.0.1", "10.0.0.2" };

/* One run: two nodes with a wallet each, and a payer. */
struct bank {
    struct node *nodes[2];
    struct gen *at[2];
    struct payment payment;
};

static void quiet(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

/* A node on a machine of its own, with a wallet that has a name. */
static bool start_node(struct sim_run *run, int which)
{
    struct bank *bank = sim_run_state(run);
    struct sim_machine *machine = sim_machine(sim_run_sim(run), names[which]);
    struct node_options options = { .name = names[which],
                                    .cookie = "coins",
                                    .listen_host = hosts[which],
                                    .listen_port = PORT,
                                    .epmd = NODE_EPMD_NONE,
                                    .tick_time_ms = 4000 };
    struct rt_spawn_options spawn = { .name = etf_atom("wallet") };
    etf_term reason;
    etf_pid pid;

    if (machine == NULL)
        return false;
    options.rt.world = sim_machine_world(machine);
    options.rt.log = quiet;
    if (node_start(&options, &bank->nodes[which], NULL) != AGNER_OK)
        return false;
    bank->at[which] = rt_attach(node_rt(bank->nodes[which]));
    return node_route(bank->nodes[which], names[1 - which], hosts[1 - which],
                      PORT) == AGNER_OK &&
           gen_start(bank->at[which], &wallet_server,
                     etf_int(NULL, which == 0 ? COINS : 0), &spawn, &pid,
                     &reason) == AGNER_OK;
}

static void start(struct sim_run *run, bool asks_again)
{
    struct bank *bank = sim_run_state(run);
    etf_pid pid;

    bank->payment = (struct payment){ .from = "wallet",
                                      .to = "wallet",
                                      .node = names[1],
                                      .coins = COINS,
                                      .asks_again = asks_again };
    if (!start_node(run, 0) || !start_node(run, 1) ||
        rt_spawn(bank->at[0], wallet_pay, &bank->payment, NULL, &pid) !=
            AGNER_OK)
        sim_fail(run, "setup", "it did not start");
}

static void start_careless(struct sim_run *run)
{
    start(run, false);
}

static bool is_done(struct sim_run *run)
{
    return ((const struct bank *)sim_run_state(run))->payment.done;
}

static int64_t count(struct sim_run *run, int which)
{
    struct bank *bank = sim_run_state(run);
    struct gen *self = bank->at[which];
    etf_term reply;
    int64_t coins;

    if (gen_call(self, etf_atom("wallet"), etf_make(self, "count"), 1000,
                 &reply) != AGNER_OK ||
        !etf_get_int(reply, &coins)) {
        sim_fail(run, "wallet", "it does not answer");
        return 0;
    }
    return coins;
}

static void check(struct sim_run *run)
{
    const struct bank *bank = sim_run_state(run);
    int64_t here = count(run, 0), there = count(run, 1);

    if (here + there != COINS)
        sim_fail(run, "money", "%lld and %lld of %d, %lld were not paid",
                 (long long)here, (long long)there, COINS,
                 (long long)bank->payment.unpaid);
}

static void end(struct sim_run *run)
{
    struct bank *bank = sim_run_state(run);

    for (int i = 0; i < 2; i++) {
        rt_detach(bank->at[i]);
        node_stop(bank->nodes[i], 1000);
    }
}

static const struct sim_test careless_test = {
    .name = "careless",
    .state_size = sizeof(struct bank),
    .faults_ms = 10000,
    .setup = start_careless,
    .done = is_done,
    .check = check,
    .teardown = end,
};

#ifdef GEN_MODULE
/* wallet_sim.so, for `agner sim`. */
SIM_TEST(careless_test)
#else
static void start_careful(struct sim_run *run)
{
    start(run, true);
}

static const struct sim_test careful_test = {
    .name = "careful",
    .state_size = sizeof(struct bank),
    .faults_ms = 10000,
    .setup = start_careful,
    .done = is_done,
    .check = check,
    .teardown = end,
};

int main(int argc, char **argv)
{
    static char name[] = "wallet-sim careful";

    if (argc > 1 && strcmp(argv[1], "careful") == 0) {
        argv[1] = name;
        return sim_main(&careful_test, argc - 1, argv + 1);
    }
    return sim_main(&careless_test, argc, argv);
}
#endif
