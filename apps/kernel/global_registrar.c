/*
 * global_registrar.c -- the registrar: a process that changes names on all
 * known nodes, one change at a time, under the lock {global, Registrar}.
 *
 * A change is a job; when the lock cannot be had it stays, and is tried again
 * after a random pause. Since the registrar never dies alone, a name that is
 * being changed is changed on all nodes.
 *
 *   {job, From, {register, Name, Pid, Method}}           yes, no
 *   {job, From, {re_register, Name, Pid, Method}}        yes
 *   {job, From, {register_ext, Name, Pid, Method, Node}} yes, no
 *   {job, From, {unregister, Name}}                      ok
 */
#include <stdlib.h>

#include "global_internal.h"
#include "kernel_internal.h"

#define JOBS_MAX (1u << 20) /* more are answered with {error, system_limit} */

struct job {
    struct gen_from from;
    struct etf_box *what; /* owned */
    struct job *next;
};

struct registrar {
    struct job *first, **last; /* owned */
    size_t count;
    unsigned times; /* that the first one has been tried */
    bool paused;    /* `retry` is to come */
};

static etf_term ask_all(struct gen *self, etf_term nodes, etf_term request)
{
    etf_term replies;

    if (etf_is_none(request) ||
        gen_multi_call(self, nodes, etf_atom("global_name_server"), request,
                       RT_INFINITY, &replies, NULL) != AGNER_OK)
        return ETF_NONE;
    return replies;
}

static etf_term known_nodes(struct gen *self)
{
    etf_term reply;

    if (gen_call(self, etf_atom("global_name_server"), etf_atom("get_known"),
                 RT_INFINITY, &reply) != AGNER_OK)
        return ETF_NONE;
    return reply;
}

static etf_term with_self(struct gen *self, etf_term known)
{
    return etf_make(self, "[_ | _]", rt_node(rt_of(self)).name, known);
}

/* ---- The lock ----------------------------------------------------------- */

static void unlock(struct gen *self, etf_term id, etf_term nodes)
{
    etf_term boss = global__boss(nodes);

    (void)gen_global_del_lock(self, id,
                              global__without(rt_region(self), nodes, boss));
    (void)gen_global_del_lock(self, id, etf_make(self, "[_]", boss));
}

/* The same nodes? Whoever came meanwhile is not locked, and who has left has
 * other nodes of its own. */
static bool is_same(etf_term a, etf_term b)
{
    etf_term rest = a, node;

    if (etf_is_none(a) || etf_list_size(a) != etf_list_size(b))
        return false;
    while (etf_list_next(&rest, &node)) {
        if (!global__is_among(b, node))
            return false;
    }
    return true;
}

/* Known nodes, which are locked then, and this one with them; ETF_NONE: not
 * this time, and nothing is locked. */
static etf_term lock(struct gen *self, etf_term id)
{
    etf_term known = known_nodes(self);
    etf_term nodes = with_self(self, known);
    etf_term boss = etf_make(self, "[_]", global__boss(nodes));

    if (etf_is_none(boss) || gen_global_set_lock(self, id, boss, 0) != AGNER_OK)
        return ETF_NONE;
    if (gen_global_set_lock(self, id, nodes, 0) != AGNER_OK) {
        (void)gen_global_del_lock(self, id, boss);
        return ETF_NONE;
    }
    if (is_same(known_nodes(self), known))
        return known;
    unlock(self, id, nodes);
    return ETF_NONE;
}

/* ---- Jobs --------------------------------------------------------------- */

static bool may_have(struct gen *self, etf_term name, etf_pid pid)
{
    etf_pid owner;
    etf_term reply;

    if (gen__global_find(rt_of(self), name, &owner) == AGNER_OK ||
        gen_call(self, etf_atom("global_name_server"),
                 etf_make(self, "{is_named, _}", pid), RT_INFINITY,
                 &reply) != AGNER_OK)
        return false;
    if (etf_same(reply, ETF_A(false)))
        return true;
    RT_LOG(self, RT_LOG_ERROR,
           "global: a process gets one name only, and it has one");
    return false;
}

/* Did each node take the name? One that has no room leaves it to nobody. */
static bool all_yes(etf_term replies)
{
    etf_term row, node, reply;

    if (etf_is_none(replies))
        return false;
    while (etf_list_next(&replies, &row)) {
        if (!etf_match(row, "{_, _}", &node, &reply) ||
            !etf_same(reply, ETF_A(yes)))
            return false;
    }
    return true;
}

