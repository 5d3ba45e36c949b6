/*
 * test_sim_hostile_handshake.c -- the catalogue of bad input against a node
 * that lives, from whoever has not shown its cookie: the rows B-DST-1 to
 * B-DST-5.
 */
#include "hostile.h"
#include "node_md5.h"

/* Each row in a world of its own, said by somebody who did not shake hands. */
static void say_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct scene *scene = hostile_begin(NULL);

        assert_true(stranger_dial(scene->stranger, &hostile_address));
        stranger_say(scene->stranger, rows[i].bytes, rows[i].size);
        hostile_check_refused(scene, rows[i].what, "refused ", rows[i].why);
        hostile_shake(scene); /* a new connection is served */
        hostile_end(scene);
    }
}

/* ---- Before the handshake is over
 * ---------------------------------------------------------------------------
 */

static void B_DST_1_what_is_no_handshake_is_closed(void **state)
{
    static const struct row rows[] = {
        { "nothing", BYTES(""), "no handshake" },
        { "one byte", BYTES("\0"), "no handshake" },
        { "half a message", BYTES("\0\x20N\0\0"), "no handshake" },
        { "garbage", BYTES("\xde\xad\xbe\xef\xde\xad\xbe\xef"), "" },
        { "HTTP", BYTES("GET / HTTP/1.1\r\n\r\n"), "HTTP" },
        { "TLS", BYTES("\x16\x03\x01\x02\x00\x01\x00\x01"), "TLS" },
        { "length 0", BYTES("\0\0"), "0 bytes" },
        { "length 65535", BYTES("\xff\xff"), "65535 bytes" },
    };

    (void)state;
    say_rows(rows, sizeof rows / sizeof rows[0]);
}

/* The time is that of the whole handshake, whatever comes meanwhile. */
static void B_DST_1_one_byte_a_second_ends_at_the_deadline(void **state)
{
    static const uint8_t name[] = "\0\x20N\0\0\0\0\0\0\0\0\0\0\0\1\0\xff";
    struct scene *scene = hostile_begin(NULL);
    uint64_t began_ns;

    (void)state;
    assert_true(stranger_dial(scene->stranger, &hostile_address));
    began_ns = sim_now_ns(scene->sim);
    for (size_t i = 0; i < sizeof name; i++) {
        stranger_say(scene->stranger, name + i, 1);
        (void)sim_run(scene->sim, 1000);
    }
    assert_true(stranger_hears_end(scene->stranger));
    assert_true(sim_now_ns(scene->sim) - began_ns >= UINT64_C(5000000000));
    hostile_check_line(scene, "slow", "10.0.0", "after 5 bytes: ");
    assert_int_equal(node_limit_met(scene->node, NODE_LIMIT_HANDSHAKE_MS), 1);
    hostile_check_unharmed(scene, "slow");
    hostile_end(scene);
}

static size_t put_name(uint8_t *message, const char *name, size_t size,
                       uint64_t flags)
{
    size_t all = 15 + size;

    message[0] = (uint8_t)(all >> 8);
    message[1] = (uint8_t)all;
    message[2] = 'N';
    for (int i = 0; i < 8; i++)
        message[3 + i] = (uint8_t)(flags >> (8 * (7 - i)));
    memcpy(message + 11, "\0\0\0\1", 4);
    message[15] = (uint8_t)(size >> 8);
    message[16] = (uint8_t)size;
    memcpy(message + 17, name, size);
    return 2 + all;
}

/* Dials and says this name with these flags. */
static void say_name(struct scene *scene, const char *name, size_t size,
                     uint64_t flags)
{
    uint8_t message[2 + 15 + 300];

    assert_true(stranger_dial(scene->stranger, &hostile_address));
    stranger_say(scene->stranger, message,
                 put_name(message, name, size, flags));
}

