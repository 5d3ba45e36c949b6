/*
 * epmd_client.c -- a registration that is kept up, and look-ups.
 *
 * Each dial ends in `closed`, so that is the one place where an attempt is
 * judged: what was learnt before (an answer, a refusal, a time-out) is noted in
 * the struct, and the connection is closed.
 */
#include "epmd_client.h"

#include <stdlib.h>
#include <string.h>

#define DIAL_MS 5000 /* for the connection, and then for the answer */
#define RETRY_MS \
    1000 /* after the first failure, doubled up to RETRY_MAX_MS \
          */
#define RETRY_MAX_MS 4000 /* so that we are back within 5 s (B-EPM-4) */
#define ANSWER_MAX \
    4096 /* bytes of a look-up's answer: far more than it has \
          */

/* A request on its way out; the bytes stay until its connection has closed. */
static void written(struct rt_write *write, enum agner_err err)
{
    (void)write;
    (void)err; /* the connection hears of it */
}

static void send_request(const struct rt_net *net, struct rt_conn *conn,
                         struct rt_write *write,
                         const struct etf_buffer *request)
{
    *write = (struct rt_write){ .bytes = request->data,
                                .size = request->size,
                                .done = written };
    net->write(conn, write);
}

static void note(struct agner_error *outcome, enum agner_err err,
                 const char *text)
{
    (void)agner_fail(outcome, err, "%s", text);
}

/* ---- A registration that is kept up ------------------------------------- */

struct node__epmd_keeper {
    const struct rt_net *net; /* borrowed: the world's */
    struct rt_loop *loop;     /* borrowed */
    struct rt_address address;
    struct node__epmd_owner owner;
    struct rt_conn *conn;       /* NULL between attempts */
    struct rt_loop_timer timer; /* the answer's, or the next attempt's */
    struct etf_buffer request;
    struct rt_write write;
    uint8_t answer[6];
    size_t held; /* of the answer */
    bool registered;
    bool released;
    bool calling; /* inside the owner's function: not to be freed there */
    uint64_t retry_ms;
    struct agner_error
        outcome; /* of this attempt, unless the network's counts */
};

static void keeper_free(struct node__epmd_keeper *keeper)
{
    etf_buffer_fini(&keeper->request);
    free(keeper);
}

static void try_again(struct rt_loop_timer *timer);
static void answer_late(struct rt_loop_timer *timer);

static struct node__epmd_keeper *keeper_of(struct rt_loop_timer *timer)
{
    return (
        struct node__epmd_keeper *)((char *)timer -
                                    offsetof(struct node__epmd_keeper, timer));
}

static void start_timer(struct node__epmd_keeper *keeper,
                        void (*fire)(struct rt_loop_timer *), uint64_t after_ms)
{
    keeper->timer.fire = fire;
    keeper->net->timer_start(keeper->loop, &keeper->timer, after_ms, 0);
}

/* An attempt is over: tells the owner, and sets the time of the next one. */
static void attempt_failed(struct node__epmd_keeper *keeper, enum agner_err err,
                           const char *text)
{
    uint64_t wait_ms = keeper->retry_ms;
    bool at_once;

    keeper->calling = true;
    at_once = keeper->owner.failed(keeper->owner.ctx, err, text);
    keeper->calling = false;
    if (keeper->released) {
        keeper_free(keeper);
        return;
    }
    if (at_once)
        wait_ms = 0;
    else
        keeper->retry_ms =
            2 * wait_ms < RETRY_MAX_MS ? 2 * wait_ms : RETRY_MAX_MS;
    start_timer(keeper, try_again, wait_ms);
}

static void keeper_opened(void *ctx, struct rt_conn *conn)
{
    struct node__epmd_keeper *keeper = ctx;

    send_request(keeper->net, conn, &keeper->write, &keeper->request);
    start_timer(keeper, answer_late, DIAL_MS);
}

static void read_answer(struct node__epmd_keeper *keeper)
{
    struct agner_error error;
    uint32_t creation;
    enum agner_err err = node__epmd_alive_answer(keeper->answer, keeper->held,
                                                 &creation, &error);

    if (err == AGNER_ETRUNCATED)
        return;
    keeper->net->timer_stop(keeper->loop, &keeper->timer);
    if (err != AGNER_OK) {
        keeper->outcome = error;
        keeper->net->close(keeper->conn, false);
        return;
    }
    keeper->registered = true;
    keeper->retry_ms = RETRY_MS;
    keeper->owner.registered(keeper->owner.ctx, creation);
}

