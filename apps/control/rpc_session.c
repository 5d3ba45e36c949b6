/*
 * rpc_session.c -- one client of the control socket, as a process.
 *
 * It takes messages in order and sends what they ask for in that order, and
 * never waits for an answer: calls are outstanding in a list until the answer,
 * the end of the callee, or the deadline, whichever is first. A method that may
 * wait runs in a process of its own, linked, and is outstanding like a call.
 * When the client goes, the session ends, and with it what is outstanding.
 *
 *   what comes                    what it is
 *   ----------------------------  -------------------------------------------
 *   {frame, Milliseconds, Bytes}  a message, and when it was received
 *   {[alias | Ref], Reply}        an answer to a call
 *   {'DOWN', Ref, _, _, Reason}   no answer: the callee ended
 *   {done, N, Result}             from a method's process
 *   {failed, N, Class, Term, Text}
 *   {late, N}                     the deadline of number N
 *   logs                          from the ring: there are events
 *   pushed                        from the loop: the last ones are written
 *   closed                        the client is gone
 *
 * All but answers come from this node: of one that may not do everything they
 * are told from others (rt_permit.h), or whoever sends here would be the
 * client.
 */
#include "rpc_logs.h"
#include "rpc_look.h"
#include "rpc_server.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATOMS_TAKEN 64

/* A message that wants an answer, or at least to be counted as dealt with. */
struct errand {
    bool answered; /* a request: it has an id */
    uint32_t id;
    size_t frame_size;
};

struct pending {
    struct errand errand;
    uint64_t number; /* of this session: for {late, N} and {done, N, _} */
    etf_ref ref;     /* a call's monitor and alias; all zero for a method */
    etf_pid helper;  /* a method's process; all zero for a call */
    bool timed;
    struct rt_timer timer;
};

struct session {
    struct apps_control *control; /* borrowed: waits for us */
    uint32_t conn;
    enum rpc_role role;
    uint64_t denied_ms; /* when that was logged last */
    enum msgpack_mode mode;
    uint64_t next_number;
    struct etf_atom_budget atoms; /* taken from the control's */
    struct pending *pending;      /* owned; in no order */
    size_t count, room;
    struct rpc_follower follower;
};

/* ---- Answers ---------------------------------------------------------- */

/* Tells the loop that the message is dealt with. With no memory for that the
 * credit would be lost, so the session ends, and its connection. */
static void finish(struct gen *self, const struct errand *e,
                   struct etf_buffer *bytes, bool hang_up)
{
    struct session *s = rt_state(self);
    struct rpc_done *done = calloc(1, sizeof *done);

    if (done == NULL) {
        etf_buffer_fini(bytes);
        rt_exit(self, etf_atom("enomem"));
        return;
    }
    done->control = s->control;
    done->conn = s->conn;
    done->frame_size = e->frame_size;
    done->hang_up = hang_up;
    done->bytes = *bytes;
    rpc__done(done);
}

static enum agner_err write_answer(struct gen *self, const struct errand *e,
                                   etf_term error, etf_term result,
                                   struct etf_buffer *b)
{
    struct session *s = rt_state(self);
    struct etf_self node = rt_node(rt_of(self));

    b->size_max = s->control->options.frame_max;
    return apps__rpc_write_response(b, e->id, error, result, s->mode, &node);
}

static void answer(struct gen *self, const struct errand *e, etf_term error,
                   etf_term result)
{
    struct etf_buffer b = { 0 };
    enum agner_err err = AGNER_OK;

    if (e->answered)
        err = write_answer(self, e, error, result, &b);
    if (err != AGNER_OK) /* too large for the limits, or for the memory */
        err = write_answer(self, e,
                           etf_make(self, "[overload, nil, _]",
                                    "the answer cannot be sent: its size"),
                           ETF_NONE, &b);
    finish(self, e, &b, err != AGNER_OK);
}

static void answer_failure(struct gen *self, const struct errand *e,
                           const struct rpc_failure *f)
{
    etf_term term = etf_is_none(f->term) ? ETF_A(nil) : f->term;

    if (!e->answered)
        rt_log_self(self, RT_LOG_DEBUG, "control: a notification: %s", f->text);
    answer(
        self, e,
        etf_make(self, "[_, _, _]", f->class_atom, term, (const char *)f->text),
        ETF_NONE);
}

