/*
 * node_limits.h -- what strangers and peers may cost a node.
 *
 *     struct node_options options = { .limits = { .handshakes = 16 } };
 *     ...
 *     refused = node_limit_met(node, NODE_LIMIT_HANDSHAKES);
 *
 * No limit can be turned off: 0 is its default. What is past one is refused,
 * closed or kept as plain data, as docs/limits.md tells for each, and counted.
 *
 * Source: spec/reliability.md 4.1.
 */
#ifndef AGNER_NODE_LIMITS_H
#define AGNER_NODE_LIMITS_H

#include <agner/etf.h>

#ifdef __cplusplus
extern "C" {
#endif

struct node;

/* Name, field, default, what the log says of whoever meets it. */
/* clang-format off */
#define NODE_LIMITS(X)                                                        \
    /* handshakes that are under way: in all, and from one address */         \
    X(HANDSHAKES,        handshakes,        64, "too many unfinished handshakes") \
    X(HANDSHAKES_SOURCE, handshakes_source, 8,  "too many unfinished handshakes") \
    /* begun in a second; one address may have twice that at once */          \
    X(STARTS,            starts,            200, "too many connections in a short time") \
    X(STARTS_SOURCE,     starts_source,     20,  "too many connections in a short time") \
    /* failed ones of one address, without a quiet minute; from then on it    \
     * waits 1 s, 2 s, 4 s ... 60 s */                                        \
    X(FAILURES_SOURCE,   failures_source,   5, "too many failed handshakes")  \
    /* milliseconds from accepted to up; bytes until then */                  \
    X(HANDSHAKE_MS,      handshake_ms,      5000, "no handshake within the set-up time") \
    X(HANDSHAKE_BYTES,   handshake_bytes,   8192, "too long a handshake")     \
    /* fragmented messages of one peer that are not complete */               \
    X(SEQUENCES,         sequences,         1024, "too many unfinished messages") \
    /* atoms that are made because a peer said them: of one, and of all */    \
    X(ATOMS_PEER,        atoms_peer,        16384, "too many atoms of one peer") \
    X(ATOMS,             atoms,             65536, "too many atoms of all peers") \
    /* links and monitors that are kept for one peer */                       \
    X(RELATIONS,         relations,         1000000, "too many links and monitors of one peer") \
    /* nodes that are known */                                                \
    X(NODES,             nodes,             65536, "too many known nodes")    \
    /* lines in the log about one address in a second */                      \
    X(LOG_LINES,         log_lines,         10, "too many lines about one address")
/* clang-format on */

/* Name, option, what the log says: further options of struct node_options. */
/* clang-format off */
#define NODE_LIMITS_FURTHER(X)                                                \
    /* a packet, or a fragmented message, is larger */                        \
    X(PACKET,            packet_max,        "too large")                      \
    /* a fragmented message was not finished in that time */                  \
    X(TICK_TIME,         tick_time_ms,      "a fragmented message was not finished") \
    /* a sender waited, or was told that it would have to */                  \
    X(HIGH_MARK,         high_mark,         "too much is queued for a peer")  \
    /* of the memory (rt.memory_soft): a connection was not accepted */       \
    X(MEMORY_SOFT,       memory_soft,       "too much memory is used")        \
    /* ... (rt.memory_hard): the connections were not read for a while */     \
    X(MEMORY_HARD,       memory_hard,       "too much memory is used")
/* clang-format on */

#define NODE_LIMIT_ROW(name, field, number, text) NODE_LIMIT_##name,
#define NODE_LIMIT_FURTHER(name, option, text)    NODE_LIMIT_##name,
enum node_limit {
    NODE_LIMITS(NODE_LIMIT_ROW) NODE_LIMITS_FURTHER(NODE_LIMIT_FURTHER)
        NODE_LIMIT_COUNT
};
#undef NODE_LIMIT_ROW
#undef NODE_LIMIT_FURTHER

#define NODE_LIMIT_ROW(name, field, number, text) uint32_t field;
struct node_limits {
    NODE_LIMITS(NODE_LIMIT_ROW)
};
#undef NODE_LIMIT_ROW

/* How often it was met since the start of the node. Any thread. */
AGNER_API uint64_t node_limit_met(const struct node *node,
                                  enum node_limit limit);

/* What it is in this node. Any thread. */
AGNER_API uint64_t node_limit_of(const struct node *node,
                                 enum node_limit limit);

/* Its field, as a word: "handshakes"; "packet_max". Static. */
AGNER_API const char *node_limit_name(enum node_limit limit);

/* Why connections that came in ended before they were up: name, word, meaning.
 */
/* clang-format off */
#define NODE_REFUSALS(X)                                                      \
    X(OTHER,    other,    "it went away, or memory was short")                \
    X(LIMIT,    limit,    "one of the limits above")                          \
    X(PLAIN,    plain,    "plain Erlang distribution, which is off for it")   \
    X(PROTOCOL, protocol, "no handshake, or a broken one")                    \
    X(COOKIE,   cookie,   "another cookie")                                   \
    X(KEY,      key,      "a key that is not the name's, or not trusted")     \
    X(NAME,     name,     "not among the nodes that are allowed, or mandatory flags are missing") \
    X(SILENCE,  silence,  "not up within the set-up time")
/* clang-format on */

#define NODE_REFUSAL_ROW(name, word, text) NODE_REFUSED_##name,
enum node_refusal { NODE_REFUSALS(NODE_REFUSAL_ROW) NODE_REFUSED_COUNT };
#undef NODE_REFUSAL_ROW

/* How many since the start of the node. Any thread. */
AGNER_API uint64_t node_refused(const struct node *node,
                                enum node_refusal refusal);

/* Its word: "cookie". Static. */
AGNER_API const char *node_refusal_name(enum node_refusal refusal);

#ifdef __cplusplus
}
#endif

#endif
