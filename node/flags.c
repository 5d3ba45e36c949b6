/*
 * flags.c -- names of distribution flags, and what the digest flag stands for.
 */
#include "flags.h"

#include <stddef.h>

/* The table and the masks that code uses cannot part ways. */
#define CHECK_ROW(bit, name, since, offered) FLAG_BIT_##name = (bit),
enum { NODE__FLAGS(CHECK_ROW) };
#undef CHECK_ROW

#define CHECK(name) \
    _Static_assert(NODE__FLAG_##name == NODE__FLAG(FLAG_BIT_##name), \
                   "mask of " #name)
CHECK(PUBLISHED);
CHECK(DIST_MONITOR);
CHECK(DIST_MONITOR_NAME);
CHECK(DIST_HDR_ATOM_CACHE);
CHECK(SEND_SENDER);
CHECK(EXIT_PAYLOAD);
CHECK(FRAGMENTS);
CHECK(HANDSHAKE_23);
CHECK(UNLINK_ID);
CHECK(MANDATORY_25_DIGEST);
CHECK(SPAWN);
CHECK(NAME_ME);
CHECK(ALIAS);
CHECK(ALTACT_SIG);

static const char *const names[64] = {
#define NAME_ROW(bit, name, since, offered) [bit] = #name,
    NODE__FLAGS(NAME_ROW)
#undef NAME_ROW
};

const char *node__flag_name(uint64_t flags)
{
    int bit;

    if (flags == 0)
        return NULL;
    bit = __builtin_ctzll(flags);
    return names[bit] != NULL ? names[bit] : "unknown flag";
}

/* By bit: mandatory since this release, or 0. */
static const unsigned char mandatory_since[64] = {
#define SINCE_ROW(bit, name, since, offered) [bit] = (since),
    NODE__FLAGS(SINCE_ROW)
#undef SINCE_ROW
};

uint64_t node__flags_mandatory(unsigned release)
{
    uint64_t flags = 0;
    unsigned bit;

    for (bit = 0; bit < 64; bit++)
        if (mandatory_since[bit] != 0 && mandatory_since[bit] <= release)
            flags |= NODE__FLAG(bit);
    return flags;
}

uint64_t node__flags_expand(uint64_t offer)
{
    if (offer & NODE__FLAG_MANDATORY_25_DIGEST)
        return offer | node__flags_mandatory(25);
    return offer;
}

/* Before 25 nobody knew the flag that stands for others. */
uint64_t node__flags_missing(unsigned release, uint64_t offer)
{
    return node__flags_mandatory(release) &
           ~(release < 25 ? offer : node__flags_expand(offer));
}
