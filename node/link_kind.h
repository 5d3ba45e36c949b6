/*
 * link_kind.h -- how a connection is dialled, and what its other end has
 * proven.
 *
 * Private to node/.
 */
#ifndef NODE_LINK_KIND_H
#define NODE_LINK_KIND_H

enum conn_form {
    CONN_SECURE,
    CONN_PLAIN,
    CONN_PLAIN_OLD, /* in version 5 of the handshake */
};

/* Decided once, before the connection is up. */
enum link_kind {
    LINK_SECURE_LISTED,  /* its key is on the list for its name */
    LINK_SECURE_COOKIE,  /* it has the cookie, and a key that nobody listed */
    LINK_PLAIN_LOOPBACK, /* the Erlang distribution, from this machine */
    LINK_PLAIN_OTHER,    /* the same from elsewhere */
};

#endif
