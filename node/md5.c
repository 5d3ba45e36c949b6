/*
 * md5.c -- MD5 as RFC 1321 describes it, a block at a time.
 */
#include "node_md5.h"

#include <string.h>

/* The integer part of 2^32 * |sin(i + 1)|, i from 0. */
static const uint32_t sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a,
    0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be,
    0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340,
    0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8,
    0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c,
    0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
    0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92,
    0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1,
    0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

/* How far step i of round r turns: turns[r][i % 4]. */
static const unsigned turns[4][4] = {
    { 7, 12, 17, 22 }, { 5, 9, 14, 20 }, { 4, 11, 16, 23 }, { 6, 10, 15, 21 }
};

static uint32_t turn(uint32_t v, unsigned bits)
{
    return v << bits | v >> (32 - bits);
}

static uint32_t word_at(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 |
           (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void add_block(uint32_t state[4], const uint8_t *block)
{
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    unsigned i;

    for (i = 0; i < 64; i++) {
        unsigned word;
        uint32_t mix, old_d = d;

        switch (i / 16) {
        case 0:
            mix = (b & c) | (~b & d);
            word = i;
            break;
        case 1:
            mix = (b & d) | (c & ~d);
            word = (5 * i + 1) % 16;
            break;
        case 2:
            mix = b ^ c ^ d;
            word = (3 * i + 5) % 16;
            break;
        default:
            mix = c ^ (b | ~d);
            word = 7 * i % 16;
            break;
        }
        mix += a + sines[i] + word_at(block + 4 * word);
        d = c;
        c = b;
        b += turn(mix, turns[i / 16][i % 4]);
        a = old_d;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

void node__md5_init(struct node__md5 *md5)
{
    *md5 = (struct node__md5){
        .state = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 },
    };
}

void node__md5_add(struct node__md5 *md5, const void *bytes, size_t size)
{
    const uint8_t *next = bytes;

    while (size > 0) {
        size_t held = md5->size % 64;
        size_t part = 64 - held < size ? 64 - held : size;

        memcpy(md5->block + held, next, part);
        md5->size += part;
        if (held + part == 64)
            add_block(md5->state, md5->block);
        next += part;
        size -= part;
    }
}

void node__md5_done(struct node__md5 *md5, uint8_t digest[NODE__MD5_SIZE])
{
    static const uint8_t padding[64] = { 0x80 };
    uint64_t bits = md5->size * 8;
    uint8_t length[8];
    unsigned i;

    for (i = 0; i < 8; i++)
        length[i] = (uint8_t)(bits >> (8 * i));
    node__md5_add(md5, padding, 1 + (119 - md5->size % 64) % 64);
    node__md5_add(md5, length, sizeof length);
    for (i = 0; i < NODE__MD5_SIZE; i++)
        digest[i] = (uint8_t)(md5->state[i / 4] >> (8 * (i % 4)));
    explicit_bzero(md5, sizeof *md5);
}
