/*
 * rex.c -- the server of rpc's older requests.
 *
 *   request                        as       answer
 *   -----------------------------  -------  -------------------------------
 *   {call, M, F, Args, Leader}     call     Value | {badrpc, Reason}
 *   {block_call, M, F, Args, L}    call     the same; rex itself runs it
 *   {cast, M, F, Args, Leader}     cast
 *   {From, {call, M, F, Args, L}}  message  {rex, Value | {badrpc, _}}; with
 *                                           send_stdout_to_caller for L first
 *                                           {rex_stdout, Binary}, as printed
 *   {From, {sbcast, Name, Msg}}    message  {rex, Node, Node | {
 *                                           nonexisting_name, Name}}
 *   {From, {send, Name, Msg}}      message  the latter, or nothing
 *   {From, features_request}       message  {features_reply, Node, [erpc]}
 *
 * Today's Erlang nodes use erpc.c for most of it; what is left are block_call,
 * sbcast, C nodes, and peers without spawn requests. A call runs in a process
 * of its own, a worker, whose end is the answer: its monitor's tag says who
 * waits, so that rex keeps nothing but their number, and a worker that is
 * killed is an answer too.
 *
 * What comes from a node that may not do everything is {'$peer', Node, May,
 * Message} (rt_guard), so that it is known whom a function runs for, whatever
 * the message says.
 *
 * Source: OTP 25, rpc; spec/distribution.md 9, 12; spec/gen.md 2.6.
 */
#include "functions.h"
#include "kernel_internal.h"

/* That a worker waits for its orders, which do not come if rex was killed. */
#define START_MS 5000u

struct rex {
    etf_ref mark;     /* in the tags of our monitors: others do not know it */
    uint32_t workers; /* whose end has not come: at most KERNEL_CALLS_MAX */
};

static enum gen_next rex_init(struct gen *self, etf_term args)
{
    struct rex *rex = gen_state(self);
    enum agner_err err;

    (void)args;
    rex->mark = rt_make_ref(self);
    err = rt_guard(self, 0, true);
    if (err == AGNER_OK)
        err = kernel__erpc_provide(rt_of(self));
    if (err == AGNER_OK)
        err = kernel__functions_provide(rt_of(self));
    if (err != AGNER_OK)
        rt_log_self(self, RT_LOG_ERROR, "not all that OTP has is provided: %s",
                    agner_strerror(err));
    return GEN_NEXT;
}

/* {badrpc, _} for what a function left with, or its value. */
static etf_term classic(struct gen *self, enum gen_rpc_class class,
                        etf_term result)
{
    if (class == GEN_RPC_VALUE || class == GEN_RPC_THROW)
        return result;
    return etf_make(self, "{badrpc, {'EXIT', _}}", result);
}

/* ---- Workers ------------------------------------------------------------ */

static enum agner_err write_to_caller(struct gen *self, void *ctx,
                                      etf_bytes text)
{
    const etf_pid *caller = ctx;

    return rt_send_pid(
        self, *caller,
        etf_make(self, "{rex_stdout, _}",
                 etf_binary(rt_region(self), text.data, text.size)));
}

/* The group leader of a worker whose output goes to its caller: erl_call asks
 * for that. It is linked to the worker, and ends with it. */
static void stdout_leader(struct gen *self, void *arg)
{
    static const struct gen_io_device device = { .write = write_to_caller };
    etf_term message;
    etf_pid caller;

    (void)arg;
    if (rt_receive(self, START_MS, &message) != AGNER_OK ||
        !etf_get_pid(message, &caller))
        return;
    for (;;) {
        rt_reset(self);
        if (rt_receive(self, RT_INFINITY, &message) != AGNER_OK)
            return;
        (void)gen_io_serve(self, &device, &caller, message);
    }
}

/* From now on `caller` gets self's output. Without memory it goes where it did.
 */
