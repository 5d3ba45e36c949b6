/*
 * rpc_look.c -- what the control socket tells about a node and its processes.
 *
 * Results are maps with atoms as keys; a map never loses a key within one major
 * version of the protocol, and may gain some.
 */
#include "rpc_look.h"

#include <string.h>
#include <unistd.h>

#define PROTOCOL    1
#define PS_ROWS     10000 /* unless the client says otherwise */
#define PS_ROWS_MAX 1000000

/* A failure to build the answer, or none. */
static enum agner_err answered(struct rpc_call *c, etf_term result)
{
    if (etf_is_none(result))
        return rpc__fail(&c->failure, AGNER_ELIMIT, ETF_NONE,
                         "the answer is too large");
    c->result = result;
    return AGNER_OK;
}

static etf_term text_or_nil(struct gen *self, const char *text)
{
    return text == NULL || text[0] == '\0' ? ETF_A(nil)
                                           : etf_text(rt_region(self), text);
}

static etf_term pid_or_nil(struct gen *self, etf_pid pid)
{
    return etf_pid_is_none(pid) ? ETF_A(nil)
                                : etf_from_pid(rt_region(self), pid);
}

static etf_term or_nil(etf_term t)
{
    return etf_is_none(t) ? ETF_A(nil) : t;
}

enum agner_err rpc__version(struct rpc_call *c)
{
    return answered(c, etf_make(c->self,
                                "#{agner => _, protocol => _, node => _, "
                                "creation => _}",
                                apps_version(), PROTOCOL,
                                rt_node(rt_of(c->self)).name,
                                node_creation(c->node)));
}

/* Only in the session: it knows the control. */
enum agner_err rpc__control(struct rpc_call *c)
{
    const struct apps_control *control = c->control;

    return answered(
        c, etf_make(c->self, "#{socket => _, tcp => _, key => _, refused => _}",
                    text_or_nil(c->self, control->path),
                    text_or_nil(c->self, control->tcp_at),
                    text_or_nil(c->self, control->tcp_key),
                    (uint64_t)atomic_load_explicit(&control->refused,
                                                   memory_order_relaxed)));
}

/* In order of start. */
enum agner_err rpc__applications(struct rpc_call *c)
{
    etf_term list, one, rows = etf_nil();
    char version[64], description[256];
    enum agner_err err = gen_which_applications(c->self, &list);

    if (err != AGNER_OK)
        return rpc__fail(&c->failure, err, ETF_NONE,
                         "application_controller: %s", agner_strerror(err));
    while (etf_list_next(&list, &one)) {
        const etf_term *items = etf_tuple_items(one);

        if (etf_tuple_size(one) != 3 ||
            !etf_get_text(items[1], description, sizeof description) ||
            !etf_get_text(items[2], version, sizeof version))
            continue; /* not what our own controller says */
        rows = etf_make(
            c->self, "[#{name => _, description => _, version => _} | _]",
            items[0], (const char *)description, (const char *)version, rows);
    }
    return answered(c, rows);
}

/* ---- The node --------------------------------------------------------- */

static etf_term status_map(struct rpc_call *c)
{
    struct rt *rt = rt_of(c->self);
    char fingerprint[NODE_FINGERPRINT_SIZE];
    struct rt_stats stats;
    etf_term applications;

    rt_stats(rt, &stats);
    node_fingerprint(c->node, fingerprint);
    if (rpc__applications(c) != AGNER_OK)
        applications = etf_nil(); /* none without a loader */
    else
        applications = c->result;
    return etf_make(c->self,
                    "#{node => _, version => _, os_pid => _, port => _, "
                    "uptime_ms => _, processes => _, peers => _, "
                    "workers => _, applications => _, "
                    "cookie_fingerprint => _}",
                    rt_node(rt).name, apps_version(), (int64_t)getpid(),
                    (uint32_t)node_port(c->node), rt_now_ms(rt) - c->started_ms,
                    stats.processes, (uint64_t)node_peers(c->node, NULL, 0),
                    stats.workers, applications, (const char *)fingerprint);
}

enum agner_err rpc__status(struct rpc_call *c)
{
    return answered(c, status_map(c));
}

