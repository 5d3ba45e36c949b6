/*
 * saga_show.c -- what a saga shows of itself, and what a person may ask of it.
 *
 * The figures are read by others while the saga runs, or hangs: they are copied
 * under its lock, and made into terms after it.
 */
#include <stdlib.h>
#include <string.h>

#include "saga/saga_internal.h"

#define LIST_MAX 1000u

/* ---- The figures -----------------------------------------------------------
 */

struct copy {
    etf_ref id;
    struct saga_shown shown;
};

struct picture {
    uint64_t in_flight, committed, cancelled, stuck, tx_max;
    size_t count;
    struct copy list[LIST_MAX];
};

static void take_picture(struct saga *s, struct picture *p)
{
    p->count = 0;
    rt__lock(&s->lock);
    p->in_flight = s->in_flight;
    p->committed = s->committed;
    p->cancelled = s->cancelled;
    p->stuck = s->stuck;
    p->tx_max = s->tx_max;
    for (const struct saga_tx *tx = s->first; tx != NULL && p->count < LIST_MAX;
         tx = tx->after) {
        p->list[p->count].id = tx->key.ref;
        p->list[p->count++].shown = tx->shown;
    }
    rt__unlock(&s->lock);
}

static const char *state_name(const struct saga_shown *shown)
{
    switch (shown->state) {
    case SAGA_RUN:
        return "running";
    case SAGA_SENT:
        return "waiting";
    case SAGA_PREPARING:
        return "preparing";
    case SAGA_PREPARED:
        return shown->stuck ? "in_doubt" : "prepared";
    case SAGA_DECIDED:
        return "committed";
    case SAGA_OVER:
    case SAGA_ENDED:
        break;
    }
    return "ended";
}

static etf_term tx_term(struct etf_region *r, const struct copy *c,
                        uint64_t now_ms)
{
    struct gen_saga_tx id = { c->id };
    const struct saga_shown *shown = &c->shown;
    uint64_t left_ms =
        shown->deadline_ms > now_ms ? shown->deadline_ms - now_ms : 0;
    char text[GEN_SAGA_TEXT_SIZE];

    return etf_make(r,
                    "#{id => _, state => _, age_ms => _, left_ms => _, "
                    "step => undefined, steps => [], jobs => _, nexts => _, "
                    "reason => _}",
                    etf_text(r, gen_saga_tx_text(id, text)),
                    etf_atom(state_name(shown)), now_ms - shown->begun_ms,
                    left_ms, shown->jobs, shown->nexts,
                    shown->stuck ? etf_atom("in_doubt") : ETF_A(undefined));
}

static etf_term picture_term(struct etf_region *r, const struct saga *s,
                             const struct picture *p, uint64_t now_ms)
{
    etf_term list = etf_nil();
    const char *name = s->table->name != NULL ? s->table->name : "saga";

    for (size_t i = p->count; i-- > 0;)
        list = etf_cons(r, tx_term(r, &p->list[i], now_ms), list);
    return etf_make(
        r,
        "#{name => _, type => transactions, in_flight => _, "
        "committed => _, cancelled => _, compensated => 0, "
        "failed => 0, stuck => _, tx_max => _, list => _}",
        etf_atom(name), p->in_flight, p->committed, p->cancelled, p->stuck,
        p->tx_max != 0 ? etf_uint(r, p->tx_max) : ETF_A(infinity), list);
}

static etf_term show(struct saga *s, struct etf_region *r, uint64_t now_ms)
{
    struct picture *p = malloc(sizeof *p);
    etf_term term;

    if (p == NULL)
        return ETF_NONE;
    take_picture(s, p);
    term = picture_term(r, s, p, now_ms);
    free(p);
    return term;
}

etf_term saga__figures_show(const struct rt_figures *figures,
                            struct etf_region *r)
{
    /* The figures are inside of the saga, which is not const itself. */
    struct saga *s = (struct saga *)(uintptr_t)((const char *)figures -
                                                offsetof(struct saga, figures));

    return show(s, r, rt_now_ms(s->rt));
}

/* ---- Requests --------------------------------------------------------------
 */

/* By the reference, or by its text. */
static struct saga_tx *find(const struct saga *s, etf_term id)
{
    char wanted[GEN_SAGA_TEXT_SIZE], text[GEN_SAGA_TEXT_SIZE];
    struct saga_tx *tx;
    etf_ref ref;

    if (etf_get_ref(id, &ref))
        return saga__tx_find(s, ref);
    if (!etf_get_text(id, wanted, sizeof wanted))
        return NULL;
    for (tx = s->first; tx != NULL; tx = tx->after) {
        struct gen_saga_tx one = { tx->key.ref };

        if (strcmp(gen_saga_tx_text(one, text), wanted) == 0)
            return tx;
    }
    return NULL;
}

