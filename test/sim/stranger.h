/*
 * stranger.h -- a connection in a simulated world, and nothing behind it: it
 * says what a test wants it to.
 *
 * For hostile bytes against a node that lives in the same simulation. No
 * function waits longer than STRANGER_MS of virtual time; what it waited for
 * did not happen then.
 */
#ifndef TEST_STRANGER_H
#define TEST_STRANGER_H

#include <rt_world.h>

#include <agner/sim.h>

#include <handshake.h>

#define STRANGER_MS 100000u

struct stranger;

/* With a loop of its own, not connected. NULL: no memory. */
struct stranger *stranger_new(struct sim *sim);
/* Closes its connection without a word. */
void stranger_free(struct stranger *s);

/* Connects; false: refused. One connection at a time. */
bool stranger_dial(struct stranger *s, const struct rt_address *to);
/* Sends a copy, cut as the world likes. */
void stranger_say(struct stranger *s, const void *bytes, size_t size);
/* One packet: its length in four bytes, and it. */
void stranger_packet(struct stranger *s, const void *bytes, size_t size);
void stranger_close(struct stranger *s);

/* From now on it reads so many bytes more, and then nothing until it is told
 * again. 0: whatever comes. */
void stranger_read(struct stranger *s, size_t size);

/* Waits until the other end has closed; false: it has not. */
bool stranger_hears_end(struct stranger *s);
/* Waits until that many bytes have come in all. */
bool stranger_hears(struct stranger *s, size_t size);
/* All that has come on this connection, borrowed until more comes. */
const struct etf_buffer *stranger_heard(const struct stranger *s);

/* Connects and shakes hands as `name` with `cookie` and `flags` (0: all that we
 * offer) to the node called `node`: true, or hs->error. */
bool stranger_shake(struct stranger *s, const struct rt_address *to,
                    const char *name, const char *node, const char *cookie,
                    uint64_t flags, struct node__handshake *hs);

#endif
