/*
 * control.h -- the runtime's signals as control messages, and back.
 *
 * Private to node/. Pure: bytes and terms. It knows the operations, their old
 * and their payload forms, and who may stand where in them; what a signal then
 * does is the runtime's. Source: Erlang Distribution Protocol, "Protocol
 * between connected nodes"; spec/distribution.md 5, 6, 15.
 */
#ifndef NODE_CONTROL_H
#define NODE_CONTROL_H

#include <rt_carrier.h>

#include "packet.h"

/*
 * Appends the control message for `signal`, and its payload where it has one,
 * to `terms`, without 131: what a struct node__message needs.
 *
 *   flags         as agreed with the peer: decides between old and new forms
 *   options       self, and the atom collector as cache (or NULL)
 *   control_size  bytes of `terms` that are the control message; on AGNER_OK
 * only
 *
 * AGNER_ENOTSUP when the peer has no such signal (an alias without ALIAS,
 * monitors without DIST_MONITOR, an unlink's acknowledgement without
 * UNLINK_ID, a spawn request without SPAWN): nothing is to be sent then. An
 * UNLINK to a peer without UNLINK_ID is sent as the old form, which is never
 * acknowledged: whoever waits for that must do without. AGNER_EBADTERM,
 * AGNER_ENOMEM, AGNER_ELIMIT. On failure `terms` is as before.
 */
enum agner_err node__control_encode(struct etf_buffer *terms,
                                    const struct rt_signal *signal,
                                    uint64_t flags,
                                    const struct etf_encode_options *options,
                                    size_t *control_size);

/* Whose message is to be understood. */
struct node__control_peer {
    etf_term name;  /* interned */
    uint64_t flags; /* as agreed */
    const struct etf_self *self;
    struct etf_atom_budget *budget; /* or NULL */
};

enum node__verdict {
    NODE__DELIVER, /* the signal is for rt__arrive() */
    NODE__IGNORE,  /* legal, and without effect here */
};

/*
 * Reads a complete message.
 *
 *   scratch  receives what the signal points to besides its payload: reset it
 *            when the signal was handled. With 4 KiB of first memory it seldom
 *            allocates.
 *   signal   written on AGNER_OK only. With NODE__DELIVER `box` is owned by the
 *            caller, for rt__arrive() to take, and holds `payload`; NULL where
 *            the operation has none, and with the other verdicts.
 *   verdict  written on AGNER_OK only
 *
 * A pid in `to` is this node's: node is ETF_NONE, or our own name with an
 * earlier creation. `from` is the peer's, except for a group leader, which is
 * anyone. `name` may be an atom that is not interned, in `scratch`: nothing has
 * that name here. Any bytes are legal input. AGNER_EPROTO, AGNER_EMALFORMED,
 * AGNER_ETRUNCATED, AGNER_ELIMIT: says what; close the connection.
 * AGNER_ENOMEM.
 */
enum agner_err node__control_decode(const struct node__arrived *arrived,
                                    const struct node__control_peer *peer,
                                    struct etf_region *scratch,
                                    struct rt_signal *signal,
                                    enum node__verdict *verdict,
                                    struct agner_error *error);

#endif
