/*
 * oracle_order.c -- messages between two lives: I1, I2, I13, I14.
 *
 * Each send by pid has the next number of its pair, and each send at all the
 * next stamp of its sender. The numbers that are received have no gap, unless
 * the connection was lost or the mailbox drops; the stamps only grow, however
 * the receiver was addressed.
 */
#include "actors_play.h"

#include <stdlib.h>

struct pair *oracle_find_pair(const struct life *from, unsigned to)
{
    struct pair *pair = from->pairs;

    while (pair != NULL && pair->to != to)
        pair = pair->next;
    return pair;
}

struct pair *oracle_pair(struct life *from, unsigned to)
{
    struct pair *pair = oracle_find_pair(from, to);
    const struct life *other = &from->play->lives[to - 1];

    if (pair != NULL)
        return pair;
    pair = calloc(1, sizeof *pair);
    if (pair == NULL)
        abort();
    pair->to = to;
    pair->next = from->pairs;
    pair->gapless =
        actors_local(from, other) &&
        (other->actor->limit == 0 || other->actor->policy == RT_OVERFLOW_FAIL ||
         other->actor->policy == RT_OVERFLOW_BLOCK);
    from->pairs = pair;
    return pair;
}

uint64_t oracle_connection(const struct life *at, const struct life *of)
{
    const struct place *place = &at->play->places[at->node];
    struct rt_node_info info;

    if (place->rt == NULL || place->epoch != at->epoch ||
        rt_node_find(place->rt, at->play->places[of->node].name, &info) !=
            AGNER_OK)
        return 0;
    return info.connection;
}

uint64_t oracle_sending(struct life *from, struct life *to)
{
    struct pair *pair = oracle_pair(from, to->number);

    pair->sent++;
    if (actors_local(from, to))
        return pair->sent;
    if (pair->sent > pair->room) {
        pair->room = pair->room * 2 + 16;
        pair->connections =
            realloc(pair->connections, pair->room * sizeof(uint64_t));
        if (pair->connections == NULL)
            abort();
    }
    pair->connections[pair->sent - 1] = oracle_connection(to, from);
    return pair->sent;
}

void oracle_unsent(struct life *from, struct life *to)
{
    oracle_pair(from, to->number)->sent--;
}

/* May `seq` of the pair be missing, when its receiver has `connection` now? */
static bool may_be_lost(const struct pair *pair, const struct life *from,
                        const struct life *to, uint64_t seq,
                        uint64_t connection)
{
    if (actors_local(from, to))
        return !pair->gapless;
    if (to->actor->limit > 0)
        return true;
    return pair->connections[seq - 1] == 0 ||
           pair->connections[seq - 1] != connection;
}

void oracle_i1_i2_message(struct life *to, struct life *from, uint64_t meant,
                          uint64_t seq, uint64_t stamp)
{
    struct play *play = to->play;
    struct pair *pair = oracle_pair(from, to->number);
    uint64_t connection, i;

    if (meant != 0 && meant != to->number) {
        oracle_fail(play, "I13", "life %u received what is life %llu's",
                    to->number, (unsigned long long)meant);
        return;
    }
    if (stamp > from->stamp || seq > pair->sent)
        oracle_fail(play, "I2", "life %u never sent %llu to %u", from->number,
                    (unsigned long long)stamp, to->number);
    if (stamp == pair->stamp)
        oracle_fail(play, "I2", "life %u received %llu of %u twice", to->number,
                    (unsigned long long)stamp, from->number);
    if (stamp < pair->stamp)
        oracle_fail(play, "I1", "life %u received %llu of %u after %llu",
                    to->number, (unsigned long long)stamp, from->number,
                    (unsigned long long)pair->stamp);
    pair->stamp = stamp;
    if (seq == 0)
        return;
    connection = oracle_connection(to, from);
    for (i = pair->received + 1; i < seq; i++)
        if (!may_be_lost(pair, from, to, i, connection))
            oracle_fail(play, "I1", "life %u received %llu of %u, not %llu",
                        to->number, (unsigned long long)seq, from->number,
                        (unsigned long long)i);
    pair->received = seq;
}

/* G8: everything that was sent to who lives has been received, when nothing
 * moves any more. */
void oracle_i2_nothing_is_missing(struct play *play)
{
    unsigned i;
    uint64_t seq;

    for (i = 0; i < play->life_count; i++) {
        struct life *from = &play->lives[i];
        const struct pair *pair;

        for (pair = from->pairs; pair != NULL; pair = pair->next) {
            const struct life *to = &play->lives[pair->to - 1];
            uint64_t sent = pair->sent - (from->sending == pair->to);
            uint64_t connection;

            if (!actors_lives(to) || pair->received >= sent)
                continue;
            connection = oracle_connection(to, from);
            for (seq = pair->received + 1; seq <= sent; seq++)
                if (!may_be_lost(pair, from, to, seq, connection))
                    oracle_fail(play, "I2", "life %u never received %llu of %u",
                                to->number, (unsigned long long)seq,
                                from->number);
        }
    }
}

/* What mailboxes have dropped is what is missing, and what was refused: on a
 * node alone. */
void oracle_i14_counters(struct play *play)
{
    struct rt_stats stats;
    uint64_t missing = play->refused;
    unsigned i;

    if (play->node_count > 1 || play->places[0].rt == NULL)
        return;
    for (i = 0; i < play->life_count; i++) {
        const struct life *life = &play->lives[i];

        if (life->actor->limit == 0 ||
            life->actor->policy == RT_OVERFLOW_FAIL ||
            life->actor->policy == RT_OVERFLOW_BLOCK)
            continue;
        if (!actors_lives(life) && life->posted > 0)
            return; /* what was in its mailbox is dropped otherwise */
        missing += life->posted - life->intake;
    }
    rt_stats(play->places[0].rt, &stats);
    if (stats.dropped[RT_DROP_MAILBOX] != missing)
        oracle_fail(play, "I14", "%llu messages are missing, %llu dropped",
                    (unsigned long long)missing,
                    (unsigned long long)stats.dropped[RT_DROP_MAILBOX]);
}
