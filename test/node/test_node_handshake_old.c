/*
 * Handshakes that are not the ordinary one: version 5 on either side, peers of
 * each release of OTP, cookies for each direction, and names that are asked
 * for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <flags.h>
#include <handshake.h>

#define OFFER    NODE__FLAGS_OFFERED
#define DIGEST   NODE__FLAG_MANDATORY_25_DIGEST
#define NO_MORE  (~UINT64_C(0))
#define LOW_HALF UINT64_C(0xffffffff)

/* Two machines of ours; what each says to the other is kept. */
struct pair {
    struct node__hs_self a, b;
    struct node__handshake dialler, acceptor;
    struct etf_buffer to_b, to_a;
    size_t at_b, at_a;
    const char *given; /* to one that asks for a name */
};

static struct pair pair_of(uint64_t a_flags, uint64_t b_flags)
{
    struct pair p = { .a = { .name = "a@host",
                             .creation = 0x01020304,
                             .flags = a_flags,
                             .cookie = "secret",
                             .cookie_size = 6,
                             .challenge = 0xf0000001 } };

    p.b = p.a;
    p.b.name = "b@host";
    p.b.creation = 0x05060708;
    p.b.flags = b_flags;
    p.b.challenge = 3;
    return p;
}

static void step(struct node__handshake *hs, const struct etf_buffer *in,
                 size_t *at, struct etf_buffer *out)
{
    size_t used;

    if (*at == in->size)
        return;
    (void)node__handshake_feed(hs, in->data + *at, in->size - *at, out, &used);
    *at += used;
}

/* Both go on until neither can. */
static void run(struct pair *p, bool old)
{
    size_t before;

    node__handshake_accept(&p->acceptor, &p->b);
    assert_int_equal((old ? node__handshake_dial_old : node__handshake_dial)(
                         &p->dialler, &p->a, "b@host", &p->to_b, NULL),
                     AGNER_OK);
    do {
        before = p->at_a + p->at_b;
        step(&p->acceptor, &p->to_b, &p->at_b, &p->to_a);
        if (p->acceptor.state == HS_DECIDE && p->acceptor.wants_name)
            (void)node__handshake_rename(&p->acceptor, p->given, 77, &p->to_a);
        else if (p->acceptor.state == HS_DECIDE)
            (void)node__handshake_decide(&p->acceptor, HS_OK, &p->to_a);
        step(&p->dialler, &p->to_a, &p->at_a, &p->to_b);
    } while (before != p->at_a + p->at_b);
}

static void end(struct pair *p)
{
    etf_buffer_fini(&p->to_a);
    etf_buffer_fini(&p->to_b);
}

/* ---- Version 5 ------------------------------------------------------------
 */

/* The name of version 5, the challenge of version 6, the complement. */
static void version_5_with_a_complement(void **state)
{
    static const uint8_t name[] = { 0,    13,  'n', 0,   5,   0x07, 0xdf, 0x7f,
                                    0xbd, 'a', '@', 'h', 'o', 's',  't' };
    static const uint8_t complement[] = {
        0, 9, 'c', 0, 0, 0, 0x2d, 1, 2, 3, 4
    };
    struct pair p = pair_of(OFFER, OFFER);

    (void)state;
    run(&p, true);
    assert_int_equal(p.dialler.state, HS_UP);
    assert_int_equal(p.acceptor.state, HS_UP);
    assert_memory_equal(p.to_b.data, name, sizeof name);
    assert_memory_equal(p.to_b.data + sizeof name, complement,
                        sizeof complement);
    assert_int_equal(p.to_b.data[sizeof name + sizeof complement + 2], 'r');
    assert_int_equal(p.to_a.data[5 + 2], 'N');
    assert_string_equal(p.acceptor.peer, "a@host");
    assert_int_equal(p.acceptor.peer_creation, 0x01020304);
    assert_int_equal(p.dialler.peer_creation, 0x05060708);
    assert_int_equal(p.acceptor.flags, OFFER);
    assert_int_equal(p.dialler.flags, OFFER);
    end(&p);
}

/* Neither knows the handshake of OTP 23: the flags are the low half, and there
 * are no creations. */
static void version_5_on_both_sides(void **state)
{
    uint64_t plain = OFFER & ~NODE__FLAG_HANDSHAKE_23 & ~DIGEST;
    struct pair p = pair_of(plain, plain);

    (void)state;
    run(&p, true);
    assert_int_equal(p.dialler.state, HS_UP);
    assert_int_equal(p.acceptor.state, HS_UP);
    assert_int_equal(p.to_a.data[5 + 2], 'n');
    assert_int_equal(p.to_b.data[15 + 2], 'r'); /* no complement */
    assert_int_equal(p.acceptor.flags, plain & LOW_HALF);
    assert_int_equal(p.dialler.flags, plain & LOW_HALF);
    assert_int_equal(p.acceptor.peer_creation, 0);
    assert_int_equal(p.dialler.peer_creation, 0);
    end(&p);
}

/* The acceptor answers in version 5 to a dialler that knows more, since only
 * what was said counts. */
