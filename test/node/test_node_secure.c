/*
 * test_node_secure.c -- the machine of a secure link, fed with every mistake.
 *
 * Two machines with fixed keys talk through a test that changes what goes
 * between them. The outcome is always the same: the machine that got it fails
 * with a sentence, says nothing more, and has no key left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <flags.h>
#include <secure.h>
#include <secure_records.h>

#define A "a@127.0.0.1"
#define B "b@127.0.0.1"

/* ---- Two sides ------------------------------------------------------------
 */

static const uint8_t cookie[NOISE_KEY_SIZE] = "the cookie of this cluster.....";
static const uint8_t other_cookie[NOISE_KEY_SIZE] =
    "another cookie............";

static struct noise_keys keys_of(uint8_t seed)
{
    struct noise_keys keys;

    memset(keys.secret, seed, sizeof keys.secret);
    assert_int_equal(node__noise_public(&keys), AGNER_OK);
    return keys;
}

static struct secure_self self_of(const char *name)
{
    return (struct secure_self){ .name = name,
                                 .creation = 7,
                                 .flags = NODE__FLAGS_OFFERED,
                                 .link = SECURE_KEPT_KEY,
                                 .packet_max = 1000,
                                 .tick_ms = 60000,
                                 .permits = 5 };
}

/* What the owner of the accepting side answers, and what it has. */
struct owner {
    enum node__hs_status status;
    const uint8_t (*psks)[NOISE_KEY_SIZE];
    size_t psk_count;
    const uint8_t *psk; /* the dialling side's */
    bool go_on;
    const char *refuse_key; /* or NULL */
    const char *refuse;     /* in SECURE_DECIDE, or NULL */
};

static const uint8_t one_psk[1][NOISE_KEY_SIZE] = {
    "the cookie of this cluster....."
};

static struct owner good_owner(void)
{
    return (struct owner){ .status = HS_OK,
                           .psks = one_psk,
                           .psk_count = 1,
                           .psk = cookie,
                           .go_on = true };
}

static void answer(struct secure *s, const struct owner *owner,
                   struct etf_buffer *out)
{
    while (node__secure_asks(s->state)) {
        if (s->state == SECURE_ASK_KEY && owner->refuse_key != NULL)
            (void)node__secure_refuse(s, AGNER_EAUTH, owner->refuse_key);
        else if (s->state == SECURE_ASK_KEY)
            (void)node__secure_key_is_good(s, owner->psk, out);
        else if (s->state == SECURE_ASK_PSKS)
            (void)node__secure_psks(s, owner->psks, owner->psk_count);
        else if (s->state == SECURE_DECIDE && owner->refuse != NULL)
            (void)node__secure_refuse(s, AGNER_EAUTH, owner->refuse);
        else if (s->state == SECURE_DECIDE && s->wants_name)
            (void)node__secure_rename(s, "ABC@host", 3, out);
        else if (s->state == SECURE_DECIDE)
            (void)node__secure_decide(s, owner->status, out);
        else
            (void)node__secure_go_on(s, owner->go_on, out);
    }
}

struct pair {
    struct secure a, b; /* a dials b */
    struct etf_buffer to_a, to_b;
    struct owner owner;
};

static void pair_begin_as(struct pair *p, const struct secure_self *a,
                          const char *dialled)
{
    struct noise_keys a_keys = keys_of(1), b_keys = keys_of(2);
    struct secure_self b = self_of(B);
    uint8_t ephemeral[NOISE_KEY_SIZE];

    memset(p, 0, sizeof *p);
    p->owner = good_owner();
    memset(ephemeral, 3, sizeof ephemeral);
    assert_int_equal(node__secure_dial(&p->a, a, dialled, &a_keys, ephemeral,
                                       &p->to_b, NULL),
                     AGNER_OK);
    memset(ephemeral, 4, sizeof ephemeral);
    node__secure_accept(&p->b, &b, &b_keys, ephemeral);
}

static void pair_begin(struct pair *p)
{
    struct secure_self a = self_of(A);

    pair_begin_as(p, &a, B);
}

static void pair_end(struct pair *p)
{
    etf_buffer_fini(&p->to_a);
    etf_buffer_fini(&p->to_b);
}

/* All bytes that wait for `s`, in one piece; what it did not take stays. */
static void pass(struct secure *s, struct etf_buffer *bytes,
                 const struct owner *owner, struct etf_buffer *out)
{
    size_t at = 0;

    while (at < bytes->size && s->state != SECURE_UP &&
           s->state != SECURE_FAILED) {
        size_t used;

        (void)node__secure_feed(s, bytes->data + at, bytes->size - at, out,
                                &used);
        at += used;
        answer(s, owner, out);
    }
    memmove(bytes->data, bytes->data + at, bytes->size - at);
    bytes->size -= at;
}

