/*
 * log_writer.c -- from a handler's queue to bytes: what its thread does.
 *
 * One round takes what waits, makes bytes of it, and writes them; then it says
 * what became of the events. Where events are missing, a line says how many. A
 * callback gets the events themselves.
 */
#include "log_internal.h"

#include <stdio.h>
#include <string.h>

#define BATCH      64u
#define BUFFER_MAX 65536u /* bytes that are written at once, about */

/* What became of the events of one round. */
struct outcome {
    uint64_t written, failed;
    struct agner_error error; /* why, if any failed */
};

static bool is_datagram(const struct log_handler *h)
{
    return h->options.kind == RT_LOG_JOURNALD;
}

/* ---- Bytes out ---------------------------------------------------------- */

/* Of `events` events, and the notes, in the buffer: how many are whole in the
 * part that was written? Each is a line; the newline in front that makes an end
 * for a torn one does not count. */
static uint64_t whole_events(const struct log_handler *h, size_t written,
                             bool torn, uint64_t events)
{
    const uint8_t *bytes = h->buffer.data;
    uint64_t lines = 0;

    for (size_t i = torn ? 1 : 0; i < written; i++)
        lines += bytes[i] == '\n';
    lines = lines > h->notes ? lines - h->notes : 0;
    return lines < events ? lines : events;
}

/* Writes the buffer's first `size` bytes, with `events` events in them, and
 * takes them out, written or not. */
static void put(struct log_handler *h, size_t size, uint64_t events,
                struct outcome *o)
{
    struct etf_buffer *b = &h->buffer;
    bool torn = h->torn; /* may change with the output */
    size_t written = rt__log_put(h, b->data, size, &o->error);
    uint64_t whole = events;

    if (written < size)
        whole = is_datagram(h) ? 0 : whole_events(h, written, torn, events);
    if (written > 0 && !is_datagram(h))
        h->torn = b->data[written - 1] != '\n';
    o->written += whole;
    o->failed += events - whole;
    h->untold += events - whole;
    if (written == size)
        h->untold -= h->telling;
    h->telling = 0;
    h->buffered -= events;
    h->notes = 0;
    b->size -= size;
    memmove(b->data, b->data + size, b->size);
    if (b->size > 0 && h->torn && etf_buffer_add(b, "\n", 1) == AGNER_OK) {
        memmove(b->data + 1, b->data, b->size - 1);
        b->data[0] = '\n'; /* as encode() begins a buffer */
    }
}

static void put_all(struct log_handler *h, struct outcome *o)
{
    if (h->buffer.size > 0)
        put(h, h->buffer.size, h->buffered, o);
}

/* Would the file be too long with all that is in the buffer? */
static bool is_too_long(const struct log_handler *h)
{
    return h->options.kind == RT_LOG_FILE && h->options.size_max > 0 &&
           h->output_size + h->buffer.size > h->options.size_max;
}

static enum agner_err encode(struct log_handler *h,
                             const struct rt_log_event *event)
{
    size_t had = h->buffer.size;
    enum agner_err err = AGNER_OK;

    if (h->output == NULL)           /* the style depends on it */
        (void)rt__log_open(h, NULL); /* put() tries again, and says why not */
    if (had == 0 && h->torn)
        err = etf_buffer_add(&h->buffer, "\n", 1);
    if (err == AGNER_OK)
        err = h->encode(&h->buffer, event, &h->style);
    if (err != AGNER_OK)
        h->buffer.size = had;
    return err;
}

static void add(struct log_handler *h, const struct rt_log_event *event,
                struct outcome *o)
{
    size_t had = h->buffer.size;
    enum agner_err err = encode(h, event);

    if (err != AGNER_OK) {
        (void)agner_fail(&o->error, err, "%s", agner_strerror(err));
        o->failed++;
        h->untold++;
        return;
    }
    h->buffered++;
    if (is_datagram(h) || h->buffer.size >= BUFFER_MAX)
        put_all(h, o);
    else if (h->buffered > 1 && is_too_long(h))
        put(h, had, h->buffered - 1, o);
}

/* ---- What is missing ---------------------------------------------------- */

static struct log_event *make_note(struct log_handler *h, const char *format,
                                   ...) __attribute__((format(printf, 2, 3)));

