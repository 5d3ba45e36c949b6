/*
 * loan.h -- a process lends its state to who would call it.
 *
 * Private to behaviors/. While the process handles nothing it is on offer:
 * whoever takes it does a small call himself, in a few hundred instructions and
 * without a message, and nobody else touches the state meanwhile. Between two
 * calls it cannot be told who has done them, so what has to be done by the
 * process itself is left to it: the caller looks, gives the state back, and
 * calls.
 *
 *   closed   not on offer: the process begins, ends, is suspended or watched
 *   open     handles nothing
 *   used     by the process
 *   lent     to a caller, who does not wait for anything meanwhile
 *
 * The state is in memory of the process: closing waits until it is given back.
 */
#ifndef LOAN_H
#define LOAN_H

#include <sched.h>
#include <stdbool.h>

#include "atomic.h"

enum { LOAN_CLOSED, LOAN_OPEN, LOAN_USED, LOAN_LENT };

typedef _Atomic uint32_t gen_loan;

/* ---- A caller ----------------------------------------------------------- */

/* Order: acquire pairs with the releases below, so that who has the state sees
 * what the one before did with it. */
static inline bool gen__loan_take(gen_loan *loan)
{
    uint32_t seen = LOAN_OPEN;

    return load_relaxed(loan) == LOAN_OPEN &&
           cas_acquire(loan, &seen, LOAN_LENT);
}

static inline void gen__loan_return(gen_loan *loan)
{
    store_release(loan, LOAN_OPEN);
}

/* ---- The process -------------------------------------------------------- */

static inline void gen__loan_use(gen_loan *loan)
{
    uint32_t seen = LOAN_OPEN;
    unsigned turns = 0;

    while (!cas_acquire(loan, &seen, LOAN_USED)) {
        if (seen != LOAN_LENT)
            continue; /* closed: the next one succeeds */
        seen = LOAN_OPEN;
        if (++turns > 64)
            sched_yield();
        else
            atomic_relax();
    }
}

static inline void gen__loan_offer(gen_loan *loan, bool open)
{
    store_release(loan, open ? LOAN_OPEN : LOAN_CLOSED);
}

/* Whatever it is: nobody has it any more. */
static inline void gen__loan_close(gen_loan *loan)
{
    gen__loan_use(loan);
    gen__loan_offer(loan, false);
}

#endif