/* One turn: what waits for b, then what waits for a. */
static void turn(struct pair *p)
{
    pass(&p->b, &p->to_b, &p->owner, &p->to_a);
    pass(&p->a, &p->to_a, &p->owner, &p->to_b);
}

static void run(struct pair *p)
{
    for (int i = 0; i < 4; i++)
        turn(p);
}

static bool is_zero(const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    uint8_t all = 0;

    for (size_t i = 0; i < size; i++)
        all |= at[i];
    return all == 0;
}

/* Failed for a reason, and nothing secret is left. */
static void assert_failed(const struct secure *s)
{
    assert_int_equal(s->state, SECURE_FAILED);
    assert_int_not_equal(s->error.code, AGNER_OK);
    assert_true(s->error.text[0] != '\0');
    assert_true(is_zero(&s->own, sizeof s->own));
    assert_true(is_zero(s->ephemeral, sizeof s->ephemeral));
    assert_true(is_zero(&s->noise, sizeof s->noise));
    assert_true(is_zero(s->psk, sizeof s->psk));
    assert_true(is_zero(&s->sends, sizeof s->sends));
    assert_true(is_zero(&s->receives, sizeof s->receives));
    assert_true(is_zero(s->message, sizeof s->message));
}

static void assert_same_keys(const struct pair *p)
{
    assert_memory_equal(p->a.sends.cipher.key, p->b.receives.cipher.key,
                        NOISE_KEY_SIZE);
    assert_memory_equal(p->b.sends.cipher.key, p->a.receives.cipher.key,
                        NOISE_KEY_SIZE);
    assert_memory_not_equal(p->a.sends.cipher.key, p->b.sends.cipher.key,
                            NOISE_KEY_SIZE);
}

/* ---- How it goes ------------------------------------------------------------
 */

static void both_are_up_and_know_each_other(void **state)
{
    struct noise_keys a_keys = keys_of(1), b_keys = keys_of(2);
    struct pair p;

    (void)state;
    pair_begin(&p);
    assert_int_equal(p.to_b.size, 8 + 2 + 48);
    assert_memory_equal(p.to_b.data, "AGNR\1\0\0\0", 8);
    run(&p);
    assert_int_equal(p.a.state, SECURE_UP);
    assert_int_equal(p.b.state, SECURE_UP);
    assert_string_equal(p.a.peer, B);
    assert_string_equal(p.b.peer, A);
    assert_memory_equal(p.a.peer_key, b_keys.public_key, NOISE_KEY_SIZE);
    assert_memory_equal(p.b.peer_key, a_keys.public_key, NOISE_KEY_SIZE);
    assert_int_equal(p.a.peer_creation, 7);
    assert_int_equal(p.b.claims.packet_max, 1000);
    assert_int_equal(p.a.claims.tick_ms, 60000);
    assert_int_equal(p.a.claims.permits, 5);
    assert_int_equal(p.b.claims.link, SECURE_KEPT_KEY);
    assert_int_equal(p.a.flags, NODE__FLAGS_OFFERED);
    assert_memory_equal(p.b.psk, cookie, NOISE_KEY_SIZE);
    assert_same_keys(&p);
    assert_int_equal(p.to_a.size + p.to_b.size, 0);
    pair_end(&p);
}

/* The cookie is not the first that is tried, nor the last. */
static void any_of_several_cookies_is_enough(void **state)
{
    uint8_t psks[5][NOISE_KEY_SIZE] = { { 1 }, { 2 }, { 3 }, { 4 }, { 5 } };
    struct pair p;

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        memcpy(psks[i], cookie, sizeof psks[i]);
        pair_begin(&p);
        p.owner.psks = (const uint8_t(*)[NOISE_KEY_SIZE])psks;
        p.owner.psk_count = 5;
        run(&p);
        assert_int_equal(p.a.state, SECURE_UP);
        assert_same_keys(&p);
        pair_end(&p);
        memset(psks[i], (int)i + 1, sizeof psks[i]);
    }
}

