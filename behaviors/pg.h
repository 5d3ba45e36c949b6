/*
 * pg.h -- a scope of process groups: what its files share.
 *
 *   pg.c        the process: requests, and what is done later
 *   pg_peer.c   scopes of other nodes: what they tell, what they are told
 *   pg_watch.c  who hears of joins and leaves
 *   pg_call.c   the functions of gen_pg.h, which are not the scope's
 *   crowd.c     members of this node, roll.c the board
 *
 * Private to behaviors/.
 *
 * What a peer, or a dead member, has to be told or struck for, and cannot be
 * just now (no memory, its connection is full), is put off: `late_ms` is when
 * the scope tries again.
 */
#ifndef GEN_PG_INTERNAL_H
#define GEN_PG_INTERNAL_H

#include "crowd.h"

#define PG_BOARDS   "pg"  /* the kind of the scopes' boards */
#define PG_RETRY_MS 1000u /* after that what was put off is tried again */

/* A scope on another node: there is one for a node. */
struct pg_peer {
    etf_pid pid;
    etf_ref ref;          /* of our monitor */
    uint32_t memberships; /* that it told us of */
    bool ask;             /* we have missed something: `discover` again */
    bool tell;            /* it has missed something: `sync` again */
    bool gone;            /* it has ended, and members of it are left */
};

/* Somebody who hears of joins and leaves. */
struct pg_watch {
    etf_ref ref; /* of our monitor of him, and his of the scope */
    etf_pid pid;
    uint32_t hash;         /* of the group */
    struct etf_box *group; /* owned; NULL: of all groups */
};

struct pg {
    struct crowd crowd;
    etf_term scope;
    struct pg_peer *peers; /* owned */
    uint32_t peer_count, peer_room;
    struct pg_watch *watches; /* owned */
    uint32_t watch_count, watch_room;
    uint64_t late_ms; /* rt_now_ms() from which on it is tried; 0: nothing */
};

/* ---- pg.c --------------------------------------------------------------- */

/* Something has to be done later. */
void gen__pg_late(struct gen *self, struct pg *s);

/* ---- pg_peer.c ---------------------------------------------------------- */

/* Hears of nodes, and calls the scopes of those that are connected. */
enum agner_err gen__pg_begin(struct gen *self, struct pg *s);
/* {discover, _}, {join, _, _, _} and so on; other messages are ignored. */
void gen__pg_message(struct gen *self, struct pg *s, etf_term message);
/* {sync, Peer, Groups}; other casts are ignored. */
void gen__pg_cast(struct gen *self, struct pg *s, etf_term request);
/* A DOWN: was it of a peer? */
bool gen__pg_peer_down(struct gen *self, struct pg *s, etf_ref ref);
/* Tells all peers what happened here. ETF_NONE: they have missed something. */
void gen__pg_tell(struct gen *self, struct pg *s, etf_term message);
/* What was put off; false: some of it still is. */
bool gen__pg_peers_retry(struct gen *self, struct pg *s);

/* ---- pg_watch.c --------------------------------------------------------- */

/* `from` watches a group, or all (ETF_NONE). *ref is its number. AGNER_EINVAL,
 * AGNER_ENOMEM, AGNER_ELIMIT. */
enum agner_err gen__pg_watch(struct gen *self, struct pg *s, etf_pid who,
                             etf_term group, etf_ref *ref);
/* By its number: was there one? `fired`: its monitor is gone. */
bool gen__pg_unwatch(struct gen *self, struct pg *s, etf_ref ref, bool fired);
/* Tells who watches: `what` is the atom join or leave. Builds in `r`. */
void gen__pg_notify(struct gen *self, struct pg *s, struct etf_region *r,
                    const char *what, etf_term group, etf_term pids);

#endif
