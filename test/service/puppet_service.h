/*
 * puppet_service.h -- a service that does as its test says, and a record of it.
 *
 * For the simulated world: one thread, so the record needs no lock. What each
 * try of apply does is a letter of the script, the first try's first; beyond
 * its end every try is `o`:
 *
 *   o  works            f  fails with AGNER_EIO, "why"
 *   a  aborts with it   c  crashes with `boom`
 *   b  blocks until the gate opens or it is cancelled, then works (cancelled:
 *      fails with AGNER_ECANCELLED)
 *   s  blocks until the gate opens, whatever it is told, then works
 *   A  as s, then aborts
 *   k  starts the children "x", "y", "z" of its run, and works
 *   K  as k, and then as b
 *   d  starts a child that ends at once, again and again, and works
 */
#ifndef PUPPET_SERVICE_H
#define PUPPET_SERVICE_H

#include "../process/bed.h"

#include <agner/gen.h>

#define SECOND_NS 1000000000u
#define TRIES_MAX 64

struct puppet {
    const char *script;
    bool gate; /* open */
    bool parse_fails;
    uint64_t clock_ns; /* 0: the world's */
    bool step_clock;   /* a try moves the clock by a second */
    unsigned tries, running, running_max;
    struct {
        char config[32];
        uint64_t generation, attempt;
        struct gen_cancel *token; /* held */
        bool parsed;
    } tried[TRIES_MAX];
    unsigned stops, saved, parsed, parsed_freed;
    uint64_t saved_version;        /* the last one */
    bool hook_crashes, hook_calls; /* on_stop does that */
    enum agner_err hook_got;       /* of a call to the own service */
    struct gen_service *service;   /* for hook_calls; borrowed */
    char children[400];            /* "+x" started, "-x" ended */
    char retries[200];             /* of the retry log: "failures:err:delay " */
};

extern const struct gen_service_spec puppet_spec;
/* The same without a parser. */
extern const struct gen_service_spec puppet_raw_spec;

uint64_t puppet_clock(void *ctx);
void puppet_log(struct gen *self, void *ctx,
                const struct gen_retry_attempt *attempt);
/* The same in every field, and in what they point to. */
bool puppet_same_state(const struct gen_service_state *a,
                       const struct gen_service_state *b);
/* Frees what the record holds. */
void puppet_fini(struct puppet *p);

#endif
