/*
 * test_apps_config.c -- the configuration file: what is read, and what is said
 * of everything else (B-CFG-1).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agner_apps.h"
#include "rt_world.h"
#include "suggest.h"
#include "term_scan.h"

static const char full[] =
    "%% a node\r\n"
    "[{kernel, [{anything, [goes, {here, 1}]}]},\r\n"
    " {agner, [\r\n"
    "   {name, 'shop@10.0.0.7'},\r\n"
    "   {cookie_file, \"/etc/agner/cookie\"},\r\n"
    "   {cookies, [{a@b, \"x\"}, {'c@d', y, \"z\"}]}, {allow, [a@b, d]},\r\n"
    "   {peers, ['a@b', \"c@10.0.0.7:4370\"]},\r\n"
    "   {discovery, [gossip, \"dns:web.svc:4370,base=web\"]},\r\n"
    "   {listen, \"[::1]:4000\"},\r\n"
    "   {tick_time, 30000}, {packet_max, 70000},\r\n"
    "   {hidden, false}, {epmd, none},\r\n"
    "   {epmd_port, 4370}, {workers, 2},\r\n"
    "   {applications, [counter, {\"/opt/shop.so\", permanent}]},\r\n"
    "   {application_dirs, [\"/opt\"]},\r\n"
    "   {control, none}, {log_level, debug}, {stop_time, 0}]}].\r\n";

static void reads_every_key(void **state)
{
    struct agner_error error = { AGNER_OK, "" };
    struct apps_config c;
    char env[100];

    (void)state;
    if (apps_config_parse("f", full, strlen(full), &c, &error) != AGNER_OK)
        fail_msg("%s", error.text);
    assert_string_equal(c.name, "shop@10.0.0.7");
    assert_string_equal(c.cookie_file, "/etc/agner/cookie");
    assert_int_equal(c.cookie_count, 2);
    assert_string_equal(c.cookies[0].peer, "a@b");
    assert_string_equal(c.cookies[0].out, "x");
    assert_string_equal(c.cookies[0].in, "x");
    assert_string_equal(c.cookies[1].out, "y");
    assert_string_equal(c.cookies[1].in, "z");
    assert_int_equal(c.allow.count, 2);
    assert_string_equal(c.allow.items[1], "d");
    assert_int_equal(c.peers.count, 2);
    assert_string_equal(c.peers.items[1], "c@10.0.0.7:4370");
    assert_int_equal(c.discovery.count, 2);
    assert_string_equal(c.discovery.items[0], "gossip");
    assert_true(c.listen.set);
    assert_string_equal(c.listen.host, "::1");
    assert_int_equal(c.listen.port, 4000);
    assert_int_equal(c.tick_time_ms, 30000);
    assert_int_equal(c.packet_max, 70000);
    assert_int_equal(c.hidden, 0);
    assert_int_equal(c.epmd, NODE_EPMD_NONE);
    assert_int_equal(c.epmd_port, 4370);
    assert_int_equal(c.workers, 2);
    assert_int_equal(c.application_count, 2);
    assert_string_equal(c.applications[0].name, "counter");
    assert_int_equal(c.applications[0].type, GEN_APP_TEMPORARY);
    assert_string_equal(c.applications[1].name, "/opt/shop.so");
    assert_int_equal(c.applications[1].type, GEN_APP_PERMANENT);
    assert_string_equal(etf_format(env, sizeof env, c.env),
                        "[{kernel,[{anything,[goes,{here,1}]}]}]");
    assert_int_equal(c.application_dirs.count, 1);
    assert_string_equal(c.control, "none");
    assert_int_equal(c.log_level, RT_LOG_DEBUG);
    assert_int_equal(c.stop_time_ms, 0);
    apps_config_fini(&c);
}

static void what_is_absent_says_so(void **state)
{
    struct apps_config c;

    (void)state;
    assert_int_equal(apps_config_parse("f", "[].", 3, &c, NULL), AGNER_OK);
    assert_null(c.name);
    assert_false(c.listen.set);
    assert_int_equal(c.hidden, APPS_CONFIG_ABSENT);
    assert_int_equal(c.epmd, APPS_CONFIG_ABSENT);
    assert_int_equal(c.workers, APPS_CONFIG_ABSENT);
    assert_int_equal(c.application_count, 0);
    apps_config_fini(&c);
}

/* clang-format off */
static const struct {
    const char *text, *error;
} bad[] = {
    { "[{agner, [{nmae, a@b}]}].",
      "f:1:12: unknown key 'nmae'; did you mean 'name'?" },
    { "[{agner, [{zzz, 1}]}].", "f:1:12: unknown key 'zzz'" },
    { "[{agner,\n  [{name, 'a@b'},\n   {workers, 0}]}].",
      "f:3:14: workers is a number from 1 to 1024" },
    { "[{agner, [{workers, 1025}]}].",
      "f:1:21: workers is a number from 1 to 1024" },
    { "[{agner, [{workers, many}]}].",
      "f:1:21: workers is a number from 1 to 1024" },
    { "[{agner, [{workers, 1.0}]}].",
      "f:1:21: workers is a number from 1 to 1024" },
    { "[{agner, [{workers, 123456789012345678901234567890}]}].",
      "f:1:21: workers is a number from 1 to 1024" },
    { "[{agner, [{epmd_port, 65536}]}].",
      "f:1:23: epmd_port is a port from 1 to 65535" },
    { "[{agner, [{epmd_port, -1}]}].",
      "f:1:23: epmd_port is a port from 1 to 65535" },
    { "[{agner, [{packet_max, 1000}]}].",
      "f:1:24: packet_max is bytes from 65536 to 4294967295" },
    { "[{agner, [{tick_time, \"60s\"}]}].",
      "f:1:23: tick_time is milliseconds from 1000 to 86400000" },
    { "[{agner, [{cookies, [{a@b}]}]}].",
      "f:1:21: cookies is a list of {'NODE@HOST', COOKIE} or "
      "{'NODE@HOST', OURS, THEIRS}" },
    { "[{agner, [{cookies, [{a@b, \"\"}]}]}].",
      "f:1:21: cookies is a list of {'NODE@HOST', COOKIE} or "
      "{'NODE@HOST', OURS, THEIRS}" },
    { "[{agner, [{allow, a@b}]}].",
      "f:1:19: allow is a list of nodes and hosts" },
    { "[{agner, [{hidden, yes}]}].", "f:1:20: hidden is true or false" },
    { "[{agner, [{epmd, need_it}]}].",
      "f:1:18: epmd is auto, need or none" },
    { "[{agner, [{epmd, 'or'}]}].", "f:1:18: epmd is auto, need or none" },
    { "[{agner, [{epmd, ''}]}].", "f:1:18: epmd is auto, need or none" },
    { "[{agner, [{log_level, loud}]}].",
      "f:1:23: log_level is emergency, alert, critical, error, warning, "
      "notice, info or debug" },
    { "[{agner, [{name, 5}]}].",
      "f:1:18: name is a name like 'shop@10.0.0.7'" },
    { "[{agner, [{name, \"\"}]}].",
      "f:1:18: name is a name like 'shop@10.0.0.7'" },
    { "[{agner, [{listen, \"4000\"}]}].",
      "f:1:20: listen is an address like \"127.0.0.1:0\"" },
    { "[{agner, [{listen, \"h:65536\"}]}].",
      "f:1:20: listen is an address like \"127.0.0.1:0\"" },
    { "[{agner, [{listen, \":1\"}]}].",
      "f:1:20: listen is an address like \"127.0.0.1:0\"" },
    { "[{agner, [{listen, \"h:\"}]}].",
      "f:1:20: listen is an address like \"127.0.0.1:0\"" },
    { "[{agner, [{applications, counter}]}].",
      "f:1:26: applications is a list of names and paths, or of such "
      "with a start type" },
    { "[{agner, [{applications, [1]}]}].",
      "f:1:26: applications is a list of names and paths, or of such "
      "with a start type" },
    { "[{agner, [{applications, [a|b]}]}].",
      "f:1:26: applications is a list of names and paths, or of such "
      "with a start type" },
    { "[{agner, [{name, a}, {name, b}]}].", "f:1:23: name is given twice" },
    { "[{agner, []}, {agner, []}].", "f:1:15: agner is given twice" },
    { "[{agner, [name]}].", "f:1:11: expected {Key, Value}" },
    { "[{agner, [{name, a, b}]}].", "f:1:11: expected {Key, Value}" },
    { "[{agner, [{\"name\", a}]}].", "f:1:11: expected {Key, Value}" },
    { "[{agner, {name, a}}].", "f:1:10: expected a list of {Key, Value}" },
    { "[{agner, name}].", "f:1:10: expected a list of {Key, Value}" },
    { "[{agner, [{applications, [{a, often}]}]}].",
      "f:1:26: applications is a list of names and paths, or of such "
      "with a start type" },
    { "[{shop, [{port, 1}, port]}].", "f:1:21: expected {Key, Value}" },
    { "[{shop, [{\"port\", 1}]}].", "f:1:10: expected {Key, Value}" },
    { "[{shop, port}].", "f:1:9: expected a list of {Key, Value}" },
    { "[{shop, []}, {other, []},\n {shop, []}].",
      "f:2:2: shop is given twice" },
    { "[agner].", "f:1:2: expected {Application, [{Key, Value}]}" },
    { "[{agner, [], []}].", "f:1:2: expected {Application, [{Key, Value}]}" },
    { "{agner, []}.",
      "f:1:1: expected a list of {Application, [{Key, Value}]}" },
    { "  agner.", "f:1:3: expected a list of {Application, [{Key, Value}]}" },
    { "[]", "f:1:3: expected a full stop after the term" },
    { "[]. []. ", "f:1:5: one term is enough; expected the end of the file" },
    { "[{agner, [\n  %% {, ['\n  {\"},[\", $,, $\\n, {a, <<1,2>>}}]}].",
      "f:3:3: expected {Key, Value}" },
    { "[{agner, [{'\xc3\xa9', 1}, {x, 1}]}].",
      "f:1:12: unknown key '\xc3\xa9'" },
};
/* clang-format on */

