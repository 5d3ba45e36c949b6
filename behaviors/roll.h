/*
 * roll.h -- who is in a group: a row of pids on a board, those of other nodes
 * first.
 *
 * Private to behaviors/. On the board it is [N, Count | Pids], N of the Count
 * of other nodes: so what is of this node is the tail of the list, and needs no
 * list of its own. Who changes a roll reads it, as far as he has to, into an
 * array; the rest of the list stays as it is, and follows the array when the
 * roll is written. A group without members is not on the board.
 */
#ifndef GEN_ROLL_H
#define GEN_ROLL_H

#include <agner/gen.h>

struct roll {
    etf_term *pids; /* owned; the terms are the region's that read them */
    size_t count;   /* in the array; in front of: */
    etf_term rest;  /* those that were not looked at */
    size_t total;   /* of both */
    size_t remote;  /* so many of all, the first, are of other nodes */
};

/* Terms to be compared with, pids mostly: sorted. */
struct bag {
    etf_term *pids; /* owned; the terms are borrowed */
    bool *used;     /* owned; one that was found */
    size_t count;
};

/* With room for `spare` more. AGNER_ENOMEM. */
enum agner_err gen__roll_read(struct rt_board *board, struct etf_region *r,
                              etf_term group, size_t spare, struct roll *roll);
/* AGNER_ENOMEM: the board is as before. */
enum agner_err gen__roll_write(struct rt_board *board, struct etf_region *r,
                               etf_term group, const struct roll *roll);
void gen__roll_fini(struct roll *roll);

/* The list on the board, of which nothing is copied: all, or those of this
 * node. AGNER_ENOMEM. */
enum agner_err gen__roll_list(struct rt_board *board, struct etf_region *r,
                              etf_term group, bool local, etf_term *pids);

/* Sends `message` to each of the list but `but` (ETF_NONE: nobody), as often as
 * it is there; one copy serves all of this node. *count, which may be NULL: to
 * how many. Who cannot be reached is passed over. AGNER_EBADTERM, AGNER_ENOMEM,
 * AGNER_EEXITING, AGNER_EKILLED. */
enum agner_err gen__roll_send(struct gen *self, etf_term pids, etf_term but,
                              etf_term message, size_t *count);

/* At first, if at all, one of these two: */
/* Takes one away for each of the bag, and marks it there; returns how many. */
size_t gen__roll_take(struct roll *roll, struct bag *bag, bool remote);
/* Takes away all of `node` that the bag has no match for; returns them as a
 * list in `r`. AGNER_ENOMEM. */
enum agner_err gen__roll_keep(struct roll *roll, struct etf_region *r,
                              etf_term node, struct bag *bag, etf_term *taken);
/* Then those that come, all local or all remote; not after taking a local one.
 * There is room. */
void gen__roll_add(struct roll *roll, etf_term pid, bool remote);

/* Those of `pids`, a pid or a proper list, that are pids of `node` (ETF_NONE:
 * this one). *other: there was something else. AGNER_ENOMEM. */
enum agner_err gen__bag_init(struct bag *bag, etf_term pids, etf_term node,
                             bool *other);
/* The first elements of a list of pairs, any terms. AGNER_ENOMEM. */
enum agner_err gen__bag_keys(struct bag *bag, etf_term pairs);
void gen__bag_fini(struct bag *bag);
bool gen__bag_has(const struct bag *bag, etf_term term);
/* Those that are marked, or are not: a list in `r`. ETF_NONE: no memory. */
etf_term gen__bag_list(const struct bag *bag, struct etf_region *r, bool used);

#endif
