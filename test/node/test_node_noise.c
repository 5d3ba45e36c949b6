/*
 * Handshake, records and key derivation of a secure link, from public vectors
 * and from what must be refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <noise.h>
#include <noise_psk.h>
#include <noise_record.h>

#include "../json_doc.h"

/* ---- Vectors ---------------------------------------------------------------
 */

struct side {
    struct noise noise;
    struct noise_cipher sends, receives;
};

static enum noise_pattern pattern_of(const char *name)
{
    if (strstr(name, "psk3") != NULL)
        return NOISE_XXPSK3;
    return strstr(name, "psk0") != NULL ? NOISE_XXPSK0 : NOISE_XX;
}

/* Bytes of a field, into `out`. */
static size_t field(const struct json_value *map, const char *key, uint8_t *out)
{
    size_t size;
    uint8_t *bytes = json_doc_hex(json_get_text(map, key), &size);

    assert_true(size <= 512);
    if (size > 0)
        memcpy(out, bytes, size);
    free(bytes);
    return size;
}

static void begin(struct side *side, const struct json_value *vector,
                  bool initiator)
{
    struct noise_keys own = { .secret = { 0 } };
    uint8_t prologue[512], psk[512], ephemeral[512];
    size_t size = field(vector, "prologue", prologue);

    (void)field(vector, initiator ? "init_static" : "resp_static", own.secret);
    (void)field(vector, initiator ? "init_ephemeral" : "resp_ephemeral",
                ephemeral);
    assert_int_equal(node__noise_public(&own), AGNER_OK);
    assert_int_equal(
        node__noise_begin(&side->noise,
                          pattern_of(json_get_text(vector, "name")), initiator,
                          prologue, size, &own, ephemeral),
        AGNER_OK);
    if (field(vector, "psk", psk) == NOISE_KEY_SIZE)
        node__noise_psk(&side->noise, psk);
}

struct exchange {
    uint8_t payload[512], cipher[512];
    size_t payload_size, cipher_size;
    bool from_initiator;
};

static void take(const struct json_value *message, struct exchange *x)
{
    x->payload_size = field(message, "payload", x->payload);
    x->cipher_size = field(message, "ciphertext", x->cipher);
    x->from_initiator =
        strcmp(json_get_text(message, "from"), "initiator") == 0;
}

static void handshake_message(struct side *from, struct side *to,
                              const struct exchange *x)
{
    uint8_t out[1024], in[1024];
    size_t size, back;

    assert_int_equal(node__noise_write(&from->noise, x->payload,
                                       x->payload_size, out, sizeof out, &size),
                     AGNER_OK);
    assert_int_equal(size, x->cipher_size);
    assert_memory_equal(out, x->cipher, size);
    assert_int_equal(
        node__noise_read(&to->noise, x->cipher, x->cipher_size, in, &back),
        AGNER_OK);
    assert_int_equal(back, x->payload_size);
    assert_memory_equal(in, x->payload, back);
}

static void transport_message(struct side *from, struct side *to,
                              const struct exchange *x)
{
    uint8_t out[1024], in[1024];

    assert_int_equal(node__noise_encrypt(&from->sends, NULL, 0, x->payload,
                                         x->payload_size, out),
                     AGNER_OK);
    assert_int_equal(x->payload_size + NOISE_TAG_SIZE, x->cipher_size);
    assert_memory_equal(out, x->cipher, x->cipher_size);
    assert_int_equal(node__noise_decrypt(&to->receives, NULL, 0, x->cipher,
                                         x->cipher_size, in),
                     AGNER_OK);
    assert_memory_equal(in, x->payload, x->payload_size);
    /* Again: its number is used. */
    assert_int_equal(node__noise_decrypt(&to->receives, NULL, 0, x->cipher,
                                         x->cipher_size, in),
                     AGNER_EPROTO);
}

static void play(const struct json_value *vector)
{
    struct side a, b;
    uint8_t hash[512];
    size_t hash_size = field(vector, "handshake_hash", hash);
    unsigned number = 0;

    begin(&a, vector, true);
    begin(&b, vector, false);
    for (const struct json_value *m = json_get(vector, "messages")->first;
         m != NULL; m = m->next, number++) {
        struct exchange x;

        take(m, &x);
        if (number < 3)
            handshake_message(x.from_initiator ? &a : &b,
                              x.from_initiator ? &b : &a, &x);
        else
            transport_message(x.from_initiator ? &a : &b,
                              x.from_initiator ? &b : &a, &x);
        if (number != 2)
            continue;
        assert_memory_equal(a.noise.hash, b.noise.hash, NOISE_KEY_SIZE);
        if (hash_size > 0)
            assert_memory_equal(a.noise.hash, hash, hash_size);
        node__noise_split(&a.noise, &a.sends, &a.receives);
        node__noise_split(&b.noise, &b.sends, &b.receives);
    }
    assert_true(number > 3);
}