/* Both cut every message at every byte. */
static void bytes_may_come_one_by_one(void **state)
{
    struct pair p;

    (void)state;
    pair_begin(&p);
    p.owner.status = HS_IS_ALIVE;
    while (p.to_a.size + p.to_b.size > 0) {
        struct etf_buffer *bytes = p.to_b.size > 0 ? &p.to_b : &p.to_a;
        struct etf_buffer *out = p.to_b.size > 0 ? &p.to_a : &p.to_b;
        struct secure *s = p.to_b.size > 0 ? &p.b : &p.a;
        size_t used;

        (void)node__secure_feed(s, bytes->data, 1, out, &used);
        assert_int_equal(used, 1);
        memmove(bytes->data, bytes->data + 1, --bytes->size);
        answer(s, &p.owner, out);
    }
    assert_int_equal(p.a.state, SECURE_UP);
    assert_int_equal(p.b.state, SECURE_UP);
    assert_same_keys(&p);
    pair_end(&p);
}

/* Records of the responder that follow its welcome in the same read are not the
 * machine's. */
static void what_follows_the_welcome_is_left(void **state)
{
    struct pair p;
    size_t before;

    (void)state;
    pair_begin(&p);
    while (p.b.state != SECURE_UP)
        turn(&p);
    /* a has taken the welcome in the same turn: again, one behind. */
    pair_end(&p);
    pair_begin(&p);
    turn(&p);
    pass(&p.b, &p.to_b, &p.owner, &p.to_a);
    assert_int_equal(p.b.state, SECURE_UP);
    assert_int_equal(etf_buffer_add(&p.to_a, "\0\x20record", 8), AGNER_OK);
    before = p.to_a.size;
    pass(&p.a, &p.to_a, &p.owner, &p.to_b);
    assert_int_equal(p.a.state, SECURE_UP);
    assert_true(before > 8);
    assert_int_equal(p.to_a.size, 8);
    pair_end(&p);
}

static void each_status_leads_where_it_should(void **state)
{
    static const struct {
        enum node__hs_status status;
        bool go_on;
        enum secure_state a, b;
        enum agner_err a_err, b_err;
    } cases[] = {
        { HS_OK, true, SECURE_UP, SECURE_UP, AGNER_OK, AGNER_OK },
        { HS_OK_SIMULTANEOUS, true, SECURE_UP, SECURE_UP, AGNER_OK, AGNER_OK },
        { HS_IS_ALIVE, true, SECURE_UP, SECURE_UP, AGNER_OK, AGNER_OK },
        { HS_IS_ALIVE, false, SECURE_FAILED, SECURE_FAILED, AGNER_EALREADY,
          AGNER_EALREADY },
        { HS_NOK, true, SECURE_FAILED, SECURE_FAILED, AGNER_EALREADY,
          AGNER_EALREADY },
        { HS_NOT_ALLOWED, true, SECURE_FAILED, SECURE_FAILED, AGNER_ENOTALLOWED,
          AGNER_ENOTALLOWED },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair p;

        pair_begin(&p);
        p.owner.status = cases[i].status;
        p.owner.go_on = cases[i].go_on;
        run(&p);
        assert_int_equal(p.a.state, cases[i].a);
        assert_int_equal(p.b.state, cases[i].b);
        assert_int_equal(p.a.error.code, cases[i].a_err);
        assert_int_equal(p.b.error.code, cases[i].b_err);
        if (cases[i].a == SECURE_UP)
            assert_same_keys(&p);
        else
            assert_failed(&p.a);
        pair_end(&p);
    }
}

static void a_name_is_given_to_one_that_asks(void **state)
{
    struct secure_self a = self_of("host");
    struct pair p;

    (void)state;
    a.creation = 0;
    a.flags |= NODE__FLAG_NAME_ME;
    pair_begin_as(&p, &a, B);
    run(&p);
    assert_int_equal(p.a.state, SECURE_UP);
    assert_int_equal(p.b.state, SECURE_UP);
    assert_string_equal(p.a.given, "ABC@host");
    assert_string_equal(p.a.self.name, "ABC@host");
    assert_int_equal(p.a.self.creation, 3);
    assert_string_equal(p.b.peer, "ABC@host");
    assert_int_equal(p.b.peer_creation, 3);
    pair_end(&p);
}

/* The dialled name is not the one that answers. */
static void the_responder_has_to_be_the_dialled_node(void **state)
{
    struct secure_self a = self_of(A);
    struct pair p;

    (void)state;
    pair_begin_as(&p, &a, "c@127.0.0.1");
    run(&p);
    assert_failed(&p.a);
    assert_int_equal(p.a.error.code, AGNER_ENONAME);
    assert_string_equal(p.a.error.text,
                        "another node answers there: it is called " B);
    /* The responder has heard whom it was taken for. */
    assert_string_equal(p.b.claims.other, "c@127.0.0.1");
    pair_end(&p);
}

