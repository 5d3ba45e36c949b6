/*
 * kit.h -- what the sources and sinks share: how options get to a new process,
 * and how it subscribes.
 *
 * Private to behaviors/. A starter may be killed while the init that it waits
 * for runs, so what it gave is copied into the args: options as a resource, and
 * a list of producers, {To, Options, Partition, Extra}.
 */
#ifndef KIT_H
#define KIT_H

#include <agner/gen_stage.h>

/* The args of a stage whose init calls gen__kit_take(); ETF_NONE: no memory. */
etf_term gen__kit_args(struct gen *self, const void *options, size_t size,
                       const struct gen_stage_source *sources, size_t count,
                       etf_term args);

struct kit {
    const void *options; /* a copy; as long as the args live */
    etf_term sources;
    etf_term args;
};
/* false: these are no such args. */
bool gen__kit_take(etf_term term, struct kit *kit);

/* Subscribes to all, in order, none of them manual; those that reconnect are
 * temporary when `lasting`. What gen_stage_subscribe() says. */
enum agner_err gen__kit_subscribe(struct gen *self, etf_term sources,
                                  bool lasting);

/* The demand that the options of a subscription, [{Key, Value}], tell of. */
void gen__kit_demand(etf_term options, uint64_t *min, uint64_t *max);
enum gen_stage_cancel gen__kit_mode(etf_term options);

/* In init, after a step that failed: {bad_opts, Text}, or `memory_limit`. */
enum gen_next gen__kit_stop(struct gen *self, enum agner_err err);

/* Has `end` come to handle_info behind all events of this stage that are not
 * delivered yet. */
enum gen_next gen__kit_end_later(struct gen *self, etf_term end);

/* Is this the reason of an orderly end? */
bool gen__kit_orderly(etf_term reason);

#endif