/* ---- What is outstanding ---------------------------------------------- */

static struct pending *find_ref(struct session *s, etf_ref ref)
{
    for (size_t i = 0; i < s->count; i++) {
        if (etf_ref_equal(s->pending[i].ref, ref))
            return &s->pending[i];
    }
    return NULL;
}

static struct pending *find_number(struct session *s, uint64_t number)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->pending[i].number == number)
            return &s->pending[i];
    }
    return NULL;
}

static bool is_in_use(const struct session *s, uint32_t id)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->pending[i].errand.answered && s->pending[i].errand.id == id)
            return true;
    }
    return false;
}

/* Room for one more, zeroed and with its number, or NULL. It counts once
 * keep() is called. */
static struct pending *prepare(struct session *s, const struct errand *e)
{
    struct pending *p;

    if (s->count == s->room) {
        size_t room = s->room == 0 ? 8 : 2 * s->room;

        p = realloc(s->pending, room * sizeof *p);
        if (p == NULL)
            return NULL;
        s->pending = p;
        s->room = room;
    }
    p = &s->pending[s->count];
    memset(p, 0, sizeof *p);
    p->errand = *e;
    p->number = s->next_number++;
    return p;
}

/* What was prepared is outstanding from now on, until its deadline. */
static void keep(struct gen *self, struct pending *p, uint64_t left_ms)
{
    struct session *s = rt_state(self);

    s->count++;
    if (left_ms == RT_INFINITY)
        return;
    p->timed = rt_send_after(self, rt_self_term(self),
                             etf_make(self, "{late, _}", p->number), left_ms,
                             &p->timer) == AGNER_OK;
}

/* It is outstanding no more; returns its errand, still to be answered. */
static struct errand forget(struct gen *self, struct pending *p)
{
    struct session *s = rt_state(self);
    struct errand e = p->errand;

    if (p->timed) /* fired already: {late, N} will find nothing */
        (void)rt_cancel_timer(self, &p->timer, NULL);
    if (p->ref.count > 0) /* used up already is fine */
        (void)rt_demonitor(self, p->ref, true);
    *p = s->pending[--s->count];
    return e;
}

/* ---- Calls ------------------------------------------------------------ */

/* What is left of `timeout_ms` when it began at `at_ms`; 0: too late. */
static uint64_t time_left(struct gen *self, uint64_t at_ms, uint64_t timeout_ms)
{
    uint64_t gone = rt_now_ms(rt_of(self)) - at_ms;

    if (timeout_ms == RT_INFINITY)
        return RT_INFINITY;
    return gone < timeout_ms ? timeout_ms - gone : 0;
}

static enum agner_err late(struct rpc_failure *f)
{
    return rpc__fail(f, AGNER_ETIMEOUT, ETF_NONE, "no answer in time");
}

/* Sends a call whose answer comes as a message: what gen:send_request does. */
static enum agner_err send_call(struct gen *self, const struct errand *e,
                                etf_term target, etf_term request,
                                uint64_t left_ms, struct rpc_failure *f)
{
    struct session *s = rt_state(self);
    struct pending *p = prepare(s, e);
    enum agner_err err = AGNER_ENOMEM;

    if (left_ms == 0)
        return late(f); /* nobody is asked what nobody waits for */
    if (p != NULL)
        err = rt_monitor(self, target, RT_MONITOR_ALIAS_REPLY, &p->ref);
    if (err != AGNER_OK)
        return rpc__fail(f, err, ETF_NONE, "%s", agner_strerror(err));
    err = rt_send(self, target,
                  etf_make(self, "{'$gen_call', {_, [alias | _]}, _}",
                           rt_self(self), p->ref, request));
    if (err != AGNER_OK) {
        (void)rt_demonitor(self, p->ref, true); /* a DOWN may have come */
        return rpc__fail(f, err, ETF_NONE, "%s", agner_strerror(err));
    }
    keep(self, p, left_ms);
    return AGNER_OK;
}

