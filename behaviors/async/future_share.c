/*
 * future_share.c -- a future that other nodes wait for: gen_future.h.
 *
 * A process holds it, and answers calls: {ok, Term} or {error, {Code, Reason}},
 * at once if it is done, else when it is.
 */
#include <agner/gen_future.h>

#include <stdlib.h>

#include "gen_internal.h"

/* Askers whose answer is to come; one that has given up is still among them, so
 * there is a limit. */
#define ASKERS_MAX 4096u

struct asker {
    struct asker *next;
    struct gen_from from;
};

struct share {
    struct gen_future *future; /* held */
    struct asker *askers;      /* owned */
    unsigned count;            /* of them */
    etf_ref owner;             /* a monitor */
};

static etf_term shown(struct gen *self, struct gen_future *f)
{
    etf_term result = ETF_A(undefined);
    enum agner_err err = gen_future_poll(f, rt_region(self), &result);

    return err == AGNER_OK
               ? etf_make(self, "{ok, _}", result)
               : etf_make(self, "{error, {_, _}}", (int64_t)err, result);
}

static enum rt_next share_init(struct gen *self, etf_term args)
{
    struct share *s = rt_state(self);
    etf_term owner = etf_from_pid(rt_region(self), rt_parent(self));
    etf_ref ref;

    (void)args;
    s->future = gen_future_hold(rt_note(self));
    if (rt_monitor(self, owner, 0, &s->owner) != AGNER_OK ||
        gen_future_notify(self, s->future, &ref) != AGNER_OK)
        return rt_stop(self, ETF_A(memory_limit));
    return RT_NEXT;
}

static enum rt_next answer(struct gen *self, struct share *s,
                           const struct gen_from *from)
{
    struct asker *a;

    if (gen_future_is_done(s->future)) {
        (void)rt_reply(self, from, shown(self, s->future));
        return RT_NEXT;
    }
    a = calloc(1, sizeof *a);
    if (a == NULL) {
        (void)rt_reply(
            self, from,
            etf_make(self, "{error, {_, undefined}}", (int64_t)AGNER_ENOMEM));
        return RT_NEXT;
    }
    a->from = *from;
    a->next = s->askers;
    s->askers = a;
    return RT_NEXT;
}

static enum rt_next share_message(struct gen *self, const struct rt_message *m)
{
    struct share *s = rt_state(self);
    struct gen_from from;
    etf_term request;

    if (m->kind == RT_CALL && etf_atom_is(m->term, "complete"))
        return answer(self, s, &m->from);
    if (m->kind == RT_MESSAGE && /* from another node */
        gen__shape(self, m->term, &from, &request) == RT_CALL &&
        etf_atom_is(request, "complete"))
        return answer(self, s, &from);
    if (m->kind == RT_DIRECT)
        rt_direct_reply(self, &m->direct, AGNER_ENOTSUP, NULL);
    if (m->kind == RT_DOWN)
        return rt_stop(self, ETF_A(normal));
    while (gen_future_is_done(s->future) && s->askers != NULL) {
        struct asker *a = s->askers;

        s->askers = a->next;
        (void)rt_reply(self, &a->from, shown(self, s->future));
        free(a);
    }
    return RT_NEXT;
}

static void share_destroy(void *state)
{
    struct share *s = state;

    while (s->askers != NULL) {
        struct asker *next = s->askers->next;

        free(s->askers);
        s->askers = next;
    }
    gen_future_free(s->future);
}

static const struct rt_behavior share = { .name = "gen_future",
                                          .state_size = sizeof(struct share),
                                          .init = share_init,
                                          .message = share_message,
                                          .destroy = share_destroy };

enum agner_err gen_future_share(struct gen *self, struct gen_future *f,
                                const struct rt_spawn_options *options,
                                etf_pid *pid)
{
    struct rt_spawn_options full = { 0 };
    enum agner_err err;

    if (options != NULL)
        full = *options;
    full.parent = NULL;
    full.note = f;
    err = rt_start(self, &share, etf_nil(), &full, pid, NULL);
    return err == AGNER_EEXIT ? AGNER_ENOMEM : err;
}

enum agner_err gen_future_complete_at(struct gen *self, etf_term to,
                                      uint64_t timeout_ms, etf_term *result)
{
    etf_term reply, term;
    int64_t code;
    enum agner_err err =
        gen_call(self, to, etf_atom("complete"), timeout_ms, &reply);

    if (err == AGNER_ENODEDOWN)
        return AGNER_ENOCONN;
    if (err != AGNER_OK)
        return err;
    if (etf_match(reply, "{ok, _}", &term))
        err = AGNER_OK;
    else if (etf_match(reply, "{error, {_, _}}", &code, &term) && code < 0 &&
             code > -1000)
        err = (enum agner_err)code;
    else
        return AGNER_EPROTO;
    if (result != NULL)
        *result = term;
    return err;
}
