/*
 * wallet.c -- wallets, and paying over an unreliable network.
 *
 * A call that times out tells nothing: it may have been carried out. A payer
 * that takes it for a no, and keeps the coin, makes money. One that asks again
 * until it is answered does not, if the wallet knows a payment by its number
 * and takes each once.
 */
#include "wallet.h"

#define CALL_MS  500
#define AGAIN_MS 200

struct wallet {
    int64_t coins;
    int64_t last; /* the number of the last payment that it took */
};

static enum gen_next wallet_init(struct gen *self, etf_term args)
{
    struct wallet *w = gen_state(self);

    if (!etf_match(args, "_", &w->coins))
        return gen_stop(self, etf_make(self, "badarg"));
    return GEN_NEXT;
}

/*
 * take              a coin is taken out: ok, or empty
 * give              one is put in: ok
 * {give, Number}    the same, once for each number; they grow
 * count             how many there are
 */
static enum gen_next wallet_call(struct gen *self, struct gen_from from,
                                 etf_term request)
{
    struct wallet *w = gen_state(self);
    int64_t number;

    if (etf_match(request, "count"))
        return gen_reply(self, from, etf_make(self, "_", w->coins));
    if (etf_match(request, "take") && w->coins == 0)
        return gen_reply(self, from, etf_make(self, "empty"));
    if (etf_match(request, "take")) {
        w->coins--;
    } else if (etf_match(request, "give")) {
        w->coins++;
    } else if (etf_match(request, "{give, _}", &number)) {
        if (number > w->last) {
            w->coins++;
            w->last = number;
        }
    } else {
        return gen_reply(self, from, etf_make(self, "{error, badarg}"));
    }
    return gen_reply(self, from, etf_make(self, "ok"));
}

const struct gen_server wallet_server = {
    .name = "wallet",
    .state_size = sizeof(struct wallet),
    .init = wallet_init,
    .handle_call = wallet_call,
};

/* ---- The payer -------------------------------------------------------------
 */

static bool is_ok(struct gen *self, etf_term to, etf_term request)
{
    etf_term reply;

    return gen_call(self, to, request, CALL_MS, &reply) == AGNER_OK &&
           etf_match(reply, "ok");
}

/* Did it arrive? The careless one believes what it heard, or did not hear. */
static bool give(struct gen *self, const struct payment *p, int64_t number)
{
    etf_term to = etf_make(self, "{_, _}", etf_atom(p->to), etf_atom(p->node));

    if (!p->asks_again)
        return is_ok(self, to, etf_make(self, "give"));
    while (!is_ok(self, to, etf_make(self, "{give, _}", number)))
        if (rt_sleep(self, AGAIN_MS) != AGNER_OK)
            return false; /* the process is told to end */
    return true;
}

void wallet_pay(struct gen *self, void *arg)
{
    struct payment *p = arg;
    etf_term from = etf_atom(p->from);

    for (int64_t number = 1; number <= p->coins; number++) {
        if (!is_ok(self, from, etf_make(self, "take")))
            break;
        if (give(self, p, number)) {
            p->paid++;
        } else {
            (void)is_ok(self, from, etf_make(self, "give")); /* put it back */
            p->unpaid++;
        }
        rt_reset(self);
    }
    p->done = true;
}
