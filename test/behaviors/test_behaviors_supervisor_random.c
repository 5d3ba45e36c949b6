/*
 * test_behaviors_supervisor_random.c -- random trees, ends, kills and requests,
 * in the simulated world: what must hold for every seed.
 *
 *   I8   a supervisor never has two live children of one id; when it has ended,
 *        none of its descendants lives
 *   I9   restarts within a period never exceed the intensity
 *   I10  children start left to right and end right to left
 *
 * and what which_children tells is so. `test_behaviors_supervisor_random SEED`
 * runs that one seed.
 */
#include "members.h"

#include <stdio.h>
#include <stdlib.h>

#define SEEDS      1500u
#define OPS        25u
#define ROWS_MAX   4u
#define TABLES_MAX 40u
#define LIVES_MAX  4096u
#define PERIOD_MS  1000u

/* ---- What happened ------------------------------------------------------ */

/* One leaf process, from init to destroy. */
struct life {
    etf_pid pid, parent; /* the parent is its supervisor */
    int index;           /* among its supervisor's children, or -1: added */
    unsigned sup;        /* table */
    uint64_t begun_ms, slow_ms;
    bool alive, at_start; /* in the supervisor's init */
};

static struct {
    uint64_t seed, draws;
    struct gen_supervisor tables[TABLES_MAX];
    struct gen_child_spec rows[TABLES_MAX][ROWS_MAX];
    char texts[TABLES_MAX][ROWS_MAX][48];
    unsigned table_count;
    /* Supervisors are given all the time that they want to stop. Who kills one
     * has its children end in any order, a little later; and as in OTP, who has
     * unlinked from a supervisor that is killed lives on. */
    bool patient;
    bool may_unlink; /* patient, and nobody is killed */
    struct life lives[LIVES_MAX];
    unsigned life_count;
    bool final;      /* the root is being stopped in an orderly way */
    char wrong[300]; /* the first thing that was */
} run;

static void wrong(const char *rule, long a, long b)
{
    if (run.wrong[0] == '\0')
        snprintf(run.wrong, sizeof run.wrong, "%s (%ld, %ld)", rule, a, b);
}

/* A drawn number below `bound`. */
static unsigned draw(unsigned bound)
{
    uint64_t x = run.seed * 0x9e3779b97f4a7c15u + ++run.draws;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (unsigned)((x ^ x >> 31) % bound);
}

/* ---- Leaves ------------------------------------------------------------- */

static void check_single(const struct life *l)
{
    for (unsigned i = 0; i < run.life_count; i++)
        if (run.lives[i].alive && run.lives[i].index == l->index &&
            l->index >= 0 && etf_pid_equal(run.lives[i].parent, l->parent))
            wrong("I8: two live children of one id", l->index, (long)l->sup);
}

/* I9, for those where each start is a restart: of OTP's window it is the same
 * to say that a start and the `intensity` before it span more than a period. */
static void check_window(const struct life *l)
{
    const struct gen_supervisor *table = &run.tables[l->sup];
    uint32_t recent = 0;

    if (table->strategy != GEN_ONE_FOR_ONE)
        return;
    for (unsigned i = 0; i < run.life_count; i++)
        recent += etf_pid_equal(run.lives[i].parent, l->parent) &&
                  !run.lives[i].at_start && run.lives[i].index >= 0 &&
                  l->begun_ms - run.lives[i].begun_ms <= PERIOD_MS;
    if (recent >= table->intensity)
        wrong("I9: more restarts than the intensity", (long)recent + 1,
              (long)table->intensity);
}

/* Is it the first life at that place, with none behind it? */
static bool is_first(const struct life *l)
{
    for (unsigned i = 0; i < run.life_count; i++)
        if (etf_pid_equal(run.lives[i].parent, l->parent) &&
            run.lives[i].index >= l->index)
            return false;
    return true;
}

static enum gen_next leaf_init(struct gen *self, etf_term args)
{
    unsigned *number = gen_state(self);
    struct life *l = &run.lives[run.life_count];
    int64_t index;
    uint32_t sup;
    etf_term how;

    if (!etf_match(args, "{_, _, _}", &sup, &index, &how))
        return gen_stop(self, ETF_A(badarg));
    if (etf_atom_is(how, "fails") && draw(4) == 0)
        return gen_stop(self, etf_atom("no"));
    if (run.life_count + 1 == LIVES_MAX)
        return gen_stop(self, etf_atom("too_many"));
    *l = (struct life){ .pid = rt_self(self),
                        .parent = rt_parent(self),
                        .index = (int)index,
                        .sup = sup,
                        .begun_ms = rt_now_ms(rt_of(self)) };
    l->at_start = is_first(l);
    check_single(l);
    if (!l->at_start && l->index >= 0)
        check_window(l);
    (void)etf_match(how, "{slow, _}", &l->slow_ms);
    if (l->slow_ms != 0 && draw(2) == 0)
        (void)rt_trap_exit(self, true);
    if (etf_atom_is(how, "unlinks"))
        (void)rt_unlink(self, l->parent);
    l->alive = true;
    *number = ++run.life_count;
    return GEN_NEXT;
}