typedef void each_vector(const struct json_value *vector);

static unsigned for_each(each_vector *each)
{
    struct json_doc *doc = json_doc_open(VECTORS "/noise.json");
    const struct json_value *v = json_get(json_doc_root(doc), "vectors")->first;
    unsigned count = 0;

    for (; v != NULL; v = v->next, count++)
        each(v);
    json_doc_close(doc);
    return count;
}

/* 6.2: all 15, both directions. */
static void plays_every_vector(void **state)
{
    (void)state;
    assert_int_equal(for_each(play), 15);
}

/* ---- What must be refused ---------------------------------------------------
 */

/* Reads the messages of a vector up to and with `last`, one changed before. */
static enum agner_err read_changed(const struct json_value *vector,
                                   unsigned last, unsigned changed,
                                   unsigned bit)
{
    const struct json_value *m = json_get(vector, "messages")->first;
    enum agner_err err = AGNER_OK;
    struct side a, b;
    unsigned number;

    begin(&a, vector, true);
    begin(&b, vector, false);
    for (number = 0; number <= last && err == AGNER_OK; number++) {
        struct exchange x;
        struct side *to;
        uint8_t out[1024], in[1024];
        size_t size;

        take(m, &x);
        m = m->next;
        to = x.from_initiator ? &b : &a;
        assert_int_equal(
            node__noise_write(x.from_initiator ? &a.noise : &b.noise, x.payload,
                              x.payload_size, out, sizeof out, &size),
            AGNER_OK);
        if (number == changed)
            x.cipher[bit / 8] ^= (uint8_t)(1u << bit % 8);
        err = node__noise_read(&to->noise, x.cipher, x.cipher_size, in, &size);
        if (err != AGNER_OK) {
            assert_true(to->noise.failed);
            assert_int_equal(node__noise_read(&to->noise, x.cipher,
                                              x.cipher_size, in, &size),
                             AGNER_EPROTO);
        }
    }
    return err;
}

/* A changed ephemeral key of message 0 is noticed there where a psk is mixed
 * in, and otherwise when it is first used. */
static void flip_each_bit(const struct json_value *vector)
{
    const struct json_value *m = json_get(vector, "messages")->first;

    for (unsigned number = 0; number < 3; number++, m = m->next) {
        struct exchange x;

        take(m, &x);
        for (unsigned bit = 0; bit < 8 * x.cipher_size; bit += 17) {
            /* The highest bit of a public key means nothing to X25519, but the
             * hash covers it: also found, at the latest in the last message. */
            assert_int_equal(read_changed(vector, 2, number, bit),
                             AGNER_EPROTO);
        }
    }
}

static void notices_each_flipped_bit(void **state)
{
    (void)state;
    assert_int_equal(for_each(flip_each_bit), 15);
}

/* B-SEC-2: the points of low order, and what is congruent to them. */
static const char *const low_points[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};
#define LOW_POINTS (sizeof low_points / sizeof low_points[0])

static struct noise_keys keys_of(uint8_t seed)
{
    struct noise_keys keys;

    memset(keys.secret, seed, sizeof keys.secret);
    assert_int_equal(node__noise_public(&keys), AGNER_OK);
    return keys;
}

static void start(struct noise *noise, bool initiator, uint8_t seed)
{
    struct noise_keys own = keys_of(seed), ephemeral = keys_of(seed + 1);

    assert_int_equal(node__noise_begin(noise, NOISE_XXPSK3, initiator, "p", 1,
                                       &own, ephemeral.secret),
                     AGNER_OK);
    node__noise_psk(noise, keys_of(9).secret);
}

