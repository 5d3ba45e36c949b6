/*
 * listener.c -- connections that come in, and who is let near the handshake.
 *
 * Loop thread only. A connection that is refused is closed before a byte of it
 * is read, and costs one line in the log at most. None can be taken while
 * descriptors are short: they wait in the kernel's queue then.
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
               "%s: refused %s:%u after 0 bytes: %s (%u more like this)",
               node__name(node), from->host, from->port, why, hidden);
    else
        node__limit_meet(node, NODE_LIMIT_LOG_LINES);
    node->net->close(conn, false);
}

static void accepted(void *ctx, struct rt_listener *listener,
                     struct rt_conn *conn, const struct rt_address *from)
{
    struct node *node = ctx;
    uint64_t now_ms = node__now_ms(node);
    struct node_source *source;
    enum node_limit why;

    (void)listener;
    node->accept_paused = false;
    if (!node->open) {
        node->net->close(conn, false);
        return;
    }
    if (rt_memory_level(node->rt) != RT_MEMORY_OK) {
        node__limit_meet(node, NODE_LIMIT_MEMORY_SOFT);
        refuse(node, conn, from, node__limit_text(NODE_LIMIT_MEMORY_SOFT));
        return;
    }
    source = node__admission_begin(&node->admission, from->host, now_ms, &why);
    if (source == NULL) {
        node__limit_meet(node, why);
        node__refuse(node, NODE_REFUSED_LIMIT);
        refuse(node, conn, from, node__limit_text(why));
        return;
    }
    if (node__conn_accept(node, conn, from, source) != AGNER_OK) {
        node__admission_end(&node->admission, source, NODE_OUTCOME_NONE,
                            now_ms);
        refuse(node, conn, from, "out of memory");
    }
}

/* The listener tries again by itself, ten times a second: told once, until one
 * could be accepted. */
static void paused(void *ctx, struct rt_listener *listener, const char *text)
{
    struct node *node = ctx;

    (void)listener;
    if (!node->accept_paused)
        rt_log(node->rt, RT_LOG_WARNING,
               "%s: accepts no connections for now: %s", node__name(node),
               text);
    node->accept_paused = true;
}

enum agner_err node__listen(struct node *node, struct agner_error *error)
{
    struct rt_listen_owner owner = { .ctx = node,
                                     .accepted = accepted,
                                     .refused = paused };
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
