/*
 * kit_bed.h -- a simulated world with consumers that keep a record.
 *
 * For the tests of sources and sinks. One thread, so the record needs no lock.
 */
#ifndef KIT_BED_H
#define KIT_BED_H

#include "../process/bed.h"

#include <agner/gen.h>

#define RECORD_MAX 1000u /* events whose time is kept */

struct record {
    char text[8000]; /* what was noted, a blank between */
    size_t size;
    uint64_t count; /* events that collectors got */
    uint64_t at_ms[RECORD_MAX];
    unsigned inits, destroys;
};
extern struct record record;

void note(const char *word);
void note_term(etf_term t);
/* Notes each event, and when it came. */
extern const struct gen_stage collector_stage;

void kit_open(struct bed *bed, uint64_t seed);
void kit_close(struct bed *bed);
/* Everything that happens by itself within `ms`. */
void kit_run(struct bed *bed, uint64_t ms);
/* What was noted since the last call. */
void kit_expect(const char *text);

/* A collector that is subscribed to `producer`. */
etf_pid kit_collect(struct bed *bed, etf_pid producer,
                    const struct gen_stage_subscribe *options);
etf_term term(etf_pid pid);
/* A queue for so many events, which *monitor watches if it is not NULL. */
etf_pid queue_of(struct bed *bed, uint64_t max, etf_ref *monitor);
enum agner_err push(struct bed *bed, etf_pid queue, int64_t event,
                    uint64_t timeout_ms);
/* Pushes these numbers, and waits until all is quiet. */
void push_many(struct bed *bed, etf_pid queue, int from, int to);
struct gen_source_queue_info info_of(struct bed *bed, etf_pid queue);

/* `pid` has ended, with that reason: it was watched by `ref`. */
void kit_expect_end(struct bed *bed, etf_ref ref, const char *reason);

#endif
