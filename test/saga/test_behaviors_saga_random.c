/*
 * test_behaviors_saga_random.c -- random transactions over sagas on one to
 * three nodes, in the simulated world: what must hold for every seed.
 *
 *   I14  every transaction ends at every participant by exactly one of
 *        result+forget, commit, cancel; no job process outlives it by more than
 *        its own time-out + 5 s
 *
 * and of a vote with a store: all who have prepared end with the same outcome,
 * whoever was killed meanwhile. A case is a few transactions with cancels,
 * time-outs, lost connections, and sagas, workers and nodes that are killed and
 * come back. Cases of one seed run one after the other in one world, since
 * nodes take longer to start than a case takes.
 *
 * `test_behaviors_saga_random SEED [WORLDS]` begins with that seed; a failure
 * prints it, and the case.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <agner/gen.h>
#include <agner/sim.h>
#include <cmocka.h>

#include "disk.h"
#include "trio.h"

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED 1
#elif defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef SANITIZED
#define WORLDS 75u
#else
#define WORLDS 500u
#endif
#define CASES     20u /* of a world */
#define SAGAS     5u
#define OPS       14u
#define LIVES     64u
#define ENTRIES   512u
#define WORKERS   512u
#define SETTLE_MS 45000u

enum outcome { OPEN, FORGOTTEN, COMMITTED, CANCELLED };

/* A saga's process. */
struct life {
    unsigned saga;
    etf_pid pid;
    uint64_t ended_ms; /* 0: it lives */
};

/* A transaction at a life. */
struct entry {
    unsigned life;
    etf_ref tx; /* as all nodes write it */
    enum gen_saga_commit commit;
    enum outcome outcome;
    uint64_t ended_ms;
    bool prepared;
};

struct hand {
    unsigned entry;
    uint64_t timeout_ms;
    etf_pid pid;
    bool alive;
    uint64_t ended_ms;
};

static struct {
    uint64_t seed;
    unsigned number; /* of the case */
    bool stores;
    struct sim *sim;
    struct trio t;
    struct disk disk[SAGAS];
    unsigned place[SAGAS];
    int life_of[SAGAS]; /* the present one, or -1 */
    struct life lives[LIVES];
    struct entry entries[ENTRIES];
    struct hand hands[WORKERS];
    unsigned life_count, entry_count, hand_count;
    bool rough; /* there is mischief in callbacks and writes */
    bool calm;  /* ... but not any more */
    char wrong[300];
} run;

static unsigned long long total[4]; /* by outcome, for a look at the mix */
static unsigned long long votes;

static void wrong(const char *rule, long a, long b)
{
    if (run.wrong[0] == '\0')
        (void)snprintf(run.wrong, sizeof run.wrong, "%s (%ld, %ld)", rule, a,
                       b);
}

static unsigned draw(unsigned bound)
{
    return (unsigned)sim_draw(run.sim, bound);
}

static bool one_in(unsigned n)
{
    return draw(n) == 0;
}

static uint64_t now_ms(void)
{
    return sim_now_ns(run.sim) / 1000000u + 1; /* 0 is never */
}

/* ---- The ledger ------------------------------------------------------------
 */

static etf_ref everywhere(etf_ref ref, unsigned place)
{
    if (etf_is_none(ref.node)) {
        ref.node = etf_atom(trio_name((int)place));
        ref.creation = node_creation(run.t.node[place]);
    }
    return ref;
}

/* The latest of that transaction at that saga, in any of its lives. */
static struct entry *entry_of(unsigned saga, etf_ref tx)
{
    for (unsigned i = run.entry_count; i-- > 0;)
        if (run.lives[run.entries[i].life].saga == saga &&
            etf_ref_equal(run.entries[i].tx, tx))
            return &run.entries[i];
    return NULL;
}

struct actor {
    unsigned saga;
    int life;
};

static struct entry *mine(struct gen *self, struct gen_saga_tx tx)
{
    const struct actor *a = gen_state(self);

