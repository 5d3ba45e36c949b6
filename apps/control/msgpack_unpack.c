/*
 * msgpack_unpack.c -- MessagePack to terms, by the table in msgpack_term.h.
 *
 * The library is given only bytes that were walked, so what it allocates is in
 * proportion to them, and its nesting is bounded. A tuple's payload is bytes to
 * the library: it is walked in its turn, within what is left of the depth.
 */
#include "msgpack_term.h"

#include <math.h>
#include <msgpack.h>
#include <string.h>

#include "etf_door.h"

#include "msgpack_walk.h"

struct unpacker {
    struct etf_region *region;
    const struct etf_self *self;
    struct etf_atom_budget *budget; /* or NULL */
    struct agner_error *error;
};

static enum agner_err walk_whole(const uint8_t *bytes, size_t size,
                                 unsigned depth_max, struct agner_error *error)
{
    struct msgpack_walk w;
    enum msgpack_walk_state state;

    apps__msgpack_walk_init(&w, size, depth_max);
    state = apps__msgpack_walk(&w, bytes, size);
    switch (state) {
    case MSGPACK_WALK_WHOLE:
        if (w.next == size)
            return AGNER_OK;
        return agner_fail(error, AGNER_EMALFORMED,
                          "byte %zu: bytes after the value", w.next);
    case MSGPACK_WALK_MORE:
    case MSGPACK_WALK_TOO_BIG: /* the limit was the input itself */
        return agner_fail(error, AGNER_ETRUNCATED,
                          "byte %zu: the value is cut short", size);
    case MSGPACK_WALK_DEEP:
        return agner_fail(error, AGNER_ELIMIT, "byte %zu: %s", w.next,
                          apps__msgpack_walk_text(state));
    case MSGPACK_WALK_BAD:
        break;
    }
    return agner_fail(error, AGNER_EMALFORMED, "byte %zu: %s", w.next - 1,
                      apps__msgpack_walk_text(state));
}

/* A term, or why there is none: the region's limit, as a rule. */
static enum agner_err made(struct unpacker *u, etf_term made_term, etf_term *t)
{
    if (etf_is_none(made_term))
        return agner_fail(u->error, AGNER_ENOMEM, "the value is too large");
    *t = made_term;
    return AGNER_OK;
}

static enum agner_err read_object(struct unpacker *u, const msgpack_object *o,
                                  unsigned depth, etf_term *t);

/* `count` values into new terms of the region, `*items` the first. */
static enum agner_err read_items(struct unpacker *u, const msgpack_object *from,
                                 size_t count, unsigned depth, etf_term **items)
{
    uint64_t *words = NULL;
    enum agner_err err;

    if (count > 0) {
        words = etf__region_words(u->region, count);
        if (words == NULL)
            return agner_fail(u->error, AGNER_ENOMEM, "the value is too large");
    }
    *items = (etf_term *)words;
    for (size_t i = 0; i < count; i++) {
        err = read_object(u, &from[i], depth + 1, &(*items)[i]);
        if (err != AGNER_OK)
            return err;
    }
    return AGNER_OK;
}

static enum agner_err read_array(struct unpacker *u, const msgpack_object *o,
                                 unsigned depth, bool tuple, etf_term *t)
{
    etf_term *items;
    size_t count = o->via.array.size;
    enum agner_err err = read_items(u, o->via.array.ptr, count, depth, &items);

    if (err != AGNER_OK)
        return err;
    return made(u,
                tuple ? etf_tuple(u->region, items, count)
                      : etf_list(u->region, items, count, etf_nil()),
                t);
}

static enum agner_err read_map(struct unpacker *u, const msgpack_object *o,
                               unsigned depth, etf_term *t)
{
    /* A pair is two objects in a row, key then value. */
    _Static_assert(sizeof(msgpack_object_kv) == 2 * sizeof(msgpack_object),
                   "pairs are laid out as objects");
    const msgpack_object *flat = (const msgpack_object *)o->via.map.ptr;
    size_t count = o->via.map.size;
    etf_term *pairs, map;
    enum agner_err err = read_items(u, flat, 2 * count, depth, &pairs);

    if (err != AGNER_OK)
        return err;
    map = etf_map(u->region, pairs, count);
    if (etf_is_none(map))
        return agner_fail(u->error, AGNER_EMALFORMED,
                          "a map with equal keys, or too large");
    *t = map;
    return AGNER_OK;
}