static void lead_output(struct gen *self, etf_pid caller)
{
    struct rt_spawn_options options = { .link = true };
    etf_pid leader;

    if (rt_spawn(self, stdout_leader, NULL, &options, &leader) != AGNER_OK)
        return;
    (void)rt_send_pid(self, leader, etf_from_pid(rt_region(self), caller));
    (void)rt_set_group_leader(self, rt_self(self), leader);
}

/* Its orders are {Node, May, Reader, M, F, Args}, Reader a pid or `none`; it
 * ends with {rex, Answer}. */
static void worker(struct gen *self, void *arg)
{
    etf_term orders, node, reader, m, f, args, result;
    enum gen_rpc_class class;
    uint32_t may;
    etf_pid caller;

    (void)arg;
    if (rt_receive(self, START_MS, &orders) != AGNER_OK ||
        !etf_match(orders, "{_, _, _, _, _, _}", &node, &may, &reader, &m, &f,
                   &args))
        return;
    if (etf_get_pid(reader, &caller))
        lead_output(self, caller);
    class = gen_rpc_apply_for(self, node, may, m, f, args, &result);
    rt_exit(self, etf_make(self, "{rex, _}", classic(self, class, result)));
}

/* What the worker's monitor says at its end: who waits for that. */
static etf_term answer_of(struct gen *self, etf_term reason)
{
    etf_term answer;

    if (etf_match(reason, "{rex, _}", &answer))
        return answer;
    return classic(self, GEN_RPC_EXIT, reason);
}

/* The group leader that a request names: a process, or `user`. */
static bool leader_of(struct gen *self, etf_term leader, etf_pid *pid)
{
    if (etf_get_pid(leader, pid))
        return true;
    if (!etf_atom_is(leader, "user"))
        return false;
    if (rt_whereis(rt_of(self), leader, pid) != AGNER_OK)
        *pid = rt_group_leader(self);
    return true;
}

static etf_term bad_leader(struct gen *self, etf_term request)
{
    return etf_make(self,
                    "{badrpc, {'EXIT', {badarg, "
                    "[{rpc, set_group_leader, [_], []}]}}}",
                    etf_tuple_items(request)[4]);
}

/* A worker with its orders, whose end comes as {{Mark, Who}, ...}. */
static enum agner_err spawn(struct gen *self, etf_term who,
                            const etf_pid *leader, etf_term orders)
{
    struct rex *rex = gen_state(self);
    struct rt_spawn_options options = { .label = "rpc call",
                                        .group_leader = leader };
    etf_term tag = etf_make(self, "{_, _}", rex->mark, who);
    enum agner_err err;
    etf_pid pid;
    etf_ref ref;

    if (rex->workers >= KERNEL_CALLS_MAX)
        return AGNER_ELIMIT;
    if (etf_is_none(tag) || etf_is_none(orders))
        return AGNER_ENOMEM;
    err = rt_spawn(self, worker, NULL, &options, &pid);
    if (err != AGNER_OK)
        return err;
    err = rt_monitor_tagged(self, etf_from_pid(NULL, pid), 0, tag, &ref);
    if (err != AGNER_OK)
        goto kill;
    err = rt_send_pid(self, pid, orders);
    if (err != AGNER_OK)
        goto demonitor;
    rex->workers++;
    return AGNER_OK;

demonitor:
    (void)rt_demonitor(self, ref, true);
kill:
    (void)rt_exit_signal(self, pid, ETF_A(kill)); /* else it waits a while */
    return err;
}

/* Who gets the output: the one that is named, or a C node that says only that.
 */
static bool reader_of(etf_term leader, etf_term who, etf_term *reader)
{
    return etf_match(leader, "{send_stdout_to_caller, _}", reader) ||
           (etf_atom_is(leader, "send_stdout_to_caller") &&
            etf_match(who, "{info, _}", reader));
}

/* Which node asks, an atom, and what it may. */
struct asker {
    etf_term node;
    uint32_t may;
};

/* Has a worker do the request, and `who` be told. false: none does, and *answer
 * is what to say. */
