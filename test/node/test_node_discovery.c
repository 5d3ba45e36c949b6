/*
 * test_node_discovery.c -- names with ports, routes, gossip's packet, the times
 * between attempts: what is decided without a network.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cluster.h"
#include "gossip_packet.h"
#include "registrar.h"

/* ---- Names with a port ---------------------------------------------------
 */

static const struct {
    const char *text, *name; /* NULL: refused */
    uint16_t port;
} addresses[] = {
    { "a@b", "a@b", 0 },
    { "a@10.0.0.7:4370", "a@10.0.0.7", 4370 },
    { "a@host.example.org:1", "a@host.example.org", 1 },
    { "a@::1", "a@::1", 0 },
    { "a@[::1]", "a@::1", 0 },
    { "a@[fe80::2]:65535", "a@fe80::2", 65535 },
    { "a@b:0", NULL, 0 },
    { "a@b:65536", NULL, 0 },
    { "a@b:", NULL, 0 },
    { "a@b:12x", NULL, 0 },
    { "a@b:-1", NULL, 0 },
    { "a@b:123456", NULL, 0 },
    { "a@[::1", NULL, 0 },
    { "a@[::1]x", NULL, 0 },
    { "a@[]:5", NULL, 0 },
    { "a@:5", NULL, 0 },
    { "a:5", NULL, 0 },
    { "@b:5", NULL, 0 },
    { "a@b@c:5", NULL, 0 },
    { "", NULL, 0 },
    { "a\n@b:5", NULL, 0 },
};

static void a_name_may_have_a_port(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        struct agner_error error = { AGNER_OK, "" };
        char name[NODE__NAME_MAX + 1];
        uint16_t port;
        enum agner_err err =
            node_address_parse(addresses[i].text, name, &port, &error);

        if (addresses[i].name == NULL) {
            assert_int_equal(err, AGNER_EINVAL);
            assert_string_not_equal(error.text, "");
            continue;
        }
        assert_int_equal(err, AGNER_OK);
        assert_string_equal(name, addresses[i].name);
        assert_int_equal(port, addresses[i].port);
    }
}

static void a_name_with_a_port_has_a_limit(void **state)
{
    char text[400], name[NODE__NAME_MAX + 1];
    uint16_t port;

    (void)state;
    memset(text, 'a', sizeof text);
    strcpy(text + 300, "@b:5");
    assert_int_equal(node_address_parse(text, name, &port, NULL), AGNER_EINVAL);
}

/* ---- Routes ----------------------------------------------------------------
 */

static void a_star_is_any_text_and_a_question_mark_one_character(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        { "*", "", true },
        { "*@10.0.0.*", "web@10.0.0.7", true },
        { "*@10.0.0.*", "web@10.0.1.7", false },
        { "web-?@*", "web-1@x", true },
        { "web-?@*", "web-12@x", false },
        { "a*b*c@h", "aXbYbZc@h", true },
        { "a*b*c@h", "aXbYbZ@h", false },
        { "a@h", "a@h2", false },
        { "*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(node__glob(cases[i].pattern, cases[i].text),
                         cases[i].matches);
}

static void add(struct node__routes *routes, const char *name, uint16_t port,
                int weight)
{
    const struct node_route_spec route = {
        .name = name, .host = "h", .port = port, .weight = weight
    };

    assert_int_equal(node__routes_add(routes, &route, NULL, false, NULL),
                     AGNER_OK);
}

static uint16_t port_of(struct node__routes *routes, const char *name)
{
    struct node__place place;

    return node__routes_resolve(routes, name, &place) ? place.port : 0;
}

/* spec/gen.md 1.17: exact before pattern, heavy before light, old before new.
 */