static void refuses_ephemeral_points_of_low_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < LOW_POINTS; i++) {
        struct noise a, b;
        uint8_t message[256], out[256];
        uint8_t *point;
        size_t size, n;

        point = json_doc_hex(low_points[i], &n);
        start(&a, true, 1);
        start(&b, false, 5);
        assert_int_equal(
            node__noise_write(&a, NULL, 0, message, sizeof message, &size),
            AGNER_OK);
        /* The payload's tag does not fit the changed key any more... */
        memcpy(message, point, NOISE_KEY_SIZE);
        assert_int_equal(node__noise_read(&b, message, size, out, &n),
                         AGNER_EPROTO);
        assert_true(b.failed);
        /* ... and with one that does, the multiplication says no. */
        start(&a, true, 1);
        start(&b, false, 5);
        memcpy(a.ephemeral.public_key, point, NOISE_KEY_SIZE);
        assert_int_equal(
            node__noise_write(&a, NULL, 0, message, sizeof message, &size),
            AGNER_OK);
        assert_int_equal(node__noise_read(&b, message, size, out, &n),
                         AGNER_OK);
        assert_int_equal(
            node__noise_write(&b, NULL, 0, message, sizeof message, &size),
            AGNER_EPROTO);
        assert_true(b.failed);
        free(point);
    }
}

/* The responder's, then the initiator's. */
static void refuses_static_points_of_low_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < LOW_POINTS; i++)
        for (unsigned who = 0; who < 2; who++) {
            struct noise a, b;
            uint8_t m0[256], m1[256], m2[256], out[256];
            size_t size, n;
            uint8_t *point = json_doc_hex(low_points[i], &n);

            start(&a, true, 1);
            start(&b, false, 5);
            memcpy((who == 0 ? &b : &a)->own.public_key, point, NOISE_KEY_SIZE);
            assert_int_equal(
                node__noise_write(&a, NULL, 0, m0, sizeof m0, &size), AGNER_OK);
            assert_int_equal(node__noise_read(&b, m0, size, out, &n), AGNER_OK);
            assert_int_equal(
                node__noise_write(&b, NULL, 0, m1, sizeof m1, &size), AGNER_OK);
            assert_int_equal(node__noise_read(&a, m1, size, out, &n),
                             who == 0 ? AGNER_EPROTO : AGNER_OK);
            if (who == 1) {
                assert_int_equal(
                    node__noise_write(&a, NULL, 0, m2, sizeof m2, &size),
                    AGNER_OK);
                assert_int_equal(node__noise_read_static(&b, m2, size, &n),
                                 AGNER_EPROTO);
                assert_true(b.failed);
            }
            free(point);
        }
}

/* A machine wants its messages in order, and whole. */
static void refuses_what_is_out_of_turn(void **state)
{
    struct noise a, b;
    uint8_t message[256], out[256];
    size_t size, n;

    (void)state;
    start(&b, false, 5);
    assert_int_equal(
        node__noise_write(&b, NULL, 0, message, sizeof message, &size),
        AGNER_EPROTO);
    for (size_t cut = 0; cut < 48; cut++) {
        start(&a, true, 1);
        start(&b, false, 5);
        assert_int_equal(
            node__noise_write(&a, NULL, 0, message, sizeof message, &size),
            AGNER_OK);
        assert_int_equal(size, 48);
        assert_int_equal(node__noise_read(&b, message, cut, out, &n),
                         AGNER_EPROTO);
    }
    start(&a, true, 1);
    assert_int_equal(node__noise_write(&a, NULL, 0, message, 64, &size),
                     AGNER_ELIMIT);
    assert_int_equal(
        node__noise_write(&a, NULL, 0, message, sizeof message, &size),
        AGNER_OK);
    /* Its own message comes back. */
    assert_int_equal(
        node__noise_write(&a, NULL, 0, message, sizeof message, &size),
        AGNER_EPROTO);
    assert_int_equal(node__noise_read(&a, message, size, out, &n),
                     AGNER_EPROTO);
}

