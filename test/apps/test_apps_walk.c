/*
 * test_apps_walk.c -- the walk over MessagePack from outside (B-RPC-1).
 *
 * The oracle is the library itself: what the walk calls whole, it must read, to
 * the same byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <msgpack.h>

#include "msgpack_walk.h"

#define SIZE_MAX_HERE 65536

static enum msgpack_walk_state walk(const uint8_t *bytes, size_t size,
                                    size_t *next)
{
    struct msgpack_walk w;
    enum msgpack_walk_state state;

    apps__msgpack_walk_init(&w, SIZE_MAX_HERE, MSGPACK_DEPTH_MAX);
    state = apps__msgpack_walk(&w, bytes, size);
    *next = w.next;
    return state;
}

/* Reads with the library: true when it takes all of `size` bytes. */
static bool library_reads(const uint8_t *bytes, size_t size)
{
    msgpack_unpacked whole;
    size_t used = 0;
    int got;

    msgpack_unpacked_init(&whole);
    got = msgpack_unpack_next(&whole, (const char *)bytes, size, &used);
    msgpack_unpacked_destroy(&whole);
    return (got == MSGPACK_UNPACK_SUCCESS ||
            got == MSGPACK_UNPACK_EXTRA_BYTES) &&
           used == size;
}

/* All inputs of one, two and three bytes: what the walk calls whole the library
 * reads to the same byte. */
static void agrees_with_the_library_on_all_short_inputs(void **state)
{
    uint8_t bytes[3];
    size_t next, whole = 0;

    (void)state;
    for (uint32_t v = 0; v < 3u << 24; v++) {
        size_t size = 1 + (v >> 24);

        bytes[0] = (uint8_t)v; /* shorter ones come several times: no harm */
        bytes[1] = (uint8_t)(v >> 8);
        bytes[2] = (uint8_t)(v >> 16);
        if (bytes[0] < 0x80 || bytes[0] >= 0xe0)
            continue; /* small integers: whole by themselves */
        if (walk(bytes, size, &next) != MSGPACK_WALK_WHOLE)
            continue;
        whole++;
        if (!library_reads(bytes, next))
            fail_msg("%02x %02x %02x: whole at %zu, and not for the library",
                     bytes[0], bytes[1], bytes[2], next);
    }
    assert_true(whole > 1000000);
}

/* A value made of every type, nested. */
static const uint8_t every_type[] = {
    0x98, 0xc0, 0xc2, 0xc3, 0x82, 0x01, 0xff, 0xa1, 'k', 0xca, 0,    0,
    0,    0,    0x92, 0xcb, 0,    0,    0,    0,    0,   0,    0,    0,
    0xc4, 2,    'a',  'b',  0xdc, 0,    2,    0xd9, 1,   'x',  0xde, 0,
    1,    0xcd, 1,    0,    0xd4, 7,    9,    0xc7, 3,   1,    'a',  'b',
    'c',  0xdd, 0,    0,    0,    1,    0xdb, 0,    0,   0,    1,    'y'
};

static void B_RPC_1_every_prefix_wants_more(void **state)
{
    size_t next;

    (void)state;
    for (size_t size = 0; size < sizeof every_type; size++)
        assert_int_equal(walk(every_type, size, &next), MSGPACK_WALK_MORE);
    assert_int_equal(walk(every_type, sizeof every_type, &next),
                     MSGPACK_WALK_WHOLE);
    assert_int_equal(next, sizeof every_type);
    assert_true(library_reads(every_type, sizeof every_type));
}

static void goes_on_where_the_bytes_ended(void **state)
{
    struct msgpack_walk w;

    (void)state;
    apps__msgpack_walk_init(&w, SIZE_MAX_HERE, MSGPACK_DEPTH_MAX);
    for (size_t size = 0; size < sizeof every_type; size++)
        assert_int_equal(apps__msgpack_walk(&w, every_type, size),
                         MSGPACK_WALK_MORE);
    assert_int_equal(apps__msgpack_walk(&w, every_type, sizeof every_type),
                     MSGPACK_WALK_WHOLE);
}

static void stops_at_the_end_of_the_first_value(void **state)
{
    static const uint8_t two[] = { 0x91, 0x01, 0x92, 0x02, 0x03 };
    size_t next;

    (void)state;
    assert_int_equal(walk(two, sizeof two, &next), MSGPACK_WALK_WHOLE);
    assert_int_equal(next, 2);
}