static void call_answered(struct gen *self, etf_ref ref, etf_term reply)
{
    struct pending *p = find_ref(rt_state(self), ref);
    struct errand e;

    if (p == NULL)
        return;
    e = forget(self, p);
    answer(self, &e, ETF_NONE, reply);
}

static void call_ended(struct gen *self, etf_ref ref, etf_term reason)
{
    struct pending *p = find_ref(rt_state(self), ref);
    struct rpc_failure f;
    enum agner_err err = AGNER_EEXIT;
    struct errand e;
    char text[120];

    if (p == NULL)
        return;
    if (etf_same(reason, ETF_A(noproc)))
        err = AGNER_ENOPROC;
    else if (etf_same(reason, ETF_A(noconnection)))
        err = AGNER_ENODEDOWN;
    rpc__fail(&f, err, reason, "%s: %s", agner_strerror(err),
              etf_format(text, sizeof text, reason));
    e = forget(self, p);
    answer_failure(self, &e, &f);
}

/* ---- Methods that wait ------------------------------------------------ */

static enum agner_err start_helper(struct gen *self, const struct errand *e,
                                   const struct rpc_method *method,
                                   const struct rpc_call *c, uint64_t left_ms,
                                   struct rpc_failure *f)
{
    struct session *s = rt_state(self);
    struct rt_spawn_options options = { .link = true, .note = c->node };
    struct pending *p = prepare(s, e);
    enum agner_err err = AGNER_ENOMEM;

    if (p != NULL)
        err =
            rt_start_nowait(self, &rpc__helper,
                            etf_make(self, "{_, _, _, _, _, _}", rt_self(self),
                                     p->number, method->name, c->started_ms,
                                     c->params, rpc__limits(self, s->control)),
                            &options, &p->helper);
    if (err != AGNER_OK)
        return rpc__fail(f, err, ETF_NONE, "%s", agner_strerror(err));
    keep(self, p, left_ms);
    return AGNER_OK;
}

static void helper_answered(struct gen *self, uint64_t number, etf_term result)
{
    struct pending *p = find_number(rt_state(self), number);
    struct errand e;

    if (p == NULL)
        return;
    e = forget(self, p);
    answer(self, &e, ETF_NONE, result);
}

static void helper_failed(struct gen *self, uint64_t number, etf_term class,
                          etf_term term, etf_bytes text)
{
    struct pending *p = find_number(rt_state(self), number);
    struct rpc_failure f = { .class_atom = class, .term = term };
    struct errand e;

    if (p == NULL)
        return;
    (void)snprintf(f.text, sizeof f.text, "%.*s", (int)text.size,
                   (const char *)text.data);
    e = forget(self, p);
    answer_failure(self, &e, &f);
}

/* A method's process that ended without a word. */
static void helper_ended(struct gen *self, etf_pid pid, etf_term reason)
{
    struct session *s = rt_state(self);
    struct rpc_failure f;
    char text[120];

    for (size_t i = 0; i < s->count; i++) {
        struct errand e;

        if (!etf_pid_equal(s->pending[i].helper, pid))
            continue;
        rpc__fail(&f, AGNER_EEXIT, reason, "the method ended: %s",
                  etf_format(text, sizeof text, reason));
        e = forget(self, &s->pending[i]);
        answer_failure(self, &e, &f);
        return;
    }
}

/* The deadline of `number`. Its process, if it has one, is not needed now. */
static void deadline(struct gen *self, uint64_t number)
{
    struct pending *p = find_number(rt_state(self), number);
    struct rpc_failure f;
    struct errand e;

    if (p == NULL)
        return;
    if (!etf_pid_is_none(p->helper)) {
        (void)rt_unlink(self, p->helper);
        (void)rt_exit_signal(self, p->helper, ETF_A(kill));
    }
    (void)late(&f);
    e = forget(self, p);
    answer_failure(self, &e, &f);
}

/* ---- Messages from the client ----------------------------------------- */

/* agner.mode: how answers are written from now on. Answers like agner.version,
 * in the new mode. */
