/*
 * msgpack_pack.c -- terms to MessagePack, by the table in msgpack_term.h.
 *
 * Recursion goes as deep as the receiver's limit and no deeper: what is nested
 * further leaves as one opaque value.
 */
#include "msgpack_term.h"

#include <msgpack.h>
#include <string.h>

#include "etf_door.h"
#include "utf8.h"

#include "msgpack_walk.h"

struct packer {
    struct etf_buffer *out;
    msgpack_packer to; /* writes to `out` */
    enum msgpack_mode mode;
    const struct etf_self *self;
    enum agner_err err; /* the first failure; later writes do nothing */
};

static int write_out(void *data, const char *bytes, size_t size)
{
    struct packer *p = data;

    if (p->err == AGNER_OK)
        p->err = etf_buffer_add(p->out, bytes, size);
    return p->err == AGNER_OK ? 0 : -1;
}

static void packer_init(struct packer *p, struct etf_buffer *out,
                        enum msgpack_mode mode, const struct etf_self *self)
{
    p->out = out;
    p->mode = mode;
    p->self = self;
    p->err = AGNER_OK;
    msgpack_packer_init(&p->to, p, write_out);
}

/* The results of the library's writes say no more than p->err does. */
static void pack_str(struct packer *p, const void *text, size_t size)
{
    (void)msgpack_pack_str(&p->to, size);
    (void)msgpack_pack_str_body(&p->to, text, size);
}

static void pack_bin(struct packer *p, const void *bytes, size_t size)
{
    (void)msgpack_pack_bin(&p->to, size);
    (void)msgpack_pack_bin_body(&p->to, bytes, size);
}

static void pack_ext(struct packer *p, enum msgpack_ext type,
                     const struct etf_buffer *b)
{
    (void)msgpack_pack_ext(&p->to, b->size, (int8_t)type);
    (void)msgpack_pack_ext_body(&p->to, b->data, b->size);
}

/* What MessagePack has no type for: its ETF, or what Erlang prints. */
static void pack_opaque(struct packer *p, etf_term t, enum msgpack_ext type)
{
    struct etf_encode_options encode = { .self = p->self };
    struct etf_print_options print = { .style = ETF_STYLE_TW };
    struct etf_buffer b = { .size_max = p->out->size_max };

    if (p->err == AGNER_OK)
        p->err = p->mode == MSGPACK_STRICT ? etf_to_binary(&b, t, &encode, 0)
                                           : etf_print(&b, t, &print);
    if (p->err == AGNER_OK && p->mode == MSGPACK_STRICT)
        pack_ext(p, type, &b);
    else if (p->err == AGNER_OK)
        pack_str(p, b.data, b.size);
    etf_buffer_fini(&b);
}

static void pack_integer(struct packer *p, etf_term t)
{
    int64_t i;
    uint64_t u;

    if (etf_get_int(t, &i))
        (void)msgpack_pack_int64(&p->to, i);
    else if (etf_get_uint(t, &u))
        (void)msgpack_pack_uint64(&p->to, u);
    else
        pack_opaque(p, t, MSGPACK_EXT_INTEGER);
}

static void pack_atom(struct packer *p, etf_term t)
{
    etf_bytes text = etf_atom_text(t);

    if (etf_same(t, ETF_A(true)))
        (void)msgpack_pack_true(&p->to);
    else if (etf_same(t, ETF_A(false)))
        (void)msgpack_pack_false(&p->to);
    else if (etf_same(t, ETF_A(nil)))
        (void)msgpack_pack_nil(&p->to);
    else if (p->mode == MSGPACK_LOOSE)
        pack_str(p, text.data, text.size);
    else {
        (void)msgpack_pack_ext(&p->to, text.size, MSGPACK_EXT_ATOM);
        (void)msgpack_pack_ext_body(&p->to, text.data, text.size);
    }
}

static void pack_binary(struct packer *p, etf_term t)
{
    etf_bytes bytes = { NULL, 0 };
    size_t chars;

    (void)etf_get_bytes(t, &bytes); /* by its kind it has them */
    if (p->mode == MSGPACK_LOOSE &&
        etf__utf8_valid(bytes.data, bytes.size, &chars))
        pack_str(p, bytes.data, bytes.size);
    else
        pack_bin(p, bytes.data, bytes.size);
}

static void pack_term(struct packer *p, etf_term t, unsigned depth);

static void pack_items(struct packer *p, const etf_term *items, size_t count,
                       unsigned depth)
{
    (void)msgpack_pack_array(&p->to, count);
    for (size_t i = 0; i < count && p->err == AGNER_OK; i++)
        pack_term(p, items[i], depth + 1);
}

/* Strict: an extension wants its size first, so the array is packed apart. */
static void pack_tuple(struct packer *p, etf_term t, unsigned depth)
{
    struct etf_buffer b = { .size_max = p->out->size_max };
    struct packer inner;

    if (p->mode == MSGPACK_LOOSE) {
        pack_items(p, etf_tuple_items(t), etf_tuple_size(t), depth);
        return;
    }
    packer_init(&inner, &b, p->mode, p->self);
    pack_items(&inner, etf_tuple_items(t), etf_tuple_size(t), depth);
    if (p->err == AGNER_OK)
        p->err = inner.err;
    if (p->err == AGNER_OK)
        pack_ext(p, MSGPACK_EXT_TUPLE, &b);
    etf_buffer_fini(&b);
}

