/*
 * order.h -- where terms stand in the order, for sorting. Private to etf/.
 */
#ifndef ETF_ORDER_H
#define ETF_ORDER_H

#include "etf_door.h"

/* A number that decides most comparisons: when those of two terms differ, the
 * terms are in that exact order; when they are the same, ask
 * etf_compare_exact(). */
uint64_t etf__order_key(etf_term t);

#endif
