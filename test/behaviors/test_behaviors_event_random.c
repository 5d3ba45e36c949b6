/*
 * test_behaviors_event_random.c -- handlers that come, fail, are swapped and go
 * at random while those who use them die, in the simulated world.
 *
 * For every seed: destroy runs exactly once for each handler whose init was
 * begun, terminate at most once and only for one that came in; a supervisor
 * that lives hears exactly once of the end of each of its handlers; every
 * command ends; nothing else is in a mailbox; no process is left.
 * `test_behaviors_event_random SEED` runs that one seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <agner/gen.h>
#include <agner/sim.h>

#define SEEDS     400u
#define USERS     4u
#define OPS       30u
#define LIVES_MAX 1024u

/* One handler, from the command that names it. Its id is its number. */
struct life {
    unsigned begun, in, terminated, destroyed; /* how often */
    unsigned exits;                            /* gen_event_EXIT of it */
    int supervisor;                            /* a user, or -1 */
    bool maybe; /* it has one only if what it came in for was there */
};

struct user {
    unsigned number;
    bool trusting; /* never killed, never fails: it counts its messages */
    bool told;     /* that the manager is over */
    bool over;
};

static struct {
    uint64_t seed;
    struct sim *sim;
    etf_pid manager;
    struct life lives[LIVES_MAX];
    unsigned life_count;
    struct user users[USERS];
    char wrong[200]; /* the first thing that was */
} run;

static void wrong(const char *what, unsigned a, unsigned b)
{
    if (run.wrong[0] == '\0')
        (void)snprintf(run.wrong, sizeof run.wrong, "%s (%u, %u)", what, a, b);
}

static unsigned draw(unsigned bound)
{
    return (unsigned)sim_draw(run.sim, bound);
}

/* ---- The handler -------------------------------------------------------- */

struct state {
    struct life *life; /* borrowed: run's */
};

static const struct gen_event_handler handler;

/* The number of a new handler, or -1: there were enough. */
static int new_life(int supervisor)
{
    if (run.life_count == LIVES_MAX)
        return -1;
    run.lives[run.life_count].supervisor = supervisor;
    return (int)run.life_count++;
}

/* What a callback does: mostly nothing. */
static enum gen_event_next act(struct gen *self)
{
    const struct state *s = gen_event_state(self);
    int number;

    switch (draw(24)) {
    case 0:
        rt_exit(self, etf_make(self, "failed"));
        return GEN_EVENT_NEXT;
    case 1:
        return GEN_EVENT_REMOVE;
    case 2:
        number = new_life(s->life->supervisor);
        if (number < 0)
            return GEN_EVENT_NEXT;
        run.lives[number].maybe = s->life->maybe;
        return gen_event_swap(self, etf_nil(), &handler,
                              etf_make(self, "_", number),
                              etf_make(self, "_", number));
    case 3:
        (void)rt_sleep(self, 1 + draw(5));
        return GEN_EVENT_NEXT;
    case 4:
        return (enum gen_event_next)(5 + draw(100));
    case 5:
        return GEN_EVENT_HIBERNATE;
    default:
        return GEN_EVENT_NEXT;
    }
}

static enum gen_event_next on_init(struct gen *self, etf_term args)
{
    struct state *s = gen_event_state(self);
    int64_t number = -1;

    if (!etf_match(args, "{_, __}", &number) && !etf_get_int(args, &number))
        wrong("init got no number", 0, 0);
    s->life = &run.lives[number];
    if (++s->life->begun != 1)
        wrong("init ran twice", (unsigned)number, 0);
    if (draw(8) == 0)
        rt_exit(self, etf_make(self, "no_init"));
    if (draw(8) == 0)
        return gen_event_error(self, etf_make(self, "not_today"));
    if (draw(8) == 0)
        (void)rt_sleep(self, 1 + draw(3));
    s->life->in++;
    return GEN_EVENT_NEXT;
}

static enum gen_event_next on_event(struct gen *self, etf_term event)
{
    (void)event;
    return act(self);
}

static enum gen_event_next on_call(struct gen *self, etf_term request,
                                   etf_term *reply)
{
    *reply = request;
    return act(self);
}