static etf_term drops_map(struct gen *self, const struct rt_stats *stats)
{
    const uint64_t *d = stats->dropped;

    return etf_make(self,
                    "#{noproc => _, noname => _, noalias => _, mailbox => _, "
                    "memory => _, noconn => _, notallowed => _, "
                    "badterm => _}",
                    d[RT_DROP_NOPROC], d[RT_DROP_NONAME], d[RT_DROP_NOALIAS],
                    d[RT_DROP_MAILBOX], d[RT_DROP_MEMORY], d[RT_DROP_NOCONN],
                    d[RT_DROP_NOTALLOWED], d[RT_DROP_BADTERM]);
}

const char *rpc__memory_level(const struct rt *rt)
{
    static const char *const over[] = { [RT_MEMORY_OK] = "none",
                                        [RT_MEMORY_SOFT] = "soft",
                                        [RT_MEMORY_HARD] = "hard" };

    return over[rt_memory_level(rt)];
}

/* #{Word => Count} of those that are not 0. */
static etf_term put_count(struct gen *self, etf_term map, const char *word,
                          uint64_t count)
{
    struct etf_region *r = rt_region(self);

    return count == 0 ? map
                      : etf_map_put(r, map, etf_atom(word), etf_uint(r, count));
}

/* Whom the node kept out, and what peers were refused. */
static etf_term refusals_map(struct rpc_call *c)
{
    etf_term none = etf_map(rt_region(c->self), NULL, 0);
    etf_term refused = none, denied = none;

    for (unsigned i = 0; i < NODE_REFUSED_COUNT; i++)
        refused = put_count(c->self, refused, node_refusal_name(i),
                            node_refused(c->node, i));
    for (unsigned i = 0; i < RT_PERMISSION_COUNT; i++)
        denied = put_count(c->self, denied, rt_permission_name(1u << i),
                           node_denied(c->node, 1u << i));
    return etf_make(c->self, "#{connections => _, permissions => _}", refused,
                    denied);
}

enum agner_err rpc__info(struct rpc_call *c)
{
    struct rt_stats s;
    etf_term counters, scheduler, memory;

    rt_stats(rt_of(c->self), &s);
    counters = etf_make(c->self,
                        "#{processes => _, processes_peak => _, spawned => _, "
                        "messages => _, timers_set => _, timers_fired => _, "
                        "dropped => _}",
                        s.processes, s.processes_peak, s.spawned, s.messages,
                        s.timers_set, s.timers_fired, drops_map(c->self, &s));
    scheduler = etf_make(c->self,
                         "#{workers => _, slices => _, steals => _, "
                         "parks => _, handovers => _, long_schedules => _}",
                         s.workers, s.slices, s.steals, s.parks, s.handovers,
                         s.long_schedules);
    memory =
        etf_make(c->self,
                 "#{runtime_bytes => _, atoms => _, used => _, "
                 "soft_mark => _, hard_mark => _, over => _, "
                 "alarms => _, refused => _}",
                 s.memory_bytes, etf_atom_count(), s.memory_used, s.memory_soft,
                 s.memory_hard, etf_atom(rpc__memory_level(rt_of(c->self))),
                 s.memory_alarms, s.memory_refused);
    return answered(c, etf_make(c->self,
                                "#{node => _, counters => _, scheduler => _, "
                                "memory => _, refused => _}",
                                status_map(c), counters, scheduler, memory,
                                refusals_map(c)));
}

enum agner_err rpc__names(struct rpc_call *c)
{
    struct etf_region *r = rt_region(c->self);
    etf_term names = rt_registered(rt_of(c->self), r), name;
    etf_term list = etf_nil(), back = etf_nil();
    etf_pid pid;

    while (etf_list_next(&names, &name)) { /* back to front, then again */
        if (rt_whereis(rt_of(c->self), name, &pid) == AGNER_OK)
            back = etf_cons(
                r, etf_make(c->self, "#{name => _, pid => _}", name, pid),
                back);
    }
    while (etf_list_next(&back, &name))
        list = etf_cons(r, name, list);
    return answered(c, list);
}

/* ---- Processes -------------------------------------------------------- */

