/*
 * actors_program.c -- a program drawn from a seed, as items, and read back.
 *
 *   nodes COUNT
 *   actor ID NODE FLAGS LIMIT POLICY
 *       OPERATION NUMBER ...               the rows of actors_ops.c
 *   apps                                   there are applications
 *   kernel                                 and global names
 *   tree ID NODE STRATEGY INTENSITY PERIOD_MS CHILDREN
 *   fault MS KIND NUMBER ...               the rows of actors_world.c
 *
 * Any item may be missing and any number lower: what is not there is passed
 * over. Each seed draws which operations there are at all, so that runs differ
 * in kind and not only in detail.
 */
#include "actors_play.h"

#include <string.h>

#include "actors_fault.h"

/* ---- Drawing ------------------------------------------------------------ */

struct maker {
    struct sim_case *c;
    enum actors_profile profile;
    enum agner_err err;
    unsigned nodes, actors, trees;
    unsigned weights[64], weight;
};

static uint64_t draw(struct maker *maker, uint64_t bound)
{
    return sim_case_draw(maker->c, bound);
}

/* The first failure to add one counts: actors_draft() returns it. */
static void add(struct maker *maker, unsigned level, const char *word,
                unsigned count, const int64_t *numbers)
{
    if (maker->err == AGNER_OK)
        maker->err = sim_item_add(maker->c, level, word, count, numbers);
}

static void draw_weights(struct maker *maker)
{
    unsigned i;

    for (i = 0; i < actors_op_count; i++) {
        unsigned weight = actors_ops[i].weights[maker->profile];

        if (draw(maker, 4) == 0)
            weight = 0;
        else if (draw(maker, 5) == 0)
            weight *= 6;
        maker->weights[i] = weight;
        maker->weight += weight;
    }
    maker->weights[0] += maker->weight == 0; /* messages at least */
    maker->weight += maker->weight == 0;
}

static void add_operation(struct maker *maker)
{
    uint64_t choice = draw(maker, maker->weight);
    const struct op_row *row = actors_ops;
    int64_t n[OP_NUMBERS] = { 0 };
    unsigned i;

    for (i = 0; choice >= maker->weights[i]; i++)
        choice -= maker->weights[i];
    row = &actors_ops[i];
    for (i = 0; i < OP_NUMBERS && row->bounds[i] > 0; i++) {
        unsigned bound = row->bounds[i];

        if (bound == ACTORS_MAX)
            bound = maker->actors;
        n[i] = (int64_t)draw(maker, bound);
    }
    /* Calls that never end well are few. */
    if (strcmp(row->word, "call") == 0 && n[2] >= CALL_RARE &&
        draw(maker, 4) != 0)
        n[2] = 0;
    add(maker, 1, row->word, i, n);
}

static void add_actor(struct maker *maker, unsigned id, unsigned ops)
{
    bool limited = maker->profile == PROFILE_PRESSURE && draw(maker, 3) == 0;
    int64_t n[] = { id, (int64_t)draw(maker, maker->nodes),
                    (int64_t)draw(maker, ACTOR_FLAGS),
                    limited ? 1 + (int64_t)draw(maker, 30) : 0,
                    (int64_t)draw(maker, RT_OVERFLOW_FALLBACK) };
    unsigned i;

    if (draw(maker, 2) != 0)
        n[2] &= ~(int64_t)ACTOR_LATE;
    add(maker, 0, "actor", 5, n);
    for (i = 0; i < ops; i++)
        add_operation(maker);
}

static void add_tree(struct maker *maker, unsigned id)
{
    int64_t n[] = { id,
                    (int64_t)draw(maker, maker->nodes),
                    (int64_t)draw(maker, GEN_SIMPLE_ONE_FOR_ONE),
                    1 + (int64_t)draw(maker, 5),
                    100 + (int64_t)draw(maker, 4000),
                    1 + (int64_t)draw(maker, BRANCHES) };

    add(maker, 0, "tree", 6, n);
}

static void add_fault(struct maker *maker)
{
    int64_t n[] = { (int64_t)draw(maker, 12000),
                    (int64_t)draw(maker, actors_fault_count),
                    (int64_t)draw(maker, maker->nodes),
                    (int64_t)draw(maker, maker->nodes),
                    (int64_t)draw(maker, 8000) };

    add(maker, 0, "fault", 5, n);
}

enum agner_err actors_draft(struct sim_case *c, enum actors_profile profile)
{
    struct maker maker = { .c = c, .profile = profile, .nodes = 1 };
    unsigned i, ops, faults;
    int64_t nodes;

