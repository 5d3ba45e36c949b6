/*
 * sys_call.c -- asking a process with system messages, and stopping it.
 *
 * A question is a monitor whose reference is also the alias that the answer
 * comes to, so it ends once: with the answer, with the end of the process, or
 * with the time-out; and nothing of it is left in the mailbox (G23).
 *
 * Sources: OTP 25, gen:call, sys, proc_lib:stop.
 */
#include "gen_internal.h"

/* What the asking process waits for. */
struct question {
    etf_term ref; /* of the monitor */
    etf_term tag; /* [alias | Ref] */
};

static bool is_down(const struct question *q, etf_term m)
{
    return etf_is_tagged(m, ETF_A(DOWN), 5) &&
           etf_equal(etf_tuple_items(m)[1], q->ref);
}

static bool is_answer(const struct question *q, etf_term m)
{
    return etf_tuple_size(m) == 2 && etf_equal(etf_tuple_items(m)[0], q->tag);
}

static bool is_outcome(void *ctx, etf_term m)
{
    return is_answer(ctx, m) || is_down(ctx, m);
}

static bool is_self(struct gen *self, etf_term to)
{
    etf_pid pid;

    if (etf_is_atom(to) && rt_whereis(rt_of(self), to, &pid) != AGNER_OK)
        return false;
    if (!etf_is_atom(to) && !etf_get_pid(to, &pid))
        return false;
    return etf_pid_equal(pid, rt_self(self));
}

enum agner_err gen__why_down(etf_term reason)
{
    if (etf_same(reason, ETF_A(noproc)))
        return AGNER_ENOPROC;
    if (etf_same(reason, ETF_A(noconnection)))
        return AGNER_ENODEDOWN;
    return AGNER_EEXIT;
}

/* Monitors `to` and sends it {system, {Self, Tag}, request}. */
static enum agner_err ask(struct gen *self, etf_term to, etf_term request,
                          etf_ref *ref, struct question *q)
{
    etf_term message;
    enum agner_err err;

    if (etf_is_none(request))
        return AGNER_ENOMEM;
    err = gen__resolve(self, to, &to);
    if (err != AGNER_OK)
        return err;
    if (is_self(self, to))
        return AGNER_ECALLSELF;
    err = rt_monitor(self, to, RT_MONITOR_ALIAS_DEMONITOR, ref);
    if (err != AGNER_OK)
        return err;
    q->ref = etf_from_ref(rt_region(self), *ref);
    q->tag = etf_make(self, "[alias | _]", q->ref);
    message =
        etf_make(self, "{system, {_, _}, _}", rt_self(self), q->tag, request);
    err = etf_is_none(message) ? AGNER_ENOMEM : rt_send(self, to, message);
    if (err != AGNER_OK)
        (void)rt_demonitor(self, *ref, true); /* made just now */
    return err;
}

static enum agner_err question(struct gen *self, etf_term to, etf_term request,
                               uint64_t timeout_ms, etf_term *answer)
{
    struct question q;
    etf_ref ref;
    etf_term m;
    enum agner_err err = ask(self, to, request, &ref, &q);

    if (err != AGNER_OK)
        return err;
    err = rt_receive_match(self, is_outcome, &q, timeout_ms, &m);
    if (err == AGNER_OK && is_down(&q, m))
        return gen__why_down(etf_tuple_items(m)[4]);
    (void)rt_demonitor(self, ref, true); /* the alias ends with it */
    if (err == AGNER_ETIMEOUT) /* an answer that came just now still counts */
        err = rt_receive_match(self, is_outcome, &q, 0, &m);
    if (err != AGNER_OK)
        return err;
    m = etf_tuple_items(m)[1];
    if (answer != NULL)
        *answer = m;
    return etf_is_tagged(m, ETF_A(error), 2) ? AGNER_ENOTSUP : AGNER_OK;
}

/*
 * The answer to {terminate, Reason} comes before the end; what counts is the
 * DOWN, which comes after it from the same process.
 */
enum agner_err gen_server_stop(struct gen *self, etf_term to, etf_term reason,
                               uint64_t timeout_ms)
{
    uint64_t start = rt_now_ms(rt_of(self));
    struct question q;
    etf_ref ref;
    etf_term m;
    enum agner_err err;

    err = ask(self, to, etf_make(self, "{terminate, _}", reason), &ref, &q);
    if (err != AGNER_OK)
        return err;
    do {
        err = rt_receive_match(self, is_outcome, &q,
                               gen__left_ms(self, start, timeout_ms), &m);
    } while (err == AGNER_OK && !is_down(&q, m));
    if (err != AGNER_OK) {
        (void)rt_demonitor(self, ref, true);
        /* An answer that waits already is nobody's. */
        (void)rt_receive_match(self, is_outcome, &q, 0, &m);
        return err;
    }
    if (etf_equal(etf_tuple_items(m)[4], reason))
        return AGNER_OK;
    return gen__why_down(etf_tuple_items(m)[4]);
}

enum agner_err gen_sys_get_state(struct gen *self, etf_term to,
                                 uint64_t timeout_ms, etf_term *state)
{
    return question(self, to, etf_make(self, "get_state"), timeout_ms, state);
}

enum agner_err gen_sys_replace_state(struct gen *self, etf_term to,
                                     etf_term state, uint64_t timeout_ms)
{
    return question(self, to, etf_make(self, "{replace_state, _}", state),
                    timeout_ms, NULL);
}

enum agner_err gen_sys_get_status(struct gen *self, etf_term to,
                                  uint64_t timeout_ms, etf_term *status)
{
    return question(self, to, etf_make(self, "get_status"), timeout_ms, status);
}

enum agner_err gen_sys_suspend(struct gen *self, etf_term to,
                               uint64_t timeout_ms)
{
    return question(self, to, etf_make(self, "suspend"), timeout_ms, NULL);
}

enum agner_err gen_sys_resume(struct gen *self, etf_term to,
                              uint64_t timeout_ms)
{
    return question(self, to, etf_make(self, "resume"), timeout_ms, NULL);
}

enum agner_err gen_sys_change_code(struct gen *self, etf_term to,
                                   etf_term module, etf_term old_version,
                                   etf_term extra, uint64_t timeout_ms)
{
    return question(
        self, to,
        etf_make(self, "{change_code, _, _, _}", module, old_version, extra),
        timeout_ms, NULL);
}

enum agner_err gen_sys_statistics(struct gen *self, etf_term to, etf_term what,
                                  uint64_t timeout_ms, etf_term *answer)
{
    return question(self, to, etf_make(self, "{debug, {statistics, _}}", what),
                    timeout_ms, answer);
}

enum agner_err gen_sys_log(struct gen *self, etf_term to, etf_term what,
                           uint64_t timeout_ms, etf_term *answer)
{
    return question(self, to, etf_make(self, "{debug, {log, _}}", what),
                    timeout_ms, answer);
}

enum agner_err gen_sys_trace(struct gen *self, etf_term to, bool on,
                             uint64_t timeout_ms)
{
    return question(self, to, etf_make(self, "{debug, {trace, _}}", on),
                    timeout_ms, NULL);
}
