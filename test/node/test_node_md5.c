/*
 * MD5 against the suite of RFC 1321, appendix A.5, and at the block's edges.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <node_md5.h>

static void assert_md5(const void *bytes, size_t size, const char *expected)
{
    size_t step;

    /* In one piece, and in pieces of each size that can split a block. */
    for (step = 0; step <= 65; step++) {
        struct node__md5 md5;
        uint8_t digest[NODE__MD5_SIZE];
        char text[2 * NODE__MD5_SIZE + 1];
        size_t at = 0, i;

        node__md5_init(&md5);
        if (step == 0)
            node__md5_add(&md5, bytes, size);
        for (; step > 0 && at < size; at += step)
            node__md5_add(&md5, (const char *)bytes + at,
                          size - at < step ? size - at : step);
        node__md5_done(&md5, digest);
        for (i = 0; i < NODE__MD5_SIZE; i++)
            (void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
        assert_string_equal(text, expected);
    }
}

static void agrees_with_the_suite_of_the_rfc(void **state)
{
    static const char *const suite[][2] = {
        { "", "d41d8cd98f00b204e9800998ecf8427e" },
        { "a", "0cc175b9c0f1b6a831c399e269772661" },
        { "abc", "900150983cd24fb0d6963f7d28e17f72" },
        { "message digest", "f96b697d7cb7938d525a2f31aaf161d0" },
        { "abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b" },
        { "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
          "d174ab98d277d9f5a5611c2c9f419d9f" },
        { "1234567890123456789012345678901234567890123456789012345678901234567"
          "8901234567890",
          "57edf4a22be3c955ac49da2e2107b67a" },
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof suite / sizeof suite[0]; i++)
        assert_md5(suite[i][0], strlen(suite[i][0]), suite[i][1]);
}

/* The padding takes one block more from 56 bytes on. */
static void pads_at_the_edges_of_a_block(void **state)
{
    static const struct {
        size_t size;
        const char *digest;
    } cases[] = {
        { 55, "ef1772b6dff9a122358552954ad0df65" },
        { 56, "3b0c8ac703f828b04c6c197006d17218" },
        { 57, "652b906d60af96844ebd21b674f35e93" },
        { 63, "b06521f39153d618550606be297466d5" },
        { 64, "014842d480b571495a4a0363793f7367" },
        { 65, "c743a45e0d2e6a95cb859adae0248435" },
        { 119, "8a7bd0732ed6a28ce75f6dabc90e1613" },
        { 120, "5f61c0ccad4cac44c75ff505e1f1e537" },
        { 121, "f6acfca2d47c87f2b14ca038234d3614" },
        { 128, "e510683b3f5ffe4093d021808bc6ff70" },
    };
    char as[128];
    size_t i;

    (void)state;
    memset(as, 'a', sizeof as);
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_md5(as, cases[i].size, cases[i].digest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_suite_of_the_rfc),
        cmocka_unit_test(pads_at_the_edges_of_a_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
