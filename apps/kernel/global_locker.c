/*
 * global_locker.c -- the locker: a process beside global_name_server that may
 * wait for the locks of other nodes while that one goes on answering.
 *
 * What to do is global_locking.c's. The server tells it {him, ...}, {cancel,
 * ...} and {lock_set, ...}; it casts {lock_is_set, ...} to the server.
 */
#include "global_internal.h"
#include "kernel_internal.h"

struct locker {
    struct global_locking machine;
    struct global_locking_acts acts;
};

/* ---- What the machine does ---------------------------------------------- */

static bool set(void *ctx, etf_term id, etf_term nodes)
{
    return gen_global_set_lock(ctx, id, nodes, 0) == AGNER_OK;
}

static void del(void *ctx, etf_term id, etf_term nodes)
{
    /* Without memory it stays until we end: the monitor of our process. */
    if (gen_global_del_lock(ctx, id, nodes) != AGNER_OK)
        RT_LOG((struct gen *)ctx, RT_LOG_ERROR,
               "global: cannot give a lock back");
}

static etf_term ask_server(struct gen *self, etf_term request)
{
    etf_term reply = ETF_NONE;

    if (gen_call(self, etf_atom("global_name_server"), request, RT_INFINITY,
                 &reply) != AGNER_OK)
        return ETF_NONE;
    return reply;
}

static etf_term known(void *ctx)
{
    return ask_server(ctx, etf_atom("get_known"));
}

static bool can(void *ctx, etf_term id)
{
    struct gen *self = ctx;

    if (etf_is_none(id))
        return etf_same(ask_server(self, etf_make(self, "{is_locked, global}")),
                        ETF_A(false));
    return etf_same(ask_server(self, etf_make(self, "{can_set_lock, _}", id)),
                    ETF_A(true));
}

static void lock_set(void *ctx, const struct global_him *him, bool is_set,
                     etf_term nodes)
{
    struct gen *self = ctx;
    etf_term to = etf_make(self, "{global_name_server, _}", him->node);
    etf_term message;

    if (him->version >= GLOBAL_VERSION_VERIFY)
        message = etf_make(self, "{lock_set, _, _, _, _}", rt_self(self),
                           is_set, nodes, him->his_tag);
    else
        message =
            etf_make(self, "{lock_set, _, _, _}", rt_self(self), is_set, nodes);
    /* When it cannot be sent the connection is gone, or he tries again. */
    if (him->version < 6) /* lockers talk to each other */
        (void)rt_send_pid(self, him->locker, message);
    else
        (void)gen_cast(self, to, message);
}

static void lock_is_set(void *ctx, etf_term node, int64_t my_tag, etf_term id)
{
    struct gen *self = ctx;

    (void)gen_cast(self, etf_atom("global_name_server"),
                   etf_make(self, "{lock_is_set, _, _, _}", node, my_tag, id));
}

static void send_all(void *ctx, etf_term messages)
{
    struct gen *self = ctx;
    etf_term row, node, message;

    while (etf_list_next(&messages, &row)) {
        if (etf_match(row, "{_, _}", &node, &message))
            (void)rt_send(self, etf_make(self, "{global_name_server, _}", node),
                          message);
    }
}

static uint64_t draw(void *ctx, uint64_t bound)
{
    uint64_t random;

    rt_random(rt_of(ctx), &random, sizeof random);
    return bound == 0 ? 0 : random % bound;
}

/* ---- The process -------------------------------------------------------- */

/* The machine, for this callback: what it builds and does is self's. */
static struct global_locking *machine_of(struct gen *self)
{
    struct locker *locker = gen_state(self);

    locker->acts = (struct global_locking_acts){
        .ctx = self,
        .set = set,
        .del = del,
        .known = known,
        .can = can,
        .lock_set = lock_set,
        .lock_is_set = lock_is_set,
        .send_all = send_all,
        .draw = draw,
    };
    locker->machine.acts = &locker->acts;
    locker->machine.region = rt_region(self);
    locker->machine.self = rt_node(rt_of(self));
    locker->machine.pid = rt_self(self);
    return &locker->machine;
}

static enum gen_next locker_info(struct gen *self, etf_term message)
{
    struct global_locking *l = machine_of(self);
    etf_term node, messages;
    int64_t version, his_tag, my_tag = 0;
    etf_pid pid;
    bool is_set, tagged;

    if (etf_match(message, "{him, _, _, _, _, _}", &node, &pid, &version,
                  &his_tag, &my_tag)) {
        if (global__locking_him(l, node, pid, version, his_tag, my_tag) !=
            AGNER_OK)
            RT_LOG(self, RT_LOG_ERROR, "global: no memory for one more node");
    } else if (etf_match(message, "{cancel, _, _, _}", &node, &my_tag,
                         &messages)) {
        global__locking_cancel(l, node, my_tag, messages);
    } else if (etf_same(message, ETF_A(timeout))) {
        global__locking_timeout(l);
    } else {
        tagged = etf_match(message, "{lock_set, _, _, __, _}", &pid, &is_set,
                           &my_tag);
        if (tagged || etf_match(message, "{lock_set, _, _, __}", &pid, &is_set))
            global__locking_set(l, pid, is_set, tagged, my_tag);
    }
    return gen_timeout(self, global__locking_pause_ms(l));
}

static void locker_destroy(void *state)
{
    struct locker *locker = state;

    global__locking_fini(&locker->machine);
}

const struct gen_server kernel__global_locker = {
    .name = "global_locker",
    .state_size = sizeof(struct locker),
    .handle_cast = kernel__drop,
    .handle_info = locker_info,
    .destroy = locker_destroy,
};