static void B_CFG_1_says_where_and_what_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct agner_error error = { AGNER_OK, "" };
        struct apps_config c;

        if (apps_config_parse("f", bad[i].text, strlen(bad[i].text), &c,
                              &error) == AGNER_OK)
            fail_msg("taken: %s", bad[i].text);
        assert_string_equal(error.text, bad[i].error);
        assert_null(c.region);
    }
}

static void refuse_bytes(const char *text, size_t size, const char *expected)
{
    struct agner_error error = { AGNER_OK, "" };
    struct apps_config c;

    assert_int_not_equal(apps_config_parse("f", text, size, &c, &error),
                         AGNER_OK);
    if (strncmp(error.text, expected, strlen(expected)) != 0)
        fail_msg("'%s' is not '%s'", error.text, expected);
}

static void B_CFG_1_refuses_bytes_that_are_no_text(void **state)
{
    char deep[600];

    (void)state;
    refuse_bytes("", 0, "f:1:1: ");
    refuse_bytes("%% nothing\n", 11, "f:2:1: ");
    refuse_bytes("[\0].", 4, "f:1:2: a zero byte");
    refuse_bytes("\xef\xbb\xbf[].", 6, "f:1:1: a byte order mark");
    refuse_bytes("\x7f"
                 "ELF\x02\x01\x01",
                 7, "f:1:1: ");
    refuse_bytes("[\n \xff\xfe].", 7, "f:2:2: ");
    refuse_bytes("[{agner, [}]].", 14, "f:1:11: ");
    memset(deep, '[', 257);
    memset(deep + 257, ']', 257);
    memcpy(deep + 514, ".", 2);
    refuse_bytes(deep, 515, "f:1:1: nested over 256 deep");
}

