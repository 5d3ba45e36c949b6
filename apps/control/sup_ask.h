/*
 * sup_ask.h -- fills a supervision tree by asking. Private to apps/control.
 */
#ifndef SUP_ASK_H
#define SUP_ASK_H

#include <agner/gen.h>

#include "sup_tree.h"

/*
 * Asks the supervisors among the rows from `first` on for their children, these
 * for theirs, and so on. Returns when rt_now_ms() is `end_ms` at the latest;
 * whoever has not answered then, or within half a second, is stuck. A row that
 * was called a supervisor and does not answer as one becomes a worker.
 * AGNER_ENOMEM, AGNER_EEXITING, AGNER_EKILLED.
 */
enum agner_err tree_ask(struct gen *self, struct tree *tree, uint32_t first,
                        uint64_t end_ms);

#endif
