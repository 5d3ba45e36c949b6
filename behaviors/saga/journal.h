/*
 * journal.h -- durable sagas as rows of a store.
 *
 * Private to behaviors/saga/. A saga has two rows, whose keys differ in the
 * last byte: its head, which never changes, and its progress. A value begins
 * with a version and a check sum; what follows is an external term. Anything
 * may be read: what is not as it was written is AGNER_ECORRUPT.
 *
 *   key       Name, 0, size of the id (2 bytes, big endian), the id as an
 *             external term, 'h' or 'p'
 *   head      {Id, Input, CreatedMs, DeadlineMs, [StepName]}
 *   progress  {Phase, UpdatedMs, Reason, Trouble, [{State, Attempts, Failures,
 *             Compensations, UndoFailures} | {..., Result}]}
 *
 * Times are milliseconds of the wall clock; DeadlineMs is 0 for none. Reason is
 * [] or [Reason], why it turned back; Trouble, why it is stuck, is like it.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <agner/gen_steps.h>

#include "saga/steps_decide.h"

#define JOURNAL_VERSION  1u
#define JOURNAL_HEAD     'h'
#define JOURNAL_PROGRESS 'p'

/* All of a saga: terms in a region of whoever has it. */
struct journal {
    etf_term id, input;
    uint64_t created_ms, deadline_ms; /* deadline: RT_INFINITY for none */
    uint64_t updated_ms;
    etf_term names[STEPS_COUNT_MAX];   /* binaries */
    etf_term results[STEPS_COUNT_MAX]; /* ETF_NONE: none */
    etf_term reason, trouble;          /* ETF_NONE: none */
    struct steps_record record;
};

/* Appends what all keys of a name begin with; the key of a saga's row.
 * AGNER_ELIMIT (the id), AGNER_EBADTERM, AGNER_ENOMEM. */
enum agner_err gen__journal_prefix(struct etf_buffer *b, const char *name);
enum agner_err gen__journal_key(struct etf_buffer *b, const char *name,
                                etf_term id, uint8_t row);
/* The id's bytes in a key of that name, and which row: false: it is none. */
bool gen__journal_split(const char *name, etf_bytes key, etf_bytes *id,
                        uint8_t *row);
/* The id itself. */
enum agner_err gen__journal_id(struct etf_region *r, etf_bytes id,
                               etf_term *term);

/* Appends a row's value. AGNER_ELIMIT (GEN_STEPS_BYTES_MAX), AGNER_EBADTERM,
 * AGNER_ENOMEM. `r` for what is built on the way. */
enum agner_err gen__journal_write_head(struct etf_buffer *b,
                                       struct etf_region *r,
                                       const struct etf_self *self,
                                       const struct journal *j);
enum agner_err gen__journal_write_progress(struct etf_buffer *b,
                                           struct etf_region *r,
                                           const struct etf_self *self,
                                           const struct journal *j);

/* Reads both rows into *j, in `r`; each must belong to `id`. AGNER_ECORRUPT,
 * AGNER_ENOTSUP (a version from later on), AGNER_ENOMEM. */
enum agner_err gen__journal_read(struct etf_region *r,
                                 const struct etf_self *self, etf_bytes head,
                                 etf_bytes progress, struct journal *j,
                                 struct agner_error *error);

#endif
