/*
 * puppet_service.c -- a service that does as its test says: puppet_service.h.
 */
#include "puppet_service.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- Children ------------------------------------------------------------ */

static void note(struct puppet *p, char sign, char name)
{
    size_t used = strlen(p->children);

    (void)snprintf(p->children + used, sizeof p->children - used, "%c%c", sign,
                   name);
}

struct child {
    struct puppet *puppet; /* borrowed: the test's */
    char name;
};

static enum gen_next child_init(struct gen *self, etf_term args)
{
    struct child *c = gen_state(self);
    void *puppet;
    char name[4];

    if (etf_tuple_size(args) != 2 ||
        !etf_get_resource(etf_tuple_items(args)[0], &puppet) ||
        !etf_get_text(etf_tuple_items(args)[1], name, sizeof name))
        return gen_stop(self, ETF_A(badarg));
    c->puppet = puppet;
    c->name = name[0];
    (void)rt_trap_exit(self, true);
    note(c->puppet, '+', c->name);
    if (c->name == 'd')
        (void)rt_send(self, rt_self_term(self), etf_atom("die"));
    return GEN_NEXT;
}

static enum gen_next child_info(struct gen *self, etf_term message)
{
    (void)message;
    return gen_stop(self, etf_atom("boom"));
}

static void child_end(struct gen *self, etf_term reason)
{
    struct child *c = gen_state(self);

    (void)reason;
    note(c->puppet, '-', c->name);
}

static const struct gen_server child_server = { .name = "child",
                                                .state_size =
                                                    sizeof(struct child),
                                                .init = child_init,
                                                .handle_info = child_info,
                                                .terminate = child_end };

static enum agner_err spawn(struct gen *self, struct gen_apply *apply,
                            const char *name)
{
    struct gen_child_spec row = { .id = name, .server = &child_server };
    etf_term puppet = etf_resource(rt_region(self), gen_apply_arg(apply), NULL);

    row.args_term = etf_make(self, "{_, _}", puppet, etf_atom(name));
    return gen_apply_spawn(self, apply, &row, NULL, NULL);
}

/* ---- apply -------------------------------------------------------------- */

/* true: the gate is open. */
static bool wait_for_gate(struct gen *self, struct gen_apply *apply,
                          bool stubborn)
{
    struct puppet *p = gen_apply_arg(apply);

    while (!p->gate && (stubborn || !gen_apply_cancelled(apply)))
        if (rt_sleep(self, 1) != AGNER_OK)
            rt_exit(self, ETF_A(killed));
    return p->gate;
}

static enum agner_err children(struct gen *self, struct gen_apply *apply)
{
    enum agner_err err = spawn(self, apply, "x");

    if (err == AGNER_OK)
        err = spawn(self, apply, "y");
    return err == AGNER_OK ? spawn(self, apply, "z") : err;
}

static enum agner_err obey(struct gen *self, struct gen_apply *apply,
                           char letter)
{
    etf_term why = etf_make(self, "\"why\"");

    switch (letter) {
    case 'f':
        return gen_apply_fail(self, apply, AGNER_EIO, why);
    case 'a':
        return gen_apply_abort(self, apply, AGNER_EIO, why);
    case 'c':
        rt_exit(self, etf_atom("boom"));
        return AGNER_OK;
    case 'b':
        return wait_for_gate(self, apply, false) ? AGNER_OK : AGNER_ECANCELLED;
    case 's':
        (void)wait_for_gate(self, apply, true);
        return AGNER_OK;
    case 'A':
        (void)wait_for_gate(self, apply, true);
        return gen_apply_abort(self, apply, AGNER_EIO, why);
    case 'k':
        return children(self, apply);
    case 'K':
        return children(self, apply) == AGNER_OK &&
                       wait_for_gate(self, apply, false)
                   ? AGNER_OK
                   : AGNER_ECANCELLED;
    case 'd':
        return spawn(self, apply, "d");
    default:
        return AGNER_OK;
    }
}

struct running {
    struct rt_hook hook; /* first */
    struct puppet *puppet;
};

static void stopped_running(struct rt_hook *hook, struct rt *rt)
{
    struct running *r = (struct running *)hook;

    (void)rt;
    r->puppet->running--;
    free(r);
}

static void count(struct gen *self, struct puppet *p)
{
    struct running *r = calloc(1, sizeof *r);

    if (r == NULL)
        return;
    r->hook.run = stopped_running;
    r->puppet = p;
    if (rt_hook_add(self, &r->hook) != AGNER_OK) {
        free(r);
        return;
    }
    if (++p->running > p->running_max)
        p->running_max = p->running;
}

