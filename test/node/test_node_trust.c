/*
 * Who has which key: the text of keys, the list of known nodes and what it
 * decides, and the trust of a node that keeps nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <key_text.h>
#include <known_nodes.h>
#include <node_room.h>
#include <noise_psk.h>
#include <noise_seal.h>
#include <noise_secret.h>

#include "pair.h"

/* Keys of the tests are 32 times one byte. */
static const uint8_t *key_of(uint8_t byte)
{
    static uint8_t keys[8][32];
    static unsigned next;
    uint8_t *key = keys[next++ % 8];

    memset(key, byte, 32);
    return key;
}

/* ---- Keys as text ----------------------------------------------------------
 */

static void a_key_is_read_back_from_its_text(void **state)
{
    uint8_t key[32], back[32];
    char text[KEY_TEXT_SIZE], secret[KEY_SECRET_TEXT_SIZE];

    (void)state;
    for (unsigned i = 0; i < 256; i++) {
        memset(key, (int)i, sizeof key);
        key[31] = (uint8_t)(255 - i);
        node__key_print(key, text);
        assert_int_equal(strlen(text), KEY_TEXT_SIZE - 1);
        assert_true(node__key_parse(text, strlen(text), back));
        assert_memory_equal(back, key, 32);
        node__key_print_secret(key, secret);
        assert_true(node__key_parse_secret(secret, strlen(secret), back));
        assert_memory_equal(back, key, 32);
        /* One is not taken for the other. */
        assert_false(node__key_parse(secret, strlen(secret), back));
        assert_false(node__key_parse_secret(text, strlen(text), back));
    }
}

