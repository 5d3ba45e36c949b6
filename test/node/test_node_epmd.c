/*
 * test_node_epmd.c -- our epmd: the recorded requests and answers of the real
 * one against it, over real sockets, and what it may not be broken by (B-EPM-1,
 * B-EPM-2).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>
#include <unistd.h>

#include <epmd_proto.h>
#include <epmd_server.h>

#include "../json_doc.h"
#include "epmd_bed.h"

/* ---- The recording
 * ------------------------------------------------------------ */

/* Creations come from the clock, and the file descriptors of a dump and the
 * port in front of a list are the server's own. Both sides get the same ones.
 */
static void make_equal(uint8_t *a, size_t a_size, uint8_t *b, size_t b_size)
{
    if (a_size == b_size && a_size == 6 && a[0] == 118 && a[1] == 0)
        memcpy(a + 2, b + 2, 4);
    if (a_size == b_size && a_size == 4 && a[0] == 121 && a[1] == 0) {
        assert_in_range(a[3], 1, 3);
        memcpy(a + 2, b + 2, 2);
    }
    if (a_size >= 4 && b_size >= 4 && a[0] == 0 && b[0] == 0)
        memcpy(a, b, 4);
}

/* A dump without its descriptors. */
static size_t without_fds(uint8_t *bytes, size_t size)
{
    size_t from, to = 0;

    for (from = 0; from < size; from++) {
        bytes[to++] = bytes[from];
        if (to >= 5 && memcmp(bytes + to - 5, "fd = ", 5) == 0)
            while (from + 1 < size && bytes[from + 1] >= '0' &&
                   bytes[from + 1] <= '9')
                from++;
    }
    return to;
}

/* Steps that ours answers otherwise, and why. */
static bool is_different(const char *note)
{
    /* STOP is not granted to anybody. */
    return strncmp(note, "STOP_REQ", 8) == 0 ||
           strcmp(note, "NAMES_REQ after STOP_REQ") == 0 ||
           /* Nor is KILL while nodes are alive, which is the later step. */
           strncmp(note, "KILL_REQ: answers OK", 20) == 0 ||
           /* Sent where the step before has ended the connection. */
           strncmp(note, "PORT_PLEASE2_REQ on a", 21) == 0 ||
           /* The real one does not look up the longest name that it takes. */
           strcmp(note, "PORT_PLEASE2_REQ xxxxxxxxxx") == 0;
}

struct recorded_step {
    uint8_t *request, *response;
    size_t request_size, response_size;
    bool closed;
    const char *note;
};

/* Registrations are held open in `fds`, and the recording's re-registrations
 * need the earlier ones: a request on a registered connection is one that ends
 * it. */
static void replay_step(uint16_t port, const struct recorded_step *step,
                        int *held)
{
    uint8_t *answer = calloc(1, 8192);
    size_t size, expected = step->response_size;
    int fd;

    if (strncmp(step->note, "a second ALIVE2_REQ", 19) == 0) {
        fd = held[0];
        held[0] = -1;
    } else {
        fd = epmd_dial(port);
    }
    epmd_say(fd, step->request, step->request_size);
    /* A request that lies about its length only ends with the connection's
     * time. */
    size = epmd_hear(fd, answer, step->closed ? 8192 : step->response_size);
    make_equal(answer, size, step->response, expected);
    size = without_fds(answer, size);
    expected = without_fds(step->response, expected);
    if (size != expected || memcmp(answer, step->response, size) != 0)
        fail_msg("%s: %zu bytes, expected %zu", step->note, size, expected);
    if (step->closed) {
        epmd_assert_closed(fd);
    } else if (answer[1] == 0) {
        unsigned i = 0;

        while (held[i] >= 0)
            i++;
        held[i] = fd;
    } else {
        (void)close(fd);
    }
    free(answer);
}

static void answers_each_recorded_request_as_the_real_one(void **state)
{
    struct json_doc *doc = json_doc_open(VECTORS "/epmd.json");
    const struct json_value *s = json_get(json_doc_root(doc), "steps")->first;
    struct node_epmd_server *server = epmd_serve(0);
    int held[32];
    unsigned i, replayed = 0;

    (void)state;
    memset(held, -1, sizeof held);
    for (; s != NULL; s = s->next) {
        struct recorded_step step = { .note = json_get_text(s, "note"),
                                      .closed = json_get_number(
                                                    s, "closed_by_epmd") != 0 };

        if (json_get_text(s, "request") == NULL || is_different(step.note))
            continue;
        step.request =
            json_doc_hex(json_get_text(s, "request"), &step.request_size);
        step.response =
            json_doc_hex(json_get_text(s, "response"), &step.response_size);
        if (strncmp(step.note, "PORT_PLEASE2_REQ after", 22) == 0)
            epmd_wait_until_gone(node_epmd_port(server), "one");
        replay_step(node_epmd_port(server), &step, held);
        replayed++;
        free(step.request);
        free(step.response);
    }
    assert_int_equal(replayed, 30); /* of 37; is_different() has the others */
    for (i = 0; i < 32; i++)
        if (held[i] >= 0)
            (void)close(held[i]);
    node_epmd_stop(server);
    json_doc_close(doc);
}