static void B_DST_2_names_that_cannot_be_are_closed(void **state)
{
    static char longest[257];
    const struct row rows[] = {
        { "empty", BYTES(""), "" },
        { "no @", BYTES("nobody"), "no @" },
        { "two @", BYTES("a@b@c"), "@" },
        { "no host", BYTES("a@"), "" },
        { "no name", BYTES("@b"), "" },
        { "control characters", BYTES("a\n@b"), "" },
        { "a zero byte", BYTES("a\0@b"), "" },
        { "invalid UTF-8", BYTES("a\xff@b"), "" },
        { "256 characters", longest, 256, "" },
    };

    (void)state;
    memset(longest, 'n', 256);
    longest[200] = '@';
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scene *scene = hostile_begin(NULL);

        say_name(scene, rows[i].bytes, rows[i].size, NODE__FLAGS_OFFERED);
        hostile_check_refused(scene, rows[i].what, "refused ", rows[i].why);
        hostile_end(scene);
    }
}

/* Names that could be: none is kept without proof, however many there are. */
static void B_DST_2_a_thousand_names_leave_nothing(void **state)
{
    struct scene *scene = hostile_begin(NULL);
    char name[64];

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof name, "unheard_of_%u@10.0.0.9", i);
        say_name(scene, name, strlen(name), NODE__FLAGS_OFFERED);
        assert_true(stranger_hears(scene->stranger, 5));
        assert_memory_equal(stranger_heard(scene->stranger)->data, "\0\3sok",
                            5);
        stranger_close(scene->stranger);
        (void)sim_run(scene->sim, 50); /* 20 a second are let in */
    }
    assert_int_equal(node_peers(scene->node, NULL, 0), 1);
    hostile_check_unharmed(scene, "a thousand names");
    hostile_end(scene);
}

static void B_DST_3_missing_flags_are_named(void **state)
{
    static const struct {
        const char *what;
        uint64_t flags;
        const char *why;
    } rows[] = {
        { "none", 0, "" },
        { "no EXTENDED_REFERENCES",
          NODE__FLAGS_OFFERED &
              ~(NODE__FLAG(2) | NODE__FLAG_MANDATORY_25_DIGEST),
          "EXTENDED_REFERENCES" },
        { "no EXTENDED_PIDS_PORTS",
          NODE__FLAGS_OFFERED &
              ~(NODE__FLAG(8) | NODE__FLAG_MANDATORY_25_DIGEST),
          "EXTENDED_PIDS_PORTS" },
        { "no UTF8_ATOMS",
          NODE__FLAGS_OFFERED &
              ~(NODE__FLAG(16) | NODE__FLAG_MANDATORY_25_DIGEST),
          "UTF8_ATOMS" },
        { "no BIG_CREATION",
          NODE__FLAGS_OFFERED &
              ~(NODE__FLAG(18) | NODE__FLAG_MANDATORY_25_DIGEST),
          "BIG_CREATION" },
    };
    struct node__handshake hs;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scene *scene = hostile_begin(NULL);

        say_name(scene, BYTES(HOSTILE_STRANGER), rows[i].flags);
        hostile_check_refused(scene, rows[i].what, HOSTILE_STRANGER,
                              rows[i].why);
        /* Unknown ones are ignored. */
        assert_true(stranger_shake(scene->stranger, &hostile_address,
                                   HOSTILE_STRANGER, HOSTILE_NODE, PAIR_COOKIE,
                                   UINT64_MAX & ~NODE__FLAG_NAME_ME, &hs));
        hostile_end(scene);
    }
}