static void keeper_received(void *ctx, struct rt_conn *conn,
                            const uint8_t *bytes, size_t size)
{
    struct node__epmd_keeper *keeper = ctx;
    size_t room = sizeof keeper->answer - keeper->held;

    (void)conn;
    if (keeper->registered || keeper->released ||
        keeper->outcome.code != AGNER_OK)
        return; /* epmd has nothing more to say */
    if (size > room)
        size = room;
    memcpy(keeper->answer + keeper->held, bytes, size);
    keeper->held += size;
    read_answer(keeper);
}

static void keeper_closed(void *ctx, struct rt_conn *conn, enum agner_err why,
                          const char *text)
{
    struct node__epmd_keeper *keeper = ctx;

    (void)conn;
    keeper->conn = NULL;
    if (keeper->released) {
        keeper_free(keeper);
        return;
    }
    keeper->net->timer_stop(keeper->loop, &keeper->timer);
    if (keeper->outcome.code == AGNER_OK && keeper->registered)
        note(&keeper->outcome, AGNER_ENOCONN,
             "the connection to epmd was lost");
    else if (keeper->outcome.code == AGNER_OK && why == AGNER_OK)
        note(&keeper->outcome, AGNER_EPROTO, "epmd closed without an answer");
    else if (keeper->outcome.code == AGNER_OK)
        note(&keeper->outcome, why, text);
    attempt_failed(keeper, keeper->outcome.code, keeper->outcome.text);
}

static void answer_late(struct rt_loop_timer *timer)
{
    struct node__epmd_keeper *keeper = keeper_of(timer);

    note(&keeper->outcome, AGNER_ETIMEOUT, "epmd does not answer");
    keeper->net->close(keeper->conn, false);
}

static enum agner_err attempt(struct node__epmd_keeper *keeper,
                              struct agner_error *error)
{
    const struct rt_conn_owner owner = { .ctx = keeper,
                                         .opened = keeper_opened,
                                         .received = keeper_received,
                                         .closed = keeper_closed };

    keeper->held = 0;
    keeper->registered = false;
    keeper->outcome = (struct agner_error){ .code = AGNER_OK };
    return keeper->net->dial(keeper->loop, &keeper->address, DIAL_MS, &owner,
                             &keeper->conn, error);
}

static void try_again(struct rt_loop_timer *timer)
{
    struct node__epmd_keeper *keeper = keeper_of(timer);
    struct agner_error error;
    enum agner_err err = attempt(keeper, &error);

    if (err != AGNER_OK)
        attempt_failed(keeper, err, error.text);
}

enum agner_err node__epmd_register(const struct rt_world *world,
                                   struct rt_loop *loop,
                                   const struct rt_address *address,
                                   const struct node__epmd_node *node,
                                   const struct node__epmd_owner *owner,
                                   struct node__epmd_keeper **keeper,
                                   struct agner_error *error)
{
    struct node__epmd_keeper *made = calloc(1, sizeof *made);
    enum agner_err err;

    if (made == NULL)
        return agner_fail(error, AGNER_ENOMEM, "no memory to register");
    made->net = world->net;
    made->loop = loop;
    made->address = *address;
    made->owner = *owner;
    made->retry_ms = RETRY_MS;
    err = node__epmd_ask_alive(&made->request, node);
    if (err != AGNER_OK)
        (void)agner_fail(error, err, "'%s' cannot be registered with epmd",
                         node->name);
    else
        err = attempt(made, error);
    if (err != AGNER_OK) {
        keeper_free(made);
        return err;
    }
    *keeper = made;
    return AGNER_OK;
}

void node__epmd_release(struct node__epmd_keeper *keeper)
{
    if (keeper == NULL)
        return;
    keeper->released = true;
    keeper->net->timer_stop(keeper->loop, &keeper->timer);
    if (keeper->conn != NULL)
        keeper->net->close(keeper->conn, false);
    else if (!keeper->calling)
        keeper_free(keeper);
}

/* ---- Looking up --------------------------------------------------------- */

struct node__epmd_lookup {
    const struct rt_net *net; /* borrowed: the world's */
    struct rt_loop *loop;     /* borrowed */
    struct rt_conn *conn;
    struct rt_loop_timer timer;
    char name[NODE__EPMD_NAME_MAX + 1];
    struct etf_buffer request;
    struct rt_write write;
    struct etf_buffer answer;
    void (*done)(void *ctx, enum agner_err err,
                 const struct node__epmd_node *node, const char *text);
    void *ctx;
    bool closing; /* the outcome is known */
    bool cancelled;
    struct node__epmd_node found;
    struct agner_error outcome;
};

static void lookup_free(struct node__epmd_lookup *lookup)
{
    etf_buffer_fini(&lookup->request);
    etf_buffer_fini(&lookup->answer);
    free(lookup);
}

static void lookup_end(struct node__epmd_lookup *lookup)
{
    lookup->closing = true;
    lookup->net->close(lookup->conn, false);
}

