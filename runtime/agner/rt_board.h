/*
 * rt_board.h -- boards: what one process writes and all of a node read, without
 * asking it.
 *
 * A board is a table of terms by key. Who reads gets the value as it stands on
 * the board: nothing is copied, and no writer holds a reader up. What was read
 * stays as it was, whatever becomes of the board. Process groups and topics are
 * looked up in this way (gen_pg.h, gen_pubsub.h).
 *
 * A board is there as long as the runtime, so that it can be kept by its
 * address; a process that owns one clears it in its `destroy`. One process at a
 * time writes.
 *
 * Included by rt.h.
 */
#ifndef AGNER_RT_BOARD_H
#define AGNER_RT_BOARD_H

#include <agner/rt.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rt_board;

/* The board of this name among those of a kind, made if there is none yet.
 * `kind` is borrowed: static text. `name` is an atom of the program, since the
 * board stays. NULL: no memory, or no such name. Any thread. */
AGNER_API struct rt_board *rt_board_open(struct rt *rt, const char *kind,
                                         etf_term name);
/* The same, or NULL if nobody has made it. Takes no lock. Any thread. */
AGNER_API struct rt_board *rt_board_find(struct rt *rt, const char *kind,
                                         etf_term name);
/* The names of a kind, in the order in which they were made: a list in `r`.
 * ETF_NONE: no memory. Any thread. */
AGNER_API etf_term rt_board_list(struct rt *rt, struct etf_region *r,
                                 const char *kind);

/* Puts a copy of `value` in place of what is there for `key` (compared
 * exactly); ETF_NONE takes it away, which cannot fail. AGNER_ENOMEM: the board
 * is as before. */
AGNER_API enum agner_err rt_board_put(struct rt_board *board, etf_term key,
                                      etf_term value);
/* Takes everything away. */
AGNER_API void rt_board_clear(struct rt_board *board);

/* The value for `key`. It lives as long as what is in `r`. AGNER_EUNKNOWN,
 * AGNER_ENOMEM. Any thread. */
AGNER_API enum agner_err rt_board_get(struct rt_board *board,
                                      struct etf_region *r, etf_term key,
                                      etf_term *value);
/* All keys, in no order: a list in `r`. ETF_NONE: no memory. Any thread. */
AGNER_API etf_term rt_board_keys(struct rt_board *board, struct etf_region *r);
/* How many there are. Any thread. */
AGNER_API size_t rt_board_size(struct rt_board *board);

#ifdef __cplusplus
}
#endif

#endif
