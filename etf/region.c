/*
 * region.c -- memory that is filled from the front and emptied at once.
 *
 * Words are handed out from the current block: the first one, which may be the
 * owner's own memory, or the newest chunk. A reset goes back to the first block
 * and keeps at most one chunk, of moderate size, so that a process that needs a
 * little more than its first block does not ask malloc every time.
 *
 * The chunk in use is chunks, unless the first block is in use: then a chunk,
 * if there is one, is the spare that the last reset kept.
 */
#include "etf_door.h"

#include <stdlib.h>

#define BYTES_MAX_DEFAULT ((size_t)256 << 20)
#define FIRST_WORDS       256u   /* of a region on the heap */
#define CHUNK_WORDS_MIN   512u   /* 4 KiB */
#define CHUNK_WORDS_GROW  65536u /* chunks double up to 512 KiB */
#define SPARE_WORDS_MAX   8192u  /* 64 KiB: the most that a reset keeps */

struct etf_chunk {
    struct etf_chunk *older;
    size_t count; /* words */
    uint64_t words[];
};

/* In the region's own words. */
struct etf_box_link {
    struct etf_box_link *older;
    struct etf_box *box;
};

static bool in_first(const struct etf_region *r)
{
    return r->end == r->first_end;
}

static size_t chunk_bytes(const struct etf_chunk *chunk)
{
    return sizeof *chunk + chunk->count * sizeof chunk->words[0];
}

static void enter_first(struct etf_region *r)
{
    r->next = r->first;
    r->end = r->first_end;
}

static void enter_chunk(struct etf_region *r, struct etf_chunk *chunk)
{
    r->next = chunk->words;
    r->end = chunk->words + chunk->count;
}

/* Lets everything go that the words in use refer to. */
static void drop_contents(struct etf_region *r)
{
    etf__offheap_drop(r->offheap);
    r->offheap = NULL;
    for (struct etf_box_link *link = r->boxes; link != NULL; link = link->older)
        etf_box_free(link->box);
    r->boxes = NULL;
}

static void free_newest_chunk(struct etf_region *r)
{
    struct etf_chunk *chunk = r->chunks;

    r->chunks = chunk->older;
    r->bytes -= chunk_bytes(chunk);
    free(chunk);
}

void etf__region_init(struct etf_region *r, uint64_t *first, size_t words,
                      size_t bytes_max)
{
    *r = (struct etf_region){
        .first = first,
        .first_end = first == NULL ? NULL : first + words,
        .bytes_max = bytes_max == 0 ? BYTES_MAX_DEFAULT : bytes_max,
    };
    enter_first(r);
}

void etf__region_fini(struct etf_region *r)
{
    drop_contents(r);
    while (r->chunks != NULL)
        free_newest_chunk(r);
    enter_first(r);
}

/* Words of the next chunk: twice the last one, within reason, but no fewer than
 * `count`; 0 when the limit allows no such chunk. */
static size_t chunk_size(const struct etf_region *r, size_t count)
{
    size_t last = r->chunks == NULL ? 0 : r->chunks->count;
    size_t left = r->bytes_max > r->bytes ? r->bytes_max - r->bytes : 0;
    size_t most, size;

    if (left < sizeof(struct etf_chunk))
        return 0;
    most = (left - sizeof(struct etf_chunk)) / sizeof(uint64_t);
    size = last * 2;
    if (size < CHUNK_WORDS_MIN)
        size = CHUNK_WORDS_MIN;
    if (size > CHUNK_WORDS_GROW)
        size = CHUNK_WORDS_GROW;
    if (size < count)
        size = count;
    if (size > most)
        size = most;
    return size < count ? 0 : size;
}

uint64_t *etf__region_words_slow(struct etf_region *r, size_t count)
{
    struct etf_chunk *chunk = r->chunks;
    size_t size;

    if (in_first(r) && chunk != NULL && chunk->count >= count) {
        enter_chunk(r, chunk);
        r->next += count;
        return chunk->words;
    }
    /* A spare that is too small would be taken for full: it goes. */
    if (in_first(r) && chunk != NULL)
        free_newest_chunk(r);
    size = chunk_size(r, count);
    if (size == 0)
        return NULL;
    chunk = malloc(sizeof *chunk + size * sizeof chunk->words[0]);
    if (chunk == NULL)
        return NULL;
    chunk->older = r->chunks;
    chunk->count = size;
    r->chunks = chunk;
    r->bytes += chunk_bytes(chunk);
    enter_chunk(r, chunk);
    r->next += count;
    return chunk->words;
}

enum agner_err etf__region_keep_box(struct etf_region *r, struct etf_box *box)
{
    _Static_assert(sizeof(struct etf_box_link) == 2 * sizeof(uint64_t),
                   "a link is two words");
    uint64_t *words = etf__region_words(r, 2);
    struct etf_box_link *link;

    if (words == NULL)
        return AGNER_ENOMEM;
    link = (struct etf_box_link *)words;
    link->older = r->boxes;
    link->box = box;
    r->boxes = link;
    return AGNER_OK;
}

/*
 * A region on the heap, with its first block behind it. The block counts toward
 * the limit, so that a very small limit holds too.
 */
struct etf_region *etf_region_new(size_t bytes_max)
{
    size_t words = FIRST_WORDS;
    struct etf_region *r;

    if (bytes_max == 0)
        bytes_max = BYTES_MAX_DEFAULT;
    if (words > bytes_max / sizeof(uint64_t))
        words = bytes_max / sizeof(uint64_t);
    r = malloc(sizeof *r + words * sizeof(uint64_t));
    if (r == NULL)
        return NULL;
    etf__region_init(r, (uint64_t *)(r + 1), words, bytes_max);
    r->bytes = words * sizeof(uint64_t);
    return r;
}

void etf_region_free(struct etf_region *r)
{
    if (r == NULL)
        return;
    etf__region_fini(r);
    free(r);
}

void etf_region_reset(struct etf_region *r)
{
    struct etf_chunk *spare;

    drop_contents(r);
    while (r->chunks != NULL && r->chunks->count > SPARE_WORDS_MAX)
        free_newest_chunk(r);
    spare = r->chunks;
    if (spare != NULL) {
        r->chunks = spare->older;
        while (r->chunks != NULL)
            free_newest_chunk(r);
        spare->older = NULL;
        r->chunks = spare;
    }
    enter_first(r);
}

size_t etf_region_used(const struct etf_region *r)
{
    size_t words = (size_t)(r->first_end - r->first);

    if (in_first(r))
        return (size_t)(r->next - r->first) * sizeof(uint64_t);
    for (const struct etf_chunk *c = r->chunks->older; c != NULL; c = c->older)
        words += c->count;
    words += (size_t)(r->next - r->chunks->words);
    return words * sizeof(uint64_t);
}
