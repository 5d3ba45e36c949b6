/*
 * test_node_hostile.c -- what strangers and broken peers send: B-DST-1 to 14.
 *
 * A node on a runtime that only records, and a raw socket. After each attack a
 * connection that was there before still works, which is the point of most
 * rows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "flags.h"
#include "fragment.h"
#include "pair.h"
#include "raw_peer.h"
#include "recorder.h"

#define A        "a@127.0.0.1"
#define FRIEND   "friend@127.0.0.1"
#define STRANGER "stranger@127.0.0.1"

/* Of a source: the defaults of node_limits.h. */
#define FAILURES 5
#define WAITING  8

/* Less than that passes between two turns of a thread, also where it is held up
 * for seconds. */
#define SHORT_MS 5000

/* A node, and a peer that must not notice anything. */
struct scene {
    struct node *a;
    struct rt *rt;
    uint16_t port;
    int friend;
};

static struct scene scene_with(uint64_t setup_time_ms, uint64_t tick_time_ms)
{
    struct node_options options = pair_options(A);
    struct scene scene;
    struct node__handshake hs;

    options.setup_time_ms = setup_time_ms;
    options.tick_time_ms = tick_time_ms;
    scene.a = pair_start(&options);
    scene.rt = node_rt(scene.a);
    scene.port = node_port(scene.a);
    scene.friend = raw_dial(scene.port, FRIEND, A, PAIR_COOKIE, 0, &hs);
    assert_true(scene.friend >= 0);
    (void)recorder_expect(scene.rt, 0, "up '" FRIEND "'");
    return scene;
}

/* 131, 68, no references, {2, '', Pid}, 1: a SEND to this node's process 5. */
static size_t put_send(uint8_t *p, uint32_t creation)
{
    static const uint8_t head[] = { 131, 68,  0, 104, 3,   97,
                                    2,   119, 0, 88,  119, sizeof A - 1 };
    size_t size = sizeof head;

    memcpy(p, head, size);
    memcpy(p + size, A, sizeof A - 1);
    size += sizeof A - 1;
    memcpy(p + size, (uint8_t[]){ 0, 0, 0, 5, 0, 0, 0, 0 }, 8);
    size += 8;
    p[size++] = (uint8_t)(creation >> 24);
    p[size++] = (uint8_t)(creation >> 16);
    p[size++] = (uint8_t)(creation >> 8);
    p[size++] = (uint8_t)creation;
    p[size++] = 97;
    p[size++] = 1;
    return size;
}

static void friend_still_works(const struct scene *scene)
{
    uint8_t packet[100];
    size_t before = recorder_count(scene->rt);

    raw_packet(scene->friend, packet,
               put_send(packet, node_creation(scene->a)));
    (void)recorder_expect(scene->rt, before, "send <.0.0> > <.5.0> 1");
}

static void end_scene(const struct scene *scene)
{
    friend_still_works(scene);
    close(scene->friend);
    node_stop(scene->a, 0);
}

/* ---- Before the handshake is over
 * ------------------------------------------------ */

struct bytes {
    const char *what;
    const char *bytes;
    size_t size;
    const char *log;
};

#define BYTES(text) (text), sizeof(text) - 1

