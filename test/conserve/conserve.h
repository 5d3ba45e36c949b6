/*
 * conserve.h -- workloads with real threads whose counts must come out exactly.
 *
 * Each ends by itself, counts on both sides, and ends the runtime in the
 * ordinary way; then every process and every byte is back. Source:
 * spec/reliability.md 3.2.
 */
#ifndef AGNER_TEST_CONSERVE_H
#define AGNER_TEST_CONSERVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <agner/rt.h>
#include <agner/rt_info.h>

#define CONSERVE_WAIT_MS \
    600000 /* longer than any run: the watchdog is first \
            */

struct conserve {
    struct gen *self; /* the attached thread */
    uint64_t n;       /* about so many messages */
    uint64_t seed;
    uint64_t messages; /* out: so many it was */
    char counts[200];  /* out: what is printed */
};

/* One workload. false: a count is off; `counts` says which. */
typedef bool conserve_run(struct conserve *c);

conserve_run conserve_mesh; /* chains of hops through random processes */
conserve_run
    conserve_star; /* many producers, one bounded mailbox, each policy */
conserve_run conserve_churn;   /* spawn, link, monitor, kill */
conserve_run conserve_calls;   /* time-outs about as long as answers take */
conserve_run conserve_timers;  /* start and cancel, fired meanwhile */
conserve_run conserve_payload; /* terms of all kinds, boxes shared by many */
conserve_run conserve_names;   /* register, send by name, end */

/* Ends the program: what cannot fail has. */
void conserve_must(enum agner_err err, const char *what);

/* Waits until all processes but the caller's are gone: who waits for an end
 * hears of it before what was left in the mailbox is counted. */
bool conserve_all_gone(struct gen *self);

/* xorshift: each process has a state of its own. */
static inline uint64_t conserve_draw(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static inline uint64_t conserve_seed(uint64_t seed, uint64_t index)
{
    return (seed + index + 1) * 0x9e3779b97f4a7c15u | 1u;
}

/* Makes `count` counted results from all processes of a workload into one. */
#define CONSERVE_SAY(c, ...) \
    ((void)snprintf((c)->counts, sizeof(c)->counts, __VA_ARGS__))

#endif
