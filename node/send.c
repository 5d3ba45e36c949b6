/*
 * send.c -- encoding a signal: first into the draft's own bytes, and when that
 * is too little, into the heap.
 */
#include "send.h"

#include "control.h"
#include "flags.h"
#include "node_room.h"

bool node__is_message(const struct rt_signal *signal)
{
    switch (signal->kind) {
    case RT_SIGNAL_SEND:
    case RT_SIGNAL_SEND_NAME:
    case RT_SIGNAL_SEND_ALIAS:
    case RT_SIGNAL_SPAWN_REQUEST: /* whoever asks hears of a failure */
        return true;
    case RT_SIGNAL_LINK:
    case RT_SIGNAL_UNLINK:
    case RT_SIGNAL_UNLINK_ACK:
    case RT_SIGNAL_EXIT:
    case RT_SIGNAL_EXIT2:
    case RT_SIGNAL_MONITOR:
    case RT_SIGNAL_DEMONITOR:
    case RT_SIGNAL_DOWN:
    case RT_SIGNAL_GROUP_LEADER:
    case RT_SIGNAL_SPAWN_REPLY:
        break;
    }
    return false;
}

enum agner_err node__draft_init(struct draft *draft, struct node *node,
                                uint64_t flags, const struct rt_signal *signal)
{
    struct parcel *parcel = &draft->parcel;
    bool cached = (flags & NODE__FLAG_DIST_HDR_ATOM_CACHE) != 0;
    struct etf_atom_cache cache = { node__atoms_index, &draft->atoms };
    struct etf_self self = node__self(node);
    struct etf_encode_options options = { .self = &self,
                                          .cache = cached ? &cache : NULL };
    enum agner_err err;

    *parcel = (struct parcel){
        .terms = { .data = draft->bytes,
                   .capacity = sizeof draft->bytes,
                   .size_max = sizeof draft->bytes },
        .borrowed = true,
        .atoms = cached ? &draft->atoms : NULL,
        .sender = signal->from,
    };
    node__atoms_init(&draft->atoms);
    err = node__control_encode(&parcel->terms, signal, flags, &options,
                               &parcel->control_size);
    if (err != AGNER_ELIMIT)
        return err;
    parcel->terms = (struct etf_buffer){ .size_max = UINT32_MAX / 2 };
    parcel->borrowed = false;
    node__atoms_init(&draft->atoms);
    return node__control_encode(&parcel->terms, signal, flags, &options,
                                &parcel->control_size);
}

void node__draft_fini(struct draft *draft)
{
    if (!draft->parcel.borrowed)
        etf_buffer_fini(&draft->parcel.terms);
}