static struct log_event *make_note(struct log_handler *h, const char *format,
                                   ...)
{
    struct log_event *e;
    va_list args;

    va_start(args, format);
    e = rt__log_event_text(NULL, format, args);
    va_end(args);
    if (e == NULL)
        return NULL;
    e->event.time_us = rt_wall_ns(h->rt) / 1000u;
    e->event.level = RT_LOG_NOTICE; /* as OTP's, whatever the handler takes */
    e->event.node = rt_node(h->rt).name;
    return e;
}

/* Takes `note`, which may be NULL. False: there was no memory for it. */
static bool tell(struct log_handler *h, struct log_event *note,
                 struct outcome *o)
{
    bool said = note != NULL;

    if (note == NULL)
        return false;
    if (h->encode == NULL) {
        h->options.event(h->options.ctx, &note->event);
    } else if (encode(h, &note->event) == AGNER_OK) {
        h->notes++;
        if (is_datagram(h))
            put_all(h, o);
    } else {
        said = false;
    }
    rt_log_release(&note->event);
    return said;
}

static void tell_dropped(struct log_handler *h, uint64_t dropped,
                         struct outcome *o)
{
    struct log_event *note =
        make_note(h, "log: handler %s dropped %llu events: too many at a time",
                  h->id, (unsigned long long)dropped);

    (void)tell(h, note, o); /* they are counted all the same */
}

static void tell_failed(struct log_handler *h, struct outcome *o)
{
    struct log_event *note =
        make_note(h, "log: handler %s could not write %llu events: %s", h->id,
                  (unsigned long long)h->untold, h->error);

    h->telling = h->untold;
    if (!tell(h, note, o))
        h->telling = 0;
}

/* ---- Rounds ------------------------------------------------------------- */

/* Takes the entry's reference. */
static void deal(struct log_handler *h, const struct log_entry *entry,
                 struct outcome *o)
{
    const struct rt_log_event *event = &entry->event->event;

    if (entry->dropped > 0)
        tell_dropped(h, entry->dropped, o);
    if (h->encode == NULL) {
        h->options.event(h->options.ctx, event);
        o->written++;
    } else {
        if (h->untold > 0 && h->telling == 0)
            tell_failed(h, o);
        add(h, event, o);
    }
    rt_log_release(event);
}

static void finish(struct log_handler *h, size_t entries, struct outcome *o)
{
    if (h->encode != NULL)
        put_all(h, o);
    rt__log_done(h, entries, o->written, o->failed,
                 o->failed > 0 ? o->error.text : NULL);
}

/* False: there is nothing to do until *deadline_ns. */
static bool do_round(struct log_handler *h, uint64_t *deadline_ns)
{
    struct outcome o = { 0 };
    struct log_entry entries[BATCH];
    uint64_t dropped;
    size_t count = rt__log_take(h, entries, BATCH, &dropped, deadline_ns);

    if (count == 0 && dropped == 0)
        return false;
    if (count == 0)
        tell_dropped(h, dropped, &o);
    for (size_t i = 0; i < count; i++)
        deal(h, &entries[i], &o);
    finish(h, count, &o);
    return true;
}

void rt__log_writer(void *arg)
{
    struct log_handler *h = arg;

    for (;;) {
        uint32_t seen = load_acquire(&h->word);
        uint64_t deadline_ns;

        rt__log_reopen(h);
        if (do_round(h, &deadline_ns))
            continue;
        if (load_acquire(&h->stopping) != 0)
            return;
        h->world->wait(h->world->ctx, &h->word, seen, deadline_ns);
    }
}

void rt__log_write(struct log_handler *h, const struct log_entry *entry)
{
    struct outcome o = { 0 };

    deal(h, entry, &o);
    finish(h, 1, &o);
}

void rt__log_drain(struct log_handler *h)
{
    struct outcome o = { 0 };
    uint64_t deadline_ns;

    while (do_round(h, &deadline_ns))
        ;
    if (h->limit.dropped > 0) /* of a burst that is not over */
        tell_dropped(h, h->limit.dropped, &o);
    h->limit.dropped = 0;
    finish(h, 0, &o);
}
