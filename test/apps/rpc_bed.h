/*
 * rpc_bed.h -- two nodes in a simulated world, for tests of rpc.
 */
#ifndef TEST_RPC_BED_H
#define TEST_RPC_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <agner/kernel.h>
#include <agner/node.h>
#include <agner/sim.h>
#include <cmocka.h>

#define A       "a@10.0.0.1"
#define B       "b@10.0.0.2"
#define NOBODY  "c@10.0.0.3"
#define TICK_MS 4000
#define WAIT_MS 600000 /* of virtual time */

struct world {
    uint64_t seed;
    struct sim *sim;
    struct node *a, *b;
    struct gen *at_a, *at_b;
    bool faults;        /* connections may be lost */
    char failure[1000]; /* the first one; "": none */
};

/*
 * Both nodes have, in module t: go(Ending, DelayMs), which ends as it is told;
 * tell(To), which sends {told, Node, Leader}; friends(X), which only B may
 * call.
 */
void rpc_begin(struct world *w, uint64_t seed);
/* Returns the hash of what happened. */
uint64_t rpc_end(struct world *w);

void rpc_check(const struct world *w, bool good, const char *what);
void rpc_shows(const struct world *w, etf_term t, const char *expected);

/* A function of any arity: its last argument. */
enum gen_rpc_class rpc_last(struct gen *self, etf_term args, etf_term *result);

#endif
