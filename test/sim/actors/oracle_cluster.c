/*
 * oracle_cluster.c -- nodes among each other, and that all gets going again
 * once it may: I11, I12, I17, I19.
 */
#include "actors_play.h"

#define HEAD_ROOM (256u << 10) /* exits, downs, ticks: G38 */
#define LARGEST   (300u << 10) /* bytes of a message, its parts and all */
#define FLUSH_MS  5000u
#define STOP_MS   1000u /* what steps take, stalls among them */

void oracle_i11_links_are_bounded(struct play *play)
{
    struct node_peer_info peers[NODES_MAX];
    unsigned i;
    size_t j, count;

    for (i = 0; i < play->node_count; i++) {
        struct place *place = &play->places[i];

        if (place->node == NULL || place->stopping)
            continue;
        count = node_peers(place->node, peers, NODES_MAX);
        for (j = 0; j < count && j < NODES_MAX; j++)
            if (peers[j].queued >
                peers[j].high_mark + HEAD_ROOM + (uint64_t)ACTORS_MAX * LARGEST)
                oracle_fail(play, "I11", "node %u has %zu bytes for %s", i,
                            peers[j].queued, peers[j].name);
    }
}

/* Is there exactly one connection, as this node sees it? */
static unsigned connections(struct place *place, const struct place *to)
{
    struct node_peer_info peers[2 * NODES_MAX];
    size_t i, count = node_peers(place->node, peers, 2 * NODES_MAX);
    unsigned up = 0;

    for (i = 0; i < count && i < 2 * NODES_MAX; i++)
        up += peers[i].state == NODE_PEER_UP &&
              etf_atom_is(to->name, peers[i].name);
    return up;
}

static bool is_up(const struct place *place)
{
    return place->node != NULL && place->core;
}

bool oracle_all_connected(struct play *play)
{
    unsigned i, j;

    for (i = 0; i < play->node_count; i++)
        for (j = 0; j < play->node_count; j++) {
            struct place *a = &play->places[i];
            const struct place *b = &play->places[j];

            if (i != j && is_up(a) && is_up(b) && connections(a, b) != 1)
                return false;
        }
    return true;
}

/* G35: what was asked for is there, once, at both ends. */
void oracle_i12_nodes_agree(struct play *play)
{
    unsigned i, j;

    for (i = 0; i < play->node_count; i++)
        for (j = 0; j < play->node_count; j++) {
            struct place *a = &play->places[i], *b = &play->places[j];

            if (i == j || !is_up(a) || !is_up(b))
                continue;
            if (connections(a, b) != 1)
                oracle_fail(play, "I12", "node %u has %u connections with %u",
                            i, connections(a, b), j);
        }
}

/* ---- What is heard of nodes --------------------------------------------- */

static uint64_t *heard_of(struct life *life, etf_term node)
{
    const struct play *play = life->play;
    unsigned i;

    for (i = 0; i < play->node_count; i++)
        if (etf_same(play->places[i].name, node))
            return &life->heard[i];
    oracle_fail(life->play, "I12", "life %u hears of a node that there is not",
                life->number);
    return &life->heard[0];
}

/* G35: two connections with one node are never there at the same time. */
void oracle_i12_nodeup(struct life *life, etf_term node, uint64_t connection)
{
    uint64_t *heard = heard_of(life, node);

    if (!life->heard_enough && *heard != 0)
        oracle_fail(life->play, "I12",
                    "life %u hears of connection %llu while there is %llu",
                    life->number, (unsigned long long)connection,
                    (unsigned long long)*heard);
    *heard = connection;
}

/* G20: each loss is told once. */
void oracle_i12_nodedown(struct life *life, etf_term node, uint64_t connection)
{
    uint64_t *heard = heard_of(life, node);

    if (!life->heard_enough && *heard != 0 && *heard != connection)
        oracle_fail(life->play, "I12",
                    "life %u hears that connection %llu is lost, not %llu",
                    life->number, (unsigned long long)connection,
                    (unsigned long long)*heard);
    *heard = 0;
}

/* ---- Both dial at once -------------------------------------------------- */

struct pair_of_nodes {
    struct place *a, *b;
};

static bool is_apart(void *ctx)
{
    const struct pair_of_nodes *pair = ctx;

    return connections(pair->a, pair->b) == 0 &&
           connections(pair->b, pair->a) == 0;
}

static bool has_met(void *ctx)
{
    const struct pair_of_nodes *pair = ctx;

    return connections(pair->a, pair->b) == 1 &&
           connections(pair->b, pair->a) == 1;
}

/* A message is worth a connection, though nobody has that name. */
static void dial(struct place *from, const struct place *to)
{
    (void)rt_send(from->at, etf_make(from->at, "{sim_nobody, _}", to->name),
                  ETF_A(ok));
    rt_reset(from->at);
}

