/*
 * Three nodes that are linked get another cookie, and another key, step by
 * step: no link is lost, and at each moment whoever comes with what one of the
 * hosts has is let in by all. Keys that are revoked, or that are not those of
 * their names, are not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include <cmocka.h>

#include <cookie_lines.h>
#include <key_text.h>
#include <noise_psk.h>
#include <trust_files.h>

#include "pair.h"

#define HOSTS   3u
#define WAIT_MS 60000u /* a deadline for what takes milliseconds */

/* Where one node runs, with files of its own. */
struct host {
    char name[32], folder[64], cookie_file[80];
    struct node *node;
    struct gen *self;
};

static struct host hosts[HOSTS];
static char top[40]; /* folder of all */
static unsigned probes;

/* ---- Files ----------------------------------------------------------------
 */

static void write_cookies(const char *path, const char *first,
                          const char *second)
{
    struct cookie_lines lines = { .count = second != NULL ? 2 : 1 };

    (void)strcpy(lines.text[0], first);
    if (second != NULL)
        (void)strcpy(lines.text[1], second);
    assert_int_equal(
        node__trust_cookies_write(rt_world_real(), path, &lines, false, NULL),
        AGNER_OK);
}

static void new_cookie(char cookie[COOKIE_TEXT_MAX + 1])
{
    uint8_t random[32];

    rt_world_real()->random(rt_world_real()->ctx, random, sizeof random);
    node__psk_cookie(random, cookie);
}

/* One change of a list of known nodes. */
struct change {
    const char *name; /* NULL: the key is revoked, or taken out */
    const uint8_t *key;
    bool remove;
};

static enum agner_err apply(void *ctx, struct known_nodes *known,
                            struct agner_error *error)
{
    const struct change *c = ctx;

    if (c->remove)
        return node__known_remove(known, NULL, c->key) > 0 ? AGNER_OK
                                                           : AGNER_ENONAME;
    if (c->name == NULL)
        return node__known_revoke(known, c->key, NULL, error);
    return node__known_add(known, KNOWN_PINNED, c->name, c->key, NULL, error);
}

/* On the host's disk, and in its node. */
static void change_list(struct host *host, struct change change)
{
    struct agner_error error = { AGNER_OK, "" };

    if (node__trust_known_change(rt_world_real(), host->folder, apply, &change,
                                 NULL, &error) != AGNER_OK ||
        node_reload(host->node, &error) != AGNER_OK)
        fail_msg("%s: %s", host->name, error.text);
}

static void remove_files(const char *folder)
{
    static const char *const names[] = { "key", "key.next", "known_nodes",
                                         "cookie" };
    char path[128];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)unlink(path); /* those that there are */
    }
    (void)rmdir(folder);
}

/* ---- Nodes ----------------------------------------------------------------
 */

static void start(struct host *host)
{
    struct node_options options = pair_options(host->name);

    options.cookie = NULL;
    options.cookie_file = host->cookie_file;
    options.trust_dir = host->folder;
    options.rt.log = pair_quiet;
    host->node = pair_start(&options);
    host->self = rt_attach(node_rt(host->node));
    assert_non_null(host->self);
}

static void stop(struct host *host)
{
    rt_detach(host->self);
    node_stop(host->node, 1000);
    host->node = NULL;
}

static enum agner_err dial(struct host *from, struct host *to)
{
    struct agner_error error = { AGNER_OK, "" };

    (void)node_route_remove(from->node, to->name); /* of a former life */
    assert_int_equal(
        node_route(from->node, to->name, "127.0.0.1", node_port(to->node)),
        AGNER_OK);
    return node_connect(from->self, from->node, to->name, &error);
}

/* The link to `peer`; false: there is none that is up. */
static bool find_link(const struct host *host, const char *peer,
                      struct node_peer_info *link)
{
    struct node_peer_info links[8];
    size_t count = node_peers(host->node, links, 8);

    for (size_t i = 0; i < count && i < 8; i++) {
        if (strcmp(links[i].name, peer) != 0 || links[i].state != NODE_PEER_UP)
            continue;
        *link = links[i];
        return true;
    }
    return false;
}

/* The address of whoever came in has the port that this one connection has. */
static void remember(char addresses[HOSTS][HOSTS][300])
{
    struct node_peer_info link = { .incoming = false };

    for (unsigned i = 0; i < HOSTS; i++) {
        for (unsigned j = 0; j < HOSTS; j++) {
            addresses[i][j][0] = '\0';
            if (i == j)
                continue;
            assert_true(find_link(&hosts[i], hosts[j].name, &link));
            if (link.incoming)
                memcpy(addresses[i][j], link.address, sizeof link.address);
        }
    }
}

