/*
 * The tape of the simulated world (fz_sim_tape): whatever it chooses, two nodes
 * keep what they promise. Coverage leads the fuzzer through orders and faults.
 *
 * The input is the tape in pieces of three bytes, the lowest first, so that a
 * number can be up to a million, as chances are; its first byte says who runs
 * next in which manner. The promises: G1 and G7, messages come in order and
 * once, and I19, that after the faults what is sent arrives.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <agner/node.h>
#include <agner/sim_test.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NUMBERS_MAX 20000u
#define PORT        5000
#define TICK_MS     1000
#define COUNT       50

static const char *const names[] = { "a@10.0.0.1", "b@10.0.0.2" };
static const char *const hosts[] = { "10.0.0.1", "10.0.0.2" };

struct pair {
    struct sim_run *run;
    struct node *nodes[2];
    struct gen *at[2];
    int64_t last;   /* that b has heard */
    int64_t wanted; /* ... that it has to hear when there are no faults */
};

static void quiet(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

/* Numbers, one after the other, for ever. */
static void say(struct gen *self, void *arg)
{
    (void)arg;
    for (int64_t n = 1; rt_sleep(self, 20) == AGNER_OK; n++) {
        (void)rt_send(self, etf_make(self, "{ear, _}", etf_atom(names[1])),
                      etf_int(NULL, n));
        rt_reset(self);
    }
}

static void hear(struct gen *self, void *arg)
{
    struct pair *pair = arg;
    etf_term message;
    int64_t n;

    while (rt_receive(self, RT_INFINITY, &message) == AGNER_OK) {
        if (!etf_get_int(message, &n) || n <= pair->last)
            sim_fail(pair->run, "order", "%lld after %lld", (long long)n,
                     (long long)pair->last);
        pair->last = n;
        rt_reset(self);
    }
}

static bool start(struct sim_run *run, int which)
{
    struct pair *pair = sim_run_state(run);
    struct sim_machine *machine = sim_machine(sim_run_sim(run), names[which]);
    struct node_options options = { .name = names[which],
                                    .cookie = "tape",
                                    .listen_host = hosts[which],
                                    .listen_port = PORT,
                                    .epmd = NODE_EPMD_NONE,
                                    .tick_time_ms = TICK_MS };

    if (machine == NULL)
        return false;
    options.rt.world = sim_machine_world(machine);
    options.rt.log = quiet;
    if (node_start(&options, &pair->nodes[which], NULL) != AGNER_OK)
        return false;
    pair->at[which] = rt_attach(node_rt(pair->nodes[which]));
    return node_route(pair->nodes[which], names[1 - which], hosts[1 - which],
                      PORT) == AGNER_OK;
}

static void setup(struct sim_run *run)
{
    struct pair *pair = sim_run_state(run);
    struct rt_spawn_options ear = { .name = etf_atom("ear") };
    etf_pid pid;

    pair->run = run;
    if (!start(run, 0) || !start(run, 1) ||
        rt_spawn(pair->at[1], hear, pair, &ear, &pid) != AGNER_OK ||
        rt_spawn(pair->at[0], say, NULL, NULL, &pid) != AGNER_OK)
        sim_fail(run, "setup", "it did not start");
}

/* By now both have noticed what was lost. */
static void calm(struct sim_run *run)
{
    struct pair *pair = sim_run_state(run);

    (void)sim_run(sim_run_sim(run), 3 * TICK_MS);
    pair->wanted = pair->last + COUNT;
}

static bool done(struct sim_run *run)
{
    const struct pair *pair = sim_run_state(run);

    return pair->last >= pair->wanted;
}

static void teardown(struct sim_run *run)
{
    struct pair *pair = sim_run_state(run);

    for (int i = 0; i < 2; i++) {
        rt_detach(pair->at[i]);
        node_stop(pair->nodes[i], 100);
    }
}

static const struct sim_test tape_test = {
    .name = "tape",
    .state_size = sizeof(struct pair),
    .faults_ms = 2 * TICK_MS,
    .calm_ms = 10 * TICK_MS,
    .steps_max = 100000,
    .setup = setup,
    .calm = calm,
    .done = done,
    .teardown = teardown,
};

static const struct sim_options options = {
    .change_points = 3,
    .steps_expected = 1000,
    .stall_ppm = 1000,
    .stall_ms = 100,
    .cut_ppm = 300000,
    .window = 4096,
    .refuse_ppm = 100000,
    .silent_dial_ppm = 50000,
    .reset_ppm = 20000,
    .half_open_ppm = 300000,
    .half_close_ppm = 10000,
    .clog_ppm = 20000,
    .clog_ms = 500,
    .descriptor_ppm = 20000,
    .weather = SIM_WEATHER_ALL & ~(unsigned)SIM_WEATHER_MEMORY,
    .weather_ms = 200,
    .weather_for_ms = 500,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint64_t tape[NUMBERS_MAX];
    struct sim_case c = { .test = "tape", .seed = 1, .options = options };
    struct sim_result result;

    if (size > 0) {
        c.options.pick = (enum sim_pick)(data[0] % (SIM_PICK_ROUND_ROBIN + 1));
        data++;
        size--;
    }
    for (; size >= 3 && c.tape_count < NUMBERS_MAX; data += 3, size -= 3)
        tape[c.tape_count++] = (uint64_t)data[0] | (uint64_t)data[1] << 8 |
                               (uint64_t)data[2] << 16;
    c.tape = tape;
    sim_test_here(&tape_test, &c, &result);
    if (result.failed) {
        (void)fprintf(stderr, "%s: %s\n", result.name, result.text);
        abort();
    }
    return 0;
}
