/*
 * rpc_cluster.c -- methods about other nodes, and about how this one is.
 *
 * Facts only: what is too much is for `agner doctor` to say.
 */
#include "rpc_look.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PEERS_SPARE     16 /* may come between two looks */
#define FOUND_MAX       8192
#define SUPERVISORS_MAX 256 /* asked for one agner.health */
#define ASK_MS          200 /* each of them */

static etf_term atom_of(struct gen *self, const char *name)
{
    return etf_atom_limited(rt_region(self), name, strlen(name), NULL);
}

static enum agner_err answered(struct rpc_call *c, etf_term result)
{
    c->result = result;
    if (etf_is_none(result))
        return rpc__fail(&c->failure, AGNER_ENOMEM, ETF_NONE, "out of memory");
    return AGNER_OK;
}

/* ---- Peers ---------------------------------------------------------------
 */

/* The releases of OTP that offer such flags; nodes of ours offer what one of
 * them does. Source: spec/distribution.md 3. */
static const char *speaks(uint64_t offered)
{
    const uint64_t v4_nc = UINT64_C(1) << 34, unlink_id = UINT64_C(1) << 25;
    const uint64_t altact = UINT64_C(1) << 37;

    if (offered == 0)
        return "";
    if ((offered & altact) != 0)
        return "OTP 28";
    return (offered & v4_nc) != 0 && (offered & unlink_id) != 0 ? "OTP 25-27"
                                                                : "OTP 23-24";
}

static etf_term peer_map(struct gen *self, const struct node_peer_info *p)
{
    etf_term counters =
        etf_make(self,
                 "#{bytes_in => _, bytes_out => _, packets_in => _, "
                 "packets_out => _, queued_bytes => _, denied => _}",
                 p->bytes_in, p->bytes_out, p->packets_in, p->packets_out,
                 (uint64_t)p->queued, p->denied);
    char may[100];

    return etf_make(
        self,
        "#{name => _, state => _, hidden => _, incoming => _, "
        "address => _, up_ms => _, rtt_us => _, flags => _, speaks => _, "
        "creation => _, may => _, traffic => _}",
        atom_of(self, p->name),
        p->state == NODE_PEER_UP ? etf_atom("up") : etf_atom("connecting"),
        p->hidden, p->incoming, (const char *)p->address, p->up_ms,
        p->rtt_us < 0 ? ETF_A(nil) : etf_int(rt_region(self), p->rtt_us),
        p->flags, speaks(p->offered), p->creation,
        (const char *)rt_permissions_format(p->may, may, sizeof may), counters);
}

/* All peers; NULL: no memory. Returns new. */
static struct node_peer_info *peers_of(struct node *node, size_t *count)
{
    size_t room = node_peers(node, NULL, 0) + PEERS_SPARE;
    struct node_peer_info *peers = calloc(room, sizeof *peers);

    if (peers == NULL)
        return NULL;
    *count = node_peers(node, peers, room);
    if (*count > room)
        *count = room;
    return peers;
}

enum agner_err rpc__nodes(struct rpc_call *c)
{
    size_t count = 0;
    struct node_peer_info *peers = peers_of(c->node, &count);
    etf_term list = etf_nil();

    if (peers == NULL)
        return answered(c, ETF_NONE);
    while (count > 0)
        list = etf_cons(rt_region(c->self), peer_map(c->self, &peers[--count]),
                        list);
    free(peers);
    return answered(c, list);
}

static etf_term found_map(struct gen *self, const struct node_found *f)
{
    return etf_make(self,
                    "#{name => _, registrar => _, host => _, port => _, "
                    "seen_ms => _}",
                    (const char *)f->name, f->registrar, (const char *)f->host,
                    (uint32_t)f->port,
                    f->seen_ms == 0 ? ETF_A(nil)
                                    : etf_uint(rt_region(self), f->seen_ms));
}

enum agner_err rpc__found(struct rpc_call *c)
{
    struct node_found *found = calloc(FOUND_MAX, sizeof *found);
    etf_term list = etf_nil();
    size_t count;

    if (found == NULL)
        return answered(c, ETF_NONE);
    count = node_found(c->node, found, FOUND_MAX);
    if (count > FOUND_MAX)
        count = FOUND_MAX;
    while (count > 0)
        list = etf_cons(rt_region(c->self), found_map(c->self, &found[--count]),
                        list);
    free(found);
    return answered(c, list);
}

/* ---- Health --------------------------------------------------------------
 */

struct looking {
    struct rpc_call *c;
    struct rt_process_info longest; /* by its mailbox */
    unsigned asked, stuck;
    etf_term supervisors;
};

static etf_term who(struct gen *self, const struct rt_process_info *info)
{
    return etf_is_none(info->name) ? etf_from_pid(rt_region(self), info->pid)
                                   : info->name;
}

/* A supervisor tells how many restarts its period has seen. */
static void ask_supervisor(struct looking *l,
                           const struct rt_process_info *info)
{
    struct gen *self = l->c->self;
    uint64_t restarts = 0, intensity = 0, period_ms = 0;
    etf_term state;
    enum agner_err err;

    if (l->asked++ >= SUPERVISORS_MAX)
        return;
    err = gen_sys_get_state(self, etf_from_pid(rt_region(self), info->pid),
                            ASK_MS, &state);
    if (err == AGNER_ETIMEOUT)
        l->stuck++;
    if (err != AGNER_OK ||
        !etf_match(state, "#{intensity => _, period_ms => _, restarts => _}",
                   &intensity, &period_ms, &restarts) ||
        restarts == 0)
        return;
    l->supervisors =
        etf_cons(rt_region(self),
                 etf_make(self,
                          "#{who => _, restarts => _, intensity => _, "
                          "period_ms => _}",
                          who(self, info), restarts, intensity, period_ms),
                 l->supervisors);
}