static void same_links(char addresses[HOSTS][HOSTS][300])
{
    char now[HOSTS][HOSTS][300];

    remember(now);
    for (unsigned i = 0; i < HOSTS; i++)
        for (unsigned j = 0; j < HOSTS; j++)
            assert_string_equal(now[i][j], addresses[i][j]);
}

/* A node that starts now with the cookies that this host has comes to all. */
static void comes_to_all(const struct host *host)
{
    struct node_options options;
    struct host probe = { .folder = "" };

    (void)snprintf(probe.name, sizeof probe.name, "p%u@127.0.0.1", probes++);
    options = pair_options(probe.name);
    options.cookie = NULL;
    options.cookie_file = host->cookie_file;
    options.no_listen = true;
    options.rt.log = pair_quiet;
    probe.node = pair_start(&options);
    probe.self = rt_attach(node_rt(probe.node));
    for (unsigned i = 0; i < HOSTS; i++)
        assert_int_equal(dial(&probe, &hosts[i]), AGNER_OK);
    stop(&probe);
}

static int begin(void **state)
{
    char cookie[COOKIE_TEXT_MAX + 1];

    (void)state;
    (void)strcpy(top, "/tmp/agner-rotation-XXXXXX");
    if (mkdtemp(top) == NULL)
        return -1;
    new_cookie(cookie);
    for (unsigned i = 0; i < HOSTS; i++) {
        struct host *host = &hosts[i];

        (void)snprintf(host->name, sizeof host->name, "%c@127.0.0.1", 'a' + i);
        (void)snprintf(host->folder, sizeof host->folder, "%s/%c", top,
                       'a' + i);
        (void)snprintf(host->cookie_file, sizeof host->cookie_file, "%s/cookie",
                       host->folder);
        if (rt_world_real()->private_folder(NULL, host->folder, true, NULL) !=
            AGNER_OK)
            return -1;
        write_cookies(host->cookie_file, cookie, NULL);
        start(host);
    }
    for (unsigned i = 0; i < HOSTS; i++)
        for (unsigned j = 0; j < i; j++)
            if (dial(&hosts[i], &hosts[j]) != AGNER_OK)
                return -1;
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HOSTS; i++) {
        if (hosts[i].node != NULL)
            stop(&hosts[i]);
        remove_files(hosts[i].folder);
    }
    return rmdir(top);
}

/* ---- Rotation --------------------------------------------------------------
 */

/* The dialling side hears of the link first. */
static void wait_for_links(void)
{
    struct node_peer_info link;

    for (unsigned i = 0; i < HOSTS; i++)
        for (unsigned j = 0; j < HOSTS; j++)
            for (unsigned ms = 0;
                 i != j && !find_link(&hosts[i], hosts[j].name, &link); ms++) {
                assert_true(ms < WAIT_MS);
                assert_int_equal(usleep(1000), 0);
            }
}

static void a_cluster_gets_another_cookie(void **state)
{
    char first[COOKIE_TEXT_MAX + 1], next[COOKIE_TEXT_MAX + 1];
    char addresses[HOSTS][HOSTS][300];
    struct cookie_lines lines;

    (void)state;
    wait_for_links();
    remember(addresses);
    assert_int_equal(node__trust_cookies_read(
                         rt_world_real(), hosts[0].cookie_file, &lines, NULL),
                     AGNER_OK);
    memcpy(first, lines.text[0], sizeof first);
    new_cookie(next);
    for (unsigned step = 0; step < 3; step++) {
        for (unsigned i = 0; i < HOSTS; i++) {
            static const bool shows_next[] = { false, true, true };
            const char *shown = shows_next[step] ? next : first;
            const char *other = shows_next[step] ? first : next;

            write_cookies(hosts[i].cookie_file, shown,
                          step == 2 ? NULL : other);
            assert_int_equal(node_reload(hosts[i].node, NULL), AGNER_OK);
            for (unsigned j = 0; j < HOSTS; j++)
                comes_to_all(&hosts[j]);
            same_links(addresses);
        }
    }
    /* The former one is good for nothing any more. */
    write_cookies(hosts[0].cookie_file, first, NULL);
    for (unsigned i = 1; i < HOSTS; i++) {
        struct node_options options = pair_options("former@127.0.0.1");
        struct host former = { .name = "former@127.0.0.1" };

        options.cookie = first;
        options.no_listen = true;
        options.rt.log = pair_quiet;
        former.node = pair_start(&options);
        former.self = rt_attach(node_rt(former.node));
        assert_int_not_equal(dial(&former, &hosts[i]), AGNER_OK);
        stop(&former);
    }
    same_links(addresses);
}

