/*
 * oracle_tree.c -- what a supervisor must have done by the end: I9.
 *
 * The model knows when the supervisor heard of which end. How often children of
 * one_for_one were started follows exactly; under the other strategies an end
 * while the others are being stopped counts or does not, so there are bounds.
 */
#include "actors_play.h"

#define SLACK_MS 3u /* between hearing of an end and counting it */

/* Were there more than `intensity` ends within some `period_ms`? */
static bool too_many(const struct tree *tree, uint64_t period_ms)
{
    unsigned i;

    for (i = 0; i + tree->intensity < tree->heard_count; i++)
        if (tree->heard_ms[i + tree->intensity] - tree->heard_ms[i] <=
            period_ms)
            return true;
    return false;
}

static void check_children(struct tree *tree)
{
    struct play *play = tree->play;
    struct place *place = &play->places[tree->node];
    struct gen_child_counts counts = { 0, 0, 0, 0 };
    unsigned i, crashes = 0, away = 0;

    for (i = 0; i < tree->count; i++) {
        away += tree->branches[i].away;
        crashes += tree->branches[i].restarts;
    }
    if (gen_count_children(place->at,
                           etf_from_pid(rt_region(place->at), tree->pid),
                           &counts) != AGNER_OK ||
        counts.active != tree->count - away)
        oracle_fail(play, "I9", "%llu of %u children are active",
                    (unsigned long long)counts.active, tree->count - away);
    rt_reset(place->at);
    for (i = 0; i < tree->count; i++) {
        const struct branch *branch = &tree->branches[i];

        crashes += branch->crashes;
        if (branch->away) {
            if (branch->listed || branch->alive)
                oracle_fail(play, "I9", "child %u was stopped, and lives", i);
            continue;
        }
        if (!branch->listed || !rt_is_alive(place->rt, branch->pid))
            oracle_fail(play, "I9", "child %u does not live", i);
        if (tree->strategy == GEN_ONE_FOR_ONE) {
            if (branch->starts != 1 + branch->heard + branch->restarts)
                oracle_fail(play, "I9", "child %u: %u starts, %u crashes", i,
                            branch->starts, branch->heard);
        } else if (branch->starts > 1 + crashes &&
                   tree->strategy == GEN_REST_FOR_ONE) {
            oracle_fail(play, "I9", "child %u: %u starts, %u crashes so far", i,
                        branch->starts, crashes);
        }
        if (i > 0 && tree->strategy != GEN_ONE_FOR_ONE && !tree->handled &&
            branch->started < tree->branches[i - 1].started)
            oracle_fail(play, "I9", "child %u was started before %u", i, i - 1);
    }
    for (i = 0; i < tree->count && tree->strategy == GEN_ONE_FOR_ALL; i++)
        if (tree->branches[i].starts > 1 + crashes)
            oracle_fail(play, "I9", "child %u: %u starts, %u crashes", i,
                        tree->branches[i].starts, crashes);
}

void oracle_i9_tree(struct play *play)
{
    unsigned i, j;

    for (i = 0; i < TREES_MAX; i++) {
        struct tree *tree = &play->trees[i];
        const struct place *place = &play->places[tree->node];

        if (!tree->up || place->rt == NULL || place->epoch != tree->epoch)
            continue;
        if (tree->ended && !too_many(tree, tree->period_ms + SLACK_MS))
            oracle_fail(play, "I9", "a supervisor gave up after %u ends",
                        tree->heard_count);
        for (j = 0; j < tree->count && tree->ended; j++)
            if (tree->branches[j].alive)
                oracle_fail(play, "I9", "child %u outlives its supervisor", j);
        if (tree->ended || tree->unsure)
            continue;
        if (tree->strategy == GEN_ONE_FOR_ONE &&
            tree->heard_count < TREE_HEARD && tree->period_ms > SLACK_MS &&
            too_many(tree, tree->period_ms - SLACK_MS))
            oracle_fail(play, "I9", "a supervisor goes on after %u ends",
                        tree->heard_count);
        check_children(tree);
    }
}