/* ---- The book
 * ------------------------------------------------------------------- */

static enum node__epmd_next ask(struct node__epmd_book *book, uint64_t owner,
                                bool local, const void *body, size_t size,
                                struct etf_buffer *out)
{
    out->size = 0;
    return node__epmd_answer(book, owner, local, body, size, out);
}

static enum node__epmd_next enlist(struct node__epmd_book *book, uint64_t owner,
                                   const char *name, uint32_t *creation,
                                   struct etf_buffer *out)
{
    struct node__epmd_node node = {
        .port = 4000, .type = 77, .high = 6, .low = 5
    };
    struct etf_buffer request = { 0 };
    enum node__epmd_next next;

    (void)snprintf(node.name, sizeof node.name, "%s", name);
    assert_int_equal(node__epmd_ask_alive(&request, &node), AGNER_OK);
    next = ask(book, owner, true, request.data + 2, request.size - 2, out);
    etf_buffer_fini(&request);
    if (next == NODE__EPMD_HOLD)
        assert_int_equal(
            node__epmd_alive_answer(out->data, out->size, creation, NULL),
            AGNER_OK);
    return next;
}

static void each_life_of_a_name_has_another_creation(void **state)
{
    struct node__epmd_book book = { .now = 1000000 };
    struct etf_buffer out = { 0 };
    uint32_t first, second;
    unsigned i;

    (void)state;
    assert_int_equal(enlist(&book, 1, "x", &first, &out), NODE__EPMD_HOLD);
    assert_int_equal(first, 1000000);
    assert_int_equal(enlist(&book, 2, "x", &second, &out), NODE__EPMD_KEEP);
    assert_int_equal(node__epmd_alive_answer(out.data, out.size, &second, NULL),
                     AGNER_ETAKEN);
    for (i = 1; i < 20; i++) {
        node__epmd_gone(&book, i);
        assert_int_equal(enlist(&book, i + 1, "x", &second, &out),
                         NODE__EPMD_HOLD);
        assert_int_equal(second, first + i);
    }
    assert_int_equal(book.count, 1);
    node__epmd_book_fini(&book);
    etf_buffer_fini(&out);
}

/* B-EPM-1, spec/reliability.md 4.1 */
static void holds_1024_names_and_as_many_old_ones(void **state)
{
    struct node__epmd_book book = { .now = 5 };
    struct etf_buffer out = { 0 };
    uint32_t creation;
    unsigned i, round;
    char name[32];

    (void)state;
    for (round = 0; round < 4; round++) {
        for (i = 0; i < NODE__EPMD_NODES_MAX; i++) {
            (void)snprintf(name, sizeof name, "n%u_%u", round, i);
            assert_int_equal(enlist(&book, i + 1, name, &creation, &out),
                             NODE__EPMD_HOLD);
        }
        assert_int_equal(enlist(&book, 9999, "more", &creation, &out),
                         NODE__EPMD_KEEP);
        for (i = 0; i < NODE__EPMD_NODES_MAX; i++)
            node__epmd_gone(&book, i + 1);
        assert_int_equal(book.active, 0);
        assert_in_range(book.count, 1024, 2048);
    }
    node__epmd_book_fini(&book);
    etf_buffer_fini(&out);
}

/* B-EPM-1: from elsewhere only look-up and names. */
static void B_EPM_1_grants_nothing_but_look_ups_from_outside(void **state)
{
    struct node__epmd_book book = { .now = 5 };
    struct etf_buffer out = { 0 };
    uint32_t creation;

    (void)state;
    assert_int_equal(enlist(&book, 1, "x", &creation, &out), NODE__EPMD_HOLD);
    assert_int_equal(ask(&book, 2, false, "zx", 2, &out), NODE__EPMD_CLOSE);
    assert_int_equal(out.size, 15);
    assert_int_equal(ask(&book, 2, false, "n", 1, &out), NODE__EPMD_CLOSE);
    assert_int_equal(out.size, 4 + 20);
    assert_int_equal(ask(&book, 2, false, "d", 1, &out), NODE__EPMD_CLOSE);
    assert_int_equal(out.size, 0);
    assert_int_equal(ask(&book, 2, false, "k", 1, &out), NODE__EPMD_CLOSE);
    assert_int_equal(out.size, 0);
    assert_int_equal(
        ask(&book, 2, false, "x\1\1M\0\0\6\0\5\0\1y\0\0", 14, &out),
        NODE__EPMD_CLOSE);
    assert_int_equal(out.size, 0);
    assert_int_equal(ask(&book, 2, true, "k", 1, &out), NODE__EPMD_CLOSE);
    assert_memory_equal(out.data, "NO", 2);
    node__epmd_gone(&book, 1);
    assert_int_equal(ask(&book, 2, false, "zx", 2, &out), NODE__EPMD_CLOSE);
    assert_memory_equal(out.data, "w\1", 2);
    assert_int_equal(ask(&book, 2, true, "k", 1, &out), NODE__EPMD_EXIT);
    assert_memory_equal(out.data, "OK", 2);
    node__epmd_book_fini(&book);
    etf_buffer_fini(&out);
}

