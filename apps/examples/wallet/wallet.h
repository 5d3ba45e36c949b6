/*
 * wallet.h -- wallets that are on different nodes, and who pays from one to the
 * other.
 */
#ifndef WALLET_H
#define WALLET_H

#include <agner/gen.h>

/* A server that keeps coins; its argument is how many there are at first. */
extern const struct gen_server wallet_server;

/* What a payer is to do; all it refers to outlives its process. */
struct payment {
    const char *from; /* a wallet's name, on the payer's node */
    const char *to;   /* a wallet's name, on the node `node` */
    const char *node;
    int64_t coins;        /* one at a time */
    bool asks_again;      /* else it takes silence for a no */
    bool done;            /* set at the end */
    int64_t paid, unpaid; /* ... with what came of it */
};

/* Body of a process: `arg` is a struct payment. */
void wallet_pay(struct gen *self, void *arg);

#endif