/* B-DST-1, B-DST-4: closed at once, and the log says why. */
static void B_DST_1_garbage_is_closed_at_once(void **state)
{
    static const struct bytes table[] = {
        { "HTTP", BYTES("GET / HTTP/1.1\r\n\r\n"), "HTTP" },
        { "TLS", BYTES("\x16\x03\x01\x02\x00\x01\x00\x01"), "TLS" },
        { "length 0", BYTES("\0\0"), "0 bytes" },
        { "length 65535", BYTES("\xff\xff"), "65535 bytes" },
        { "old handshake",
          BYTES("\0\x0c"
                "n\0\5\0\0\0\0a.b.c"),
          "no @" },
        { "a step out of order",
          BYTES("\0\x15"
                "r1234\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
          "waiting for" },
        { "a name that ends early",
          BYTES("\0\x0f"
                "N\0\0\0\0\0\0\0\0\0\0\0\1\0\xff"),
          "inside the name" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct scene scene = scene_with(0, 0);
        int fd = raw_connect(scene.port);

        raw_send(fd, table[i].bytes, table[i].size);
        assert_int_equal(raw_read_to_end(fd), 0);
        close(fd);
        (void)recorder_expect_log(scene.rt, table[i].log);
        end_scene(&scene);
    }
}

/* B-DST-1: nothing, one byte, and half a message end at the deadline. */
static void B_DST_1_silence_ends_at_the_deadline(void **state)
{
    struct scene scene = scene_with(SHORT_MS, 0);
    int silent = raw_connect(scene.port);
    int one = raw_connect(scene.port);
    int half = raw_connect(scene.port);

    (void)state;
    raw_send(one, "\0", 1);
    raw_send(half, "\0\x20N\0\0\0", 6);
    assert_int_equal(raw_read_to_end(silent), 0);
    assert_int_equal(raw_read_to_end(one), 0);
    assert_int_equal(raw_read_to_end(half), 0);
    close(silent);
    close(one);
    close(half);
    (void)recorder_expect_log(scene.rt, "waiting for the peer's name");
    end_scene(&scene);
}

/* send_name with this name and these flags. */
static int say_name(uint16_t port, const char *name, size_t size,
                    uint64_t flags)
{
    uint8_t message[2 + 15 + 300];
    int fd = raw_connect(port);
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
    raw_send(fd, message, 2 + all);
    return fd;
}

/* B-DST-2: refused, and no atom is made of it. */
static void B_DST_2_names_that_cannot_be_are_refused(void **state)
{
    static const struct bytes table[] = {
        { "empty", BYTES(""), "" },
        { "no @", BYTES("nobody"), "" },
        { "two @", BYTES("a@b@c"), "" },
        { "no host", BYTES("a@"), "" },
        { "no name", BYTES("@b"), "" },
        { "control characters", BYTES("a\n@b"), "" },
        { "invalid UTF-8", BYTES("a\xff@b"), "" },
    };
    char longest[258];
    struct scene scene = scene_with(0, 0);
    uint32_t atoms = etf_atom_count();
    int fd;

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        fd = say_name(scene.port, table[i].bytes, table[i].size,
                      NODE__FLAGS_OFFERED);
        assert_int_equal(raw_read_to_end(fd), 0);
        close(fd);
        assert_int_equal(etf_atom_count(), atoms);
        /* Five failures in a row would close the door to us. */
        if (i % 4 == 3) {
            end_scene(&scene); /* an atom says why the friend is down */
            scene = scene_with(0, 0);
            atoms = etf_atom_count();
        }
    }
    memset(longest, 'n', sizeof longest);
    memcpy(longest + 200, "@", 1);
    fd = say_name(scene.port, longest, 256, NODE__FLAGS_OFFERED);
    assert_int_equal(raw_read_to_end(fd), 0);
    close(fd);
    assert_int_equal(etf_atom_count(), atoms);
    end_scene(&scene);
}

static void expect_status(int fd, const char *status)
{
    uint8_t head[3];
    char text[32] = "";

    assert_true(raw_read(fd, head, sizeof head));
    assert_int_equal(head[2], 's');
    assert_int_equal(head[0] << 8 | head[1], 1 + strlen(status));
    assert_true(raw_read(fd, text, strlen(status)));
    assert_string_equal(text, status);
}

/* B-DST-2: our own name, and one that is connected. */
static void B_DST_2_names_that_are_taken_get_their_status(void **state)
{
    struct scene scene = scene_with(0, 0);
    uint32_t atoms = etf_atom_count();
    int fd = say_name(scene.port, BYTES(A), NODE__FLAGS_OFFERED);

    (void)state;
    expect_status(fd, "nok");
    assert_int_equal(raw_read_to_end(fd), 0);
    close(fd);
    fd = say_name(scene.port, BYTES(FRIEND), NODE__FLAGS_OFFERED);
    expect_status(fd, "alive");
    raw_send(fd, "\0\6sfalse", 8);
    assert_int_equal(raw_read_to_end(fd), 0);
    close(fd);
    fd = say_name(scene.port, BYTES("new@127.0.0.1"), NODE__FLAGS_OFFERED);
    expect_status(fd, "ok");
    close(fd);
    friend_still_works(&scene);
    assert_int_equal(etf_atom_count(), atoms); /* no name without proof */
    assert_int_equal(node_peers(scene.a, NULL, 0), 1);
    end_scene(&scene);
}

/* G36: who proves the cookie replaces a connection that it knows to be dead,
 * after that one's losses. */
static void a_peer_that_came_back_replaces_itself(void **state)
{
    struct scene scene = scene_with(0, 0);
    struct node__handshake hs;
    int fd = raw_dial(scene.port, FRIEND, A, PAIR_COOKIE, 0, &hs);
    size_t at;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(raw_read_to_end(scene.friend), 0);
    at = recorder_expect(scene.rt, 0, "up '" FRIEND "'");
    at = recorder_expect(scene.rt, at, "down '" FRIEND "'");
    (void)recorder_expect(scene.rt, at, "up '" FRIEND "'");
    close(scene.friend);
    scene.friend = fd;
    end_scene(&scene);
}

/* B-DST-3: each mandatory flag; unknown bits are ignored. */
static void B_DST_3_missing_flags_are_named(void **state)
{
    static const struct {
        uint64_t flag;
        const char *name;
    } table[] = {
        { NODE__FLAG(2), "EXTENDED_REFERENCES" },
        { NODE__FLAG(8), "EXTENDED_PIDS_PORTS" },
        { NODE__FLAG(16), "UTF8_ATOMS" },
        { NODE__FLAG(18), "BIG_CREATION" },
    };
    struct scene scene = scene_with(0, 0);
    struct node__handshake hs;
    int fd;

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        fd = say_name(scene.port, BYTES(STRANGER),
                      NODE__FLAGS_OFFERED & ~table[i].flag &
                          ~NODE__FLAG_MANDATORY_25_DIGEST);
        expect_status(fd, "not_allowed");
        assert_int_equal(raw_read_to_end(fd), 0);
        close(fd);
        (void)recorder_expect_log(scene.rt, table[i].name);
    }
    fd = raw_dial(scene.port, STRANGER, A, PAIR_COOKIE,
                  UINT64_MAX & ~NODE__FLAG_NAME_ME, &hs);
    assert_true(fd >= 0);
    close(fd);
    end_scene(&scene);
}

