/*
 * feed_of.c -- structs as the events of a feed: gen_feed_of.h.
 */
#include <agner/gen_feed_of.h>

#include <agner/gen.h>

enum agner_err gen_feed_of_new(struct gen *self, const struct gen_feed_of *of,
                               const struct gen_feed_options *options,
                               struct gen_feed **feed)
{
    struct gen_feed_options typed = { 0 };

    if (options != NULL)
        typed = *options;
    typed.type = of->type;
    return gen_feed_new(self, &typed, feed);
}

enum agner_err gen_feed_of_send(struct gen *self, const struct gen_feed_of *of,
                                struct gen_feed *feed, const void *value,
                                uint64_t timeout_ms, size_t *count)
{
    etf_term event = etf_make(
        self, "{_, _}", etf_atom(of->tag),
        etf_struct_to_map(rt_region(self), of->fields, of->field_count, value));

    if (count != NULL)
        *count = 0;
    if (etf_is_none(event))
        return AGNER_ENOMEM;
    return gen_feed_send(self, feed, event, timeout_ms, count);
}

enum agner_err gen_feed_of_get(const struct gen_feed_of *of,
                               const struct gen_feed_event *event, void *value)
{
    enum agner_err err;
    etf_term tag, map;

    if (!etf_match(event->term, "{_, _}", &tag, &map) ||
        !etf_atom_is(tag, of->tag))
        return AGNER_EBADTYPE;
    err = etf_to_struct(map, NULL, of->fields, of->field_count, value, NULL);
    return err == AGNER_EINVAL ? AGNER_EBADTYPE : err;
}
