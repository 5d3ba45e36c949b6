/*
 * puppet.c -- a puppet and the driver that makes them: puppet.h.
 */
#include "puppet.h"

#include <stdlib.h>
#include <string.h>

static const struct puppet_op *const puppet_tables[] = {
    puppet_core, puppet_observer, puppet_global, puppet_pg,
    puppet_peer, puppet_rpc,      puppet_spawn,  puppet_stages,
};

/* The program has one node. */
static struct node *the_node;

struct node *puppet_node(void)
{
    return the_node;
}

struct heard {
    struct heard *next;
    struct etf_box *message; /* owned */
};

struct puppet {
    struct heard *first, **last;
    int64_t count;
    struct gen_from waits; /* who asked for `wanted` messages; 0: nobody does */
    int64_t wanted;
};

static const char *error_name(enum agner_err err)
{
    switch (err) {
#define ERROR_CASE(name, value, text) \
    case AGNER_##name: \
        return #name;
        AGNER_ERRORS(ERROR_CASE)
#undef ERROR_CASE
    }
    return "?";
}

etf_term puppet_result(struct gen *self, enum agner_err err)
{
    if (err == AGNER_OK)
        return ETF_A(ok);
    return etf_make(self, "{error, _}", etf_atom(error_name(err)));
}

etf_term puppet_value(struct gen *self, enum agner_err err, etf_term value)
{
    if (etf_is_none(value))
        value = ETF_A(undefined);
    if (err == AGNER_OK)
        return etf_make(self, "{ok, _}", value);
    return etf_make(self, "{error, _, _}", etf_atom(error_name(err)), value);
}

etf_term puppet_badarg(void)
{
    return etf_atom("badarg");
}

static etf_term run(struct gen *self, etf_term op, etf_term args)
{
    for (size_t i = 0; i < sizeof puppet_tables / sizeof *puppet_tables; i++)
        for (const struct puppet_op *row = puppet_tables[i]; row->name != NULL;
             row++)
            if (etf_atom_is(op, row->name))
                return row->run(self, args);
    return etf_make(self, "{error, no_such_op}");
}

static enum gen_next puppet_init(struct gen *self, etf_term args)
{
    struct puppet *p = gen_state(self);

    (void)args;
    p->last = &p->first;
    return GEN_NEXT;
}

/* Answers who waits, if there are enough by now. */
static void tell(struct gen *self, struct puppet *p)
{
    etf_term list = etf_nil(), messages = etf_nil(), message;

    if (p->wanted == 0 || p->count < p->wanted)
        return;
    for (; p->wanted > 0; p->wanted--) {
        struct heard *heard = p->first;

        messages = etf_cons(
            rt_region(self),
            etf_copy(rt_region(self), etf_box_term(heard->message)), messages);
        p->first = heard->next;
        if (p->first == NULL)
            p->last = &p->first;
        p->count--;
        etf_box_free(heard->message);
        free(heard);
    }
    while (etf_list_next(&messages, &message))
        list = etf_cons(rt_region(self), message, list);
    (void)gen_reply(self, p->waits, list);
}

static enum gen_next puppet_call(struct gen *self, struct gen_from from,
                                 etf_term request)
{
    struct puppet *p = gen_state(self);
    etf_term op, args;

    if (etf_match(request, "{do, _, _}", &op, &args))
        return gen_reply(self, from, run(self, op, args));
    if (!etf_match(request, "{heard, _}", &p->wanted))
        return gen_reply(self, from, puppet_badarg());
    p->waits = from;
    tell(self, p);
    return GEN_NEXT;
}

/* What the driver passes on: the puppet's only work. */
static enum gen_next puppet_cast(struct gen *self, etf_term request)
{
    etf_term from_term, op, args;
    struct gen_from from;

    if (!etf_match(request, "{once, _, _, _}", &from_term, &op, &args) ||
        !rt_get_from(self, from_term, &from))
        return GEN_NEXT;
    (void)gen_reply(self, from, run(self, op, args));
    return gen_stop(self, ETF_A(normal));
}

static enum gen_next puppet_info(struct gen *self, etf_term message)
{
    struct puppet *p = gen_state(self);
    struct heard *heard;

    if (p->count == PUPPET_HEARD_MAX || (heard = malloc(sizeof *heard)) == NULL)
        return GEN_NEXT;
    heard->next = NULL;
    heard->message = etf_box_new(message);
    if (heard->message == NULL) {
        free(heard);
        return GEN_NEXT;
    }
    *p->last = heard;
    p->last = &heard->next;
    p->count++;
    tell(self, p);
    return GEN_NEXT;
}

static void puppet_destroy(void *state)
{
    struct puppet *p = state;

    while (p->first != NULL) {
        struct heard *heard = p->first;

        p->first = heard->next;
        etf_box_free(heard->message);
        free(heard);
    }
}

static const struct gen_server puppet_server = {
    .name = "puppet",
    .state_size = sizeof(struct puppet),
    .init = puppet_init,
    .handle_call = puppet_call,
    .handle_cast = puppet_cast,
    .handle_info = puppet_info,
    .destroy = puppet_destroy,
};

static enum gen_next driver_call(struct gen *self, struct gen_from from,
                                 etf_term request)
{
    etf_term op, args, reason;
    etf_pid pid;
    enum agner_err err =
        gen_start(self, &puppet_server, etf_nil(), NULL, &pid, &reason);

    if (err != AGNER_OK)
        return gen_reply(self, from, puppet_result(self, err));
    if (etf_match(request, "{new}"))
        return gen_reply(self, from, etf_make(self, "_", pid));
    if (!etf_match(request, "{do, _, _}", &op, &args))
        return gen_reply(self, from, puppet_badarg());
    (void)gen_cast(
        self, etf_from_pid(rt_region(self), pid),
        etf_make(self, "{once, _, _, _}", rt_from_term(self, &from), op, args));
    return GEN_NEXT;
}

static const struct gen_server driver_server = {
    .name = "driver",
    .handle_call = driver_call,
};

enum agner_err puppet_start(struct gen *self, struct node *node)
{
    struct rt_spawn_options options = { .name = etf_atom("driver") };
    etf_pid pid;

    the_node = node;
    return gen_start(self, &driver_server, etf_nil(), &options, &pid, NULL);
}
