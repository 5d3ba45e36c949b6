/*
 * What a node keeps of names: its own, those that it gave, and what was decided
 * about peers; with too little memory, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <given.h>
#include <identity.h>
#include <policy.h>

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);

static bool no_memory;

void *__wrap_malloc(size_t size)
{
    return no_memory ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return no_memory ? NULL : __real_calloc(count, size);
}

/* ---- Names that were given ----------------------------------------------- */

static struct given_name *take(struct node__given *given, const char *host,
                               uint64_t n)
{
    const uint64_t random[2] = { n, n };
    struct given_name *name = NULL;

    assert_int_equal(node__given_take(given, host, random, &name), AGNER_OK);
    assert_true(name->used);
    assert_string_equal(strchr(name->name, '@') + 1, host);
    return name;
}

static void a_name_comes_again_with_the_next_creation(void **state)
{
    struct node__given given = { 0 };
    struct given_name *a = take(&given, "h", 1), *b = take(&given, "h", 2);
    char text[NODE__NAME_MAX + 1];

    (void)state;
    assert_string_not_equal(a->name, b->name);
    assert_int_equal(a->creation, 5); /* 0 to 3 are not for us */
    assert_int_equal(b->creation, 6);
    memcpy(text, a->name, sizeof text);
    node__given_back(a);
    /* Not to another host. */
    assert_string_not_equal(take(&given, "i", 3)->name, text);
    a = take(&given, "h", 4);
    assert_string_equal(a->name, text);
    assert_int_equal(a->creation, 6);
    a->creation = UINT32_MAX;
    node__given_back(a);
    assert_int_equal(take(&given, "h", 5)->creation, 4);
    node__given_fini(&given);
}

static void names_run_out_and_are_taken_over(void **state)
{
    static const uint64_t random[2] = { 1, 1 };
    struct node__given given = { 0 };
    struct given_name *name = NULL, *first = take(&given, "h", 7);
    uint64_t n;

    (void)state;
    for (n = 1; n < NODE__GIVEN_MAX; n++)
        (void)take(&given, "h", 1000 + n);
    assert_int_equal(node__given_take(&given, "i", random, &name),
                     AGNER_ELIMIT);
    assert_null(name);
    node__given_back(first);
    name = take(&given, "i", 8); /* of the host that does not use it */
    assert_ptr_equal(name, first);
    assert_int_equal(given.count, NODE__GIVEN_MAX);
    node__given_fini(&given);
}

static void a_name_that_would_not_fit_is_not_given(void **state)
{
    static const uint64_t random[2] = { 1, 1 };
    struct node__given given = { 0 };
    struct given_name *name = NULL;
    char host[NODE__NAME_MAX];

    (void)state;
    memset(host, 'h', sizeof host);
    host[sizeof host - 1] = '\0';
    assert_int_equal(node__given_take(&given, host, random, &name),
                     AGNER_EINVAL);
    no_memory = true;
    assert_int_equal(node__given_take(&given, "h", random, &name),
                     AGNER_ENOMEM);
    no_memory = false;
    assert_int_equal(given.count, 0);
    assert_null(name);
}

/* ---- Our own ----------------------------------------------------------------
 */

static void our_name_changes_and_old_texts_stay(void **state)
{
    struct identity identity = { .all = NULL };
    const char *none, *name;

    (void)state;
    assert_int_equal(node__identity_set(&identity, NODE__NO_NAME, 0), AGNER_OK);
    none = node__identity_name(&identity);
    assert_int_equal(node__identity_set(&identity, "a@h", 9), AGNER_OK);
    name = node__identity_name(&identity);
    assert_string_equal(none, NODE__NO_NAME);
    assert_string_equal(name, "a@h");
    assert_true(etf_same(node__identity_self(&identity).name, etf_atom("a@h")));
    assert_int_equal(node__identity_self(&identity).creation, 9);
    /* Without memory it is as before; a name that was is there. */
    no_memory = true;
    assert_int_equal(node__identity_set(&identity, "b@h", 1), AGNER_ENOMEM);
    assert_string_equal(node__identity_name(&identity), "a@h");
    assert_int_equal(node__identity_self(&identity).creation, 9);
    assert_int_equal(node__identity_set(&identity, NODE__NO_NAME, 0), AGNER_OK);
    no_memory = false;
    assert_ptr_equal(node__identity_name(&identity), none);
    node__identity_fini(&identity);
}

