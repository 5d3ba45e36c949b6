/*
 * supervisor_node.c -- a node with supervisors for real Erlang nodes to ask:
 * NAME COOKIE EPMD_PORT.
 *
 * Says "ready" when it is registered, and ends when its standard input does. It
 * runs a supervisor `sup` with the workers a and b, a simple_one_for_one
 * `many`, a supervisor `far` without children, and `asker`, which asks
 * supervisors of other nodes:
 *
 *   call                 what it does                        answer
 *   -------------------  ----------------------------------  ------------------
 *   {which, S}           gen_which_children(S)               {Err, List}
 *   {count, S}           gen_count_children(S)               {Err, {S, A, P,
 * W}} {start, S, Id, MFA}  gen_start_child(S)                  {Err, Pid, Info}
 *   {stop, S, Id}        gen_terminate_child, _delete_child  {Err, Err}
 *   {again, S, Id}       gen_restart_child(S)                {Err, Pid, Info}
 *   {spec, S, Id}        gen_get_childspec(S)                {Err, Map}
 *   {adopt, Spawner}     a child of `far` that Spawner (a    {Err, Pid, Info}
 *                        server of another node) starts
 *   {dismiss}            stops that child                    {Err, Err}
 *
 * What it supervises is a worker that ends with R on the cast {stop, R}; by
 * name it is `worker`.
 */
#include <stdio.h>
#include <stdlib.h>

#include <agner/gen.h>
#include <agner/node.h>

/* ---- The worker --------------------------------------------------------- */

static enum gen_next worker_init(struct gen *self, etf_term args)
{
    etf_term reason;

    if (etf_match(args, "{fail, _}", &reason))
        return gen_stop(self, reason);
    return etf_match(args, "ignore") ? GEN_IGNORE : GEN_NEXT;
}

static enum gen_next worker_cast(struct gen *self, etf_term request)
{
    etf_term reason;

    if (etf_match(request, "{stop, _}", &reason))
        return gen_stop(self, reason);
    return GEN_NEXT;
}

static const struct gen_server worker = { .name = "worker",
                                          .init = worker_init,
                                          .handle_cast = worker_cast };

/* ---- Supervisors -------------------------------------------------------- */

static const struct gen_child_spec two[] = {
    { .id = "a", .server = &worker, .args = "x" },
    { .id = "b", .server = &worker, .args = "ignore" },
};
static const struct gen_supervisor sup = {
    .name = "sup", .intensity = 100, .children = two, .child_count = 2
};
static const struct gen_supervisor many = {
    .name = "many",
    .strategy = GEN_SIMPLE_ONE_FOR_ONE,
    .intensity = 100,
    .children = two,
    .child_count = 1,
};
static const struct gen_supervisor far_children = { .name = "far",
                                                    .intensity = 100 };

/* A process that a server of another node starts when it is asked to. */
static enum agner_err start_there(struct gen *self, etf_term spawner,
                                  etf_pid *pid, etf_term *info)
{
    etf_term answer;
    enum agner_err err =
        gen_call(self, spawner, etf_atom("spawn"), 10000, &answer);

    *info = answer;
    if (err != AGNER_OK)
        return AGNER_EEXIT;
    *info = ETF_NONE;
    return etf_get_pid(answer, pid) ? AGNER_OK : AGNER_ENOPROC;
}

/* ---- The asker ---------------------------------------------------------- */

static etf_term name(enum agner_err err)
{
    return err == AGNER_OK ? ETF_A(ok) : etf_atom(agner_strerror(err));
}

static etf_term with_pid(struct gen *self, enum agner_err err, etf_pid pid,
                         etf_term info)
{
    etf_term who = ETF_A(undefined);

    if (err == AGNER_OK || err == AGNER_EALREADY)
        who = etf_from_pid(rt_region(self), pid);
    return etf_make(self, "{_, _, _}", name(err), who,
                    etf_is_none(info) ? ETF_A(undefined) : info);
}

static etf_term count(struct gen *self, etf_term s)
{
    struct gen_child_counts c = { .specs = 0 };
    enum agner_err err = gen_count_children(self, s, &c);

    return etf_make(self, "{_, {_, _, _, _}}", name(err), c.specs, c.active,
                    c.supervisors, c.workers);
}

