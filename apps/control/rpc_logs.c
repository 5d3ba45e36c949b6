/*
 * rpc_logs.c -- the node's log by the control socket: what was, what comes, and
 * how much of it there is to be.
 *
 * A connection follows the log by reading the ring at its own place. What it
 * has read goes out in one piece, and it reads on when that is written.
 */
#include "rpc_logs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_DEFAULT 100
#define AT_ONCE       32u  /* events that are sent in one piece */
#define REPORT_TEXT   2048 /* bytes of a report in words */

/* ---- Events as terms ---------------------------------------------------- */

static etf_term or_nil(etf_term t)
{
    return etf_is_none(t) ? ETF_A(nil) : t;
}

static etf_term text_of(struct gen *self, const struct rt_log_event *event)
{
    char words[REPORT_TEXT];

    if (event->text != NULL)
        return etf_binary(rt_region(self), event->text, event->text_size);
    return etf_text(rt_region(self), rt_log_format(words, sizeof words, event));
}

/* ETF_NONE: no memory. */
static etf_term event_map(struct gen *self, const struct rt_log_event *e,
                          uint64_t number)
{
    struct etf_region *r = rt_region(self);
    etf_term pid = ETF_A(nil), file = ETF_A(nil), line = ETF_A(nil);

    if (!etf_pid_is_none(e->pid))
        pid = etf_from_pid(r, e->pid);
    if (e->file != NULL) {
        file = etf_text(r, e->file);
        line = etf_uint(r, e->line);
    }
    return etf_make(self,
                    "#{number => _, time_us => _, level => _, text => _, "
                    "node => _, pid => _, name => _, application => _, "
                    "file => _, line => _, report => _}",
                    number, e->time_us, etf_atom(rt_log_level_name(e->level)),
                    text_of(self, e), e->node, pid, or_nil(e->name),
                    or_nil(e->application), file, line, or_nil(e->report));
}

/* ---- agner.logs --------------------------------------------------------- */

static enum agner_err wrong(struct rpc_call *c, const char *what)
{
    return rpc__fail(&c->failure, AGNER_EINVAL, ETF_NONE, "%s", what);
}

static enum agner_err read_level(struct rpc_call *c, enum rt_log_level *level)
{
    etf_term value = rpc__param(c, "level");
    char text[16] = "";

    if (etf_is_none(value))
        return AGNER_OK;
    if (etf_get_text(value, text, sizeof text) &&
        rt_log_level_parse(text, level))
        return AGNER_OK;
    return wrong(c, "level: expected emergency, alert, critical, error, "
                    "warning, notice, info, debug, none or default");
}

/* A pid, or a name that need not be anybody's yet. */
static enum agner_err read_actor(struct rpc_call *c,
                                 struct rpc_log_filter *filter)
{
    etf_term value = rpc__param(c, "actor"), target;
    enum agner_err err = AGNER_OK;

    if (etf_is_none(value))
        return AGNER_OK;
    if (etf_get_text(value, filter->name, sizeof filter->name) &&
        filter->name[0] != '<')
        return AGNER_OK;
    filter->name[0] = '\0';
    err = rpc__target(c->self, value, ETF_NONE, &target, &c->failure);
    if (err == AGNER_OK && !etf_get_pid(target, &filter->pid))
        err = wrong(c, "actor: expected a name or a pid");
    return err;
}

struct request {
    struct rpc_log_filter filter;
    bool follow;
    int64_t limit;
};

static enum agner_err read_request(struct rpc_call *c, struct request *q)
{
    etf_term follow = rpc__param(c, "follow"), limit = rpc__param(c, "limit");
    etf_term application = rpc__param(c, "application");
    enum agner_err err;

    memset(q, 0, sizeof *q);
    q->limit = LIMIT_DEFAULT;
    q->filter.level = RT_LOG_DEBUG;
    err = read_level(c, &q->filter.level);
    if (err == AGNER_OK)
        err = read_actor(c, &q->filter);
    if (err != AGNER_OK)
        return err;
    if (q->filter.level == RT_LOG_DEFAULT)
        q->filter.level = RT_LOG_DEBUG;
    if (!etf_is_none(follow) && !etf_get_bool(follow, &q->follow))
        return wrong(c, "follow: expected true or false");
    if (!etf_is_none(limit) && (!etf_get_int(limit, &q->limit) || q->limit < 0))
        return wrong(c, "limit: expected a number of events");
    if (!etf_is_none(application) &&
        !etf_get_text(application, q->filter.application,
                      sizeof q->filter.application))
        return wrong(c, "application: expected a name");
    return AGNER_OK;
}

