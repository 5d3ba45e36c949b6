/*
 * flags.c -- names of distribution flags, and what the digest flag stands for.
 */
#include "flags.h"

#include <stddef.h>

/* The table and the masks that code uses cannot part ways. */
#define CHECK_ROW(bit, name, mandatory, offered) FLAG_BIT_##name = (bit),
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
CHECK(UNLINK_ID);
CHECK(MANDATORY_25_DIGEST);
CHECK(SPAWN);
CHECK(NAME_ME);
CHECK(ALIAS);

static const char *const names[64] = {
#define NAME_ROW(bit, name, mandatory, offered) [bit] = #name,
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

uint64_t node__flags_expand(uint64_t offer)
{
    if (offer & NODE__FLAG_MANDATORY_25_DIGEST)
        return offer | NODE__FLAGS_MANDATORY;
    return offer;
}
