/*
 * test_node_channel.c -- streams between two keys, fed by hand: what goes
 * through, and what ends them (spec/reliability.md 6.2; B-SEC-1, 2, 4, 5).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node_channel.h"

#define PROLOGUE "a test"

/* One side: what it has to say, what it was told, whose key it has seen. */
struct side {
    struct node_channel *channel;
    struct etf_buffer out, plain;
    struct noise_keys keys;
    bool refuses;
    unsigned asked;
    uint8_t seen[NOISE_KEY_SIZE];
};

static bool admits(void *ctx, const uint8_t key[NOISE_KEY_SIZE])
{
    struct side *s = ctx;

    s->asked++;
    memcpy(s->seen, key, NOISE_KEY_SIZE);
    return !s->refuses;
}

static void open_side(struct side *s, bool initiator, uint8_t seed,
                      const char *prologue)
{
    struct node_channel_options o = { .initiator = initiator,
                                      .prologue = prologue,
                                      .own = &s->keys,
                                      .admits = admits,
                                      .ctx = s };

    memset(s->keys.secret, seed, sizeof s->keys.secret);
    memset(o.ephemeral, seed + 100, sizeof o.ephemeral);
    assert_int_equal(node__noise_public(&s->keys), AGNER_OK);
    assert_int_equal(node_channel_new(&o, &s->out, &s->channel), AGNER_OK);
}

static void close_side(struct side *s)
{
    node_channel_free(s->channel);
    etf_buffer_fini(&s->out);
    etf_buffer_fini(&s->plain);
}

/* What `from` has to say, in pieces of `piece` bytes. */
static enum agner_err pass(struct side *from, struct side *to, size_t piece)
{
    enum agner_err err = AGNER_OK;

    for (size_t at = 0; at < from->out.size && err == AGNER_OK; at += piece) {
        size_t left = from->out.size - at;

        err = node_channel_take(to->channel, from->out.data + at,
                                left < piece ? left : piece, &to->plain,
                                &to->out);
    }
    from->out.size = 0;
    return err;
}

struct pair {
    struct side a, b; /* a begins */
};

static void open_pair(struct pair *p)
{
    memset(p, 0, sizeof *p);
    assert_int_equal(node__noise_ready(), AGNER_OK);
    open_side(&p->a, true, 1, PROLOGUE);
    open_side(&p->b, false, 2, PROLOGUE);
}

static void close_pair(struct pair *p)
{
    close_side(&p->a);
    close_side(&p->b);
}

static void shake(struct pair *p, size_t piece)
{
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pass(&p->a, &p->b, piece), AGNER_OK);
        assert_int_equal(pass(&p->b, &p->a, piece), AGNER_OK);
    }
    assert_int_equal(node_channel_state(p->a.channel), NODE_CHANNEL_UP);
    assert_int_equal(node_channel_state(p->b.channel), NODE_CHANNEL_UP);
}

static void say(struct side *s, const void *bytes, size_t size)
{
    assert_int_equal(node_channel_put(s->channel, bytes, size, &s->out),
                     AGNER_OK);
}

/* ---- Tests -------------------------------------------------------------- */

/* However the bytes are cut; each side hears the other's key once. */
static void both_hear_whose_key_it_is(void **state)
{
    static const size_t pieces[] = { 1, 7, 33, 100000 };
    struct pair p;

    (void)state;
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        open_pair(&p);
        shake(&p, pieces[i]);
        assert_memory_equal(p.a.seen, p.b.keys.public_key, NOISE_KEY_SIZE);
        assert_memory_equal(p.b.seen, p.a.keys.public_key, NOISE_KEY_SIZE);
        assert_int_equal(p.a.asked, 1);
        assert_int_equal(p.b.asked, 1);
        say(&p.a, "hello", 5);
        assert_int_equal(pass(&p.a, &p.b, pieces[i]), AGNER_OK);
        assert_int_equal(p.b.plain.size, 5);
        assert_memory_equal(p.b.plain.data, "hello", 5);
        say(&p.b, "you", 3);
        assert_int_equal(pass(&p.b, &p.a, pieces[i]), AGNER_OK);
        assert_memory_equal(p.a.plain.data, "you", 3);
        close_pair(&p);
    }
}

/* More than a record has room for. */
static void long_ones_go_in_several_records(void **state)
{
    size_t size = 300000;
    uint8_t *bytes = malloc(size);
    struct pair p;

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * 31 >> 3);
    open_pair(&p);
    shake(&p, 1000);
    say(&p.a, bytes, size);
    assert_int_equal(pass(&p.a, &p.b, 5000), AGNER_OK);
    assert_int_equal(p.b.plain.size, size);
    assert_memory_equal(p.b.plain.data, bytes, size);
    close_pair(&p);
    free(bytes);
}

