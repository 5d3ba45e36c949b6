/*
 * actors_tree.c -- supervisors under test: children that do nothing but end
 * when an actor wants it, and a record of who was started and who ended.
 */
#include "actors_op.h"

static const char *const ids[BRANCHES] = { "sim_c0", "sim_c1", "sim_c2",
                                           "sim_c3", "sim_c4" };

/* The tree with that number, of the play that the runtime is in. */
static struct tree *tree_of(struct gen *self, int64_t number)
{
    void *play = NULL;

    (void)rt_behavior_find(rt_of(self), ACTORS_GROUP, etf_atom("sim_play"),
                           NULL, &play);
    return &((struct play *)play)->trees[(uint64_t)number % TREES_MAX];
}

static struct tree *tree_here(struct gen *self)
{
    etf_pid pid = rt_self(self);
    unsigned i;

    for (i = 0; i < TREES_MAX; i++) {
        struct tree *tree = tree_of(self, i);

        if (tree->there && etf_pid_equal(tree->pid, pid) &&
            tree->play->places[tree->node].rt == rt_of(self))
            return tree;
    }
    return NULL;
}

/* ---- Children ----------------------------------------------------------- */

struct child {
    struct tree *tree;
    unsigned index;
};

/* args: {Tree, Index}. */
static enum gen_next child_init(struct gen *self, etf_term args)
{
    struct child *child = gen_state(self);
    int64_t tree, index;
    unsigned i;

    if (!etf_match(args, "{_, _}", &tree, &index))
        return gen_stop(self, ETF_A(badarg));
    child->tree = tree_of(self, tree);
    child->index = (unsigned)index;
    child->tree->branches[index].alive = true;
    child->tree->branches[index].dying = false;
    if (child->tree->strategy != GEN_ONE_FOR_ONE && !child->tree->handled)
        for (i = child->index + 1; i < child->tree->count; i++)
            if (child->tree->branches[i].alive)
                oracle_fail(child->tree->play, "I9",
                            "child %u starts while %u lives", child->index, i);
    return GEN_NEXT;
}

static enum gen_next child_info(struct gen *self, etf_term message)
{
    return gen_stop(self, message);
}

/* G24: who is stopped is the last of those that live. */
static void child_destroy(void *state)
{
    const struct child *child = state;
    struct tree *tree = child->tree;
    struct branch *branch;
    unsigned i;

    if (tree == NULL)
        return;
    branch = &tree->branches[child->index];
    branch->alive = false;
    if (branch->dying || branch->asked || tree->unsure || tree->play->stopped ||
        tree->play->places[tree->node].stopping)
        return;
    for (i = child->index + 1; i < tree->count; i++)
        if (tree->branches[i].alive && !tree->branches[i].dying)
            oracle_fail(tree->play, "I9", "child %u is stopped before %u",
                        child->index, i);
}

static const struct gen_server child_server = {
    .name = "sim_child",
    .state_size = sizeof(struct child),
    .init = child_init,
    .handle_info = child_info,
    .destroy = child_destroy,
};

/* ---- The supervisor ----------------------------------------------------- */

static struct branch *branch_of(struct tree *tree, etf_term id)
{
    unsigned i;

    for (i = 0; i < tree->count; i++)
        if (etf_atom_is(id, ids[i]))
            return &tree->branches[i];
    oracle_fail(tree->play, "I9", "a child of no id");
    return &tree->branches[0];
}

static void started(struct gen *self, etf_term id, etf_pid pid)
{
    struct tree *tree = tree_here(self);
    struct branch *branch = branch_of(tree, id);

    if (branch->listed)
        oracle_fail(tree->play, "I9", "a child was started twice");
    branch->starts++;
    branch->listed = true;
    branch->away = false;
    branch->pid = pid;
    branch->started = ++tree->starts;
}

static void terminated(struct gen *self, etf_term id, etf_pid pid,
                       etf_term reason)
{
    struct tree *tree = tree_here(self);
    struct branch *branch = branch_of(tree, id);

    (void)reason;
    if (!branch->listed || !etf_pid_equal(branch->pid, pid))
        oracle_fail(tree->play, "I9", "the end of a child that there is not");
    branch->listed = false;
    branch->away = branch->asked && !branch->dying;
    tree->unsure = tree->unsure || (branch->asked && branch->dying);
    if (branch->dying && tree->heard_count < TREE_HEARD) {
        tree->heard_ms[tree->heard_count++] = rt_now_ms(rt_of(self));
        branch->heard++;
    }
}

/* args: Tree. */
static enum gen_next tree_init(struct gen *self, etf_term args,
                               struct gen_supervisor_spec *spec)
{
    struct gen_supervisor_flags *flags = gen_supervisor_flags(spec);
    struct tree *tree;
    int64_t number, i;