/* B-DST-5: a wrong cookie; five in a row, and the next dial is not even read,
 * for a second; then for two, and so on: who is held up for so long tries
 * again.
 */
static void B_DST_5_wrong_cookies_close_the_door(void **state)
{
    struct scene scene = scene_with(0, 0);
    struct node__handshake hs;
    int failures = -1;

    (void)state;
    do {
        assert_int_equal(raw_dial(scene.port, STRANGER, A, "wrong", 0, &hs),
                         -1);
        failures++;
    } while (hs.error.code == AGNER_EAUTH);
    assert_true(failures >= FAILURES + 1);
    assert_int_equal(hs.error.code, AGNER_ENOCONN);
    (void)recorder_expect_log(scene.rt, "cookies differ");
    (void)recorder_expect_log(scene.rt, "too many failed handshakes");
    assert_int_equal(node_peers(scene.a, NULL, 0), 1);
    end_scene(&scene);
}

/* An Erlang node hangs up on the one of two connections that is too many, which
 * is not held against it: the next dial is served. */
static void who_only_hangs_up_has_not_failed(void **state)
{
    struct scene scene = scene_with(0, 0);
    struct node__handshake hs;
    int fd;

    (void)state;
    for (int i = 0; i < FAILURES + 2; i++) {
        fd = say_name(scene.port, BYTES(STRANGER), NODE__FLAGS_OFFERED);
        expect_status(fd, "ok");
        shutdown(fd, SHUT_WR);
        assert_true(raw_read_to_end(fd) > 0); /* the challenge, and the end */
        close(fd);
    }
    fd = raw_dial(scene.port, STRANGER, A, PAIR_COOKIE, 0, &hs);
    assert_true(fd >= 0);
    close(fd);
    end_scene(&scene);
}

/* 4.1: few unfinished handshakes of one address. */
static void unfinished_handshakes_are_few(void **state)
{
    struct scene scene = scene_with(0, 0);
    int fds[WAITING + 1];

    (void)state;
    for (int i = 0; i <= WAITING; i++)
        fds[i] = raw_connect(scene.port);
    assert_int_equal(raw_read_to_end(fds[WAITING]), 0);
    (void)recorder_expect_log(scene.rt, "too many unfinished handshakes");
    assert_int_equal(node_limit_met(scene.a, NODE_LIMIT_HANDSHAKES_SOURCE), 1);
    for (int i = 0; i <= WAITING; i++)
        close(fds[i]);
    end_scene(&scene);
}

/* ---- From an authenticated peer
 * ---------------------------------------------------- */