/* Bytes that hold one value of their own, `depth` containers deep. */
static enum agner_err read_nested(struct unpacker *u, const uint8_t *bytes,
                                  size_t size, unsigned depth, bool tuple,
                                  etf_term *t)
{
    msgpack_unpacked whole;
    size_t used = 0;
    enum agner_err err =
        walk_whole(bytes, size, MSGPACK_DEPTH_MAX - depth, u->error);
    int got;

    if (err != AGNER_OK)
        return err;
    msgpack_unpacked_init(&whole);
    got = msgpack_unpack_next(&whole, (const char *)bytes, size, &used);
    if (got != MSGPACK_UNPACK_SUCCESS && got != MSGPACK_UNPACK_EXTRA_BYTES)
        err = agner_fail(u->error, AGNER_ENOMEM, "the value is too large");
    else if (!tuple)
        err = read_object(u, &whole.data, depth, t);
    else if (whole.data.type == MSGPACK_OBJECT_ARRAY)
        err = read_array(u, &whole.data, depth, true, t);
    else
        err = agner_fail(u->error, AGNER_EMALFORMED,
                         "ext 2 is a tuple: it wants an array inside");
    msgpack_unpacked_destroy(&whole);
    return err;
}

static enum agner_err read_etf(struct unpacker *u, const uint8_t *bytes,
                               size_t size, etf_term *t)
{
    struct etf_atom_budget none = { 0 };
    struct etf_decode_options options = { .self = u->self,
                                          .budget = u->budget != NULL
                                                        ? u->budget
                                                        : &none,
                                          .exact = true };

    return etf_from_binary(u->region, bytes, size, &options, t, NULL, u->error);
}

static enum agner_err read_ext(struct unpacker *u, const msgpack_object *o,
                               unsigned depth, etf_term *t)
{
    const uint8_t *bytes = (const uint8_t *)o->via.ext.ptr;
    size_t size = o->via.ext.size;
    etf_term got;
    enum agner_err err;

    switch (o->via.ext.type) {
    case MSGPACK_EXT_ATOM:
        got = etf_atom_limited(u->region, (const char *)bytes, size, u->budget);
        if (etf_is_none(got))
            return agner_fail(u->error, AGNER_EMALFORMED,
                              "ext 1 is an atom: UTF-8, at most 255 "
                              "characters");
        *t = got;
        return AGNER_OK;
    case MSGPACK_EXT_TUPLE:
        return read_nested(u, bytes, size, depth, true, t);
    case MSGPACK_EXT_TERM:
        return read_etf(u, bytes, size, t);
    case MSGPACK_EXT_INTEGER:
        err = read_etf(u, bytes, size, &got);
        if (err == AGNER_OK && etf_kind(got) != ETF_KIND_INTEGER)
            return agner_fail(u->error, AGNER_EMALFORMED,
                              "ext 4 is an integer, and this is none");
        *t = got;
        return err;
    default:
        return agner_fail(u->error, AGNER_EMALFORMED,
                          "extension type %d is not known", o->via.ext.type);
    }
}

/* `depth` containers are open around `o`. */
static enum agner_err read_object(struct unpacker *u, const msgpack_object *o,
                                  unsigned depth, etf_term *t)
{
    struct etf_region *r = u->region;

    switch (o->type) {
    case MSGPACK_OBJECT_NIL:
        *t = ETF_A(nil);
        return AGNER_OK;
    case MSGPACK_OBJECT_BOOLEAN:
        *t = etf_bool(o->via.boolean);
        return AGNER_OK;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return made(u, etf_uint(r, o->via.u64), t);
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return made(u, etf_int(r, o->via.i64), t);
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        if (!isfinite(o->via.f64))
            return agner_fail(u->error, AGNER_EMALFORMED,
                              "float is not finite");
        return made(u, etf_float(r, o->via.f64), t);
    case MSGPACK_OBJECT_STR:
        return made(u, etf_binary(r, o->via.str.ptr, o->via.str.size), t);
    case MSGPACK_OBJECT_BIN:
        return made(u, etf_binary(r, o->via.bin.ptr, o->via.bin.size), t);
    case MSGPACK_OBJECT_ARRAY:
        return read_array(u, o, depth, false, t);
    case MSGPACK_OBJECT_MAP:
        return read_map(u, o, depth, t);
    case MSGPACK_OBJECT_EXT:
        return read_ext(u, o, depth, t);
    }
    return agner_fail(u->error, AGNER_EMALFORMED, "unknown type");
}

enum agner_err apps__msgpack_unpack(struct etf_region *r, const uint8_t *bytes,
                                    size_t size, const struct etf_self *self,
                                    struct etf_atom_budget *budget, etf_term *t,
                                    struct agner_error *error)
{
    struct unpacker u = { r, self, budget, error };

