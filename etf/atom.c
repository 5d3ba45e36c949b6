/*
 * atom.c -- atoms: interned words, and boxed ones that are their text.
 *
 * An atom from a program is a number in the table. An atom from outside is the
 * same while there is room for it, and a boxed text after that; the two forms
 * are equal when their texts are.
 */
#include "atom_table.h"

#include "utf8.h"

enum agner_err etf__atom_check(const uint8_t *text, size_t size)
{
    size_t chars;

    if (size > ETF__ATOM_BYTES_MAX)
        return AGNER_ELIMIT;
    if (!etf__utf8_valid(text, size, &chars))
        return AGNER_EMALFORMED;
    return chars > ETF__ATOM_CHARS_MAX ? AGNER_ELIMIT : AGNER_OK;
}

etf_term etf__atom_boxed(struct etf_region *r, const uint8_t *text, size_t size)
{
    size_t count = (size + 7) / 8;
    uint64_t *words = etf__region_words(r, 1 + count);

    if (words == NULL)
        return ETF_NONE;
    words[0] = (uint64_t)size << 8 | ETF__HEAD_ATOM;
    if (count > 0) {
        words[count] = 0;
        memcpy(words + 1, text, size);
    }
    return etf__box_at(words);
}

etf_term etf_atom_n(const char *text, size_t size)
{
    const uint8_t *bytes = (const uint8_t *)text;
    etf_term atom = etf__atom_lookup(bytes, size);
    bool added;

    if (!etf_is_none(atom))
        return atom;
    if (etf__atom_check(bytes, size) != AGNER_OK)
        return ETF_NONE;
    return etf__atom_intern(bytes, size, &added);
}

etf_term etf_atom(const char *text)
{
    return etf_atom_n(text, strlen(text));
}

etf_term etf_atom_find(const char *text, size_t size)
{
    return etf__atom_lookup((const uint8_t *)text, size);
}

etf_term etf_atom_limited(struct etf_region *r, const char *text, size_t size,
                          struct etf_atom_budget *budget)
{
    const uint8_t *bytes = (const uint8_t *)text;
    etf_term atom = etf__atom_lookup(bytes, size);
    bool added;

    if (!etf_is_none(atom))
        return atom;
    if (etf__atom_check(bytes, size) != AGNER_OK)
        return ETF_NONE;
    if (budget == NULL || budget->left == 0) {
        if (budget != NULL)
            budget->refused++;
        return etf__atom_boxed(r, bytes, size);
    }
    atom = etf__atom_intern(bytes, size, &added);
    if (added)
        budget->left--;
    return etf_is_none(atom) ? etf__atom_boxed(r, bytes, size) : atom;
}

etf_bytes etf_atom_text(etf_term t)
{
    if (etf__tag(t) == ETF__ATOM) {
        const struct etf__atom *entry = etf__atom_entry(t);

        return (etf_bytes){ entry->text, entry->size };
    }
    if (etf__is_boxed(t, ETF__HEAD_ATOM)) {
        const uint64_t *words = etf__words(t);

        return (etf_bytes){ (const uint8_t *)(words + 1), words[0] >> 8 };
    }
    return (etf_bytes){ NULL, 0 };
}

bool etf_atom_is(etf_term t, const char *text)
{
    etf_bytes have = etf_atom_text(t);

    return have.data != NULL && have.size == strlen(text) &&
           memcmp(have.data, text, have.size) == 0;
}

/*
 * The 1986 hash of P. J. Weinberger over the name's bytes. A character of
 * Latin-1 counts as its one Latin-1 byte, as it did when atoms were Latin-1.
 */
uint32_t etf__name_hash(const uint8_t *text, size_t size)
{
    uint32_t h = 0;

    for (size_t i = 0; i < size; i++) {
        uint32_t byte = text[i];

        if ((byte == 0xc2 || byte == 0xc3) && i + 1 < size)
            byte = (byte << 6 & 0xc0) | (text[++i] & 0x3fu);
        h = (h << 4) + byte;
        h ^= (h & 0xf0000000u) >> 24;
        h &= 0x0fffffffu;
    }
    return h;
}

uint32_t etf__atom_name_hash(etf_term atom)
{
    etf_bytes text;

    if (etf__tag(atom) == ETF__ATOM)
        return etf__atom_entry(atom)->name_hash;
    text = etf_atom_text(atom);
    return etf__name_hash(text.data, text.size);
}
