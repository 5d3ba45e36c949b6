/*
 * relay.c -- follows a stream of another node, for all readers on this one:
 * remote.h.
 *
 *   state    it has              on                    next
 *   -------  ------------------  --------------------  ---------------------
 *   asking   a monitor           '$stream_start'       fed
 *   fed      a feeder, linked    events, gap           fed
 *   fed                          '$stream_end'         over: it stops
 *   waiting  a timer             the time has come     asking
 *   any      ...                 'DOWN', 'EXIT'        waiting, or over
 */
#include <stdlib.h>
#include <string.h>

#include "stream/remote.h"

#define CHECK_MS 5000u /* how often it asks whether anybody reads */

struct relay {
    struct gen_stream *stream; /* a count */
    etf_term name, node;       /* atoms: words; ETF_NONE: */
    etf_pid pid;               /* a process itself */
    uint64_t credit, bytes;
    bool no_resume;
    uint64_t retry_ms, retry_max_ms, delay_ms;

    bool begun;
    bool is_asking, is_fed;
    etf_ref monitor; /* asking */
    etf_pid feeder;  /* fed */
    uint64_t life;   /* of the stream there */
    uint64_t expect; /* the next number of there */
    uint64_t from;   /* numbers of there below it are in a snapshot */

    struct gen_from *waiting; /* owned: who wants the stream */
    size_t waiting_count;
};

static struct relay *state_of(struct gen *self)
{
    return gen_state(self);
}

/* ---- Those who want the stream ------------------------------------------- */

static void answer(struct gen *self, struct gen_from from, etf_term error)
{
    const struct relay *r = state_of(self);

    if (!etf_is_none(error))
        (void)gen_reply(self, from, etf_make(self, "{error, _}", error));
    else
        (void)gen_reply(
            self, from,
            etf_make(self, "{ok, _}", gen__stream_term(self, r->stream)));
}

static void answer_all(struct gen *self, etf_term error)
{
    struct relay *r = state_of(self);

    for (size_t i = 0; i < r->waiting_count; i++)
        answer(self, r->waiting[i], error);
    r->waiting_count = 0;
}

static enum gen_next relay_call(struct gen *self, struct gen_from from,
                                etf_term request)
{
    struct relay *r = state_of(self);
    struct gen_from *waiting;

    if (!etf_match(request, "'$stream_get'"))
        return gen_reply(self, from, etf_make(self, "{error, badarg}"));
    if (r->begun) {
        answer(self, from, ETF_NONE);
        return GEN_NEXT;
    }
    waiting = realloc(r->waiting, (r->waiting_count + 1) * sizeof *waiting);
    if (waiting == NULL)
        return gen_reply(self, from, etf_make(self, "{error, enomem}"));
    r->waiting = waiting;
    waiting[r->waiting_count++] = from;
    return GEN_NEXT;
}

/* ---- Connecting ---------------------------------------------------------- */

/* `shutdown`, so that the feeder ends too. */
static enum gen_next over(struct gen *self, etf_term reason)
{
    struct relay *r = state_of(self);

    answer_all(self, reason);
    (void)gen_stream_close(self, r->stream, reason); /* or it was */
    return gen_stop(self, ETF_A(shutdown));
}

/* A message to itself. Without memory for it nothing would go on. */
static enum gen_next later(struct gen *self, const char *what, uint64_t ms)
{
    if (rt_send_after(self, rt_self_term(self), etf_atom(what), ms, NULL) ==
        AGNER_OK)
        return GEN_NEXT;
    return over(self, etf_make(self, "enomem"));
}

static etf_term there_of(struct gen *self, const struct relay *r)
{
    return etf_is_none(r->name) ? etf_from_pid(rt_region(self), r->pid)
                                : etf_make(self, "{_, _}", r->name, r->node);
}

static enum gen_next ask(struct gen *self)
{
    struct relay *r = state_of(self);
    etf_term there = there_of(self, r);
    etf_term from =
        r->begun ? etf_make(self, "_", r->expect) : etf_make(self, "next");

    r->is_asking = rt_monitor(self, there, 0, &r->monitor) == AGNER_OK;
    /* What cannot be sent shows as a DOWN. */
    (void)rt_send(self, there,
                  etf_make(self, "{'$stream_follow', _, _, _, _, _}",
                           rt_self(self), r->life, from, r->credit, r->bytes));
    return r->is_asking ? GEN_NEXT : later(self, "$stream_retry", r->delay_ms);
}

static enum gen_next lost(struct gen *self, etf_term reason)
{
    struct relay *r = state_of(self);
    uint64_t now_ms;

