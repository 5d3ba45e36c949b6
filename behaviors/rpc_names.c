/*
 * rpc_names.c -- messages to one name on many nodes, and their answers.
 *
 * Answers are plain messages to a pid, so a task takes them: what comes after
 * the time is over finds nobody, and the caller's mailbox has nothing of it.
 *
 * Source: OTP 25, rpc, abcast, sbcast and multi_server_call.
 */
#include "gen_internal.h"

#define GRACE_MS 5000u /* beyond its own time-out that the task may take */

enum agner_err gen_rpc_abcast(struct gen *self, etf_term nodes, etf_term name,
                              etf_term message)
{
    enum agner_err err;
    etf_term node, to;

    if (etf_list_size(nodes) < 0 || !etf_is_atom(name))
        return AGNER_EINVAL;
    while (etf_list_next(&nodes, &node)) {
        to = etf_make(self, "{_, _}", name, node);
        err = etf_is_none(to) ? AGNER_ENOMEM : rt_send(self, to, message);
        if (err == AGNER_EBADTERM || gen__erpc_is_over(err))
            return err;
        /* Any other failure is one node's: abcast does not tell. */
    }
    return AGNER_OK;
}

/* ---- The task ----------------------------------------------------------- */

struct wanted {
    etf_term name, node;
    etf_ref monitor;
};

static bool is_wanted(void *ctx, etf_term message)
{
    const struct wanted *w = ctx;
    const etf_term *items = etf_tuple_items(message);
    etf_ref ref;

    if (etf_tuple_size(message) == 3)
        return etf_equal(items[0], w->name) && etf_equal(items[1], w->node);
    return etf_tuple_size(message) == 5 && etf_same(items[0], ETF_A(DOWN)) &&
           etf_get_ref(items[1], &ref) && etf_ref_equal(ref, w->monitor);
}

/* [{Node, Monitor}] of those that were asked, the last one first. */
static etf_term ask(struct gen *self, etf_term nodes, etf_term name,
                    etf_term request)
{
    etf_term message = etf_make(self, "{_, _}", rt_self(self), request);
    etf_term asked = etf_nil(), node;
    etf_ref ref;

    while (etf_list_next(&nodes, &node)) {
        etf_term to = etf_make(self, "{_, _}", name, node);

        ref = (etf_ref){ .count = 0 };
        if (rt_monitor(self, to, 0, &ref) == AGNER_OK)
            (void)rt_send(self, to, message); /* its monitor tells */
        asked = etf_cons(rt_region(self), etf_make(self, "{_, _}", node, ref),
                         asked);
    }
    return asked;
}

/* {Nodes, Name, Request, TimeoutMs}: {[{Node, Reply}], Bad}. */
static etf_term gather(struct gen *self, etf_term args)
{
    etf_term nodes, name, request, asked, one, message;
    etf_term replies = etf_nil(), bad = etf_nil();
    uint64_t start_ms = rt_now_ms(rt_of(self)), ms;
    struct wanted w;

    if (!etf_match(args, "{_, _, _, _}", &nodes, &name, &request, &ms))
        return ETF_NONE;
    asked = ask(self, nodes, name, request);
    while (etf_list_next(&asked, &one)) {
        w.name = name;
        if (!etf_match(one, "{_, _}", &w.node, &w.monitor))
            return ETF_NONE;
        if (rt_receive_match(self, is_wanted, &w,
                             gen__left_ms(self, start_ms, ms),
                             &message) == AGNER_OK &&
            etf_tuple_size(message) == 3)
            replies = etf_cons(
                rt_region(self),
                etf_make(self, "{_, _}", w.node, etf_tuple_items(message)[2]),
                replies);
        else
            bad = etf_cons(rt_region(self), w.node, bad);
    }
    return etf_make(self, "{_, _}", replies, bad);
}

static const struct gen_task_job gather_job = { "rpc names", gather };

enum agner_err gen_rpc_multi_server_call(struct gen *self, etf_term nodes,
                                         etf_term name, etf_term request,
                                         uint64_t timeout_ms, etf_term *replies,
                                         etf_term *bad)
{
    struct gen_task task;
    etf_term result;
    enum agner_err err;

    if (etf_list_size(nodes) < 0 || !etf_is_atom(name))
        return AGNER_EINVAL;
    err = gen_task_async(
        self, &gather_job,
        etf_make(self, "{_, _, _, _}", nodes, name, request, timeout_ms), NULL,
        &task);
    if (err == AGNER_OK)
        err = gen_task_await(self, &task,
                             timeout_ms < RT_INFINITY - GRACE_MS
                                 ? timeout_ms + GRACE_MS
                                 : RT_INFINITY,
                             &result);
    if (err == AGNER_OK && !etf_match(result, "{_, _}", replies, bad))
        err = AGNER_ENOMEM;
    return err;
}

enum agner_err gen_rpc_sbcast(struct gen *self, etf_term nodes, etf_term name,
                              etf_term message, uint64_t timeout_ms,
                              etf_term *good, etf_term *bad)
{
    etf_term replies, one, node, reply;
    enum agner_err err = gen_rpc_multi_server_call(
        self, nodes, etf_atom("rex"),
        etf_make(self, "{sbcast, _, _}", name, message), timeout_ms, &replies,
        bad);

    if (err != AGNER_OK)
        return err;
    *good = etf_nil();
    while (etf_list_next(&replies, &one)) {
        if (!etf_match(one, "{_, _}", &node, &reply))
            continue;
        if (etf_equal(node, reply))
            *good = etf_cons(rt_region(self), node, *good);
        else /* {nonexisting_name, _} */
            *bad = etf_cons(rt_region(self), node, *bad);
    }
    return etf_is_none(*good) || etf_is_none(*bad) ? AGNER_ENOMEM : AGNER_OK;
}