    if (!etf_get_int(args, &number))
        return gen_stop(self, ETF_A(badarg));
    tree = tree_of(self, number);
    tree->pid = rt_self(self);
    flags->strategy = tree->strategy;
    flags->intensity = tree->intensity;
    flags->period_ms = tree->period_ms;
    for (i = 0; i < tree->count; i++) {
        struct gen_child_spec child = {
            .id = ids[i],
            .server = &child_server,
            .args_term = etf_make(self, "{_, _}", number, i),
        };

        (void)gen_supervisor_add(self, spec, &child);
    }
    return GEN_NEXT;
}

static const struct gen_supervisor supervisor = {
    .name = "sim_tree",
    .init = tree_init,
    .child_started = started,
    .child_terminated = terminated,
};

static void note_end(struct rt_hook *hook, struct rt *rt)
{
    struct tree *tree =
        (struct tree *)((char *)hook - offsetof(struct tree, hook));

    (void)rt;
    tree->ended = true;
}

void actors_tree_start(struct tree *tree)
{
    struct place *place = &tree->play->places[tree->node];
    struct rt_spawn_options options = { .hook = &tree->hook };
    enum agner_err err;

    tree->hook.run = note_end;
    tree->epoch = place->epoch;
    err = gen_supervisor_start(place->at, &supervisor,
                               etf_int(NULL, tree - tree->play->trees),
                               &options, &tree->pid, NULL);
    if (err != AGNER_OK)
        oracle_fail(tree->play, "I9", "a supervisor did not start: %s",
                    agner_strerror(err));
    tree->up = err == AGNER_OK;
    rt_reset(place->at);
}

/* The tree of that number, if it is one of here that runs. */
static struct tree *tree_at(struct life *life, int64_t n)
{
    struct tree *tree = &life->play->trees[(uint64_t)n % TREES_MAX];

    return tree->up && !tree->ended && tree->node == life->node &&
                   tree->epoch == life->epoch
               ? tree
               : NULL;
}

/* On request; what came of it is known unless the asker ended meanwhile. Two
 * requests about one child at a time are too much for the model. */
static bool ask(struct life *life, struct tree *tree, struct branch *branch)
{
    if (life->actor->limit > 0 || branch->asked)
        return false;
    tree->handled = true;
    branch->asked = true;
    return true;
}

static void answered(struct tree *tree, struct branch *branch,
                     enum agner_err err)
{
    branch->asked = false;
    tree->unsure = tree->unsure || err == AGNER_EEXITING ||
                   err == AGNER_EKILLED || err == AGNER_EEXIT;
}

#define SUPERVISOR_GONE (ERR(ENOPROC) | ERR(EEXIT))

void actors_tree_stop_child(struct life *life, struct gen *self,
                            const int64_t *n)
{
    struct tree *tree = tree_at(life, n[0]);
    unsigned index = tree == NULL ? 0 : (unsigned)n[1] % tree->count;
    struct branch *branch;
    enum agner_err err;

    if (tree == NULL || !ask(life, tree, &tree->branches[index]))
        return;
    branch = &tree->branches[index];
    err = gen_terminate_child(self, etf_from_pid(rt_region(self), tree->pid),
                              etf_atom(ids[index]));
    answered(tree, branch, err);
    oracle_i18_error(life, "stop a child", err, SUPERVISOR_GONE);
    if (err == AGNER_OK && branch->starts == 0)
        oracle_fail(life->play, "I9", "a child was stopped that never began");
}

void actors_tree_restart_child(struct life *life, struct gen *self,
                               const int64_t *n)
{
    struct tree *tree = tree_at(life, n[0]);
    unsigned index = tree == NULL ? 0 : (unsigned)n[1] % tree->count;
    struct branch *branch;
    enum agner_err err;
    etf_pid pid;

    if (tree == NULL || !ask(life, tree, &tree->branches[index]))
        return;
    branch = &tree->branches[index];
    err = gen_restart_child(self, etf_from_pid(rt_region(self), tree->pid),
                            etf_atom(ids[index]), &pid, NULL);
    answered(tree, branch, err);
    oracle_i18_error(life, "restart a child", err,
                     SUPERVISOR_GONE | ERR(ERUNNING) | ERR(EBUSY));
    branch->restarts += err == AGNER_OK;
}

void actors_tree_crash(struct life *life, struct gen *self, const int64_t *n)
{
    struct tree *tree = tree_at(life, n[0]);
    struct branch *branch;

    if (tree == NULL)
        return;
    branch = &tree->branches[(uint64_t)n[1] % tree->count];
    if (!branch->alive || branch->dying || !branch->listed)
        return;
    branch->dying = true;
    branch->crashes++;
    if (n[2] % 3 == 0)
        (void)rt_send_pid(self, branch->pid, ETF_A(crash));
    else
        (void)rt_exit_signal(self, branch->pid,
                             n[2] % 3 == 1 ? ETF_A(kill) : ETF_A(crash));
}