static void the_best_route_counts(void **state)
{
    struct node__routes routes = { .count = 0 };

    (void)state;
    add(&routes, "*@h", 1, 0);
    add(&routes, "w*@h", 2, 5);
    add(&routes, "*1@h", 3, 5);
    add(&routes, "web1@h", 4, -9);
    assert_int_equal(port_of(&routes, "web1@h"), 4);
    assert_int_equal(port_of(&routes, "web2@h"), 2);
    assert_int_equal(port_of(&routes, "wob1@h"), 2);
    assert_int_equal(port_of(&routes, "abc1@h"), 3);
    assert_int_equal(port_of(&routes, "abc2@h"), 1);
    assert_int_equal(port_of(&routes, "abc@i"), 0);
    assert_int_equal(node__routes_remove(&routes, "web1@h"), AGNER_OK);
    assert_int_equal(port_of(&routes, "web1@h"), 2);
    assert_int_equal(node__routes_remove(&routes, "web1@h"), AGNER_ENONAME);
    node__routes_fini(&routes);
}

static void a_route_is_checked(void **state)
{
    static const struct node_route_spec wrong[] = {
        { .name = "no-at" },
        { .name = "a@h", .host = "" },
        { .name = "a@h", .cookie = "" },
    };
    struct node__routes routes = { .count = 0 };
    struct node__place place;
    char cookie[300];
    struct node_route_spec route = { .name = "a@h", .cookie = cookie };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(
            node__routes_add(&routes, &wrong[i], NULL, false, NULL),
            AGNER_EINVAL);
    memset(cookie, 'c', sizeof cookie);
    cookie[256] = '\0';
    assert_int_equal(node__routes_add(&routes, &route, NULL, false, NULL),
                     AGNER_EINVAL);
    cookie[255] = '\0';
    assert_int_equal(node__routes_add(&routes, &route, NULL, false, NULL),
                     AGNER_OK);
    assert_int_equal(node__routes_add(&routes, &route, NULL, false, NULL),
                     AGNER_EALREADY);
    assert_true(node__routes_resolve(&routes, "a@h", &place));
    assert_string_equal(place.host, "h"); /* the name's own */
    assert_int_equal(place.port, 0);
    assert_string_equal(place.cookie, cookie);
    node__routes_fini(&routes);
}

/* A later address takes the place of an earlier one, and of no route. */
static void the_last_address_counts(void **state)
{
    struct node__routes routes = { .count = 0 };
    struct node_route_spec route = { .name = "a@h", .port = 1 };

    (void)state;
    assert_int_equal(node__routes_add(&routes, &route, NULL, true, NULL),
                     AGNER_OK);
    route.port = 2;
    assert_int_equal(node__routes_add(&routes, &route, NULL, true, NULL),
                     AGNER_OK);
    assert_int_equal(port_of(&routes, "a@h"), 2);
    assert_int_equal(routes.count, 1);
    add(&routes, "b@h", 3, 0);
    route.name = "b@h";
    assert_int_equal(node__routes_add(&routes, &route, NULL, true, NULL),
                     AGNER_EALREADY);
    node__routes_fini(&routes);
}

static void there_is_a_most_of_routes(void **state)
{
    struct node__routes routes = { .count = 0 };
    struct node_route_spec route = { .name = "one@more", .port = 1 };
    char name[32];

    (void)state;
    for (int i = 0; i < NODE_ROUTES_MAX; i++) {
        (void)snprintf(name, sizeof name, "a%d@h", i);
        add(&routes, name, 1, 0);
    }
    assert_int_equal(node__routes_add(&routes, &route, NULL, false, NULL),
                     AGNER_ELIMIT);
    node__routes_fini(&routes);
}

/* ---- Gossip's packet -------------------------------------------------------
 */

/* Written by Elixir 1.14 on OTP 25: "heartbeat::" and
 * :erlang.term_to_binary(%{node: :"web@10.0.0.7"}). */
static const uint8_t libcluster[] = {
    'h', 'e', 'a', 'r', 't', 'b', 'e', 'a', 't', ':', ':', 131, 116,
    0,   0,   0,   1,   100, 0,   4,   'n', 'o', 'd', 'e', 100, 0,
    12,  'w', 'e', 'b', '@', '1', '0', '.', '0', '.', '0', '.', '7',
};