static void mandatory_flags_are_asked_for_on_both_sides(void **state)
{
    struct secure_self a = self_of(A);
    struct pair p;

    (void)state;
    a.flags &= ~(NODE__FLAG_HANDSHAKE_23 | NODE__FLAG_MANDATORY_25_DIGEST);
    pair_begin_as(&p, &a, B);
    run(&p);
    assert_failed(&p.b);
    assert_int_equal(p.b.error.code, AGNER_ENOTALLOWED);
    assert_non_null(strstr(p.b.error.text, "HANDSHAKE_23"));
    assert_failed(&p.a);
    assert_int_equal(p.a.error.code, AGNER_ENOTALLOWED);
    pair_end(&p);

    pair_begin(&p);
    p.b.self.flags &=
        ~(NODE__FLAG_HANDSHAKE_23 | NODE__FLAG_MANDATORY_25_DIGEST);
    run(&p);
    assert_failed(&p.a);
    assert_non_null(strstr(p.a.error.text, "HANDSHAKE_23"));
    pair_end(&p);
}

/* ---- B-SEC-1 ----------------------------------------------------------------
 */

static void feed_all(struct secure *s, const void *bytes, size_t size,
                     struct etf_buffer *out)
{
    const struct owner owner = good_owner();
    const uint8_t *at = bytes;

    while (size > 0 && s->state != SECURE_UP && s->state != SECURE_FAILED) {
        size_t used;

        (void)node__secure_feed(s, at, size, out, &used);
        answer(s, &owner, out);
        at += used;
        size -= used;
    }
}

