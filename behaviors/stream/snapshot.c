/*
 * snapshot.c -- a model and its changes from one process, without a gap between
 * them: gen_stream_remote.h.
 *
 * The owner is the lock: while it answers it changes nothing, and nobody else
 * publishes. What it answers:
 *
 *   {snapshot, Snapshot, Promise}  a resource, to a process of this node
 *   {snapshot, Snapshot, Seq}      to one of another
 */
#include <stdlib.h>

#include "stream/remote.h"

bool gen_stream_snapshot_asked(etf_term request)
{
    return etf_match(request, "'$stream_snapshot'") ||
           etf_match(request, "{'$stream_snapshot', far}");
}

static void free_promise(void *value)
{
    gen_stream_promise_free(value);
    free(value);
}

/* A resource with a promise of the next event; ETF_NONE: no memory. */
static etf_term promise_term(struct gen *self, struct gen_stream *stream)
{
    struct gen_stream_promise *promise = malloc(sizeof *promise);
    etf_term term;

    if (promise == NULL)
        return ETF_NONE;
    gen_stream_subscribe(stream, promise);
    term = etf_resource(rt_region(self), promise, free_promise);
    if (etf_is_none(term))
        free_promise(promise);
    return term;
}

enum gen_next gen_stream_snapshot_reply(struct gen *self, struct gen_from from,
                                        struct gen_stream *stream,
                                        etf_term snapshot)
{
    struct gen_stream_promise here;
    etf_term place;

    if (from.pid_node == 0) {
        place = promise_term(self, stream);
    } else {
        gen_stream_subscribe(stream, &here);
        place = etf_uint(rt_region(self), gen_stream_promise_seq(&here));
        gen_stream_promise_free(&here);
    }
    return gen_reply(self, from,
                     etf_make(self, "{snapshot, _, _}", snapshot, place));
}

static enum agner_err of_this_node(struct gen *self, etf_term owner,
                                   uint64_t timeout_ms, etf_term *snapshot,
                                   struct gen_stream_promise *changes)
{
    etf_term reply, model, place;
    void *promise;
    enum agner_err err = gen_call(
        self, owner, etf_make(self, "'$stream_snapshot'"), timeout_ms, &reply);

    if (err != AGNER_OK)
        return err;
    if (!etf_match(reply, "{snapshot, _, _}", &model, &place) ||
        !etf_get_resource(place, &promise))
        return AGNER_ENOTSUP;
    *snapshot = model;
    *changes = gen_stream_promise_hold(promise);
    return AGNER_OK;
}

enum agner_err gen__snapshot_of_far(struct gen *self, etf_term served,
                                    uint64_t timeout_ms, etf_term *snapshot,
                                    uint64_t *seq)
{
    etf_term owner, reply, place;
    void *promise;
    enum agner_err err = gen_call(
        self, served, etf_make(self, "'$stream_owner'"), timeout_ms, &reply);

    if (err == AGNER_OK && !etf_match(reply, "{owner, _}", &owner))
        err = AGNER_ENOTSUP;
    if (err == AGNER_OK)
        err = gen_call(self, owner, etf_make(self, "{'$stream_snapshot', far}"),
                       timeout_ms, &reply);
    if (err != AGNER_OK)
        return err;
    if (!etf_match(reply, "{snapshot, _, _}", snapshot, &place))
        return AGNER_ENOTSUP;
    if (etf_get_uint(place, seq))
        return AGNER_OK;
    if (!etf_get_resource(place, &promise)) /* of this very node */
        return AGNER_ENOTSUP;
    *seq = gen_stream_promise_seq(promise);
    return AGNER_OK;
}

/* The events up to `seq` may still be on their way. */
static enum agner_err place_of(struct gen *self, struct gen_stream *s,
                               uint64_t seq, uint64_t timeout_ms,
                               struct gen_stream_promise *changes)
{
    enum agner_err err = AGNER_OK;

    if (seq != 0)
        err = gen__stream_wait(self, s, seq - 1, timeout_ms, NULL);
    return err == AGNER_OK ? gen_stream_subscribe_from(s, seq, changes) : err;
}

enum agner_err gen_stream_snapshot_subscribe(struct gen *self, etf_term owner,
                                             uint64_t timeout_ms,
                                             etf_term *snapshot,
                                             struct gen_stream_promise *changes)
{
    if (etf_tuple_size(owner) != 2)
        return of_this_node(self, owner, timeout_ms, snapshot, changes);
    return gen__snapshot_follow(self, owner, NULL, timeout_ms, snapshot,
                                changes);
}

enum agner_err
gen__snapshot_follow(struct gen *self, etf_term served,
                     const struct gen_stream_follow_options *options,
                     uint64_t timeout_ms, etf_term *snapshot,
                     struct gen_stream_promise *changes)
{
    struct gen_stream *s;
    enum agner_err err;
    uint64_t seq;

    err = gen__stream_follow(self, served, options, timeout_ms, &s);
    if (err != AGNER_OK)
        return err;
    err = gen__snapshot_of_far(self, served, timeout_ms, snapshot, &seq);
    if (err == AGNER_OK)
        err =
            place_of(self, s, gen__stream_shifted(s, seq), timeout_ms, changes);
    gen_stream_free(s);
    return err;
}
