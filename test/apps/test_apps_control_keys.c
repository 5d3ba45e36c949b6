/*
 * test_apps_control_keys.c -- the file of clients' keys, and what each method
 * of the control socket wants: spec/reliability.md 6.3, 6.4.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "rpc_keys.h"
#include "rpc_server.h"

#define ONE "agnerkey1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define TWO "agnerkey1-baaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SECRET \
    "agnersecret1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static enum agner_err parse(const char *text, struct rpc_keys *keys,
                            struct agner_error *error)
{
    memset(keys, 0, sizeof *keys);
    return rpc__keys_parse(keys, text, strlen(text), error);
}

static void reads_keys_with_their_roles(void **state)
{
    static const uint8_t zero[NOISE_KEY_SIZE];
    const struct rpc_key *row;
    struct agner_error error;
    struct rpc_keys keys;

    (void)state;
    assert_int_equal(parse("# all of them\n\n" ONE
                           "  operate # Ada's\t\x01 box\r\n"
                           "\t" TWO "\tread-only",
                           &keys, &error),
                     AGNER_OK);
    assert_int_equal(keys.count, 2);
    row = rpc__keys_find(&keys, zero);
    assert_non_null(row);
    assert_int_equal(row->role, RPC_OPERATE);
    assert_string_equal(row->note, "Ada's box");
    assert_int_equal(keys.rows[1].role, RPC_READ_ONLY);
    assert_string_equal(rpc__role_text(keys.rows[1].role), "read-only");
    assert_null(rpc__keys_find(
        &keys, (const uint8_t *)"another key of 32 bytes, as it is"));
    rpc__keys_fini(&keys);
    assert_int_equal(parse("", &keys, &error), AGNER_OK);
    assert_null(rpc__keys_find(&keys, zero));
    rpc__keys_fini(&keys);
}

/* All of a file counts, or nothing. */
static void refuses_what_is_not_such_a_file(void **state)
{
    static const struct {
        const char *text, *what;
    } cases[] = {
        { "hello", "line 1: expected a key, agnerkey1-..." },
        { "\n" SECRET " operate", "line 2: expected a key, agnerkey1-..." },
        { ONE, "line 1: expected read-only or operate behind the key" },
        { ONE " admin",
          "line 1: expected read-only or operate behind the key" },
        { ONE " operate now",
          "line 1: expected nothing more, or # and a note" },
        { ONE " operate\n" ONE " read-only",
          "line 2: that key has a line already" },
        { "operate " ONE, "line 1: expected a key, agnerkey1-..." },
    };
    struct agner_error error;
    struct rpc_keys keys;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(parse(cases[i].text, &keys, &error), AGNER_EINVAL);
        assert_string_equal(error.text, cases[i].what);
        assert_null(keys.rows);
        assert_int_equal(keys.count, 0);
    }
}

/* Every prefix of a file, and zeros in it. */
static void any_bytes_are_a_file_or_an_error(void **state)
{
    static const char text[] = ONE " operate # a note\n" TWO " read-only\n";
    char changed[sizeof text];
    struct agner_error error;
    struct rpc_keys keys;

    (void)state;
    for (size_t size = 0; size < sizeof text; size++) {
        memset(&keys, 0, sizeof keys);
        if (rpc__keys_parse(&keys, text, size, &error) == AGNER_OK)
            rpc__keys_fini(&keys);
        memcpy(changed, text, sizeof text);
        changed[size] = '\0';
        if (rpc__keys_parse(&keys, changed, sizeof text, &error) == AGNER_OK)
            rpc__keys_fini(&keys);
        assert_null(keys.rows);
    }
}

static void there_are_not_too_many_keys(void **state)
{
    char text[(RPC_KEYS_MAX + 1) * 80], *at = text;
    struct agner_error error;
    struct rpc_keys keys;

    (void)state;
    for (unsigned i = 0; i <= RPC_KEYS_MAX; i++) {
        memcpy(at, ONE, sizeof ONE);
        at[sizeof ONE - 2] = 'a';
        at[12] = "abcdefghijklmnopqrstuvwxyz234567"[i % 32];
        at[13] = "abcdefghijklmnopqrstuvwxyz234567"[i / 32 % 32];
        at[14] = "abcdefghijklmnopqrstuvwxyz234567"[i / 1024];
        at += sizeof ONE - 1;
        memcpy(at, " operate\n", 9);
        at += 9;
    }
    *at = '\0';
    assert_int_equal(parse(text, &keys, &error), AGNER_ELIMIT);
    at[-(int)(sizeof ONE - 1 + 9)] = '\0';
    assert_int_equal(parse(text, &keys, &error), AGNER_OK);
    assert_int_equal(keys.count, RPC_KEYS_MAX);
    rpc__keys_fini(&keys);
}

/* What nobody has classified is for nobody. */
static void every_method_wants_a_role(void **state)
{
    const struct rpc_method *method;
    const char *before = "";
    size_t count = 0;

    (void)state;
    while ((method = rpc__method_at(count)) != NULL) {
        assert_true(method->role == RPC_READ_ONLY ||
                    method->role == RPC_OPERATE);
        assert_true(strcmp(before, method->name) < 0); /* sorted, each once */
        before = method->name;
        count++;
    }
    assert_true(count > 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_keys_with_their_roles),
        cmocka_unit_test(refuses_what_is_not_such_a_file),
        cmocka_unit_test(any_bytes_are_a_file_or_an_error),
        cmocka_unit_test(there_are_not_too_many_keys),
        cmocka_unit_test(every_method_wants_a_role),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