static enum agner_err set_mode(struct session *s, struct rpc_call *c)
{
    char mode[8] = "";

    (void)etf_get_text(c->params, mode, sizeof mode); /* or it stays empty */
    if (strcmp(mode, "strict") == 0)
        s->mode = MSGPACK_STRICT;
    else if (strcmp(mode, "loose") == 0)
        s->mode = MSGPACK_LOOSE;
    else
        return rpc__fail(&c->failure, AGNER_EINVAL, ETF_NONE,
                         "expected strict or loose");
    return rpc__version(c);
}

/* Sends what there is of the log, if the client follows it. */
static void follow_on(struct gen *self)
{
    struct session *s = rt_state(self);
    struct rpc_sink sink = { s->control, &s->follower, s->conn, s->mode };

    if (rpc__logs_more(self, &sink) != AGNER_OK)
        rt_exit(self, etf_atom("enomem")); /* and its connection ends */
}

#define DENIED_LOG_MS 1000u /* between two lines about one client */

/* May the client do that? Otherwise it is counted, and logged now and then. */
static enum agner_err permit(struct gen *self, enum rpc_role wanted,
                             etf_bytes method, struct rpc_failure *f)
{
    struct session *s = rt_state(self);
    uint64_t now_ms = rt_now_ms(rt_of(self));
    int size = (int)(method.size < 64 ? method.size : 64);

    if (wanted != RPC_NOBODY && s->role >= wanted)
        return AGNER_OK;
    atomic_fetch_add_explicit(&s->control->refused, 1, memory_order_relaxed);
    if (s->denied_ms == 0 || now_ms - s->denied_ms >= DENIED_LOG_MS) {
        s->denied_ms = now_ms;
        rt_log_self(self, RT_LOG_WARNING,
                    "control: refused %.*s to a client that is %s", size,
                    method.data, rpc__role_text(s->role));
    }
    return rpc__fail(f, AGNER_ENOTALLOWED, ETF_NONE,
                     "%.*s: wants the role %s; your key has %s", size,
                     method.data, rpc__role_text(wanted),
                     rpc__role_text(s->role));
}

/* A method of the agner namespace. AGNER_OK: answered, or will be. */
static enum agner_err run_method(struct gen *self, const struct errand *e,
                                 const struct rpc_frame *frame, uint64_t at_ms,
                                 struct rpc_failure *f)
{
    struct session *s = rt_state(self);
    struct rpc_call c = { .self = self,
                          .node = s->control->options.node,
                          .control = s->control,
                          .follower = &s->follower,
                          .conn = s->conn,
                          .mode = s->mode,
                          .started_ms = s->control->started_ms,
                          .result = ETF_A(ok) };
    etf_bytes name = { frame->method.data + 6, frame->method.size - 6 };
    const struct rpc_method *method = rpc__method(name);
    uint64_t timeout_ms = GEN_CALL_TIMEOUT_MS;
    etf_term params = frame->params, target, request;
    enum agner_err err = AGNER_OK;

    if (method != NULL)
        err = permit(self, method->role, frame->method, f);
    if (err != AGNER_OK)
        return err;
    if (!etf_list_next(&params, &c.params))
        c.params = etf_map(rt_region(self), NULL, 0);
    if (name.size == 4 && memcmp(name.data, "call", 4) == 0) {
        err = rpc__call_params(&c, &target, &request, &timeout_ms);
        if (err == AGNER_OK)
            return send_call(self, e, target, request,
                             time_left(self, at_ms, timeout_ms), f);
    } else if (name.size == 4 && memcmp(name.data, "mode", 4) == 0) {
        err = set_mode(s, &c);
        if (err == AGNER_OK)
            answer(self, e, ETF_NONE, c.result);
    } else if (method == NULL) {
        return rpc__fail(f, AGNER_EINVAL, ETF_NONE,
                         "there is no method agner.%.*s",
                         (int)(name.size < 64 ? name.size : 64), name.data);
    } else if (method->slow) {
        etf_term timeout = rpc__param(&c, "timeout");

        err = etf_is_none(timeout)
                  ? AGNER_OK
                  : rpc__timeout(timeout, &timeout_ms, &c.failure);
        if (err == AGNER_OK)
            return start_helper(self, e, method, &c,
                                time_left(self, at_ms, timeout_ms), f);
    } else {
        err = method->run(&c);
        if (err == AGNER_OK)
            answer(self, e, ETF_NONE, c.result);
        if (err == AGNER_OK && c.stops) /* the answer is on its way before */
            s->control->options.stop(s->control->options.stop_ctx);
        if (err == AGNER_OK && !etf_pid_is_none(c.listener) &&
            rt_send_pid(self, c.listener, etf_atom("pushed")) == AGNER_ENOMEM)
            rt_exit(self, etf_atom("enomem")); /* it would wait for ever */
        follow_on(self); /* if that is what it asked for */
    }
    if (err != AGNER_OK)
        *f = c.failure;
    return err;
}