static void lists_old_names_in_a_dump_only(void **state)
{
    struct node__epmd_book book = { .now = 5, .port = 4369 };
    struct etf_buffer out = { 0 };
    uint32_t creation;

    (void)state;
    (void)enlist(&book, 7, "x", &creation, &out);
    (void)enlist(&book, 8, "y", &creation, &out);
    node__epmd_gone(&book, 7);
    (void)ask(&book, 9, true, "n", 1, &out);
    assert_int_equal(out.size, 4 + 20);
    assert_memory_equal(out.data, "\0\0\x11\x11name y at port 4000\n", 24);
    (void)ask(&book, 9, true, "d", 1, &out);
    assert_int_equal(out.size, 4 + 42 + 43);
    assert_memory_equal(out.data + 4,
                        "active name     <y> at port 4000, fd = 8\n\0"
                        "old/unused name <x>, port = 4000, fd = 0 \n",
                        42 + 43);
    node__epmd_book_fini(&book);
    etf_buffer_fini(&out);
}

/* ---- Hostile guests
 * ----------------------------------------------------------------- */

/* B-EPM-1 */
static void B_EPM_1_closes_on_requests_that_are_none(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {
        { "\0\0", 2 },
        { "\0\1q", 3 },
        { "\0\1z", 3 },
        { "\xff\xffn", 3 },
        { "\x0b\xb9n", 3 }, /* 3,001 bytes */
        { "\0\1nn", 4 },    /* one byte too many */
        { "\0\1n\0\1n", 6 },
        { "\0\5szzzz", 7 },
        { "\0\xdx\1\1M\0\0\6\0\5\0\0\0\0", 15 },      /* name of no bytes */
        { "\0\xex\1\1M\0\0\6\0\5\0\1x\xff\xff", 16 }, /* extra of 64 KiB */
        { "\0\xex\1\1M\0\0\6\0\5\1\1x\0\0", 16 },
        { "GET / HTTP/1.1\r\n\r\n", 18 },
    };
    struct node_epmd_server *server = epmd_serve(0);
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int fd = epmd_dial(node_epmd_port(server));

        epmd_say(fd, cases[i].bytes, cases[i].size);
        epmd_assert_closed(fd);
    }
    node_epmd_stop(server);
}

/* B-EPM-2: the oldest idle ones give way, registrations don't. */
static void B_EPM_2_idle_connections_do_not_keep_others_out(void **state)
{
    enum { IDLE = 300 };
    static const char alive[] = "\0\xex\1\1M\0\0\6\0\5\0\1x\0";
    struct node_epmd_server *server = epmd_serve(0);
    int registered = epmd_dial(node_epmd_port(server)), fds[IDLE], i;
    uint8_t answer[64];

    (void)state;
    epmd_say(registered, alive, 16);
    assert_int_equal(epmd_hear(registered, answer, 6), 6);
    for (i = 0; i < IDLE; i++) {
        fds[i] = epmd_dial(node_epmd_port(server));
        epmd_say(fds[i], "\0", 1); /* slow bytes */
    }
    i = epmd_dial(node_epmd_port(server));
    epmd_say(i, "\0\1n", 3);
    assert_int_equal(epmd_hear(i, answer, sizeof answer), 4 + 19);
    (void)close(i);
    /* 301 were too many by 45, and those were the oldest. */
    for (i = 0; i < IDLE - 256; i++)
        epmd_assert_closed(fds[i]);
    /* Not because they were idle for long: one that came a moment later is
     * still listened to, and so is the newest. */
    epmd_say(fds[IDLE / 2], "\1n", 2);
    epmd_say(fds[IDLE - 1], "\1n", 2);
    assert_int_equal(epmd_hear(fds[IDLE / 2], answer, sizeof answer), 4 + 19);
    assert_int_equal(epmd_hear(fds[IDLE - 1], answer, sizeof answer), 4 + 19);
    for (; i < IDLE; i++)
        (void)close(fds[i]);
    (void)close(registered);
    node_epmd_stop(server);
}

