/*
 * serve.c -- a stream under a name, for other nodes: gen_stream_remote.h.
 */
#include <stdlib.h>

#include "stream/remote.h"

struct server {
    struct gen_stream *stream; /* a count */
    etf_term owner;            /* a word: a local pid or name; or ETF_NONE */
};

static enum gen_next server_init(struct gen *self, etf_term args)
{
    struct server *s = gen_state(self);
    etf_term stream, owner;
    void *value;

    if (!etf_match(args, "{_, _}", &stream, &owner) ||
        !etf_get_resource(stream, &value))
        return gen_stop(self, ETF_A(badarg));
    s->stream = gen_stream_hold(value);
    s->owner = etf_same(owner, ETF_A(undefined)) ? ETF_NONE : owner;
    (void)rt_trap_exit(self, true); /* of feeders whose nodes are lost */
    return GEN_NEXT;
}

static enum gen_next server_call(struct gen *self, struct gen_from from,
                                 etf_term request)
{
    const struct server *s = gen_state(self);
    etf_term owner = s->owner;

    if (!etf_match(request, "'$stream_owner'"))
        return gen_reply(self, from, etf_make(self, "{error, badarg}"));
    if (etf_is_none(owner))
        return gen_reply(self, from, etf_make(self, "{error, none}"));
    if (etf_is_atom(owner))
        owner = etf_make(self, "{_, _}", owner, rt_node(rt_of(self)).name);
    return gen_reply(self, from, etf_make(self, "{owner, _}", owner));
}

/* {'$stream_follow', Relay, Life, From, Credit, Bytes} */
static bool read_follow(etf_term message, struct stream_feed *feed)
{
    etf_term from;

    if (!etf_match(message, "{'$stream_follow', _, _, _, _, _}", &feed->relay,
                   &feed->resume.life, &from, &feed->credit, &feed->bytes))
        return false;
    feed->resume.next = etf_atom_is(from, "next");
    return (feed->resume.next || etf_get_uint(from, &feed->resume.from)) &&
           feed->credit != 0 && feed->bytes != 0 && feed->bytes < INT64_MAX;
}

bool gen__stream_serve_follow(struct gen *self, struct gen_stream *stream,
                              bool has_owner, bool link, etf_term message)
{
    struct rt_spawn_options options = { .link = link };
    struct stream_feed read = { .owner = has_owner }, *feed;
    etf_pid pid;

    if (!read_follow(message, &read))
        return false;
    feed = malloc(sizeof *feed);
    if (feed == NULL)
        return true; /* it is asked again */
    *feed = read;
    feed->stream = gen_stream_hold(stream);
    if (rt_spawn(self, gen__stream_feeder, feed, &options, &pid) != AGNER_OK) {
        gen_stream_free(feed->stream);
        free(feed);
    }
    return true;
}

static enum gen_next server_info(struct gen *self, etf_term message)
{
    const struct server *s = gen_state(self);

    (void)gen__stream_serve_follow(self, s->stream, !etf_is_none(s->owner),
                                   true, message); /* or a stray one */
    return GEN_NEXT;
}

static void server_destroy(void *state)
{
    gen_stream_free(((struct server *)state)->stream);
}

static const struct gen_server server = {
    .name = "stream_server",
    .state_size = sizeof(struct server),
    .init = server_init,
    .handle_call = server_call,
    .handle_info = server_info,
    .destroy = server_destroy,
};

enum agner_err gen_stream_serve(struct gen *self, struct gen_stream *stream,
                                etf_term name, etf_term owner, etf_pid *pid)
{
    struct rt_spawn_options options = { .name = name };
    etf_term held, args;

    if (!etf_is_atom(name) || (!etf_is_none(owner) && !etf_is_word(owner)))
        return AGNER_EINVAL;
    held = gen__stream_term(self, stream);
    args = etf_make(self, "{_, _}", held,
                    etf_is_none(owner) ? ETF_A(undefined) : owner);
    if (etf_is_none(args))
        return AGNER_ENOMEM;
    return gen_start_link(self, &server, args, &options, pid, NULL);
}