    return entry_of(a->saga, everywhere(tx.ref, run.place[a->saga]));
}

static void ended(struct gen *self, struct gen_saga_tx tx, enum outcome how)
{
    const struct actor *a = gen_state(self);
    struct entry *e = mine(self, tx);

    if (e == NULL) {
        if (how != CANCELLED) /* one that was refused never was */
            wrong("I14: the end of nothing", (long)a->saga, how);
        return;
    }
    if (e->outcome != OPEN && e->life == (unsigned)a->life)
        wrong("I14: it ended twice", (long)e->outcome, how);
    if (e->life != (unsigned)a->life && !e->prepared && how != CANCELLED)
        wrong("a next life hears of what was not prepared", (long)a->saga, how);
    if (e->outcome != OPEN && e->outcome != how)
        wrong("two outcomes", (long)e->outcome, how);
    e->outcome = how;
    e->ended_ms = now_ms();
    total[how]++;
}

/* ---- Mischief --------------------------------------------------------------
 */

/* By a kill, or by its own code. */
static void end_one(unsigned saga, bool by_kill)
{
    struct rt *rt = node_rt(run.t.node[run.place[saga]]);

    if (run.life_of[saga] < 0)
        return;
    if (by_kill)
        (void)rt_kill(rt, run.lives[run.life_of[saga]].pid, ETF_A(kill));
    else
        (void)rt_post(rt, etf_from_pid(NULL, run.lives[run.life_of[saga]].pid),
                      ETF_A(stop));
}

static void lose_connection(void)
{
    int a = (int)draw(TRIO_MAX), b = (int)draw(TRIO_MAX);

    if (a < run.t.count && b < run.t.count && a != b)
        (void)sim_reset(run.sim, trio_host(a), trio_host(b));
}

/* In the middle of a callback or a write: a vote lasts for microseconds, and
 * all that matters happens in between. */
static void mischief(void)
{
    if (run.calm || !run.rough || !one_in(6))
        return;
    if (one_in(3))
        lose_connection();
    else
        end_one(draw(SAGAS), true);
}

static enum agner_err write_fault(void *ctx)
{
    (void)ctx;
    mischief();
    return !run.calm && run.rough && one_in(30) ? AGNER_EIO : AGNER_OK;
}

/* ---- Workers ---------------------------------------------------------------
 */

static enum gen_next hand_init(struct gen *self, etf_term value)
{
    unsigned *number = gen_state(self);
    struct hand *h = &run.hands[run.hand_count];

    if (run.hand_count + 1 == WORKERS ||
        !etf_match(value, "{_, _, __}", &h->entry, &h->timeout_ms))
        return gen_stop(self, ETF_A(badarg));
    h->pid = rt_self(self);
    h->alive = true;
    *number = ++run.hand_count;
    return GEN_NEXT;
}

static enum gen_next hand_start(struct gen *self,
                                const struct gen_saga_job *job)
{
    switch (draw(8)) {
    case 0:
        return gen_stop(self, etf_atom("crash"));
    case 1:
        return gen_stop(self, ETF_A(normal));
    case 2:
        (void)rt_sleep(self, 30000); /* stuck */
        break;
    case 3:
        return GEN_NEXT; /* waits for its cancel */
    case 4:
        (void)rt_sleep(self, draw(1000));
        break;
    default:
        break;
    }
    if (one_in(4))
        (void)gen_saga_job_interim(self, ETF_A(ok));
    (void)gen_saga_job_result(self, job->value);
    return GEN_NEXT;
}

static enum gen_next
hand_cancel(struct gen *self, const struct gen_saga_job *job, etf_term reason)
{
    (void)job;
    (void)reason;
    if (gen_saga_job_result(self, ETF_A(ok)) != AGNER_ETXCANCELLED)
        wrong("a cancelled job may send", 0, 0);
    if (one_in(10))
        (void)rt_sleep(self, 60000);
    return GEN_NEXT;
}