static bool start(struct gen *self, etf_term who, const struct asker *asker,
                  etf_term request, etf_term *answer)
{
    etf_term m, f, args, leader, reader = etf_atom("none");
    etf_pid leader_pid = rt_group_leader(self);

    if (!etf_match(request, "{__, _, _, _, _}", &m, &f, &args, &leader) ||
        !(reader_of(leader, who, &reader) ||
          leader_of(self, leader, &leader_pid))) {
        *answer = bad_leader(self, request);
        return false;
    }
    if (spawn(self, who, &leader_pid,
              etf_make(self, "{_, _, _, _, _, _}", asker->node, asker->may,
                       reader, m, f, args)) == AGNER_OK)
        return true;
    *answer = classic(self, GEN_RPC_EXIT, etf_atom("system_limit"));
    return false;
}

/* ---- Requests ----------------------------------------------------------- */

static etf_term node_of(struct gen *self, etf_pid pid)
{
    return etf_pid_is_local(pid) ? rt_node(rt_of(self)).name : pid.node;
}

/* As its documentation says: nobody else is served meanwhile. */
static etf_term block(struct gen *self, const struct asker *asker,
                      etf_term request)
{
    etf_pid before = rt_group_leader(self), leader_pid;
    etf_term m, f, args, leader, result;
    enum gen_rpc_class class;

    if (!etf_match(request, "{__, _, _, _, _}", &m, &f, &args, &leader) ||
        !leader_of(self, leader, &leader_pid))
        return bad_leader(self, request);
    (void)rt_set_group_leader(self, rt_self(self), leader_pid);
    class =
        gen_rpc_apply_for(self, asker->node, asker->may, m, f, args, &result);
    (void)rt_set_group_leader(self, rt_self(self), before);
    return classic(self, class, result);
}

static enum gen_next call_for(struct gen *self, struct gen_from from,
                              etf_term from_term, const struct asker *asker,
                              etf_term request)
{
    etf_term answer = etf_make(self, "{badrpc, not_supported}");

    if (etf_is_tagged(request, etf_atom("block_call"), 5))
        answer = block(self, asker, request);
    else if (etf_is_tagged(request, ETF_A(call), 5) &&
             start(self, etf_make(self, "{call, _}", from_term), asker, request,
                   &answer))
        return GEN_NEXT;
    return gen_reply(self, from, answer);
}

static enum gen_next rex_call(struct gen *self, struct gen_from from,
                              etf_term request)
{
    struct asker asker = { ETF_NONE, RT_MAY_ALL };
    etf_term from_term = rt_from_term(self, &from);
    etf_pid caller;

    if (etf_match(from_term, "{_, __}", &caller))
        asker.node = node_of(self, caller);
    return call_for(self, from, from_term, &asker, request);
}

/* A request that nobody waits for: its sender is not known, so that a function
 * with a list of nodes is not for it. */
static void cast_for(struct gen *self, const struct asker *asker,
                     etf_term request)
{
    etf_term answer;

    if (etf_is_tagged(request, ETF_A(cast), 5))
        (void)start(self, ETF_A(cast), asker, request, &answer);
}

static enum gen_next rex_cast(struct gen *self, etf_term request)
{
    const struct asker asker = { ETF_A(undefined), RT_MAY_ALL };

    cast_for(self, &asker, request);
    return GEN_NEXT;
}

/* {From, {sbcast | send, Name, _}}; *there: the name was somebody's. */
static etf_term deliver(struct gen *self, etf_term name, etf_term message,
                        bool *there)
{
    etf_term node = rt_node(rt_of(self)).name;

    *there = etf_is_atom(name) && rt_send(self, name, message) != AGNER_ENONAME;
    if (*there)
        return etf_make(self, "{rex, _, _}", node, node);
    return etf_make(self, "{rex, _, {nonexisting_name, _}}", node, name);
}

static bool is_send(etf_term request)
{
    return etf_is_tagged(request, etf_atom("sbcast"), 3) ||
           etf_is_tagged(request, etf_atom("send"), 3);
}