static void record(struct puppet *p, struct gen_apply *apply)
{
    etf_bytes config = gen_apply_config(apply);
    unsigned i = p->tries;

    (void)snprintf(p->tried[i].config, sizeof p->tried[i].config, "%.*s",
                   (int)config.size, (const char *)config.data);
    p->tried[i].generation = gen_apply_generation(apply);
    p->tried[i].attempt = gen_apply_attempt(apply);
    p->tried[i].token = gen_cancel_hold(gen_apply_token(apply));
    p->tried[i].parsed = gen_apply_parsed(apply) != NULL;
}

static enum agner_err apply(struct gen *self, struct gen_apply *a)
{
    struct puppet *p = gen_apply_arg(a);
    char letter = 'o';

    count(self, p);
    if (p->tries >= TRIES_MAX)
        return AGNER_OK;
    record(p, a);
    if (p->script != NULL && strlen(p->script) > p->tries)
        letter = p->script[p->tries];
    p->tries++;
    if (p->step_clock)
        p->clock_ns += SECOND_NS;
    return obey(self, a, letter);
}

/* ---- The rest ----------------------------------------------------------- */

/* A config `bad` is refused too. */
static enum agner_err parse(void *arg, etf_bytes config, void **parsed,
                            struct agner_error *error)
{
    struct puppet *p = arg;

    if (p->parse_fails ||
        (config.size == 3 && memcmp(config.data, "bad", 3) == 0))
        return agner_fail(error, AGNER_ESYNTAX, "byte 0: not understood");
    p->parsed++;
    *parsed = &p->parsed_freed;
    return AGNER_OK;
}

static void parsed_free(void *parsed)
{
    ++*(unsigned *)parsed;
}

static void on_stop(struct gen *self, void *arg,
                    const struct gen_service_state *state)
{
    struct puppet *p = arg;

    (void)state;
    p->stops++;
    if (p->hook_calls)
        p->hook_got = gen_service_activate(self, p->service, NULL);
    if (p->hook_crashes)
        rt_exit(self, etf_atom("boom"));
}

static void saved(struct gen *self, void *arg,
                  const struct gen_service_state *state)
{
    struct puppet *p = arg;

    (void)self;
    p->saved++;
    p->saved_version = state->version;
}

const struct gen_service_spec puppet_spec = { .name = "puppet",
                                              .apply = apply,
                                              .parse = parse,
                                              .parsed_free = parsed_free,
                                              .on_stop = on_stop,
                                              .saved = saved };
const struct gen_service_spec puppet_raw_spec = { .name = "raw",
                                                  .apply = apply };

uint64_t puppet_clock(void *ctx)
{
    return ((struct puppet *)ctx)->clock_ns;
}

void puppet_log(struct gen *self, void *ctx,
                const struct gen_retry_attempt *attempt)
{
    struct puppet *p = ctx;
    size_t used = strlen(p->retries);

    (void)self;
    (void)snprintf(p->retries + used, sizeof p->retries - used, "%d:%d:%d ",
                   (int)attempt->failures, attempt->err,
                   (int)attempt->delay_ms);
}

bool puppet_same_state(const struct gen_service_state *a,
                       const struct gen_service_state *b)
{
    return a->active == b->active && a->loading == b->loading &&
           a->configured == b->configured && a->config.size == b->config.size &&
           (a->config.size == 0 ||
            memcmp(a->config.data, b->config.data, a->config.size) == 0) &&
           a->err == b->err && etf_is_none(a->why) == etf_is_none(b->why) &&
           (etf_is_none(a->why) || etf_equal(a->why, b->why)) &&
           a->failed_attempts == b->failed_attempts &&
           a->last_active_ns == b->last_active_ns &&
           a->last_inactive_ns == b->last_inactive_ns &&
           a->last_config_ns == b->last_config_ns &&
           a->last_err_ns == b->last_err_ns &&
           a->last_loading_start_ns == b->last_loading_start_ns &&
           a->last_loading_end_ns == b->last_loading_end_ns &&
           a->next_attempt_ns == b->next_attempt_ns &&
           a->version == b->version && a->generation == b->generation;
}

void puppet_fini(struct puppet *p)
{
    for (unsigned i = 0; i < p->tries; i++)
        gen_cancel_free(p->tried[i].token);
    p->tries = 0;
}