/* The digits are those of RFC 4648: 32 zero bytes, and 32 times 255. */
static void the_digits_are_base32(void **state)
{
    char text[KEY_TEXT_SIZE];

    (void)state;
    node__key_print(key_of(0), text);
    assert_string_equal(
        text, "agnerkey1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    node__key_print(key_of(255), text);
    assert_string_equal(
        text, "agnerkey1-777777777777777777777777777777777777777777777777777q");
}

static void what_is_no_key_is_refused(void **state)
{
    char text[KEY_TEXT_SIZE + 1];
    uint8_t key[32];

    (void)state;
    node__key_print(key_of(7), text);
    for (size_t size = 0; size < strlen(text); size++)
        assert_false(node__key_parse(text, size, key));
    for (size_t i = 0; i < strlen(text); i++) {
        char was = text[i];

        text[i] = '1'; /* no digit, and in no other place of the prefix */
        if (was != '1')
            assert_false(node__key_parse(text, strlen(text), key));
        text[i] = was;
    }
    text[strlen(text) - 1] = 'b'; /* bits behind the last byte */
    assert_false(node__key_parse(text, strlen(text), key));
}

/* ---- The list
 * ------------------------------------------------------------------ */

#define A "agnerkey1-aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq"
#define B "agnerkey1-aibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaiba"
#define C "agnerkey1-ambqgaydambqgaydambqgaydambqgaydambqgaydambqgaydambq"

/* Reads it, expects the error, or the text that is written from it. */
static void read_list(const char *text, size_t size, const char *error,
                      const char *written)
{
    struct known_nodes known = { 0 };
    struct agner_error why = { AGNER_OK, "" };
    struct etf_buffer out = { 0 };
    enum agner_err err = node__known_parse(&known, text, size, &why);

    if (error != NULL) {
        assert_int_not_equal(err, AGNER_OK);
        assert_string_equal(why.text, error);
        assert_null(known.rows);
        return;
    }
    assert_int_equal(err, AGNER_OK);
    assert_int_equal(node__known_write(&known, &out), AGNER_OK);
    assert_int_equal(out.size, strlen(written));
    assert_memory_equal(out.data, written, out.size);
    etf_buffer_fini(&out);
    node__known_fini(&known);
}

static void the_file_is_read_and_written(void **state)
{
    static const struct {
        const char *text, *error, *written;
    } cases[] = {
        { "\n\r\n  \t\n", NULL, NULL },
        { "a@h " A " pinned", NULL, "a@h " A " pinned\n" },
        { "a@h\t" A "  seen \r\n", NULL, "a@h " A " seen\n" },
        { "#  who is who\n#\na@h " A " pinned #from Ada\n", NULL,
          "# who is who\n# \na@h " A " pinned # from Ada\n" },
        { "* " A " revoked\na@h " B " revoked # lost", NULL,
          "* " A " revoked\na@h " B " revoked # lost\n" },
        { "a@h " A " seen\na@h " B " pinned\n", NULL,
          "a@h " A " seen\na@h " B " pinned\n" },
        { "a@h " A " seen\na@h " A " pinned\n", NULL, "a@h " A " pinned\n" },
        { "a@h " A " pinned\na@h " B " pinned\na@h " C " pinned\n",
          "line 3: a@h has 2 keys already", NULL },
        { "\na@h " A " pinned\na@h " A " pinned\n",
          "line 3: a@h has that key already", NULL },
        { "* " A " revoked\na@h " A " pinned\n", "line 2: that key is revoked",
          NULL },
        { "* " A " revoked\na@h " A " revoked\n",
          "line 2: that key is revoked already", NULL },
        { "* " A " pinned\n", "line 1: no @ in '*'", NULL },
        { "a@h\n",
          "line 1: expected NAME KEY STATE, with a KEY that begins with "
          "agnerkey1-",
          NULL },
        { "a@h " A "\n",
          "line 1: expected pinned, seen or revoked after the "
          "key",
          NULL },
        { "a@h " A " listed\n",
          "line 1: expected pinned, seen or revoked after the key", NULL },
        { "a@h " A " pinned from Ada\n",
          "line 1: expected # and a note, or nothing, at the end", NULL },
        { "a@h " A " pinned # \x01\n",
          "line 1: a note has up to 120 bytes of UTF-8", NULL },
        { "# \xff\n", "line 1: a note has up to 120 bytes of UTF-8", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        read_list(cases[i].text, strlen(cases[i].text), cases[i].error,
                  cases[i].written != NULL ? cases[i].written : "");
    read_list("", 0, NULL, "");
    read_list("a@h\0" A " pinned", 10,
              "line 1: expected NAME KEY STATE, with a KEY that begins with "
              "agnerkey1-",
              NULL);
}

static void the_file_is_bounded(void **state)
{
    size_t size = KNOWN_BYTES_MAX + 1;
    char *text = malloc(size);
    struct known_nodes known = { 0 };
    struct agner_error error;

    (void)state;
    assert_non_null(text);
    memset(text, 'x', size);
    assert_int_equal(node__known_parse(&known, text, size, &error),
                     AGNER_ELIMIT);
    text[KNOWN_LINE_MAX + 1] = '\n';
    assert_int_equal(node__known_parse(&known, text, size - 1, &error),
                     AGNER_ESYNTAX);
    assert_string_equal(error.text, "line 1: over 600 bytes in one line");
    for (size_t i = 0; i + 1 < size; i += 2)
        memcpy(text + i, "#\n", 2);
    assert_int_equal(node__known_parse(&known, text, size - 1, &error),
                     AGNER_ELIMIT);
    assert_string_equal(error.text, "line 4097: over 4096 lines");
    assert_null(known.rows);
    free(text);
}

/* A name comes from the network: it stays one name in the file. */
static void a_name_cannot_be_read_as_something_else(void **state)
{
    struct known_nodes known = { 0 };
    char name[300];

    (void)state;
    assert_int_equal(node__known_add(&known, KNOWN_SEEN, "a@h " A " pinned #",
                                     key_of(2), NULL, NULL),
                     AGNER_EINVAL);
    assert_int_equal(
        node__known_add(&known, KNOWN_SEEN, "#a@h", key_of(2), NULL, NULL),
        AGNER_EINVAL);
    assert_int_equal(
        node__known_add(&known, KNOWN_SEEN, "a@h\nb@h", key_of(2), NULL, NULL),
        AGNER_EINVAL);
    memset(name, 'x', sizeof name);
    memcpy(name + 280, "@h", 3);
    assert_int_equal(
        node__known_add(&known, KNOWN_SEEN, name, key_of(2), NULL, NULL),
        AGNER_EINVAL);
    assert_int_equal(node__known_add(&known, KNOWN_PINNED, "a@h", key_of(2),
                                     "two\nlines", NULL),
                     AGNER_EINVAL);
    assert_int_equal(known.count, 0);
    assert_int_equal(node__known_check(&known, false, "a@h x", key_of(2)),
                     TRUST_NOT_LISTED);
    node__known_fini(&known);
}

static void a_list_changes(void **state)
{
    struct known_nodes known = { 0 }, copy = { 0 };

    (void)state;
    assert_int_equal(
        node__known_add(&known, KNOWN_SEEN, "a@h", key_of(1), NULL, NULL),
        AGNER_OK);
    assert_int_equal(
        node__known_add(&known, KNOWN_SEEN, "a@h", key_of(1), NULL, NULL),
        AGNER_EALREADY);
    assert_int_equal(
        node__known_add(&known, KNOWN_PINNED, "a@h", key_of(1), "n", NULL),
        AGNER_OK);
    assert_int_equal(known.count, 1);
    assert_string_equal(known.rows[0].note, "n");
    assert_int_equal(
        node__known_add(&known, KNOWN_PINNED, "a@h", key_of(2), NULL, NULL),
        AGNER_OK);
    assert_int_equal(
        node__known_add(&known, KNOWN_PINNED, "a@h", key_of(3), NULL, NULL),
        AGNER_ELIMIT);
    assert_int_equal(node__known_copy(&known, &copy), AGNER_OK);

    /* Revoked it is one no more, and its place is free. */
    assert_int_equal(node__known_revoke(&known, key_of(1), NULL, NULL),
                     AGNER_OK);
    assert_int_equal(node__known_revoke(&known, key_of(1), NULL, NULL),
                     AGNER_EALREADY);
    assert_int_equal(
        node__known_add(&known, KNOWN_PINNED, "a@h", key_of(1), NULL, NULL),
        AGNER_ENOTALLOWED);
    assert_int_equal(
        node__known_add(&known, KNOWN_PINNED, "a@h", key_of(3), NULL, NULL),
        AGNER_OK);
    /* By its name goes what counts. */
    assert_int_equal(node__known_remove(&known, "a@h", NULL), 2);
    assert_int_equal(known.count, 1);
    assert_int_equal(known.rows[0].state, KNOWN_REVOKED);
    assert_string_equal(known.rows[0].name, "a@h");
    assert_int_equal(node__known_remove(&known, NULL, key_of(1)), 1);
    assert_int_equal(node__known_remove(&known, NULL, key_of(1)), 0);
    /* One that nobody knew can be revoked. */
    assert_int_equal(node__known_revoke(&known, key_of(9), "n", NULL),
                     AGNER_OK);
    assert_string_equal(known.rows[0].name, "*");
    node__known_fini(&known);
    assert_int_equal(copy.count, 2);
    node__known_fini(&copy);
}

/* B-SEC-3, T4. */
static void a_list_decides(void **state)
{
    static const char text[] = "a@h " A " pinned\n"
                               "b@h " B " seen\n"
                               "c@h " C " revoked\n";
    static const struct {
        const char *name;
        uint8_t key;
        enum trust_verdict first_use, listed;
    } cases[] = {
        { "a@h", 1, TRUST_LISTED, TRUST_LISTED },
        { "a@h", 2, TRUST_OTHER_KEY, TRUST_OTHER_KEY },
        { "a@h", 9, TRUST_OTHER_KEY, TRUST_OTHER_KEY },
        { "b@h", 2, TRUST_SEEN, TRUST_NOT_LISTED },
        { "b@h", 9, TRUST_OTHER_KEY, TRUST_NOT_LISTED },
        { "c@h", 3, TRUST_REVOKED, TRUST_REVOKED },
        { "a@h", 3, TRUST_REVOKED, TRUST_REVOKED },
        { "c@h", 9, TRUST_NEW, TRUST_NOT_LISTED },
        { "d@h", 9, TRUST_NEW, TRUST_NOT_LISTED },
        /* A key on the list is that of its name; one that was only seen has
         * not been given to anybody. */
        { "d@h", 1, TRUST_NOT_LISTED, TRUST_NOT_LISTED },
        { "d@h", 2, TRUST_NEW, TRUST_NOT_LISTED },
    };
    struct known_nodes known = { 0 };

    (void)state;
    assert_int_equal(node__known_parse(&known, text, sizeof text - 1, NULL),
                     AGNER_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(node__known_check(&known, false, cases[i].name,
                                           key_of(cases[i].key)),
                         cases[i].first_use);
        assert_int_equal(node__known_check(&known, true, cases[i].name,
                                           key_of(cases[i].key)),
                         cases[i].listed);
    }
    node__known_fini(&known);
}

/* ---- Cookies in envelopes --------------------------------------------------
 */

static void fill(uint8_t random[SEAL_RANDOM], uint8_t byte)
{
    memset(random, byte, SEAL_RANDOM);
}

static void an_envelope_is_opened_by_its_passphrase(void **state)
{
    uint8_t random[SEAL_RANDOM];
    char text[SEAL_TEXT_SIZE], other[SEAL_TEXT_SIZE];
    char cookie[COOKIE_TEXT_MAX + 1];

    (void)state;
    fill(random, 1);
    assert_int_equal(node__seal("monster", "four words", random, text),
                     AGNER_OK);
    assert_int_equal(node__seal_kind(text), SEAL_PASSPHRASE);
    assert_int_equal(node__seal_open(text, "four words", cookie), AGNER_OK);
    assert_string_equal(cookie, "monster");
    assert_int_equal(node__seal_open(text, "five words", cookie), AGNER_EAUTH);
    /* Changed in its last digits, and shorter. */
    memcpy(other, text, sizeof other);
    other[strlen(other) - 3] = other[strlen(other) - 3] == 'A' ? 'B' : 'A';
    assert_int_equal(node__seal_open(other, "four words", cookie), AGNER_EAUTH);
    text[strlen(text) - 4] = '\0';
    assert_int_equal(node__seal_open(text, "four words", cookie),
                     AGNER_ESYNTAX);
    assert_int_equal(node__seal_open("agnersealed1-", "", cookie),
                     AGNER_ESYNTAX);
}

static void an_envelope_is_opened_by_its_key(void **state)
{
    struct noise_keys keys = { .secret = { 7 } }, others = { .secret = { 8 } };
    uint8_t random[SEAL_RANDOM], low[NOISE_KEY_SIZE] = { 0 };
    char text[SEAL_TEXT_SIZE], longest[COOKIE_TEXT_MAX + 1] = "";
    char cookie[COOKIE_TEXT_MAX + 1];
    size_t size;

    (void)state;
    fill(random, 2);
    assert_int_equal(node__noise_public(&keys), AGNER_OK);
    assert_int_equal(node__noise_public(&others), AGNER_OK);
    memset(longest, 'x', COOKIE_TEXT_MAX);
    assert_int_equal(node__seal_to("c", keys.public_key, random, text),
                     AGNER_OK);
    size = strlen(text);
    assert_int_equal(node__seal_to(longest, keys.public_key, random, text),
                     AGNER_OK);
    assert_int_equal(strlen(text), size); /* which says nothing of the cookie */
    assert_int_equal(node__seal_kind(text), SEAL_KEY);
    assert_int_equal(node__seal_open_key(text, &keys, cookie), AGNER_OK);
    assert_string_equal(cookie, longest);
    assert_int_equal(node__seal_open_key(text, &others, cookie), AGNER_EAUTH);
    /* Each digit counts; the last one may have bits that do not. */
    for (size_t i = 0; i + 1 < size; i++) {
        char was = text[i];

        text[i] = was == 'A' ? 'B' : 'A';
        assert_int_not_equal(node__seal_open_key(text, &keys, cookie),
                             AGNER_OK);
        text[i] = was;
    }
    assert_int_equal(node__seal_to("c", low, random, text), AGNER_EINVAL);
    assert_int_equal(node__seal_kind("agnersealed-x"), SEAL_NONE);
}

/* ---- The trust of a node
 * ------------------------------------------------------- */

static struct node *start(struct node_options options)
{
    options.rt.log = pair_quiet;
    return pair_start(&options);
}

static void a_node_has_a_key_for_its_life(void **state)
{
    struct node *a = start(pair_options("a@127.0.0.1"));
    struct node *b = start(pair_options("b@127.0.0.1"));
    struct noise_keys keys;

    (void)state;
    keys = *node__trust_own(a->trust);
    memset(keys.public_key, 0, sizeof keys.public_key);
    assert_int_equal(node__noise_public(&keys), AGNER_OK);
    assert_memory_equal(keys.public_key, node__trust_own(a->trust)->public_key,
                        NOISE_KEY_SIZE);
    assert_memory_not_equal(
        keys.public_key, node__trust_own(b->trust)->public_key, NOISE_KEY_SIZE);
    assert_false(node__trust_kept(a->trust));
    node_stop(a, 1000);
    node_stop(b, 1000);
}

static void the_cookie_and_the_cluster_make_the_key(void **state)
{
    uint8_t psks[TRUST_PSKS_MAX][NOISE_KEY_SIZE], expected[NOISE_KEY_SIZE];
    struct node_options options = pair_options("a@127.0.0.1");
    struct node *node;

    (void)state;
    options.cluster = "east";
    node = start(options);
    assert_int_equal(node__psk("east", PAIR_COOKIE, expected), AGNER_OK);
    assert_int_equal(node__trust_psks(node->trust, "b@127.0.0.1", true, psks,
                                      TRUST_PSKS_MAX),
                     1);
    assert_memory_equal(psks[0], expected, NOISE_KEY_SIZE);
    assert_int_equal(
        node__trust_psks(node->trust, NULL, false, psks, TRUST_PSKS_MAX), 1);
    assert_memory_equal(psks[0], expected, NOISE_KEY_SIZE);
    assert_int_equal(node__trust_psks(node->trust, NULL, false, psks, 0), 0);
    node_stop(node, 1000);
}

static void peers_and_routes_have_their_own(void **state)
{
    uint8_t psks[TRUST_PSKS_MAX][NOISE_KEY_SIZE], out[NOISE_KEY_SIZE],
        in[NOISE_KEY_SIZE], route[NOISE_KEY_SIZE];
    struct node_route_spec to_c = { .name = "c*@h",
                                    .port = 1,
                                    .cookie = "for c" };
    struct node *node = start(pair_options("a@127.0.0.1"));

    (void)state;
    assert_int_equal(node__psk("", "ours", out), AGNER_OK);
    assert_int_equal(node__psk("", "theirs", in), AGNER_OK);
    assert_int_equal(node__psk("", "for c", route), AGNER_OK);
    assert_int_equal(node_cookie_set(node, "b@h", "ours", "theirs"), AGNER_OK);
    assert_int_equal(node_cookie_set(node, "d@h", "ours", "theirs"), AGNER_OK);
    assert_int_equal(node_route_add(node, &to_c, NULL), AGNER_OK);

    assert_int_equal(
        node__trust_psks(node->trust, "b@h", true, psks, TRUST_PSKS_MAX), 1);
    assert_memory_equal(psks[0], out, NOISE_KEY_SIZE);
    assert_int_equal(
        node__trust_psks(node->trust, "b@h", false, psks, TRUST_PSKS_MAX), 1);
    assert_memory_equal(psks[0], in, NOISE_KEY_SIZE);
    assert_int_equal(
        node__trust_psks(node->trust, "c7@h", true, psks, TRUST_PSKS_MAX), 1);
    assert_memory_equal(psks[0], route, NOISE_KEY_SIZE);
    /* Who comes in may be any of them; a key that two have is tried once. */
    assert_int_equal(
        node__trust_psks(node->trust, NULL, false, psks, TRUST_PSKS_MAX), 3);
    assert_memory_equal(psks[1], in, NOISE_KEY_SIZE);
    assert_memory_equal(psks[2], route, NOISE_KEY_SIZE);
    assert_int_equal(node_cookie_set(node, "b@h", NULL, NULL), AGNER_OK);
    assert_int_equal(node_cookie_set(node, "d@h", NULL, NULL), AGNER_OK);
    assert_int_equal(
        node__trust_psks(node->trust, NULL, false, psks, TRUST_PSKS_MAX), 2);
    node_stop(node, 1000);
}

/* T4 */
static void a_name_belongs_to_the_first_key_that_is_kept(void **state)
{
    struct node *node = start(pair_options("a@127.0.0.1"));
    struct trust *trust = node->trust;

    (void)state;
    assert_int_equal(node__trust_check(trust, "b@h", key_of(1)), TRUST_NEW);
    node__trust_learn(trust, "b@h", key_of(1));
    assert_int_equal(node__trust_check(trust, "b@h", key_of(1)), TRUST_SEEN);
    assert_int_equal(node__trust_check(trust, "b@h", key_of(2)),
                     TRUST_OTHER_KEY);
    node__trust_learn(trust, "b@h", key_of(2)); /* too late */
    assert_int_equal(node__trust_check(trust, "b@h", key_of(2)),
                     TRUST_OTHER_KEY);
    assert_int_equal(node__trust_check(trust, "c@h", key_of(2)), TRUST_NEW);
    assert_true(node__trust_refuses(TRUST_OTHER_KEY));
    assert_true(node__trust_refuses(TRUST_REVOKED));
    assert_true(node__trust_refuses(TRUST_NOT_LISTED));
    assert_false(node__trust_refuses(TRUST_LISTED));
    assert_false(node__trust_refuses(TRUST_SEEN));
    assert_false(node__trust_refuses(TRUST_NEW));
    node_stop(node, 1000);
}

static void a_list_without_lines_lets_nobody_in(void **state)
{
    struct node_options options = pair_options("a@127.0.0.1");
    struct node *node;

    (void)state;
    options.trust = NODE_TRUST_LISTED;
    node = start(options);
    assert_int_equal(node__trust_check(node->trust, "b@h", key_of(1)),
                     TRUST_NOT_LISTED);
    node_stop(node, 1000);
}

/* Secrets are left out of core dumps: the pages say so. Source: proc(5), smaps,
 * VmFlags "dd"; where that is not told there is nothing to see. */
static void secrets_are_left_out_of_core_dumps(void **state)
{
    uint8_t *secret = node__secret_new(32);
    FILE *smaps = fopen("/proc/self/smaps", "r");
    char line[512];
    bool inside = false, told = false, marked = false;

    (void)state;
    assert_non_null(secret);
    for (unsigned i = 0; i < 32; i++)
        assert_int_equal(secret[i], 0);
    while (smaps != NULL && fgets(line, sizeof line, smaps) != NULL) {
        unsigned long from, to;

        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            inside = (uintptr_t)secret >= from && (uintptr_t)secret < to;
        else if (inside && strncmp(line, "VmFlags:", 8) == 0) {
            told = true;
            marked = strstr(line, " dd") != NULL;
        }
    }
    if (smaps != NULL)
        assert_int_equal(fclose(smaps), 0);
    assert_true(marked || !told);
    node__secret_free(secret);
    node__secret_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_read_back_from_its_text),
        cmocka_unit_test(the_digits_are_base32),
        cmocka_unit_test(what_is_no_key_is_refused),
        cmocka_unit_test(the_file_is_read_and_written),
        cmocka_unit_test(the_file_is_bounded),
        cmocka_unit_test(a_name_cannot_be_read_as_something_else),
        cmocka_unit_test(a_list_changes),
        cmocka_unit_test(a_list_decides),
        cmocka_unit_test(an_envelope_is_opened_by_its_passphrase),
        cmocka_unit_test(an_envelope_is_opened_by_its_key),
        cmocka_unit_test(a_node_has_a_key_for_its_life),
        cmocka_unit_test(the_cookie_and_the_cluster_make_the_key),
        cmocka_unit_test(peers_and_routes_have_their_own),
        cmocka_unit_test(a_name_belongs_to_the_first_key_that_is_kept),
        cmocka_unit_test(a_list_without_lines_lets_nobody_in),
        cmocka_unit_test(secrets_are_left_out_of_core_dumps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