/* What may not follow a name. */
static void B_DST_4_steps_out_of_order_are_closed(void **state)
{
    static const struct row rows[] = {
        { "the name again",
          BYTES("\0\x19N\0\0\0\0\0\0\0\0\0\0\0\1\0\x0a"
                "s@10.0.0.9"),
          "" },
        { "a status", BYTES("\0\3sok"), "" },
        { "an unknown status", BYTES("\0\6shello"), "" },
        { "a challenge", BYTES("\0\x13N\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
          "" },
        { "an acknowledgement",
          BYTES("\0\x11"
                "a0123456789abcdef"),
          "" },
        { "version 5", BYTES("\0\x0bn\0\5\0\0\0\0a@b.c"), "" },
        { "a reply that is short", BYTES("\0\5r1234"), "" },
        { "nothing", BYTES(""), "no handshake" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scene *scene = hostile_begin(NULL);

        say_name(scene, BYTES(HOSTILE_STRANGER), NODE__FLAGS_OFFERED);
        assert_true(stranger_hears(scene->stranger, 6)); /* and a challenge */
        stranger_say(scene->stranger, rows[i].bytes, rows[i].size);
        hostile_check_refused(scene, rows[i].what, HOSTILE_STRANGER,
                              rows[i].why);
        hostile_end(scene);
    }
}

/* ---- Digests
 * ---------------------------------------------------------------------------
 */

#define REPLY_SIZE 23 /* length, r, our challenge, the digest of theirs */

/* Dials, says the name, and returns the node's challenge. */
static uint32_t hear_challenge(struct scene *scene)
{
    const struct etf_buffer *heard = stranger_heard(scene->stranger);
    const uint8_t *p;

    say_name(scene, BYTES(HOSTILE_STRANGER), NODE__FLAGS_OFFERED);
    assert_true(stranger_hears(scene->stranger, 5 + 2 + 13));
    assert_memory_equal(heard->data, "\0\3sok", 5);
    p = heard->data + 5 + 2 + 1 + 8;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
           p[3];
}

static void put_reply(uint8_t reply[REPLY_SIZE], uint32_t ours,
                      const char *cookie, uint32_t theirs)
{
    struct node__md5 md5;
    char number[16];

    (void)snprintf(number, sizeof number, "%u", theirs);
    memcpy(reply, "\0\x15r", 3);
    for (int i = 0; i < 4; i++)
        reply[3 + i] = (uint8_t)(ours >> (24 - 8 * i));
    node__md5_init(&md5);
    node__md5_add(&md5, cookie, strlen(cookie));
    node__md5_add(&md5, number, strlen(number));
    node__md5_done(&md5, reply + 7);
}

enum forgery { WRONG_COOKIE, OTHER_CHALLENGE, WRONG_WAY, OURS_BACK, REPLAY };

static void forge(struct scene *scene, enum forgery forgery,
                  const uint8_t earlier[REPLY_SIZE])
{
    uint32_t theirs = hear_challenge(scene);
    uint8_t reply[REPLY_SIZE];

    switch (forgery) {
    case WRONG_COOKIE:
        put_reply(reply, 7, "guessed", theirs);
        break;
    case OTHER_CHALLENGE:
        put_reply(reply, 7, PAIR_COOKIE, theirs + 1);
        break;
    case WRONG_WAY: /* of the challenge that we send ourselves */
        put_reply(reply, 7, PAIR_COOKIE, 7);
        break;
    case OURS_BACK: /* to have the node answer itself */
        put_reply(reply, theirs, "guessed", theirs);
        break;
    case REPLAY:
        memcpy(reply, earlier, sizeof reply);
        break;
    }
    stranger_say(scene->stranger, reply, sizeof reply);
}

static void B_DST_5_digests_that_are_forged_are_closed(void **state)
{
    static const char *const names[] = { "wrong cookie", "other challenge",
                                         "wrong way", "ours back", "replay" };
    uint8_t earlier[REPLY_SIZE];

    (void)state;
    for (int forgery = WRONG_COOKIE; forgery <= REPLAY; forgery++) {
        struct scene *scene = hostile_begin(NULL);
        size_t heard;

        put_reply(earlier, 7, PAIR_COOKIE, hear_challenge(scene));
        stranger_say(scene->stranger, earlier, sizeof earlier);
        (void)sim_run(scene->sim, 100);
        assert_int_equal(node_peers(scene->node, NULL, 0),
                         2); /* it was right */
        stranger_close(scene->stranger);
        (void)sim_run(scene->sim, 100);
        hostile_mark(scene);
        forge(scene, (enum forgery)forgery, earlier);
        heard = stranger_heard(scene->stranger)->size;
        hostile_check_refused(scene, names[forgery], HOSTILE_STRANGER, "");
        /* Not a byte of a digest of its own. */
        assert_int_equal(stranger_heard(scene->stranger)->size, heard);
        hostile_end(scene);
    }
}

/* How long it takes from the reply to the end, in steps of the world and in its
 * time, and what is said meanwhile. */
struct end {
    uint64_t steps, ns;
    size_t said;
};

/* The right digest with byte `wrong` changed; 16: all of them. */
static struct end end_of(unsigned wrong)
{
    struct scene *scene = hostile_begin(NULL);
    uint32_t theirs = hear_challenge(scene);
    size_t heard = stranger_heard(scene->stranger)->size;
    uint8_t reply[REPLY_SIZE];
    struct end end;

    put_reply(reply, 7, PAIR_COOKIE, theirs);
    for (unsigned i = 0; i < 16; i++)
        if (i == wrong || wrong == 16)
            reply[7 + i] ^= 0xff;
    end.steps = sim_steps(scene->sim);
    end.ns = sim_now_ns(scene->sim);
    stranger_say(scene->stranger, reply, sizeof reply);
    assert_true(stranger_hears_end(scene->stranger));
    end.steps = sim_steps(scene->sim) - end.steps;
    end.ns = sim_now_ns(scene->sim) - end.ns;
    end.said = stranger_heard(scene->stranger)->size - heard;
    hostile_end(scene);
    return end;
}

/* Equal for all, wherever the digest is wrong: nobody learns a byte of it. That
 * the comparison looks at every byte is what node__handshake_same_digest() is
 * for; here it is all that a peer can see. */
static void B_DST_5_wrong_digests_end_alike(void **state)
{
    struct end first = end_of(0);

    (void)state;
    assert_int_equal(first.said, 0);
    for (unsigned wrong = 1; wrong <= 16; wrong++) {
        struct end other = end_of(wrong);

        assert_true(other.steps == first.steps);
        assert_true(other.ns == first.ns);
        assert_int_equal(other.said, 0);
    }
}

/* Counted for the source: the sixth in a row closes the door for a second. */
static void B_DST_5_failures_are_counted_for_their_source(void **state)
{
    struct scene *scene = hostile_begin(NULL);

    (void)state;
    for (int i = 0; i < 6; i++) {
        forge(scene, WRONG_COOKIE, NULL);
        hostile_check_refused(scene, "wrong cookie", HOSTILE_STRANGER,
                              "cookies differ");
    }
    (void)stranger_dial(scene->stranger, &hostile_address);
    hostile_check_refused(scene, "the seventh", "refused ",
                          "after 0 bytes: too many failed handshakes");
    assert_int_equal(node_limit_met(scene->node, NODE_LIMIT_FAILURES_SOURCE),
                     1);
    (void)sim_run(scene->sim, 1000);
    hostile_shake(scene);
    hostile_end(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(B_DST_1_what_is_no_handshake_is_closed),
        cmocka_unit_test(B_DST_1_one_byte_a_second_ends_at_the_deadline),
        cmocka_unit_test(B_DST_2_names_that_cannot_be_are_closed),
        cmocka_unit_test(B_DST_2_a_thousand_names_leave_nothing),
        cmocka_unit_test(B_DST_3_missing_flags_are_named),
        cmocka_unit_test(B_DST_4_steps_out_of_order_are_closed),
        cmocka_unit_test(B_DST_5_digests_that_are_forged_are_closed),
        cmocka_unit_test(B_DST_5_wrong_digests_end_alike),
        cmocka_unit_test(B_DST_5_failures_are_counted_for_their_source),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
