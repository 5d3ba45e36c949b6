/*
 * buffer.c -- a growing byte buffer.
 *
 * A failure leaves the buffer as it was.
 */
#include <agner/etf.h>

#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 64u

void etf_buffer_fini(struct etf_buffer *b)
{
    free(b->data);
    *b = (struct etf_buffer){ .size_max = b->size_max };
}

/* Doubles, but does not pass the limit for the sake of it. */
enum agner_err etf_buffer_reserve(struct etf_buffer *b, size_t more)
{
    size_t need, capacity;
    uint8_t *data;

    if (__builtin_add_overflow(b->size, more, &need))
        return AGNER_ENOMEM;
    if (b->size_max != 0 && need > b->size_max)
        return AGNER_ELIMIT;
    if (need <= b->capacity)
        return AGNER_OK;
    capacity = b->capacity > SIZE_MAX / 2 ? SIZE_MAX : b->capacity * 2;
    if (capacity < CAPACITY_MIN)
        capacity = CAPACITY_MIN;
    if (b->size_max != 0 && capacity > b->size_max)
        capacity = b->size_max;
    if (capacity < need)
        capacity = need;
    data = realloc(b->data, capacity);
    if (data == NULL)
        return AGNER_ENOMEM;
    b->data = data;
    b->capacity = capacity;
    return AGNER_OK;
}

enum agner_err etf_buffer_add(struct etf_buffer *b, const void *bytes,
                              size_t size)
{
    enum agner_err err = etf_buffer_reserve(b, size);

    if (err != AGNER_OK)
        return err;
    if (size > 0)
        memcpy(b->data + b->size, bytes, size);
    b->size += size;
    return AGNER_OK;
}
