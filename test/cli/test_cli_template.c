/*
 * test_cli_template.c -- templates as projects have them: tables of cases.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "draw.h"
#include "embedded.h"
#include "template.h"

static void expand(const char *text, unsigned parts, enum agner_err err,
                   const char *expected)
{
    struct etf_buffer out = { 0 };

    assert_int_equal(template_expand(&out, text, "shop", parts), err);
    if (expected != NULL) {
        assert_int_equal(out.size, strlen(expected));
        assert_memory_equal(out.data, expected, out.size);
    }
    etf_buffer_fini(&out);
}

static void puts_the_name_in_place_of_the_word(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        { "NAME\n", "shop\n" },
        { "NAME", "shop\n" },
        { "test_NAME_x, NAME@h 'NAME'", "test_shop_x, shop@h 'shop'\n" },
        { "CAPS_H", "SHOP_H\n" },
        { "NAMES FILENAME NAM ECAPS", "NAMES FILENAME NAM ECAPS\n" },
        { "", "" },
        { "\n\n", "\n\n" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expand(cases[i].text, 0, AGNER_OK, cases[i].expected);
}

static void leaves_out_what_is_not_wanted(void **state)
{
    static const char text[] = "#ifdef SERVER\na\n#else\nb\n#endif\n"
                               "#ifndef SUP\nc\n#endif\n"
                               "#ifdef SUP\n#ifdef SERVER\nd\n#endif\ne\n"
                               "#endif\nf\n";

    (void)state;
    expand(text, 0, AGNER_OK, "b\nc\nf\n");
    expand(text, TEMPLATE_SERVER, AGNER_OK, "a\nc\nf\n");
    expand(text, TEMPLATE_SUP, AGNER_OK, "b\ne\nf\n");
    expand(text, TEMPLATE_SERVER | TEMPLATE_SUP, AGNER_OK, "a\nd\ne\nf\n");
}

static void leaves_the_compilers_own_lines_alone(void **state)
{
    static const char text[] = "#ifndef CAPS_H\n#ifdef STATEM\n#if 1\n#endif\n";

    (void)state;
    expand("#ifndef CAPS_H\n#ifdef STATEM\nx\n#endif\n#else\n#endif\n", 0,
           AGNER_OK, "#ifndef SHOP_H\n#else\n#endif\n");
    expand(text, 0, AGNER_EMALFORMED, NULL);
}

static void refuses_lines_that_do_not_match(void **state)
{
    (void)state;
    expand("#endif\n", 0, AGNER_EMALFORMED, NULL);
    expand("#else\n", 0, AGNER_EMALFORMED, NULL);
    expand("#ifdef SUP\n", 0, AGNER_EMALFORMED, NULL);
    expand("#ifdef A\n#ifdef A\n#ifdef A\n#ifdef A\n#ifdef A\n#ifdef A\n"
           "#ifdef A\n#ifdef A\n#ifdef A\n",
           0, AGNER_EMALFORMED, NULL);
}

static void every_template_is_whole_with_any_parts(void **state)
{
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < embedded_count; i++) {
        if (strncmp(embedded[i].name, "templates/", 10) != 0)
            continue;
        for (unsigned parts = 0; parts < 8; parts++) {
            struct etf_buffer out = { 0 };

            assert_int_equal(
                template_expand(&out, embedded[i].text, "shop", parts),
                AGNER_OK);
            assert_null(memmem(out.data, out.size, "NAME", 4));
            assert_null(memmem(out.data, out.size, "CAPS", 4));
            etf_buffer_fini(&out);
        }
        count++;
    }
    assert_true(count > 10);
}

static void only_names_in_c_name_a_project(void **state)
{
    static const char *const good[] = { "demo", "my_app", "Shop2", "a" };
    static const char *const bad[] = {
        "",      "2shop", "_a",     "my-app",
        "a b",   "a/b",   "../a",   "d\303\251mo",
        "agner", "gen",   "kernel", "a2345678901234567890123456789012345678901"
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_null(template_refuses(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_non_null(template_refuses(bad[i]));
}

/* ---- Trees ------------------------------------------------------------ */

static void draws_a_branch_for_each_row(void **state)
{
    static const unsigned depths[] = { 0, 1, 2, 2, 1, 2, 0, 1 };
    static const char *const ascii[] = { "",    "|- ",    "|  |- ", "|  `- ",
                                         "`- ", "   `- ", "",       "`- " };
    static const char *const boxes[] = { "",    "├─ ",    "│  ├─ ", "│  └─ ",
                                         "└─ ", "   └─ ", "",       "└─ " };
    struct draw plain = { .utf8 = false }, utf8 = { .utf8 = true };
    char text[DRAW_BRANCH_MAX];

    (void)state;
    for (size_t i = sizeof depths / sizeof depths[0]; i > 0; i--) {
        assert_string_equal(draw_branch(&plain, depths[i - 1], text),
                            ascii[i - 1]);
        assert_string_equal(draw_branch(&utf8, depths[i - 1], text),
                            boxes[i - 1]);
    }
}

static void a_tree_deeper_than_any_is_drawn_flat(void **state)
{
    struct draw d = { .utf8 = true };
    char deep[DRAW_BRANCH_MAX], deeper[DRAW_BRANCH_MAX];

    (void)state;
    (void)draw_branch(&d, DRAW_DEPTH_MAX - 1, deep);
    (void)draw_branch(&d, 1000000, deeper);
    assert_int_equal(strlen(deep), strlen(deeper));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_the_name_in_place_of_the_word),
        cmocka_unit_test(leaves_out_what_is_not_wanted),
        cmocka_unit_test(leaves_the_compilers_own_lines_alone),
        cmocka_unit_test(refuses_lines_that_do_not_match),
        cmocka_unit_test(every_template_is_whole_with_any_parts),
        cmocka_unit_test(only_names_in_c_name_a_project),
        cmocka_unit_test(draws_a_branch_for_each_row),
        cmocka_unit_test(a_tree_deeper_than_any_is_drawn_flat),
    };

    return cmocka_run_group_tests_name("templates", tests, NULL, NULL);
}