static bool hand_prepare(struct gen *self, const struct gen_saga_job *job,
                         etf_term final, etf_term *why)
{
    (void)self;
    (void)job;
    (void) final;
    (void)why;
    return !one_in(20);
}

static void hand_destroy(void *state)
{
    unsigned number = *(unsigned *)state;

    if (number == 0)
        return;
    run.hands[number - 1].alive = false;
    run.hands[number - 1].ended_ms = now_ms();
}

static const struct gen_saga_worker hand = {
    .name = "hand",
    .state_size = sizeof(unsigned),
    .init = hand_init,
    .handle_job_start = hand_start,
    .handle_job_cancel = hand_cancel,
    .handle_job_prepare = hand_prepare,
    .destroy = hand_destroy,
};

/* ---- Sagas -----------------------------------------------------------------
 */

static etf_term name_of(unsigned saga)
{
    char text[16];

    (void)snprintf(text, sizeof text, "s%u", saga);
    return etf_atom(text);
}

static etf_term address(struct gen *self, unsigned saga)
{
    return etf_make(self, "{_, _}", name_of(saga),
                    etf_atom(trio_name((int)run.place[saga])));
}

static enum gen_next saga_init(struct gen *self, etf_term args)
{
    struct actor *a = gen_state(self);
    struct gen_store *store;
    enum agner_err err = AGNER_OK;

    if (!etf_match(args, "{_, _}", &a->saga, &a->life))
        return gen_stop(self, ETF_A(badarg));
    if (run.stores) {
        run.disk[a->saga].fault = write_fault;
        store = disk_store(&run.disk[a->saga], rt_of(self));
        err = gen_saga_store(self, store, "votes");
        gen_store_free(store);
    }
    return err == AGNER_OK ? GEN_NEXT : gen_stop(self, ETF_A(error));
}

/* Sends the result when nothing is open; or cancels. Without commit a
 * participant is done with it then, and the creator will be in handle_tx_done.
 */
static enum gen_next go_on(struct gen *self, struct gen_saga_tx tx)
{
    if (one_in(25)) {
        (void)gen_saga_cancel(self, tx, etf_atom("enough"));
        return GEN_NEXT;
    }
    if (gen_saga_result(self, tx, ETF_A(ok)) == AGNER_OK &&
        gen_saga_result(self, tx, ETF_A(ok)) == AGNER_ETXUNKNOWN)
        ended(self, tx, FORGOTTEN);
    return GEN_NEXT;
}

static void ask_others(struct gen *self, struct gen_saga_tx tx, unsigned entry,
                       unsigned depth, unsigned commit)
{
    unsigned nexts = depth == 0 ? 0 : draw(3);
    unsigned jobs = draw(3);

    while (nexts-- > 0) {
        struct gen_saga_next next = {
            .saga = address(self, draw(SAGAS)),
            .value = etf_make(self, "{_, _}", depth - 1, commit),
            .timeout_ms = one_in(4) ? 500 + draw(1500) : 0,
            .trap_cancel = one_in(3)
        };

        (void)gen_saga_next(self, tx, &next, NULL);
    }
    while (jobs-- > 0) {
        struct gen_saga_job_options o = { .timeout_ms = 1 + draw(1500) };

        (void)gen_saga_job(self, tx, &o,
                           etf_make(self, "{_, _, x}", entry, o.timeout_ms),
                           NULL);
    }
}

static enum gen_next saga_new(struct gen *self, struct gen_saga_tx tx,
                              etf_term value)
{
    const struct actor *a = gen_state(self);
    struct entry *e = &run.entries[run.entry_count];
    unsigned depth = 0, commit = 0;

    if (run.entry_count + 1 == ENTRIES ||
        !etf_match(value, "{_, _}", &depth, &commit))
        return gen_stop(self, ETF_A(badarg));
    *e = (struct entry){ .life = (unsigned)a->life,
                         .tx = everywhere(tx.ref, run.place[a->saga]),
                         .commit = (enum gen_saga_commit)commit };
    ask_others(self, tx, run.entry_count++, depth, commit);
    return one_in(10) ? GEN_NEXT : go_on(self, tx);
}

