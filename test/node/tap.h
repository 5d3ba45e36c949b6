/*
 * tap.h -- a connection between two nodes that a test listens to, and changes.
 *
 * A node dials the tap, which dials the other one; what goes between is passed
 * on frame by frame (the preface, then each with its two bytes of length), and
 * kept. One frame may be done something to. A thread of its own; ways: 0 is
 * from who dialled, 1 is back.
 */
#ifndef TEST_TAP_H
#define TEST_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tap_deed {
    TAP_PASS,
    TAP_FLIP,   /* a bit of it is changed; bit 0 is the lowest of its length */
    TAP_DROP,   /* it is not passed on */
    TAP_REPEAT, /* it is passed on twice */
    TAP_SWAP,   /* it is passed on after the next one */
    TAP_CUT,    /* half of it is passed on, then both ends are closed */
    TAP_REPLAY, /* the one before comes in its place */
};

struct tap;

/* Listens on 127.0.0.1, and passes on to 127.0.0.1:behind. `frames`: the bytes
 * are a secure link's; else they are passed on as they come. */
struct tap *tap_new(uint16_t behind, bool frames);
uint16_t tap_port(const struct tap *tap);
/* Closes all connections. */
void tap_free(struct tap *tap);

/* The next frame that goes that way is done this to; `bit` from the end where
 * it is negative. */
void tap_do(struct tap *tap, enum tap_deed deed, int way, int bit);
/* Waits until it was done. */
void tap_wait(struct tap *tap);
/* Waits until all connections so far have ended: what is asked for next is done
 * to none of them. */
void tap_over(struct tap *tap);
/* From now on each byte is a write of its own. */
void tap_byte_by_byte(struct tap *tap, bool on);
/* From now on nothing is passed on, until it is switched off. */
void tap_stall(struct tap *tap, bool on);

/* Were these bytes seen, in one connection and one way? */
bool tap_saw(struct tap *tap, const void *bytes, size_t size);
/* How many were, in all. */
size_t tap_seen(struct tap *tap);

#endif