static void look_at_processes(struct looking *l)
{
    struct rt *rt = rt_of(l->c->self);
    etf_pid at = { .id = 0 };

    while (rt_process_next(rt, at, &at)) {
        struct rt_process_info info;

        if (rt_process_glance(rt, at, &info) != AGNER_OK)
            continue; /* it ended meanwhile */
        if (info.mailbox_count >= l->longest.mailbox_count)
            l->longest = info;
        if (strcmp(info.behavior, "supervisor") == 0)
            ask_supervisor(l, &info);
    }
}

static etf_term queues(struct gen *self, struct node *node)
{
    size_t count = 0;
    struct node_peer_info *peers = peers_of(node, &count);
    etf_term list = etf_nil();

    if (peers == NULL)
        return ETF_NONE;
    while (count-- > 0)
        list = etf_cons(rt_region(self),
                        etf_make(self,
                                 "#{name => _, queued_bytes => _, "
                                 "limit_bytes => _}",
                                 (const char *)peers[count].name,
                                 (uint64_t)peers[count].queued,
                                 (uint64_t)peers[count].high_mark),
                        list);
    free(peers);
    return list;
}

/* Each limit with a name (docs/limits.md): what it is, and how often it was met
 * since the start. */
static etf_term limits(struct rpc_call *c, const struct rt_stats *s)
{
    struct etf_region *r = rt_region(c->self);
    etf_term map = c->limits; /* the control socket's */
    int i;

    if (etf_kind(map) != ETF_KIND_MAP)
        map = etf_map(r, NULL, 0);
    for (i = 0; i < NODE_LIMIT_COUNT; i++)
        map =
            etf_map_put(r, map, etf_atom(node_limit_name((enum node_limit)i)),
                        etf_make(c->self, "#{limit => _, met => _}",
                                 node_limit_of(c->node, (enum node_limit)i),
                                 node_limit_met(c->node, (enum node_limit)i)));
    return etf_map_put(r, map, etf_atom("processes_max"),
                       etf_make(c->self, "#{limit => _, met => _}",
                                s->processes_max, s->processes_refused));
}

#define PERMITS_MAX 256 /* rows that are told */

/* What was set, for those who look for what is weaker than the default. */
static etf_term policy_map(struct rpc_call *c)
{
    static const char *const erlang[] = { "off", "loopback", "any" };
    struct node_permit_row *rows = calloc(PERMITS_MAX, sizeof *rows);
    etf_term list = etf_nil();
    struct node_policy policy;
    char text[100];
    size_t count;

    if (rows == NULL)
        return ETF_NONE;
    node_policy(c->node, &policy);
    count = node_permits(c->node, rows, PERMITS_MAX);
    if (count > PERMITS_MAX)
        count = PERMITS_MAX;
    for (size_t i = 0; i < count; i++)
        list = etf_cons(
            rt_region(c->self),
            etf_make(c->self, "#{peer => _, default => _, permissions => _}",
                     (const char *)rows[i].peer,
                     (rows[i].permissions & NODE_PERMIT_DEFAULT) != 0,
                     (const char *)rt_permissions_format(rows[i].permissions,
                                                         text, sizeof text)),
            list);
    free(rows);
    return etf_make(c->self,
                    "#{erlang => _, listen => _, permits => _, root => _}",
                    erlang[policy.erlang], (const char *)policy.listen_host,
                    list, geteuid() == 0);
}

enum agner_err rpc__health(struct rpc_call *c)
{
    struct looking l = { .c = c, .supervisors = etf_nil() };
    struct rt *rt = rt_of(c->self);
    char fingerprint[NODE_FINGERPRINT_SIZE];
    struct rt_stats s;
    uint64_t dropped = 0;
    etf_term mailbox, counters;

    look_at_processes(&l);
    rt_stats(rt, &s);
    for (size_t i = 0; i < sizeof s.dropped / sizeof s.dropped[0]; i++)
        dropped += s.dropped[i];
    node_fingerprint(c->node, fingerprint);
    mailbox = etf_make(c->self, "#{who => _, count => _}",
                       who(c->self, &l.longest), l.longest.mailbox_count);
    counters =
        etf_make(c->self,
                 "#{workers => _, processes => _, messages => _, "
                 "dropped => _, long_schedules => _, memory_used => _, "
                 "memory_alarms => _, memory_refused => _}",
                 s.workers, s.processes, s.messages, dropped, s.long_schedules,
                 s.memory_used, s.memory_alarms, s.memory_refused);
    return answered(
        c, etf_make(c->self,
                    "#{wall_ms => _, os_pid => _, uptime_ms => _, "
                    "cookie_fingerprint => _, counters => _, mailbox => _, "
                    "supervisors => _, stuck => _, queues => _, "
                    "limits => _, memory_over => _, policy => _}",
                    rt_wall_ns(rt) / 1000000, (int64_t)getpid(),
                    rt_now_ms(rt) - c->started_ms, (const char *)fingerprint,
                    counters, mailbox, l.supervisors, l.stuck,
                    queues(c->self, c->node), limits(c, &s),
                    etf_atom(rpc__memory_level(rt)), policy_map(c)));
}
