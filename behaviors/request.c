/*
 * request.c -- requests whose answers are messages, and collections of them.
 *
 * A request of the runtime (rt_request_send) is answered to who waits for it;
 * one of here is a monitor that is an alias until the first message through it,
 * as OTP's are, so its answer is a message like others.
 *
 * Sources: OTP 25, gen; spec/gen.md 4.1.
 */
#include <stdlib.h>

#include <agner/gen_request.h>

#include "gen_internal.h"

/* ---- Answers as messages ------------------------------------------------ */

enum agner_err gen_send_request_info(struct gen *self, etf_term to,
                                     etf_term request, struct rt_request *id)
{
    etf_term message;
    enum agner_err err;

    if (etf_is_none(request))
        return AGNER_ENOMEM;
    err = gen__resolve(self, to, &to);
    if (err != AGNER_OK)
        return err;
    err = rt_monitor(self, to, RT_MONITOR_ALIAS_REPLY, &id->ref);
    if (err != AGNER_OK)
        return err;
    message = etf_make(self, "{'$gen_call', {_, [alias | _]}, _}",
                       rt_self(self), id->ref, request);
    err = etf_is_none(message) ? AGNER_ENOMEM : rt_send(self, to, message);
    if (err != AGNER_OK)
        (void)rt_demonitor(self, id->ref, true); /* made just now */
    return err;
}

/* Reads the reference that a message is about, if it may be an answer:
 * {[alias | Ref], Reply} or {'DOWN', Ref, process, _, Reason}. */
static bool answer_ref(etf_term message, etf_ref *ref)
{
    const etf_term *items = etf_tuple_items(message);
    etf_term tag, alias;

    if (etf_is_tagged(message, ETF_A(DOWN), 5))
        return etf_get_ref(items[1], ref);
    if (etf_tuple_size(message) != 2)
        return false;
    tag = items[0];
    return etf_list_next(&tag, &alias) && etf_same(alias, ETF_A(alias)) &&
           etf_get_ref(tag, ref);
}

/* What an answer says. */
static enum agner_err outcome(etf_term message, etf_term *reply)
{
    bool down = etf_tuple_size(message) == 5;
    etf_term what = etf_tuple_items(message)[down ? 4 : 1];

    if (reply != NULL)
        *reply = what;
    return down ? gen__why_down(what) : AGNER_OK;
}

enum agner_err gen_check_response(const struct rt_request *id, etf_term message,
                                  etf_term *reply)
{
    etf_ref ref;

    if (!answer_ref(message, &ref) || !etf_ref_equal(ref, id->ref))
        return AGNER_EUNKNOWN;
    return outcome(message, reply);
}

void gen_abandon_request(struct gen *self, const struct rt_request *id)
{
    rt_request_abandon(self, id);
    /* Of the other kind; AGNER_ENOREF when it is not, or over. */
    (void)rt_demonitor(self, id->ref, true);
}

/* ---- Collections -------------------------------------------------------- */

struct gen_reqids_item {
    etf_term label;      /* a word, or in `box` */
    struct etf_box *box; /* owned, or NULL */
};

void gen_reqids_fini(struct gen_reqids *c)
{
    for (size_t i = 0; i < c->count; i++)
        etf_box_free(c->items[i].box);
    free(c->items);
    free(c->ids);
    *c = (struct gen_reqids){ 0 };
}

size_t gen_reqids_size(const struct gen_reqids *c)
{
    return c->count;
}

static bool reserve(struct gen_reqids *c)
{
    size_t capacity = c->capacity * 2 + 8;
    struct gen_reqids_item *items;
    struct rt_request *ids;

    if (c->count < c->capacity)
        return true;
    items = realloc(c->items, capacity * sizeof *items);
    if (items == NULL)
        return false;
    c->items = items;
    ids = realloc(c->ids, capacity * sizeof *ids);
    if (ids == NULL)
        return false;
    c->ids = ids;
    c->capacity = capacity;
    return true;
}

