/*
 * send.h -- a signal on its way out: encoded by its sender, then queued.
 *
 * Private to node/. Encoding needs no lock and knows no connection but for its
 * flags; see disthdr.h for why that works with an atom cache.
 */
#ifndef NODE_SEND_H
#define NODE_SEND_H

#include <rt_carrier.h>

#include "output.h"

/* Room for an encoded signal. It is large for a stack, and lives on the
 * sender's: most messages fit in it and are never allocated. */
#define DRAFT_BYTES 2048

struct draft {
    struct parcel parcel;
    struct node__atoms atoms;
    uint8_t bytes[DRAFT_BYTES];
};

/* Encodes `signal` for a peer with these flags. AGNER_ENOTSUP: the peer has no
 * such signal, and nothing is to be sent. AGNER_EBADTERM, AGNER_ELIMIT,
 * AGNER_ENOMEM. End it with node__draft_fini() also after a failure. */
enum agner_err node__draft_init(struct draft *draft, struct node *node,
                                uint64_t flags, const struct rt_signal *signal);

void node__draft_fini(struct draft *draft);

/* Does this signal wait while the peer's output is over its mark? All others
 * have head-room (G38). */
bool node__is_message(const struct rt_signal *signal);

#endif
