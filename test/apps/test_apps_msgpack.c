/*
 * test_apps_msgpack.c -- terms as MessagePack and back, and messages of
 * MessagePack-RPC.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "msgpack_term.h"
#include "msgpack_walk.h"

static struct etf_region *region;

static int setup(void **state)
{
    (void)state;
    region = etf_region_new(0);
    return region == NULL;
}

static int teardown(void **state)
{
    (void)state;
    etf_region_free(region);
    return 0;
}

static etf_term parse(const char *text)
{
    etf_term t = ETF_NONE;
    struct agner_error error = { AGNER_OK, "" };

    if (etf_parse(region, text, strlen(text), &t, NULL, &error) != AGNER_OK)
        fail_msg("%s: %s", text, error.text);
    return t;
}

static void to_hex(const struct etf_buffer *b, char *hex, size_t size)
{
    hex[0] = '\0';
    for (size_t i = 0; i < b->size && 2 * i + 2 < size; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", b->data[i]);
}

/* The table of msgpack_term.h, with the bytes that each row means. */
static const struct {
    const char *text, *strict, *loose;
} rows[] = {
    { "true", "c3", "c3" },
    { "false", "c2", "c2" },
    { "nil", "c0", "c0" },
    { "ok", "d5016f6b", "a26f6b" },
    { "'\\x{e9}'", "d501c3a9", "a2c3a9" },
    { "<<\"ab\">>", "c4026162", "a26162" },
    { "<<255,254>>", "c402fffe", "c402fffe" },
    { "<<>>", "c400", "a0" },
    { "0", "00", "00" },
    { "-1", "ff", "ff" },
    { "127", "7f", "7f" },
    { "128", "cc80", "cc80" },
    { "9223372036854775807", "cf7fffffffffffffff", "cf7fffffffffffffff" },
    { "-9223372036854775808", "d38000000000000000", "d38000000000000000" },
    { "18446744073709551615", "cfffffffffffffffff", "cfffffffffffffffff" },
    { "18446744073709551616", "c70d04836e0900000000000000000001",
      "b43138343436373434303733373039353531363136" },
    { "1.5", "cb3ff8000000000000", "cb3ff8000000000000" },
    { "[]", "90", "90" },
    { "[1,2]", "920102", "920102" },
    { "{}", "d40290", "90" },
    { "{1,2}", "c70302920102", "920102" },
    { "{ok,{1}}", "c7090292d5016f6bd5029101", "92a26f6b9101" },
    { "#{}", "80", "80" },
    { "#{a => 1}", "81d4016101", "81a16101" },
    { "[1|2]", "c70a03836c0000000161016102", "a55b317c325d" },
    { "<<5:3>>", "d703834d0000000103a0", "a73c3c353a333e3e" },
};

static void writes_each_row_of_the_table(void **state)
{
    char hex[256];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct etf_buffer b = { 0 };

        assert_int_equal(
            apps__msgpack_pack(&b, parse(rows[i].text), MSGPACK_STRICT, NULL),
            AGNER_OK);
        to_hex(&b, hex, sizeof hex);
        assert_string_equal(hex, rows[i].strict);
        b.size = 0;
        assert_int_equal(
            apps__msgpack_pack(&b, parse(rows[i].text), MSGPACK_LOOSE, NULL),
            AGNER_OK);
        to_hex(&b, hex, sizeof hex);
        assert_string_equal(hex, rows[i].loose);
        etf_buffer_fini(&b);
    }
}

static etf_term there_and_back(etf_term t, const struct etf_self *self)
{
    struct etf_buffer b = { 0 };
    struct agner_error error = { AGNER_OK, "" };
    etf_term back = ETF_NONE;

    assert_int_equal(apps__msgpack_pack(&b, t, MSGPACK_STRICT, self), AGNER_OK);
    if (apps__msgpack_unpack(region, b.data, b.size, self, NULL, &back,
                             &error) != AGNER_OK)
        fail_msg("%s", error.text);
    etf_buffer_fini(&b);
    return back;
}

static void strict_loses_nothing(void **state)
{
    static const char *const more[] = {
        "fun lists:map/2",
        "{a,b,{c,[d,{e,#{f => {g,[h|i]}}}]}}",
        "#{{1,2} => [], [] => {}, 1 => 1.0, <<\"k\">> => k}",
        "[true,false,nil,undefined,'',' ']",
        "-170141183460469231731687303715884105728",
        "#{1.0 => a, 1 => b}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        etf_term t = parse(rows[i].text);

        assert_true(etf_equal(there_and_back(t, NULL), t));
    }
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        etf_term t = parse(more[i]);

        assert_true(etf_equal(there_and_back(t, NULL), t));
    }
}