static etf_term adopt(struct gen *self, etf_term spawner)
{
    struct gen_child_spec row = { .id = "far_child",
                                  .start = start_there,
                                  .args_term = spawner,
                                  .shutdown_ms = 300 };
    etf_term info = ETF_NONE;
    etf_pid pid = { .id = 0 };
    enum agner_err err =
        gen_start_child(self, etf_atom("far"), &row, &pid, &info);

    return with_pid(self, err, pid, info);
}

static etf_term stop_child(struct gen *self, etf_term s, etf_term id)
{
    enum agner_err stopped = gen_terminate_child(self, s, id);

    return etf_make(self, "{_, _}", name(stopped),
                    name(gen_delete_child(self, s, id)));
}

static etf_term answer(struct gen *self, etf_term request)
{
    struct gen_child_spec row = { .id = NULL };
    etf_term s, id, t = ETF_A(undefined), info = ETF_NONE;
    etf_pid pid = { .id = 0 };
    enum agner_err err;

    if (etf_match(request, "{which, _}", &s)) {
        err = gen_which_children(self, s, &t);
        return etf_make(self, "{_, _}", name(err), t);
    }
    if (etf_match(request, "{count, _}", &s))
        return count(self, s);
    if (etf_match(request, "{start, _, _, _}", &s, &row.id_term, &row.mfa)) {
        err = gen_start_child(self, s, &row, &pid, &info);
        return with_pid(self, err, pid, info);
    }
    if (etf_match(request, "{again, _, _}", &s, &id)) {
        err = gen_restart_child(self, s, id, &pid, &info);
        return with_pid(self, err, pid, info);
    }
    if (etf_match(request, "{stop, _, _}", &s, &id))
        return stop_child(self, s, id);
    if (etf_match(request, "{spec, _, _}", &s, &id)) {
        err = gen_get_childspec(self, s, id, &t);
        return etf_make(self, "{_, _}", name(err), t);
    }
    if (etf_match(request, "{adopt, _}", &s))
        return adopt(self, s);
    if (etf_match(request, "{dismiss}"))
        return stop_child(self, etf_atom("far"), etf_atom("far_child"));
    return ETF_A(badarg);
}

static enum gen_next asker_call(struct gen *self, struct gen_from from,
                                etf_term request)
{
    return gen_reply(self, from, answer(self, request));
}

static const struct gen_server asker = { .name = "asker",
                                         .handle_call = asker_call };

/* ---- The node ----------------------------------------------------------- */

static bool supervise(struct gen *self, const struct gen_supervisor *table)
{
    struct rt_spawn_options options = { .name = etf_atom(table->name) };

    return gen_supervisor_start(self, table, etf_nil(), &options, NULL, NULL) ==
           AGNER_OK;
}

static bool start_all(struct gen *self)
{
    struct rt_spawn_options options = { .name = etf_atom("asker") };

    return gen_remote_register(rt_of(self), "worker", &two[0]) == AGNER_OK &&
           supervise(self, &sup) && supervise(self, &many) &&
           supervise(self, &far_children) &&
           gen_start(self, &asker, etf_nil(), &options, NULL, NULL) == AGNER_OK;
}

static const char *const everything[] = { "agner: all", "erlang: all" };

int main(int arg_count, char **args)
{
    struct node_options options = { .hidden = true,
                                    .listen_host = "127.0.0.1",
                                    .erlang = NODE_ERLANG_LOOPBACK,
                                    .permits = everything,
                                    .permit_count = 2,
                                    .epmd = NODE_EPMD_NEED,
                                    .rt = { .log_level = RT_LOG_NONE } };
    struct agner_error error;
    struct node *node;
    struct gen *self;

    if (arg_count != 4) {
        (void)fprintf(stderr, "usage: supervisor_node NAME COOKIE EPMD_PORT\n");
        return 2;
    }
    options.name = args[1];
    options.cookie = args[2];
    options.epmd_port = (uint16_t)strtoul(args[3], NULL, 10);
    if (node_start(&options, &node, &error) != AGNER_OK) {
        (void)fprintf(stderr, "supervisor_node: %s\n", error.text);
        return 1;
    }
    self = rt_attach(node_rt(node));
    if (self == NULL || !start_all(self)) {
        (void)fprintf(stderr, "supervisor_node: a process did not start\n");
        return 1;
    }
    (void)puts("ready");
    (void)fflush(stdout);
    while (getchar() != EOF)
        ;
    rt_detach(self);
    node_stop(node, 1000);
    return 0;
}
