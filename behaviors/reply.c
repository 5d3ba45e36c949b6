/*
 * reply.c -- answering calls, now or after terminate.
 *
 * Every call gets an answer or the end of the server: what cannot be sent is
 * replaced by the atom `error`, so that a caller never waits for nothing.
 */
#include <stdlib.h>

#include "gen_internal.h"

static void tell_out(struct gen *self, struct gen_head *head,
                     const struct gen_from *from, etf_term reply)
{
    gen_sys_event(
        self, &head->sys,
        etf_make(self, "{out, _, _}", reply, rt_from_term(self, from)));
}

/* For what is wrong with the answer itself; that the caller is gone is fine. */
static bool is_our_fault(enum agner_err err)
{
    return err == AGNER_EBADTERM || err == AGNER_ENOMEM ||
           err == AGNER_ELIMIT || err == AGNER_EINVAL;
}

etf_term gen__reply(struct gen *self, const struct gen_from *from,
                    etf_term reply)
{
    enum agner_err err = AGNER_EINVAL;

    if (!etf_is_none(reply))
        err = rt_reply(self, from, reply);
    if (!is_our_fault(err))
        return reply;
    rt_log_self(self, RT_LOG_ERROR, "an answer could not be sent: %s",
                etf_is_none(reply) ? "it is no term" : agner_strerror(err));
    (void)rt_reply(self, from, ETF_A(error)); /* the caller may be gone */
    return ETF_A(error);
}

enum gen_next gen_reply(struct gen *self, struct gen_from from, etf_term reply)
{
    struct gen_head *head = gen__head(self);

    reply = gen__reply(self, &from, reply);
    if (head != NULL && head->sys.watched)
        tell_out(self, head, &from, reply);
    return GEN_NEXT;
}

enum gen_next gen_stop_reply(struct gen *self, struct gen_from from,
                             etf_term reason, etf_term reply)
{
    struct gen_head *head = rt_state(self);
    struct gen_last_reply *last = calloc(1, sizeof *last);

    gen__last_reply_free(head); /* a second one in the same callback */
    if (last != NULL && !etf_is_none(reply))
        last->reply = etf_box_new(reply);
    if (last != NULL && last->reply != NULL) {
        last->from = from;
        head->last_reply = last;
        return gen_stop(self, reason);
    }
    free(last);
    rt_log_self(
        self, RT_LOG_ERROR,
        "an answer is lost for lack of memory: the caller hears of the end");
    return gen_stop(self, reason);
}

void gen__last_reply_send(struct gen *self, struct gen_head *head)
{
    if (head->last_reply == NULL)
        return;
    (void)gen_reply(self, head->last_reply->from,
                    etf_box_term(head->last_reply->reply));
    gen__last_reply_free(head);
}

void gen__last_reply_free(struct gen_head *head)
{
    if (head->last_reply == NULL)
        return;
    etf_box_free(head->last_reply->reply);
    free(head->last_reply);
    head->last_reply = NULL;
}
