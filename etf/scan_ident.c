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

    for (size_t i = 1; i < count; i++)
        ref.words[count - 1 - i] = (uint32_t)numbers[i];
    return etf_from_ref(r, ref);
}

static const struct form {
    const char *text;
    size_t count_min, count_max; /* of numbers */
    uint64_t max[2];             /* of those behind the first, the last counts
                                    for all that follow */
} forms[] = {
    { "<", 3, 3, { (1u << 28) - 1, UINT32_MAX } },
    { "#Ref<", 2, 6, { UINT32_MAX, UINT32_MAX } },
    { "#Port<", 2, 2, { UINT64_MAX, UINT64_MAX } },
};

/*
 * Takes the numbers of a form; how many, 0 when it is not this form. The first
 * is the node, and ours is 0: that of another node is a number of the printing
 * program's own, and means nothing here.
 */
static size_t take_form(struct scan *s, const struct form *form, uint64_t *n)
{
    size_t size = strlen(form->text), count;

    if (size > s->size - s->at ||
        memcmp(s->text + s->at, form->text, size) != 0)
        return 0;
    s->at += size;
    count = take_numbers(s, n, form->count_max);
    if (count < form->count_min || n[0] != 0)
        return 0;
    for (size_t i = 1; i < count; i++)
        if (n[i] > form->max[i == 1 ? 0 : 1])
            return 0;
    return count;
}

enum agner_err etf__scan_ident(struct scan *s)
{
    uint64_t n[6];
    size_t count = 0, form = 0;

    for (; form < sizeof forms / sizeof forms[0]; form++) {
        s->at = s->start;
        count = take_form(s, &forms[form], n);
        if (count > 0)
            break;
    }
    if (count == 0)
        return etf__scan_fail(s, s->start, AGNER_ESYNTAX,
                              "expected an identifier of this node, such as "
                              "<0.1.2> or #Ref<0.1.2.3>");
    s->token = TOKEN_VALUE;
    if (form == 0)
        s->value = etf__local_pid((uint32_t)n[1], (uint32_t)n[2]);
    else if (form == 1)
        s->value = ref_of(s->region, n, count);
    else
        s->value = etf_port(s->region, ETF_NONE, n[1], 0);
    return etf_is_none(s->value) ? etf__scan_no_memory(s) : AGNER_OK;
}
