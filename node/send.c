/*
 * send.c -- encoding a signal: first into the draft's own bytes, and when that
 * is too little, into the heap. A large binary at the end stays where it is.
 */
#include "send.h"

#include <etf_door.h>

#include "control.h"
#include "flags.h"
#include "node_room.h"

#define TAIL_MIN 16384u /* bytes of a binary that is not copied */

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

/* Its packets have a header, the first of them room for all but the tail, and
 * nothing is encoded besides the payload. */
static bool may_have_tail(const struct node *node, uint64_t flags,
                          const struct rt_signal *signal)
{
    return (flags & (NODE__FLAG_DIST_HDR_ATOM_CACHE | NODE__FLAG_FRAGMENTS)) !=
               0 &&
           node->fragment_size >= DRAFT_BYTES &&
           (signal->kind == RT_SIGNAL_SEND ||
            signal->kind == RT_SIGNAL_SEND_NAME ||
            signal->kind == RT_SIGNAL_SEND_ALIAS);
}

static void take_tail(struct parcel *parcel, const struct etf_tail *tail)
{
    if (tail->blob == NULL)
        return;
    etf__blob_hold(tail->blob);
    parcel->blob = tail->blob;
    parcel->tail = tail->bytes;
    parcel->tail_size = tail->size;
}

enum agner_err node__draft_init(struct draft *draft, struct node *node,
                                uint64_t flags, const struct rt_signal *signal)
{
    struct parcel *parcel = &draft->parcel;
    bool cached = (flags & NODE__FLAG_DIST_HDR_ATOM_CACHE) != 0;
    struct etf_atom_cache cache = { node__atoms_index, &draft->atoms };
    struct etf_self self = node__self(node);
    struct etf_tail tail = { .min = TAIL_MIN };
    struct etf_encode_options options = {
        .self = &self,
        .cache = cached ? &cache : NULL,
        .tail = may_have_tail(node, flags, signal) ? &tail : NULL
    };
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
    if (err == AGNER_OK)
        take_tail(parcel, &tail);
    if (err != AGNER_ELIMIT)
        return err;
    options.tail = NULL;
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
    if (draft->parcel.blob != NULL)
        etf__blob_drop(draft->parcel.blob);
}