/* A registered name as method: a call, or as a notification a cast. */
static enum agner_err run_name(struct gen *self, const struct errand *e,
                               const struct rpc_frame *frame, uint64_t at_ms,
                               struct rpc_failure *f)
{
    etf_term name =
        etf_atom_find((const char *)frame->method.data, frame->method.size);
    etf_term request;
    etf_pid pid;
    enum agner_err err = permit(self, RPC_OPERATE, frame->method, f);

    if (err != AGNER_OK)
        return err;
    if (etf_is_none(name) || rt_whereis(rt_of(self), name, &pid) != AGNER_OK)
        return rpc__fail(
            f, AGNER_ENOPROC, ETF_NONE, "no process is registered as %.*s",
            (int)(frame->method.size < 64 ? frame->method.size : 64),
            (const char *)frame->method.data);
    request = rpc__request(self, frame->params, frame->first_is_text);
    if (e->answered)
        return send_call(self, e, name, request,
                         time_left(self, at_ms, GEN_CALL_TIMEOUT_MS), f);
    err = rt_cast(self, name, request);
    if (err != AGNER_OK)
        return rpc__fail(f, err, ETF_NONE, "%s", agner_strerror(err));
    answer(self, e, ETF_NONE, ETF_A(ok));
    return AGNER_OK;
}

static bool is_namespaced(etf_bytes method)
{
    return method.size > 6 && memcmp(method.data, "agner.", 6) == 0;
}

static enum agner_err serve(struct gen *self, const struct errand *e,
                            const struct rpc_frame *frame, uint64_t at_ms,
                            struct rpc_failure *f)
{
    if (e->answered && is_in_use(rt_state(self), e->id))
        return rpc__fail(f, AGNER_EINVAL, ETF_NONE, "id %u is already in use",
                         e->id);
    if (is_namespaced(frame->method))
        return run_method(self, e, frame, at_ms, f);
    return run_name(self, e, frame, at_ms, f);
}

/* Atoms are counted for the socket as a whole, and taken from there by the
 * handful. Order: relaxed, since the count stands for nothing but itself. */
static void take_atoms(struct session *s)
{
    _Atomic uint32_t *left = &s->control->atoms_left;
    uint32_t seen = atomic_load_explicit(left, memory_order_relaxed), take;

    if (s->atoms.left > 0)
        return;
    do {
        take = seen < ATOMS_TAKEN ? seen : ATOMS_TAKEN;
    } while (take > 0 && !atomic_compare_exchange_weak_explicit(
                             left, &seen, seen - take, memory_order_relaxed,
                             memory_order_relaxed));
    s->atoms.left = take;
}

