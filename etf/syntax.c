/*
 * syntax.c -- letters and reserved words of Erlang, as OTP 25 has them.
 *
 * Names are written in Latin-1 letters. `else` and `maybe` are plain atoms
 * here; OTP 27 reserves them, and reads them quoted or not.
 */
#include "syntax.h"

#include <string.h>

static bool is_small(uint32_t point)
{
    return (point >= 'a' && point <= 'z') ||
           (point >= 0xdf && point <= 0xff && point != 0xf7);
}

static bool is_capital(uint32_t point)
{
    return (point >= 'A' && point <= 'Z') ||
           (point >= 0xc0 && point <= 0xde && point != 0xd7);
}

bool etf__begins_atom(uint32_t point)
{
    return is_small(point);
}

bool etf__begins_variable(uint32_t point)
{
    return is_capital(point);
}

bool etf__continues_name(uint32_t point)
{
    return is_small(point) || is_capital(point) ||
           (point >= '0' && point <= '9') || point == '_' || point == '@';
}

bool etf__is_reserved(const uint8_t *text, size_t size)
{
    static const char words[][8] = {
        "after",  "and",     "andalso", "band", "begin", "bnot", "bor",
        "bsl",    "bsr",     "bxor",    "case", "catch", "cond", "div",
        "end",    "fun",     "if",      "let",  "not",   "of",   "or",
        "orelse", "receive", "rem",     "try",  "when",  "xor",
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i]) == size && memcmp(words[i], text, size) == 0)
            return true;
    return false;
}