enum agner_err gen_reqids_add(struct gen_reqids *c, const struct rt_request *id,
                              etf_term label)
{
    struct gen_reqids_item item = { .label = label };

    if (etf_is_none(label) || !reserve(c))
        return AGNER_ENOMEM;
    if (!etf_is_word(label)) {
        item.box = etf_box_new(label);
        if (item.box == NULL)
            return AGNER_ENOMEM;
        item.label = etf_box_term(item.box);
    }
    c->items[c->count] = item;
    c->ids[c->count++] = *id;
    return AGNER_OK;
}

enum agner_err gen_reqids_send(struct gen *self, struct gen_reqids *c,
                               etf_term to, etf_term request, etf_term label)
{
    struct rt_request id;
    enum agner_err err = gen_send_request(self, to, request, &id);

    if (err != AGNER_OK)
        return err;
    err = gen_reqids_add(c, &id, label);
    if (err != AGNER_OK)
        rt_request_abandon(self, &id);
    return err;
}

/* The label of a request that is over, for the caller. */
static void settle(struct gen *self, struct gen_reqids *c, size_t which,
                   bool remove, etf_term *label)
{
    struct gen_reqids_item *item = &c->items[which];

    if (label != NULL && item->box != NULL)
        *label = etf_copy(rt_region(self), item->label);
    else if (label != NULL)
        *label = item->label;
    if (!remove)
        return;
    etf_box_free(item->box);
    c->count--;
    c->items[which] = c->items[c->count];
    c->ids[which] = c->ids[c->count];
}

uint64_t gen_deadline(struct gen *self, uint64_t ms)
{
    uint64_t now_ms = rt_now_ms(rt_of(self));

    return ms < GEN_INFINITY - now_ms ? now_ms + ms : GEN_INFINITY;
}

/* Is it what became of one request, rather than of the wait? */
static bool is_outcome(enum agner_err err)
{
    return err != AGNER_ETIMEOUT && err != AGNER_EEXITING &&
           err != AGNER_EKILLED && err != AGNER_ENOMEM && err != AGNER_ENOREF;
}

enum agner_err gen_reqids_wait(struct gen *self, struct gen_reqids *c,
                               uint64_t deadline_ms, bool remove,
                               etf_term *reply, etf_term *label)
{
    uint64_t left_ms = GEN_INFINITY, now_ms = rt_now_ms(rt_of(self));
    size_t which = 0;
    enum agner_err err;

    if (deadline_ms != GEN_INFINITY)
        left_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
    err = rt_request_wait_any(self, c->ids, c->count, left_ms, &which, reply);
    if (is_outcome(err))
        settle(self, c, which, remove, label);
    return err;
}

enum agner_err gen_reqids_receive(struct gen *self, struct gen_reqids *c,
                                  uint64_t deadline_ms, bool remove,
                                  etf_term *reply, etf_term *label)
{
    enum agner_err err =
        gen_reqids_wait(self, c, deadline_ms, remove, reply, label);

    if (err != AGNER_ETIMEOUT)
        return err;
    for (size_t i = 0; i < c->count; i++)
        gen_abandon_request(self, &c->ids[i]);
    gen_reqids_fini(c);
    return err;
}

static size_t find(const struct gen_reqids *c, etf_ref ref)
{
    size_t i = 0;

    while (i < c->count && !etf_ref_equal(c->ids[i].ref, ref))
        i++;
    return i;
}

enum agner_err gen_reqids_check(struct gen *self, struct gen_reqids *c,
                                etf_term message, bool remove, etf_term *reply,
                                etf_term *label)
{
    etf_ref ref;
    size_t which;

    if (c->count == 0)
        return AGNER_ENOREF;
    if (!answer_ref(message, &ref))
        return AGNER_EUNKNOWN;
    which = find(c, ref);
    if (which == c->count)
        return AGNER_EUNKNOWN;
    settle(self, c, which, remove, label);
    return outcome(message, reply);
}
