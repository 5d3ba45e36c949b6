/*
 * application_mode.c -- the rows of spec/gen.md 1.9, "Termination of a started
 * application".
 */
#include "application_mode.h"

static bool is_orderly(etf_term reason)
{
    return etf_same(reason, ETF_A(normal)) ||
           etf_same(reason, ETF_A(shutdown)) ||
           etf_is_tagged(reason, ETF_A(shutdown), 2);
}

bool gen__child_ends_list(enum gen_start_type type, etf_term reason)
{
    switch (type) {
    case GEN_APP_PERMANENT:
        return true;
    case GEN_APP_TRANSIENT:
        return !is_orderly(reason);
    case GEN_APP_TEMPORARY:
        return false;
    }
    return false; /* not reached: the list above is whole */
}

bool gen__end_stops_node(enum gen_start_type type, bool list_killed,
                         etf_term reason)
{
    switch (type) {
    case GEN_APP_PERMANENT:
        return true;
    case GEN_APP_TRANSIENT:
        return !etf_same(reason, ETF_A(normal)) && !list_killed;
    case GEN_APP_TEMPORARY:
        return false;
    }
    return false; /* not reached: the list above is whole */
}
