/*
 * rpc_function.c -- the functions of this node that are callable by name.
 *
 * A function is a row of the runtime's table of what can be started by name
 * (rt_registry.h), under `module:function/arity`. Names that come from outside
 * are looked up and never made, so asking costs no atoms.
 */
#include <stdio.h>
#include <string.h>

#include <agner/gen.h>

#define ARITY_MAX 255

/* What the caller of a function needs is the `data` of its row: the place of
 * that many permissions in here, so that no row owns memory that a call might
 * still read when it is revoked. Nothing is ever written to it. */
static char needs[RT_MAY_ALL + 1];

/* A function, and what its caller needs. */
struct found {
    const struct gen_rpc_function *function; /* NULL: there is none */
    unsigned needs;
};

/* More than the UTF-8 of an atom can have: no name of a row is longer. */
struct key {
    char text[1100];
    size_t size; /* 0: too long to be anybody's */
};

static struct key key_of(etf_bytes module, etf_bytes function, int64_t arity)
{
    struct key key = { .size = 0 };
    char tail[24];
    int tail_size;

    if (arity == GEN_RPC_ANY_ARITY)
        tail_size = snprintf(tail, sizeof tail, "/*");
    else
        tail_size = snprintf(tail, sizeof tail, "/%d", (int)arity);
    if (tail_size < 0 ||
        module.size + function.size + 1 + (size_t)tail_size > sizeof key.text)
        return key;
    memcpy(key.text, module.data, module.size);
    key.size = module.size;
    key.text[key.size++] = ':';
    memcpy(key.text + key.size, function.data, function.size);
    key.size += function.size;
    memcpy(key.text + key.size, tail, (size_t)tail_size);
    key.size += (size_t)tail_size;
    return key;
}

static etf_bytes bytes_of(const char *text)
{
    return (etf_bytes){ (const uint8_t *)text, strlen(text) };
}

static struct found look_up(struct rt *rt, etf_term module, etf_term function,
                            int64_t arity)
{
    struct key key =
        key_of(etf_atom_text(module), etf_atom_text(function), arity);
    etf_term name = etf_atom_find(key.text, key.size);
    const struct gen_rpc_function *f;
    const void *row;
    void *data;

    if (key.size == 0 || etf_is_none(name) ||
        rt_behavior_find(rt, RT_GROUP_FUNCTIONS, name, &row, &data) != AGNER_OK)
        return (struct found){ .function = NULL };
    f = row;
    /* A colon may be part of a name. */
    if (!etf_atom_is(module, f->module) || !etf_atom_is(function, f->function))
        return (struct found){ .function = NULL };
    return (struct found){ f, (unsigned)((const char *)data - needs) };
}

static struct found find(struct rt *rt, etf_term module, etf_term function,
                         int64_t arity)
{
    struct found found = { .function = NULL };

    if (!etf_is_atom(module) || !etf_is_atom(function) || arity < 0)
        return found;
    if (arity <= ARITY_MAX)
        found = look_up(rt, module, function, arity);
    if (found.function == NULL)
        found = look_up(rt, module, function, GEN_RPC_ANY_ARITY);
    return found;
}

bool gen_rpc_is_provided(struct rt *rt, etf_term module, etf_term function,
                         int64_t arity)
{
    return find(rt, module, function, arity).function != NULL;
}

etf_term gen_rpc_provided(struct rt *rt, struct etf_region *r)
{
    return rt_behavior_list(rt, r, RT_GROUP_FUNCTIONS);
}

etf_term gen_rpc_exports(struct rt *rt, struct etf_region *r, etf_term module)
{
    etf_term names = gen_rpc_provided(rt, r), name, exports = etf_nil();
    const struct gen_rpc_function *f;
    const void *row;

    while (etf_list_next(&names, &name)) {
        if (rt_behavior_find(rt, RT_GROUP_FUNCTIONS, name, &row, NULL) !=
            AGNER_OK)
            continue; /* revoked meanwhile */
        f = row;
        if (f->arity != GEN_RPC_ANY_ARITY && etf_atom_is(module, f->module))
            exports =
                etf_cons(r,
                         etf_tuple(r,
                                   (etf_term[]){ etf_atom(f->function),
                                                 etf_int(NULL, f->arity) },
                                   2),
                         exports);
    }
    return exports;
}

