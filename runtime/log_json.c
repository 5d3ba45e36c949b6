/*
 * log_json.c -- an event as one line of JSON: docs/logging.md has the keys.
 */
#include "log_internal.h"

#include <stdio.h>
#include <string.h>

/* An object that is being written; the first error stays. */
struct object {
    struct etf_buffer *b;
    enum agner_err err;
};

static void put(struct object *o, const char *text)
{
    if (o->err == AGNER_OK)
        o->err = etf_buffer_add(o->b, text, strlen(text));
}

/* The key of the next member; our keys need no escapes. */
static void put_key(struct object *o, const char *key)
{
    put(o, "\"");
    put(o, key);
    put(o, "\":");
}

static void put_text(struct object *o, const char *key, const void *text,
                     size_t size)
{
    put(o, ",");
    put_key(o, key);
    if (o->err == AGNER_OK)
        o->err = etf_json_text(o->b, text, size);
}

static void put_term(struct object *o, const char *key, etf_term t)
{
    if (etf_is_none(t))
        return;
    put(o, ",");
    put_key(o, key);
    if (o->err == AGNER_OK)
        o->err = etf_json(o->b, t);
}

static void put_message(struct object *o, const struct rt_log_event *event)
{
    struct etf_buffer words = { 0 };

    if (event->text != NULL) {
        put_text(o, "text", event->text, event->text_size);
        return;
    }
    if (o->err == AGNER_OK)
        o->err = rt__log_report(&words, event->report);
    put_text(o, "text", words.data, words.size);
    etf_buffer_fini(&words);
    put_term(o, "report", event->report);
}

enum agner_err rt__log_json(struct etf_buffer *b,
                            const struct rt_log_event *event,
                            const struct log_style *style)
{
    struct object o = { .b = b };
    const char *level = rt_log_level_name(event->level);
    size_t had = b->size;
    struct log_pid room;
    char text[32];

    (void)style; /* JSON has none */
    rt__log_time(text, event->time_us, 6);
    put(&o, "{");
    put_key(&o, "time");
    put(&o, "\"");
    put(&o, text);
    put(&o, "\"");
    put_text(&o, "level", level, strlen(level));
    put_term(&o, "node", event->node);
    put_term(&o, "application", event->application);
    put_term(&o, "name", event->name);
    put_term(&o, "pid", rt__log_pid(&room, event));
    put_message(&o, event);
    if (event->file != NULL) {
        put_text(&o, "file", event->file, strlen(event->file));
        (void)snprintf(text, sizeof text, ",\"line\":%u", event->line);
        put(&o, text);
    }
    put(&o, "}\n");
    if (o.err != AGNER_OK)
        b->size = had;
    return o.err;
}
