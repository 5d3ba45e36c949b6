/*
 * shop.c -- a shop with a stock: an application as OTP has them, with a
 * supervisor, an environment and a start phase. Try it:
 *
 *     agner start --name shop@127.0.0.1 --app shop --env shop.stock=2
 *     agner call stock '{take, 1}'
 *
 *   call         answer
 *   -----------  -----------------------------------------
 *   {take, N}    {ok, Left}, {error, sold_out}, {error, closed}
 *   open         ok: from now on there is something to take
 *
 * When `stock` ends, its supervisor starts it again, closed and with all that
 * the environment says.
 */
#include <agner/gen.h>

struct stock {
    int64_t left;
    bool open;
};

static enum gen_next stock_init(struct gen *self, etf_term args)
{
    struct stock *s = gen_state(self);
    etf_term count;

    (void)args;
    if (rt_env_get(self, etf_atom("stock"), &count) != AGNER_OK ||
        !etf_get_int(count, &s->left) || s->left < 0)
        return gen_stop(self, etf_make(self, "{bad_env, stock}"));
    return GEN_NEXT;
}

static enum gen_next stock_call(struct gen *self, struct gen_from from,
                                etf_term request)
{
    struct stock *s = gen_state(self);
    int64_t count;

    if (etf_match(request, "open")) {
        s->open = true;
        return gen_reply(self, from, etf_make(self, "ok"));
    }
    if (!etf_match(request, "{take, _}", &count) || count < 0)
        return gen_reply(self, from, etf_make(self, "{error, badarg}"));
    if (!s->open)
        return gen_reply(self, from, etf_make(self, "{error, closed}"));
    if (count > s->left)
        return gen_reply(self, from, etf_make(self, "{error, sold_out}"));
    s->left -= count;
    return gen_reply(self, from, etf_make(self, "{ok, _}", s->left));
}

static const struct gen_server stock_server = {
    .name = "stock",
    .state_size = sizeof(struct stock),
    .init = stock_init,
    .handle_call = stock_call,
};

static const struct gen_child_spec children[] = {
    { .name = "stock", .server = &stock_server },
};

static const struct gen_supervisor shop_supervisor = {
    .name = "shop",
    .intensity = 5, /* times in ten seconds; then something is really wrong */
    .period_ms = 10000,
    .children = children,
    .child_count = sizeof children / sizeof *children,
};

/* When all of the shop is there, it opens. */
static enum agner_err shop_phase(struct gen *self, etf_term phase,
                                 enum gen_start_type type, etf_term args,
                                 etf_term *reason)
{
    enum agner_err err;
    etf_term reply;

    (void)phase; /* there is only one */
    (void)type;
    (void)args;
    err = gen_call(self, etf_make(self, "stock"), etf_make(self, "open"),
                   GEN_CALL_TIMEOUT_MS, &reply);
    if (err != AGNER_OK)
        *reason = etf_make(self, "no_stock");
    return err;
}

GEN_APPLICATION(shop) = {
    .abi = GEN_APPLICATION_ABI,
    .name = "shop",
    .description = "sells what it has",
    .version = "1.0",
    .env = "[{stock, 10}]",
    .supervisor = &shop_supervisor,
    .start_phases = "[{open, []}]",
    .start_phase = shop_phase,
};