/* Who may not do everything does not send in our name, past all guards. */
static etf_term refuse_send(struct gen *self, etf_term request)
{
    return etf_make(self, "{rex, _, {nonexisting_name, _}}",
                    rt_node(rt_of(self)).name, etf_tuple_items(request)[1]);
}

/* What a C node or rpc itself sends; ETF_NONE: there is no answer, or not yet.
 */
static etf_term serve(struct gen *self, etf_pid from, const struct asker *asker,
                      etf_term request)
{
    etf_term name, message, answer;
    bool there;

    if (etf_atom_is(request, "features_request"))
        return etf_make(self, "{features_reply, _, [erpc]}",
                        rt_node(rt_of(self)).name);
    if (asker->may != RT_MAY_ALL && is_send(request)) {
        rt_refused(rt_of(self), asker->node, RT_MAY_ALL & ~asker->may,
                   "a message by rex");
        return refuse_send(self, request);
    }
    if (etf_match(request, "{sbcast, _, _}", &name, &message))
        return deliver(self, name, message, &there);
    if (etf_match(request, "{send, _, _}", &name, &message)) {
        answer = deliver(self, name, etf_make(self, "{_, _}", from, message),
                         &there);
        return there ? ETF_NONE : answer;
    }
    if (!etf_is_tagged(request, ETF_A(call), 5) ||
        start(self, etf_make(self, "{info, _}", from), asker, request, &answer))
        return ETF_NONE;
    return etf_make(self, "{rex, _}", answer);
}

/* A worker has ended. Who asked may be gone. */
static void ended(struct gen *self, etf_term who, etf_term reason)
{
    struct rex *rex = gen_state(self);
    etf_term from_term;
    struct gen_from from;
    etf_pid pid;

    rex->workers--;
    if (etf_match(who, "{call, _}", &from_term) &&
        rt_get_from(self, from_term, &from))
        (void)gen_reply(self, from, answer_of(self, reason));
    else if (etf_match(who, "{info, _}", &pid))
        (void)rt_send_pid(self, pid,
                          etf_make(self, "{rex, _}", answer_of(self, reason)));
}

static void answer_for(struct gen *self, etf_pid from,
                       const struct asker *asker, etf_term request)
{
    etf_term answer = serve(self, from, asker, request);

    if (!etf_is_none(answer))
        (void)rt_send_pid(self, from, answer); /* it may be gone */
}

/* What came from a node that may not do everything. */
static void told(struct gen *self, const struct asker *asker, etf_term message)
{
    etf_term from_term, request;
    struct gen_from from;
    etf_pid pid;

    if (etf_match(message, "{'$gen_call', _, _}", &from_term, &request) &&
        rt_get_from(self, from_term, &from))
        (void)call_for(self, from, from_term, asker, request);
    else if (etf_match(message, "{'$gen_cast', _}", &request))
        cast_for(self, asker, request);
    else if (etf_match(message, "{_, _}", &pid, &request))
        answer_for(self, pid, asker, request);
}

static enum gen_next rex_info(struct gen *self, etf_term message)
{
    struct asker asker = { ETF_NONE, RT_MAY_ALL };
    struct rex *rex = gen_state(self);
    etf_term who, reason, request;
    etf_ref mark;
    etf_pid from;

    if (etf_match(message, "{{_, _}, __, process, __, _}", &mark, &who,
                  &reason) &&
        etf_ref_equal(mark, rex->mark)) {
        ended(self, who, reason);
    } else if (etf_match(message, "{'$peer', _, _, _}", &asker.node, &asker.may,
                         &request)) {
        told(self, &asker, request);
    } else if (etf_match(message, "{_, _}", &from, &request)) {
        asker.node = node_of(self, from);
        answer_for(self, from, &asker, request);
    }
    return GEN_NEXT;
}

const struct gen_server kernel__rex = {
    .name = "rex",
    .state_size = sizeof(struct rex),
    .init = rex_init,
    .handle_call = rex_call,
    .handle_cast = rex_cast,
    .handle_info = rex_info,
};
