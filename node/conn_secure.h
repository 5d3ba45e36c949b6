/*
 * conn_secure.h -- the secure link of one connection.
 *
 * Private to node/; loop thread only. The machine of secure.h says what to
 * send; these move the bytes, answer what it asks about keys, cookies and other
 * connections, and open the records that come.
 */
#ifndef NODE_CONN_SECURE_H
#define NODE_CONN_SECURE_H

#include "conn.h"

/* Begins as the side that dialled, which sends the first bytes, or as the side
 * that accepted. Closes the connection when it cannot. */
void node__conn_secure_dial(struct conn *conn);
void node__conn_secure_accept(struct conn *conn);

/* Bytes before it is up. Returns how many were taken: all, or it is up, or
 * closing. */
size_t node__conn_secure_shake(struct conn *conn, const uint8_t *bytes,
                               size_t size);

/* Bytes when it is up. May close the connection. */
void node__conn_secure_received(struct conn *conn, const uint8_t *bytes,
                                size_t size);

/* We end the link, in order: the last record. */
void node__conn_secure_goodbye(struct conn *conn);

/* No byte of it is understood or sent from now on: the keys go. */
void node__conn_secure_wipe(struct conn *conn);
/* Nothing refers to it any more. */
void node__conn_secure_free(struct conn *conn);

enum node_step node__conn_secure_step(const struct conn *conn);

#endif
