/*
 * duo.c -- two nodes and the servers on them: duo.h.
 */
#include "duo.h"

void duo_no_log(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

struct duo duo_new(void)
{
    struct node_options a = pair_options(A), b = pair_options(B);
    struct duo duo;

    a.rt.log = b.rt.log = duo_no_log;
    duo.a = pair_start(&a);
    duo.b = pair_start(&b);
    pair_route(duo.a, duo.b);
    pair_route(duo.b, duo.a);
    duo.at_a = rt_attach(node_rt(duo.a));
    duo.at_b = rt_attach(node_rt(duo.b));
    assert_non_null(duo.at_a);
    assert_non_null(duo.at_b);
    return duo;
}

void duo_end(const struct duo *duo)
{
    rt_detach(duo->at_a);
    rt_detach(duo->at_b);
    node_stop(duo->a, 1000);
    node_stop(duo->b, 1000);
}

void duo_expect(struct gen *self, const char *text)
{
    etf_term message = ETF_NONE;
    char seen[300];

    assert_int_equal(rt_receive(self, WAIT_MS, &message), AGNER_OK);
    assert_string_equal(etf_format(seen, sizeof seen, message), text);
}

/* ---- A server that tells what it gets ----------------------------------- */

struct teller {
    etf_pid to;
};

static void tell(struct gen *self, const char *what, etf_term term)
{
    const struct teller *teller = gen_state(self);

    (void)rt_send_pid(self, teller->to,
                      etf_make(self, "{_, _}", etf_atom(what), term));
}

/* `args` is {To, Trap}. */
static enum gen_next teller_init(struct gen *self, etf_term args)
{
    struct teller *teller = gen_state(self);
    bool trap;

    if (!etf_match(args, "{_, _}", &teller->to, &trap))
        return gen_stop(self, etf_atom("badarg"));
    (void)rt_trap_exit(self, trap);
    return GEN_NEXT;
}

static enum gen_next teller_call(struct gen *self, struct gen_from from,
                                 etf_term request)
{
    etf_ref alias;

    if (!etf_atom_is(request, "alias"))
        return gen_reply(self, from, request);
    if (rt_alias(self, RT_ALIAS_EXPLICIT, &alias) != AGNER_OK)
        return gen_stop(self, etf_atom("no_alias"));
    return gen_reply(self, from, etf_make(self, "_", alias));
}

static enum gen_next teller_cast(struct gen *self, etf_term request)
{
    tell(self, "cast", request);
    return GEN_NEXT;
}

static enum gen_next teller_info(struct gen *self, etf_term message)
{
    etf_term reason;

    if (etf_match(message, "{stop, _}", &reason))
        return gen_stop(self, reason);
    tell(self, "info", message);
    return GEN_NEXT;
}

static void teller_terminate(struct gen *self, etf_term reason)
{
    tell(self, "terminate", reason);
}

static enum agner_err
teller_direct(struct gen *self, const struct rt_direct *direct, void **result)
{
    (void)self;
    if (direct->request_size != sizeof(intptr_t))
        return AGNER_EINVAL;
    *result = (void *)*(const intptr_t *)direct->request;
    return AGNER_OK;
}

static const struct gen_server teller_server = {
    .name = "teller",
    .state_size = sizeof(struct teller),
    .init = teller_init,
    .handle_call = teller_call,
    .handle_cast = teller_cast,
    .handle_info = teller_info,
    .handle_direct = teller_direct,
    .terminate = teller_terminate,
};

etf_pid duo_teller(struct gen *self, const char *name, etf_pid to, bool trap)
{
    struct rt_spawn_options options = { .name = name == NULL ? ETF_NONE
                                                             : etf_atom(name) };
    etf_pid pid;

    assert_int_equal(gen_start(self, &teller_server,
                               etf_make(self, "{_, _}", to, trap), &options,
                               &pid, NULL),
                     AGNER_OK);
    return pid;
}

etf_pid duo_pid_from_a(const struct duo *duo, etf_pid pid)
{
    pid.node = etf_atom(B);
    pid.creation = node_creation(duo->b);
    return pid;
}