/* G35: of the two that they make one stays, and both hear of just that. */
static void both_dial(struct play *play, struct place *a, struct place *b)
{
    struct pair_of_nodes pair = { a, b };
    struct life hearer = { .play = play };
    etf_term message, node;
    int64_t id;

    if (connections(a, b) != 1)
        return; /* said already */
    (void)rt_disconnect_node(a->rt, b->name);
    if (!sim_run_until(play->sim, is_apart, &pair, 3 * TICK_MS)) {
        oracle_fail(play, "I12", "nodes %s and %s do not part", a->text,
                    b->text);
        return;
    }
    (void)rt_monitor_nodes_with(b->at, true, RT_MONITOR_NODES_VISIBLE);
    dial(a, b);
    (void)sim_run(play->sim, sim_draw(play->sim, 2));
    dial(b, a);
    if (!sim_run_until(play->sim, has_met, &pair, 3 * TICK_MS))
        oracle_fail(play, "I12", "%s and %s dial each other, and do not meet",
                    a->text, b->text);
    (void)sim_run(play->sim, 1000); /* until the other one has gone */
    (void)rt_monitor_nodes_with(b->at, false, RT_MONITOR_NODES_VISIBLE);
    while (rt_receive(b->at, 0, &message) == AGNER_OK)
        if (etf_match(message, "{nodeup, _, [__, {connection_id, _}]}", &node,
                      &id))
            oracle_i12_nodeup(&hearer, node, (uint64_t)id);
        else if (etf_match(message, "{nodedown, _, [__, {connection_id, _}]}",
                           &node, &id))
            oracle_i12_nodedown(&hearer, node, (uint64_t)id);
    rt_reset(b->at);
}

/* The last thing that is checked: links between them end with this. */
void oracle_i12_both_dial(struct play *play)
{
    unsigned i, j;

    for (i = 0; i < play->node_count; i++)
        for (j = i + 1; j < play->node_count; j++)
            if (is_up(&play->places[i]) && is_up(&play->places[j]))
                both_dial(play, &play->places[i], &play->places[j]);
}

void oracle_i17_stopped_in_time(struct play *play, uint64_t took_ms)
{
    if (took_ms > 3 * GRACE_MS + FLUSH_MS + STOP_MS)
        oracle_fail(play, "I17", "a node took %llu ms to stop",
                    (unsigned long long)took_ms);
}

/* ---- Liveness ----------------------------------------------------------- */

static void probe(struct play *play, struct place *place, struct life *life)
{
    struct life here = { .play = play,
                         .node = (unsigned)(place - play->places),
                         .epoch = place->epoch };
    int64_t id = ++play->probes, got;
    etf_term reply = ETF_NONE;
    enum agner_err err = rt_call(
        place->at,
        etf_from_pid(rt_region(place->at), actors_pid_from(&here, life)),
        etf_make(place->at, "{probe, _}", id), 3 * TICK_MS, &reply);

    if (actors_lives(life) &&
        (err != AGNER_OK || !etf_match(reply, "{r, _}", &got) || got != id))
        oracle_fail(play, "I19", "life %u does not answer node %u: %s",
                    life->number, here.node, agner_strerror(err));
    rt_reset(place->at);
}

static void connect_all(struct play *play)
{
    unsigned i, j;

    for (i = 0; i < play->node_count; i++)
        for (j = 0; j < play->node_count; j++) {
            struct place *a = &play->places[i], *b = &play->places[j];
            uint64_t began_ns = sim_now_ns(play->sim);
            enum agner_err err = AGNER_ENOCONN;

            if (i == j || !is_up(a) || !is_up(b))
                continue;
            while (err != AGNER_OK &&
                   sim_now_ns(play->sim) - began_ns < 3000000 * TICK_MS)
                err = rt_connect_node(a->at, b->name);
            if (err != AGNER_OK)
                oracle_fail(play, "I19", "node %u does not reach %u: %s", i, j,
                            agner_strerror(err));
            rt_reset(a->at);
        }
}

void oracle_i19_everybody_answers(struct play *play)
{
    unsigned i;

    for (i = 0; i < play->life_count; i++)
        if (actors_lives(&play->lives[i]) && !play->lives[i].done &&
            (play->node_count == 1 || play->places[play->lives[i].node].core))
            oracle_fail(play, "I19", "life %u is at operation %u still",
                        play->lives[i].number, play->lives[i].next_op);
    connect_all(play);
    for (i = 0; i < play->life_count; i++) {
        struct life *life = &play->lives[i];
        struct place *home = &play->places[life->node];
        struct place *other =
            &play->places[(life->node + 1) % play->node_count];

        if (!actors_lives(life))
            continue;
        probe(play, home, life);
        if (is_up(home) && is_up(other) && other != home)
            probe(play, other, life);
    }
}
