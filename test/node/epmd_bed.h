/*
 * epmd_bed.h -- an epmd of ours on loopback, and a client of bare bytes.
 */
#ifndef TEST_EPMD_BED_H
#define TEST_EPMD_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <agner/node.h>

#define EPMD_DEADLINE_MS 60000

/* Port 0: any. */
struct node_epmd_server *epmd_serve(uint16_t port);
/* A connection, or -1 when nobody listens. */
int epmd_dial_or_not(uint16_t port);
int epmd_dial(uint16_t port);
/* From the address 127.0.0.HOST: there are only so many ports of one. */
int epmd_dial_from(uint16_t port, uint32_t host);
void epmd_say(int fd, const void *bytes, size_t size);
/* Reads until `size` bytes are there, or the end. */
size_t epmd_hear(int fd, uint8_t *bytes, size_t size);
void epmd_assert_closed(int fd);
/* Waits until the server knows of a connection's end: the name is free. */
void epmd_wait_until_gone(uint16_t port, const char *name);

#endif