static enum gen_next leaf_cast(struct gen *self, etf_term reason)
{
    return gen_stop(self, reason);
}

static void leaf_terminate(struct gen *self, etf_term reason)
{
    const unsigned *number = gen_state(self);

    (void)reason;
    if (*number != 0 && run.lives[*number - 1].slow_ms != 0)
        (void)rt_sleep(self, run.lives[*number - 1].slow_ms);
}

/* I10: nobody before it in the row ends earlier, when all are stopped. */
static void check_order(const struct life *l)
{
    if (run.tables[l->sup].parallel_stop || l->index < 0)
        return;
    for (unsigned i = 0; i < run.life_count; i++)
        if (run.lives[i].alive && run.lives[i].index > l->index &&
            etf_pid_equal(run.lives[i].parent, l->parent))
            wrong("I10: one ended before one behind it", l->index,
                  run.lives[i].index);
}

static void leaf_destroy(void *state)
{
    const unsigned *number = state;

    if (*number == 0)
        return;
    run.lives[*number - 1].alive = false;
    if (run.final)
        check_order(&run.lives[*number - 1]);
}

static const struct gen_server leaf = { .name = "leaf",
                                        .state_size = sizeof(unsigned),
                                        .init = leaf_init,
                                        .handle_cast = leaf_cast,
                                        .terminate = leaf_terminate,
                                        .destroy = leaf_destroy };

/* ---- A random tree ------------------------------------------------------ */

static const char *draw_leaf(void)
{
    switch (draw(6)) {
    case 0:
        return "fails";
    case 1:
        return "{slow, 20}";
    case 2:
        return "{slow, 400}";
    case 3:
        return run.may_unlink ? "unlinks" : "plain";
    default:
        return "plain";
    }
}

static uint64_t draw_shutdown(void)
{
    static const uint64_t times[] = { 0, 1, 50, RT_INFINITY, GEN_BRUTAL_KILL };

    return times[draw(5)];
}

static const struct gen_supervisor *draw_table(unsigned depth);

static void draw_row(unsigned t, unsigned i, unsigned depth)
{
    struct gen_child_spec *row = &run.rows[t][i];

    *row = (struct gen_child_spec){ .id_term = etf_int(NULL, i),
                                    .restart = (enum gen_restart)draw(3),
                                    .shutdown_ms = draw_shutdown() };
    if (draw(8) == 0)
        row->backoff_ms = 1 + draw(100);
    if (depth > 0 && draw(3) == 0 && run.table_count < TABLES_MAX) {
        row->supervisor = draw_table(depth - 1);
        if (run.patient)
            row->shutdown_ms = RT_INFINITY;
        return;
    }
    snprintf(run.texts[t][i], sizeof run.texts[t][i], "{%u, %u, %s}", t, i,
             draw_leaf());
    row->server = &leaf;
    row->args = run.texts[t][i];
}

static const struct gen_supervisor *draw_table(unsigned depth)
{
    unsigned t = run.table_count++;
    unsigned count = 1 + draw(ROWS_MAX);

    for (unsigned i = 0; i < count; i++)
        draw_row(t, i, depth);
    run.tables[t] = (struct gen_supervisor){
        .name = "random",
        .strategy = (enum gen_strategy)draw(3),
        .intensity = 1 + draw(8),
        .period_ms = PERIOD_MS,
        .parallel_stop = draw(4) == 0,
        .children = run.rows[t],
        .child_count = count,
    };
    return &run.tables[t];
}

/* ---- Random deeds ------------------------------------------------------- */

static const struct life *draw_life(void)
{
    unsigned start = run.life_count == 0 ? 0 : draw(run.life_count);

    for (unsigned i = 0; i < run.life_count; i++) {
        const struct life *l = &run.lives[(start + i) % run.life_count];

        if (l->alive)
            return l;
    }
    return NULL;
}

static void end_a_leaf(struct bed *bed)
{
    static const char *const reasons[] = { "normal", "shutdown", "boom",
                                           "{shutdown, x}" };
    const struct life *l = draw_life();

    if (l == NULL)
        return;
    if (draw(4) == 0)
        (void)rt_exit_signal(bed->self, l->pid, ETF_A(kill));
    else
        (void)gen_cast(bed->self, etf_from_pid(NULL, l->pid),
                       members_term(bed, reasons[draw(4)]));
}

static void kill_a_supervisor(struct bed *bed)
{
    const struct life *l = draw_life();

    if (l != NULL && !run.may_unlink)
        (void)rt_exit_signal(bed->self, l->parent, ETF_A(kill));
}

static void add_a_child(struct bed *bed, const struct life *l)
{
    struct gen_child_spec row = { .server = &leaf,
                                  .restart = GEN_TEMPORARY,
                                  .shutdown_ms = draw_shutdown() };

    row.id_term = etf_make(bed->self, "{added, _}", draw(3));
    row.args_term = etf_make(bed->self, "{_, -1, plain}", l->sup);
    (void)gen_start_child(bed->self, etf_from_pid(NULL, l->parent), &row, NULL,
                          NULL);
}

