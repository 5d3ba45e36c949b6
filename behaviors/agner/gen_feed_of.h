/*
 * gen_feed_of.h -- a feed whose events are structs of one type.
 *
 *     struct price {
 *         char item[32];
 *         double value;
 *     };
 *     static const struct etf_field price_fields[] = {
 *         ETF_FIELD(struct price, item, ETF_FIELD_TEXT),
 *         ETF_FIELD(struct price, value, ETF_FIELD_DOUBLE),
 *     };
 *     GEN_FEED_OF(price, struct price, price_fields)
 *
 *     price_feed_new(self, NULL, &feed);
 *     price_feed_send(self, feed, &(struct price){ "egg", 0.3 }, 5000, &count);
 *     ...
 *     gen_sub_next(self, sub, 5000, &event);
 *     price_feed_get(&event, &price);
 *
 * The compiler checks the struct; a feed of another type says AGNER_EBADTYPE.
 * An event is the tuple {price, #{item => ..., value => ...}}, so subscribers
 * of other nodes and languages read it, and such a feed is one as any other.
 *
 * gen.h includes this header. Source: spec/event.md 2.1 (generic variant).
 */
#ifndef AGNER_GEN_FEED_OF_H
#define AGNER_GEN_FEED_OF_H

#include <agner/gen_feed.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gen_feed;
struct gen_feed_event;
struct gen_feed_options;
struct gen_feed_type;

/* What a struct is, for the functions below. Static. */
struct gen_feed_of {
    struct gen_feed_type *type;
    const char *tag;
    const struct etf_field *fields;
    size_t field_count;
};

/* gen_feed_new() of that type; `options` but for `type`. */
AGNER_API enum agner_err gen_feed_of_new(struct gen *self,
                                         const struct gen_feed_of *of,
                                         const struct gen_feed_options *options,
                                         struct gen_feed **feed);
/* gen_feed_send() of the struct at `value`, which is copied. */
AGNER_API enum agner_err gen_feed_of_send(struct gen *self,
                                          const struct gen_feed_of *of,
                                          struct gen_feed *feed,
                                          const void *value,
                                          uint64_t timeout_ms, size_t *count);
/* Fills in the struct at `value`. AGNER_EBADTYPE: the event is none of them,
 * and nothing is written; AGNER_ENOMEM. */
AGNER_API enum agner_err gen_feed_of_get(const struct gen_feed_of *of,
                                         const struct gen_feed_event *event,
                                         void *value);

/* Of what a macro makes, nobody uses all. */
#if defined(__GNUC__)
#define GEN_FEED_OF_UNUSED __attribute__((unused))
#else
#define GEN_FEED_OF_UNUSED
#endif

/* NAME_feed_new(), NAME_feed_send() and NAME_feed_get() as above, for that
 * struct, whose `fields` is an array of struct etf_field. NAME tags the events.
 */
#define GEN_FEED_OF(name, struct_type, fields) \
    static struct gen_feed_type name##_feed_type = { "{" #name ", __}", \
                                                     { NULL } }; \
    static const struct gen_feed_of name##_feed_of = { \
        &name##_feed_type, #name, (fields), sizeof(fields) / sizeof *(fields) \
    }; \
    GEN_FEED_OF_UNUSED static inline enum agner_err name##_feed_new( \
        struct gen *self, const struct gen_feed_options *options, \
        struct gen_feed **feed) \
    { \
        return gen_feed_of_new(self, &name##_feed_of, options, feed); \
    } \
    GEN_FEED_OF_UNUSED static inline enum agner_err name##_feed_send( \
        struct gen *self, struct gen_feed *feed, const struct_type *value, \
        uint64_t timeout_ms, size_t *count) \
    { \
        return gen_feed_of_send(self, &name##_feed_of, feed, value, \
                                timeout_ms, count); \
    } \
    GEN_FEED_OF_UNUSED static inline enum agner_err name##_feed_get( \
        const struct gen_feed_event *event, struct_type *value) \
    { \
        return gen_feed_of_get(&name##_feed_of, event, value); \
    }

#ifdef __cplusplus
}
#endif

#endif