static void a_challenge_of_version_5_is_for_a_name_of_version_5(void **state)
{
    struct pair p = pair_of(OFFER, OFFER);
    uint8_t challenge[] = {
        0, 3, 's', 'o', 'k', 0, 17,  'n', 0,   5,   7,   0,
        0, 0, 0,   0,   0,   3, 'b', '@', 'h', 'o', 's', 't'
    };
    size_t used;

    (void)state;
    assert_int_equal(
        node__handshake_dial(&p.dialler, &p.a, "b@host", &p.to_b, NULL),
        AGNER_OK);
    assert_int_equal(node__handshake_feed(&p.dialler, challenge,
                                          sizeof challenge, &p.to_b, &used),
                     HS_FAILED);
    assert_non_null(strstr(p.dialler.error.text, "version 5 to a name"));
    end(&p);
}

static void version_5_wants_its_flags_too(void **state)
{
    unsigned bit, refused = 0;

    (void)state;
    for (bit = 0; bit < 32; bit++) {
        uint64_t flag = NODE__FLAG(bit);
        struct pair p = pair_of(OFFER & ~DIGEST & ~flag, OFFER);

        run(&p, true);
        if ((NODE__FLAGS_MANDATORY & ~NODE__FLAG_HANDSHAKE_23) & flag) {
            refused++;
            assert_int_equal(p.acceptor.state, HS_FAILED);
            assert_int_equal(p.dialler.error.code, AGNER_ENOTALLOWED);
        } else {
            assert_int_equal(p.acceptor.state, HS_UP);
        }
        end(&p);
    }
    assert_int_equal(refused, 10);
}

static void a_complement_has_eight_bytes(void **state)
{
    struct pair p = pair_of(OFFER, OFFER);
    uint8_t bad[] = { 0, 8, 'c', 0, 0, 0, 0, 0, 0, 0 };
    size_t used;

    (void)state;
    node__handshake_accept(&p.acceptor, &p.b);
    assert_int_equal(
        node__handshake_dial_old(&p.dialler, &p.a, "b@host", &p.to_b, NULL),
        AGNER_OK);
    step(&p.acceptor, &p.to_b, &p.at_b, &p.to_a);
    assert_int_equal(node__handshake_decide(&p.acceptor, HS_OK, &p.to_a),
                     HS_COMPLEMENT);
    assert_int_equal(
        node__handshake_feed(&p.acceptor, bad, sizeof bad, &p.to_a, &used),
        HS_FAILED);
    assert_non_null(strstr(p.acceptor.error.text, "complement"));
    end(&p);
}

/* ---- Flags, by release -----------------------------------------------------
 */

/* Tried with real nodes of 23.2, 25.2 and 27.3, flag by flag
 * (spec/distribution.md 3). */
static void each_release_wants_its_flags(void **state)
{
    static const struct {
        unsigned release;
        uint64_t wants;
    } table[] = {
        { 23, 0x00050184 },   { 24, 0x00050184 },   { 25, 0x01070f94 },
        { 26, 0x0403070f94 }, { 27, 0x0403070f94 }, { 28, 0x0403070f94 },
    };
    size_t i;
    unsigned bit;

    (void)state;
    for (i = 0; i < sizeof table / sizeof table[0]; i++) {
        unsigned release = table[i].release;
        uint64_t first = release < 25 ? 0 : 0x01070f94;

        assert_int_equal(node__flags_mandatory(release), table[i].wants);
        /* We are let in by all of them. */
        assert_int_equal(node__flags_missing(release, OFFER), 0);
        for (bit = 0; bit < 64; bit++)
            assert_int_equal(node__flags_missing(release, NO_MORE & ~DIGEST &
                                                              ~NODE__FLAG(bit)),
                             table[i].wants & NODE__FLAG(bit));
        /* The digest stands for the set of 25, and for that only. */
        assert_int_equal(node__flags_missing(release, DIGEST),
                         table[i].wants & ~first);
    }
    /* And what the others offer lets them in here. */
    assert_int_equal(node__flags_missing(NODE__FLAGS_RELEASE, 0x0101df7fbd), 0);
    assert_int_equal(node__flags_missing(NODE__FLAGS_RELEASE, 0x0d07df7fbd), 0);
    assert_int_equal(node__flags_missing(23, 0x0101df7fbd), 0);
    assert_int_equal(node__flags_missing(26, 0x0101df7fbd),
                     NODE__FLAG(25) | NODE__FLAG(34));
}

/* A refusal says what a later release misses, since it does not itself. */
static void a_refusal_names_what_later_releases_want(void **state)
{
    static const char refusal[] = "\0\14snot_allowed";
    struct pair p = pair_of(OFFER & ~NODE__FLAG_UNLINK_ID, OFFER);
    size_t used;

    (void)state;
    assert_int_equal(
        node__handshake_dial(&p.dialler, &p.a, "b@host", &p.to_b, NULL),
        AGNER_OK);
    assert_int_equal(node__handshake_feed(&p.dialler, (const uint8_t *)refusal,
                                          sizeof refusal - 1, &p.to_b, &used),
                     HS_FAILED);
    assert_non_null(strstr(p.dialler.error.text, "UNLINK_ID"));
    assert_non_null(strstr(p.dialler.error.text, "OTP 26"));
    end(&p);
}