static void B_SEC_1_prefaces_of_other_versions_and_options(void **state)
{
    static const struct {
        const char *bytes, *text;
    } cases[] = {
        { "AGNX\1\0\0\0", "neither a secure nor a plain link" },
        { "AAAAAAAA", "neither a secure nor a plain link" },
        { "AGNR\0\0\0\0", "version 0" },
        { "AGNR\2\0\0\0", "version 2" },
        { "AGNR\377\0\0\0", "version 255" },
        { "AGNR\1\1\0\0", "unknown options" },
        { "AGNR\1\200\0\0", "unknown options" },
        { "AGNR\1\0\1\0", "unknown options" },
        { "AGNR\1\0\0\1", "unknown options" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair p;
        struct etf_buffer out = { 0 };

        pair_begin(&p);
        feed_all(&p.b, cases[i].bytes, 8, &out);
        assert_failed(&p.b);
        assert_int_equal(p.b.error.code, AGNER_EPROTO);
        assert_non_null(strstr(p.b.error.text, cases[i].text));
        assert_int_equal(out.size, 0);
        pair_end(&p);
    }
}

#define STEPS 5 /* preface and e; e, s; s, psk; welcome; go on */

/* Runs up to step `count` (what it would send is not passed on): then to_a or
 * to_b has it. With `alive`, so that all messages there are come. */
static struct secure *run_to(struct pair *p, size_t count)
{
    pair_begin(p);
    p->owner.status = HS_IS_ALIVE;
    for (size_t i = 0; i < count; i++) {
        if (i % 2 == 0)
            pass(&p->b, &p->to_b, &p->owner, &p->to_a);
        else
            pass(&p->a, &p->to_a, &p->owner, &p->to_b);
    }
    return count % 2 == 0 ? &p->b : &p->a;
}

static struct etf_buffer *bytes_of(struct pair *p, size_t step)
{
    return step % 2 == 0 ? &p->to_b : &p->to_a;
}

/* Every byte of every message in both directions, each bit of it. */
static void B_SEC_1_every_bit_flip_of_every_message_is_refused(void **state)
{
    (void)state;
    for (size_t step = 0; step < STEPS; step++) {
        struct pair before;
        struct secure *to = run_to(&before, step);
        size_t size = bytes_of(&before, step)->size;

        assert_true(size > 0);
        for (size_t bit = 0; bit < 8 * size; bit++) {
            struct secure trial = *to;
            struct etf_buffer out = { 0 };
            uint8_t *bytes = bytes_of(&before, step)->data;

            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            feed_all(&trial, bytes, size, &out);
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            /* A longer length waits for more: the deadline ends that. An
             * ephemeral key is any 32 bytes, so a changed one is noticed by who
             * opens what was made with it. */
            if (trial.state != SECURE_FAILED) {
                assert_true(trial.state != SECURE_UP);
                node__secure_ended(&trial, AGNER_ETIMEOUT, "late");
            }
            assert_failed(&trial);
            etf_buffer_fini(&out);
        }
        pair_end(&before);
    }
}

/* Every prefix of every message, and then the end. */
static void B_SEC_1_every_truncation_is_refused(void **state)
{
    (void)state;
    for (size_t step = 0; step < STEPS; step++) {
        struct pair before;
        struct secure *to = run_to(&before, step);
        size_t size = bytes_of(&before, step)->size;

        for (size_t part = 0; part < size; part++) {
            struct secure trial = *to;
            struct etf_buffer out = { 0 };

            feed_all(&trial, bytes_of(&before, step)->data, part, &out);
            assert_true(trial.state != SECURE_UP);
            assert_int_equal(out.size, 0);
            node__secure_ended(&trial, AGNER_OK, "closed by the peer");
            assert_failed(&trial);
            etf_buffer_fini(&out);
        }
        pair_end(&before);
    }
}

/* A byte more or less inside the message, with its length made to fit. */
static void B_SEC_1_longer_and_shorter_messages_are_refused(void **state)
{
    (void)state;
    for (size_t step = 0; step < STEPS; step++) {
        for (int change = -1; change <= 1; change += 2) {
            struct pair p;
            struct secure *to = run_to(&p, step);
            size_t head = step == 0 ? SECURE_PREFACE_SIZE : 0;
            size_t size = bytes_of(&p, step)->size;
            uint8_t bytes[8 + 2 + SECURE_MESSAGE_MAX] = { 0 };
            struct etf_buffer out = { 0 };
            size_t frame = size - head - 2 + (size_t)change;

            memcpy(bytes, bytes_of(&p, step)->data, size);
            bytes[head] = (uint8_t)(frame >> 8);
            bytes[head + 1] = (uint8_t)frame;
            feed_all(to, bytes, size + (size_t)change, &out);
            assert_failed(to);
            assert_int_equal(out.size, 0);
            etf_buffer_fini(&out);
            pair_end(&p);
        }
    }
}

/* Lengths at the bounds of two bytes, in each state that waits for a message.
 * Nothing is kept beyond SECURE_MESSAGE_MAX. */
static void B_SEC_1_lengths_that_no_message_has(void **state)
{
    static const unsigned lengths[] = { 0,    1,    15,    16,    17,
                                        47,   49,   95,    97,    2049,
                                        4096, 8192, 16384, 32768, 65535 };

    (void)state;
    for (size_t step = 0; step < STEPS; step++)
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            struct pair p;
            struct secure *to = run_to(&p, step);
            uint8_t bytes[2] = { (uint8_t)(lengths[i] >> 8),
                                 (uint8_t)lengths[i] };
            struct etf_buffer out = { 0 };

            if (step == 0)
                feed_all(to, "AGNR\1\0\0\0", 8, &out);
            feed_all(to, bytes, 2, &out);
            if (step == 3 && (lengths[i] == 95 || lengths[i] == 97))
                node__secure_ended(to, AGNER_EPROTO, "a welcome might be so");
            assert_failed(to);
            assert_int_equal(to->error.code, AGNER_EPROTO);
            assert_int_equal(out.size, 0);
            pair_end(&p);
        }
}

/* Each message in the place of each other one, its own included: a repeat. What
 * comes when it is up already is a record, and not this machine's. */
static void B_SEC_1_messages_in_another_order(void **state)
{
    uint8_t messages[STEPS][8 + 2 + SECURE_MESSAGE_MAX];
    size_t sizes[STEPS];

    (void)state;
    for (size_t step = 0; step < STEPS; step++) {
        struct pair p;

        (void)run_to(&p, step);
        sizes[step] = bytes_of(&p, step)->size;
        memcpy(messages[step], bytes_of(&p, step)->data, sizes[step]);
        pair_end(&p);
    }
    for (size_t step = 0; step < STEPS; step++)
        for (size_t other = 0; other < STEPS; other++) {
            struct pair p;
            struct etf_buffer out = { 0 };
            struct secure *to = run_to(&p, step);

            if (other == step)
                feed_all(to, messages[step], sizes[step], &out);
            if (to->state != SECURE_UP)
                feed_all(to, messages[other], sizes[other], &out);
            if (to->state == SECURE_UP) {
                assert_int_equal(other, step);
            } else {
                node__secure_ended(to, AGNER_ETIMEOUT, "late");
                assert_failed(to);
            }
            etf_buffer_fini(&out);
            pair_end(&p);
        }
}