/* M:module_info/0,1, which every module has: *result is ETF_NONE when there is
 * no memory. false: there is no such module. */
static bool module_info(struct gen *self, etf_term module, etf_term args,
                        etf_term *result, enum gen_rpc_class *class)
{
    etf_term exports = gen_rpc_exports(rt_of(self), rt_region(self), module);

    *class = GEN_RPC_VALUE;
    if (etf_same(exports, etf_nil()))
        return false;
    if (etf_is_none(exports))
        *result = ETF_NONE;
    else if (etf_match(args, "[]"))
        *result =
            etf_make(self, "[{module, _}, {exports, _}, {attributes, []}]",
                     module, exports);
    else if (etf_match(args, "[exports]") || etf_match(args, "[functions]"))
        *result = exports;
    else if (etf_match(args, "[module]"))
        *result = module;
    else if (etf_match(args, "[attributes]"))
        *result = etf_nil();
    else
        *class = gen_rpc_badarg(result);
    return true;
}

/* ---- Providing ---------------------------------------------------------- */

/* The name of the row, made if need be; ETF_NONE: it cannot be an atom. */
static etf_term row_name(const struct gen_rpc_function *f)
{
    struct key key;

    if (f->arity < GEN_RPC_ANY_ARITY || f->arity > ARITY_MAX)
        return ETF_NONE;
    key = key_of(bytes_of(f->module), bytes_of(f->function), f->arity);
    return key.size == 0 ? ETF_NONE : etf_atom_n(key.text, key.size);
}

enum agner_err gen_rpc_revoke(struct rt *rt, const char *module,
                              const char *function, int arity)
{
    struct gen_rpc_function f = { module, function, arity, NULL, NULL };

    return rt_behavior_unregister(rt, RT_GROUP_FUNCTIONS, row_name(&f));
}

enum agner_err gen_rpc_provide_for(struct rt *rt,
                                   const struct gen_rpc_function *functions,
                                   size_t count, unsigned permissions)
{
    enum agner_err err = AGNER_OK;
    size_t done;

    for (done = 0; done < count; done++) {
        const struct gen_rpc_function *f = &functions[done];
        etf_term name = row_name(f);

        err =
            etf_is_none(name)
                ? AGNER_EINVAL
                : rt_behavior_register(rt, RT_GROUP_FUNCTIONS, name, f,
                                       &needs[permissions & RT_MAY_ALL], NULL);
        if (err != AGNER_OK)
            break;
    }
    while (err != AGNER_OK && done-- > 0)
        (void)rt_behavior_unregister(rt, RT_GROUP_FUNCTIONS,
                                     row_name(&functions[done]));
    return err;
}

enum agner_err gen_rpc_provide(struct rt *rt,
                               const struct gen_rpc_function *functions,
                               size_t count)
{
    return gen_rpc_provide_for(rt, functions, count, RT_MAY_RPC);
}

/* ---- Calling ------------------------------------------------------------ */

/* Code of others, under rt_try(). */
struct run {
    const struct gen_rpc_function *function;
    etf_term args, result;
    enum gen_rpc_class class;
};

static void call_run(struct gen *self, void *arg)
{
    struct run *run = arg;

    run->class = run->function->run(self, run->args, &run->result);
}

static bool is_listed(const struct gen_rpc_function *f, struct rt *rt,
                      etf_term node)
{
    const char *const *name = f->nodes;

    if (name == NULL || etf_is_none(node) || etf_equal(node, rt_node(rt).name))
        return true;
    while (*name != NULL && !etf_atom_is(node, *name))
        name++;
    return *name != NULL;
}