/* Several keys are tried on the last message; the wrong ones change nothing. */
static void tries_pre_shared_keys(void **state)
{
    struct noise a, b;
    uint8_t message[256], out[256];
    struct noise_cipher a_out, a_in, b_out, b_in;
    size_t size, n, used;

    (void)state;
    start(&a, true, 1);
    start(&b, false, 5);
    assert_int_equal(
        node__noise_write(&a, NULL, 0, message, sizeof message, &size),
        AGNER_OK);
    assert_int_equal(node__noise_read(&b, message, size, out, &n), AGNER_OK);
    assert_int_equal(
        node__noise_write(&b, NULL, 0, message, sizeof message, &size),
        AGNER_OK);
    assert_int_equal(size, 96);
    assert_int_equal(node__noise_read(&a, message, size, out, &n), AGNER_OK);
    assert_int_equal(
        node__noise_write(&a, "hello", 5, message, sizeof message, &size),
        AGNER_OK);
    assert_int_equal(size, 64 + 5);
    assert_int_equal(node__noise_read_static(&b, message, size, &used),
                     AGNER_OK);
    assert_memory_equal(b.peer_static, keys_of(1).public_key, NOISE_KEY_SIZE);
    assert_int_equal(node__noise_try(&b, keys_of(8).secret, message + used,
                                     size - used, out, &n),
                     AGNER_EPROTO);
    assert_int_equal(node__noise_try(&b, keys_of(9).secret, message + used,
                                     size - used, out, &n),
                     AGNER_OK);
    assert_int_equal(n, 5);
    assert_memory_equal(out, "hello", 5);
    node__noise_split(&a, &a_out, &a_in);
    node__noise_split(&b, &b_out, &b_in);
    assert_memory_equal(a_out.key, b_in.key, NOISE_KEY_SIZE);
    assert_memory_equal(a_in.key, b_out.key, NOISE_KEY_SIZE);
}

/* ---- Records ---------------------------------------------------------------
 */

static void pair_of(struct noise_record *out, struct noise_record *in)
{
    memset(out, 0, sizeof *out);
    memset(out->cipher.key, 7, sizeof out->cipher.key);
    out->cipher.has_key = true;
    *in = *out;
}

/* B-SEC-4: any bit, any cut, twice, swapped, dropped. */
static void refuses_records_that_were_touched(void **state)
{
    struct noise_record out, in, fresh;
    uint8_t first[64], second[64], copy[64];
    size_t size, text;

    (void)state;
    pair_of(&out, &fresh);
    memcpy(first + NOISE_LENGTH_SIZE, "\1packet", 7);
    memcpy(second + NOISE_LENGTH_SIZE, "\1second", 7);
    assert_int_equal(node__record_seal(&out, first, 7, &size), AGNER_OK);
    assert_int_equal(size, NOISE_RECORD_EXTRA + 6);
    assert_int_equal(node__record_size(first), size);
    assert_int_equal(node__record_seal(&out, second, 7, &size), AGNER_OK);
    for (size_t bit = 8 * NOISE_LENGTH_SIZE; bit < 8 * size; bit++) {
        in = fresh;
        memcpy(copy, first, size);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(node__record_open(&in, copy, &text), AGNER_EPROTO);
    }
    for (size_t cut = 0; cut < size - NOISE_LENGTH_SIZE; cut++) {
        in = fresh;
        memcpy(copy, first, size);
        copy[1] = (uint8_t)cut;
        assert_int_equal(node__record_open(&in, copy, &text), AGNER_EPROTO);
    }
    in = fresh; /* the first dropped, or both swapped */
    memcpy(copy, second, size);
    assert_int_equal(node__record_open(&in, copy, &text), AGNER_EPROTO);
    in = fresh;
    memcpy(copy, first, size);
    assert_int_equal(node__record_open(&in, copy, &text), AGNER_OK);
    assert_int_equal(text, 7);
    assert_memory_equal(copy + NOISE_LENGTH_SIZE, "\1packet", 7);
    memcpy(copy, first, size); /* again */
    assert_int_equal(node__record_open(&in, copy, &text), AGNER_EPROTO);
    memcpy(copy, second, size);
    assert_int_equal(node__record_open(&in, copy, &text), AGNER_OK);
}

static void a_tick_is_an_empty_record(void **state)
{
    struct noise_record out, in;
    uint8_t record[NOISE_LENGTH_SIZE + NOISE_TAG_SIZE];
    size_t size, text = 9;

    (void)state;
    pair_of(&out, &in);
    assert_int_equal(node__record_seal(&out, record, 0, &size), AGNER_OK);
    assert_int_equal(size, sizeof record);
    assert_int_equal(node__record_open(&in, record, &text), AGNER_OK);
    assert_int_equal(text, 0);
}

/* Both sides change the key after the same frame, and none is left of the old
 * one. */