/* yes, no, or ETF_NONE: nodes have left meanwhile, so begin anew. */
static etf_term put(struct gen *self, etf_term known, etf_term name,
                    etf_term request)
{
    etf_term nodes = with_self(self, known);

    if (all_yes(ask_all(self, nodes, request)))
        return ETF_A(yes);
    (void)ask_all(self, nodes, etf_make(self, "{unregister, _}", name));
    return is_same(known_nodes(self), known) ? ETF_A(no) : ETF_NONE;
}

/* The known nodes are locked. As put(). */
static etf_term work(struct gen *self, etf_term nodes, etf_term what)
{
    etf_term name, method, node;
    etf_pid pid;

    if (etf_match(what, "{register, _, _, _}", &name, &pid, &method))
        return may_have(self, name, pid) ? put(self, nodes, name, what)
                                         : ETF_A(no);
    if (etf_match(what, "{re_register, _, _, _}", &name, &pid, &method))
        return put(self, nodes, name,
                   etf_make(self, "{register, _, _, _}", name, pid, method));
    if (etf_match(what, "{register_ext, _, _, _, _}", &name, &pid, &method,
                  &node))
        return gen__global_find(rt_of(self), name, &pid) == AGNER_OK
                   ? ETF_A(no)
                   : put(self, nodes, name, what);
    if (etf_match(what, "{unregister, _}", &name))
        (void)ask_all(self, with_self(self, nodes), what);
    return ETF_A(ok);
}

static void free_first(struct registrar *r)
{
    struct job *job = r->first;

    r->first = job->next;
    if (r->first == NULL)
        r->last = &r->first;
    r->count--;
    r->times = 0;
    etf_box_free(job->what);
    free(job);
}

/* After a pause; without memory for its timer, at once. */
static enum gen_next try_later(struct gen *self)
{
    struct registrar *r = gen_state(self);

    r->paused = rt_send_after(self, rt_self_term(self), etf_atom("retry"),
                              gen__global_retry_ms(rt_of(self), r->times++),
                              NULL) == AGNER_OK;
    return r->paused ? GEN_NEXT : gen_continue(self, etf_nil());
}

/* The first job; the next one has a callback of its own, so that what this one
 * built is freed. */
static enum gen_next try_first(struct gen *self)
{
    struct registrar *r = gen_state(self);
    etf_term id = etf_make(self, "{global, _}", rt_self(self));
    etf_term known = lock(self, id), answer;

    if (etf_is_none(known))
        return try_later(self);
    answer = work(self, known, etf_box_term(r->first->what));
    unlock(self, id, with_self(self, known));
    if (etf_is_none(answer))
        return try_later(self);
    (void)rt_reply(self, &r->first->from, answer);
    free_first(r);
    return r->first == NULL ? GEN_NEXT : gen_continue(self, etf_nil());
}

static enum gen_next add_job(struct gen *self, struct gen_from from,
                             etf_term what)
{
    struct registrar *r = gen_state(self);
    struct job *job = r->count < JOBS_MAX ? calloc(1, sizeof *job) : NULL;

    if (job != NULL)
        job->what = etf_box_new(what);
    if (job == NULL || job->what == NULL) {
        free(job);
        (void)rt_reply(self, &from, etf_make(self, "{error, system_limit}"));
        return GEN_NEXT;
    }
    job->from = from;
    *r->last = job;
    r->last = &job->next;
    return r->count++ == 0 ? try_first(self) : GEN_NEXT;
}

/* ---- The process -------------------------------------------------------- */

static enum gen_next registrar_init(struct gen *self, etf_term args)
{
    struct registrar *r = gen_state(self);

    (void)args;
    r->last = &r->first;
    return GEN_NEXT;
}

static enum gen_next registrar_info(struct gen *self, etf_term message)
{
    struct registrar *r = gen_state(self);
    struct gen_from from;
    etf_term from_term, what;

    if (etf_match(message, "{job, _, _}", &from_term, &what) &&
        rt_get_from(self, from_term, &from))
        return add_job(self, from, what);
    if (r->paused && etf_match(message, "retry")) {
        r->paused = false;
        return try_first(self);
    }
    return GEN_NEXT;
}

static enum gen_next registrar_continue(struct gen *self, etf_term argument)
{
    (void)argument;
    return try_first(self);
}

static void registrar_destroy(void *state)
{
    struct registrar *r = state;

    while (r->first != NULL)
        free_first(r);
}

const struct gen_server kernel__global_registrar = {
    .name = "global_registrar",
    .state_size = sizeof(struct registrar),
    .init = registrar_init,
    .handle_cast = kernel__drop,
    .handle_info = registrar_info,
    .handle_continue = registrar_continue,
    .destroy = registrar_destroy,
};
