/*
 * limit.c -- the limits of a node: defaults, words, counters.
 */
#include "limit.h"

#include <atomic.h>

#include "node_room.h"

struct node_limits node__limits(const struct node_limits *wanted)
{
    struct node_limits limits = *wanted;

#define NODE_LIMIT_ROW(name, field, number, text) \
    if (limits.field == 0) \
        limits.field = (number);
    NODE_LIMITS(NODE_LIMIT_ROW)
#undef NODE_LIMIT_ROW
    return limits;
}

const char *node__limit_text(enum node_limit limit)
{
    static const char *const texts[] = {
#define NODE_LIMIT_ROW(name, field, number, text) text,
        NODE_LIMITS(NODE_LIMIT_ROW)
#undef NODE_LIMIT_ROW
#define NODE_LIMIT_ROW(name, option, text) text,
            NODE_LIMITS_FURTHER(NODE_LIMIT_ROW)
#undef NODE_LIMIT_ROW
    };

    return texts[limit];
}

const char *node_limit_name(enum node_limit limit)
{
    static const char *const names[] = {
#define NODE_LIMIT_ROW(name, field, number, text) #field,
        NODE_LIMITS(NODE_LIMIT_ROW)
#undef NODE_LIMIT_ROW
#define NODE_LIMIT_ROW(name, option, text) #option,
            NODE_LIMITS_FURTHER(NODE_LIMIT_ROW)
#undef NODE_LIMIT_ROW
    };

    return limit < NODE_LIMIT_COUNT ? names[limit] : "";
}

/* Order: none; a count stands for itself. */
void node__limit_meet(struct node *node, enum node_limit limit)
{
    add_relaxed(&node->limits_met[limit], 1u);
}

uint64_t node_limit_met(const struct node *node, enum node_limit limit)
{
    return limit < NODE_LIMIT_COUNT ? load_relaxed(&node->limits_met[limit])
                                    : 0;
}

uint64_t node_limit_of(const struct node *node, enum node_limit limit)
{
    struct rt_stats stats;

    switch (limit) {
#define NODE_LIMIT_ROW(name, field, number, text) \
    case NODE_LIMIT_##name: \
        return node->limits.field;
        NODE_LIMITS(NODE_LIMIT_ROW)
#undef NODE_LIMIT_ROW
    case NODE_LIMIT_PACKET:
        return node->packet_max;
    case NODE_LIMIT_TICK_TIME:
        return node->tick_time_ms;
    case NODE_LIMIT_HIGH_MARK:
        return node->high_mark;
    case NODE_LIMIT_MEMORY_SOFT:
    case NODE_LIMIT_MEMORY_HARD:
        rt_stats(node->rt, &stats);
        return limit == NODE_LIMIT_MEMORY_SOFT ? stats.memory_soft
                                               : stats.memory_hard;
    case NODE_LIMIT_COUNT:
        break;
    }
    return 0;
}

void node__refuse(struct node *node, enum node_refusal refusal)
{
    add_relaxed(&node->refused[refusal], 1u);
}

enum node_refusal node__refusal_of(enum agner_err err)
{
    static const struct {
        enum agner_err err;
        enum node_refusal refusal;
    } rows[] = {
        { AGNER_ELIMIT, NODE_REFUSED_LIMIT },
        { AGNER_EPROTO, NODE_REFUSED_PROTOCOL },
        { AGNER_EMALFORMED, NODE_REFUSED_PROTOCOL },
        { AGNER_ETRUNCATED, NODE_REFUSED_PROTOCOL },
        { AGNER_EAUTH, NODE_REFUSED_COOKIE },
        { AGNER_ENOTALLOWED, NODE_REFUSED_NAME },
        { AGNER_ETIMEOUT, NODE_REFUSED_SILENCE },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].err == err)
            return rows[i].refusal;
    return NODE_REFUSED_OTHER;
}

uint64_t node_refused(const struct node *node, enum node_refusal refusal)
{
    return refusal < NODE_REFUSED_COUNT ? load_relaxed(&node->refused[refusal])
                                        : 0;
}

const char *node_refusal_name(enum node_refusal refusal)
{
    static const char *const names[] = {
#define NODE_REFUSAL_ROW(name, word, text) #word,
        NODE_REFUSALS(NODE_REFUSAL_ROW)
#undef NODE_REFUSAL_ROW
    };

    return refusal < NODE_REFUSED_COUNT ? names[refusal] : "";
}