static void pack_list(struct packer *p, etf_term t, unsigned depth)
{
    int64_t count = etf_list_size(t);
    etf_term head;

    if (count < 0) {
        pack_opaque(p, t, MSGPACK_EXT_TERM);
        return;
    }
    if (count > UINT32_MAX) {
        p->err = AGNER_ELIMIT;
        return;
    }
    (void)msgpack_pack_array(&p->to, (size_t)count);
    while (p->err == AGNER_OK && etf_list_next(&t, &head))
        pack_term(p, head, depth + 1);
}

static void pack_map(struct packer *p, etf_term t, unsigned depth)
{
    size_t count = etf_map_size(t);
    etf_term key, value;

    (void)msgpack_pack_map(&p->to, count);
    for (size_t i = 0; i < count && p->err == AGNER_OK; i++) {
        etf_map_pair(t, i, &key, &value);
        pack_term(p, key, depth + 1);
        pack_term(p, value, depth + 1);
    }
}

/* `depth` containers are open around `t`. */
static void pack_term(struct packer *p, etf_term t, unsigned depth)
{
    enum etf_kind kind = etf_kind(t);
    double d = 0;

    if (depth >= MSGPACK_DEPTH_MAX &&
        (kind == ETF_KIND_TUPLE || kind == ETF_KIND_LIST ||
         kind == ETF_KIND_NIL || kind == ETF_KIND_MAP)) {
        pack_opaque(p, t, MSGPACK_EXT_TERM);
        return;
    }
    switch (kind) {
    case ETF_KIND_INTEGER:
        pack_integer(p, t);
        break;
    case ETF_KIND_FLOAT:
        (void)etf_get_float(t, &d); /* by its kind it is one */
        (void)msgpack_pack_double(&p->to, d);
        break;
    case ETF_KIND_ATOM:
        pack_atom(p, t);
        break;
    case ETF_KIND_BINARY:
        pack_binary(p, t);
        break;
    case ETF_KIND_TUPLE:
        pack_tuple(p, t, depth);
        break;
    case ETF_KIND_NIL:
    case ETF_KIND_LIST:
        pack_list(p, t, depth);
        break;
    case ETF_KIND_MAP:
        pack_map(p, t, depth);
        break;
    case ETF_KIND_REF:
    case ETF_KIND_FUN:
    case ETF_KIND_EXPORT:
    case ETF_KIND_PORT:
    case ETF_KIND_PID:
    case ETF_KIND_BITSTRING:
        pack_opaque(p, t, MSGPACK_EXT_TERM);
        break;
    case ETF_KIND_NONE:
    case ETF_KIND_RESOURCE:
        p->err = AGNER_EBADTERM;
        break;
    }
}

/* Takes back what a failed message left in the buffer. */
static enum agner_err finish(struct packer *p, size_t size_before)
{
    if (p->err != AGNER_OK)
        p->out->size = size_before;
    return p->err;
}

enum agner_err apps__msgpack_pack(struct etf_buffer *b, etf_term t,
                                  enum msgpack_mode mode,
                                  const struct etf_self *self)
{
    struct packer p;
    size_t before = b->size;

    packer_init(&p, b, mode, self);
    pack_term(&p, t, 0);
    return finish(&p, before);
}

/* A part of a response: nil stands for what it is not. */
static void pack_part(struct packer *p, etf_term t)
{
    if (etf_is_none(t))
        (void)msgpack_pack_nil(&p->to);
    else
        pack_term(p, t, 1);
}

enum agner_err apps__rpc_write_response(struct etf_buffer *b, uint32_t id,
                                        etf_term error, etf_term result,
                                        enum msgpack_mode mode,
                                        const struct etf_self *self)
{
    struct packer p;
    size_t before = b->size;

    packer_init(&p, b, mode, self);
    (void)msgpack_pack_array(&p.to, 4);
    (void)msgpack_pack_uint32(&p.to, RPC_RESPONSE);
    (void)msgpack_pack_uint32(&p.to, id);
    pack_part(&p, error);
    pack_part(&p, result);
    return finish(&p, before);
}

enum agner_err apps__rpc_write_request(struct etf_buffer *b, const uint32_t *id,
                                       const char *method, etf_term params,
                                       enum msgpack_mode mode,
                                       const struct etf_self *self)
{
    struct packer p;
    size_t before = b->size;

    packer_init(&p, b, mode, self);
    (void)msgpack_pack_array(&p.to, id != NULL ? 4 : 3);
    (void)msgpack_pack_uint32(&p.to,
                              id != NULL ? RPC_REQUEST : RPC_NOTIFICATION);
    if (id != NULL)
        (void)msgpack_pack_uint32(&p.to, *id);
    pack_str(&p, method, strlen(method));
    pack_list(&p, params, 1);
    return finish(&p, before);
}
