/*
 * raw_peer.h -- a peer that is only a socket: it says what a test wants it to.
 *
 * Blocking, with a deadline on every step; a step that does not come in time
 * fails the test.
 */
#ifndef TEST_RAW_PEER_H
#define TEST_RAW_PEER_H

#include <agner/etf.h>

#include "handshake.h"

/* A TCP connection to 127.0.0.1:port. */
int raw_connect(uint16_t port);
/* A listener on 127.0.0.1, and its port; then a connection that came to it. */
int raw_listen(uint16_t *port);
int raw_accept(int listener);
void raw_send(int fd, const void *bytes, size_t size);
/* Reads exactly that many; false: the other end closed. */
bool raw_read(int fd, void *bytes, size_t size);
/* Reads and drops until the other end closes; returns how many bytes came. */
size_t raw_read_to_end(int fd);

/* Connects and shakes hands as the side that dials, as `name` with `cookie` and
 * `flags` (0: all that we offer), to the node called `node`. The socket, or -1
 * and hs->error. */
int raw_dial(uint16_t port, const char *name, const char *node,
             const char *cookie, uint64_t flags, struct node__handshake *hs);

/* One packet with its length: 4 bytes and what follows. */
void raw_packet(int fd, const void *bytes, size_t size);

#endif