    if (r->is_asking)
        (void)rt_demonitor(self, r->monitor, true);
    r->is_asking = r->is_fed = false;
    if (!r->begun)
        return over(self, reason);
    if (r->no_resume)
        return over(self, ETF_A(noconnection));
    if (etf_is_none(r->name) && etf_same(reason, ETF_A(noproc)))
        return over(self, reason); /* a name may come back, a process not */
    now_ms = r->delay_ms;
    r->delay_ms *= 2;
    if (r->delay_ms > r->retry_max_ms)
        r->delay_ms = r->retry_max_ms;
    return later(self, "$stream_retry", now_ms);
}

/* ---- What comes ---------------------------------------------------------- */

/* An event as readers here get it. */
static enum agner_err value_of(const struct relay *r, etf_term term,
                               struct gen_stream_value *value)
{
    const struct gen_stream_options *o = &r->stream->options;

    *value = (struct gen_stream_value){ .form = GEN_STREAM_TERM, .term = term };
    if (o->decode == NULL || etf_is_none(term))
        return AGNER_OK;
    value->form = GEN_STREAM_POINTER;
    return o->decode(o->ctx, term, &value->data, &value->size);
}

/* Publishes them all, or, but for those that were, gives them back. */
static enum agner_err
publish(struct gen *self, const struct gen_stream_value *values, size_t count)
{
    struct relay *r = state_of(self);
    const struct gen_stream_options *o = &r->stream->options;
    size_t done = 0;
    enum agner_err err = gen_stream_publish_many(self, r->stream, values, count,
                                                 RT_INFINITY, NULL, &done);

    for (; done < count; done++) {
        if (values[done].form == GEN_STREAM_POINTER && o->destroy != NULL)
            o->destroy(o->ctx, values[done].data, values[done].size);
    }
    return err;
}

/* A snapshot in place of what is gone. */
static enum agner_err take_snapshot(struct gen *self)
{
    struct relay *r = state_of(self);
    struct gen_stream_value value;
    etf_term snapshot;
    uint64_t seq, front;
    bool closed;
    enum agner_err err = gen__snapshot_of_far(
        self, there_of(self, r), GEN_CALL_TIMEOUT_MS, &snapshot, &seq);

    if (err == AGNER_OK)
        err = value_of(r, etf_make(self, "{gen_stream_snapshot, _}", snapshot),
                       &value);
    if (err == AGNER_OK)
        err = publish(self, &value, 1);
    if (err != AGNER_OK)
        return err;
    r->from = seq;
    front = gen__stream_front(r->stream, &closed);
    gen__stream_shift(r->stream, front - seq);
    return AGNER_OK;
}

static enum agner_err pass_over(struct gen *self, uint64_t gap, uint64_t seq)
{
    struct relay *r = state_of(self);
    uint64_t front;
    bool closed;
    enum agner_err err = gen__stream_skip(self, r->stream, gap);

    front = gen__stream_front(r->stream, &closed);
    gen__stream_shift(r->stream, front - seq);
    return err;
}

static enum agner_err begin(struct gen *self, const struct stream_again *a)
{
    struct relay *r = state_of(self);
    uint64_t gap = 0;
    enum agner_err err = AGNER_OK;

    r->from = 0;
    switch (gen__stream_again(a, &gap)) {
    case STREAM_GO_ON:
        if (!r->begun)
            gen__stream_begin_at(r->stream, a->seq);
        break;
    case STREAM_SNAPSHOT:
        err = take_snapshot(self);
        if (err == AGNER_OK)
            break;
        err = pass_over(self, gap, a->seq); /* no owner any more */
        break;
    case STREAM_GAP:
        err = pass_over(self, gap, a->seq);
        break;
    }
    r->begun = true;
    r->life = a->there_life;
    r->expect = a->seq;
    r->delay_ms = r->retry_ms;
    answer_all(self, ETF_NONE);
    return err;
}

static enum gen_next started(struct gen *self, etf_pid feeder,
                             struct stream_again *a)
{
    struct relay *r = state_of(self);

    if (!r->is_asking || r->is_fed)
        return GEN_NEXT; /* an answer to an earlier question */
    (void)rt_demonitor(self, r->monitor, true);
    r->is_asking = false;
    r->is_fed = true;
    r->feeder = feeder;
    a->begun = r->begun;
    a->life = r->life;
    a->expect = r->expect;
    if (begin(self, a) != AGNER_OK)
        return over(self, etf_make(self, "enomem"));
    return GEN_NEXT;
}

