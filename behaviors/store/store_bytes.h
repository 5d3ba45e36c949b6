/*
 * store_bytes.h -- bytes as the stores compare and hand them out.
 *
 * Private to behaviors/store/.
 */
#ifndef STORE_BYTES_H
#define STORE_BYTES_H

#include <string.h>

#include <agner/gen_store.h>

/* By bytes; a shorter one before one that it begins. */
static inline int gen__bytes_order(etf_bytes a, etf_bytes b)
{
    size_t both = a.size < b.size ? a.size : b.size;
    int order = both == 0 ? 0 : memcmp(a.data, b.data, both);

    if (order != 0)
        return order;
    return a.size < b.size ? -1 : a.size > b.size;
}

static inline bool gen__bytes_begin(etf_bytes bytes, etf_bytes prefix)
{
    return bytes.size >= prefix.size &&
           (prefix.size == 0 ||
            memcmp(bytes.data, prefix.data, prefix.size) == 0);
}

/* A copy in `r`. false: no memory. */
static inline bool gen__bytes_copy(struct etf_region *r, const void *bytes,
                                   size_t size, etf_bytes *out)
{
    return etf_get_bytes(etf_binary(r, bytes, size), out);
}

#endif
