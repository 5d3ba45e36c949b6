/*
 * again.c -- subscriptions that outlive their connection.
 *
 * One that is lost with its connection waits here: for its time, which doubles,
 * or for the node to be there again. Then it is made anew, under another
 * reference.
 */
#include <stdlib.h>

#include "stage/stage_internal.h"

/* While some wait the stage hears of nodes. */
static void watch(struct gen *self, struct stage *s)
{
    if (s->network.count != 0)
        return;
    if (rt_event_monitor(self, etf_atom("network"), &s->network, NULL) !=
        AGNER_OK)
        s->network.count = 0; /* then the timers alone do */
}

static void unwatch(struct gen *self, struct stage *s)
{
    if (s->again != NULL || s->network.count == 0)
        return;
    (void)rt_demonitor(self, s->network, true);
    s->network.count = 0;
}

static void drop_again(struct gen *self, struct stage *s,
                       struct stage_again *again)
{
    struct stage_again **at = &s->again;

    while (*at != again)
        at = &(*at)->next;
    *at = again->next;
    if (again->ref.count != 0)
        (void)rt_cancel_timer(self, &again->timer, NULL);
    again->ref.count = 0;
    again->next = NULL;
    unwatch(self, s);
}

/* The old one in new clothes: it becomes the new one, or waits on. */
static enum agner_err try_again(struct gen *self, struct stage *s,
                                struct stage_again *again)
{
    struct stage_sub *old = again->sub, *sub;
    const struct stage_wish wish = { .min = old->demand.min,
                                     .max = old->demand.max,
                                     .mode = old->mode,
                                     .manual = old->manual,
                                     .options = old->options };
    enum agner_err err = gen__subscribe_make(self, s, old->to, &wish, &sub);

    if (err != AGNER_OK)
        return err;
    drop_again(self, s, again);
    again->sub = NULL;
    again->trying = true;
    old->again = NULL;
    sub->again = again;
    gen__sub_free(old);
    return gen__subscribe_announce(self, s, sub, ETF_A(nil));
}

/* Is it to be made anew, after this end? */
static bool is_tried(const struct stage_sub *sub, enum gen_stage_end kind,
                     etf_term reason)
{
    if (sub->again == NULL || kind != GEN_STAGE_DOWN || sub->ending)
        return false;
    if (etf_same(reason, ETF_A(noconnection)))
        return true;
    return sub->again->trying && etf_same(reason, ETF_A(noproc)) &&
           etf_tuple_size(sub->to) == 2;
}

/* The other side's node. */
static etf_term node_of(const struct stage_sub *sub)
{
    etf_pid pid;

    if (etf_tuple_size(sub->to) == 2)
        return etf_tuple_items(sub->to)[1];
    return etf_get_pid(sub->to, &pid) ? pid.node : ETF_NONE;
}

/* How long to wait: not at all when the node is there again already, which
 * nobody would tell of any more. */
static uint64_t wait_of(struct gen *self, struct stage_again *again,
                        const struct stage_sub *sub, etf_term reason)
{
    uint64_t twice = again->wait_ms == 0 ? again->retry_ms : again->wait_ms * 2;

    again->wait_ms = gen__stage_less(twice, again->retry_max_ms);
    if (etf_same(reason, ETF_A(noconnection)) &&
        rt_node_find(rt_of(self), node_of(sub), NULL) == AGNER_OK)
        return 0;
    return again->wait_ms;
}

bool gen__subscribe_again(struct gen *self, struct stage *s,
                          struct stage_sub *sub, enum gen_stage_end kind,
                          etf_term reason)
{
    struct stage_again *again = sub->again;

    if (!is_tried(sub, kind, reason))
        return false;
    watch(self, s);
    if (rt_start_timer(self, rt_self_term(self), etf_atom("$stage_again"),
                       wait_of(self, again, sub, reason), &again->timer,
                       &again->ref) != AGNER_OK) {
        again->ref.count = 0;
        unwatch(self, s);
        return false;
    }
    again->sub = sub;
    again->next = s->again;
    s->again = again;
    return true;
}

bool gen__subscribe_timer(struct gen *self, struct stage *s, etf_term message)
{
    struct stage_again *again = s->again;
    enum agner_err err;
    etf_ref ref;

    if (!etf_is_tagged(message, ETF_A(timeout), 3) ||
        !etf_get_ref(etf_tuple_items(message)[1], &ref))
        return false;
    while (again != NULL && !etf_ref_equal(again->ref, ref))
        again = again->next;
    if (again == NULL)
        return false;
    again->ref.count = 0;
    err = try_again(self, s, again);
    if (err != AGNER_OK)
        (void)gen__stage_fail(self, err);
    return true;
}

static enum agner_err try_all_on(struct gen *self, struct stage *s,
                                 etf_term node)
{
    struct stage_again *again = s->again, *next;
    enum agner_err err = AGNER_OK;

    for (; again != NULL && err == AGNER_OK; again = next) {
        next = again->next;
        if (etf_same(node_of(again->sub), node))
            err = try_again(self, s, again);
    }
    return err;
}

/* The user may have subscribed to the event too, and then each comes once more:
 * the first of equals is ours. */
bool gen__subscribe_nodeup(struct gen *self, struct stage *s, etf_term message)
{
    etf_term where, what, node;
    uint64_t time_ns;
    enum agner_err err = AGNER_OK;

    if (!etf_match(message, "{event, network, _, _, {_, _}}", &where, &time_ns,
                   &what, &node))
        return false;
    if (s->network_ns == time_ns && etf_same(s->network_what, what) &&
        etf_same(s->network_node, node))
        return false;
    s->network_ns = time_ns;
    s->network_what = etf_is_word(what) ? what : ETF_NONE;
    s->network_node = etf_is_word(node) ? node : ETF_NONE;
    if (etf_same(what, ETF_A(nodeup)))
        err = try_all_on(self, s, node);
    if (err != AGNER_OK)
        (void)gen__stage_fail(self, err);
    return true;
}

bool gen__subscribe_forget(struct gen *self, struct stage *s, etf_ref ref)
{
    struct stage_again *again = s->again;

    while (again != NULL && !etf_ref_equal(again->sub->sub.ref, ref))
        again = again->next;
    if (again == NULL)
        return false;
    drop_again(self, s, again);
    gen__sub_free(again->sub); /* and so `again` */
    return true;
}

void gen__subscribe_fini(struct stage *s)
{
    struct stage_again *again;

    while ((again = s->again) != NULL) {
        s->again = again->next;
        gen__sub_free(again->sub); /* and so `again` */
    }
}
