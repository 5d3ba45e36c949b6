/*
 * What a node keeps: its key, whom it saw, several cookies; who else could read
 * it; and reading it again while the node runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <key_text.h>
#include <node_room.h>
#include <noise_psk.h>
#include <trust_files.h>

#include "pair.h"

#define A "agnerkey1-aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq"
#define C "agnerkey1-ambqgaydambqgaydambqgaydambqgaydambqgaydambqgaydambq"
#define B "agnerkey1-aibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaiba"

static char folder[64]; /* of one test */
static uint8_t key_a[32], key_b[32], key_c[32];

static char *path_of(const char *name)
{
    static char paths[32][128];
    static unsigned next;
    char *path = paths[next++ % 32];

    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *text, mode_t mode)
{
    FILE *file = fopen(path_of(name), "w");

    assert_non_null(file);
    assert_int_equal(fputs(text, file) >= 0, 1);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path_of(name), mode), 0);
}

/* Its text, or that there is no such file. */
static const char *get(const char *name)
{
    static char text[4096];
    FILE *file = fopen(path_of(name), "r");
    size_t size;

    if (file == NULL)
        return "no such file";
    size = fread(text, 1, sizeof text - 1, file);
    text[size] = '\0';
    assert_int_equal(fclose(file), 0);
    return text;
}