/* B-DST-7, 8, 9, 11, 12: one packet each that ends its connection. */
static void B_DST_8_bad_packets_end_their_connection(void **state)
{
    static const struct bytes table[] = {
        { "one byte", BYTES("\0\0\0\1\x83"), "one byte" },
        { "over the limit", BYTES("\x7f\xff\xff\xff"), "too large" },
        { "2^31", BYTES("\x80\0\0\0"), "too large" },
        { "2^32 - 1", BYTES("\xff\xff\xff\xff"), "too large" },
        { "wrong version", BYTES("\0\0\0\3\x82\x44\0"), "expected 131" },
        { "unknown header", BYTES("\0\0\0\3\x83\x63\0"), "unknown header" },
        { "pass-through", BYTES("\0\0\0\4\x70\x83\x61\1"), "bad packet" },
        { "control is no tuple", BYTES("\0\0\0\5\x83\x44\0\x61\1"),
          "bad packet" },
        { "empty tuple", BYTES("\0\0\0\5\x83\x44\0\x68\0"), "bad packet" },
        { "unknown operation", BYTES("\0\0\0\7\x83\x44\0\x68\1\x61\x63"),
          "bad packet" },
        { "NODE_LINK", BYTES("\0\0\0\7\x83\x44\0\x68\1\x61\5"), "bad packet" },
        { "wrong arity", BYTES("\0\0\0\7\x83\x44\0\x68\1\x61\2"),
          "bad packet" },
        { "a pid that is none",
          BYTES("\0\0\0\x0b\x83\x44\0\x68\3\x61\1\x61\1\x61\1"), "bad packet" },
        { "truncated", BYTES("\0\0\0\5\x83\x44\0\x68\3"), "bad packet" },
        { "reference to an empty slot", BYTES("\0\0\0\5\x83\x44\1\0\7"),
          "bad packet" },
        { "references without data", BYTES("\0\0\0\4\x83\x44\xff\0"),
          "bad packet" },
        { "fragment without a start",
          BYTES("\0\0\0\x12\x83\x46\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1"),
          "bad packet" },
        { "fragment 0",
          BYTES("\0\0\0\x13\x83\x45\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0"),
          "bad packet" },
        { "a sequence that starts twice",
          BYTES("\0\0\0\x15\x83\x45\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0\x61\1"
                "\0\0\0\x15\x83\x45\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0\x61\1"),
          "bad packet" },
        { "a number that is not one less",
          BYTES("\0\0\0\x15\x83\x45\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\3\0\x61\1"
                "\0\0\0\x13\x83\x46\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1\1"),
          "bad packet" },
    };
    struct scene scene = scene_with(0, 0);

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct node__handshake hs;
        int fd = raw_dial(scene.port, STRANGER, A, PAIR_COOKIE, 0, &hs);
        size_t at = recorder_count(scene.rt);

        assert_true(fd >= 0);
        raw_send(fd, table[i].bytes, table[i].size);
        if (raw_read_to_end(fd) != 0)
            fail_msg("%s was answered", table[i].what);
        close(fd);
        (void)recorder_expect(scene.rt, at, "down '" STRANGER "'");
        (void)recorder_expect_log(scene.rt, table[i].log);
    }
    assert_int_equal(node_peers(scene.a, NULL, 0), 1);
    end_scene(&scene);
}

/* B-DST-9: a sender that is not the peer's. */
static void B_DST_9_a_forged_sender_ends_the_connection(void **state)
{
    struct scene scene = scene_with(0, 0);
    struct node__handshake hs;
    int fd = raw_dial(scene.port, STRANGER, A, PAIR_COOKIE, 0, &hs);
    uint8_t packet[200] = { 131, 68, 0, 104, 3, 97, 1 };
    uint8_t *p = packet + 7;
    static const char *const nodes[] = { FRIEND, A };

    (void)state;
    assert_true(fd >= 0);
    for (int i = 0; i < 2; i++) { /* {1, <friend's>, <ours>} */
        *p++ = 88;
        *p++ = 119;
        *p++ = (uint8_t)strlen(nodes[i]);
        memcpy(p, nodes[i], strlen(nodes[i]));
        p += strlen(nodes[i]);
        memset(p, 0, 12);
        p += 12;
    }
    raw_packet(fd, packet, (size_t)(p - packet));
    assert_int_equal(raw_read_to_end(fd), 0);
    close(fd);
    (void)recorder_expect(scene.rt, 0, "down '" STRANGER "'");
    end_scene(&scene);
}

/* B-DST-7: what a length promises is not allocated, and costs nobody else time.
 */
