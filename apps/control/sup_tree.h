/*
 * sup_tree.h -- a supervision tree as rows, while it is being asked for.
 * Private to apps/control.
 *
 * Pure: who is asked, and when, is for sup_ask.c to know. Rows are added below
 * a parent in any order of parents, and read back as a person draws them: each
 * row before its children, and these in the order in which they were added.
 * Terms are borrowed from whoever added them.
 */
#ifndef SUP_TREE_H
#define SUP_TREE_H

#include <agner/etf.h>

#define TREE_NONE UINT32_MAX
#define TREE_ROWS_MAX \
    10000 /* then a supervisor's children are only counted \
           */

enum tree_type { TREE_APPLICATION, TREE_SUPERVISOR, TREE_WORKER };

struct tree_row {
    etf_term id;  /* the child's, or the application's name */
    etf_term pid; /* a pid; or an atom that says why there is none */
    enum tree_type type;
    etf_term restarts; /* a number; ETF_NONE: not known */
    bool stuck;        /* a supervisor that did not answer in time */
    uint64_t children; /* that it says it has, when it was asked */
    uint64_t folded;   /* children that have no rows */
    unsigned depth;    /* set by tree_add(), like the rest */
    uint32_t parent, first, last, next; /* TREE_NONE: there is none */
};

/* All zero is an empty one. */
struct tree {
    struct tree_row *rows; /* owned */
    uint32_t count, room;
};

void tree_fini(struct tree *t);

/* Adds a row, below `parent` or (TREE_NONE) as a root; *index is its number.
 * The fields that are the tree's own need not be set. AGNER_ENOMEM;
 * AGNER_ELIMIT: there are TREE_ROWS_MAX. */
enum agner_err tree_add(struct tree *t, uint32_t parent,
                        const struct tree_row *row, uint32_t *index);

/* Adds what a supervisor answered to which_children, which names the child that
 * was started last first; an agner one may have told of restarts too. Those
 * beyond TREE_ROWS_MAX are counted as folded. AGNER_EMALFORMED: no such answer;
 * then nothing was added. AGNER_ENOMEM. */
enum agner_err tree_add_children(struct tree *t, uint32_t parent,
                                 etf_term answer);

/* How many children an answer to count_children tells of, running or not.
 * AGNER_EMALFORMED. */
enum agner_err tree_read_count(etf_term answer, uint64_t *children);

/* The row after `at` as a person draws them, TREE_NONE after the last one; the
 * first one is 0. */
uint32_t tree_next(const struct tree *t, uint32_t at);

#endif