static enum gen_next saga_result(struct gen *self, struct gen_saga_tx tx,
                                 struct gen_saga_next_id from, etf_term result)
{
    (void)from;
    (void)result;
    return go_on(self, tx);
}

static enum gen_next saga_cancel(struct gen *self, struct gen_saga_tx tx,
                                 etf_term reason)
{
    (void)reason;
    ended(self, tx, CANCELLED);
    return GEN_NEXT;
}

static enum gen_next saga_done(struct gen *self, struct gen_saga_tx tx,
                               etf_term result, etf_term *final)
{
    const struct entry *e = mine(self, tx);

    (void)result;
    mischief();
    *final = etf_atom("final");
    if (one_in(20) && gen_saga_cancel(self, tx, etf_atom("undone")) == AGNER_OK)
        return GEN_NEXT;
    if (e != NULL && e->commit != GEN_SAGA_VOTE)
        ended(self, tx,
              e->commit == GEN_SAGA_NO_COMMIT ? FORGOTTEN : COMMITTED);
    return GEN_NEXT;
}

static bool saga_prepare(struct gen *self, struct gen_saga_tx tx,
                         etf_term final, etf_term *why)
{
    struct entry *e = mine(self, tx);

    (void) final;
    (void)why;
    if (e == NULL)
        wrong("asked to prepare what it has not", 0, 0);
    if (e == NULL || one_in(15))
        return false;
    mischief();
    e->prepared = true;
    votes++;
    return true;
}

static enum gen_next saga_commit(struct gen *self, struct gen_saga_tx tx,
                                 etf_term final)
{
    if (!etf_atom_is(final, "final"))
        wrong("another final value", 0, 0);
    ended(self, tx, COMMITTED);
    mischief();
    return GEN_NEXT;
}

static enum gen_next saga_job(struct gen *self, struct gen_saga_tx tx,
                              struct gen_saga_job_id from, etf_term value)
{
    (void)from;
    (void)value;
    return go_on(self, tx);
}

static enum gen_next saga_info(struct gen *self, etf_term message)
{
    struct gen_saga_notice n;

    if (etf_same(message, ETF_A(stop)))
        return gen_stop(self, etf_atom(one_in(2) ? "crash" : "normal"));
    if (!gen_saga_is_cancel(message, &n))
        return GEN_NEXT;
    return go_on(self, n.tx);
}

static enum gen_next saga_cast(struct gen *self, etf_term request)
{
    struct gen_saga_options o = { 0 };
    unsigned depth, commit;

    if (!etf_match(request, "{_, _, _}", &depth, &commit, &o.lifespan_ms))
        return gen_stop(self, request);
    o.commit = (enum gen_saga_commit)commit;
    (void)gen_saga_begin(self, &o, etf_make(self, "{_, _}", depth, commit),
                         NULL);
    return GEN_NEXT;
}

static void saga_destroy(void *state)
{
    const struct actor *a = state;

    run.lives[a->life].ended_ms = now_ms();
    if (run.life_of[a->saga] == a->life)
        run.life_of[a->saga] = -1;
}

static const struct gen_saga table = {
    .name = "random",
    .state_size = sizeof(struct actor),
    .init = saga_init,
    .handle_tx_new = saga_new,
    .handle_tx_result = saga_result,
    .handle_tx_cancel = saga_cancel,
    .handle_tx_done = saga_done,
    .handle_tx_prepare = saga_prepare,
    .handle_tx_commit = saga_commit,
    .handle_job_result = saga_job,
    .handle_job_failed = saga_job,
    .handle_cast = saga_cast,
    .handle_info = saga_info,
    .destroy = saga_destroy,
    .worker = &hand,
};

/* ---- What happens ----------------------------------------------------------
 */

