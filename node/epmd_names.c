/*
 * epmd_names.c -- all names that an epmd knows: asked on a loop, or, with
 * node_epmd_names(), from any thread, which brings a loop of its own.
 */
#include <agner/node.h>

#include <stdlib.h>
#include <string.h>

#include <atomic.h>
#include <rt_world.h>

#include "epmd_client.h"

#define ANSWER_MAX (1u << 20) /* bytes: thousands of names */

/* ---- On a loop ------------------------------------------------------------
 */

struct node__epmd_list {
    const struct rt_net *net; /* borrowed: the world's */
    struct rt_loop *loop;     /* borrowed */
    char host[256];
    struct rt_loop_timer timer;
    struct rt_conn *conn;
    struct etf_buffer request;
    struct rt_write write;
    struct etf_buffer answer;
    bool late, cancelled;
    struct agner_error error; /* code AGNER_OK: the answer is complete */
    void (*done)(void *ctx, enum agner_err err, const uint8_t *answer,
                 size_t size, const char *text);
    void *ctx;
};

static void list_free(struct node__epmd_list *list)
{
    etf_buffer_fini(&list->request);
    etf_buffer_fini(&list->answer);
    free(list);
}

static void written(struct rt_write *write, enum agner_err err)
{
    (void)write;
    (void)err; /* the connection hears of it */
}

static void opened(void *ctx, struct rt_conn *conn)
{
    struct node__epmd_list *list = ctx;

    list->write = (struct rt_write){ .bytes = list->request.data,
                                     .size = list->request.size,
                                     .done = written };
    list->net->write(conn, &list->write);
}

static void received(void *ctx, struct rt_conn *conn, const uint8_t *bytes,
                     size_t size)
{
    struct node__epmd_list *list = ctx;
    enum agner_err err;

    if (list->error.code != AGNER_OK)
        return;
    err = etf_buffer_add(&list->answer, bytes, size);
    if (err == AGNER_OK)
        return;
    (void)agner_fail(&list->error, err, "epmd's answer has no end");
    list->net->close(conn, false);
}

static void closed(void *ctx, struct rt_conn *conn, enum agner_err why,
                   const char *text)
{
    struct node__epmd_list *list = ctx;

    (void)conn;
    list->net->timer_stop(list->loop, &list->timer);
    if (list->error.code != AGNER_OK)
        ;
    else if (list->late)
        (void)agner_fail(&list->error, AGNER_ETIMEOUT, "epmd does not answer");
    else if (why != AGNER_OK)
        (void)agner_fail(&list->error, why, "epmd at %s: %s", list->host, text);
    else if (list->answer.size < 4)
        (void)agner_fail(&list->error, AGNER_EPROTO,
                         "epmd closed without an answer");
    else if (list->answer.data[0] != 0 || list->answer.data[1] != 0)
        (void)agner_fail(&list->error, AGNER_EPROTO,
                         "what answers at %s is no epmd", list->host);
    if (!list->cancelled)
        list->done(list->ctx, list->error.code, list->answer.data,
                   list->answer.size, list->error.text);
    list_free(list);
}

static void late(struct rt_loop_timer *timer)
{
    struct node__epmd_list *list =
        (struct node__epmd_list *)((char *)timer -
                                   offsetof(struct node__epmd_list, timer));

    list->late = true;
    list->net->close(list->conn, false);
}

enum agner_err node__epmd_list(
    const struct rt_world *world, struct rt_loop *loop,
    const struct rt_address *address, uint64_t timeout_ms,
    void (*done)(void *ctx, enum agner_err err, const uint8_t *answer,
                 size_t size, const char *text),
    void *ctx, struct node__epmd_list **out, struct agner_error *error)
{
    struct node__epmd_list *list = calloc(1, sizeof *list);
    const struct rt_conn_owner owner = {
        .ctx = list, .opened = opened, .received = received, .closed = closed
    };
    enum agner_err err;

    if (list == NULL)
        return agner_fail(error, AGNER_ENOMEM, "no memory to ask epmd");
    list->net = world->net;
    list->loop = loop;
    memcpy(list->host, address->host, sizeof list->host);
    list->answer.size_max = ANSWER_MAX;
    list->done = done;
    list->ctx = ctx;
    err = node__epmd_ask_names(&list->request);
    if (err != AGNER_OK)
        (void)agner_fail(error, err, "no memory to ask epmd");
    else
        err = list->net->dial(loop, address, timeout_ms, &owner, &list->conn,
                              error);
    if (err != AGNER_OK) {
        list_free(list);
        return err;
    }
    list->timer.fire = late;
    list->net->timer_start(loop, &list->timer, timeout_ms, 0);
    *out = list;
    return AGNER_OK;
}

void node__epmd_list_cancel(struct node__epmd_list *list)
{
    list->cancelled = true;
    list->net->close(list->conn, false);
}

/* ---- From any thread ------------------------------------------------------
 */

struct question {
    const struct rt_world *world;
    struct rt_loop *loop;
    struct rt_address address;
    uint64_t timeout_ms;
    struct rt_task task;
    struct node_epmd_entry *entries;
    size_t room, count;
    struct agner_error error;
    _Atomic uint32_t over; /* set by the loop's thread, last of all */
};

/* Pairs with the acquire in ask(): what was learnt is visible there. */
static void end(struct question *q)
{
    store_release(&q->over, 1);
    q->world->wake(q->world->ctx, &q->over, 1);
}

static void answered(void *ctx, enum agner_err err, const uint8_t *answer,
                     size_t size, const char *text)
{
    struct question *q = ctx;
    struct node_epmd_entry entry;
    size_t at = 4;

    if (err != AGNER_OK)
        (void)agner_fail(&q->error, err, "%s", text);
    while (err == AGNER_OK && q->count < q->room &&
           node__epmd_names_next(answer, size, &at, entry.name, &entry.port))
        q->entries[q->count++] = entry;
    end(q);
}

static void dial(struct rt_task *task)
{
    struct question *q =
        (struct question *)((char *)task - offsetof(struct question, task));
    struct node__epmd_list *list;

    if (node__epmd_list(q->world, q->loop, &q->address, q->timeout_ms, answered,
                        q, &list, &q->error) != AGNER_OK)
        end(q);
}

/* Waits for the answer; the loop's own timer bounds that. */
static void ask(struct question *q)
{
    q->task.run = dial;
    q->world->net->post(q->loop, &q->task);
    while (load_acquire(&q->over) == 0) /* pairs with end() */
        q->world->wait(q->world->ctx, &q->over, 0, RT_NEVER);
}

enum agner_err node_epmd_names(const struct rt_world *world, const char *host,
                               uint16_t port, uint64_t timeout_ms,
                               struct node_epmd_entry *entries, size_t *count,
                               struct agner_error *error)
{
    struct question q = { .world = world,
                          .address = { .kind = RT_ADDRESS_TCP,
                                       .port =
                                           port != 0 ? port : NODE__EPMD_PORT },
                          .timeout_ms = timeout_ms,
                          .entries = entries,
                          .room = *count };
    enum agner_err err;

    if (host == NULL)
        host = "127.0.0.1";
    if (strlen(host) >= sizeof q.address.host)
        return agner_fail(error, AGNER_EINVAL, "the host's name is too long");
    memcpy(q.address.host, host, strlen(host) + 1);
    err = world->net->loop_new(world, "agner-epmd", &q.loop, error);
    if (err != AGNER_OK)
        return err;
    ask(&q);
    world->net->loop_free(q.loop);
    if (q.error.code == AGNER_OK)
        *count = q.count;
    else if (error != NULL)
        *error = q.error;
    return q.error.code;
}