/* What was recorded on one connection is played on another one, whose responder
 * has another ephemeral key. */
static void B_SEC_1_messages_of_another_connection(void **state)
{
    struct etf_buffer recorded[STEPS] = { { 0 } };

    (void)state;
    for (size_t step = 0; step < STEPS; step += 2) {
        struct pair p;

        (void)run_to(&p, step);
        assert_int_equal(
            etf_buffer_add(&recorded[step], p.to_b.data, p.to_b.size),
            AGNER_OK);
        pair_end(&p);
    }
    for (size_t until = 2; until < STEPS; until += 2) {
        struct noise_keys own = keys_of(2);
        struct secure_self self = self_of(B);
        uint8_t ephemeral[NOISE_KEY_SIZE];
        struct secure b;
        struct etf_buffer out = { 0 };

        memset(ephemeral, 9, sizeof ephemeral);
        node__secure_accept(&b, &self, &own, ephemeral);
        for (size_t step = 0; step <= until; step += 2)
            feed_all(&b, recorded[step].data, recorded[step].size, &out);
        assert_failed(&b);
        assert_int_equal(out.size, 2 + 96); /* its own second message */
        etf_buffer_fini(&out);
    }
    for (size_t step = 0; step < STEPS; step++)
        etf_buffer_fini(&recorded[step]);
}

/* ---- B-SEC-2 ----------------------------------------------------------------
 */

/* u = 0, 1, the two of order 8, p - 1, p, p + 1, and the first with the bit
 * that is not looked at. */
static const char *const low_order[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
};

static void point_of(const char *hex, uint8_t point[NOISE_KEY_SIZE])
{
    for (size_t i = 0; i < NOISE_KEY_SIZE; i++) {
        unsigned byte;

        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        point[i] = (uint8_t)byte;
    }
}

/* As an initiator would that wants a product it knows: the tag of its first
 * message is right. */
static void B_SEC_2_low_order_ephemeral_of_the_initiator(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof low_order / sizeof low_order[0]; i++) {
        struct noise_keys own = keys_of(1), point = { .secret = { 1 } };
        uint8_t prologue[] = "agner-link-1AGNR\1\0\0\0";
        uint8_t first[8 + 2 + 48] = "AGNR\1\0\0\0", room[128];
        struct pair p;
        struct noise n;
        struct etf_buffer out = { 0 };
        size_t size;

        pair_begin(&p);
        assert_int_equal(node__noise_begin(&n, NOISE_XXPSK3, true, prologue,
                                           sizeof prologue - 1, &own,
                                           point.secret),
                         AGNER_OK);
        point_of(low_order[i], n.ephemeral.public_key);
        assert_int_equal(
            node__noise_write(&n, NULL, 0, room, sizeof room, &size), AGNER_OK);
        assert_int_equal(size, 48);
        first[9] = 48;
        memcpy(first + 10, room, 48);
        feed_all(&p.b, first, sizeof first, &out);
        assert_failed(&p.b);
        assert_int_equal(out.size, 0);
        pair_end(&p);
    }
}

/* A responder that answers with such a point: as far as it can get, which is to
 * its key, the tag of which it cannot make. */
static void B_SEC_2_low_order_ephemeral_of_the_responder(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof low_order / sizeof low_order[0]; i++) {
        struct pair p;
        struct secure *a = run_to(&p, 1);
        struct etf_buffer out = { 0 };

        point_of(low_order[i], p.to_a.data + 2);
        feed_all(a, p.to_a.data, p.to_a.size, &out);
        assert_failed(a);
        assert_int_equal(out.size, 0);
        pair_end(&p);
    }
}

/* A static key of low order, sealed rightly: an attacker knows the keys so far.
 */
static void B_SEC_2_low_order_static_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof low_order / sizeof low_order[0]; i++) {
        struct pair p;
        struct secure *b = run_to(&p, 2), *a;
        struct etf_buffer out = { 0 };
        uint8_t message[NOISE_LENGTH_SIZE + SECURE_MESSAGE_MAX];
        uint8_t point[NOISE_KEY_SIZE];
        size_t size = p.to_b.size;
        struct noise_cipher cipher;

        /* The initiator's, in message 2: seal another key in its place. */
        point_of(low_order[i], point);
        memcpy(message, p.to_b.data, size);
        cipher = b->noise.cipher;
        assert_int_equal(
            node__noise_encrypt(&cipher, b->noise.hash, NOISE_KEY_SIZE, point,
                                sizeof point, message + NOISE_LENGTH_SIZE),
            AGNER_OK);
        feed_all(b, message, size, &out);
        assert_failed(b);
        assert_int_equal(b->error.code, AGNER_EPROTO);
        assert_int_equal(out.size, 0);
        pair_end(&p);

        /* The responder's: it begins with one. */
        a = run_to(&p, 0);
        memcpy(p.b.own.public_key, point, sizeof point);
        pass(&p.b, &p.to_b, &p.owner, &p.to_a);
        a = &p.a;
        feed_all(a, p.to_a.data, p.to_a.size, &out);
        assert_failed(a);
        assert_int_equal(out.size, 0);
        pair_end(&p);
    }
}

