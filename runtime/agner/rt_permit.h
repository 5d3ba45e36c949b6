/*
 * rt_permit.h -- what processes of another node may do to those of this one.
 *
 * Whoever knows of the peers (node.h) says for each what it may; what it may
 * not has no effect here, and it hears so in the protocol's own words: `noproc`
 * of a link or a monitor, an error of a spawn request, an exception of a call.
 * Messages and exit signals have no answer, and are dropped.
 *
 * A process may want more than that of whoever talks to it: rt_guard().
 *
 * Included by rt.h. Source: spec/reliability.md 6.4.
 */
#ifndef AGNER_RT_PERMIT_H
#define AGNER_RT_PERMIT_H

#include <agner/rt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Name, word, bit. */
/* clang-format off */
#define RT_PERMISSIONS(X)                                                     \
    X(MESSAGE, message, 1)   /* messages; answers to ours always come in */   \
    X(LINK,    link,    2)   /* links and monitors */                         \
    X(EXIT,    exit,    4)   /* exit/2 */                                     \
    X(SPAWN,   spawn,   8)   /* processes, of what is there to be started */  \
    X(RPC,     rpc,     16)  /* functions that ask for nothing else */        \
    X(NAMES,   names,   32)  /* global names, groups */                       \
    X(OBSERVE, observe, 64)  /* figures, lists of processes, their insides */ \
    X(ADMIN,   admin,   128) /* group leaders, connections, applications */
/* clang-format on */

#define RT_PERMISSION_ROW(name, word, bit) RT_MAY_##name = (bit),
enum rt_permission { RT_PERMISSIONS(RT_PERMISSION_ROW) RT_MAY_ALL = 255 };
#undef RT_PERMISSION_ROW

#define RT_PERMISSION_COUNT 8

/* "spawn" for RT_MAY_SPAWN; of several the lowest. Static; "": none. */
AGNER_API const char *rt_permission_name(unsigned permissions);

/* The bit of that word of `size` bytes; 0: it is none. */
AGNER_API unsigned rt_permission_parse(const char *word, size_t size);

/* "message, link" in `text`, cut to its size; "none". Returns text. */
AGNER_API char *rt_permissions_format(unsigned permissions, char *text,
                                      size_t size);

/*
 * From now on self is not there for nodes that lack one of `permissions`: their
 * links and monitors end with `noproc`, their messages are dropped. Its
 * children and friends on this node notice nothing. A later guard replaces an
 * earlier one; 0: none.
 *
 * With `tell` a message of a node that lacks any permission at all comes as
 *
 *     {'$peer', Node, May, Message}
 *
 * with the permissions that it does have, for a process that answers by itself
 * what is asked of it. AGNER_ELIMIT (15 different guards in one runtime).
 */
AGNER_API enum agner_err rt_guard(struct gen *self, unsigned permissions,
                                  bool tell);

/* What the node may that had self started: all, if that is this one; and an
 * atom, that node's name, or ETF_NONE. It does not change while self lives. */
AGNER_API unsigned rt_requester(const struct gen *self, etf_term *node);

/* Something was refused to that node: counted and logged by whoever knows it.
 * `what` tells what it was: "erlang:halt/0". Any thread. */
AGNER_API void rt_refused(struct rt *rt, etf_term node, unsigned permissions,
                          const char *what);

#ifdef __cplusplus
}
#endif

#endif