static void libclusters_packet_is_read(void **state)
{
    char name[NODE__NAME_MAX + 1];
    uint16_t port = 7;

    (void)state;
    assert_int_equal(
        node__gossip_read(libcluster, sizeof libcluster, name, &port, NULL),
        AGNER_OK);
    assert_string_equal(name, "web@10.0.0.7");
    assert_int_equal(port, 0);
}

static void what_is_written_is_read(void **state)
{
    uint8_t packet[NODE__GOSSIP_MAX];
    char longest[NODE__NAME_MAX + 1], name[NODE__NAME_MAX + 1];
    uint16_t port;
    size_t size;

    (void)state;
    memset(longest, 'n', sizeof longest);
    longest[10] = '@';
    longest[NODE__NAME_MAX] = '\0';
    size = node__gossip_write(longest, 65535, packet);
    assert_true(size <= sizeof packet);
    assert_int_equal(node__gossip_read(packet, size, name, &port, NULL),
                     AGNER_OK);
    assert_string_equal(name, longest);
    assert_int_equal(port, 65535);
}

/* Every prefix of a good packet, and every single byte of it changed, is a
 * packet or refused; a name that was read is always one. */
static void damaged_packets_are_refused_or_good(void **state)
{
    uint8_t packet[NODE__GOSSIP_MAX], copy[NODE__GOSSIP_MAX];
    char name[NODE__NAME_MAX + 1];
    uint16_t port;
    size_t size = node__gossip_write("web@10.0.0.7", 4370, packet);

    (void)state;
    for (size_t i = 0; i < size; i++) {
        assert_int_not_equal(node__gossip_read(packet, i, name, &port, NULL),
                             AGNER_OK);
        for (unsigned byte = 0; byte < 256; byte++) {
            memcpy(copy, packet, size);
            copy[i] = (uint8_t)byte;
            if (node__gossip_read(copy, size, name, &port, NULL) == AGNER_OK)
                assert_int_equal(node__name_check(name, strlen(name), NULL),
                                 AGNER_OK);
        }
    }
}

static void a_packet_with_a_secret_is_told_apart(void **state)
{
    static const uint8_t sealed[64] = { 1, 2, 3 };
    char name[NODE__NAME_MAX + 1];
    struct agner_error error;
    uint16_t port;

    (void)state;
    assert_int_equal(
        node__gossip_read(sealed, sizeof sealed, name, &port, &error),
        AGNER_ENOTSUP);
    assert_non_null(strstr(error.text, "secret"));
}

/* ---- Times -----------------------------------------------------------------
 */

/* spec/gen.md 1.17: from 1 s to 30 s, never less than half of it. */
static void waits_double_up_to_a_limit(void **state)
{
    static const uint64_t whole_ms[] = { 1000, 1000,  2000,  4000,
                                         8000, 16000, 30000, 30000 };

    (void)state;
    for (unsigned i = 0; i < sizeof whole_ms / sizeof whole_ms[0]; i++) {
        assert_int_equal(node__retry_ms(i, false, 0), whole_ms[i]);
        for (uint32_t random = 0; random < 100000; random += 997)
            assert_in_range(node__retry_ms(i, false, random), whole_ms[i] / 2,
                            whole_ms[i]);
    }
    assert_int_equal(node__retry_ms(UINT32_MAX, false, 0), 30000);
    assert_int_equal(node__retry_ms(1, true, 0), 30000);
    assert_int_equal(node__retry_ms(9, true, 0), 300000);
    assert_in_range(node__retry_ms(9, true, UINT32_MAX), 150000, 300000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_may_have_a_port),
        cmocka_unit_test(a_name_with_a_port_has_a_limit),
        cmocka_unit_test(a_star_is_any_text_and_a_question_mark_one_character),
        cmocka_unit_test(the_best_route_counts),
        cmocka_unit_test(a_route_is_checked),
        cmocka_unit_test(the_last_address_counts),
        cmocka_unit_test(there_is_a_most_of_routes),
        cmocka_unit_test(libclusters_packet_is_read),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(damaged_packets_are_refused_or_good),
        cmocka_unit_test(a_packet_with_a_secret_is_told_apart),
        cmocka_unit_test(waits_double_up_to_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