static void local_identifiers_come_back_as_local(void **state)
{
    struct etf_self self = { etf_atom("here@127.0.0.1"), 7 };
    struct etf_self other = { etf_atom("there@127.0.0.1"), 7 };
    etf_term pid = parse("<0.12.3>");
    struct etf_buffer b = { 0 };
    etf_term back;
    etf_pid value;

    (void)state;
    assert_true(etf_equal(there_and_back(pid, &self), pid));
    assert_int_equal(apps__msgpack_pack(&b, pid, MSGPACK_STRICT, &self),
                     AGNER_OK);
    assert_int_equal(
        apps__msgpack_unpack(region, b.data, b.size, &other, NULL, &back, NULL),
        AGNER_OK);
    assert_true(etf_get_pid(back, &value));
    assert_false(etf_pid_is_local(value));
    etf_buffer_fini(&b);
}

/* 32 is what the reader takes; further down it is an opaque value, which strict
 * brings back, and the whole stays readable. */
static void deep_terms_leave_as_opaque_values(void **state)
{
    static const char *const shapes[] = { "[_]", "{_}", "#{k => _}" };

    (void)state;
    for (size_t s = 0; s < 3; s++) {
        for (unsigned depth = 30; depth < 40; depth++) {
            etf_term t = etf_int(region, 1);

            for (unsigned i = 0; i < depth; i++)
                t = s == 0   ? etf_make(region, "[_]", t)
                    : s == 1 ? etf_make(region, "{_}", t)
                             : etf_make(region, "#{k => _}", t);
            assert_false(etf_is_none(t));
            if (!etf_equal(there_and_back(t, NULL), t))
                fail_msg("%s, %u deep", shapes[s], depth);
        }
    }
}

/* B-RPC-5 */
static void B_RPC_5_atoms_from_outside_are_not_made(void **state)
{
    static const uint8_t bytes[] = { 0xc7, 9,   1,   'n', 'e', 'v',
                                     'e',  'r', '_', 's', 'e', 'e' };
    static const uint8_t in_etf[] = { 0xc7, 12,  3,   0x83, 0x77, 9,   'n', 'e',
                                      'v',  'e', 'r', '_',  's',  'e', 'a' };
    uint32_t before = etf_atom_count();
    etf_term t;

    (void)state;
    assert_int_equal(
        apps__msgpack_unpack(region, bytes, sizeof bytes, NULL, NULL, &t, NULL),
        AGNER_OK);
    assert_true(etf_atom_is(t, "never_see"));
    assert_int_equal(apps__msgpack_unpack(region, in_etf, sizeof in_etf, NULL,
                                          NULL, &t, NULL),
                     AGNER_OK);
    assert_true(etf_atom_is(t, "never_sea"));
    assert_int_equal(etf_atom_count(), before);
}

static const struct {
    uint8_t bytes[24];
    size_t size;
    enum agner_err err;
    const char *text;
} bad[] = {
    { { 0xc1 }, 1, AGNER_EMALFORMED, "byte 0: byte c1 begins no value" },
    { { 0x91 }, 1, AGNER_ETRUNCATED, "byte 1: the value is cut short" },
    { { 0 }, 0, AGNER_ETRUNCATED, "byte 0: the value is cut short" },
    { { 1, 2 }, 2, AGNER_EMALFORMED, "byte 1: bytes after the value" },
    { { 0xdd, 1, 0xff, 0xff, 0xff },
      5,
      AGNER_ETRUNCATED,
      "byte 5: the value is cut short" },
    { { 0xca, 0x7f, 0xc0, 0, 0 }, 5, AGNER_EMALFORMED, "float is not finite" },
    { { 0xcb, 0x7f, 0xf0 }, 9, AGNER_EMALFORMED, "float is not finite" },
    { { 0xd4, 1, 0xff },
      3,
      AGNER_EMALFORMED,
      "ext 1 is an atom: UTF-8, at most 255 characters" },
    { { 0xd4, 2, 0x01 },
      3,
      AGNER_EMALFORMED,
      "ext 2 is a tuple: it wants an array inside" },
    { { 0xd5, 2, 0x92, 0x01 },
      4,
      AGNER_ETRUNCATED,
      "byte 2: the value is cut short" },
    { { 0xc7, 3, 4, 0x83, 0x77, 0 },
      6,
      AGNER_EMALFORMED,
      "ext 4 is an integer, and this is none" },
    { { 0xd4, 5, 0 }, 3, AGNER_EMALFORMED, "extension type 5 is not known" },
    { { 0xd4, 0xff, 0 },
      3,
      AGNER_EMALFORMED,
      "extension type -1 is not known" },
    { { 0x82, 1, 2, 1, 3 },
      5,
      AGNER_EMALFORMED,
      "a map with equal keys, or too large" },
};