static void refuse_file(const char *path, const char *expected)
{
    struct agner_error error = { AGNER_OK, "" };
    struct apps_config c;

    assert_int_not_equal(apps_config_read(rt_world_real(), path, &c, &error),
                         AGNER_OK);
    if (strstr(error.text, path) == NULL ||
        strstr(error.text, expected) == NULL)
        fail_msg("%s", error.text);
}

static void B_CFG_1_refuses_files_that_are_none(void **state)
{
    char dir[] = "/tmp/agner-config-XXXXXX", path[64];
    FILE *f;

    (void)state;
    assert_non_null(mkdtemp(dir));
    refuse_file(dir, "irectory");
    (void)snprintf(path, sizeof path, "%s/none", dir);
    refuse_file(path, "o such file");
    (void)snprintf(path, sizeof path, "%s/big", dir);
    f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < 5 << 10; i++) { /* 5 MiB of blanks */
        char blanks[1024];

        memset(blanks, ' ', sizeof blanks);
        assert_int_equal(fwrite(blanks, 1, sizeof blanks, f), sizeof blanks);
    }
    assert_int_equal(fclose(f), 0);
    refuse_file(path, "over 4 MiB");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void suggests_the_word_that_was_meant(void **state)
{
    static const char *const words[] = { "start", "stop", "status", "send",
                                         "ps" };

    (void)state;
    assert_string_equal(apps_suggest("strat", words, 5), "start");
    assert_string_equal(apps_suggest("sotp", words, 5), "stop");
    assert_string_equal(apps_suggest("stauts", words, 5), "status");
    assert_string_equal(apps_suggest("sp", words, 5), "ps");
    assert_null(apps_suggest("frobnicate", words, 5));
    assert_null(apps_suggest("", words, 5));
    assert_null(apps_suggest("xy", words, 5));
}