static void lookup_late(struct rt_loop_timer *timer)
{
    struct node__epmd_lookup *lookup =
        (struct node__epmd_lookup *)((char *)timer -
                                     offsetof(struct node__epmd_lookup, timer));

    if (lookup->closing)
        return;
    note(&lookup->outcome, AGNER_ETIMEOUT, "epmd does not answer");
    lookup_end(lookup);
}

static void lookup_opened(void *ctx, struct rt_conn *conn)
{
    struct node__epmd_lookup *lookup = ctx;

    send_request(lookup->net, conn, &lookup->write, &lookup->request);
}

/* Reads what has come; AGNER_ETRUNCATED when it is not all. */
static void read_found(struct node__epmd_lookup *lookup)
{
    (void)node__epmd_port_answer(lookup->answer.data, lookup->answer.size,
                                 lookup->name, &lookup->found,
                                 &lookup->outcome);
}

static void lookup_received(void *ctx, struct rt_conn *conn,
                            const uint8_t *bytes, size_t size)
{
    struct node__epmd_lookup *lookup = ctx;
    enum agner_err err;

    (void)conn;
    if (lookup->closing)
        return;
    err = etf_buffer_add(&lookup->answer, bytes, size);
    if (err != AGNER_OK) {
        note(&lookup->outcome, err == AGNER_ELIMIT ? AGNER_EPROTO : err,
             "epmd's answer has no end");
        lookup_end(lookup);
        return;
    }
    lookup->outcome.code = AGNER_OK;
    read_found(lookup);
    if (lookup->outcome.code != AGNER_ETRUNCATED)
        lookup_end(lookup);
}

static void lookup_closed(void *ctx, struct rt_conn *conn, enum agner_err why,
                          const char *text)
{
    struct node__epmd_lookup *lookup = ctx;
    enum agner_err err;

    (void)conn;
    lookup->net->timer_stop(lookup->loop, &lookup->timer);
    if (!lookup->closing && lookup->outcome.code == AGNER_ETRUNCATED)
        lookup->outcome.code = AGNER_EPROTO;
    else if (!lookup->closing && why == AGNER_OK)
        note(&lookup->outcome, AGNER_EPROTO, "epmd closed without an answer");
    else if (!lookup->closing) /* a host without address is no unknown name */
        note(&lookup->outcome, why == AGNER_ENONAME ? AGNER_EUNKNOWN : why,
             text);
    err = lookup->outcome.code;
    if (!lookup->cancelled)
        lookup->done(lookup->ctx, err, err == AGNER_OK ? &lookup->found : NULL,
                     err == AGNER_OK ? "" : lookup->outcome.text);
    lookup_free(lookup);
}

static enum agner_err lookup_dial(struct node__epmd_lookup *lookup,
                                  const struct rt_address *address,
                                  uint64_t timeout_ms,
                                  struct agner_error *error)
{
    const struct rt_conn_owner owner = { .ctx = lookup,
                                         .opened = lookup_opened,
                                         .received = lookup_received,
                                         .closed = lookup_closed };
    enum agner_err err = lookup->net->dial(lookup->loop, address, timeout_ms,
                                           &owner, &lookup->conn, error);

    if (err != AGNER_OK)
        return err;
    lookup->timer.fire = lookup_late;
    lookup->net->timer_start(lookup->loop, &lookup->timer, timeout_ms, 0);
    return AGNER_OK;
}

enum agner_err node__epmd_look_up(
    const struct rt_world *world, struct rt_loop *loop,
    const struct rt_address *address, const char *name, uint64_t timeout_ms,
    void (*done)(void *ctx, enum agner_err err,
                 const struct node__epmd_node *node, const char *text),
    void *ctx, struct node__epmd_lookup **lookup, struct agner_error *error)
{
    struct node__epmd_lookup *made = calloc(1, sizeof *made);
    enum agner_err err;

    if (made == NULL)
        return agner_fail(error, AGNER_ENOMEM, "no memory to look %s up", name);
    made->net = world->net;
    made->loop = loop;
    made->answer.size_max = ANSWER_MAX;
    made->done = done;
    made->ctx = ctx;
    err = node__epmd_ask_port(&made->request, name);
    if (err != AGNER_OK) {
        (void)agner_fail(error, err, "'%s' is no name for epmd", name);
    } else {
        memcpy(made->name, name, strlen(name) + 1);
        err = lookup_dial(made, address, timeout_ms, error);
    }
    if (err != AGNER_OK) {
        lookup_free(made);
        return err;
    }
    if (lookup != NULL)
        *lookup = made;
    return AGNER_OK;
}

void node__epmd_look_up_cancel(struct node__epmd_lookup *lookup)
{
    lookup->cancelled = true;
    if (!lookup->closing)
        lookup_end(lookup);
}
