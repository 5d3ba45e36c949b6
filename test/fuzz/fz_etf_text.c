/*
 * The parser and the printer: the input as Erlang text. What is a
 * term is printed in every style, and each of the texts is the same term again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <agner/etf.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_style(struct etf_region *r, etf_term t,
                        const struct etf_print_options *options)
{
    struct etf_buffer text = { .size_max = 0 };
    etf_term back = ETF_NONE;

    check(etf_print(&text, t, options) == AGNER_OK);
    check(etf_parse(r, (const char *)text.data, text.size, &back, NULL, NULL) ==
          AGNER_OK);
    check(etf_equal(back, t));
    etf_buffer_fini(&text);
}

static void check_term(struct etf_region *r, etf_term t)
{
    static const struct etf_print_options styles[] = {
        { .style = ETF_STYLE_W },
        { .style = ETF_STYLE_TW },
        { .style = ETF_STYLE_TP },
        { .style = ETF_STYLE_P, .columns = 80 },
        { .style = ETF_STYLE_TP, .columns = 20 },
    };
    char line[40];

    for (size_t i = 0; i < sizeof styles / sizeof styles[0]; i++)
        check_style(r, t, &styles[i]);
    (void)etf_format(line, sizeof line, t);
    check(memchr(line, 0, sizeof line) != NULL);
}

/* A long run may fill the table of atoms: that is an error like others. */
static void check_error(const struct agner_error *error, enum agner_err err)
{
    check(err == AGNER_ESYNTAX || err == AGNER_ELIMIT || err == AGNER_ENOMEM);
    check(error->code == err);
    check(memchr(error->text, 0, sizeof error->text) != NULL);
    check(strncmp(error->text, "line ", 5) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct etf_region *r = etf_region_new(0);
    struct agner_error error;
    size_t used = 0;
    etf_term t;
    enum agner_err err;

    check(r != NULL);
    err = etf_parse(r, (const char *)data, size, &t, &used, &error);
    if (err == AGNER_OK) {
        check(used > 0 && used <= size);
        check(etf_parse(r, (const char *)data, used, &t, NULL, &error) ==
              AGNER_OK);
        check_term(r, t);
    } else {
        check_error(&error, err);
    }
    etf_region_free(r);
    return 0;
}
