/*
 * appmon.c -- appmon_info: tells observer which applications run, what their
 * trees look like, and how loaded the node is.
 *
 * Who wants to know sends a cast {From, Cmd, Aux, OnOff, Options} and gets
 * {delivery, Server, Cmd, Aux, Result} at once, and then whenever the result
 * is another, every `timeout` of the options.
 *
 *   cmd       aux           result
 *   --------  ------------  ----------------------------------------------
 *   app_ctrl  any           [{Master, Name, {Name, Description, Version}}]
 *   app       application   {Root, [{Pid, Name}], [{Name, Name}], links
 *                           that are not the tree's}
 *   load      any           {Before, Now}, 0 to LOAD_MAX
 *   pinfo     pid           text
 *
 * It ends with the last of its clients. Source: OTP 25, appmon_info;
 * spec/gen.md 1.18.
 */
#include <stdio.h>
#include <stdlib.h>

#include "functions.h"

#define EVERY_MS  2000u
#define TASKS_MAX 1000u
#define LOAD_MAX  16u

struct task {
    struct task *next;
    uint64_t id;         /* in its timer's message */
    struct etf_box *key; /* {Cmd, Aux, From} */
    struct etf_box *old; /* what was delivered last, or NULL */
    etf_pid from;
    bool once;
    uint64_t every_ms;
    struct rt_timer timer;
};

struct client {
    struct client *next;
    etf_pid pid;
};

struct appmon {
    struct task *tasks; /* owned */
    struct client *clients;
    uint64_t last_id;
    size_t count;
    bool stays;                    /* also without clients */
    uint64_t load, busy_us, up_us; /* at the last look */
};

static void free_task(struct task *task)
{
    etf_box_free(task->key);
    etf_box_free(task->old);
    free(task);
}

/* ---- Results ------------------------------------------------------------- */

static etf_term applications(struct gen *self)
{
    etf_term list = ETF_NONE, back = etf_nil(), map, pid, name;
    etf_term out = etf_nil(), what;

    if (gen_applications_info(self, &list) != AGNER_OK)
        return etf_nil();
    while (etf_list_next(&list, &map)) {
        struct etf_region *r = rt_region(self);

        if (!etf_match(map, "#{pid => _, name => _}", &pid, &name) ||
            etf_kind(pid) != ETF_KIND_PID)
            continue;
        what = etf_make(self, "{_, _, _}", name,
                        etf_map_get(map, etf_atom("description")),
                        etf_map_get(map, etf_atom("version")));
        back = etf_cons(r, etf_make(self, "{_, _, _}", pid, name, what), back);
    }
    while (etf_list_next(&back, &map))
        out = etf_cons(rt_region(self), map, out);
    return out;
}

static uint64_t busy_of(struct gen *self)
{
    uint64_t busy_us[64] = { 0 }, sum = 0;
    size_t count = rt_worker_busy(rt_of(self), busy_us, 64);

    for (size_t i = 0; i < count && i < 64; i++)
        sum += busy_us[i];
    return sum;
}

/* The share of their time that workers were at work since the last look. */
static etf_term load(struct gen *self, struct appmon *a)
{
    uint64_t busy_us = busy_of(self), before = a->load, total;
    struct rt_stats stats;

    rt_stats(rt_of(self), &stats);
    total = (stats.up_us - a->up_us) * stats.workers;
    a->load = total == 0 ? 0 : LOAD_MAX * (busy_us - a->busy_us) / total;
    if (a->load > LOAD_MAX)
        a->load = LOAD_MAX;
    a->busy_us = busy_us;
    a->up_us = stats.up_us;
    return etf_make(self, "{_, _}", before, a->load);
}

static etf_term process_text(struct gen *self, etf_term pid)
{
    etf_term info = ETF_NONE, text;
    struct etf_buffer b = { .size_max = GEN_IO_TEXT_MAX };

    if (gen_rpc_apply(self, ETF_NONE, etf_atom("erlang"),
                      etf_atom("process_info"), etf_make(self, "[_]", pid),
                      &info) != GEN_RPC_VALUE)
        return etf_nil();
    (void)etf_io_format(
        &b, etf_string(rt_region(self), "Node: ~p, Process: ~p~n~p~n~n"),
        etf_make(self, "[_, _, _]", rt_node(rt_of(self)).name, pid, info),
        NULL);
    if (etf_buffer_add(&b, "", 1) != AGNER_OK)
        b.size = 0;
    text = b.size == 0 ? ETF_NONE
                       : etf_string(rt_region(self), (const char *)b.data);
    etf_buffer_fini(&b);
    return text;
}

