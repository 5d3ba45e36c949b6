/*
 * transfer.h -- what the files of this example share.
 */
#ifndef TRANSFER_H
#define TRANSFER_H

#include <agner/gen.h>

#define OPENING 1000 /* in each account at first */

/* accounts.c: a server that keeps accounts in a store. It is started with the
 * store as a resource term and the name of the account that it opens. */
extern const struct gen_server accounts_server;

/* bank.c: moving money, as a saga. Its input is {{FromNode, FromAccount},
 * {ToNode, ToAccount}, Amount}. */
extern const struct gen_steps transfer_steps;

/* killer.c: a store that ends the program with SIGKILL at write `at` (from 1;
 * 0: at none), before it is made or when it has been. Takes `below`. */
enum agner_err killer_new(struct rt *rt, struct gen_store *below, unsigned at,
                          bool after, struct gen_store **out);
/* Writes so far. */
unsigned killer_writes(void);

/* node.c: a node with its accounts, for as long as there are commands on `in`.
 * Returns the program's exit code. */
struct part {
    unsigned index; /* 0: the one that coordinates */
    const char *folder;
    unsigned kill_at; /* killer_new() */
    bool after;
    int in, out;
};
int part_run(const struct part *part);

#define PARTS 3u
extern const char *const part_names[PARTS];

#endif
