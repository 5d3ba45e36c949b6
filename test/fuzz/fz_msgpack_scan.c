/*
 * MessagePack from outside: what the walk calls whole the library
 * must read to the same byte; a walk in two pieces ends like one in one; and
 * whatever becomes a term goes out and comes back as itself.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

#include "msgpack_term.h"
#include "msgpack_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LIMIT 65536

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void read_with_library(const uint8_t *data, size_t size)
{
    msgpack_unpacked whole;
    size_t used = 0;
    int got;

    msgpack_unpacked_init(&whole);
    got = msgpack_unpack_next(&whole, (const char *)data, size, &used);
    check(got == MSGPACK_UNPACK_SUCCESS || got == MSGPACK_UNPACK_EXTRA_BYTES);
    check(used == size);
    msgpack_unpacked_destroy(&whole);
}

static void there_and_back(struct etf_region *r, etf_term t)
{
    struct etf_buffer b = { 0 };
    etf_term back;

    check(apps__msgpack_pack(&b, t, MSGPACK_STRICT, NULL) == AGNER_OK);
    check(apps__msgpack_unpack(r, b.data, b.size, NULL, NULL, &back, NULL) ==
          AGNER_OK);
    check(etf_equal(t, back));
    b.size = 0;
    check(apps__msgpack_pack(&b, t, MSGPACK_LOOSE, NULL) == AGNER_OK);
    etf_buffer_fini(&b);
}

static void read_as_term(const uint8_t *data, size_t size)
{
    struct etf_region *r = etf_region_new(64u << 20);
    struct rpc_frame frame;
    etf_term t;

    check(r != NULL);
    if (apps__msgpack_unpack(r, data, size, NULL, NULL, &t, NULL) == AGNER_OK)
        there_and_back(r, t);
    (void)apps__rpc_read(r, data, size, NULL, NULL, &frame, NULL);
    etf_region_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct msgpack_walk once, twice;
    enum msgpack_walk_state state;
    uint32_t id;

    apps__msgpack_walk_init(&once, LIMIT, MSGPACK_DEPTH_MAX);
    apps__msgpack_walk_init(&twice, LIMIT, MSGPACK_DEPTH_MAX);
    state = apps__msgpack_walk(&once, data, size);
    (void)apps__msgpack_walk(&twice, data, size / 2);
    check(apps__msgpack_walk(&twice, data, size) == state);
    check(once.next == twice.next);
    if (state == MSGPACK_WALK_WHOLE)
        read_with_library(data, once.next);
    (void)apps__rpc_peek_id(data, size, &id);
    if (size <= LIMIT)
        read_as_term(data, size);
    return 0;
}
