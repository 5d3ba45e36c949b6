/*
 * store_claim.h -- one process at a time has a name in a store.
 *
 * For whoever goes on with what is in a store after a failure: the one before,
 * and the processes that worked for it, must be gone, or what they still write
 * would be in the way. A process that owns a name does so until it ends. The
 * others join, and the next owner waits until they have ended too; who comes to
 * join an owner that is gone is refused.
 *
 * Private to behaviors/.
 */
#ifndef STORE_CLAIM_H
#define STORE_CLAIM_H

#include <agner/gen_store.h>

struct gen_claim; /* lives as long as the store */

/* Which life of a claim: to join by, and as long as the store is held. */
struct gen_claim_ticket {
    struct gen_store *store; /* borrowed */
    struct gen_claim *claim;
    uint64_t life;
};

/* Makes self the owner of `name` (borrowed: static), and waits for who joined
 * the one before. AGNER_ETAKEN: another process is; AGNER_ENOMEM,
 * AGNER_EEXITING, AGNER_EKILLED. */
enum agner_err gen__claim_own(struct gen *self, struct gen_store *store,
                              const char *name,
                              struct gen_claim_ticket *ticket);
/* AGNER_ETERMINATED: that owner is gone; AGNER_ENOMEM, AGNER_EEXITING,
 * AGNER_EKILLED. */
enum agner_err gen__claim_join(struct gen *self,
                               const struct gen_claim_ticket *ticket);

/* store.c: the claim of that name, made if there is none. NULL: no memory. */
struct gen_claim *gen__store_claim(struct gen_store *store, const char *name);
/* For it: the same, in its list. */
struct gen_claim *gen__claim_find(struct gen_claim **first, const char *name);
void gen__claims_free(struct gen_claim *first);

#endif