static void refuses_what_is_no_term_and_says_why(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct agner_error error = { AGNER_OK, "" };
        etf_term t;

        assert_int_equal(apps__msgpack_unpack(region, bad[i].bytes, bad[i].size,
                                              NULL, NULL, &t, &error),
                         bad[i].err);
        assert_string_equal(error.text, bad[i].text);
    }
}

/* Extensions of tuples inside each other: their payloads are bytes to the
 * library, so the depth is counted through them. */
static void counts_depth_through_tuples(void **state)
{
    struct etf_buffer b = { 0 };
    uint8_t wrapped[512];
    struct agner_error error;
    etf_term t;
    size_t size = 1;

    (void)state;
    assert_int_equal(etf_buffer_add(&b, "\x01", 1), AGNER_OK);
    for (unsigned depth = 1; depth <= 33; depth++) {
        wrapped[0] = 0xc7; /* ext 8 */
        wrapped[1] = (uint8_t)(size + 1);
        wrapped[2] = MSGPACK_EXT_TUPLE;
        wrapped[3] = 0x91;
        memcpy(wrapped + 4, b.data, size);
        size += 4;
        b.size = 0;
        assert_int_equal(etf_buffer_add(&b, wrapped, size), AGNER_OK);
        assert_int_equal(apps__msgpack_unpack(region, b.data, b.size, NULL,
                                              NULL, &t, &error),
                         depth <= 32 ? AGNER_OK : AGNER_ELIMIT);
    }
    etf_buffer_fini(&b);
}

static void a_failed_message_leaves_the_buffer_as_it_was(void **state)
{
    struct etf_buffer b = { .size_max = 20 };
    etf_term big = parse("<<\"twenty bytes or more, surely\">>");

    (void)state;
    assert_int_equal(etf_buffer_add(&b, "abc", 3), AGNER_OK);
    assert_int_equal(apps__msgpack_pack(&b, big, MSGPACK_STRICT, NULL),
                     AGNER_ELIMIT);
    assert_int_equal(b.size, 3);
    assert_int_equal(apps__msgpack_pack(&b, etf_resource(region, &b, NULL),
                                        MSGPACK_STRICT, NULL),
                     AGNER_EBADTERM);
    assert_int_equal(b.size, 3);
    etf_buffer_fini(&b);
}

/* ---- MessagePack-RPC -------------------------------------------------- */

static const struct {
    const char *what;
    uint8_t bytes[24];
    size_t size;
    enum agner_err err;
    int64_t id; /* -1: nobody to answer */
    const char *text;
} frames[] = {
    /* clang-format off */
    { "a request", { 0x94, 0, 5, 0xa1, 'm', 0x90 }, 6, AGNER_OK, 5, "" },
    { "its id in 32 bits",
      { 0x94, 0, 0xce, 0xff, 0xff, 0xff, 0xff, 0xa1, 'm', 0x90 }, 10, AGNER_OK,
      0xffffffff, "" },
    { "an id in 64 bits that is small",
      { 0x94, 0, 0xcf, 0, 0, 0, 0, 0, 0, 0, 9, 0xa1, 'm', 0x90 }, 14, AGNER_OK,
      9, "" },
    { "a notification", { 0x93, 2, 0xa1, 'm', 0x90 }, 5, AGNER_OK, -1, "" },
    { "an id over 32 bits",
      { 0x94, 0, 0xcf, 0, 0, 0, 1, 0, 0, 0, 0, 0xa1, 'm', 0x90 }, 14,
      AGNER_EPROTO, -1, "the id is no integer of 32 bits" },
    { "a negative id", { 0x94, 0, 0xff, 0xa1, 'm', 0x90 }, 6, AGNER_EPROTO, -1,
      "the id is no integer of 32 bits" },
    { "a float for an id", { 0x94, 0, 0xca, 0, 0, 0, 0, 0xa1, 'm', 0x90 }, 10,
      AGNER_EPROTO, -1, "the id is no integer of 32 bits" },
    { "a request of three", { 0x93, 0, 5, 0xa1, 'm' }, 5, AGNER_EPROTO, 5,
      "3 elements in the message" },
    { "a notification of four", { 0x94, 2, 5, 0xa1, 'm', 0x90 }, 6,
      AGNER_EPROTO, -1, "4 elements in the message" },
    { "five elements", { 0x95, 0, 5, 0xa1, 'm', 0x90, 0x90 }, 7, AGNER_EPROTO,
      -1, "not a message of MessagePack-RPC" },
    { "an unknown kind", { 0x94, 3, 5, 0xa1, 'm', 0x90 }, 6, AGNER_EPROTO, -1,
      "not a message of MessagePack-RPC" },
    { "no array", { 0x05 }, 1, AGNER_EPROTO, -1,
      "not a message of MessagePack-RPC" },
    { "an empty array", { 0x90 }, 1, AGNER_EPROTO, -1,
      "not a message of MessagePack-RPC" },
    { "a method that is a number", { 0x94, 0, 5, 7, 0x90 }, 5, AGNER_EPROTO, 5,
      "the method is no str" },
    { "a method that is bin", { 0x94, 0, 5, 0xc4, 1, 'm', 0x90 }, 7,
      AGNER_EPROTO, 5, "the method is no str" },
    { "a map of parameters", { 0x94, 0, 5, 0xa1, 'm', 0x80 }, 6, AGNER_EPROTO,
      5, "the parameters are no array" },
    { "a parameter that is no term",
      { 0x94, 0, 5, 0xa1, 'm', 0x91, 0xd4, 9, 0 }, 9, AGNER_EMALFORMED, 5,
      "extension type 9 is not known" },
    { "bytes that break off", { 0x94, 0, 5, 0xa1 }, 4, AGNER_ETRUNCATED, 5,
      "byte 4: the value is cut short" },
    /* clang-format on */
};