static void message_came(struct gen *self, uint64_t at_ms, etf_bytes bytes)
{
    struct session *s = rt_state(self);
    struct etf_self node = rt_node(rt_of(self));
    struct errand e = { .frame_size = bytes.size };
    struct etf_buffer nothing = { 0 };
    struct rpc_failure f = { .term = ETF_NONE };
    struct rpc_frame frame;
    struct agner_error error;
    enum agner_err err;

    take_atoms(s);
    err = apps__rpc_read(rt_region(self), bytes.data, bytes.size, &node,
                         &s->atoms, &frame, &error);

    e.answered = frame.has_id && frame.kind == RPC_REQUEST;
    e.id = frame.id;
    if (err == AGNER_OK && frame.kind == RPC_RESPONSE) {
        finish(self, &e, &nothing, false); /* to no question of ours */
        return;
    }
    if (err == AGNER_OK)
        err = serve(self, &e, &frame, at_ms, &f);
    else
        rpc__fail(&f, AGNER_EINVAL, ETF_NONE, "%s", error.text);
    if (err == AGNER_OK)
        return;
    if (err == AGNER_EPROTO && !e.answered) /* whom would we tell? */
        finish(self, &e, &nothing, true);
    else
        answer_failure(self, &e, &f);
}

/* ---- The process ------------------------------------------------------ */

static enum rt_next session_init(struct gen *self, etf_term args)
{
    struct session *s = rt_state(self);
    uint32_t role;

    if (!etf_match(args, "{_, _}", &s->conn, &role))
        return rt_stop(self, ETF_A(badarg));
    s->role = (enum rpc_role)role;
    s->control = rt_note(self);
    s->next_number = 1;
    rpc__count(s->control);
    rt_trap_exit(self, true); /* a method's end is not ours */
    return rt_guard(self, 0, true) == AGNER_OK
               ? RT_NEXT
               : rt_stop(self, etf_atom("system_limit"));
}

static bool answer_came(struct gen *self, etf_term message)
{
    etf_term reply;
    etf_ref ref;

    if (!etf_match(message, "{[alias | _], _}", &ref, &reply) &&
        !etf_match(message, "{_, _}", &ref, &reply))
        return false;
    call_answered(self, ref, reply);
    return true;
}

static enum rt_next session_message(struct gen *self,
                                    const struct rt_message *m)
{
    struct session *s = rt_state(self);
    etf_term reply, class, term;
    etf_bytes bytes;
    etf_ref ref;
    etf_pid pid;
    uint64_t number;

    if (m->kind == RT_PARENT_EXIT)
        return rt_stop(self, m->term);
    if (m->kind == RT_EXIT) {
        if (etf_match(m->term, "{'EXIT', _, _}", &pid, &reply))
            helper_ended(self, pid, reply);
    } else if (m->kind == RT_DOWN) {
        if (etf_match(m->term, "{'DOWN', _, __, __, _}", &ref, &reply))
            call_ended(self, ref, reply);
    } else if (m->kind != RT_MESSAGE) {
        return RT_NEXT; /* nobody calls a session */
    } else if (etf_match(m->term, "{'$peer', __, __, _}", &reply)) {
        (void)answer_came(self, reply); /* or it is not for peers to say */
    } else if (etf_match(m->term, "{frame, _, _}", &number, &bytes)) {
        message_came(self, number, bytes);
    } else if (answer_came(self, m->term)) {
        return RT_NEXT;
    } else if (etf_match(m->term, "{done, _, _}", &number, &reply)) {
        helper_answered(self, number, reply);
    } else if (etf_match(m->term, "{failed, _, _, _, _}", &number, &class,
                         &term, &bytes)) {
        helper_failed(self, number, class, term, bytes);
    } else if (etf_match(m->term, "{late, _}", &number)) {
        deadline(self, number);
    } else if (etf_match(m->term, "logs")) {
        follow_on(self);
    } else if (etf_match(m->term, "pushed")) {
        s->follower.busy = false;
        follow_on(self);
    } else if (etf_match(m->term, "closed")) {
        return rt_stop(self, ETF_A(shutdown));
    }
    return RT_NEXT;
}

static void session_destroy(void *state)
{
    struct session *s = state;
    struct apps_control *control = s->control;

    free(s->pending);
    if (control == NULL) /* ended before init */
        return;
    rpc__ring_leave(&control->ring, &s->follower);
    atomic_fetch_add_explicit(&control->atoms_left, s->atoms.left,
                              memory_order_relaxed);
    rpc__uncount(control);
}

const struct rt_behavior rpc__session = {
    .name = "agner_control session",
    .state_size = sizeof(struct session),
    .init = session_init,
    .message = session_message,
    .destroy = session_destroy,
};