/* Nothing is said to who is not admitted, by either side. */
static void a_key_that_is_not_admitted_hears_nothing(void **state)
{
    struct pair p;

    (void)state;
    open_pair(&p);
    p.b.refuses = true;
    assert_int_equal(pass(&p.a, &p.b, 1000), AGNER_OK);
    assert_int_equal(pass(&p.b, &p.a, 1000), AGNER_OK);
    assert_int_equal(pass(&p.a, &p.b, 1000), AGNER_EPROTO);
    assert_int_equal(node_channel_state(p.b.channel), NODE_CHANNEL_FAILED);
    assert_string_equal(node_channel_text(p.b.channel),
                        "its key is not admitted");
    assert_int_equal(p.b.out.size, 0);
    assert_int_equal(node_channel_state(p.a.channel), NODE_CHANNEL_SHAKES);
    assert_int_equal(
        node_channel_put(p.b.channel, (const uint8_t *)"x", 1, &p.b.out),
        AGNER_EPROTO);
    close_pair(&p);

    open_pair(&p);
    p.a.refuses = true;
    assert_int_equal(pass(&p.a, &p.b, 1000), AGNER_OK);
    assert_int_equal(pass(&p.b, &p.a, 1000), AGNER_EPROTO);
    assert_int_equal(p.a.out.size, 0); /* not even who we are */
    assert_int_equal(p.b.asked, 0);
    close_pair(&p);
}

/* Another protocol, by its prologue: it shows with the first tag. */
static void another_protocol_is_refused(void **state)
{
    struct pair p;

    (void)state;
    memset(&p, 0, sizeof p);
    open_side(&p.a, true, 1, PROLOGUE);
    open_side(&p.b, false, 2, "another");
    assert_int_equal(pass(&p.a, &p.b, 1000), AGNER_OK);
    assert_int_equal(pass(&p.b, &p.a, 1000), AGNER_EPROTO);
    assert_int_equal(p.a.asked, 0);
    close_pair(&p);
}

/* What a client without a key, of plain MessagePack, or of Erlang would send is
 * refused with its first two bytes. */
static void a_stranger_is_refused_at_once(void **state)
{
    static const char *const begins[] = { "\x94\x00", "\x00\x15", "AG",
                                          "GE",       "\x00\x00", "\x00\x1f",
                                          "\xff\xff" };
    struct pair p;

    (void)state;
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        open_pair(&p);
        assert_int_equal(node_channel_take(p.b.channel,
                                           (const uint8_t *)begins[i], 2,
                                           &p.b.plain, &p.b.out),
                         AGNER_EPROTO);
        assert_int_equal(p.b.out.size, 0);
        close_pair(&p);
    }
}

/* B-SEC-2: a public key of low order. */
static void a_key_of_low_order_is_refused(void **state)
{
    uint8_t message[34] = { 0, 32 }; /* all zero behind the length */
    struct pair p;

    (void)state;
    open_pair(&p);
    assert_int_equal(node_channel_take(p.b.channel, message, sizeof message,
                                       &p.b.plain, &p.b.out),
                     AGNER_EPROTO);
    assert_int_equal(p.b.out.size, 0);
    close_pair(&p);
}

/* B-SEC-1, B-SEC-4: each bit of each message of a handshake. */
static void a_changed_handshake_is_refused(void **state)
{
    struct pair p;
    size_t sizes[3] = { 34, 98, 66 };

    (void)state;
    for (unsigned message = 0; message < 3; message++) {
        for (size_t bit = 0; bit < 8 * sizes[message]; bit++) {
            enum agner_err err = AGNER_OK;

            open_pair(&p);
            for (unsigned i = 0; i < 3; i++) {
                struct side *from = i == 1 ? &p.b : &p.a;
                struct side *to = i == 1 ? &p.a : &p.b;

                assert_int_equal(from->out.size, sizes[i]);
                if (i == message)
                    from->out.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
                err = pass(from, to, 1000);
                if (i >= message && (err != AGNER_OK || to->out.size == 0))
                    break;
            }
            /* A change of the first one shows when the answer is read, a
             * length that is too long by waiting for ever. */
            assert_true(err != AGNER_OK ||
                        node_channel_state(p.b.channel) != NODE_CHANNEL_UP);
            assert_int_equal(p.b.plain.size, 0);
            close_pair(&p);
        }
    }
}

/* B-SEC-4: any bit of a record; then nothing of it is delivered. */
static void a_changed_record_is_refused(void **state)
{
    struct pair p;

    (void)state;
    for (size_t bit = 0; bit < 8 * 23; bit++) {
        enum agner_err err;

        open_pair(&p);
        shake(&p, 1000);
        say(&p.a, "good", 4);
        assert_int_equal(pass(&p.a, &p.b, 1000), AGNER_OK);
        say(&p.a, "evil", 4);
        assert_int_equal(p.a.out.size, 23);
        p.a.out.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        err = pass(&p.a, &p.b, 1000);
        /* A longer length waits for what never comes. */
        assert_true(err == AGNER_EPROTO || (bit < 16 && err == AGNER_OK));
        assert_int_equal(p.b.plain.size, 4);
        close_pair(&p);
    }
}