/* B-RPC-1, B-RPC-2: and whenever the id can be read, there is one to answer. */
static void B_RPC_2_reads_messages_and_finds_whom_to_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        struct agner_error error = { AGNER_OK, "" };
        struct rpc_frame f;
        enum agner_err err = apps__rpc_read(
            region, frames[i].bytes, frames[i].size, NULL, NULL, &f, &error);

        if (err != frames[i].err || f.has_id != (frames[i].id >= 0))
            fail_msg("%s: %d, id %d", frames[i].what, (int)err, f.has_id);
        if (f.has_id)
            assert_int_equal(f.id, frames[i].id);
        assert_string_equal(error.text, frames[i].text);
    }
}

static void tells_a_text_in_front_from_bytes(void **state)
{
    static const uint8_t text[] = { 0x93, 2, 0xa1, 'm', 0x91, 0xa1, 'a' };
    static const uint8_t bytes[] = { 0x93, 2, 0xa1, 'm', 0x91, 0xc4, 1, 'a' };
    struct rpc_frame f;

    (void)state;
    assert_int_equal(
        apps__rpc_read(region, text, sizeof text, NULL, NULL, &f, NULL),
        AGNER_OK);
    assert_true(f.first_is_text);
    assert_int_equal(f.method.size, 1);
    assert_true(etf_equal(f.params, parse("[<<\"a\">>]")));
    assert_int_equal(
        apps__rpc_read(region, bytes, sizeof bytes, NULL, NULL, &f, NULL),
        AGNER_OK);
    assert_false(f.first_is_text);
}

static void writes_what_it_reads(void **state)
{
    struct etf_buffer b = { 0 };
    struct rpc_frame f;
    uint32_t id = 77;

    (void)state;
    assert_int_equal(apps__rpc_write_request(&b, &id, "counter",
                                             parse("[{add,5}]"), MSGPACK_STRICT,
                                             NULL),
                     AGNER_OK);
    assert_int_equal(
        apps__rpc_read(region, b.data, b.size, NULL, NULL, &f, NULL), AGNER_OK);
    assert_int_equal(f.kind, RPC_REQUEST);
    assert_int_equal(f.id, 77);
    assert_true(etf_equal(f.params, parse("[{add,5}]")));
    b.size = 0;
    assert_int_equal(apps__rpc_write_response(&b, 77, ETF_NONE, parse("{ok,1}"),
                                              MSGPACK_STRICT, NULL),
                     AGNER_OK);
    assert_int_equal(
        apps__rpc_read(region, b.data, b.size, NULL, NULL, &f, NULL), AGNER_OK);
    assert_int_equal(f.kind, RPC_RESPONSE);
    assert_true(etf_equal(f.error, parse("nil")));
    assert_true(etf_equal(f.result, parse("{ok,1}")));
    etf_buffer_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_each_row_of_the_table),
        cmocka_unit_test(strict_loses_nothing),
        cmocka_unit_test(local_identifiers_come_back_as_local),
        cmocka_unit_test(deep_terms_leave_as_opaque_values),
        cmocka_unit_test(B_RPC_5_atoms_from_outside_are_not_made),
        cmocka_unit_test(refuses_what_is_no_term_and_says_why),
        cmocka_unit_test(counts_depth_through_tuples),
        cmocka_unit_test(a_failed_message_leaves_the_buffer_as_it_was),
        cmocka_unit_test(B_RPC_2_reads_messages_and_finds_whom_to_answer),
        cmocka_unit_test(tells_a_text_in_front_from_bytes),
        cmocka_unit_test(writes_what_it_reads),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