static void a_node_gets_another_key(void **state)
{
    char addresses[HOSTS][HOSTS][300], shown[NODE_KEY_TEXT_SIZE];
    struct host *a = &hosts[0], *b = &hosts[1], *c = &hosts[2];
    uint8_t former[32];
    struct noise_keys next;
    char from[128], to[128], text[KEY_TEXT_SIZE];

    (void)state;
    wait_for_links();
    remember(addresses);
    node_key(a->node, shown);
    assert_true(node__key_parse(shown, strlen(shown), former));
    assert_int_equal(node__trust_key_new(rt_world_real(), a->folder, "key.next",
                                         &next, NULL),
                     AGNER_OK);
    change_list(b, (struct change){ a->name, next.public_key, false });
    change_list(c, (struct change){ a->name, next.public_key, false });
    same_links(addresses);
    (void)snprintf(from, sizeof from, "%s/key.next", a->folder);
    (void)snprintf(to, sizeof to, "%s/key", a->folder);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(node_reload(a->node, NULL), AGNER_OK);
    same_links(addresses);
    node_key(a->node, shown);
    node__key_print(next.public_key, text);
    assert_string_equal(shown, text);
    /* New links, dialled by either side, have the new key. */
    change_list(b, (struct change){ NULL, former, true });
    change_list(c, (struct change){ NULL, former, true });
    same_links(addresses);
    assert_int_equal(node_disconnect(a->node, b->name), AGNER_OK);
    assert_int_equal(dial(a, b), AGNER_OK);
    assert_int_equal(node_disconnect(c->node, a->name), AGNER_OK);
    assert_int_equal(dial(c, a), AGNER_OK);
}

/* ---- Refusals ------------------------------------------------------------ */

static void key_of(const struct host *host, uint8_t key[32])
{
    char text[NODE_KEY_TEXT_SIZE];

    node_key(host->node, text);
    assert_true(node__key_parse(text, strlen(text), key));
}

static void a_key_that_is_revoked_loses_its_links(void **state)
{
    struct host *a = &hosts[0], *b = &hosts[1], *c = &hosts[2];
    struct node_peer_info link;
    uint8_t key[32];

    (void)state;
    wait_for_links();
    key_of(a, key);
    change_list(b, (struct change){ NULL, key, false });
    /* When that returns the link is closed, and no other one is. */
    assert_false(find_link(b, a->name, &link));
    assert_true(find_link(b, c->name, &link));
    assert_int_not_equal(dial(b, a), AGNER_OK);
    for (unsigned ms = 0; find_link(a, b->name, &link); ms++) {
        assert_true(ms < WAIT_MS);
        assert_int_equal(usleep(1000), 0);
    }
    assert_int_not_equal(dial(a, b), AGNER_OK);
    assert_true(find_link(a, c->name, &link));
    /* Forgiven. */
    change_list(b, (struct change){ NULL, key, true });
    assert_int_equal(dial(a, b), AGNER_OK);
}

/* Stops the node, and starts one of its name with another key. */
static void restart_with_another_key(struct host *host)
{
    char path[128];

    stop(host);
    (void)snprintf(path, sizeof path, "%s/key", host->folder);
    assert_int_equal(unlink(path), 0);
    start(host);
}

/* T4: while the node lives, and after it was started again. */
static void a_name_with_another_key_is_refused(void **state)
{
    struct host *a = &hosts[0], *b = &hosts[1], *c = &hosts[2];
    uint8_t key[32];

    (void)state;
    wait_for_links();
    restart_with_another_key(c);
    assert_int_not_equal(dial(c, a), AGNER_OK);
    assert_int_not_equal(dial(a, c), AGNER_OK);
    stop(b);
    start(b);
    assert_int_not_equal(dial(c, b), AGNER_OK);
    assert_int_not_equal(dial(b, c), AGNER_OK);
    /* Somebody looks, and says that it is right. */
    key_of(c, key);
    change_list(b, (struct change){ c->name, key, false });
    assert_int_equal(dial(c, b), AGNER_OK);
    assert_int_not_equal(dial(c, a), AGNER_OK);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_cluster_gets_another_cookie),
        TEST(a_node_gets_another_key),
        TEST(a_key_that_is_revoked_loses_its_links),
        TEST(a_name_with_another_key_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
