/*
 * epmd_server.c -- our own epmd: connections around the book of names.
 *
 * A connection sends one request and gets one answer; a registration stays
 * open, and its end is the name's. `askers` counts the connections that are no
 * registration: the list is in the order of their last sign of life, so that
 * the first one is closed when there are too many. What the requests mean is
 * decided in epmd_book.c.
 */
#include "epmd_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <agner/node.h>
#include <atomic.h>

#define NS_PER_S UINT64_C(1000000000)

enum guest_state {
    GUEST_ASKING,  /* its request is not complete */
    GUEST_HOLDING, /* it is a registration */
    GUEST_CLOSING, /* it will not be listened to */
};

struct guest {
    struct node__epmd_host *host; /* borrowed: outlives it */
    struct rt_conn *conn;
    struct guest *next,
        *previous; /* all of the host's, oldest sign of life first */
    uint64_t number;
    enum guest_state state;
    bool local;
    struct rt_loop_timer timer; /* while asking */
    struct etf_buffer request;  /* its length, and the body as far as it came */
    struct etf_buffer answer;
    struct rt_write write;
    bool writing; /* the answer is on its way */
};

struct node__epmd_host {
    const struct rt_world *world; /* borrowed */
    struct rt_loop *loop;         /* borrowed */
    struct rt_listener *listener;
    struct node__epmd_book book;
    struct guest *first, *last;
    size_t askers;
    uint64_t numbers; /* given to guests so far */
    bool closing;     /* freed with its last guest */
    bool exiting;     /* a KILL was granted */
    void (*exited)(void *ctx);
    void *ctx;
};

/* ---- Guests ------------------------------------------------------------- */

static void unlist(struct guest *guest)
{
    struct node__epmd_host *host = guest->host;

    if (guest->previous != NULL)
        guest->previous->next = guest->next;
    else
        host->first = guest->next;
    if (guest->next != NULL)
        guest->next->previous = guest->previous;
    else
        host->last = guest->previous;
    guest->next = guest->previous = NULL;
}

static void list_last(struct guest *guest)
{
    struct node__epmd_host *host = guest->host;

    guest->previous = host->last;
    if (host->last != NULL)
        host->last->next = guest;
    else
        host->first = guest;
    host->last = guest;
}

static void host_free(struct node__epmd_host *host)
{
    node__epmd_book_fini(&host->book);
    free(host);
}

static void leave_state(struct guest *guest)
{
    struct node__epmd_host *host = guest->host;

    if (guest->state == GUEST_ASKING) {
        host->world->net->timer_stop(host->loop, &guest->timer);
        host->askers--;
    } else if (guest->state == GUEST_HOLDING) {
        node__epmd_gone(&host->book, guest->number);
    }
}

/* Closes, once; `flush` sends the answer first. */
static void dismiss(struct guest *guest, bool flush)
{
    if (guest->state == GUEST_CLOSING)
        return;
    leave_state(guest);
    guest->state = GUEST_CLOSING;
    guest->host->world->net->close(guest->conn, flush);
}

static void idle(struct rt_loop_timer *timer)
{
    struct guest *guest =
        (struct guest *)((char *)timer - offsetof(struct guest, timer));

    dismiss(guest, false);
}

static void answered(struct rt_write *write, enum agner_err err)
{
    struct guest *guest =
        (struct guest *)((char *)write - offsetof(struct guest, write));

    (void)err; /* the connection hears of it */
    guest->writing = false;
    guest->answer.size = 0;
}

static void send_answer(struct guest *guest)
{
    if (guest->answer.size == 0)
        return;
    guest->writing = true;
    guest->write = (struct rt_write){ .bytes = guest->answer.data,
                                      .size = guest->answer.size,
                                      .done = answered };
    guest->host->world->net->write(guest->conn, &guest->write);
}

/* Stops serving: no new guests, and those that are here are sent away. */
static void shut(struct node__epmd_host *host)
{
    struct guest *guest, *next;

    host->closing = true;
    if (host->listener != NULL)
        host->world->net->unlisten(host->listener);
    host->listener = NULL;
    for (guest = host->first; guest != NULL; guest = next) {
        next = guest->next;
        dismiss(guest, false);
    }
}

/* Answers the request whose body is complete. */
static void serve(struct guest *guest, const uint8_t *body, size_t size)
{
    struct node__epmd_host *host = guest->host;
    enum node__epmd_next next;

    host->book.now =
        (uint32_t)(host->world->wall_ns(host->world->ctx) / NS_PER_S);
    next = node__epmd_answer(&host->book, guest->number, guest->local, body,
                             size, &guest->answer);
    send_answer(guest);
    switch (next) {
    case NODE__EPMD_KEEP:
        break;
    case NODE__EPMD_HOLD:
        /* From now on the guest is not counted: the names have their own limit.
         */
        leave_state(guest);
        guest->state = GUEST_HOLDING;
        break;
    case NODE__EPMD_CLOSE:
        dismiss(guest, true);
        break;
    case NODE__EPMD_EXIT:
        host->exiting = true;
        dismiss(guest, true);
        shut(host);
        break;
    }
}

