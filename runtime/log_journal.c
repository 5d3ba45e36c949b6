/*
 * log_journal.c -- an event as journald takes it: a datagram of fields.
 *
 * A field is NAME=VALUE and a newline, or, when the value has one itself, NAME,
 * a newline, the value's size in 8 bytes, least significant first, the value,
 * and a newline. Source: systemd, "Native Journal Protocol".
 */
#include "log_internal.h"

#include <stdio.h>
#include <string.h>

struct fields {
    struct etf_buffer *b;
    enum agner_err err;
};

static void add(struct fields *f, const void *bytes, size_t size)
{
    if (f->err == AGNER_OK)
        f->err = etf_buffer_add(f->b, bytes, size);
}

static void put(struct fields *f, const char *name, const void *value,
                size_t size)
{
    uint8_t length[8];

    add(f, name, strlen(name));
    if (size > 0 && memchr(value, '\n', size) != NULL) {
        for (unsigned i = 0; i < sizeof length; i++)
            length[i] = (uint8_t)((uint64_t)size >> (8 * i));
        add(f, "\n", 1);
        add(f, length, sizeof length);
    } else {
        add(f, "=", 1);
    }
    add(f, value, size);
    add(f, "\n", 1);
}

static void put_term(struct fields *f, const char *name, etf_term t,
                     enum etf_style style)
{
    struct etf_print_options options = { .style = style };
    struct etf_buffer text = { 0 };

    if (etf_is_none(t))
        return;
    if (f->err == AGNER_OK)
        f->err = etf_print(&text, t, &options);
    put(f, name, text.data, text.size);
    etf_buffer_fini(&text);
}

static void put_number(struct fields *f, const char *name, uint64_t number)
{
    char text[24];
    int size = snprintf(text, sizeof text, "%llu", (unsigned long long)number);

    put(f, name, text, (size_t)size);
}

static void put_message(struct fields *f, const struct rt_log_event *event)
{
    struct etf_buffer words = { 0 };

    if (event->text != NULL) {
        put(f, "MESSAGE", event->text, event->text_size);
        return;
    }
    if (f->err == AGNER_OK)
        f->err = rt__log_report(&words, event->report);
    put(f, "MESSAGE", words.data, words.size);
    etf_buffer_fini(&words);
    put_term(f, "AGNER_REPORT", event->report, ETF_STYLE_TP);
}

enum agner_err rt__log_journal(struct etf_buffer *b,
                               const struct rt_log_event *event,
                               const struct log_style *style)
{
    struct fields f = { .b = b };
    struct log_pid room;
    size_t had = b->size;

    (void)style;
    put_message(&f, event);
    put_number(&f, "PRIORITY",
               (uint64_t)(event->level - RT_LOG_EMERGENCY)); /* syslog's */
    put(&f, "SYSLOG_IDENTIFIER", "agner", 5);
    put_number(&f, "AGNER_TIME_USEC", event->time_us);
    put_term(&f, "AGNER_NODE", event->node, ETF_STYLE_S);
    put_term(&f, "AGNER_APPLICATION", event->application, ETF_STYLE_S);
    put_term(&f, "AGNER_NAME", event->name, ETF_STYLE_S);
    put_term(&f, "AGNER_PID", rt__log_pid(&room, event), ETF_STYLE_TP);
    if (event->file != NULL) {
        put(&f, "CODE_FILE", event->file, strlen(event->file));
        put_number(&f, "CODE_LINE", event->line);
    }
    if (f.err != AGNER_OK)
        b->size = had;
    return f.err;
}