static etf_term result_of(struct gen *self, struct appmon *a,
                          const struct task *task)
{
    etf_term key = etf_box_term(task->key), aux;

    if (etf_match(key, "{app_ctrl, __, __}"))
        return applications(self);
    if (etf_match(key, "{app, _, __}", &aux))
        return kernel__appmon_tree(self, aux);
    if (etf_match(key, "{load, __, __}"))
        return load(self, a);
    if (etf_match(key, "{pinfo, _, __}", &aux))
        return process_text(self, aux);
    return etf_nil();
}

/* ---- Tasks --------------------------------------------------------------- */

static struct task **find(struct appmon *a, etf_term key, uint64_t id)
{
    struct task **at = &a->tasks;

    while (*at != NULL && (id != 0 ? (*at)->id != id
                                   : !etf_equal(etf_box_term((*at)->key), key)))
        at = &(*at)->next;
    return at;
}

static void drop(struct gen *self, struct appmon *a, struct task **at)
{
    struct task *task = *at;

    (void)rt_cancel_timer(self, &task->timer, NULL); /* or there is none */
    *at = task->next;
    a->count--;
    free_task(task);
}

/* Delivers, if it is another result than the last one, and sets the next time.
 * Without memory the task is over. */
static void work(struct gen *self, struct appmon *a, struct task **at)
{
    struct task *task = *at;
    etf_term result = result_of(self, a, task), cmd, aux;
    const etf_term *key = etf_tuple_items(etf_box_term(task->key));
    struct etf_box *box;

    cmd = key[0];
    aux = key[1];
    if (!etf_is_none(result) &&
        (task->old == NULL || !etf_equal(result, etf_box_term(task->old)))) {
        (void)rt_send_pid(self, task->from,
                          etf_make(self, "{delivery, _, _, _, _}",
                                   rt_self(self), cmd, aux, result));
        box = etf_box_new(result);
        etf_box_free(task->old);
        task->old = box;
    }
    if (task->once || rt_send_after(self, rt_self_term(self),
                                    etf_make(self, "{do_it, _}", task->id),
                                    task->every_ms, &task->timer) != AGNER_OK)
        drop(self, a, at);
}

static void read_options(struct task *task, etf_term options)
{
    etf_term one, value;

    while (etf_list_next(&options, &one)) {
        if (!etf_match(one, "{timeout, _}", &value))
            continue;
        task->once = etf_atom_is(value, "at_most_once");
        (void)etf_get_uint(value, &task->every_ms);
        if (task->every_ms == 0)
            task->every_ms = 1;
    }
}

static void begin(struct gen *self, struct appmon *a, etf_term key,
                  etf_term options)
{
    struct task **at = find(a, key, 0), *task;

    if (*at != NULL)
        drop(self, a, at);
    if (a->count == TASKS_MAX || (task = calloc(1, sizeof *task)) == NULL)
        return;
    task->key = etf_box_new(key);
    if (task->key == NULL ||
        !etf_get_pid(etf_tuple_items(key)[2], &task->from)) {
        free_task(task);
        return;
    }
    task->id = ++a->last_id;
    task->every_ms = EVERY_MS;
    read_options(task, options);
    task->next = a->tasks;
    a->tasks = task;
    a->count++;
    work(self, a, &a->tasks);
}

/* ---- Clients ------------------------------------------------------------- */

static bool add_client(struct gen *self, struct appmon *a, etf_pid pid)
{
    struct client *c;

    for (c = a->clients; c != NULL; c = c->next)
        if (etf_pid_equal(c->pid, pid))
            return true;
    c = calloc(1, sizeof *c);
    if (c == NULL || rt_link(self, pid) != AGNER_OK) {
        free(c);
        return false;
    }
    c->pid = pid;
    c->next = a->clients;
    a->clients = c;
    return true;
}

/* What it asked for goes with it. */
static enum gen_next client_gone(struct gen *self, struct appmon *a,
                                 etf_pid pid)
{
    struct client **at = &a->clients, *c;
    struct task **task = &a->tasks;

    while (*task != NULL)
        if (etf_pid_equal((*task)->from, pid))
            drop(self, a, task);
        else
            task = &(*task)->next;
    while (*at != NULL && !etf_pid_equal((*at)->pid, pid))
        at = &(*at)->next;
    c = *at;
    if (c != NULL) {
        *at = c->next;
        free(c);
    }
    return a->clients == NULL && !a->stays ? gen_stop(self, ETF_A(normal))
                                           : GEN_NEXT;
}