static int begin(void **state)
{
    (void)state;
    (void)strcpy(folder, "/tmp/agner-trust-XXXXXX");
    memset(key_a, 1, sizeof key_a);
    memset(key_b, 2, sizeof key_b);
    memset(key_c, 3, sizeof key_c);
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int end(void **state)
{
    static const char *const names[] = {
        "key",    "key.new", "known_nodes",     "known_nodes.new",
        "cookie", "other",   "deeper/still/key"
    };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unlink(path_of(names[i])); /* those that there are */
    (void)rmdir(path_of("key"));
    (void)rmdir(path_of("deeper/still"));
    (void)rmdir(path_of("deeper"));
    return rmdir(folder);
}

static struct node_options options_of(void)
{
    struct node_options options = pair_options("a@127.0.0.1");

    options.trust_dir = folder;
    options.rt.log = pair_quiet;
    return options;
}

static struct node *start(void)
{
    struct node_options options = options_of();

    return pair_start(&options);
}

/* It does not start, and says this; %s is the folder. */
static void refused(const struct node_options *options, enum agner_err err,
                    const char *text)
{
    struct agner_error error = { AGNER_OK, "" };
    struct node *node = NULL;
    char expected[240], *at = expected;

    for (; *text != '\0'; text++) {
        if (text[0] == '%' && text[1] == 's') {
            at += sprintf(at, "%s", folder);
            text++;
        } else {
            *at++ = *text;
        }
    }
    *at = '\0';
    assert_int_equal(node_start(options, &node, &error), err);
    assert_string_equal(error.text, expected);
}

/* ---- The key
 * ------------------------------------------------------------------- */

static void a_key_is_made_once(void **state)
{
    char first[NODE_KEY_TEXT_SIZE], again[NODE_KEY_TEXT_SIZE];
    struct node *node = start();
    uint8_t key[32];
    struct stat st;

    (void)state;
    assert_true(node__trust_kept(node->trust));
    node_key(node, first);
    assert_true(node__key_parse(first, strlen(first), key));
    node_stop(node, 1000);
    assert_int_equal(stat(path_of("key"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_memory_equal(get("key"), KEY_SECRET_PREFIX,
                        sizeof KEY_SECRET_PREFIX - 1);
    node = start();
    node_key(node, again);
    assert_string_equal(again, first);
    node_stop(node, 1000);
    assert_string_equal(get("known_nodes"), "no such file");
}

static void folders_are_made(void **state)
{
    struct node_options options = options_of();
    struct stat st;

    (void)state;
    options.trust_dir = path_of("deeper/still");
    node_stop(pair_start(&options), 1000);
    assert_int_equal(stat(path_of("deeper/still/key"), &st), 0);
    assert_int_equal(stat(path_of("deeper/still"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

/* T6: what others could read or change is not used. */
static void files_of_others_are_refused(void **state)
{
    struct node_options options = options_of();

    (void)state;
    node_stop(pair_start(&options), 1000);
    assert_int_equal(chmod(path_of("key"), 0640), 0);
    refused(&options, AGNER_ENOTALLOWED,
            "%s/key: others may read or write it; chmod 600 %s/key");
    assert_int_equal(chmod(path_of("key"), 0600), 0);
    put("known_nodes", "a@h " A " pinned\n", 0602);
    refused(&options, AGNER_ENOTALLOWED,
            "%s/known_nodes: others may read or write it; chmod 600 "
            "%s/known_nodes");
    assert_int_equal(unlink(path_of("known_nodes")), 0);
    put("other", "", 0600);
    assert_int_equal(symlink(path_of("other"), path_of("known_nodes")), 0);
    refused(&options, AGNER_ENOTALLOWED,
            "%s/known_nodes: is a symbolic link; cp --remove-destination "
            "\"$(readlink -f %s/known_nodes)\" %s/known_nodes");
    assert_int_equal(unlink(path_of("known_nodes")), 0);
    assert_int_equal(chmod(folder, 0720), 0);
    refused(&options, AGNER_ENOTALLOWED,
            "%s: others may write there; chmod 700 %s");
    assert_int_equal(chmod(folder, 0700), 0);
    node_stop(pair_start(&options), 1000);
    assert_int_equal(unlink(path_of("key")), 0);
    assert_int_equal(mkdir(path_of("key"), 0700), 0);
    refused(&options, AGNER_ENOTALLOWED, "%s/key: not a file; ls -ld %s/key");
}

static void broken_files_say_where(void **state)
{
    struct node_options options = options_of();

    (void)state;
    put("key", "agnersecret1-abc\n", 0600);
    refused(&options, AGNER_ESYNTAX,
            "%s/key: line 1: expected a key, agnersecret1-...");
    put("key", A "\n", 0600); /* the public one */
    refused(&options, AGNER_ESYNTAX,
            "%s/key: line 1: expected a key, agnersecret1-...");
    put("key",
        "agnersecret1-aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq\n"
        "and more",
        0600);
    refused(&options, AGNER_ELIMIT, "%s/key: over 68 bytes");
    put("key",
        "agnersecret1-aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq",
        0600);
    put("known_nodes", "a@h " A " pinned\nb@h\n", 0600);
    refused(&options, AGNER_ESYNTAX,
            "%s/known_nodes: line 2: expected NAME KEY STATE, with a KEY that "
            "begins with agnerkey1-");
    put("known_nodes", "a@h " A " pinned\n", 0600);
    options.cookie = NULL;
    options.cookie_file = path_of("cookie");
    refused(&options, AGNER_ENONAME, "%s/cookie: no such file or directory");
    put("cookie", " \n\n", 0600);
    refused(&options, AGNER_ESYNTAX, "%s/cookie: there is no cookie in it");
    options.cookie = "both";
    refused(&options, AGNER_EINVAL,
            "cookie and cookie_file exclude each other");
}

/* ---- Whom it saw ------------------------------------------------------- */

/* T4, also after a restart. */
static void who_was_seen_first_is_kept(void **state)
{
    struct node *node = start();
    struct trust *trust = node->trust;

    (void)state;
    node__trust_learn(trust, "a@h", key_a);
    assert_int_equal(node__trust_check(trust, "a@h", key_a), TRUST_SEEN);
    assert_int_equal(node__trust_check(trust, "a@h", key_b), TRUST_OTHER_KEY);
    node_stop(node, 1000);
    assert_string_equal(get("known_nodes"), "a@h " A " seen\n");
    node = start();
    assert_int_equal(node__trust_check(node->trust, "a@h", key_a), TRUST_SEEN);
    assert_int_equal(node__trust_check(node->trust, "a@h", key_b),
                     TRUST_OTHER_KEY);
    node__trust_learn(node->trust, "b@h", key_b);
    node_stop(node, 1000);
    assert_string_equal(get("known_nodes"), "a@h " A " seen\nb@h " B " seen\n");
}

/* What somebody wrote to the file meanwhile stays, and comes first. */
static void what_is_in_the_file_is_not_lost(void **state)
{
    struct node *node = start();

    (void)state;
    put("known_nodes", "# by hand\na@h " B " pinned\n", 0600);
    node__trust_learn(node->trust, "b@h", key_c);
    node__trust_stop(node->trust);
    node__trust_learn(node->trust, "a@h", key_a); /* the file knows better */
    node_stop(node, 1000);
    assert_string_equal(get("known_nodes"),
                        "# by hand\na@h " B " pinned\nb@h " C " seen\n");
}

/* Names that somebody makes up do not keep people from revoking a key. */
static void who_was_seen_leaves_room_for_people(void **state)
{
    static char text[KNOWN_SEEN_MAX * 90];
    struct known_nodes known = { 0 };
    struct node *node;
    size_t at = 0;

    (void)state;
    for (unsigned i = 1; i < KNOWN_SEEN_MAX; i++)
        at += (size_t)snprintf(text + at, sizeof text - at,
                               "n%u@h " A " seen\n", i);
    put("known_nodes", text, 0600);
    node = start();
    node__trust_learn(node->trust, "a@h", key_b);
    node__trust_learn(node->trust, "b@h", key_b);
    node__trust_stop(node->trust);
    node_stop(node, 1000);
    assert_int_equal(
        node__trust_known_read(rt_world_real(), folder, &known, NULL),
        AGNER_OK);
    assert_int_equal(known.count, KNOWN_SEEN_MAX);
    assert_int_equal(node__known_revoke(&known, key_c, NULL, NULL), AGNER_OK);
    node__known_fini(&known);
}

static void what_cannot_be_kept_counts_for_this_life(void **state)
{
    struct node *node = start();

    (void)state;
    put("known_nodes", "what is this\n", 0600);
    node__trust_learn(node->trust, "a@h", key_a);
    node__trust_stop(node->trust);
    assert_int_equal(node__trust_check(node->trust, "a@h", key_b),
                     TRUST_OTHER_KEY);
    assert_string_equal(get("known_nodes"), "what is this\n");
    /* Mended, it is kept with the next one. */
    put("known_nodes", "", 0600);
    node__trust_learn(node->trust, "b@h", key_b);
    node_stop(node, 1000);
    assert_string_equal(get("known_nodes"), "a@h " A " seen\nb@h " B " seen\n");
}

/* ---- Read again -------------------------------------------------------- */

static size_t psks_of(struct node *node, bool dialling,
                      uint8_t (*psks)[NOISE_KEY_SIZE])
{
    return node__trust_psks(node->trust, NULL, dialling, psks, TRUST_PSKS_MAX);
}

static void shows(struct node *node, const char *cookie, size_t accepted)
{
    uint8_t psks[TRUST_PSKS_MAX][NOISE_KEY_SIZE], psk[NOISE_KEY_SIZE];
    char text[COOKIE_TEXT_MAX + 1];

    assert_int_equal(node__psk("", cookie, psk), AGNER_OK);
    assert_int_equal(psks_of(node, true, psks), 1);
    assert_memory_equal(psks[0], psk, sizeof psk);
    assert_int_equal(psks_of(node, false, psks), accepted);
    assert_true(node__trust_cookie(node->trust, text));
    assert_string_equal(text, cookie);
}

/* The three steps of a rotation; no step has a moment without a common one. */
static void cookies_are_rotated(void **state)
{
    struct node_options options = options_of();
    struct node *node;

    (void)state;
    options.cookie = NULL;
    options.cookie_file = path_of("cookie");
    put("cookie", "the first one\n", 0600);
    node = pair_start(&options);
    shows(node, "the first one", 1);
    put("cookie", "the first one\n\n  another one\r\n", 0600);
    shows(node, "the first one", 1); /* not yet */
    assert_int_equal(node_reload(node, NULL), AGNER_OK);
    shows(node, "the first one", 2);
    put("cookie", "another one\nthe first one", 0600);
    assert_int_equal(node_reload(node, NULL), AGNER_OK);
    shows(node, "another one", 2);
    put("cookie", "another one\n", 0600);
    assert_int_equal(node_reload(node, NULL), AGNER_OK);
    shows(node, "another one", 1);
    node_stop(node, 1000);
}

static void the_list_and_the_key_are_read_again(void **state)
{
    char before[NODE_KEY_TEXT_SIZE], after[NODE_KEY_TEXT_SIZE];
    struct node *node = start();

    (void)state;
    node_key(node, before);
    put("known_nodes", "a@h " A " pinned\n* " B " revoked\n", 0600);
    put("key",
        "agnersecret1-aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq\n",
        0600);
    assert_int_equal(node__trust_check(node->trust, "a@h", key_a), TRUST_NEW);
    assert_int_equal(node_reload(node, NULL), AGNER_OK);
    assert_int_equal(node__trust_check(node->trust, "a@h", key_a),
                     TRUST_LISTED);
    assert_int_equal(node__trust_check(node->trust, "b@h", key_b),
                     TRUST_REVOKED);
    node_key(node, after);
    assert_string_not_equal(before, after);
    node_stop(node, 1000);
}

static void what_cannot_be_read_changes_nothing(void **state)
{
    struct node_options options = options_of();
    struct agner_error error = { AGNER_OK, "" };
    char before[NODE_KEY_TEXT_SIZE], after[NODE_KEY_TEXT_SIZE];
    struct node *node;

    (void)state;
    options.cookie = NULL;
    options.cookie_file = path_of("cookie");
    put("cookie", "the first one\n", 0600);
    put("known_nodes", "a@h " A " pinned\n", 0600);
    node = pair_start(&options);
    node_key(node, before);
    put("cookie", "another one\n", 0600);
    put("known_nodes", "a@h " B " pinned\nb@h\n", 0600);
    assert_int_equal(node_reload(node, &error), AGNER_ESYNTAX);
    assert_non_null(strstr(error.text, "/known_nodes: line 2: "));
    shows(node, "the first one", 1);
    assert_int_equal(node__trust_check(node->trust, "a@h", key_a),
                     TRUST_LISTED);
    put("known_nodes", "", 0600);
    assert_int_equal(unlink(path_of("key")), 0);
    assert_int_equal(node_reload(node, &error), AGNER_ENONAME);
    assert_int_equal(node__trust_check(node->trust, "a@h", key_a),
                     TRUST_LISTED);
    node_key(node, after);
    assert_string_equal(before, after);
    node_stop(node, 1000);
}

static void a_node_without_files_has_nothing_to_read(void **state)
{
    struct node_options options = options_of();
    struct node *node;

    (void)state;
    options.trust_dir = NULL;
    node = pair_start(&options);
    node__trust_learn(node->trust, "a@h", key_a);
    assert_int_equal(node_reload(node, NULL), AGNER_OK);
    shows(node, PAIR_COOKIE, 1);
    assert_int_equal(node__trust_check(node->trust, "a@h", key_b),
                     TRUST_OTHER_KEY);
    node_stop(node, 1000);
}

static struct {
    struct node *node;
    _Atomic int left; /* times that a file is changed behind a writer's back */
} behind;

/* The saver has written its file, and the node has not what is in it yet. */
static void unlock_late(void *ctx, int lock)
{
    rt_world_real()->private_unlock(ctx, lock);
    if (atomic_fetch_sub(&behind.left, 1) != 1)
        return;
    put("known_nodes", "a@h " A " seen\n* " B " revoked\n", 0600);
    assert_int_equal(node_reload(behind.node, NULL), AGNER_OK);
}

/* A key that is revoked while a name is being saved stays so, and the name
 * keeps its key. */
static void what_is_read_meanwhile_is_not_forgotten(void **state)
{
    struct node_options options = options_of();
    struct rt_world world = *rt_world_real();
    struct node *node;

    (void)state;
    world.private_unlock = unlock_late;
    options.rt.world = &world;
    node = pair_start(&options);
    behind.node = node;
    atomic_store(&behind.left, 1);
    node__trust_learn(node->trust, "a@h", key_a);
    node__trust_stop(node->trust); /* it has saved */
    assert_int_equal(node__trust_check(node->trust, "b@h", key_b),
                     TRUST_REVOKED);
    assert_int_equal(node__trust_check(node->trust, "a@h", key_b),
                     TRUST_REVOKED);
    assert_int_equal(node__trust_check(node->trust, "a@h", key_c),
                     TRUST_OTHER_KEY);
    node_stop(node, 1000);
    assert_string_equal(get("known_nodes"),
                        "a@h " A " seen\n* " B " revoked\n");
}

/* ---- Keys only --------------------------------------------------------- */

static void without_a_cookie_a_list_is_needed(void **state)
{
    static const uint8_t zeros[NOISE_KEY_SIZE];
    uint8_t psks[TRUST_PSKS_MAX][NOISE_KEY_SIZE];
    struct node_options options = options_of();
    char cookie[COOKIE_TEXT_MAX + 1];
    struct node *node;

    (void)state;
    options.cookie = NULL;
    refused(&options, AGNER_EINVAL, "a cookie has 1 to 255 bytes, this one 0");
    options.trust = NODE_TRUST_LISTED;
    put("known_nodes", "a@h " A " pinned\nb@h " B " seen\n", 0600);
    node = pair_start(&options);
    assert_int_equal(psks_of(node, true, psks), 1);
    assert_memory_equal(psks[0], zeros, sizeof zeros);
    assert_int_equal(psks_of(node, false, psks), 1);
    assert_false(node__trust_cookie(node->trust, cookie));
    assert_int_equal(node__trust_check(node->trust, "a@h", key_a),
                     TRUST_LISTED);
    assert_int_equal(node__trust_check(node->trust, "b@h", key_b),
                     TRUST_NOT_LISTED);
    node_stop(node, 1000);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_is_made_once),
        TEST(folders_are_made),
        TEST(files_of_others_are_refused),
        TEST(broken_files_say_where),
        TEST(who_was_seen_first_is_kept),
        TEST(what_is_in_the_file_is_not_lost),
        TEST(who_was_seen_leaves_room_for_people),
        TEST(what_cannot_be_kept_counts_for_this_life),
        TEST(cookies_are_rotated),
        TEST(the_list_and_the_key_are_read_again),
        TEST(what_is_read_meanwhile_is_not_forgotten),
        TEST(what_cannot_be_read_changes_nothing),
        TEST(a_node_without_files_has_nothing_to_read),
        TEST(without_a_cookie_a_list_is_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