/* The answers are checked elsewhere; here they must only not hurt. Where
 * restarts are counted nothing else starts a child. */
static void ask_a_supervisor(struct bed *bed)
{
    const struct life *l = draw_life();
    bool counted;
    etf_term sup, id, list;

    if (l == NULL)
        return;
    counted = run.tables[l->sup].strategy == GEN_ONE_FOR_ONE;
    sup = etf_from_pid(NULL, l->parent);
    id = etf_int(NULL, draw(ROWS_MAX));
    switch (draw(counted ? 4 : 6)) {
    case 0:
        (void)gen_terminate_child(bed->self, sup, id);
        break;
    case 1:
        (void)gen_delete_child(bed->self, sup, id);
        break;
    case 2:
        (void)gen_which_children(bed->self, sup, &list);
        break;
    case 3:
        add_a_child(bed, l);
        break;
    case 4:
        (void)gen_restart_child(bed->self, sup, id, NULL, NULL);
        break;
    case 5:
        (void)gen_disable_child(bed->self, sup, id);
        break;
    }
}

static void deed(struct bed *bed)
{
    switch (draw(8)) {
    case 0:
        kill_a_supervisor(bed);
        break;
    case 1:
    case 2:
        ask_a_supervisor(bed);
        break;
    case 3:
        members_run(bed, draw(300));
        break;
    default:
        end_a_leaf(bed);
        break;
    }
    rt_reset(bed->self);
}

/* ---- Checks when all is quiet ------------------------------------------- */

static bool is_listed(etf_term list, etf_pid pid)
{
    etf_term row, word = etf_from_pid(NULL, pid);

    while (etf_list_next(&list, &row))
        if (etf_same(etf_tuple_items(row)[1], word))
            return true;
    return false;
}

/* Each leaf that lives is its supervisor's child, unless it has unlinked and
 * was forgotten. */
static void check_lists(struct bed *bed)
{
    for (unsigned i = 0; i < run.life_count; i++) {
        const struct life *l = &run.lives[i];
        etf_term list;

        if (!l->alive || run.may_unlink)
            continue;
        if (gen_which_children(bed->self, etf_from_pid(NULL, l->parent),
                               &list) != AGNER_OK)
            wrong("a leaf has no supervisor", l->index, l->sup);
        else if (!is_listed(list, l->pid))
            wrong("a leaf is not listed", l->index, l->sup);
        rt_reset(bed->self);
    }
}

/* The root may have ended by itself, long ago. */
static void end_the_root(struct bed *bed, etf_pid root)
{
    bool orderly = run.may_unlink || draw(3) != 0;

    run.final = orderly && run.patient;
    if (orderly)
        (void)gen_server_stop(bed->self, etf_from_pid(NULL, root),
                              ETF_A(shutdown), RT_INFINITY);
    else
        (void)rt_exit_signal(bed->self, root, ETF_A(kill));
    if (!run.final)
        members_run(bed, 20000);
    if (members_alive(bed) != 0)
        wrong("I8: processes are left", (long)members_alive(bed), orderly);
    run.final = false;
}

static void run_seed(uint64_t seed)
{
    struct sim_options options = { .step_ns = 0 };
    struct rt_options rt_options = { .log_level = RT_LOG_NONE };
    const struct gen_supervisor *table;
    struct bed bed;
    etf_pid root;

    memset(&run, 0, sizeof run);
    run.seed = seed;
    run.patient = draw(2) == 0;
    run.may_unlink = run.patient && draw(2) == 0;
    options.pick = (enum sim_pick)draw(5);
    bed_open_with(&bed, seed, rt_options, &options);
    (void)rt_trap_exit(bed.self, true);
    table = draw_table(2);
    if (gen_supervisor_start_link(bed.self, table, etf_nil(), NULL, &root,
                                  NULL) == AGNER_OK) {
        for (unsigned i = 0; i < OPS; i++)
            deed(&bed);
        members_run(&bed, 20000);
        check_lists(&bed);
        end_the_root(&bed, root);
    } else {
        if (!run.patient)
            members_run(&bed, 20000);
        if (members_alive(&bed) != 0)
            wrong("I6: processes are left of a start that failed",
                  (long)members_alive(&bed), 0);
    }
    for (unsigned i = 0; i < run.life_count; i++)
        if (run.lives[i].alive)
            wrong("a leaf was not destroyed", run.lives[i].index,
                  (long)run.lives[i].sup);
    bed_close(&bed);
    if (run.wrong[0] != '\0')
        fail_msg("seed %llu: %s", (unsigned long long)seed, run.wrong);
}

static void holds_for_every_seed(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run_seed(seed);
}

static uint64_t chosen;

static void holds_for_the_chosen_seed(void **state)
{
    (void)state;
    run_seed(chosen);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest all[] = { cmocka_unit_test(holds_for_every_seed) };
    const struct CMUnitTest one[] = { cmocka_unit_test(
        holds_for_the_chosen_seed) };

    if (argc < 2)
        return cmocka_run_group_tests(all, NULL, NULL);
    chosen = strtoull(argv[1], NULL, 10);
    return cmocka_run_group_tests(one, NULL, NULL);
}