    return read_nested(&u, bytes, size, 0, false, t);
}

/* ---- MessagePack-RPC ------------------------------------------------------
 */

static bool is_id(const msgpack_object *o)
{
    return o->type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
           o->via.u64 <= UINT32_MAX;
}

/* Method and parameters: what requests and notifications end with. */
static enum agner_err read_method(struct unpacker *u, const msgpack_object *o,
                                  struct rpc_frame *f)
{
    const msgpack_object *params = &o[1];

    if (o[0].type != MSGPACK_OBJECT_STR)
        return agner_fail(u->error, AGNER_EPROTO, "the method is no str");
    if (params->type != MSGPACK_OBJECT_ARRAY)
        return agner_fail(u->error, AGNER_EPROTO,
                          "the parameters are no array");
    f->method.data = (const uint8_t *)o[0].via.str.ptr;
    f->method.size = o[0].via.str.size;
    f->first_is_text = params->via.array.size > 0 &&
                       params->via.array.ptr[0].type == MSGPACK_OBJECT_STR;
    return read_array(u, params, 1, false, &f->params);
}

static enum agner_err read_frame(struct unpacker *u, const msgpack_object *o,
                                 struct rpc_frame *f)
{
    const msgpack_object *items = o->via.array.ptr;
    size_t count = o->via.array.size;
    enum agner_err err;

    if (o->type != MSGPACK_OBJECT_ARRAY || count < 3 || count > 4 ||
        items[0].type != MSGPACK_OBJECT_POSITIVE_INTEGER ||
        items[0].via.u64 > RPC_NOTIFICATION)
        return agner_fail(u->error, AGNER_EPROTO,
                          "not a message of MessagePack-RPC");
    f->kind = (enum rpc_kind)items[0].via.u64;
    if (f->kind != RPC_NOTIFICATION && is_id(&items[1])) {
        f->id = (uint32_t)items[1].via.u64;
        f->has_id = true;
    }
    if (count != (f->kind == RPC_NOTIFICATION ? 3 : 4))
        return agner_fail(u->error, AGNER_EPROTO, "%zu elements in the message",
                          count);
    if (f->kind == RPC_NOTIFICATION)
        return read_method(u, &items[1], f);
    if (!f->has_id)
        return agner_fail(u->error, AGNER_EPROTO,
                          "the id is no integer of 32 bits");
    if (f->kind == RPC_REQUEST)
        return read_method(u, &items[2], f);
    err = read_object(u, &items[2], 1, &f->error);
    return err == AGNER_OK ? read_object(u, &items[3], 1, &f->result) : err;
}

enum agner_err apps__rpc_read(struct etf_region *r, const uint8_t *bytes,
                              size_t size, const struct etf_self *self,
                              struct etf_atom_budget *budget,
                              struct rpc_frame *f, struct agner_error *error)
{
    struct unpacker u = { r, self, budget, error };
    msgpack_unpacked whole;
    size_t used = 0;
    int got;
    enum agner_err err;

    memset(f, 0, sizeof *f);
    f->has_id = apps__rpc_peek_id(bytes, size, &f->id);
    err = walk_whole(bytes, size, MSGPACK_DEPTH_MAX, error);
    if (err != AGNER_OK)
        return err;
    msgpack_unpacked_init(&whole);
    got = msgpack_unpack_next(&whole, (const char *)bytes, size, &used);
    if (got == MSGPACK_UNPACK_SUCCESS || got == MSGPACK_UNPACK_EXTRA_BYTES)
        err = read_frame(&u, &whole.data, f);
    else
        err = agner_fail(error, AGNER_ENOMEM, "the message is too large");
    msgpack_unpacked_destroy(&whole);
    return err;
}

bool apps__rpc_peek_id(const uint8_t *bytes, size_t size, uint32_t *id)
{
    uint32_t value = 0;
    size_t width;

    if (size < 3 || bytes[0] != 0x94 || bytes[1] != RPC_REQUEST)
        return false;
    if (bytes[2] < 0x80) {
        *id = bytes[2];
        return true;
    }
    if (bytes[2] < 0xcc || bytes[2] > 0xce) /* uint 8, 16, 32 */
        return false;
    width = (size_t)1 << (bytes[2] - 0xcc);
    if (size < 3 + width)
        return false;
    for (size_t i = 0; i < width; i++)
        value = value << 8 | bytes[3 + i];
    *id = value;
    return true;
}