/* ---- Cookies ---------------------------------------------------------------
 */

/* What one shows, the other expects; each direction has its own. */
static void each_direction_has_its_cookie(void **state)
{
    static const struct {
        const char *a_shows, *b_expects, *b_shows, *a_expects;
        bool fine;
    } table[] = {
        { "x", "x", "y", "y", true },
        { "x", "y", "y", "y", false },
        { "x", "x", "y", "x", false },
        { "secret", "secret", "secret", "secret", true },
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct pair p = pair_of(OFFER, OFFER);
        size_t used;

        node__handshake_accept(&p.acceptor, &p.b);
        assert_int_equal(
            node__handshake_dial(&p.dialler, &p.a, "b@host", &p.to_b, NULL),
            AGNER_OK);
        node__handshake_cookies(&p.dialler, table[i].a_shows,
                                table[i].a_expects);
        (void)node__handshake_feed(&p.acceptor, p.to_b.data, p.to_b.size,
                                   &p.to_a, &used);
        p.at_b = used;
        node__handshake_cookies(&p.acceptor, table[i].b_shows,
                                table[i].b_expects);
        (void)node__handshake_decide(&p.acceptor, HS_OK, &p.to_a);
        step(&p.dialler, &p.to_a, &p.at_a, &p.to_b);
        step(&p.acceptor, &p.to_b, &p.at_b, &p.to_a);
        step(&p.dialler, &p.to_a, &p.at_a, &p.to_b);
        assert_int_equal(p.dialler.state == HS_UP, table[i].fine);
        end(&p);
    }
}

/* ---- Names that are asked for -----------------------------------------------
 */

static struct pair asking(void)
{
    struct pair p =
        pair_of((OFFER | NODE__FLAG_NAME_ME) & ~NODE__FLAG_PUBLISHED, OFFER);

    p.a.name = "host";
    p.a.creation = 0;
    p.given = "0123456789ABC@host";
    return p;
}

static void a_name_is_asked_for_and_taken(void **state)
{
    struct pair p = asking();

    (void)state;
    run(&p, false);
    assert_int_equal(p.dialler.state, HS_UP);
    assert_int_equal(p.acceptor.state, HS_UP);
    assert_string_equal(p.dialler.given, p.given);
    assert_string_equal(p.dialler.self.name, p.given);
    assert_int_equal(p.dialler.self.creation, 77);
    assert_string_equal(p.acceptor.peer, p.given);
    assert_int_equal(p.dialler.flags & NODE__FLAG_NAME_ME, 0);
    assert_int_equal(p.dialler.flags & NODE__FLAG_PUBLISHED, 0);
    assert_int_equal(p.acceptor.flags, p.dialler.flags);
    end(&p);
}

static void answers_that_give_no_name_are_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *why;
    } table[] = {
        { "\0\3sok", 5, "gives no names" },
        { "\0\7snamed:", 9, "cut short" },
        { "\0\20snamed:\0\3a@b\1\2\3", 17, "cut short" },
        { "\0\20snamed:\0\3aab\1\2\3\4", 18, "no @" },
        { "\0\20snamed:\0\3a@b\0\0\0\0", 18, "no node" },
        { "\0\20snamed:\0\15nonode@nohost\0\0\0\1", 28, "no node" },
        { "\0\14snot_allowed", 14, "does not allow" },
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct pair p = asking();
        uint8_t bytes[32];
        size_t used;

        memcpy(bytes, table[i].bytes, table[i].size);
        bytes[1] = (uint8_t)(table[i].size - 2);
        assert_int_equal(
            node__handshake_dial(&p.dialler, &p.a, "b@host", &p.to_b, NULL),
            AGNER_OK);
        assert_int_equal(node__handshake_feed(&p.dialler, bytes, table[i].size,
                                              &p.to_b, &used),
                         HS_FAILED);
        assert_non_null(strstr(p.dialler.error.text, table[i].why));
        assert_string_equal(p.dialler.given, "");
        end(&p);
    }
}

static void version_5_gives_no_names(void **state)
{
    struct pair p = asking();
    struct agner_error error;

    (void)state;
    assert_int_equal(
        node__handshake_dial_old(&p.dialler, &p.a, "b@host", &p.to_b, &error),
        AGNER_ENOTSUP);
    assert_non_null(strstr(error.text, "gives no names"));
    end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_5_with_a_complement),
        cmocka_unit_test(version_5_on_both_sides),
        cmocka_unit_test(a_challenge_of_version_5_is_for_a_name_of_version_5),
        cmocka_unit_test(version_5_wants_its_flags_too),
        cmocka_unit_test(a_complement_has_eight_bytes),
        cmocka_unit_test(each_release_wants_its_flags),
        cmocka_unit_test(a_refusal_names_what_later_releases_want),
        cmocka_unit_test(each_direction_has_its_cookie),
        cmocka_unit_test(a_name_is_asked_for_and_taken),
        cmocka_unit_test(answers_that_give_no_name_are_refused),
        cmocka_unit_test(version_5_gives_no_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