static enum gen_next events(struct gen *self, uint64_t seq, uint64_t bytes,
                            etf_term list)
{
    struct relay *r = state_of(self);
    struct gen_stream_value values[STREAM_BATCH];
    enum agner_err err = AGNER_OK;
    size_t count = 0, all = 0;
    etf_term head;

    while (err == AGNER_OK && all < STREAM_BATCH &&
           etf_list_next(&list, &head)) {
        if (seq + all++ >= r->from)
            err = value_of(r, head, &values[count++]);
    }
    if (err != AGNER_OK)
        count--; /* the last one is none */
    r->expect = seq + all;
    if (publish(self, values, count) != AGNER_OK)
        return over(self, etf_make(self, "enomem"));
    if (err != AGNER_OK)
        return over(self, etf_text(rt_region(self), agner_strerror(err)));
    (void)rt_send_pid(
        self, r->feeder,
        etf_make(self, "{'$stream_credit', _, _}", (uint64_t)all, bytes));
    return GEN_NEXT;
}

/* The feeder was overtaken: it passes over these. Those that the snapshot has
 * are missed by nobody. */
static enum gen_next missed(struct gen *self, uint64_t seq, uint64_t count)
{
    struct relay *r = state_of(self);
    uint64_t from = seq > r->from ? seq : r->from;

    r->expect = seq + count;
    if (r->expect > from &&
        pass_over(self, r->expect - from, r->expect) != AGNER_OK)
        return over(self, etf_make(self, "enomem"));
    return GEN_NEXT;
}

/* Of the feeder that it has; others' are of earlier ones. */
static enum gen_next fed(struct gen *self, etf_term message)
{
    struct relay *r = state_of(self);
    uint64_t seq, count, bytes;
    etf_term list;
    etf_pid from;

    if (etf_match(message, "{'$stream_events', _, _, _, _}", &from, &seq,
                  &bytes, &list))
        return r->is_fed && etf_pid_equal(from, r->feeder)
                   ? events(self, seq, bytes, list)
                   : GEN_NEXT;
    if (etf_match(message, "{'$stream_gap', _, _, _}", &from, &seq, &count) &&
        r->is_fed && etf_pid_equal(from, r->feeder))
        return missed(self, seq, count);
    if (etf_match(message, "{'$stream_end', _, _, _}", &from, &seq, &list) &&
        r->is_fed && etf_pid_equal(from, r->feeder))
        return over(self, list);
    return GEN_NEXT;
}

static enum gen_next check(struct gen *self)
{
    if (gen__stream_is_alone(state_of(self)->stream) &&
        state_of(self)->waiting_count == 0)
        return gen_stop(self, ETF_A(shutdown));
    return later(self, "$stream_check", CHECK_MS);
}

static enum gen_next relay_info(struct gen *self, etf_term message)
{
    struct relay *r = state_of(self);
    struct stream_again a;
    etf_term reason, what;
    etf_pid pid;
    etf_ref ref;

    if (etf_match(message, "{'$stream_start', _, _, _, _}", &pid, &a.there_life,
                  &a.seq, &a.owner))
        return started(self, pid, &a);
    if (etf_match(message, "{'DOWN', _, process, _, _}", &ref, &what, &reason))
        return r->is_asking && etf_ref_equal(ref, r->monitor)
                   ? lost(self, reason)
                   : GEN_NEXT;
    if (etf_match(message, "{'EXIT', _, _}", &pid, &reason))
        return r->is_fed && etf_pid_equal(pid, r->feeder) ? lost(self, reason)
                                                          : GEN_NEXT;
    if (etf_match(message, "'$stream_check'"))
        return check(self);
    if (etf_match(message, "'$stream_retry'"))
        return ask(self);
    return fed(self, message);
}

/* ---- Its life ------------------------------------------------------------ */

static enum gen_next relay_init(struct gen *self, etf_term args)
{
    struct relay *r = gen_state(self);
    etf_term stream;
    void *value;

    if (!etf_match(args, "{_, _, _, _, _, _, _, _}", &stream, &r->name,
                   &r->node, &r->credit, &r->bytes, &r->no_resume, &r->retry_ms,
                   &r->retry_max_ms) ||
        !etf_get_resource(stream, &value))
        return gen_stop(self, ETF_A(badarg));
    r->stream = gen_stream_hold(value);
    if (etf_get_pid(r->name, &r->pid))
        r->name = ETF_NONE;
    r->delay_ms = r->retry_ms;
    (void)rt_trap_exit(self, true);
    return ask(self) == GEN_NEXT ? check(self) : GEN_STOP;
}

static void relay_destroy(void *state)
{
    struct relay *r = state;

    free(r->waiting);
    if (r->stream == NULL)
        return;
    (void)gen_stream_close(NULL, r->stream, ETF_A(noconnection)); /* or was */
    gen_stream_free(r->stream);
}

const struct gen_server gen__stream_relay = {
    .name = "stream_relay",
    .state_size = sizeof(struct relay),
    .init = relay_init,
    .handle_call = relay_call,
    .handle_info = relay_info,
    .destroy = relay_destroy,
};