static void start(unsigned saga)
{
    struct gen *self = run.t.self[run.place[saga]];
    struct rt_spawn_options options = { .name = name_of(saga) };
    int life = (int)run.life_count;
    enum agner_err err;

    if (run.life_of[saga] >= 0 || run.life_count == LIVES)
        return;
    run.lives[run.life_count++] = (struct life){ .saga = saga };
    run.life_of[saga] = life;
    err = gen_saga_start(self, &table, etf_make(self, "{_, _}", saga, life),
                         &options, &run.lives[life].pid, NULL);
    if (err != AGNER_OK)
        wrong("a saga does not start", (long)saga, err);
    rt_reset(self);
}

static void kill_worker(void)
{
    const struct hand *h;

    if (run.hand_count == 0)
        return;
    h = &run.hands[draw(run.hand_count)];
    if (h->alive) {
        unsigned saga = run.lives[run.entries[h->entry].life].saga;

        (void)rt_kill(node_rt(run.t.node[run.place[saga]]), h->pid,
                      ETF_A(kill));
    }
}

static void abort_one(void)
{
    unsigned saga = draw(SAGAS);
    struct gen *self = run.t.self[run.place[saga]];
    struct gen_saga_tx tx;

    if (run.entry_count == 0)
        return;
    tx.ref = run.entries[draw(run.entry_count)].tx;
    (void)rt_send(self, name_of(saga),
                  etf_make(self,
                           "{'$gen_call', {_, _}, {'$saga', abort, _, "
                           "by_hand}}",
                           rt_self(self), rt_make_ref(self), tx.ref));
}

static void restart_node(unsigned n)
{
    for (unsigned i = 0; i < SAGAS; i++)
        if (run.place[i] == n)
            end_one(i, true);
    trio_restart(&run.t, (int)n);
}

static void begin(void)
{
    unsigned saga = draw(SAGAS);
    struct gen *self = run.t.self[run.place[saga]];

    (void)gen_cast(
        self, name_of(saga),
        etf_make(self, "{_, _, _}", draw(4), draw(3), 1500 + draw(4000)));
}

static void act(void)
{
    switch (draw(14)) {
    case 0:
        end_one(draw(SAGAS), one_in(2));
        break;
    case 1:
        start(draw(SAGAS));
        break;
    case 2:
        kill_worker();
        break;
    case 3:
        lose_connection();
        break;
    case 4:
        abort_one();
        break;
    case 5:
        if (run.t.count > 1 && one_in(12))
            restart_node(draw((unsigned)run.t.count));
        break;
    default:
        begin();
        break;
    }
    for (int i = 0; i < run.t.count; i++)
        rt_reset(run.t.self[i]);
    (void)sim_run(run.sim, one_in(3) ? 0 : draw(400));
}

/* ---- What must hold --------------------------------------------------------
 */

static uint64_t end_of(const struct entry *e)
{
    uint64_t died_ms = run.lives[e->life].ended_ms;

    if (e->outcome == OPEN || (died_ms != 0 && died_ms < e->ended_ms))
        return died_ms;
    return e->ended_ms;
}

static void check_entries(void)
{
    for (unsigned i = 0; i < run.entry_count; i++) {
        const struct entry *e = &run.entries[i];
        bool lived = run.lives[e->life].ended_ms == 0;
        bool kept = run.stores && e->prepared;

        if (e->outcome == OPEN && kept)
            wrong("a prepared one has no outcome", (long)i, e->commit);
        /* Without a store one that has prepared may be in doubt for ever. */
        if (e->outcome == OPEN && lived && !(e->prepared && !run.stores))
            wrong("I14: it never ended", (long)i, e->commit);
        for (unsigned j = 0; kept && j < i; j++)
            if (run.entries[j].prepared &&
                etf_ref_equal(run.entries[j].tx, e->tx) &&
                (run.entries[j].outcome == COMMITTED) !=
                    (e->outcome == COMMITTED))
                wrong("prepared, and not the same outcome", (long)i, (long)j);
    }
}

