/*
 * secure_claims.h -- what each side of a secure link says about itself.
 *
 * Private to node/. Pure. The payload of the initiator's last handshake message
 * and of the responder's welcome, in one form:
 *
 *   form:8 status:8 flags:64 creation:32 link:32 packet_max:32 tick_ms:32
 *   permits:32 other_creation:32 name_size:16 name other_size:16 other
 *
 * Nothing may follow. Source: spec/reliability.md 6.2.
 */
#ifndef NODE_SECURE_CLAIMS_H
#define NODE_SECURE_CLAIMS_H

#include <agner/etf.h>

#include "handshake.h"

#define SECURE_CLAIMS_MAX (34u + 2 * (2u + NODE__NAME_MAX)) /* bytes */

/* In `link`. */
#define SECURE_KEPT_KEY 1u /* the key is kept in a file: it comes again */

enum secure_status {
    SECURE_OK = 0,
    SECURE_NOK = 1,   /* we are dialling you, and that goes on */
    SECURE_ALIVE = 2, /* there is a connection: do you know better? */
    SECURE_NOT_PERMITTED = 3,
};

struct secure_claims {
    enum secure_status status; /* the initiator's is SECURE_OK */
    uint64_t flags;            /* distribution flags that are offered */
    uint32_t creation;
    uint32_t link;       /* SECURE_KEPT_KEY */
    uint32_t packet_max; /* bytes of a packet that it takes */
    uint32_t tick_ms;    /* after so long a silence it gives up */
    uint32_t permits;    /* that it wants; bits of its own meaning */
    /* name@host; with NODE__FLAG_NAME_ME in an initiator's flags its host. */
    char name[NODE__NAME_MAX + 1];
    /* The initiator's: whom it has dialled. The responder's: the name that it
     * gives to an initiator that wants one, with its creation; or empty. */
    char other[NODE__NAME_MAX + 1];
    uint32_t other_creation;
};

/* Writes it; returns the size. */
size_t node__claims_write(const struct secure_claims *claims,
                          uint8_t bytes[SECURE_CLAIMS_MAX]);

/* Reads all of it; any bytes are legal input. NULL, or what is wrong: static.
 * Names are checked, but for an initiator's host: that they are in UTF-8,
 * without control characters, is. */
const char *node__claims_read(const uint8_t *bytes, size_t size,
                              struct secure_claims *claims);

#endif
