/*
 * crowd.h -- local processes, and the groups that they are in.
 *
 * Private to behaviors/: what a scope of process groups and a pubsub have in
 * common. A crowd watches each of its members, knows their groups, and keeps
 * the board (roll.h) in step. It belongs to one process, whose own code calls
 * all of this.
 *
 * A change that memory does not suffice for is not made at all; but a death
 * cannot be refused, and so it waits (crowd.late) until gen__crowd_retry().
 */
#ifndef GEN_CROWD_H
#define GEN_CROWD_H

#include "roll.h"

struct crowd_member;

struct crowd {
    struct rt_board *board;        /* the runtime's */
    struct etf_region *work;       /* owned: for one change at a time */
    struct crowd_member **buckets; /* owned; `mask` + 1, or NULL */
    uint32_t mask;
    uint32_t count;
    bool late; /* there are dead members that are still on the board */
    /* Clears the board before anybody hears of the owner's end. */
    struct rt_hook end;

    /* A member has ended and was in these groups, a list that names one as
     * often as it was in it. */
    void (*left)(struct gen *self, etf_term pid, etf_term groups);
};

/* Clears the board, and again when self ends. `c` is in self's state.
 * AGNER_ENOMEM, AGNER_EEXITING, AGNER_EKILLED. */
enum agner_err gen__crowd_init(struct gen *self, struct crowd *c,
                               struct rt_board *board);
/* Without self. All zero is fine. */
void gen__crowd_fini(struct crowd *c);

/* A join of all of `pids`, each once more, or of none. AGNER_EINVAL: there is
 * one that is no pid of this node; AGNER_ENOMEM, AGNER_EEXITING, AGNER_EKILLED.
 */
enum agner_err gen__crowd_join(struct gen *self, struct crowd *c,
                               etf_term group, etf_term pids);
/* *left, in self's region: those who were members. AGNER_EUNKNOWN: nobody was.
 */
enum agner_err gen__crowd_leave(struct gen *self, struct crowd *c,
                                etf_term group, etf_term pids, etf_term *left);
/* How often it is in the group. */
size_t gen__crowd_count(const struct crowd *c, etf_term group, etf_pid pid);

/* Is it {'DOWN', Ref, process, _, _}? Takes no memory, as a first etf_match()
 * does: an end must not be missed. */
bool gen__is_down(etf_term message, etf_ref *ref);
/* A DOWN came: was it of a member? */
bool gen__crowd_down(struct gen *self, struct crowd *c, etf_term down);
/* Once more for those of whom it could not be told. */
void gen__crowd_retry(struct gen *self, struct crowd *c);

#endif