static etf_term on_terminate(struct gen *self, etf_term argument)
{
    struct state *s = gen_event_state(self);

    if (++s->life->terminated != 1 || s->life->in != 1)
        wrong("terminate", s->life->terminated, s->life->in);
    if (draw(6) == 0)
        rt_exit(self, etf_make(self, "in_terminate"));
    if (draw(6) == 0)
        (void)rt_sleep(self, 1 + draw(3));
    return argument;
}

static void on_destroy(void *state)
{
    const struct state *s = state;

    if (s->life != NULL)
        s->life->destroyed++;
}

static const struct gen_event_handler handler = {
    .name = "handler",
    .state_size = sizeof(struct state),
    .init = on_init,
    .handle_event = on_event,
    .handle_call = on_call,
    .handle_info = on_event,
    .terminate = on_terminate,
    .destroy = on_destroy,
};

/* ---- Its users ---------------------------------------------------------- */

static etf_term any_handler(struct gen *self)
{
    unsigned bound = run.life_count != 0 ? run.life_count : 1;

    return etf_make(self, "{handler, _}", draw(bound));
}

static bool is_expected(enum agner_err err)
{
    switch (err) {
    case AGNER_OK:
    case AGNER_EUNKNOWN:    /* no such handler */
    case AGNER_ETERMINATED: /* it failed */
    case AGNER_ETIMEOUT:
    case AGNER_ENOPROC: /* the manager is over */
    case AGNER_EEXIT:
    case AGNER_EEXITING:
    case AGNER_EKILLED:
        return true;
    default:
        return false;
    }
}

static enum agner_err add(struct gen *self, etf_term m, int supervisor)
{
    int number = new_life(supervisor);
    etf_term id = etf_make(self, "_", number);

    if (number < 0)
        return AGNER_OK;
    if (supervisor >= 0)
        return gen_event_add_sup_handler(self, m, &handler, id, id, NULL);
    return gen_event_add_handler(self, m, &handler, id, id, NULL);
}

static enum agner_err swap(struct gen *self, etf_term m)
{
    etf_term old = any_handler(self);
    int64_t old_number = -1;
    int number;
    etf_term id;

    /* Who comes in for a supervised one has its supervisor. */
    (void)etf_match(old, "{handler, _}", &old_number);
    number = new_life(run.lives[old_number].supervisor);
    if (number < 0)
        return AGNER_OK;
    run.lives[number].maybe = true;
    id = etf_make(self, "_", number);
    return gen_event_swap_handler(self, m, old, etf_nil(), &handler, id, id,
                                  NULL);
}

static enum agner_err operate(struct gen *self, const struct user *u,
                              etf_term m)
{
    switch (draw(9)) {
    case 0:
        return add(self, m, -1);
    case 1:
        return add(self, m, (int)u->number);
    case 2:
        return gen_event_delete_handler(self, m, any_handler(self), etf_nil(),
                                        NULL);
    case 3:
        return swap(self, m);
    case 4:
        return gen_event_notify(self, m, ETF_A(ok));
    case 5:
        return gen_event_sync_notify(self, m, ETF_A(ok));
    case 6:
        return gen_event_call(self, m, any_handler(self), ETF_A(ok),
                              draw(2) == 0 ? draw(4) : 5000, NULL);
    case 7:
        return gen_event_which_handlers(self, m, NULL);
    default:
        return rt_sleep(self, draw(4));
    }
}

static void note_message(struct user *u, etf_term m)
{
    int64_t number;

    if (etf_match(m, "{gen_event_EXIT, {handler, _}, __}", &number)) {
        if (run.lives[number].supervisor != (int)u->number)
            wrong("told of another's handler", (unsigned)number, u->number);
        run.lives[number].exits++;
    } else if (etf_match(m, "over")) {
        u->told = true;
    } else if (!etf_match(m, "{'EXIT', __, __}")) {
        wrong("a stray message", u->number, 0);
    }
}