/* ---- What was decided about peers -----------------------------------------
 */

static void cookies_are_kept_by_peer(void **state)
{
    const struct cookies long_ones = { .out = "out", .in = "in" };
    const struct cookies short_ones = { .out = "x", .in = "y" };
    struct policy policy = { 0 };
    struct cookies cookies;

    (void)state;
    assert_false(node__policy_find(&policy, "a@h", &cookies));
    assert_int_equal(node__policy_cookies(&policy, "a@h", &long_ones),
                     AGNER_OK);
    assert_true(node__policy_find(&policy, "a@h", &cookies));
    assert_string_equal(cookies.out, "out");
    assert_string_equal(cookies.in, "in");
    assert_false(node__policy_find(&policy, "b@h", &cookies));
    /* A shorter one leaves nothing of a longer one. */
    assert_int_equal(node__policy_cookies(&policy, "a@h", &short_ones),
                     AGNER_OK);
    assert_true(node__policy_find(&policy, "a@h", &cookies));
    assert_string_equal(cookies.out, "x");
    assert_string_equal(cookies.in, "y");
    no_memory = true;
    assert_int_equal(node__policy_cookies(&policy, "c@h", &short_ones),
                     AGNER_ENOMEM);
    no_memory = false;
    assert_int_equal(node__policy_cookies(&policy, "a@h", NULL), AGNER_OK);
    assert_false(node__policy_find(&policy, "a@h", &cookies));
    /* That is no list of who may. */
    assert_true(node__policy_allows(&policy, "z@h"));
    node__policy_fini(&policy);
}

static void who_was_not_allowed_is_not(void **state)
{
    struct policy policy = { 0 };

    (void)state;
    assert_true(node__policy_allows(&policy, "a@h"));
    no_memory = true;
    assert_int_equal(node__policy_allow(&policy, "a@h"), AGNER_ENOMEM);
    no_memory = false;
    assert_true(node__policy_allows(&policy, "b@h"));
    assert_int_equal(node__policy_allow(&policy, "a@h"), AGNER_OK);
    assert_int_equal(node__policy_allow(&policy, "i"), AGNER_OK);
    assert_true(node__policy_allows(&policy, "a@h"));
    assert_false(node__policy_allows(&policy, "b@h"));
    assert_true(node__policy_allows(&policy, "b@i"));
    assert_true(node__policy_allows(&policy, "i")); /* it asks for a name */
    assert_false(node__policy_allows(&policy, "h"));
    node__policy_fini(&policy);
}

static void rows_have_a_limit(void **state)
{
    const struct cookies cookies = { .out = "x", .in = "x" };
    struct policy policy = { 0 };
    char name[32];
    unsigned i;

    (void)state;
    for (i = 0; i < NODE__POLICY_MAX; i++) {
        (void)snprintf(name, sizeof name, "n%u@h", i);
        assert_int_equal(node__policy_allow(&policy, name), AGNER_OK);
    }
    assert_int_equal(node__policy_allow(&policy, "more@h"), AGNER_ELIMIT);
    assert_int_equal(node__policy_cookies(&policy, "more@h", &cookies),
                     AGNER_ELIMIT);
    assert_int_equal(node__policy_cookies(&policy, "n7@h", &cookies), AGNER_OK);
    node__policy_fini(&policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_comes_again_with_the_next_creation),
        cmocka_unit_test(names_run_out_and_are_taken_over),
        cmocka_unit_test(a_name_that_would_not_fit_is_not_given),
        cmocka_unit_test(our_name_changes_and_old_texts_stay),
        cmocka_unit_test(cookies_are_kept_by_peer),
        cmocka_unit_test(who_was_not_allowed_is_not),
        cmocka_unit_test(rows_have_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