/* Who asks: a node that may do that, or this one. */
struct asker {
    etf_term node; /* or ETF_NONE */
    unsigned may;
};

/* May it call that one? If not, that is counted and logged. */
static bool is_allowed(struct gen *self, const struct asker *asker,
                       const struct found *found)
{
    const struct gen_rpc_function *f = found->function;
    unsigned lacks = found->needs & ~asker->may;
    char what[160];

    if (!is_listed(f, rt_of(self), asker->node))
        return false;
    if (lacks == 0)
        return true;
    (void)snprintf(what, sizeof what, "%.60s:%.60s/%d", f->module, f->function,
                   f->arity);
    rt_refused(rt_of(self), asker->node, lacks, what);
    return false;
}

/* {Reason, [{M, F, Args | Arity, []}]}. As from Erlang the arguments are told
 * where they are the cause. */
static enum gen_rpc_class fail(struct gen *self, etf_term reason, etf_term m,
                               etf_term f, etf_term args, etf_term *result)
{
    etf_term shown = args;

    if (!etf_same(reason, ETF_A(undef)) && !etf_same(reason, ETF_A(badarg)) &&
        !etf_atom_is(reason, "function_clause"))
        shown = etf_int(rt_region(self), etf_list_size(args));
    *result = etf_make(self, "{_, [{_, _, _, []}]}", reason, m, f, shown);
    if (etf_is_none(*result)) /* the region is full */
        *result = etf_make(self, "{system_limit, []}");
    return GEN_RPC_ERROR;
}

enum gen_rpc_class gen_rpc_badarg(etf_term *result)
{
    *result = ETF_A(badarg);
    return GEN_RPC_ERROR;
}

enum gen_rpc_class gen_rpc_apply_for(struct gen *self, etf_term node,
                                     unsigned may, etf_term m, etf_term f,
                                     etf_term args, etf_term *result)
{
    const struct asker asker = { node, may };
    struct found found;
    struct run run;

    for (;;) {
        if (!etf_is_atom(m) || !etf_is_atom(f) || etf_list_size(args) < 0)
            return fail(self, ETF_A(badarg), etf_atom("erlang"),
                        etf_atom("apply"),
                        etf_make(self, "[_, _, _]", m, f, args), result);
        run = (struct run){ .args = args };
        found = find(rt_of(self), m, f, etf_list_size(args));
        run.function = found.function;
        if (run.function == NULL) {
            if (!etf_atom_is(f, "module_info") || etf_list_size(args) > 1 ||
                !module_info(self, m, args, &run.result, &run.class))
                return fail(self, ETF_A(undef), m, f, args, result);
        } else if (!is_allowed(self, &asker, &found)) {
            return fail(self, etf_atom("not_allowed"), m, f, args, result);
        } else if (rt_try(self, call_run, &run, &run.result) != AGNER_OK) {
            run.class = GEN_RPC_EXIT;
        }
        if (etf_is_none(run.result)) {
            run.class = GEN_RPC_ERROR;
            run.result = etf_atom("system_limit");
        }
        if (run.class == GEN_RPC_ERROR)
            return fail(self, run.result, m, f, args, result);
        *result = run.result;
        if (run.class != GEN_RPC_APPLY)
            return run.class;
        if (!etf_match(run.result, "{_, _, _}", &m, &f, &args))
            return fail(self, ETF_A(badarg), m, f, args, result);
        if (rt_check(self) != AGNER_OK) { /* it might go on for ever */
            *result = ETF_A(killed);
            return GEN_RPC_EXIT;
        }
    }
}

enum gen_rpc_class gen_rpc_apply(struct gen *self, etf_term node, etf_term m,
                                 etf_term f, etf_term args, etf_term *result)
{
    return gen_rpc_apply_for(self, node, RT_MAY_ALL, m, f, args, result);
}