/* ---- The server ---------------------------------------------------------- */

/* {Client, Options} */
static enum gen_next appmon_init(struct gen *self, etf_term args)
{
    struct appmon *a = gen_state(self);
    etf_term options, one;
    etf_pid client;

    if (!etf_match(args, "{_, _}", &client, &options))
        return gen_stop(self, ETF_A(badarg));
    (void)rt_trap_exit(self, true);
    while (etf_list_next(&options, &one))
        a->stays |= etf_match(one, "{stay_resident, true}");
    return add_client(self, a, client) ? GEN_NEXT
                                       : gen_stop(self, ETF_A(noproc));
}

static enum gen_next appmon_call(struct gen *self, struct gen_from from,
                                 etf_term request)
{
    etf_pid client;

    if (etf_match(request, "{register_client, _}", &client))
        (void)add_client(self, gen_state(self), client);
    return gen_reply(self, from, ETF_A(ok));
}

static enum gen_next appmon_cast(struct gen *self, etf_term request)
{
    struct appmon *a = gen_state(self);
    etf_term cmd, aux, options, key, on;
    struct task **at;
    etf_pid from;

    if (!etf_match(request, "{_, _, _, _, _}", &from, &cmd, &aux, &on,
                   &options))
        return GEN_NEXT;
    key = etf_make(self, "{_, _, _}", cmd, aux, from);
    if (etf_is_none(key))
        return GEN_NEXT;
    if (etf_same(on, ETF_A(true))) {
        begin(self, a, key, options);
        return GEN_NEXT;
    }
    at = find(a, key, 0);
    if (*at != NULL)
        drop(self, a, at);
    return GEN_NEXT;
}

static enum gen_next appmon_info(struct gen *self, etf_term message)
{
    struct appmon *a = gen_state(self);
    struct task **at;
    etf_pid pid;
    uint64_t id;

    if (etf_match(message, "{'EXIT', _, __}", &pid))
        return client_gone(self, a, pid);
    if (etf_match(message, "{do_it, _}", &id) && id != 0) {
        at = find(a, ETF_NONE, id);
        if (*at != NULL)
            work(self, a, at);
    }
    return GEN_NEXT;
}

static void appmon_destroy(void *state)
{
    struct appmon *a = state;

    while (a->tasks != NULL) {
        struct task *task = a->tasks;

        a->tasks = task->next;
        free_task(task);
    }
    while (a->clients != NULL) {
        struct client *c = a->clients;

        a->clients = c->next;
        free(c);
    }
}

static const struct gen_server appmon = {
    .name = "appmon_info",
    .state_size = sizeof(struct appmon),
    .init = appmon_init,
    .handle_call = appmon_call,
    .handle_cast = appmon_cast,
    .handle_info = appmon_info,
    .destroy = appmon_destroy,
};

/* One that runs already takes the client. AGNER_EEXIT, AGNER_ENOPROC: it has
 * just ended, with the client before. */
static enum agner_err start_or_join(struct gen *self, etf_pid client,
                                    etf_term options, etf_pid *pid,
                                    etf_term *reason)
{
    struct rt_spawn_options o = { .name = etf_atom("appmon_info") };
    enum agner_err err =
        gen_start(self, &appmon, etf_make(self, "{_, _}", client, options), &o,
                  pid, reason);

    if (err != AGNER_ETAKEN)
        return err;
    return gen_call(self, etf_from_pid(NULL, *pid),
                    etf_make(self, "{register_client, _}", client),
                    GEN_CALL_TIMEOUT_MS, reason);
}

#define START_TRIES 5

/* start_link2(Starter, Client, Options) -> {ok, Pid}. */
enum gen_rpc_class kernel__appmon_start(struct gen *self, etf_term args,
                                        etf_term *result)
{
    etf_term options, reason = ETF_NONE;
    etf_pid client, pid;
    enum agner_err err = AGNER_ENOPROC;

    if (!etf_match(args, "[__, _, _]", &client, &options))
        return gen_rpc_badarg(result);
    for (int i = 0;
         i < START_TRIES && (err == AGNER_EEXIT || err == AGNER_ENOPROC); i++)
        err = start_or_join(self, client, options, &pid, &reason);
    if (err == AGNER_OK)
        return fun_value(result, etf_make(self, "{ok, _}", pid));
    if (etf_is_none(reason))
        reason = etf_atom("system_limit");
    return fun_value(result, etf_make(self, "{error, _}", reason));
}
