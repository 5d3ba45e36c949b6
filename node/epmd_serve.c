/*
 * epmd_serve.c -- node_epmd_serve(): our epmd on a loop of its own.
 *
 * Opening and closing happen on that loop's thread; the caller waits for
 * either.
 */
#include <agner/node.h>

#include <stdlib.h>
#include <string.h>

#include <atomic.h>

#include "epmd_server.h"

struct node_epmd_server {
    const struct rt_world *world; /* borrowed */
    struct rt_loop *loop;
    struct rt_address address;
    struct node__epmd_host *host; /* loop thread; NULL after a KILL */
    struct rt_task task;
    enum agner_err err; /* of opening */
    struct agner_error error;
    _Atomic uint32_t done;  /* the task ran */
    _Atomic uint32_t ended; /* a KILL was granted */
};

static struct node_epmd_server *server_of(struct rt_task *task)
{
    return (struct node_epmd_server *)((char *)task -
                                       offsetof(struct node_epmd_server, task));
}

/* Pairs with the acquire in run(). */
static void task_done(struct node_epmd_server *server)
{
    store_release(&server->done, 1);
    server->world->wake(server->world->ctx, &server->done, 1);
}

/* On the loop's thread; waits for task_done(). */
static void run(struct node_epmd_server *server,
                void (*task)(struct rt_task *task))
{
    store_relaxed(&server->done, 0); /* post() publishes it */
    server->task.run = task;
    server->world->net->post(server->loop, &server->task);
    while (load_acquire(&server->done) == 0) /* pairs with task_done() */
        server->world->wait(server->world->ctx, &server->done, 0, RT_NEVER);
}

static void ended(void *ctx)
{
    struct node_epmd_server *server = ctx;

    server->host = NULL;
    store_relaxed(&server->ended, 1); /* a flag, and nothing behind it */
}

static void open_host(struct rt_task *task)
{
    struct node_epmd_server *server = server_of(task);

    server->err = node__epmd_host_open(
        server->world, server->loop, &server->address, ended, server,
        &server->host, &server->address, &server->error);
    task_done(server);
}

static void close_host(struct rt_task *task)
{
    struct node_epmd_server *server = server_of(task);

    node__epmd_host_close(server->host);
    server->host = NULL;
    task_done(server);
}

static enum agner_err start(struct node_epmd_server *server,
                            struct agner_error *error)
{
    enum agner_err err = server->world->net->loop_new(
        server->world, "agner-epmd", &server->loop, error);

    if (err != AGNER_OK)
        return err;
    run(server, open_host);
    if (server->err == AGNER_OK)
        return AGNER_OK;
    if (error != NULL)
        *error = server->error;
    server->world->net->loop_free(server->loop);
    return server->err;
}

enum agner_err node_epmd_serve(const struct rt_world *world, const char *host,
                               uint16_t port, struct node_epmd_server **server,
                               struct agner_error *error)
{
    struct node_epmd_server *made;
    enum agner_err err;

    if (host == NULL)
        host = "0.0.0.0";
    if (strlen(host) >= sizeof made->address.host)
        return agner_fail(error, AGNER_EINVAL, "the host's name is too long");
    made = calloc(1, sizeof *made);
    if (made == NULL)
        return agner_fail(error, AGNER_ENOMEM, "no memory to serve epmd");
    made->world = world;
    made->address.kind = RT_ADDRESS_TCP;
    made->address.port = port;
    memcpy(made->address.host, host, strlen(host) + 1);
    err = start(made, error);
    if (err != AGNER_OK) {
        free(made);
        return err;
    }
    *server = made;
    return AGNER_OK;
}

uint16_t node_epmd_port(const struct node_epmd_server *server)
{
    return server->address.port;
}

bool node_epmd_ended(const struct node_epmd_server *server)
{
    return load_relaxed(&server->ended) != 0;
}

void node_epmd_stop(struct node_epmd_server *server)
{
    if (server == NULL)
        return;
    run(server, close_host);
    server->world->net->loop_free(server->loop);
    free(server);
}
