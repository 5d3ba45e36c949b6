/*
 * gen_mux.h -- events of many types in one place: who subscribes says which.
 *
 *     static struct gen_feed_type opened = { .pattern = "{opened, __}" };
 *     static struct gen_feed_type closed = { .pattern = "{closed, __}" };
 *     struct gen_feed_type *const types[] = { &opened, &closed };
 *
 *     gen_mux_subscribe(self, mux, types, 2, NULL, &sub);
 *     gen_mux_post(other, mux, etf_make(other, "{opened, 7}"), 5000);
 *
 * A subscription gets the events that match any of its types, each once, and
 * all subscribers see those that they share in one order. What it is told, how
 * it takes, and what becomes of events for which it has no room is as in
 * gen_feed.h; events carry the time of their post.
 *
 * gen.h includes this header. Source: spec/event.md 2.7.
 */
#ifndef AGNER_GEN_MUX_H
#define AGNER_GEN_MUX_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GEN_MUX_TYPES_MAX 63u /* different types of one mux */

struct gen_feed_type;
struct gen_sub;
struct gen_sub_options;
struct gen_mux;

/* Returns new in *mux, with one count. AGNER_ENOMEM. */
AGNER_API enum agner_err gen_mux_new(struct gen *self, struct gen_mux **mux);
AGNER_API struct gen_mux *gen_mux_hold(struct gen_mux *mux);
/* One count fewer; stop it first. NULL is fine. Any thread. */
AGNER_API void gen_mux_free(struct gen_mux *mux);

/*
 * Subscribes self to events of these types; of none: to none. After the stop
 * the subscription has ended already, well, and says so as always.
 * AGNER_EINVAL (one of them twice, or a pattern that is none; then nothing is
 * left of it, as with every error), AGNER_ELIMIT, and what gen_feed_subscribe()
 * says.
 */
AGNER_API enum agner_err
gen_mux_subscribe(struct gen *self, struct gen_mux *mux,
                  struct gen_feed_type *const *types, size_t count,
                  const struct gen_sub_options *options, struct gen_sub **sub);

/* Posts `event` to all who want it; AGNER_OK also when that is nobody. Waits
 * and fails as gen_feed_send(). AGNER_ECLOSED: it is stopped. */
AGNER_API enum agner_err gen_mux_post(struct gen *self, struct gen_mux *mux,
                                      etf_term event, uint64_t timeout_ms);

/* Ends all subscriptions, well; a post that waits returns. Again: nothing. */
AGNER_API void gen_mux_stop(struct gen *self, struct gen_mux *mux);

#ifdef __cplusplus
}
#endif

#endif
