/*
 * control_encode.c -- signals of the runtime as control messages.
 *
 * A control message is a flat tuple of a few small things, so it is written
 * byte by byte, on the stack, without building terms. Only payloads go through
 * the codec.
 */
#include "control.h"

#include <assert.h>
#include <string.h>

#include <etf_door.h>

#include "control_ops.h"
#include "flags.h"

/* Tags of the external term format that are written here. */
enum {
    ATOM_CACHE_REF = 82,
    NEW_PID_EXT = 88,
    NEWER_REFERENCE_EXT = 90,
    SMALL_INTEGER_EXT = 97,
    SMALL_TUPLE_EXT = 104,
    SMALL_BIG_EXT = 110,
    ATOM_UTF8_EXT = 118,
    SMALL_ATOM_UTF8_EXT = 119
};

#define ATOM_SIZE_MAX (3 + 4 * 255)
#define PID_SIZE_MAX  (1 + ATOM_SIZE_MAX + 12)
#define REF_SIZE_MAX  (3 + ATOM_SIZE_MAX + 24)

#define MFA_SIZE_MAX (2 + 2 * ATOM_SIZE_MAX + 5)

/* A control message in the making. The longest, a spawn request, has two pids,
 * a reference and {Module, Function, Arity}; its options come behind. */
struct writer {
    const struct etf_encode_options *options;
    uint8_t *next;
    uint8_t bytes[16 + 2 * PID_SIZE_MAX + REF_SIZE_MAX + MFA_SIZE_MAX];
};

/* A byte may be part of the writer itself, for all that the compiler knows: so
 * `next` is read and written once, and not for each. */
static void put32(struct writer *w, uint32_t v)
{
    uint8_t *to = w->next;
    uint8_t bytes[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16),
                         (uint8_t)(v >> 8), (uint8_t)v };

    memcpy(to, bytes, sizeof bytes);
    w->next = to + sizeof bytes;
}

static void put_bytes2(struct writer *w, unsigned a, unsigned b)
{
    uint8_t *to = w->next;

    to[0] = (uint8_t)a;
    to[1] = (uint8_t)b;
    w->next = to + 2;
}

static void put_atom(struct writer *w, etf_term atom)
{
    const struct etf_atom_cache *cache = w->options->cache;
    int index = -1;
    etf_bytes text;

    if (cache != NULL && etf__tag(atom) == ETF__ATOM)
        index = cache->index(cache->ctx, atom);
    if (index >= 0) {
        put_bytes2(w, ATOM_CACHE_REF, (unsigned)index);
        return;
    }
    text = etf_atom_text(atom);
    if (text.size > UINT8_MAX) {
        *w->next++ = ATOM_UTF8_EXT;
        *w->next++ = (uint8_t)(text.size >> 8);
    } else {
        *w->next++ = SMALL_ATOM_UTF8_EXT;
    }
    *w->next++ = (uint8_t)text.size;
    memcpy(w->next, text.data, text.size);
    w->next += text.size;
}

/* The node of an identifier, ours when it has none, and its creation. */
static uint32_t put_node(struct writer *w, etf_term node, uint32_t creation)
{
    const struct etf_self *self = w->options->self;

    if (!etf_is_none(node)) {
        put_atom(w, node);
        return creation;
    }
    put_atom(w, etf_is_none(self->name) ? ETF_A(noname) : self->name);
    return self->creation;
}

static void put_pid(struct writer *w, const etf_pid *pid)
{
    uint32_t creation;

    *w->next++ = NEW_PID_EXT;
    creation = put_node(w, pid->node, pid->creation);
    put32(w, pid->id);
    put32(w, pid->serial);
    put32(w, creation);
}

static void put_ref(struct writer *w, const etf_ref *ref)
{
    uint32_t creation, i;

    *w->next++ = NEWER_REFERENCE_EXT;
    *w->next++ = 0;
    *w->next++ = (uint8_t)ref->count;
    creation = put_node(w, ref->node, ref->creation);
    put32(w, creation);
    for (i = 0; i < ref->count; i++)
        put32(w, ref->words[i]);
}

static void put_id(struct writer *w, uint64_t id)
{
    uint8_t *size;

    if (id <= UINT8_MAX) {
        *w->next++ = SMALL_INTEGER_EXT;
        *w->next++ = (uint8_t)id;
        return;
    }
    *w->next++ = SMALL_BIG_EXT;
    size = w->next++;
    *w->next++ = 0; /* not negative */
    for (*size = 0; id > 0; id >>= 8, ++*size)
        *w->next++ = (uint8_t)id;
}

static void begin(struct writer *w, const struct etf_encode_options *options,
                  unsigned arity, enum control_op op)
{
    w->options = options;
    w->next = w->bytes;
    *w->next++ = SMALL_TUPLE_EXT;
    *w->next++ = (uint8_t)arity;
    *w->next++ = SMALL_INTEGER_EXT;
    *w->next++ = (uint8_t)op;
}

static void put_pids(struct writer *w, const struct etf_encode_options *options,
                     unsigned arity, enum control_op op,
                     const struct rt_signal *signal)
{
    begin(w, options, arity, op);
    put_pid(w, &signal->from);
    put_pid(w, &signal->to);
}

