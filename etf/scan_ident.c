/*
 * scan_ident.c -- identifiers of this node, which Erlang prints and does not
 * read, but people paste: <0.1.2>, #Ref<0.1.2.3>, #Port<0.1>.
 */
#include "scan.h"

/* Reads numbers with dots between them, up to `>`: how many, or 0 when it is
 * something else, they are more than `max`, or one is over 64 bits. */
static size_t take_numbers(struct scan *s, uint64_t *numbers, size_t max)
{
    for (size_t count = 0; count < max;) {
        size_t from = s->at;
        uint64_t value = 0;
        uint8_t next;

        while ((next = etf__scan_peek(s, 0)) >= '0' && next <= '9') {
            if (__builtin_mul_overflow(value, 10, &value) ||
                __builtin_add_overflow(value, next - (uint64_t)'0', &value))
                return 0;
            s->at++;
        }
        if (s->at == from || (next != '.' && next != '>'))
            return 0;
        s->at++;
        numbers[count++] = value;
        if (next == '>')
            return count;
    }
    return 0;
}

static etf_term ref_of(struct etf_region *r, const uint64_t *numbers,
                       size_t count)
{
    etf_ref ref = { .count = (uint32_t)(count - 1) };

    for (size_t i = 1; i < count; i++) {
        if (numbers[i] > UINT32_MAX)
            return ETF_NONE;
        ref.words[count - 1 - i] = (uint32_t)numbers[i];
    }
    return etf_from_ref(r, ref);
}

/*
 * The first number is the node; ours is 0. That of another node is a number of
 * the printing program's own, and means nothing here.
 */
enum agner_err etf__scan_ident(struct scan *s)
{
    static const struct {
        const char *text;
        size_t count_min, count_max;
    } forms[] = { { "<", 3, 3 }, { "#Ref<", 2, 6 }, { "#Port<", 2, 2 } };
    uint64_t n[6];
    size_t count = 0, form;

    for (form = 0; form < 3; form++) {
        size_t size = strlen(forms[form].text);

        if (size <= s->size - s->at &&
            memcmp(s->text + s->at, forms[form].text, size) == 0) {
            s->at += size;
            count = take_numbers(s, n, forms[form].count_max);
            break;
        }
    }
    s->value = ETF_NONE;
    s->token = TOKEN_VALUE;
    if (form < 3 && count >= forms[form].count_min && n[0] == 0) {
        if (form == 1)
            s->value = ref_of(s->region, n, count);
        else if (form == 2)
            s->value = etf_port(s->region, ETF_NONE, n[1], 0);
        else if (n[1] >> 28 == 0 && n[2] <= UINT32_MAX)
            s->value = etf__local_pid((uint32_t)n[1], (uint32_t)n[2]);
    }
    if (!etf_is_none(s->value))
        return AGNER_OK;
    return etf__scan_fail(s, s->start, AGNER_ESYNTAX,
                          "expected an identifier of this node, such as "
                          "<0.1.2> or #Ref<0.1.2.3>");
}