/* ---- B-SEC-3 ----------------------------------------------------------------
 */

static void B_SEC_3_another_cookie_ends_without_a_word(void **state)
{
    struct pair p;

    (void)state;
    pair_begin(&p);
    p.owner.psk = other_cookie;
    run(&p);
    assert_failed(&p.b);
    assert_int_equal(p.b.error.code, AGNER_EAUTH);
    assert_string_equal(p.b.error.text, "the peer has another cookie");
    assert_int_equal(p.to_a.size, 0);
    assert_string_equal(p.b.peer, ""); /* nothing of it was believed */
    node__secure_ended(&p.a, AGNER_OK, "closed by the peer");
    assert_int_equal(p.a.error.code, AGNER_EAUTH);
    assert_failed(&p.a);
    pair_end(&p);
}

static void B_SEC_3_no_cookie_at_all_refuses_everybody(void **state)
{
    struct pair p;

    (void)state;
    pair_begin(&p);
    p.owner.psk_count = 0;
    run(&p);
    assert_failed(&p.b);
    assert_int_equal(p.to_a.size, 0);
    pair_end(&p);
}

/* What the dialling side sees of a key that is refused is what it sees of
 * another cookie. */
static void B_SEC_3_a_refused_key_ends_as_another_cookie_does(void **state)
{
    struct pair p;
    char text[sizeof p.a.error.text];

    (void)state;
    pair_begin(&p);
    p.owner.psk = other_cookie;
    run(&p);
    assert_int_equal(p.to_a.size, 0);
    node__secure_ended(&p.a, AGNER_OK, "closed by the peer");
    memcpy(text, p.a.error.text, sizeof text);
    pair_end(&p);

    pair_begin(&p);
    p.owner.refuse = "its key is not on the list";
    run(&p);
    assert_failed(&p.b);
    assert_string_equal(p.b.error.text, "its key is not on the list");
    assert_int_equal(p.to_a.size, 0);
    node__secure_ended(&p.a, AGNER_OK, "closed by the peer");
    assert_string_equal(p.a.error.text, text);
    pair_end(&p);
}

/* The dialling side does not show its own key to a responder that it does not
 * trust. */
static void B_SEC_3_a_refused_responder_hears_nothing(void **state)
{
    struct pair p;

    (void)state;
    pair_begin(&p);
    p.owner.refuse_key = "another key is known for that name";
    run(&p);
    assert_failed(&p.a);
    assert_int_equal(p.to_b.size, 0);
    assert_int_equal(p.b.state, SECURE_THIRD);
    pair_end(&p);
}

/* ---- Claims -----------------------------------------------------------------
 */

/* Whoever has the cookie may still say nonsense. */
static void claims_are_read_with_care(void **state)
{
    struct secure_claims claims = { .flags = 1, .creation = 2 }, read;
    uint8_t bytes[SECURE_CLAIMS_MAX + 1];
    size_t size;

    (void)state;
    memset(claims.name, 'n', NODE__NAME_MAX);
    memset(claims.other, 'o', NODE__NAME_MAX);
    size = node__claims_write(&claims, bytes);
    assert_int_equal(size, SECURE_CLAIMS_MAX);
    assert_null(node__claims_read(bytes, size, &read));
    assert_memory_equal(&read, &claims, sizeof read);
    for (size_t part = 0; part < size; part++)
        assert_non_null(node__claims_read(bytes, part, &read));
    bytes[size] = 0;
    assert_non_null(node__claims_read(bytes, size + 1, &read));
    bytes[0] = 2;
    assert_non_null(node__claims_read(bytes, size, &read));
    bytes[0] = 1;
    bytes[1] = SECURE_NOT_PERMITTED + 1;
    assert_non_null(node__claims_read(bytes, size, &read));
    bytes[1] = 0;
    bytes[36] = '\n';
    assert_non_null(node__claims_read(bytes, size, &read));
    bytes[36] = 0xff;
    assert_non_null(node__claims_read(bytes, size, &read));
    bytes[34] = 0xff;
    bytes[35] = 0xff;
    assert_non_null(node__claims_read(bytes, size, &read));
}