/* Puts the request together and serves it. A request that follows in the same
 * bytes, or before the answer to the last one has gone out, is one too many. */
static void take(struct guest *guest, const uint8_t *bytes, size_t size)
{
    struct etf_buffer *request = &guest->request;
    size_t whole;

    if (guest->writing || etf_buffer_add(request, bytes, size) != AGNER_OK) {
        dismiss(guest, false);
        return;
    }
    if (request->size < 2)
        return;
    whole = 2 + ((size_t)request->data[0] << 8 | request->data[1]);
    if (whole == 2 || whole > 2 + NODE__EPMD_REQUEST_MAX ||
        request->size > whole) {
        dismiss(guest, false);
        return;
    }
    if (request->size < whole)
        return;
    request->size = 0; /* the bytes stay where they are for now */
    serve(guest, request->data + 2, whole - 2);
}

static void guest_received(void *ctx, struct rt_conn *conn,
                           const uint8_t *bytes, size_t size)
{
    struct guest *guest = ctx;

    (void)conn;
    switch (guest->state) {
    case GUEST_ASKING:
        take(guest, bytes, size);
        break;
    case GUEST_HOLDING:
        dismiss(guest, false); /* nodes have nothing to say once registered */
        break;
    case GUEST_CLOSING:
        break;
    }
}

static void guest_closed(void *ctx, struct rt_conn *conn, enum agner_err why,
                         const char *text)
{
    struct guest *guest = ctx;
    struct node__epmd_host *host = guest->host;

    (void)conn;
    (void)why;
    (void)text;
    leave_state(guest);
    unlist(guest);
    etf_buffer_fini(&guest->request);
    etf_buffer_fini(&guest->answer);
    free(guest);
    if (!host->closing || host->first != NULL)
        return;
    if (host->exiting && host->exited != NULL)
        host->exited(host->ctx);
    host_free(host);
}

static bool is_loopback(const struct rt_address *from)
{
    const char *host = from->host;

    if (strncmp(host, "::ffff:", 7) == 0)
        host += 7;
    return from->kind == RT_ADDRESS_UNIX || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "::1") == 0;
}

/* The asker that has been here longest makes way for a new one (B-EPM-2). */
static void dismiss_oldest_asker(struct node__epmd_host *host)
{
    struct guest *guest = host->first;

    while (guest != NULL && guest->state != GUEST_ASKING)
        guest = guest->next;
    if (guest != NULL)
        dismiss(guest, false);
}

static void accepted(void *ctx, struct rt_listener *listener,
                     struct rt_conn *conn, const struct rt_address *from)
{
    struct node__epmd_host *host = ctx;
    const struct rt_net *net = host->world->net;
    struct guest *guest = calloc(1, sizeof *guest);
    struct rt_conn_owner owner = { .ctx = guest,
                                   .received = guest_received,
                                   .closed = guest_closed };

    (void)listener;
    if (guest == NULL) {
        net->close(conn, false);
        return;
    }
    if (host->askers == NODE__EPMD_CONNECTIONS_MAX)
        dismiss_oldest_asker(host);
    guest->host = host;
    guest->conn = conn;
    guest->number = ++host->numbers;
    guest->local = is_loopback(from);
    guest->request.size_max = 2 + NODE__EPMD_REQUEST_MAX;
    guest->timer.fire = idle;
    host->askers++;
    list_last(guest);
    net->timer_start(host->loop, &guest->timer, NODE__EPMD_IDLE_MS, 0);
    net->adopt(conn, &owner);
}

/* ---- The server --------------------------------------------------------- */

enum agner_err node__epmd_host_open(const struct rt_world *world,
                                    struct rt_loop *loop,
                                    const struct rt_address *address,
                                    void (*exited)(void *ctx), void *ctx,
                                    struct node__epmd_host **host,
                                    struct rt_address *bound,
                                    struct agner_error *error)
{
    struct node__epmd_host *made = calloc(1, sizeof *made);
    struct rt_listen_owner owner = { .ctx = made, .accepted = accepted };
    struct rt_address real;
    enum agner_err err;

    if (made == NULL)
        return agner_fail(error, AGNER_ENOMEM, "no memory to serve epmd");
    made->world = world;
    made->loop = loop;
    made->exited = exited;
    made->ctx = ctx;
    err = world->net->listen(loop, address, &owner, &made->listener, &real,
                             error);
    if (err != AGNER_OK) {
        free(made);
        return err;
    }
    made->book.port = real.port;
    if (bound != NULL)
        *bound = real;
    *host = made;
    return AGNER_OK;
}

void node__epmd_host_close(struct node__epmd_host *host)
{
    if (host == NULL)
        return;
    host->exited = NULL;
    shut(host);
    if (host->first == NULL)
        host_free(host);
}