static etf_term answer(struct gen *self, enum agner_err err)
{
    switch (err) {
    case AGNER_OK:
        return ETF_A(ok);
    case AGNER_ETXUNKNOWN:
        return etf_make(self, "{error, unknown}");
    case AGNER_ETXCANCELLED:
        return etf_make(self, "{error, cancelled}");
    case AGNER_ENOTALLOWED:
        return etf_make(self, "{error, prepared}");
    default:
        return etf_make(self, "{error, _}", agner_strerror(err));
    }
}

static etf_term abort_tx(struct gen *self, const struct saga *s, etf_term id,
                         etf_term reason)
{
    const struct saga_tx *tx = find(s, id);
    struct gen_saga_tx of;

    if (tx == NULL)
        return answer(self, AGNER_ETXUNKNOWN);
    of.ref = tx->key.ref;
    return answer(self, gen_saga_cancel(self, of, reason));
}

/* Asks again now, or tells again: of a vote that waits. */
static etf_term retry(struct gen *self, struct saga *s, etf_term id)
{
    struct saga_tx *tx = find(s, id);

    if (tx == NULL)
        return answer(self, AGNER_ETXUNKNOWN);
    if (tx->shown.state == SAGA_PREPARED) {
        tx->lost = false;
        saga__show(s, tx, tx->shown.state);
        saga__ask(self, s, tx);
        saga__ticking(self, s);
    } else if (tx->shown.state == SAGA_DECIDED) {
        saga__push(self, s, tx);
    } else {
        return etf_make(self, "{error, running}");
    }
    return ETF_A(ok);
}

static etf_term set_max(struct saga *s, uint64_t max)
{
    rt__lock(&s->lock);
    s->tx_max = max;
    rt__unlock(&s->lock);
    return ETF_A(ok);
}

bool saga__request(struct gen *self, struct saga *s,
                   const struct gen_from *from, etf_term request)
{
    etf_term id, reason, reply;
    uint64_t max;

    if (!etf_same(s->saga_atom, etf_tuple_size(request) > 0
                                    ? etf_tuple_items(request)[0]
                                    : ETF_NONE))
        return false;
    if (etf_match(request, "{'$saga', retry, _}", &id))
        reply = retry(self, s, id);
    else if (etf_match(request, "{'$saga', abort, _, _}", &id, &reason))
        reply = abort_tx(self, s, id, reason);
    else if (etf_match(request, "{'$saga', max, _}", &max))
        reply = set_max(s, max);
    else if (etf_match(request, "{'$saga', list}"))
        reply = show(s, rt_region(self), rt_now_ms(rt_of(self)));
    else
        reply = etf_make(self, "{error, badarg}");
    (void)gen_reply(self, *from, reply);
    return true;
}

/* ---- From anywhere ---------------------------------------------------------
 */

static enum agner_err ask(struct gen *self, etf_term saga, etf_term request,
                          uint64_t timeout_ms, etf_term *reply)
{
    if (etf_is_none(request))
        return AGNER_ENOMEM;
    return gen_call(self, saga, request, timeout_ms, reply);
}

enum agner_err gen_saga_max(struct gen *self, etf_term saga, uint64_t max,
                            uint64_t timeout_ms)
{
    struct saga *s = saga__of(self);
    etf_term reply;
    enum agner_err err;

    if (s != NULL && etf_same(saga, rt_self_term(self))) {
        (void)set_max(s, max);
        return AGNER_OK;
    }
    err = ask(self, saga, etf_make(self, "{'$saga', max, _}", max), timeout_ms,
              &reply);
    if (err == AGNER_ENOPROC || err == AGNER_ENONAME || err == AGNER_EEXIT)
        return AGNER_ETERMINATED;
    if (err == AGNER_OK && !etf_same(reply, ETF_A(ok)))
        return AGNER_ENOTSUP; /* it is no saga */
    return err;
}

enum agner_err gen_saga_abort(struct gen *self, etf_term saga,
                              struct gen_saga_tx tx, etf_term reason,
                              uint64_t timeout_ms)
{
    etf_term reply, why;
    enum agner_err err = ask(
        self, saga, etf_make(self, "{'$saga', abort, _, _}", tx.ref, reason),
        timeout_ms, &reply);

    if (err != AGNER_OK || etf_same(reply, ETF_A(ok)))
        return err;
    if (!etf_match(reply, "{error, _}", &why))
        return AGNER_ENOTSUP;
    if (etf_atom_is(why, "prepared"))
        return AGNER_ENOTALLOWED;
    if (etf_atom_is(why, "cancelled"))
        return AGNER_ETXCANCELLED;
    return etf_atom_is(why, "unknown") ? AGNER_ETXUNKNOWN : AGNER_ENOTSUP;
}

enum agner_err gen_saga_list(struct gen *self, etf_term saga,
                             uint64_t timeout_ms, etf_term *figures)
{
    etf_term reply;
    enum agner_err err =
        ask(self, saga, etf_make(self, "{'$saga', list}"), timeout_ms, &reply);

    if (err == AGNER_OK && etf_kind(reply) != ETF_KIND_MAP)
        return AGNER_ENOTSUP;
    if (err == AGNER_OK)
        *figures = reply;
    return err;
}