static void check_workers(void)
{
    for (unsigned i = 0; i < run.hand_count; i++) {
        const struct hand *h = &run.hands[i];
        const struct entry *e = &run.entries[h->entry];
        uint64_t end_ms = end_of(e);

        if (end_ms == 0)
            continue; /* in doubt */
        if (h->alive)
            wrong("I14: a job lives on", (long)i, e->commit);
        else if (h->ended_ms >
                 end_ms + h->timeout_ms + GEN_SAGA_JOB_GRACE_MS + 1)
            wrong("I14: a job lived too long", (long)(h->ended_ms - end_ms),
                  (long)h->timeout_ms);
    }
}

static void check_sagas(void)
{
    for (unsigned i = 0; i < SAGAS; i++) {
        uint64_t in_flight = 0, stuck = 0;
        struct gen *self = run.t.self[run.place[i]];
        etf_term map;

        if (gen_saga_list(self, name_of(i), 10000, &map) != AGNER_OK ||
            !etf_match(map, "#{in_flight => _, stuck => _}", &in_flight,
                       &stuck) ||
            in_flight != stuck || (run.stores && stuck != 0))
            wrong("a saga has transactions left", (long)in_flight, (long)stuck);
        if (run.stores && run.disk[i].count != 0)
            wrong("something is left in a store", (long)run.disk[i].count,
                  (long)i);
    }
}

/* ---- A case ----------------------------------------------------------------
 */

static void end_all(void)
{
    for (unsigned i = 0; i < SAGAS; i++)
        end_one(i, true);
    (void)sim_run(run.sim, 10000); /* and their workers, whatever they do */
    for (unsigned i = 0; i < SAGAS; i++)
        disk_clear(&run.disk[i]);
}

static void play(void)
{
    run.life_count = run.entry_count = run.hand_count = 0;
    run.stores = one_in(2);
    run.rough = one_in(2);
    run.calm = false;
    for (unsigned i = 0; i < SAGAS; i++) {
        run.place[i] = draw((unsigned)run.t.count);
        run.life_of[i] = -1;
        start(i);
    }
    for (unsigned i = 0; i < OPS && run.wrong[0] == '\0'; i++)
        act();
    run.calm = true;
    (void)sim_run(run.sim, 1000); /* who is being killed is dead by then */
    for (unsigned i = 0; i < SAGAS; i++)
        start(i);
    (void)sim_run(run.sim, SETTLE_MS);
    check_entries();
    check_workers();
    check_sagas();
    end_all();
}

static void play_world(uint64_t seed)
{
    run.seed = seed;
    run.sim = sim_new(seed, NULL);
    assert_non_null(run.sim);
    trio_open(&run.t, run.sim, 1 + (int)(seed % TRIO_MAX));
    for (run.number = 0; run.number < CASES && run.wrong[0] == '\0';
         run.number++)
        play();
    if (run.wrong[0] != '\0')
        fail_msg("seed %llu, case %u: %s", (unsigned long long)seed,
                 run.number - 1, run.wrong);
    trio_close(&run.t);
    sim_free(run.sim);
}

static uint64_t first_seed = 1;
static unsigned worlds = WORLDS;

static void I14_every_transaction_ends_once_for_each(void **state)
{
    (void)state;
    for (unsigned i = 0; i < worlds; i++)
        play_world(first_seed + i);
    assert_true(worlds < 20 || (total[FORGOTTEN] > 0 && total[COMMITTED] > 0 &&
                                total[CANCELLED] > 0 && votes > 0));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(I14_every_transaction_ends_once_for_each),
    };
    int result;

    if (argc > 1) {
        first_seed = strtoull(argv[1], NULL, 10);
        worlds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1;
    }
    result = cmocka_run_group_tests(tests, NULL, NULL);
    printf("%u cases: %llu forgotten, %llu committed, %llu cancelled; %llu "
           "votes\n",
           worlds * CASES, total[FORGOTTEN], total[COMMITTED], total[CANCELLED],
           votes);
    return result;
}
