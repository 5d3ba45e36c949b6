/*
 * gen_group.h -- a count of things under way, and those who wait for the last.
 *
 * gen.h includes this header. Source: spec/async.md 2.8, SignalGroup.
 */
#ifndef AGNER_GEN_GROUP_H
#define AGNER_GEN_GROUP_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gen_group;
struct gen_cancel; /* gen_cancel.h */

/* At zero, with one holder, the caller. NULL: no memory. Any thread, as all
 * that has no `self`. */
AGNER_API struct gen_group *gen_group_new(struct rt *rt);
AGNER_API struct gen_group *gen_group_hold(struct gen_group *group);
AGNER_API void gen_group_free(struct gen_group *group); /* NULL is fine */

/* `delta` more, or fewer. AGNER_EINVAL: it would be below zero, and is as
 * before; AGNER_ELIMIT: above what a count can be. */
AGNER_API enum agner_err gen_group_add(struct gen_group *group, int64_t delta);
/* One fewer. */
AGNER_API enum agner_err gen_group_done(struct gen_group *group);
AGNER_API uint64_t gen_group_count(const struct gen_group *group);

/* Waits until it is zero; it may be more again by the time that one looks.
 * AGNER_OK, AGNER_ETIMEOUT, AGNER_ECANCELLED (`cancel`, which may be NULL),
 * AGNER_ENOMEM, AGNER_EEXITING, AGNER_EKILLED. */
AGNER_API enum agner_err gen_group_wait(struct gen *self,
                                        struct gen_group *group,
                                        uint64_t timeout_ms,
                                        struct gen_cancel *cancel);
/* The message {gen_group, *ref} to self when it is zero, once. AGNER_ENOMEM,
 * AGNER_EEXITING, AGNER_EKILLED. */
AGNER_API enum agner_err
gen_group_notify(struct gen *self, struct gen_group *group, etf_ref *ref);

#ifdef __cplusplus
}
#endif

#endif