static const char *const statuses[] = {
    [RT_STATUS_INIT] = "init",         [RT_STATUS_WAITING] = "waiting",
    [RT_STATUS_RUNNABLE] = "runnable", [RT_STATUS_RUNNING] = "running",
    [RT_STATUS_CALLING] = "calling",   [RT_STATUS_SUSPENDED] = "suspended",
    [RT_STATUS_EXITING] = "exiting",
};

const char *rpc__status_name(enum rt_status status)
{
    return statuses[status];
}

static const char *const priorities[] = {
    [RT_PRIORITY_NORMAL] = "normal",
    [RT_PRIORITY_HIGH] = "high",
    [RT_PRIORITY_LOW] = "low",
};

/* What is known without asking the process. */
static etf_term row_map(struct gen *self, const struct rt_process_info *i)
{
    return etf_make(self,
                    "#{pid => _, name => _, status => _, mailbox => _, "
                    "messages => _}",
                    i->pid, or_nil(i->name), etf_atom(statuses[i->status]),
                    i->mailbox_count, i->messages_in);
}

enum agner_err rpc__ps(struct rpc_call *c)
{
    struct rt *rt = rt_of(c->self);
    etf_term limit = rpc__param(c, "limit"), list = etf_nil();
    int64_t rows = PS_ROWS;
    etf_pid at = { .id = 0 };

    if (!etf_is_none(limit) &&
        (!etf_get_int(limit, &rows) || rows < 0 || rows > PS_ROWS_MAX))
        return rpc__fail(&c->failure, AGNER_EINVAL, ETF_NONE,
                         "limit: expected a number up to %d", PS_ROWS_MAX);
    while (rows > 0 && rt_process_next(rt, at, &at)) {
        struct rt_process_info info;

        memset(&info, 0, sizeof info);
        if (rt_process_glance(rt, at, &info) != AGNER_OK)
            continue; /* it ended meanwhile */
        list = etf_cons(rt_region(c->self), row_map(c->self, &info), list);
        rows--;
    }
    return answered(c, list);
}

enum agner_err rpc__which(struct rpc_call *c, const char *name, etf_pid *pid)
{
    etf_term target;
    enum agner_err err = rpc__target(c->self, rpc__param(c, name), ETF_NONE,
                                     &target, &c->failure);

    if (err != AGNER_OK)
        return err;
    if (etf_get_pid(target, pid) && etf_pid_is_local(*pid))
        return AGNER_OK;
    if (etf_is_atom(target))
        err = rt_whereis(rt_of(c->self), target, pid);
    else
        err = AGNER_EINVAL;
    if (err != AGNER_OK)
        return rpc__fail(&c->failure, err, target,
                         "%s: no such process on this node", name);
    return AGNER_OK;
}

enum agner_err rpc__process(struct rpc_call *c)
{
    struct rt_process_info i;
    enum agner_err err;
    etf_term row, more, pair;
    etf_pid pid;

    err = rpc__which(c, "which", &pid);
    if (err != AGNER_OK)
        return err;
    memset(&i, 0, sizeof i);
    err = rt_process_info(c->self, pid, &i);
    if (err != AGNER_OK)
        return rpc__fail(&c->failure, err, ETF_NONE, "%s",
                         err == AGNER_ETIMEOUT
                             ? "the process is busy and does not answer"
                             : agner_strerror(err));
    row = row_map(c->self, &i);
    more = etf_make(
        c->self,
        "[{behavior, _}, {label, _}, {memory, _}, {parent, _}, "
        "{group_leader, _}, {priority, _}, "
        "{trap_exit, _}, {links, _}, {monitors, _}, "
        "{monitored_by, _}, {aliases, _}, {names, _}]",
        text_or_nil(c->self, i.behavior), text_or_nil(c->self, i.label),
        i.memory_bytes, pid_or_nil(c->self, i.parent),
        pid_or_nil(c->self, i.group_leader), etf_atom(priorities[i.priority]),
        i.trap_exit, or_nil(i.links), or_nil(i.monitors),
        or_nil(i.monitored_by), or_nil(i.aliases), or_nil(i.names));
    while (!etf_is_none(row) && etf_list_next(&more, &pair))
        row = etf_map_put(rt_region(c->self), row, etf_tuple_items(pair)[0],
                          etf_tuple_items(pair)[1]);
    return answered(c, row);
}
