/*
 * rpc_listener.c -- a process that hears a topic, or a group, for a client of
 * the control socket, and tells it in notifications.
 *
 * It ends with its session. What comes while the client does not read is kept
 * up to WAITING_MAX bytes; what is beyond that is counted, and told as a gap in
 * its place. `pushed` comes from the session when the client has its answer,
 * and from the loop when what was sent is written; one that comes while nothing
 * is on its way is a message like any other: so somebody who broadcasts the
 * atom is heard too.
 */
#include "rpc_topics.h"

#include <stdlib.h>

#define WAITING_MAX (1u << 20)

struct listener {
    struct apps_control *control; /* borrowed: waits for us */
    etf_pid session;
    uint32_t conn;
    enum msgpack_mode mode;
    bool busy;                 /* `pushed` is on its way */
    struct etf_buffer waiting; /* owned: notifications that were not sent */
    uint64_t missed;           /* messages after those */
    struct etf_box *topic;     /* owned: {IsGroup, Of, Name} */
};

/* Sends what waits, unless something is on its way. Without memory the session
 * ends, and with it the connection. */
static void push(struct gen *self, struct listener *l)
{
    struct rpc_done *done;

    if (l->busy || l->waiting.size == 0)
        return;
    done = calloc(1, sizeof *done);
    if (done == NULL) {
        (void)rt_exit_signal(self, l->session, etf_atom("enomem"));
        return;
    }
    done->control = l->control;
    done->conn = l->conn;
    done->pusher = rt_self(self);
    done->bytes = l->waiting;
    l->waiting = (struct etf_buffer){ .size_max = WAITING_MAX };
    l->busy = true;
    rpc__done(done);
}

/* A notification more that waits: was there room? */
static bool add(struct gen *self, struct listener *l, etf_term map)
{
    struct etf_self node = rt_node(rt_of(self));

    return !etf_is_none(map) &&
           apps__rpc_write_request(
               &l->waiting, NULL, "agner.message",
               etf_list(rt_region(self), &map, 1, etf_nil()), l->mode,
               &node) == AGNER_OK;
}

static void add_gap(struct gen *self, struct listener *l)
{
    if (l->missed > 0 && add(self, l, etf_make(self, "#{gap => _}", l->missed)))
        l->missed = 0;
}

/* The map that tells which topic it is, with `key` in it. */
static etf_term about(struct gen *self, const struct listener *l,
                      const char *key, etf_term value)
{
    etf_term of, name, map = ETF_NONE;
    bool is_group;

    if (!etf_match(etf_box_term(l->topic), "{_, _, _}", &is_group, &of, &name))
        return ETF_NONE;
    map = is_group ? etf_make(self, "#{scope => _, group => _}", of, name)
                   : etf_make(self, "#{pubsub => _, topic => _}", of, name);
    return etf_map_put(rt_region(self), map, etf_atom(key), value);
}

static void heard(struct gen *self, struct listener *l, etf_term message)
{
    if (l->missed > 0 || !add(self, l, about(self, l, "msg", message)))
        l->missed++; /* in its place: the next that there is room for */
    push(self, l);
}

static void pushed(struct gen *self, struct listener *l)
{
    l->busy = false;
    add_gap(self, l);
    push(self, l);
}

/* ---- The process -------------------------------------------------------- */

static enum agner_err subscribe(struct gen *self, const struct listener *l)
{
    etf_term of, name;
    enum agner_err err;
    bool is_group;
    etf_pid pid;

    if (!etf_match(etf_box_term(l->topic), "{_, _, _}", &is_group, &of, &name))
        return AGNER_EINVAL;
    if (is_group)
        return gen_pg_join(self, of, name, rt_self_term(self));
    err = gen_pubsub_start(self, of, NULL, &pid);
    return err == AGNER_OK || err == AGNER_ETAKEN
               ? gen_pubsub_subscribe(self, of, name)
               : err;
}

static enum rt_next listener_init(struct gen *self, etf_term args)
{
    struct listener *l = rt_state(self);
    etf_term of, name;
    bool strict, is_group;
    enum agner_err err;

    if (!etf_match(args, "{_, _, _, _, _, _}", &l->session, &l->conn, &strict,
                   &is_group, &of, &name))
        return rt_stop(self, ETF_A(badarg));
    l->control = rt_note(self);
    rpc__count(l->control);
    l->mode = strict ? MSGPACK_STRICT : MSGPACK_LOOSE;
    l->waiting.size_max = WAITING_MAX;
    l->topic = etf_box_new(etf_make(self, "{_, _, _}", is_group, of, name));
    err = l->topic == NULL ? AGNER_ENOMEM : subscribe(self, l);
    if (err == AGNER_OK)
        (void)add(self, l, about(self, l, "subscribed", ETF_A(true)));
    else
        (void)add(self, l,
                  etf_make(self, "#{error => _}", agner_strerror(err)));
    l->busy = true; /* until the session has answered */
    return RT_NEXT;
}

static enum rt_next listener_message(struct gen *self,
                                     const struct rt_message *m)
{
    struct listener *l = rt_state(self);

    switch (m->kind) {
    case RT_PARENT_EXIT:
        return rt_stop(self, m->term);
    case RT_MESSAGE:
        if (l->busy && etf_match(m->term, "pushed"))
            pushed(self, l);
        else
            heard(self, l, m->term);
        return RT_NEXT;
    case RT_CAST: /* whoever broadcasts that: as it travels */
        heard(self, l, etf_make(self, "{'$gen_cast', _}", m->term));
        return RT_NEXT;
    case RT_CALL:
    case RT_EXIT:
    case RT_DOWN:
    case RT_TIMEOUT:
    case RT_DIRECT:
    case RT_CONTINUED:
        return RT_NEXT; /* no topic's */
    }
    return RT_NEXT; /* not reached: the list above is whole */
}

static void listener_destroy(void *state)
{
    struct listener *l = state;
    struct apps_control *control = l->control;

    etf_buffer_fini(&l->waiting);
    etf_box_free(l->topic);
    if (control == NULL) /* ended before init */
        return;
    rpc__uncount(control);
}

const struct rt_behavior rpc__listener = {
    .name = "agner_control listener",
    .state_size = sizeof(struct listener),
    .init = listener_init,
    .message = listener_message,
    .destroy = listener_destroy,
};
