/*
 * block.c -- cursors that publishers wait for.
 *
 * `blocked_at` is the number of the first event that has no room, and belongs
 * to the slowest of the blocking cursors; only when that one moves is another
 * looked for. A cursor says that it has moved after a part of its window, or
 * when it has read all, so that most reads take no lock: publishers then wait
 * a little too early, never too late.
 */
#include "stream/stream.h"

#define PART 8u /* of a window */

static uint64_t room_of(const struct gen_cursor *c)
{
    uint64_t end;

    return __builtin_add_overflow(c->told, c->window, &end) ? UINT64_MAX : end;
}

static bool update(struct gen_stream *s)
{
    uint64_t before = s->blocked_at;
    struct gen_cursor *c;

    s->blocked_at = UINT64_MAX;
    s->slowest = NULL;
    for (c = s->blocking; c != NULL; c = c->blocking_next) {
        if (room_of(c) < s->blocked_at) {
            s->blocked_at = room_of(c);
            s->slowest = c;
        }
    }
    return s->blocked_at > before && s->senders.count != 0;
}

void gen__block_add(struct gen_cursor *c)
{
    struct gen_stream *s = c->stream;

    c->told = load_relaxed(&c->position);
    c->blocking_next = s->blocking;
    if (s->blocking != NULL)
        s->blocking->blocking_prev = c;
    s->blocking = c;
    if (room_of(c) < s->blocked_at) {
        s->blocked_at = room_of(c);
        s->slowest = c;
    }
}

bool gen__block_remove(struct gen_cursor *c)
{
    struct gen_stream *s = c->stream;

    if (c->blocking_prev == NULL)
        s->blocking = c->blocking_next;
    else
        c->blocking_prev->blocking_next = c->blocking_next;
    if (c->blocking_next != NULL)
        c->blocking_next->blocking_prev = c->blocking_prev;
    return s->slowest == c && update(s);
}

bool gen__block_moved(struct gen_cursor *c)
{
    c->told = load_relaxed(&c->position);
    return c->stream->slowest == c && update(c->stream);
}

/* `told` is written by this thread only, so it reads it without the lock. */
bool gen__block_due(const struct gen_cursor *c, uint64_t position)
{
    uint64_t part = c->window / PART;

    return position == c->known || position - c->told >= (part > 1 ? part : 1);
}
