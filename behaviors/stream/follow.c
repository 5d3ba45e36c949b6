/*
 * follow.c -- a stream of another node on this one: gen_stream_remote.h.
 *
 * The relay of {Name, Node} has the name '$stream Name Node' here, so that all
 * who follow the same find the same; that of a process, its pid.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream/remote.h"

static void free_stream(void *stream)
{
    gen_stream_free(stream);
}

etf_term gen__stream_term(struct gen *self, struct gen_stream *stream)
{
    etf_term term =
        etf_resource(rt_region(self), gen_stream_hold(stream), free_stream);

    if (etf_is_none(term))
        gen_stream_free(stream);
    return term;
}

static uint64_t or_default(uint64_t value, uint64_t otherwise)
{
    return value == 0 ? otherwise : value;
}

/* Of a process: what tells it from every other one. */
static bool title_of_pid(char *text, size_t size, etf_term there)
{
    etf_bytes node;
    etf_pid pid;
    int used;

    if (!etf_get_pid(there, &pid) || etf_pid_is_local(pid))
        return false;
    node = etf_atom_text(pid.node);
    used = snprintf(text, size, "$stream %.*s %u.%u.%u", (int)node.size,
                    (const char *)node.data, pid.id, pid.serial, pid.creation);
    return used > 0 && (size_t)used < size;
}

/* For people and, behind '$stream ', for the relay. */
static bool title(char *text, size_t size, etf_term name, etf_term node)
{
    etf_bytes a = etf_atom_text(name), b = etf_atom_text(node);
    int used =
        snprintf(text, size, "$stream %.*s %.*s", (int)a.size,
                 (const char *)a.data, (int)b.size, (const char *)b.data);

    return used > 0 && (size_t)used < size;
}

/* Starts the relay, with a stream that is not begun yet, or finds it. */
static enum agner_err start(struct gen *self, etf_term name, etf_term node,
                            const char *text,
                            const struct gen_stream_follow_options *o,
                            etf_pid *pid)
{
    struct rt_spawn_options options = { .name = etf_atom(text) };
    struct gen_stream_options of = { 0 };
    struct gen_stream *stream;
    uint64_t credit = or_default(o->credit, STREAM_CREDIT);
    enum agner_err err;
    etf_term args;

    if (o->stream != NULL)
        of = *o->stream;
    if (of.name == NULL)
        of.name = text + strlen("$stream ");
    of.retain = or_default(of.retain, credit);
    err = gen_stream_new(rt_of(self), &of, &stream);
    if (err != AGNER_OK)
        return err;
    args = etf_make(self, "{_, _, _, _, _, _, _, _}",
                    gen__stream_term(self, stream), name, node, credit,
                    or_default(o->credit_bytes, STREAM_CREDIT_BYTES),
                    o->no_resume, or_default(o->retry_ms, 1000),
                    or_default(o->retry_max_ms, 8000));
    gen_stream_free(stream);
    if (etf_is_none(args))
        return AGNER_ENOMEM;
    err = gen_start(self, &gen__stream_relay, args, &options, pid, NULL);
    return err == AGNER_ETAKEN ? AGNER_OK : err;
}

static enum agner_err why(etf_term reason)
{
    if (etf_same(reason, ETF_A(noproc)))
        return AGNER_ENOPROC;
    if (etf_same(reason, ETF_A(noconnection)))
        return AGNER_ENODEDOWN;
    return AGNER_ENOMEM;
}

static enum agner_err get(struct gen *self, etf_pid relay, uint64_t timeout_ms,
                          struct gen_stream **out)
{
    etf_term reply, term;
    void *stream;
    enum agner_err err =
        gen_call(self, etf_from_pid(NULL, relay),
                 etf_make(self, "'$stream_get'"), timeout_ms, &reply);

    if (err != AGNER_OK)
        return err;
    if (etf_match(reply, "{error, _}", &term))
        return why(term);
    if (!etf_match(reply, "{ok, _}", &term) || !etf_get_resource(term, &stream))
        return AGNER_ENOMEM;
    *out = gen_stream_hold(stream);
    return AGNER_OK;
}

enum agner_err
gen_stream_follow(struct gen *self, etf_term name_and_node,
                  const struct gen_stream_follow_options *options,
                  uint64_t timeout_ms, struct gen_stream **out)
{
    if (etf_tuple_size(name_and_node) != 2)
        return AGNER_EINVAL;
    return gen__stream_follow(self, name_and_node, options, timeout_ms, out);
}

enum agner_err
gen__stream_follow(struct gen *self, etf_term there,
                   const struct gen_stream_follow_options *options,
                   uint64_t timeout_ms, struct gen_stream **out)
{
    static const struct gen_stream_follow_options defaults;
    etf_term name = there, node = ETF_A(undefined);
    char text[256];
    enum agner_err err;
    etf_pid relay;

    if (etf_tuple_size(there) != 2) {
        if (!title_of_pid(text, sizeof text, there))
            return AGNER_EINVAL;
    } else if (!etf_match(there, "{_, _}", &name, &node) ||
               !etf_is_atom(name) || !etf_is_atom(node) || !etf_is_word(name) ||
               !etf_is_word(node) || !title(text, sizeof text, name, node)) {
        return AGNER_EINVAL;
    }
    err = start(self, name, node, text, options == NULL ? &defaults : options,
                &relay);
    if (err == AGNER_OK)
        err = get(self, relay, timeout_ms, out);
    return err;
}