static void finds_parts_of_a_term_in_its_text(void **state)
{
    static const char text[] = "[a, {b, \"],[\"}, <<1,2>>, '\\',[', $[, #{k => "
                               "[1,2]}, last]";
    static const struct {
        size_t path[3], count;
        const char *at;
    } parts[] = {
        { { 0 }, 0, "[a" },         { { 0 }, 1, "a," },
        { { 1 }, 1, "{b" },         { { 1, 1 }, 2, "\"],[\"}" },
        { { 2 }, 1, "<<1" },        { { 2, 1 }, 2, "2>>" },
        { { 3 }, 1, "'\\',[', $" }, { { 4 }, 1, "$[" },
        { { 6 }, 1, "last" },       { { 9 }, 1, "[a" },
        { { 0, 3 }, 2, "a," },
    };

    (void)state;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t at = apps__term_offset(text, strlen(text), parts[i].path,
                                      parts[i].count);

        if (strncmp(text + at, parts[i].at, strlen(parts[i].at)) != 0)
            fail_msg("%zu: %s", i, text + at);
    }
}

static const struct {
    const char *text; /* what is taken; `error` NULL */
    const char *error;
    struct apps_discovery d;
} ways[] = {
    { "gossip", NULL, { .kind = APPS_DISCOVERY_GOSSIP } },
    { "gossip:230.1.1.251:45892,interface=10.0.0.7,hops=4",
      NULL,
      { .kind = APPS_DISCOVERY_GOSSIP,
        .host = "230.1.1.251",
        .port = 45892,
        .interface = "10.0.0.7",
        .hops = 4 } },
    { "dns:web.svc", NULL, { .kind = APPS_DISCOVERY_DNS, .host = "web.svc" } },
    { "dns:web.svc:4370,base=web,interval=1000",
      NULL,
      { .kind = APPS_DISCOVERY_DNS,
        .host = "web.svc",
        .port = 4370,
        .base = "web",
        .interval_ms = 1000 } },
    { "epmd", NULL, { .kind = APPS_DISCOVERY_EPMD } },
    { "epmd:10.0.0.7",
      NULL,
      { .kind = APPS_DISCOVERY_EPMD, .host = "10.0.0.7" } },
    { "", "'' is not dns, gossip or epmd", { 0 } },
    { "dns", "dns: expected HOST or HOST:PORT", { 0 } },
    { "dns:", "dns: expected HOST or HOST:PORT", { 0 } },
    { "epmd,base=x",
      "epmd: 'base' is no key of it, or its value is none",
      { 0 } },
    { "gossip,hops=256",
      "gossip: 'hops' is no key of it, or its value is none",
      { 0 } },
    { "gossip,,", "gossip: '' is no key of it, or its value is none", { 0 } },
    { "dns:x,interval=99",
      "dns: 'interval' is no key of it, or its value is "
      "none",
      { 0 } },
};

static void ways_to_find_nodes_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct agner_error error = { AGNER_OK, "" };
        struct apps_discovery d;
        enum agner_err err = apps_discovery_parse(ways[i].text, &d, &error);

        if (ways[i].error != NULL) {
            assert_int_equal(err, AGNER_EINVAL);
            assert_string_equal(error.text, ways[i].error);
            continue;
        }
        assert_int_equal(err, AGNER_OK);
        assert_int_equal(d.kind, ways[i].d.kind);
        assert_string_equal(d.host, ways[i].d.host);
        assert_int_equal(d.port, ways[i].d.port);
        assert_string_equal(d.base, ways[i].d.base);
        assert_string_equal(d.interface, ways[i].d.interface);
        assert_int_equal(d.hops, ways[i].d.hops);
        assert_int_equal(d.interval_ms, ways[i].d.interval_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_key),
        cmocka_unit_test(what_is_absent_says_so),
        cmocka_unit_test(B_CFG_1_says_where_and_what_is_wrong),
        cmocka_unit_test(ways_to_find_nodes_are_read),
        cmocka_unit_test(B_CFG_1_refuses_bytes_that_are_no_text),
        cmocka_unit_test(B_CFG_1_refuses_files_that_are_none),
        cmocka_unit_test(suggests_the_word_that_was_meant),
        cmocka_unit_test(finds_parts_of_a_term_in_its_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