    if (profile == PROFILE_CLUSTER)
        maker.nodes = draw(&maker, 8) == 0 ? 1 + (unsigned)draw(&maker, 8)
                                           : 2 + (unsigned)draw(&maker, 2);
    else if (profile == PROFILE_PRESSURE && draw(&maker, 4) == 0)
        maker.nodes = 2;
    nodes = maker.nodes;
    add(&maker, 0, "nodes", 1, &nodes);
    maker.actors = 2 + (unsigned)draw(&maker, draw(&maker, 4) == 0 ? 20 : 7);
    ops = 3 + (unsigned)draw(&maker, draw(&maker, 4) == 0 ? 40 : 14);
    maker.trees = (unsigned)draw(&maker, 3);
    draw_weights(&maker);
    for (i = 0; i < maker.actors; i++)
        add_actor(&maker, i, ops);
    for (i = 0; i < maker.trees; i++)
        add_tree(&maker, i);
    if (draw(&maker, 4) == 0)
        add(&maker, 0, "apps", 0, NULL);
    if (maker.nodes > 1 && draw(&maker, 6) == 0)
        add(&maker, 0, "kernel", 0, NULL);
    faults = profile == PROFILE_LOCAL ? 0 : (unsigned)draw(&maker, 7);
    for (i = 0; i < faults; i++)
        add_fault(&maker);
    return maker.err;
}

/* ---- Reading ------------------------------------------------------------ */

static int64_t number(const struct sim_item *item, unsigned i)
{
    return i < item->count && item->numbers[i] > 0 ? item->numbers[i] : 0;
}

static struct actor *read_actor(struct play *play, const struct sim_item *item)
{
    struct actor *actor = &play->actors[number(item, 0) % ACTORS_MAX];

    *actor = (struct actor){
        .there = true,
        .node = (unsigned)number(item, 1) % play->node_count,
        .flags = (unsigned)number(item, 2) % ACTOR_FLAGS,
        .limit = (unsigned)number(item, 3),
        .policy = (unsigned)number(item, 4) % RT_OVERFLOW_FALLBACK,
    };
    if (actor->limit > 0) /* it sends itself messages that may be dropped */
        actor->flags &= ~(unsigned)ACTOR_SERVER;
    return actor;
}

static void read_operation(struct actor *actor, const struct sim_item *item)
{
    unsigned i, j;

    for (i = 0; i < actors_op_count && actor->op_count < OPS_MAX; i++) {
        struct op *op = &actor->ops[actor->op_count];

        if (strcmp(actors_ops[i].word, item->word) != 0)
            continue;
        op->row = &actors_ops[i];
        for (j = 0; j < OP_NUMBERS; j++)
            op->n[j] = number(item, j);
        actor->op_count++;
        return;
    }
}

static void read_tree(struct play *play, const struct sim_item *item)
{
    struct tree *tree = &play->trees[number(item, 0) % TREES_MAX];

    *tree = (struct tree){
        .play = play,
        .there = true,
        .node = (unsigned)number(item, 1) % play->node_count,
        .strategy =
            (enum gen_strategy)(number(item, 2) % GEN_SIMPLE_ONE_FOR_ONE),
        .intensity = 1 + (unsigned)number(item, 3) % 100,
        .period_ms = 1 + (uint64_t)number(item, 4),
        .count = 1 + ((unsigned)number(item, 5) + BRANCHES - 1) % BRANCHES,
    };
}

static void read_fault(struct play *play, const struct sim_item *item)
{
    struct fault fault = {
        .at_ms = (uint64_t)number(item, 0),
        .kind = (unsigned)number(item, 1) % actors_fault_count,
        .n = { number(item, 2), number(item, 3), number(item, 4) }
    };
    unsigned i;

    if (play->fault_count == FAULTS_MAX)
        return;
    for (i = play->fault_count++;
         i > 0 && play->faults[i - 1].at_ms > fault.at_ms; i--)
        play->faults[i] = play->faults[i - 1];
    play->faults[i] = fault;
}

void actors_read(struct play *play)
{
    size_t count, i;
    const struct sim_item *items = sim_run_items(play->run, &count);
    struct actor *actor = NULL;

    play->node_count = 1;
    for (i = 0; i < count; i++)
        if (strcmp(items[i].word, "nodes") == 0 && number(&items[i], 0) > 0)
            play->node_count =
                1 + (unsigned)(number(&items[i], 0) - 1) % NODES_MAX;
    for (i = 0; i < count; i++)
        if (strcmp(items[i].word, "actor") == 0)
            actor = read_actor(play, &items[i]);
        else if (strcmp(items[i].word, "apps") == 0)
            play->has_apps = true;
        else if (strcmp(items[i].word, "kernel") == 0)
            play->has_kernel = play->node_count > 1;
        else if (strcmp(items[i].word, "tree") == 0)
            read_tree(play, &items[i]);
        else if (strcmp(items[i].word, "fault") == 0)
            read_fault(play, &items[i]);
        else if (items[i].level > 0 && actor != NULL)
            read_operation(actor, &items[i]);
}