/* A list of the newest `q->limit` of the `count` events in front of number
 * `next`, oldest first; ETF_NONE: too much for the memory. */
static etf_term newest(struct gen *self, const struct request *q,
                       const struct rt_log_event *const *events, size_t count,
                       uint64_t next)
{
    etf_term list = etf_nil(), map;
    int64_t left = q->limit;

    while (count > 0 && left > 0 && !etf_is_none(list)) {
        next--;
        if (!rpc__log_matches(&q->filter, events[--count]))
            continue;
        map = event_map(self, events[count], next);
        list = etf_is_none(map) ? map : etf_cons(rt_region(self), map, list);
        left--;
    }
    return list;
}

static void release_all(const struct rt_log_event *const *events, size_t count)
{
    for (size_t i = 0; i < count; i++)
        rt_log_release(events[i]);
}

enum agner_err rpc__logs(struct rpc_call *c)
{
    struct rpc_ring *ring = &c->control->ring;
    const struct rt_log_event **events;
    struct request q;
    uint64_t at = 1, missed;
    size_t count;
    etf_term list;
    enum agner_err err = read_request(c, &q);

    if (err != AGNER_OK)
        return err;
    events = calloc(RPC_RING_EVENTS, sizeof *events);
    if (events == NULL)
        return rpc__fail(&c->failure, AGNER_ENOMEM, ETF_NONE, "out of memory");
    count = rpc__ring_read(ring, NULL, &at, events, RPC_RING_EVENTS, &missed);
    list = newest(c->self, &q, events, count, at);
    release_all(events, count);
    free(events);
    if (!etf_is_none(list))
        c->result =
            etf_make(c->self, "#{events => _, next => _, following => _}", list,
                     at, q.follow);
    if (etf_is_none(list) || etf_is_none(c->result))
        return rpc__fail(&c->failure, AGNER_ELIMIT, ETF_NONE,
                         "the answer is too large; ask with a limit");
    c->follower->following = q.follow;
    c->follower->filter = q.filter;
    c->follower->at = at;
    if (q.follow)
        rpc__ring_follow(ring, c->follower, rt_self(c->self));
    else
        rpc__ring_leave(ring, c->follower);
    return AGNER_OK;
}

/* ---- Following ---------------------------------------------------------- */

static enum agner_err write_one(struct gen *self, const struct rpc_sink *sink,
                                etf_term map, struct etf_buffer *b)
{
    struct etf_self node = rt_node(rt_of(self));

    if (etf_is_none(map))
        return AGNER_ENOMEM;
    return apps__rpc_write_request(
        b, NULL, "agner.log", etf_list(rt_region(self), &map, 1, etf_nil()),
        sink->mode, &node);
}

/* Those of the events that are wanted, and how many are missing in front of
 * them. One that cannot be written is missing too. */
static enum agner_err write_all(struct gen *self, const struct rpc_sink *sink,
                                const struct rt_log_event *const *events,
                                size_t count, uint64_t missed,
                                struct etf_buffer *b)
{
    const struct rpc_follower *f = sink->follower;
    uint64_t number = f->at - count;
    enum agner_err err = AGNER_OK;

    if (missed > 0)
        err = write_one(
            self, sink,
            etf_make(self, "#{gap => _, next => _}", missed, number), b);
    for (size_t i = 0; i < count && err == AGNER_OK; i++)
        if (rpc__log_matches(&f->filter, events[i]))
            err = write_one(self, sink, event_map(self, events[i], number + i),
                            b);
    return err;
}

/* Takes the bytes; `pushed` comes back once they are written. */
static enum agner_err push(struct gen *self, const struct rpc_sink *sink,
                           struct etf_buffer *bytes)
{
    struct rpc_done *done = calloc(1, sizeof *done);

    if (done == NULL)
        return AGNER_ENOMEM;
    done->control = sink->control;
    done->conn = sink->conn;
    done->pusher = rt_self(self);
    done->bytes = *bytes;
    *bytes = (struct etf_buffer){ 0 };
    rpc__done(done);
    sink->follower->busy = true;
    return AGNER_OK;
}