static void names_that_cannot_be_are_refused(void **state)
{
    static const char *const names[] = {
        "", "nohost", "@", "a@", "@b", "a@b@c"
    };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct pair p;
        struct secure *a;

        pair_begin(&p);
        a = &p.a;
        a->self.name = names[i];
        run(&p);
        assert_failed(&p.b);
        assert_int_equal(p.to_a.size, 0);
        pair_end(&p);
    }
}

/* ---- Comparing secrets ------------------------------------------------------
 */

/* The code that has secrets compares bytes with memcmp() and strcmp() only
 * where they are public: each of these lines is one that somebody looked at. */
static void secrets_are_compared_in_constant_time(void **state)
{
    static const char *const files[] = {
        "noise.c",       "noise_psk.c",     "noise_record.c",   "secure.c",
        "conn_secure.c", "secure_claims.c", "secure_records.c", "output_seal.c",
    };
    static const char *const public_ones[] = {
        "if (memcmp(s->preface, expected, 4) != 0)",
        "if (memcmp(s->preface + 5, expected + 5, 3) != 0)",
        "if (strcmp(s->claims.name, s->peer) != 0) {",
        "strcmp(claims->other, \"nonode@nohost\") == 0 ||",
        "if (strcmp(s->claims.other, node__name(node)) != 0 ||",
        "return strncmp(cookie, NOISE_COOKIE_PREFIX,",
        "if (row->used && sodium_memcmp(row->id, id, NOISE_KEY_SIZE) == 0) {",
        "return sodium_memcmp(a, b, size) == 0;",
    };

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[600], line[400];
        FILE *file;

        (void)snprintf(path, sizeof path, "%s/%s", NODE_SOURCES, files[i]);
        file = fopen(path, "r");
        assert_non_null(file);
        while (fgets(line, sizeof line, file) != NULL) {
            const char *text = line + strspn(line, " ");
            bool known = false;

            if (strstr(line, "cmp(") == NULL)
                continue;
            line[strcspn(line, "\n")] = '\0';
            for (size_t k = 0; k < sizeof public_ones / sizeof public_ones[0];
                 k++)
                known |= strcmp(text, public_ones[k]) == 0;
            if (!known)
                fail_msg("%s compares: %s", files[i], text);
        }
        (void)fclose(file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_are_up_and_know_each_other),
        cmocka_unit_test(any_of_several_cookies_is_enough),
        cmocka_unit_test(bytes_may_come_one_by_one),
        cmocka_unit_test(what_follows_the_welcome_is_left),
        cmocka_unit_test(each_status_leads_where_it_should),
        cmocka_unit_test(a_name_is_given_to_one_that_asks),
        cmocka_unit_test(the_responder_has_to_be_the_dialled_node),
        cmocka_unit_test(mandatory_flags_are_asked_for_on_both_sides),
        cmocka_unit_test(B_SEC_1_prefaces_of_other_versions_and_options),
        cmocka_unit_test(B_SEC_1_every_bit_flip_of_every_message_is_refused),
        cmocka_unit_test(B_SEC_1_every_truncation_is_refused),
        cmocka_unit_test(B_SEC_1_longer_and_shorter_messages_are_refused),
        cmocka_unit_test(B_SEC_1_lengths_that_no_message_has),
        cmocka_unit_test(B_SEC_1_messages_in_another_order),
        cmocka_unit_test(B_SEC_1_messages_of_another_connection),
        cmocka_unit_test(B_SEC_2_low_order_ephemeral_of_the_initiator),
        cmocka_unit_test(B_SEC_2_low_order_ephemeral_of_the_responder),
        cmocka_unit_test(B_SEC_2_low_order_static_keys),
        cmocka_unit_test(B_SEC_3_another_cookie_ends_without_a_word),
        cmocka_unit_test(B_SEC_3_no_cookie_at_all_refuses_everybody),
        cmocka_unit_test(B_SEC_3_a_refused_key_ends_as_another_cookie_does),
        cmocka_unit_test(B_SEC_3_a_refused_responder_hears_nothing),
        cmocka_unit_test(claims_are_read_with_care),
        cmocka_unit_test(names_that_cannot_be_are_refused),
        cmocka_unit_test(secrets_are_compared_in_constant_time),
    };

    if (node__noise_ready() != AGNER_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
