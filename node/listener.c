/*
 * listener.c -- connections that come in, and who is let near the handshake.
 *
 * Loop thread only. A connection that is refused is closed before a byte of it
 * is read, and costs one line in the log at most.
 */
#include "conn.h"
#include "node_room.h"

static void refuse(struct node *node, struct rt_conn *conn,
                   const struct rt_address *from, const char *why)
{
    uint64_t now_ms = node__now_ms(node);
    unsigned hidden;

    if (node__admission_log(&node->admission, from->host, now_ms, &hidden))
        rt_log(node->rt, RT_LOG_WARNING,
               "%s: refused %s:%u: %s (%u more like this)", node__name(node),
               from->host, from->port, why, hidden);
    node->net->close(conn, false);
}

static void accepted(void *ctx, struct rt_listener *listener,
                     struct rt_conn *conn, const struct rt_address *from)
{
    struct node *node = ctx;
    uint64_t now_ms = node__now_ms(node);
    struct node_source *source;
    const char *why;

    (void)listener;
    if (!node->open) {
        node->net->close(conn, false);
        return;
    }
    source = node__admission_begin(&node->admission, from->host, now_ms, &why);
    if (source == NULL) {
        refuse(node, conn, from, why);
        return;
    }
    if (node__conn_accept(node, conn, from, source) != AGNER_OK) {
        node__admission_end(&node->admission, source, false, now_ms);
        refuse(node, conn, from, "out of memory");
    }
}

enum agner_err node__listen(struct node *node, struct agner_error *error)
{
    struct rt_listen_owner owner = { .ctx = node, .accepted = accepted };
    struct rt_address bound;
    enum agner_err err =
        node->net->listen(node->loop, &node->listen_address, &owner,
                          &node->listener, &bound, error);

    if (err == AGNER_OK)
        node->listen_address.port = bound.port;
    return err;
}

void node__unlisten(struct node *node)
{
    if (node->listener != NULL)
        node->net->unlisten(node->listener);
    node->listener = NULL;
}