/* A pid, or the name that stands in its place. */
static void put_pid_or_name(struct writer *w, const etf_pid *pid, etf_term name)
{
    if (etf_is_none(name))
        put_pid(w, pid);
    else
        put_atom(w, name);
}

/* ---- One function an operation, or a family of them --------------------- */

/* Where the payload goes: a term of its own, the control tuple's last element,
 * or there is none. */
enum payload { NO_PAYLOAD, PAYLOAD, LAST_ELEMENT, OPTIONS_AND_PAYLOAD };

static enum payload put_send(struct writer *w,
                             const struct etf_encode_options *options,
                             const struct rt_signal *signal, uint64_t flags)
{
    if ((flags & NODE__FLAG_SEND_SENDER) && !etf_pid_is_none(signal->from)) {
        put_pids(w, options, 3, OP_SEND_SENDER, signal);
    } else {
        begin(w, options, 3, OP_SEND);
        put_atom(w, ETF_A(empty));
        put_pid(w, &signal->to);
    }
    return PAYLOAD;
}

static enum payload put_send_name(struct writer *w,
                                  const struct etf_encode_options *options,
                                  const struct rt_signal *signal)
{
    begin(w, options, 4, OP_REG_SEND);
    put_pid(w, &signal->from);
    put_atom(w, ETF_A(empty));
    put_atom(w, signal->name);
    return PAYLOAD;
}

static enum payload put_send_alias(struct writer *w,
                                   const struct etf_encode_options *options,
                                   const struct rt_signal *signal,
                                   uint64_t flags)
{
    /* ALIAS_SEND is to go from OTP some day. */
    if (flags & NODE__FLAG_ALTACT_SIG) {
        begin(w, options, 4, OP_ALTACT_SIG_SEND);
        put_id(w, ALTACT_ALIAS);
    } else {
        begin(w, options, 3, OP_ALIAS_SEND);
    }
    put_pid(w, &signal->from);
    put_ref(w, &signal->ref);
    return PAYLOAD;
}

static enum payload put_exit(struct writer *w,
                             const struct etf_encode_options *options,
                             const struct rt_signal *signal, uint64_t flags,
                             enum control_op old_op, enum control_op new_op)
{
    if (flags & NODE__FLAG_EXIT_PAYLOAD) {
        put_pids(w, options, 3, new_op, signal);
        return PAYLOAD;
    }
    put_pids(w, options, 4, old_op, signal);
    return LAST_ELEMENT;
}

static enum payload put_down(struct writer *w,
                             const struct etf_encode_options *options,
                             const struct rt_signal *signal, uint64_t flags)
{
    bool payload = (flags & NODE__FLAG_EXIT_PAYLOAD) != 0;

    begin(w, options, payload ? 4 : 5,
          payload ? OP_PAYLOAD_MONITOR_P_EXIT : OP_MONITOR_P_EXIT);
    put_pid_or_name(w, &signal->from, signal->name);
    put_pid(w, &signal->to);
    put_ref(w, &signal->ref);
    return payload ? PAYLOAD : LAST_ELEMENT;
}

static enum payload put_monitor(struct writer *w,
                                const struct etf_encode_options *options,
                                const struct rt_signal *signal,
                                enum control_op op)
{
    begin(w, options, 4, op);
    put_pid(w, &signal->from);
    put_pid_or_name(w, &signal->to, signal->name);
    put_ref(w, &signal->ref);
    return NO_PAYLOAD;
}

static enum payload put_unlink(struct writer *w,
                               const struct etf_encode_options *options,
                               const struct rt_signal *signal, uint64_t flags,
                               enum control_op op)
{
    if (!(flags & NODE__FLAG_UNLINK_ID)) {
        put_pids(w, options, 3, OP_UNLINK, signal);
        return NO_PAYLOAD;
    }
    begin(w, options, 4, op);
    put_id(w, signal->id);
    put_pid(w, &signal->from);
    put_pid(w, &signal->to);
    return NO_PAYLOAD;
}

/* The options, the tuple's last element, are appended by the codec. */
static enum payload put_spawn_request(struct writer *w,
                                      const struct etf_encode_options *options,
                                      const struct rt_signal *signal)
{
    const etf_term *call = etf_tuple_items(signal->call);
    const etf_term *mfa = etf_tuple_items(call[0]);
    etf_pid leader = { 0 };
    uint64_t arity = 0;

    (void)etf_get_pid(call[1], &leader); /* the runtime's own tuple */
    (void)etf_get_uint(mfa[2], &arity);
    begin(w, options, 6, OP_SPAWN_REQUEST);
    put_ref(w, &signal->ref);
    put_pid(w, &signal->from);
    put_pid(w, &leader);
    *w->next++ = SMALL_TUPLE_EXT;
    *w->next++ = 3;
    put_atom(w, mfa[0]);
    put_atom(w, mfa[1]);
    put_id(w, arity);
    return OPTIONS_AND_PAYLOAD;
}