static void B_DST_7_a_promised_packet_waits_for_its_bytes(void **state)
{
    struct scene scene = scene_with(0, 0);
    struct node__handshake hs;
    int fd = raw_dial(scene.port, STRANGER, A, PAIR_COOKIE, 0, &hs);
    uint8_t packet[100];
    size_t size = put_send(packet, node_creation(scene.a));
    size_t at;

    (void)state;
    assert_true(fd >= 0);
    raw_send(fd, "\3\xff\xff\xff", 4); /* 64 MiB - 1 */
    friend_still_works(&scene);
    close(fd);
    (void)recorder_expect(scene.rt, 0, "down '" STRANGER "'");
    /* Bytes may come one by one, and several packets at once. */
    at = recorder_count(scene.rt);
    raw_send(scene.friend, "\0\0", 2);
    for (size_t i = 0; i < 2; i++)
        raw_send(scene.friend, (uint8_t[]){ 0, (uint8_t)size } + i, 1);
    for (size_t i = 0; i < size; i++)
        raw_send(scene.friend, packet + i, 1);
    (void)recorder_expect(scene.rt, at, "send ...");
    end_scene(&scene);
}

/* B-DST-12: sequences that are never finished have a limit in number, and end
 * with the tick time. */
static void B_DST_12_unfinished_sequences_are_bounded(void **state)
{
    static const uint8_t first[] = { 131, 69, 0, 0, 0, 0, 0, 0, 0,  0, 0,
                                     0,   0,  0, 0, 0, 0, 2, 0, 97, 1 };
    struct scene scene = scene_with(0, SHORT_MS);
    struct node__handshake hs;
    int fd = raw_dial(scene.port, STRANGER, A, PAIR_COOKIE, 0, &hs);
    uint8_t packet[sizeof first];
    size_t at;

    (void)state;
    assert_true(fd >= 0);
    memcpy(packet, first, sizeof first);
    for (unsigned i = 0; i < NODE__SEQUENCES_MAX + 1; i++) {
        packet[8] = (uint8_t)(i >> 8);
        packet[9] = (uint8_t)i;
        raw_packet(fd, packet, sizeof packet);
    }
    (void)raw_read_to_end(fd);
    close(fd);
    at = recorder_expect(scene.rt, 0, "down '" STRANGER "'");
    fd = raw_dial(scene.port, STRANGER, A, PAIR_COOKIE, 0, &hs);
    raw_packet(fd, packet, sizeof packet);
    while (recorder_count(scene.rt) <
           at + 2) { /* up, down: ticks alone don't */
        uint8_t tick[4];

        if (!raw_read(fd, tick, sizeof tick))
            break;
        raw_packet(fd, "", 0);
        raw_packet(scene.friend, "", 0);
    }
    close(fd);
    (void)recorder_expect(scene.rt, at, "down '" STRANGER "'");
    (void)recorder_expect_log(scene.rt, "was not finished");
    close(scene.friend);
    node_stop(scene.a, 0);
}

/* B-DST-14: a reset at each byte of a packet. */
static void B_DST_14_a_reset_at_any_byte_is_a_loss(void **state)
{
    struct linger reset = { .l_onoff = 1 };
    struct scene scene = scene_with(0, 0);
    uint8_t packet[104] = { 0, 0, 0 };
    size_t size = put_send(packet + 4, node_creation(scene.a));
    size_t at = recorder_count(scene.rt);

    (void)state;
    packet[3] = (uint8_t)size;
    for (size_t cut = 0; cut < 4 + size; cut += 5) {
        struct node__handshake hs;
        int fd = raw_dial(scene.port, STRANGER, A, PAIR_COOKIE, 0, &hs);

        assert_true(fd >= 0);
        raw_send(fd, packet, cut);
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(fd);
        at = recorder_expect(scene.rt, at, "down '" STRANGER "'");
    }
    end_scene(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(B_DST_1_garbage_is_closed_at_once),
        cmocka_unit_test(B_DST_1_silence_ends_at_the_deadline),
        cmocka_unit_test(B_DST_2_names_that_cannot_be_are_refused),
        cmocka_unit_test(B_DST_2_names_that_are_taken_get_their_status),
        cmocka_unit_test(a_peer_that_came_back_replaces_itself),
        cmocka_unit_test(B_DST_3_missing_flags_are_named),
        cmocka_unit_test(B_DST_5_wrong_cookies_close_the_door),
        cmocka_unit_test(who_only_hangs_up_has_not_failed),
        cmocka_unit_test(unfinished_handshakes_are_few),
        cmocka_unit_test(B_DST_8_bad_packets_end_their_connection),
        cmocka_unit_test(B_DST_9_a_forged_sender_ends_the_connection),
        cmocka_unit_test(B_DST_7_a_promised_packet_waits_for_its_bytes),
        cmocka_unit_test(B_DST_12_unfinished_sequences_are_bounded),
        cmocka_unit_test(B_DST_14_a_reset_at_any_byte_is_a_loss),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