/* The library allows just as much: one more is "out of memory" to it. */
static void B_RPC_1_allows_32_containers_inside_each_other(void **state)
{
    uint8_t bytes[40];
    size_t next;

    (void)state;
    memset(bytes, 0x91, sizeof bytes);
    bytes[32] = 0x01;
    assert_int_equal(walk(bytes, 33, &next), MSGPACK_WALK_WHOLE);
    assert_true(library_reads(bytes, 33));
    bytes[31] = 0x90; /* an empty one counts too */
    assert_int_equal(walk(bytes, 32, &next), MSGPACK_WALK_WHOLE);
    assert_true(library_reads(bytes, 32));
    bytes[31] = 0x91;
    bytes[32] = 0x90;
    assert_int_equal(walk(bytes, 33, &next), MSGPACK_WALK_DEEP);
    assert_false(library_reads(bytes, 33));
}

static void B_RPC_1_stops_at_once_in_a_hundred_thousand_levels(void **state)
{
    uint8_t *bytes = malloc(100000);
    size_t next;

    (void)state;
    assert_non_null(bytes);
    memset(bytes, 0x91, 100000);
    assert_int_equal(walk(bytes, 100000, &next), MSGPACK_WALK_DEEP);
    assert_true(next < 64);
    free(bytes);
}

/* What five bytes may promise: 4 G elements, 4 GiB of text. */
static void B_RPC_1_believes_no_count_above_the_limit(void **state)
{
    static const uint8_t promises[][5] = {
        { 0xdd, 0xff, 0xff, 0xff, 0xff }, /* array 32 */
        { 0xdf, 0xff, 0xff, 0xff, 0xff }, /* map 32 */
        { 0xdb, 0xff, 0xff, 0xff, 0xff }, /* str 32 */
        { 0xc6, 0xff, 0xff, 0xff, 0xff }, /* bin 32 */
        { 0xc9, 0xff, 0xff, 0xff, 0xff }, /* ext 32 */
        { 0xdd, 0x01, 0xff, 0xff, 0xff },
        { 0xdf, 0x00, 0x00, 0x80, 0x01 }, /* 32,769 pairs are 65,538 values */
    };
    size_t next;

    (void)state;
    for (size_t i = 0; i < sizeof promises / sizeof promises[0]; i++)
        assert_int_equal(walk(promises[i], 5, &next), MSGPACK_WALK_TOO_BIG);
}

static void a_value_may_be_as_long_as_the_limit(void **state)
{
    uint8_t *bytes = calloc(1, SIZE_MAX_HERE + 1);
    size_t next;

    (void)state;
    assert_non_null(bytes);
    bytes[0] = 0xc5; /* bin 16 of 65,533: with its head 65,536 */
    bytes[1] = 0xff;
    bytes[2] = 0xfd;
    assert_int_equal(walk(bytes, SIZE_MAX_HERE, &next), MSGPACK_WALK_WHOLE);
    bytes[2] = 0xfe;
    assert_int_equal(walk(bytes, SIZE_MAX_HERE + 1, &next),
                     MSGPACK_WALK_TOO_BIG);
    free(bytes);
}

/* Many small values in a row reach the limit as well. */
static void a_long_array_of_small_values_meets_the_limit(void **state)
{
    static uint8_t bytes[SIZE_MAX_HERE + 16];
    size_t next;

    (void)state;
    memset(bytes, 0xa1, sizeof bytes); /* strs of one byte */
    bytes[0] = 0xdc;
    bytes[1] = 0xff;
    bytes[2] = 0xff; /* 65,535 of them, two bytes each */
    assert_int_equal(walk(bytes, sizeof bytes, &next), MSGPACK_WALK_TOO_BIG);
}

static void B_RPC_1_the_byte_that_is_never_used_is_bad(void **state)
{
    static const uint8_t bad[] = { 0x92, 0x01, 0xc1 };
    size_t next;

    (void)state;
    assert_int_equal(walk(bad, sizeof bad, &next), MSGPACK_WALK_BAD);
    assert_int_equal(next, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_library_on_all_short_inputs),
        cmocka_unit_test(B_RPC_1_every_prefix_wants_more),
        cmocka_unit_test(goes_on_where_the_bytes_ended),
        cmocka_unit_test(stops_at_the_end_of_the_first_value),
        cmocka_unit_test(B_RPC_1_allows_32_containers_inside_each_other),
        cmocka_unit_test(B_RPC_1_stops_at_once_in_a_hundred_thousand_levels),
        cmocka_unit_test(B_RPC_1_believes_no_count_above_the_limit),
        cmocka_unit_test(a_value_may_be_as_long_as_the_limit),
        cmocka_unit_test(a_long_array_of_small_values_meets_the_limit),
        cmocka_unit_test(B_RPC_1_the_byte_that_is_never_used_is_bad),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
