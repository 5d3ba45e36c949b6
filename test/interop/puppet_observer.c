/*
 * puppet_observer.c -- what puppets do of devices and the log: puppet.h.
 */
#include "puppet.h"

#include <stdatomic.h>
#include <stdlib.h>

/* ---- Devices --------------------------------------------------------------
 */

/* Sends each text that it takes to whom its state names: {text, Binary}. */
static enum agner_err tell(struct gen *self, void *ctx, etf_bytes text)
{
    const etf_pid *to = ctx;

    return rt_send_pid(self, *to, etf_make(self, "{text, _}", text));
}

static enum gen_next device_init(struct gen *self, etf_term args)
{
    etf_pid *to = gen_state(self);

    return etf_get_pid(args, to) ? GEN_NEXT : gen_stop(self, ETF_A(badarg));
}

static enum gen_next device_info(struct gen *self, etf_term message)
{
    static const struct gen_io_device device = { .write = tell };

    (void)gen_io_serve(self, &device, gen_state(self), message);
    return GEN_NEXT;
}

static const struct gen_server device_server = {
    .name = "device",
    .state_size = sizeof(etf_pid),
    .init = device_init,
    .handle_info = device_info,
};

/* Pid: a device that tells it. */
static etf_term op_device(struct gen *self, etf_term args)
{
    etf_pid pid;
    enum agner_err err =
        gen_start(self, &device_server, args, NULL, &pid, NULL);

    return err == AGNER_OK ? etf_make(self, "_", pid)
                           : puppet_result(self, err);
}

static etf_term device_of(etf_term device)
{
    return etf_atom_is(device, "leader") ? ETF_NONE : device;
}

/* {Device | leader, Request} */
static etf_term op_io_request(struct gen *self, etf_term args)
{
    etf_term device, request, reply = ETF_NONE;
    enum agner_err err;

    if (!etf_match(args, "{_, _}", &device, &request))
        return puppet_badarg();
    err = gen_io_request(self, device_of(device), request, &reply);
    return puppet_value(self, err, reply);
}

/* {Device | leader, Format, Args} */
static etf_term op_io_format(struct gen *self, etf_term args)
{
    etf_term device, format, list;
    char text[200];

    if (!etf_match(args, "{_, _, _}", &device, &format, &list) ||
        !etf_get_text(format, text, sizeof text))
        return puppet_badarg();
    return puppet_result(self,
                         gen_io_format(self, device_of(device), text, list));
}

/* {Device, Prompt} */
static etf_term op_io_get_line(struct gen *self, etf_term args)
{
    etf_term device, prompt, line = ETF_NONE;
    char text[200];
    enum agner_err err;

    if (!etf_match(args, "{_, _}", &device, &prompt) ||
        !etf_get_text(prompt, text, sizeof text))
        return puppet_badarg();
    err = gen_io_get_line(self, device, text, &line);
    return puppet_value(self, err, line);
}

/* Pid: self's group leader. */
static etf_term op_io_leader(struct gen *self, etf_term args)
{
    etf_pid pid;

    if (!etf_get_pid(args, &pid))
        return puppet_badarg();
    return puppet_result(self, rt_set_group_leader(self, rt_self(self), pid));
}

/* ---- The log ---------------------------------------------------------------
 */

/* As long as the program, since a handler may be in it. */
struct watch {
    struct watch *next;
    struct rt *rt;
    etf_pid to;
};

static _Atomic(struct watch *) watches;

static void on_event(void *ctx, const struct rt_log_event *event)
{
    const struct watch *w = ctx;
    struct etf_region *r = etf_region_new(0);
    etf_term report = event->report, pid = ETF_A(undefined);
    char text[2000];

    if (r == NULL)
        return;
    if (etf_is_none(report))
        report = ETF_A(undefined);
    if (!etf_pid_is_none(event->pid))
        pid = etf_from_pid(r, event->pid);
    (void)rt_log_format(text, sizeof text, event);
    (void)rt_post(w->rt, etf_from_pid(r, w->to),
                  etf_make(r, "{logged, _, _, _, _, _, _}",
                           etf_atom(rt_log_level_name(event->level)),
                           (const char *)text, report, pid, event->node,
                           event->time_us));
    etf_region_free(r);
}

/* {Id, Pid}: it hears of each event, {logged, Level, Text, Report, Pid, Node,
 * TimeUs}, until {Id, off}. */
static etf_term op_log_watch(struct gen *self, etf_term args)
{
    struct rt_log_handler handler = { .kind = RT_LOG_CALLBACK,
                                      .event = on_event };
    struct watch *w;
    etf_term id;
    etf_pid to;
    char name[RT_LOG_ID_MAX];

    if (etf_match(args, "{_, off}", &id) && etf_get_text(id, name, sizeof name))
        return puppet_result(self, rt_log_handler_remove(rt_of(self), name));
    if (!etf_match(args, "{_, _}", &id, &to) ||
        !etf_get_text(id, name, sizeof name))
        return puppet_badarg();
    w = malloc(sizeof *w);
    if (w == NULL)
        return puppet_result(self, AGNER_ENOMEM);
    w->rt = rt_of(self);
    w->to = to;
    w->next = atomic_exchange(&watches, w);
    handler.id = name;
    handler.ctx = w;
    return puppet_result(self, rt_log_handler_add(rt_of(self), &handler, NULL));
}

/* Level: the node's, from now on. */
static etf_term op_log_level(struct gen *self, etf_term args)
{
    enum rt_log_level level;
    char name[20];

    if (!etf_get_text(args, name, sizeof name) ||
        !rt_log_level_parse(name, &level))
        return puppet_badarg();
    return puppet_result(
        self, rt_log_level_set(rt_of(self), (etf_pid){ .id = 0 }, level));
}

/* {Level, Text} or {Level, Report}: logs it. */
static etf_term op_log(struct gen *self, etf_term args)
{
    etf_term level_term, what;
    enum rt_log_level level;
    char name[20], text[200];
    etf_bytes bytes;

    if (!etf_match(args, "{_, _}", &level_term, &what) ||
        !etf_get_text(level_term, name, sizeof name) ||
        !rt_log_level_parse(name, &level))
        return puppet_badarg();
    if (etf_get_bytes(what, &bytes) && etf_get_text(what, text, sizeof text))
        rt_log_self(self, level, "%s", text);
    else
        rt_log_report(self, level, what);
    return ETF_A(ok);
}

const struct puppet_op puppet_observer[] = {
    { "device", op_device },
    { "io_request", op_io_request },
    { "io_format", op_io_format },
    { "io_get_line", op_io_get_line },
    { "io_leader", op_io_leader },
    { "log_watch", op_log_watch },
    { "log", op_log },
    { "log_level", op_log_level },
    { NULL, NULL },
};
