/*
 * probe.c -- the server, the witness and the world of the behaviours' tests.
 */
#include "probe.h"

#include <time.h>

/* ---- The witness -------------------------------------------------------- */

void witness_init(struct witness *w)
{
    memset(w, 0, sizeof *w);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
}

void witness_fini(struct witness *w)
{
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
}

static void add_text(struct witness *w, const char *what, const char *rest)
{
    size_t room;
    int size;

    pthread_mutex_lock(&w->lock);
    room = sizeof w->text - w->used;
    size = snprintf(w->text + w->used, room, "%s%s%s\n", what,
                    rest[0] != '\0' ? " " : "", rest);
    if (size > 0 && (size_t)size < room)
        w->used += (size_t)size;
    else
        w->text[w->used] = '\0'; /* full: the test will miss the line */
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

void witness_add(struct witness *w, const char *what, etf_term term)
{
    char text[600] = "";

    if (!etf_is_none(term))
        (void)etf_format(text, sizeof text, term);
    add_text(w, what, text);
}

bool witness_await(struct witness *w, const char *lines)
{
    struct timespec deadline;
    bool found;
    int late = 0;

    (void)clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += PROBE_LONG_MS / 1000;
    pthread_mutex_lock(&w->lock);
    while (strstr(w->text, lines) == NULL && late == 0)
        late = pthread_cond_timedwait(&w->changed, &w->lock, &deadline);
    found = strstr(w->text, lines) != NULL;
    pthread_mutex_unlock(&w->lock);
    return found;
}

unsigned witness_count(struct witness *w, const char *lines)
{
    unsigned count = 0;

    pthread_mutex_lock(&w->lock);
    for (const char *at = strstr(w->text, lines); at != NULL;
         at = strstr(at + 1, lines))
        count++;
    pthread_mutex_unlock(&w->lock);
    return count;
}

const char *witness_text(struct witness *w, char *buffer, size_t size)
{
    pthread_mutex_lock(&w->lock);
    (void)snprintf(buffer, size, "%s", w->text);
    pthread_mutex_unlock(&w->lock);
    return buffer;
}

void witness_reset(struct witness *w)
{
    pthread_mutex_lock(&w->lock);
    w->used = 0;
    w->text[0] = '\0';
    pthread_mutex_unlock(&w->lock);
}

/* ---- The probe ---------------------------------------------------------- */

struct probe {
    struct witness *witness; /* borrowed: the world's */
    struct gen_from kept;    /* the call of {reply_later} */
    struct rt_direct direct; /* the request of PROBE_DIRECT_LATER */
    intptr_t direct_number;
    int64_t number;
    atomic_int inside; /* callbacks that run: never two (I5) */
};

static void enter(struct probe *p)
{
    if (atomic_fetch_add(&p->inside, 1) != 0)
        atomic_store(&p->witness->overlapped, true);
}

static void leave(struct probe *p)
{
    atomic_fetch_sub(&p->inside, 1);
}

static bool is_go(void *ctx, etf_term m)
{
    (void)ctx;
    return etf_atom_is(m, "go");
}

static enum gen_next call_another(struct gen *self, const struct gen_from *from,
                                  etf_term to, etf_term request, uint64_t ms)
{
    etf_term reply = ETF_NONE;
    enum agner_err err = gen_call(self, to, request, ms, &reply);

    if (etf_is_none(reply))
        reply = etf_make(self, "none");
    if (from == NULL)
        return GEN_NEXT;
    return gen_reply(self, *from,
                     etf_make(self, "{_, _}", (int64_t)err, reply));
}

static enum gen_next obey(struct gen *self, const struct gen_from *from,
                          etf_term command);

/* Commands that end a callback in a way of their own. */
static bool obey_flow(struct gen *self, const struct gen_from *from,
                      etf_term command, enum gen_next *next)
{
    etf_term a, b;
    uint64_t ms;

    if (etf_match(command, "{stop, _}", &a))
        *next = gen_stop(self, a);
    else if (etf_match(command, "{stop_reply, _, _}", &a, &b) && from != NULL)
        *next = gen_stop_reply(self, *from, a, b);
    else if (etf_match(command, "{leave, _}", &a)) {
        leave(gen_state(self));
        rt_exit(self, a);
    } else if (etf_match(command, "{timeout, _}", &ms))
        *next = gen_timeout(self, ms);
    else if (etf_match(command, "{continue, _}", &a))
        *next = gen_continue(self, a);
    else if (etf_match(command, "{hibernate}"))
        *next = gen_hibernate(self);
    else if (etf_match(command, "{ignore}"))
        *next = GEN_IGNORE;
    else if (etf_match(command, "{bad}"))
        *next = (enum gen_next)77;
    else if (etf_match(command, "{then, _, _}", &a, &b)) {
        (void)obey(self, from, a);
        *next = obey(self, from, b);
    } else
        return false;
    return true;
}

static enum gen_next obey(struct gen *self, const struct gen_from *from,
                          etf_term command)
{
    struct probe *p = gen_state(self);
    enum gen_next next = GEN_NEXT;
    etf_term a, b;
    etf_pid pid;
    uint64_t ms;
    int64_t step;
    bool on;

    if (obey_flow(self, from, command, &next))
        return next;
    if (etf_match(command, "{reply, _}", &a) && from != NULL)
        return gen_reply(self, *from, a);
    if (etf_match(command, "{reply_later}") && from != NULL)
        p->kept = *from;
    else if (etf_match(command, "{answer, _}", &a))
        return gen_reply(self, p->kept, a);
    else if (etf_match(command, "{answer_direct}"))
        gen_direct_reply(self, &p->direct, AGNER_OK,
                         (void *)(2 * p->direct_number));
    else if (etf_match(command, "{add, _}", &step)) {
        p->number += step;
        if (from != NULL)
            return gen_reply(self, *from, etf_make(self, "_", p->number));
    } else if (etf_match(command, "{call, _, _, _}", &a, &b, &ms))
        return call_another(self, from, a, b, ms);
    else if (etf_match(command, "{wait}"))
        (void)rt_receive_match(self, is_go, NULL, RT_INFINITY, &a);
    else if (etf_match(command, "{trap, _}", &on))
        (void)rt_trap_exit(self, on);
    else if (etf_match(command, "{link, _}", &pid))
        (void)rt_link(self, pid);
    return GEN_NEXT;
}

static enum gen_next probe_init(struct gen *self, etf_term args)
{
    struct probe *p = gen_state(self);
    etf_term resource, command;
    void *witness;

    if (!etf_match(args, "{_, _}", &resource, &command) ||
        !etf_get_resource(resource, &witness))
        return gen_stop(self, etf_make(self, "badarg"));
    p->witness = witness;
    witness_add(p->witness, "init", ETF_NONE);
    return obey(self, NULL, command);
}

static enum gen_next probe_call(struct gen *self, struct gen_from from,
                                etf_term request)
{
    struct probe *p = gen_state(self);
    enum gen_next next;

    enter(p);
    witness_add(p->witness, "call", request);
    next = obey(self, &from, request);
    leave(p);
    return next;
}

static enum gen_next probe_cast(struct gen *self, etf_term request)
{
    struct probe *p = gen_state(self);
    enum gen_next next;

    enter(p);
    witness_add(p->witness, "cast", request);
    next = obey(self, NULL, request);
    leave(p);
    return next;
}

static enum gen_next probe_info(struct gen *self, etf_term message)
{
    struct probe *p = gen_state(self);
    enum gen_next next;

    enter(p);
    witness_add(p->witness, "info", message);
    next = obey(self, NULL, message);
    leave(p);
    return next;
}

static enum gen_next probe_continue(struct gen *self, etf_term argument)
{
    struct probe *p = gen_state(self);
    enum gen_next next;

    enter(p);
    witness_add(p->witness, "continue", argument);
    next = obey(self, NULL, argument);
    leave(p);
    return next;
}

static enum agner_err
probe_direct(struct gen *self, const struct rt_direct *direct, void **result)
{
    struct probe *p = gen_state(self);
    const struct probe_request *request = direct->request;

    if (request == NULL)
        return AGNER_EINVAL;
    switch (request->what) {
    case PROBE_DIRECT_TWICE:
        *result = (void *)(2 * request->number);
        return AGNER_OK;
    case PROBE_DIRECT_LATER:
        p->direct = *direct;
        p->direct_number = request->number;
        witness_add(p->witness, "direct", ETF_NONE);
        return AGNER_EAGAIN;
    case PROBE_DIRECT_REFUSE:
        return AGNER_ENOTSUP;
    case PROBE_DIRECT_STOP:
        (void)gen_stop(self, etf_make(self, "asked"));
        return AGNER_EAGAIN;
    }
    return AGNER_EINVAL;
}

static void probe_terminate(struct gen *self, etf_term reason)
{
    struct probe *p = gen_state(self);

    enter(p);
    witness_add(p->witness, "terminate", reason);
    if (etf_atom_is(reason, "slow"))
        (void)rt_receive_match(self, is_go, NULL, RT_INFINITY, &reason);
    leave(p);
}

static etf_term probe_status(struct gen *self)
{
    const struct probe *p = gen_state(self);

    return etf_make(self, "{probe, _}", p->number);
}

static enum agner_err probe_replace(struct gen *self, etf_term state)
{
    struct probe *p = gen_state(self);

    return etf_match(state, "{probe, _}", &p->number) ? AGNER_OK : AGNER_EINVAL;
}

static void probe_destroy(void *state)
{
    struct probe *p = state;

    if (p->witness != NULL)
        witness_add(p->witness, "destroy", ETF_NONE);
}

#define PROBE_SERVER \
    .name = "probe", .state_size = sizeof(struct probe), .init = probe_init, \
    .handle_call = probe_call, .handle_cast = probe_cast, \
    .handle_info = probe_info, .handle_continue = probe_continue, \
    .handle_direct = probe_direct, .terminate = probe_terminate, \
    .format_status = probe_status, .replace_state = probe_replace, \
    .destroy = probe_destroy

const struct gen_server probe_server = { PROBE_SERVER };
const struct gen_server probe_quiet_server = { PROBE_SERVER,
                                               .quiet_exit = true };

/* ---- The world ---------------------------------------------------------- */

static void log_line(void *ctx, enum rt_log_level level, const char *text)
{
    (void)level;
    add_text(ctx, "log", text);
}

int probe_world_start(void **state)
{
    struct probe_world *world = calloc(1, sizeof *world);
    struct rt_options options = { .workers = 2, .log_level = RT_LOG_DEBUG };

    if (world == NULL)
        return -1;
    witness_init(&world->seen);
    witness_init(&world->log);
    options.log = log_line;
    options.log_ctx = &world->log;
    if (rt_new(&options, &world->rt, NULL) != AGNER_OK)
        return -1;
    world->self = rt_attach(world->rt);
    *state = world;
    return world->self != NULL ? 0 : -1;
}

int probe_world_stop(void **state)
{
    struct probe_world *world = *state;
    bool overlapped;

    if (world->self != NULL) { /* a test may have ended it */
        rt_detach(world->self);
        rt_free(world->rt, 1000);
    }
    overlapped = atomic_load(&world->seen.overlapped);
    witness_fini(&world->seen);
    witness_fini(&world->log);
    free(world);
    return overlapped ? -1 : 0;
}

etf_term probe_term(struct probe_world *world, const char *text)
{
    etf_term t = ETF_NONE;
    struct agner_error error = { 0 };

    if (etf_parse(rt_region(world->self), text, strlen(text), &t, NULL,
                  &error) != AGNER_OK)
        fail_msg("%s: %s", text, error.text);
    return t;
}

etf_term probe_args(struct probe_world *world, const char *command)
{
    return etf_make(world->self, "{_, _}",
                    etf_resource(rt_region(world->self), &world->seen, NULL),
                    probe_term(world, command));
}

etf_term probe_start(struct probe_world *world, const char *command)
{
    etf_pid pid;

    assert_int_equal(gen_start(world->self, &probe_server,
                               probe_args(world, command), NULL, &pid, NULL),
                     AGNER_OK);
    return etf_make(world->self, "_", pid);
}

bool probe_equal(struct probe_world *world, etf_term t, const char *text)
{
    return etf_equal(t, probe_term(world, text));
}

void probe_expect(struct probe_world *world, etf_term probe,
                  const char *command, const char *expected)
{
    etf_term reply;
    char text[300];

    assert_int_equal(gen_call(world->self, probe, probe_term(world, command),
                              PROBE_LONG_MS, &reply),
                     AGNER_OK);
    if (!probe_equal(world, reply, expected))
        fail_msg("%s: %s instead of %s", command,
                 etf_format(text, sizeof text, reply), expected);
}

void probe_wait_dead(struct probe_world *world, etf_term probe)
{
    etf_pid pid;

    assert_true(etf_get_pid(probe, &pid));
    assert_int_equal(rt_wait(world->self, pid, PROBE_LONG_MS), AGNER_OK);
}

void probe_mailbox_empty(struct probe_world *world)
{
    etf_term m;
    char text[300];

    if (rt_receive(world->self, 0, &m) == AGNER_OK)
        fail_msg("in the mailbox: %s", etf_format(text, sizeof text, m));
}