/* Ten thousand, each of which says half a word and stays: there are never more
 * than the limit, since the oldest gives way; a registration stays; and one
 * more is served whenever it asks. */
static void B_EPM_2_ten_thousand_idle_guests_keep_nobody_out(void **state)
{
    enum { GUESTS = 10000, KEPT = NODE__EPMD_CONNECTIONS_MAX + 1 };
    static const char alive[] = "\0\xex\1\1M\0\0\6\0\5\0\1x\0";
    static int guests[KEPT];
    struct node_epmd_server *server = epmd_serve(0);
    uint16_t port = node_epmd_port(server);
    int registered = epmd_dial(port), i, fd;
    uint8_t answer[64];

    (void)state;
    epmd_say(registered, alive, 16);
    assert_int_equal(epmd_hear(registered, answer, 6), 6);
    for (i = 0; i < GUESTS; i++) {
        if (i >= KEPT) /* the oldest: it is closed, or is about to be */
            epmd_assert_closed(guests[i % KEPT]);
        guests[i % KEPT] = epmd_dial_from(port, (uint32_t)i % 200 + 2);
        epmd_say(guests[i % KEPT], "\0", 1);
        if (i % 1000 != 999)
            continue;
        fd = epmd_dial(port);
        epmd_say(fd, "\0\1n", 3);
        assert_int_equal(epmd_hear(fd, answer, sizeof answer), 4 + 19);
        (void)close(fd);
    }
    for (i = 0; i < KEPT; i++)
        (void)close(guests[i]);
    (void)close(registered);
    node_epmd_stop(server);
}

static void ends_when_killed_from_this_machine(void **state)
{
    struct node_epmd_server *server = epmd_serve(0);
    uint16_t port = node_epmd_port(server);
    uint8_t answer[8];
    int fd = epmd_dial(port), late;
    unsigned tries;

    (void)state;
    epmd_say(fd, "\0\1k", 3);
    assert_int_equal(epmd_hear(fd, answer, sizeof answer), 2);
    assert_memory_equal(answer, "OK", 2);
    (void)close(fd);
    for (tries = 0; !node_epmd_ended(server) && tries < 1000000; tries++) {
        late = epmd_dial_or_not(port);
        if (late >= 0)
            (void)close(late);
    }
    assert_true(node_epmd_ended(server));
    node_epmd_stop(server);
}

/* B-EPM-1: whatever is said on the connection of a registration ends it. */
static void B_EPM_1_a_word_on_a_registered_connection_ends_it(void **state)
{
    static const char alive[] = "\0\xex\1\1M\0\0\6\0\5\0\1x\0";
    static const struct {
        const char *bytes;
        size_t size;
    } words[] = { { alive, 16 }, { "\0\2zx", 4 }, { "\0", 1 } };
    struct node_epmd_server *server = epmd_serve(0);
    uint8_t answer[6];
    size_t i;

    (void)state;
    for (i = 0; i < 3; i++) {
        int fd = epmd_dial(node_epmd_port(server));

        epmd_say(fd, alive, 16);
        assert_int_equal(epmd_hear(fd, answer, 6), 6);
        epmd_say(fd, words[i].bytes, words[i].size);
        epmd_assert_closed(fd);
        epmd_wait_until_gone(node_epmd_port(server), "x");
    }
    node_epmd_stop(server);
}

static void two_servers_do_not_share_a_port(void **state)
{
    struct node_epmd_server *server = epmd_serve(0), *other;
    struct agner_error error;

    (void)state;
    assert_int_equal(node_epmd_serve(rt_world_real(), "127.0.0.1",
                                     node_epmd_port(server), &other, &error),
                     AGNER_ETAKEN);
    node_epmd_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_each_recorded_request_as_the_real_one),
        cmocka_unit_test(each_life_of_a_name_has_another_creation),
        cmocka_unit_test(holds_1024_names_and_as_many_old_ones),
        cmocka_unit_test(B_EPM_1_grants_nothing_but_look_ups_from_outside),
        cmocka_unit_test(lists_old_names_in_a_dump_only),
        cmocka_unit_test(B_EPM_1_closes_on_requests_that_are_none),
        cmocka_unit_test(B_EPM_2_idle_connections_do_not_keep_others_out),
        cmocka_unit_test(B_EPM_2_ten_thousand_idle_guests_keep_nobody_out),
        cmocka_unit_test(ends_when_killed_from_this_machine),
        cmocka_unit_test(B_EPM_1_a_word_on_a_registered_connection_ends_it),
        cmocka_unit_test(two_servers_do_not_share_a_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
