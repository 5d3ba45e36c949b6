/*
 * epmd_names.c -- node_epmd_names(): one question, asked from any thread.
 *
 * It brings a loop of its own, and waits for that loop's connection to close.
 */
#include <agner/node.h>

#include <stdlib.h>
#include <string.h>

#include <atomic.h>
#include <rt_world.h>

#include "epmd_proto.h"

#define ANSWER_MAX (1u << 20) /* bytes: thousands of names */
#define NS_PER_MS  UINT64_C(1000000)

struct question {
    const struct rt_world *world;
    struct rt_loop *loop;
    struct rt_address address;
    uint64_t timeout_ms;
    struct rt_task task;
    struct rt_loop_timer timer;
    struct rt_conn *conn;
    struct etf_buffer request;
    struct rt_write write;
    struct etf_buffer answer;
    bool late;
    struct agner_error error; /* code AGNER_OK: the answer is complete */
    _Atomic uint32_t over;    /* set by the loop's thread, last of all */
};

/* Pairs with the acquire in ask(): what was learnt is visible there. */
static void end(struct question *q)
{
    store_release(&q->over, 1);
    q->world->wake(q->world->ctx, &q->over, 1);
}

static void written(struct rt_write *write, enum agner_err err)
{
    (void)write;
    (void)err; /* the connection hears of it */
}

static void opened(void *ctx, struct rt_conn *conn)
{
    struct question *q = ctx;

    q->write = (struct rt_write){ .bytes = q->request.data,
                                  .size = q->request.size,
                                  .done = written };
    q->world->net->write(conn, &q->write);
}

static void received(void *ctx, struct rt_conn *conn, const uint8_t *bytes,
                     size_t size)
{
    struct question *q = ctx;
    enum agner_err err;

    if (q->error.code != AGNER_OK)
        return;
    err = etf_buffer_add(&q->answer, bytes, size);
    if (err == AGNER_OK)
        return;
    (void)agner_fail(&q->error, err, "epmd's answer has no end");
    q->world->net->close(conn, false);
}

static void closed(void *ctx, struct rt_conn *conn, enum agner_err why,
                   const char *text)
{
    struct question *q = ctx;

    (void)conn;
    q->world->net->timer_stop(q->loop, &q->timer);
    if (q->error.code != AGNER_OK)
        ;
    else if (q->late)
        (void)agner_fail(&q->error, AGNER_ETIMEOUT, "epmd does not answer");
    else if (why != AGNER_OK)
        (void)agner_fail(&q->error, why, "epmd at %s: %s", q->address.host,
                         text);
    else if (q->answer.size < 4)
        (void)agner_fail(&q->error, AGNER_EPROTO,
                         "epmd closed without an answer");
    end(q);
}

static void late(struct rt_loop_timer *timer)
{
    struct question *q =
        (struct question *)((char *)timer - offsetof(struct question, timer));

    q->late = true;
    q->world->net->close(q->conn, false);
}

static void dial(struct rt_task *task)
{
    struct question *q =
        (struct question *)((char *)task - offsetof(struct question, task));
    const struct rt_conn_owner owner = {
        .ctx = q, .opened = opened, .received = received, .closed = closed
    };

    if (q->world->net->dial(q->loop, &q->address, q->timeout_ms, &owner,
                            &q->conn, &q->error) != AGNER_OK) {
        end(q);
        return;
    }
    q->timer.fire = late;
    q->world->net->timer_start(q->loop, &q->timer, q->timeout_ms, 0);
}

/* Waits until the connection has closed; the loop's own timer bounds that. */
static void ask(struct question *q)
{
    q->task.run = dial;
    q->world->net->post(q->loop, &q->task);
    while (load_acquire(&q->over) == 0) /* pairs with end() */
        q->world->wait(q->world->ctx, &q->over, 0, RT_NEVER);
}

static void read_entries(const struct question *q,
                         struct node_epmd_entry *entries, size_t *count)
{
    size_t at = 4, found = 0;
    struct node_epmd_entry entry;

    while (found < *count &&
           node__epmd_names_next(q->answer.data, q->answer.size, &at,
                                 entry.name, &entry.port))
        entries[found++] = entry;
    *count = found;
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
                          .answer = { .size_max = ANSWER_MAX } };
    enum agner_err err;

    if (host == NULL)
        host = "127.0.0.1";
    if (strlen(host) >= sizeof q.address.host)
        return agner_fail(error, AGNER_EINVAL, "the host's name is too long");
    memcpy(q.address.host, host, strlen(host) + 1);
    err = node__epmd_ask_names(&q.request);
    if (err != AGNER_OK)
        return agner_fail(error, err, "no memory to ask epmd");
    err = world->net->loop_new(world, "agner-epmd", &q.loop, error);
    if (err == AGNER_OK) {
        ask(&q);
        world->net->loop_free(q.loop);
        err = q.error.code;
        if (err == AGNER_OK)
            read_entries(&q, entries, count);
        else if (error != NULL)
            *error = q.error;
    }
    etf_buffer_fini(&q.request);
    etf_buffer_fini(&q.answer);
    return err;
}
