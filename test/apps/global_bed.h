/*
 * global_bed.h -- the machine of `global` without processes: what it does is
 * written down, a line for each act.
 */
#ifndef TEST_GLOBAL_BED_H
#define TEST_GLOBAL_BED_H

#include <global_internal.h>

#include <agner/sim.h>

struct bed {
    struct sim *sim;
    struct rt *rt;
    struct global g;
    struct global_acts acts;
    struct etf_region *region;
    struct etf_buffer log; /* lines */
    uint32_t refs;         /* made so far */
    size_t watched;        /* monitors that stand */
    uint64_t now_ms;
};

/* This node is m@host, or another name. */
void bed_begin(struct bed *b, const char *self);
/* Ends it and what it made. */
void bed_end(struct bed *b);

/* The lines since the last call must be these, each ended by a newline. */
void bed_expect(struct bed *b, const char *lines);
void bed_forget(struct bed *b);
const char *bed_text(struct bed *b);

/* A process of another node. */
etf_pid bed_far(const char *node, uint32_t id);

/* What comes to the server. Text in Erlang syntax; `_` takes the arguments. */
#define bed_cast(b, ...) \
    (void)global__cast(&(b)->g, etf_make((b)->region, __VA_ARGS__))
#define bed_info(b, ...) \
    (void)global__info(&(b)->g, etf_make((b)->region, __VA_ARGS__))

/* m's attempt with `node` up to where both have its lock. Tags: ours as given
 * out, his 77. */
int64_t bed_meet(struct bed *b, const char *node, int64_t version);
/* The whole of it; the node is known then, with these names. */
void bed_know(struct bed *b, const char *node, int64_t version, etf_term names);

#endif