static enum payload put_spawn_reply(struct writer *w,
                                    const struct etf_encode_options *options,
                                    const struct rt_signal *signal)
{
    begin(w, options, 5, OP_SPAWN_REPLY);
    put_ref(w, &signal->ref);
    put_pid(w, &signal->to);
    put_id(w, signal->id);
    return LAST_ELEMENT;
}

static enum payload put_control(struct writer *w,
                                const struct etf_encode_options *options,
                                const struct rt_signal *signal, uint64_t flags)
{
    switch (signal->kind) {
    case RT_SIGNAL_SEND:
        return put_send(w, options, signal, flags);
    case RT_SIGNAL_SEND_NAME:
        return put_send_name(w, options, signal);
    case RT_SIGNAL_SEND_ALIAS:
        return put_send_alias(w, options, signal, flags);
    case RT_SIGNAL_LINK:
        put_pids(w, options, 3, OP_LINK, signal);
        return NO_PAYLOAD;
    case RT_SIGNAL_UNLINK:
        return put_unlink(w, options, signal, flags, OP_UNLINK_ID);
    case RT_SIGNAL_UNLINK_ACK:
        return put_unlink(w, options, signal, flags, OP_UNLINK_ID_ACK);
    case RT_SIGNAL_EXIT:
        return put_exit(w, options, signal, flags, OP_EXIT, OP_PAYLOAD_EXIT);
    case RT_SIGNAL_EXIT2:
        return put_exit(w, options, signal, flags, OP_EXIT2, OP_PAYLOAD_EXIT2);
    case RT_SIGNAL_MONITOR:
        return put_monitor(w, options, signal, OP_MONITOR_P);
    case RT_SIGNAL_DEMONITOR:
        return put_monitor(w, options, signal, OP_DEMONITOR_P);
    case RT_SIGNAL_DOWN:
        return put_down(w, options, signal, flags);
    case RT_SIGNAL_GROUP_LEADER:
        put_pids(w, options, 3, OP_GROUP_LEADER, signal);
        return NO_PAYLOAD;
    case RT_SIGNAL_SPAWN_REQUEST:
        return put_spawn_request(w, options, signal);
    case RT_SIGNAL_SPAWN_REPLY:
        return put_spawn_reply(w, options, signal);
    }
    assert(false); /* there is no other kind */
    __builtin_unreachable();
}

/* The flags without which the peer has no such signal at all. */
static uint64_t needed_flags(const struct rt_signal *signal)
{
    uint64_t by_name =
        etf_is_none(signal->name) ? 0 : NODE__FLAG_DIST_MONITOR_NAME;

    switch (signal->kind) {
    case RT_SIGNAL_SEND_ALIAS:
        return NODE__FLAG_ALIAS;
    case RT_SIGNAL_UNLINK_ACK:
        return NODE__FLAG_UNLINK_ID;
    case RT_SIGNAL_MONITOR:
    case RT_SIGNAL_DEMONITOR:
    case RT_SIGNAL_DOWN:
        return NODE__FLAG_DIST_MONITOR | by_name;
    case RT_SIGNAL_SPAWN_REQUEST:
    case RT_SIGNAL_SPAWN_REPLY:
        return NODE__FLAG_SPAWN;
    case RT_SIGNAL_SEND:
    case RT_SIGNAL_SEND_NAME:
    case RT_SIGNAL_LINK:
    case RT_SIGNAL_UNLINK:
    case RT_SIGNAL_EXIT:
    case RT_SIGNAL_EXIT2:
    case RT_SIGNAL_GROUP_LEADER:
        return 0;
    }
    return 0;
}

/* Appends the tuple, and after it what else belongs to the signal. */
static enum agner_err append(struct etf_buffer *terms, const struct writer *w,
                             enum payload payload,
                             const struct rt_signal *signal,
                             size_t *control_size)
{
    size_t start = terms->size, size;
    enum agner_err err =
        etf_buffer_add(terms, w->bytes, (size_t)(w->next - w->bytes));

    if (err == AGNER_OK && payload == OPTIONS_AND_PAYLOAD)
        err = etf_encode(terms, etf_tuple_items(signal->call)[2], w->options);
    size = terms->size - start;
    if (err == AGNER_OK && payload != NO_PAYLOAD)
        err = etf_encode(terms, signal->payload, w->options);
    if (err != AGNER_OK) {
        terms->size = start;
        return err;
    }
    *control_size = payload == LAST_ELEMENT ? terms->size - start : size;
    return AGNER_OK;
}

enum agner_err node__control_encode(struct etf_buffer *terms,
                                    const struct rt_signal *signal,
                                    uint64_t flags,
                                    const struct etf_encode_options *options,
                                    size_t *control_size)
{
    struct writer w;
    enum payload payload;

    /* Either says that the peer has aliases. */
    if ((needed_flags(signal) & ~flags) != 0 &&
        !(signal->kind == RT_SIGNAL_SEND_ALIAS &&
          (flags & NODE__FLAG_ALTACT_SIG)))
        return AGNER_ENOTSUP;
    payload = put_control(&w, options, signal, flags);
    return append(terms, &w, payload, signal, control_size);
}