static void changes_keys_after_a_million_frames(void **state)
{
    struct noise_record out, in;
    uint8_t record[NOISE_LENGTH_SIZE + NOISE_TAG_SIZE], old[NOISE_KEY_SIZE];
    size_t size, text;

    (void)state;
    pair_of(&out, &in);
    memcpy(old, out.cipher.key, sizeof old);
    for (uint64_t i = 0; i < NOISE_REKEY_FRAMES; i++) {
        assert_memory_equal(out.cipher.key, old, sizeof old);
        if (node__record_seal(&out, record, 0, &size) != AGNER_OK ||
            node__record_open(&in, record, &text) != AGNER_OK)
            fail_msg("frame %llu", (unsigned long long)i);
    }
    assert_memory_not_equal(out.cipher.key, old, sizeof old);
    assert_memory_equal(out.cipher.key, in.cipher.key, sizeof old);
    assert_int_equal(out.cipher.nonce, NOISE_REKEY_FRAMES);
    assert_int_equal(node__record_seal(&out, record, 0, &size), AGNER_OK);
    assert_int_equal(node__record_open(&in, record, &text), AGNER_OK);
}

/* Rekey() of the Noise specification: the key's own cipher over zeros, with
 * the highest number. */
static void rekeys_as_noise_says(void **state)
{
    struct noise_cipher cipher = { .has_key = true, .nonce = 3 };
    struct noise_cipher last = { .has_key = true, .nonce = UINT64_MAX };
    uint8_t zeros[NOISE_KEY_SIZE] = { 0 }, out[64];

    (void)state;
    assert_int_equal(node__noise_encrypt(&last, NULL, 0, zeros, 32, out),
                     AGNER_ELIMIT);
    assert_int_equal(node__noise_decrypt(&last, NULL, 0, out, 48, out),
                     AGNER_EPROTO);
    node__noise_rekey(&cipher);
    assert_int_equal(cipher.nonce, 3);
    assert_memory_not_equal(cipher.key, zeros, NOISE_KEY_SIZE);
}

/* ---- Cookies ----------------------------------------------------------------
 */

static void tells_its_own_cookies_from_others(void **state)
{
    uint8_t random[32];
    char cookie[NOISE_COOKIE_SIZE];

    (void)state;
    memset(random, 0xa5, sizeof random);
    node__psk_cookie(random, cookie);
    assert_int_equal(strlen(cookie), NOISE_COOKIE_SIZE - 1);
    assert_true(node__psk_is_strong(cookie));
    cookie[20] = 'A';
    assert_false(node__psk_is_strong(cookie));
    cookie[20] = 'b';
    cookie[NOISE_COOKIE_SIZE - 2] = '\0';
    assert_false(node__psk_is_strong(cookie));
    assert_false(node__psk_is_strong("agner1-"));
    assert_false(node__psk_is_strong("monster"));
    assert_false(node__psk_is_strong(""));
}

/* One cookie in two clusters, two cookies in one: all keys differ, and each is
 * always the same. */
static void derives_keys_from_cookies(void **state)
{
    static const char *const pairs[][2] = {
        { "", "monster" },
        { "shop", "monster" },
        { "", "monster2" },
        { "", "agner1-"
              "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
        { "a", "agner1-"
               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
    };
    enum { COUNT = sizeof pairs / sizeof pairs[0] };
    uint8_t psk[COUNT][NOISE_KEY_SIZE], again[NOISE_KEY_SIZE];

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(node__psk(pairs[i][0], pairs[i][1], psk[i]), AGNER_OK);
        assert_int_equal(node__psk(pairs[i][0], pairs[i][1], again), AGNER_OK);
        assert_memory_equal(psk[i], again, sizeof again);
        for (unsigned j = 0; j < i; j++)
            assert_memory_not_equal(psk[i], psk[j], sizeof again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plays_every_vector),
        cmocka_unit_test(notices_each_flipped_bit),
        cmocka_unit_test(refuses_ephemeral_points_of_low_order),
        cmocka_unit_test(refuses_static_points_of_low_order),
        cmocka_unit_test(refuses_what_is_out_of_turn),
        cmocka_unit_test(tries_pre_shared_keys),
        cmocka_unit_test(refuses_records_that_were_touched),
        cmocka_unit_test(a_tick_is_an_empty_record),
        cmocka_unit_test(changes_keys_after_a_million_frames),
        cmocka_unit_test(rekeys_as_noise_says),
        cmocka_unit_test(tells_its_own_cookies_from_others),
        cmocka_unit_test(derives_keys_from_cookies),
    };

    if (node__noise_ready() != AGNER_OK)
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