static void use(struct gen *self, void *arg)
{
    struct user *u = arg;
    etf_term m = etf_from_pid(NULL, run.manager), message;

    (void)rt_trap_exit(self, true);
    for (unsigned i = 0; i < OPS; i++) {
        enum agner_err err = operate(self, u, m);

        if (!is_expected(err))
            wrong(agner_strerror(err), u->number, i);
        while (rt_receive(self, 0, &message) == AGNER_OK)
            note_message(u, message);
        if (!u->trusting && draw(30) == 0)
            rt_exit(self, etf_make(self, "user_failed"));
        rt_reset(self);
    }
    while (!u->told && rt_receive(self, RT_INFINITY, &message) == AGNER_OK)
        note_message(u, message);
    u->over = u->told;
}

/* ---- A run -------------------------------------------------------------- */

static void no_log(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

static void check_lives(void)
{
    for (unsigned i = 0; i < run.life_count; i++) {
        const struct life *l = &run.lives[i];

        if (l->begun != l->destroyed)
            wrong("destroyed", i, l->destroyed);
        if (l->exits > 1)
            wrong("told twice", i, l->exits);
        if (l->supervisor >= 0 && !l->maybe && l->in == 1 &&
            run.users[l->supervisor].trusting &&
            run.users[l->supervisor].over && l->exits != 1)
            wrong("its supervisor heard of its end so often", i, l->exits);
    }
}

static void play(struct rt *rt, struct gen *self)
{
    etf_pid pids[USERS];
    struct rt_stats stats;
    bool kills = draw(4) == 0; /* the manager, in the middle of things */

    if (gen_event_start(self, NULL, etf_nil(), NULL, &run.manager, NULL) !=
        AGNER_OK)
        wrong("no manager", 0, 0);
    for (unsigned i = 0; i < USERS; i++) {
        run.users[i] = (struct user){ .number = i, .trusting = i < 2 };
        if (rt_spawn(self, use, &run.users[i], NULL, &pids[i]) != AGNER_OK)
            wrong("no user", i, 0);
    }
    (void)rt_sleep(self, 1 + draw(60));
    if (draw(2) == 0)
        (void)rt_kill(rt, pids[USERS - 1], ETF_A(kill));
    (void)rt_sleep(self, 1 + draw(200));
    if (kills)
        (void)rt_kill(rt, run.manager, ETF_A(kill));
    else
        (void)gen_event_stop(self, etf_from_pid(NULL, run.manager),
                             ETF_A(normal), RT_INFINITY);
    for (unsigned i = 0; i < USERS; i++) {
        (void)rt_send_pid(self, pids[i], etf_make(self, "over"));
        (void)rt_wait(self, pids[i], 60000);
    }
    (void)rt_wait(self, run.manager, 60000);
    (void)sim_run(run.sim, 10);
    if (!kills)
        check_lives();
    for (unsigned i = 0; i < run.life_count; i++) {
        if (run.lives[i].begun != run.lives[i].destroyed)
            wrong("destroyed", i, run.lives[i].destroyed);
    }
    rt_stats(rt, &stats);
    if (stats.processes != 1)
        wrong("processes are left", (unsigned)stats.processes, 0);
}

static const char *play_seed(uint64_t seed)
{
    struct sim_options sim_options = { .step_ns = 0 };
    struct rt_options options = { .log = no_log };
    struct rt *rt;
    struct gen *self;

    memset(&run, 0, sizeof run);
    run.seed = seed;
    sim_options.pick = (enum sim_pick)(seed % 5);
    sim_options.change_points = 4;
    run.sim = sim_new(seed, &sim_options);
    options.world = sim_world(run.sim);
    if (run.sim == NULL || rt_new(&options, &rt, NULL) != AGNER_OK)
        return "no memory";
    self = rt_attach(rt);
    play(rt, self);
    rt_detach(self);
    rt_free(rt, 1000);
    sim_free(run.sim);
    return run.wrong[0] == '\0' ? NULL : run.wrong;
}

static void every_handler_is_accounted_for(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        const char *what = play_seed(seed);

        if (what != NULL)
            fail_msg("seed %llu: %s", (unsigned long long)seed, what);
    }
}

int main(int count, char **args)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_handler_is_accounted_for),
    };
    const char *what;

    if (count < 2)
        return cmocka_run_group_tests(tests, NULL, NULL);
    what = play_seed(strtoull(args[1], NULL, 10));
    (void)printf("%s\n", what == NULL ? "fine" : what);
    return what != NULL;
}
