/*
 * service_far.c -- a service that is followed from another node.
 *
 * The service is the server of its own stream and the owner of its snapshots
 * (stream/remote.h), so it is followed by its pid or its name, by one relay for
 * all who follow it on a node. States cross as terms, and are states again in
 * the stream there.
 *
 * Source: spec/service.md 3.4.
 */
#include "service/service.h"

#include "stream/remote.h"

/* States that are kept for relays whose connection is lost, once there was
 * one. */
#define RETAIN 64u

/* ---- The service ---------------------------------------------------------
 */

bool gen__far_serve(struct gen *self, struct gen_stream *stream,
                    uint64_t retain, etf_term message)
{
    gen__stream_retain(stream, retain);
    return gen__stream_serve_follow(self, stream, true, false, message);
}

bool gen__far_message(struct gen *self, struct service *s, etf_term message)
{
    if (!etf_match(message, "{'$stream_follow', __, __, __, __, __}"))
        return false;
    if (gen__service_stream(s) != AGNER_OK)
        return true; /* it is asked again */
    return gen__far_serve(self, s->stream, RETAIN, message);
}

etf_term gen__far_call(struct gen *self, struct service *s, etf_term request)
{
    bool closed;

    if (etf_match(request, "'$stream_owner'"))
        return etf_make(self, "{owner, _}", rt_self(self));
    if (!etf_match(request, "{'$stream_snapshot', far}"))
        return ETF_NONE;
    if (gen__service_stream(s) != AGNER_OK)
        return etf_make(self, "{error, memory}");
    return etf_make(
        self, "{snapshot, _, _}",
        gen_service_state_term(rt_region(self), &s->object->now->state),
        gen__stream_front(s->stream, &closed));
}

/* ---- Who follows ---------------------------------------------------------
 */

/* A state, or the snapshot that stands for those that are not kept. */
static enum agner_err decode_event(void *ctx, etf_term term, void **data,
                                   size_t *size)
{
    struct service_block *block;

    (void)ctx;
    (void)etf_match(term, "{gen_stream_snapshot, _}", &term);
    block = gen__block_read(term);
    if (block == NULL)
        return AGNER_EINVAL;
    *data = block;
    *size = sizeof *block;
    return AGNER_OK;
}

bool gen__far_is_here(struct gen *self, etf_term to, etf_pid *pid)
{
    etf_term name, node;

    if (etf_get_pid(to, pid))
        return etf_pid_is_local(*pid);
    if (etf_match(to, "{_, _}", &name, &node)) {
        if (!etf_same(node, rt_node(rt_of(self)).name))
            return false;
        to = name;
    }
    if (rt_whereis(rt_of(self), to, pid) != AGNER_OK)
        *pid = (etf_pid){ 0 };
    return true;
}

/* Whoever does not know this question would leave a relay without an answer. */
static enum agner_err is_followed(struct gen *self, etf_term to)
{
    etf_term reply;
    enum agner_err err = gen_call(self, to, etf_make(self, "'$stream_owner'"),
                                  GEN_CALL_TIMEOUT_MS, &reply);

    if (err != AGNER_OK)
        return err;
    return etf_match(reply, "{owner, __}") ? AGNER_OK : AGNER_ENOTSUP;
}

enum agner_err gen__far_follow(struct gen *self, etf_term to,
                               const struct gen_stream_options *events,
                               etf_term *snapshot,
                               struct gen_stream_promise *changes)
{
    const struct gen_stream_follow_options following = { .stream = events };
    enum agner_err err = is_followed(self, to);

    return err == AGNER_OK
               ? gen__snapshot_follow(self, to, &following, GEN_CALL_TIMEOUT_MS,
                                      snapshot, changes)
               : err;
}

static enum agner_err follow_there(struct gen *self, etf_term to,
                                   const struct gen_cursor_options *options,
                                   struct service_block **block,
                                   struct gen_cursor **cursor)
{
    const struct gen_stream_options events = { .max_lag = GEN_SERVICE_WINDOW,
                                               .destroy = gen__state_destroy,
                                               .decode = decode_event };
    struct gen_stream_promise changes;
    etf_term state;
    enum agner_err err = gen__far_follow(self, to, &events, &state, &changes);

    if (err != AGNER_OK)
        return err;
    *block = gen__block_read(state);
    err = *block == NULL
              ? AGNER_ENOTSUP
              : gen_cursor_open(self, &changes,
                                options != NULL ? options : &gen__follow_all,
                                cursor);
    if (err != AGNER_OK)
        gen__block_free(*block);
    gen_stream_promise_free(&changes);
    return err;
}

enum agner_err gen__service_follow_at(struct gen *self,
                                      struct gen_service *service,
                                      const struct gen_cursor_options *options,
                                      const struct gen_service_state **state,
                                      struct gen_cursor **cursor)
{
    etf_term to = gen__service_whom(self, service);
    struct service_block *block = NULL;
    enum agner_err err;
    void *here;
    etf_pid pid;

    if (etf_is_none(to))
        return AGNER_ENOMEM;
    if (gen__far_is_here(self, to, &pid)) {
        err = gen__follow(self, pid, SERVICE_DO_FOLLOW, options, &here, cursor);
        if (err == AGNER_OK)
            block = gen__block_hold(here);
    } else {
        err = follow_there(self, to, options, &block, cursor);
    }
    if (err != AGNER_OK)
        return err;
    if (state != NULL)
        *state = &gen__block_hold(block)->state;
    gen__service_learn(service, block);
    return AGNER_OK;
}
