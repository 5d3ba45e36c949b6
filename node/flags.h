/*
 * flags.h -- the distribution flags: one table.
 *
 * Private to node/. Each side offers some; what is used on a connection is what
 * both offered. Source: Erlang Distribution Protocol, "Distribution Flags";
 * spec/distribution.md 3.
 */
#ifndef NODE_FLAGS_H
#define NODE_FLAGS_H

#include <stdint.h>

/*
 * Bit, name, mandatory since this release of OTP (0: never), offered. Who lacks
 * a mandatory one is refused by that release and those after it; 26, 27 and 28
 * ask for the same set. We ask for that of NODE__FLAGS_RELEASE, which every
 * release since 23 offers. What is not offered is obsolete (ATOM_CACHE,
 * HIDDEN_ATOM_CACHE), or a request and no capability (NAME_ME).
 * docs/distribution.md has the same rows.
 */
/* clang-format off */
#define NODE__FLAGS(X)                      \
    X( 0, PUBLISHED,              0, 1)     \
    X( 1, ATOM_CACHE,             0, 0)     \
    X( 2, EXTENDED_REFERENCES,   23, 1)     \
    X( 3, DIST_MONITOR,           0, 1)     \
    X( 4, FUN_TAGS,              25, 1)     \
    X( 5, DIST_MONITOR_NAME,      0, 1)     \
    X( 6, HIDDEN_ATOM_CACHE,      0, 0)     \
    X( 7, NEW_FUN_TAGS,          23, 1)     \
    X( 8, EXTENDED_PIDS_PORTS,   23, 1)     \
    X( 9, EXPORT_PTR_TAG,        25, 1)     \
    X(10, BIT_BINARIES,          25, 1)     \
    X(11, NEW_FLOATS,            25, 1)     \
    X(12, UNICODE_IO,             0, 1)     \
    X(13, DIST_HDR_ATOM_CACHE,    0, 1)     \
    X(14, SMALL_ATOM_TAGS,        0, 1)     \
    X(16, UTF8_ATOMS,            23, 1)     \
    X(17, MAP_TAG,               25, 1)     \
    X(18, BIG_CREATION,          23, 1)     \
    X(19, SEND_SENDER,            0, 1)     \
    X(20, BIG_SEQTRACE_LABELS,    0, 1)     \
    X(22, EXIT_PAYLOAD,           0, 1)     \
    X(23, FRAGMENTS,              0, 1)     \
    X(24, HANDSHAKE_23,          25, 1)     \
    X(25, UNLINK_ID,             26, 1)     \
    X(26, MANDATORY_25_DIGEST,    0, 1)     \
    X(32, SPAWN,                  0, 1)     \
    X(33, NAME_ME,                0, 0)     \
    X(34, V4_NC,                 26, 1)     \
    X(35, ALIAS,                  0, 1)     \
    X(37, ALTACT_SIG,             0, 1)
/* clang-format on */

#define NODE__FLAGS_RELEASE 25

/* NODE__FLAG_PUBLISHED and so on: masks, not bit numbers. An enum would not do:
 * its constants are ints. */
#define NODE__FLAG(bit)                (UINT64_C(1) << (bit))
#define NODE__FLAG_PUBLISHED           NODE__FLAG(0)
#define NODE__FLAG_DIST_MONITOR        NODE__FLAG(3)
#define NODE__FLAG_DIST_MONITOR_NAME   NODE__FLAG(5)
#define NODE__FLAG_DIST_HDR_ATOM_CACHE NODE__FLAG(13)
#define NODE__FLAG_SEND_SENDER         NODE__FLAG(19)
#define NODE__FLAG_EXIT_PAYLOAD        NODE__FLAG(22)
#define NODE__FLAG_FRAGMENTS           NODE__FLAG(23)
#define NODE__FLAG_HANDSHAKE_23        NODE__FLAG(24)
#define NODE__FLAG_UNLINK_ID           NODE__FLAG(25)
#define NODE__FLAG_MANDATORY_25_DIGEST NODE__FLAG(26)
#define NODE__FLAG_SPAWN               NODE__FLAG(32)
#define NODE__FLAG_NAME_ME             NODE__FLAG(33)
#define NODE__FLAG_ALIAS               NODE__FLAG(35)
#define NODE__FLAG_ALTACT_SIG          NODE__FLAG(37)

/* The sums of the table's columns. A hidden node offers all but PUBLISHED. */
#define NODE__FLAG_MANDATORY_TERM(bit, name, since, offered) \
    | ((uint64_t)((since) != 0 && (since) <= NODE__FLAGS_RELEASE) << (bit))
#define NODE__FLAG_OFFERED_TERM(bit, name, since, offered) \
    | (UINT64_C(offered) << (bit))
#define NODE__FLAGS_MANDATORY \
    (UINT64_C(0) NODE__FLAGS(NODE__FLAG_MANDATORY_TERM))
#define NODE__FLAGS_OFFERED (UINT64_C(0) NODE__FLAGS(NODE__FLAG_OFFERED_TERM))

/* The name of the lowest flag set in `flags`; "unknown flag" for a bit without
 * a row, NULL for none. Static. */
const char *node__flag_name(uint64_t flags);

/* A peer's offer as we read it: MANDATORY_25_DIGEST stands for each of the
 * flags that are mandatory in OTP 25, and for no later ones. */
uint64_t node__flags_expand(uint64_t offer);

/* What a node of that release of OTP (23 and later) calls mandatory, and what
 * of it an offer lacks: 0, and it accepts. */
uint64_t node__flags_mandatory(unsigned release);
uint64_t node__flags_missing(unsigned release, uint64_t offer);

#endif
