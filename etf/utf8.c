/*
 * utf8.c -- reading and writing UTF-8, strictly.
 *
 * What Erlang accepts: shortest forms only, no surrogates, nothing above
 * 10FFFF. Zero, FFFE and FFFF are characters like others.
 */
#include "utf8.h"

unsigned etf__utf8_next(const uint8_t *text, size_t size, uint32_t *point)
{
    static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
    unsigned length;
    uint32_t value;

    if (size == 0)
        return 0;
    if (text[0] < 0x80) {
        *point = text[0];
        return 1;
    }
    if (text[0] < 0xc2 || text[0] > 0xf4)
        return 0;
    length = text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    if (size < length)
        return 0;
    value = text[0] & (0xffu >> (length + 1));
    for (unsigned i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (text[i] & 0x3fu);
    }
    if (value < least[length] || value > 0x10ffff ||
        (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *point = value;
    return length;
}

bool etf__utf8_valid(const uint8_t *text, size_t size, size_t *chars)
{
    size_t count = 0, at = 0;

    while (at < size) {
        uint32_t point;
        unsigned length = etf__utf8_next(text + at, size - at, &point);

        if (length == 0)
            return false;
        at += length;
        count++;
    }
    *chars = count;
    return true;
}

unsigned etf__utf8_put(uint8_t *to, uint32_t point)
{
    if (point < 0x80) {
        to[0] = (uint8_t)point;
        return 1;
    }
    if (point < 0x800) {
        to[0] = (uint8_t)(0xc0 | point >> 6);
        to[1] = (uint8_t)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return 0;
    if (point < 0x10000) {
        to[0] = (uint8_t)(0xe0 | point >> 12);
        to[1] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        to[2] = (uint8_t)(0x80 | (point & 0x3f));
        return 3;
    }
    to[0] = (uint8_t)(0xf0 | point >> 18);
    to[1] = (uint8_t)(0x80 | (point >> 12 & 0x3f));
    to[2] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
    to[3] = (uint8_t)(0x80 | (point & 0x3f));
    return 4;
}