/* B-SEC-4: again, left out, in another order, and the other side's own. */
static void records_come_once_and_in_order(void **state)
{
    struct etf_buffer first = { 0 }, second = { 0 };
    struct pair p;

    (void)state;
    for (unsigned kind = 0; kind < 4; kind++) {
        struct side *to;

        open_pair(&p);
        shake(&p, 1000);
        first.size = second.size = 0;
        assert_int_equal(
            node_channel_put(p.a.channel, (const uint8_t *)"1", 1, &first),
            AGNER_OK);
        assert_int_equal(
            node_channel_put(p.a.channel, (const uint8_t *)"2", 1, &second),
            AGNER_OK);
        to = kind == 3 ? &p.a : &p.b; /* its own come back */
        if (kind == 0)
            assert_int_equal(node_channel_take(to->channel, first.data,
                                               first.size, &to->plain,
                                               &to->out),
                             AGNER_OK);
        if (kind == 1 || kind == 2) /* the first is left out, or later */
            first.size = 0;
        assert_int_equal(
            node_channel_take(to->channel,
                              kind == 0 || kind == 3 ? first.data : second.data,
                              kind == 0 || kind == 3 ? first.size : second.size,
                              &to->plain, &to->out),
            AGNER_EPROTO);
        assert_int_equal(to->plain.size, kind == 0 ? 1 : 0);
        close_pair(&p);
    }
    etf_buffer_fini(&first);
    etf_buffer_fini(&second);
}

/* B-SEC-1: messages that are swapped, or of another connection. */
static void messages_belong_to_their_handshake(void **state)
{
    struct pair p, other;

    (void)state;
    open_pair(&p);
    open_pair(&other);
    assert_int_equal(pass(&p.a, &p.b, 1000), AGNER_OK);
    assert_int_equal(pass(&other.a, &other.b, 1000), AGNER_OK);
    assert_int_equal(pass(&p.b, &p.a, 1000), AGNER_OK);
    assert_int_equal(node_channel_state(p.a.channel), NODE_CHANNEL_SHAKES);
    /* The same keys and numbers on both: then it is the same handshake. */
    assert_int_equal(pass(&p.a, &p.b, 1000), AGNER_OK);
    assert_int_equal(node_channel_state(p.b.channel), NODE_CHANNEL_UP);
    /* The answer of one that is already over. */
    assert_int_equal(pass(&other.b, &p.b, 1000), AGNER_EPROTO);
    close_pair(&p);
    close_pair(&other);
}

/* B-SEC-5: an end is said, and nothing comes behind it. */
static void an_end_is_told_from_a_cut(void **state)
{
    struct pair p;

    (void)state;
    open_pair(&p);
    shake(&p, 1000);
    say(&p.b, "bye", 3);
    assert_int_equal(node_channel_end(p.b.channel, &p.b.out), AGNER_OK);
    assert_int_equal(node_channel_end(p.b.channel, &p.b.out), AGNER_EPROTO);
    assert_int_equal(
        node_channel_put(p.b.channel, (const uint8_t *)"x", 1, &p.b.out),
        AGNER_EPROTO);
    assert_int_equal(pass(&p.b, &p.a, 1000), AGNER_OK);
    assert_int_equal(p.a.plain.size, 3);
    assert_int_equal(node_channel_state(p.a.channel), NODE_CHANNEL_ENDED);
    assert_int_equal(node_channel_take(p.a.channel, (const uint8_t *)"junk", 4,
                                       &p.a.plain, &p.a.out),
                     AGNER_OK);
    assert_int_equal(p.a.plain.size, 3);
    assert_int_equal(
        node_channel_put(p.a.channel, (const uint8_t *)"x", 1, &p.a.out),
        AGNER_EPROTO);
    close_pair(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_hear_whose_key_it_is),
        cmocka_unit_test(long_ones_go_in_several_records),
        cmocka_unit_test(a_key_that_is_not_admitted_hears_nothing),
        cmocka_unit_test(another_protocol_is_refused),
        cmocka_unit_test(a_stranger_is_refused_at_once),
        cmocka_unit_test(a_key_of_low_order_is_refused),
        cmocka_unit_test(a_changed_handshake_is_refused),
        cmocka_unit_test(a_changed_record_is_refused),
        cmocka_unit_test(records_come_once_and_in_order),
        cmocka_unit_test(messages_belong_to_their_handshake),
        cmocka_unit_test(an_end_is_told_from_a_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