enum agner_err rpc__logs_more(struct gen *self, const struct rpc_sink *sink)
{
    struct rpc_follower *f = sink->follower;
    const struct rt_log_event *events[AT_ONCE];
    enum agner_err err = AGNER_OK;
    uint64_t missed;
    size_t count = 1;

    while (f->following && !f->busy && count > 0 && err == AGNER_OK) {
        struct etf_buffer bytes = { 0 };

        count = rpc__ring_read(&sink->control->ring, f, &f->at, events, AT_ONCE,
                               &missed);
        err = write_all(self, sink, events, count, missed, &bytes);
        release_all(events, count);
        if (err == AGNER_OK && bytes.size > 0)
            err = push(self, sink, &bytes);
        etf_buffer_fini(&bytes);
    }
    return err;
}

/* ---- agner.log_level ---------------------------------------------------- */

static etf_term handler_map(struct gen *self,
                            const struct rt_log_handler_info *i)
{
    static const char *const kinds[] = { "stderr", "file", "journald",
                                         "callback" };

    return etf_make(
        self,
        "#{id => _, kind => _, level => _, written => _, "
        "dropped => _, failed => _, waiting => _, error => _}",
        i->id, etf_atom(kinds[i->kind]), etf_atom(rt_log_level_name(i->level)),
        i->written, i->dropped, i->failed, i->waiting,
        i->error[0] == '\0' ? ETF_A(nil) : etf_text(rt_region(self), i->error));
}

static enum agner_err answer_levels(struct rpc_call *c, etf_pid pid)
{
    struct rt *rt = rt_of(c->self);
    struct rt_log_handler_info infos[RT_LOG_HANDLERS_MAX];
    etf_term maps[RT_LOG_HANDLERS_MAX];
    size_t count = rt_log_handlers(rt, infos, RT_LOG_HANDLERS_MAX);

    for (size_t i = 0; i < count; i++)
        maps[i] = handler_map(c->self, &infos[i]);
    c->result = etf_make(c->self, "#{level => _, handlers => _}",
                         etf_atom(rt_log_level_name(rt_log_level(rt, pid))),
                         etf_list(rt_region(c->self), maps, count, etf_nil()));
    if (etf_is_none(c->result))
        return rpc__fail(&c->failure, AGNER_ENOMEM, ETF_NONE, "out of memory");
    return AGNER_OK;
}

/* `pid` stays all zero when there is no actor. */
static enum agner_err find_actor(struct rpc_call *c, etf_pid *pid)
{
    etf_term actor = rpc__param(c, "actor"), target;
    enum agner_err err;

    if (etf_is_none(actor))
        return AGNER_OK;
    err = rpc__target(c->self, actor, ETF_NONE, &target, &c->failure);
    if (err != AGNER_OK || etf_get_pid(target, pid))
        return err;
    if (!etf_is_atom(target) ||
        rt_whereis(rt_of(c->self), target, pid) != AGNER_OK)
        return rpc__fail(&c->failure, AGNER_ENOPROC, target,
                         "actor: no such process on this node");
    return AGNER_OK;
}

enum agner_err rpc__log_level(struct rpc_call *c)
{
    struct rt *rt = rt_of(c->self);
    etf_term handler = rpc__param(c, "handler");
    enum rt_log_level level = RT_LOG_DEFAULT;
    char id[RT_LOG_ID_MAX] = "";
    etf_pid pid = { 0 };
    enum agner_err err = read_level(c, &level);

    if (err == AGNER_OK)
        err = find_actor(c, &pid);
    if (err != AGNER_OK)
        return err;
    if (!etf_is_none(handler) && !etf_get_text(handler, id, sizeof id))
        return wrong(c, "handler: expected its id");
    if (etf_is_none(rpc__param(c, "level")))
        return answer_levels(c, pid);
    err = id[0] != '\0' ? rt_log_handler_level(rt, id, level)
                        : rt_log_level_set(rt, pid, level);
    if (err != AGNER_OK)
        return rpc__fail(&c->failure, err, ETF_NONE, "%s: %s",
                         id[0] != '\0' ? "handler" : "actor",
                         agner_strerror(err));
    return answer_levels(c, pid);
}
