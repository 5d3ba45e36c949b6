/*
 * log_event.c -- events: made, within their limits, and shared by count.
 *
 * An event is one allocation with its texts behind it, and a box for its
 * report. It does not change once it is given out.
 */
#include "log_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

#define AT_ONCE        512 /* bytes of text that need no second formatting */
#define FILE_MAX_BYTES 255

static struct log_event *new_event(size_t texts)
{
    struct log_event *e = calloc(1, sizeof *e + texts);

    if (e == NULL)
        return NULL;
    store_relaxed(&e->refs, 1u);
    e->bytes = (uint32_t)(sizeof *e + texts); /* texts are bounded */
    return e;
}

/* What is not UTF-8 becomes '?', byte by byte, so that every handler may rely
 * on it. */
static void mend(char *text, size_t size)
{
    size_t at = 0;

    while (at < size) {
        uint32_t point;
        unsigned took =
            etf__utf8_next((const uint8_t *)text + at, size - at, &point);

        if (took == 0)
            text[at++] = '?';
        else
            at += took;
    }
}

/* Ends a text that is full with "...", not in the middle of a character. */
static size_t cut(char *text, size_t size)
{
    size_t at = size - 3;

    while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80)
        at--;
    memcpy(text + at, "...", 4);
    return at + 3;
}

/* The text is behind the file's name: `size` bytes, of which as many as fit
 * were formatted. */
static void settle_text(struct log_event *e, const char *file, size_t name,
                        size_t size)
{
    char *text = e->texts + name;

    if (file != NULL) {
        memcpy(e->texts, file, name - 1);
        e->event.file = e->texts;
    }
    if (size > RT_LOG_TEXT_MAX)
        size = cut(text, RT_LOG_TEXT_MAX);
    while (size > 0 && text[size - 1] == '\n')
        text[--size] = '\0'; /* as many a caller ends its line */
    mend(text, size);
    e->event.text = text;
    e->event.text_size = size;
}

struct log_event *rt__log_event_text(const char *file, const char *format,
                                     va_list args)
{
    char at_once[AT_ONCE];
    struct log_event *e;
    size_t name = 0, size, room;
    va_list again;
    int length;

    va_copy(again, args);
    length = vsnprintf(at_once, sizeof at_once, format, args);
    if (length < 0) /* the format is no format */
        length = snprintf(at_once, sizeof at_once,
                          "cannot be formatted: %.200s", format);
    size = (size_t)length;
    if (file != NULL)
        name = strnlen(file, FILE_MAX_BYTES) + 1;
    room = (size < RT_LOG_TEXT_MAX ? size : RT_LOG_TEXT_MAX) + 1;
    e = new_event(name + room);
    if (e != NULL && size < sizeof at_once)
        memcpy(e->texts + name, at_once, size);
    else if (e != NULL)
        (void)vsnprintf(e->texts + name, room, format, again);
    va_end(again);
    if (e != NULL)
        settle_text(e, file, name, size);
    return e;
}

struct log_event *rt__log_event_report(etf_term report)
{
    struct log_event *e = new_event(0);
    struct etf_region *r = etf_region_new(0);
    etf_term pruned = ETF_NONE;

    if (e != NULL && r != NULL)
        pruned = rt__log_prune(r, report, RT_LOG_DEPTH_MAX, RT_LOG_REPORT_MAX);
    if (!etf_is_none(pruned))
        e->report = etf_box_new(pruned);
    etf_region_free(r);
    if (e == NULL || e->report == NULL) {
        free(e);
        return NULL;
    }
    e->event.report = etf_box_term(e->report);
    e->bytes += e->report->word_count * (uint32_t)sizeof(uint64_t);
    return e;
}

void rt_log_hold(const struct rt_log_event *event)
{
    /* An event is a log_event of ours, which handlers may only look at. */
    struct log_event *e = (struct log_event *)(uintptr_t)event;

    add_relaxed(&e->refs, 1u);
}

void rt_log_release(const struct rt_log_event *event)
{
    struct log_event *e = (struct log_event *)(uintptr_t)event;

    /* Acquire and release: the last one frees what all others have read. */
    if (sub_acq_rel(&e->refs, 1u) != 1)
        return;
    etf_box_free(e->report);
    free(e);
}

etf_term rt__log_pid(struct log_pid *room, const struct rt_log_event *event)
{
    etf__region_init(&room->region, room->words,
                     sizeof room->words / sizeof *room->words, 1);
    return etf_pid_is_none(event->pid)
               ? ETF_NONE
               : etf_from_pid(&room->region, event->pid);
}

char *rt_log_format(char *buffer, size_t size, const struct rt_log_event *event)
{
    struct etf_buffer b = { 0 };
    size_t length;

    if (size == 0)
        return buffer;
    if (event->text != NULL)
        length = (size_t)snprintf(buffer, size, "%s", event->text);
    else if (rt__log_report(&b, event->report) == AGNER_OK)
        length = (size_t)snprintf(buffer, size, "%.*s", (int)b.size,
                                  (const char *)b.data);
    else
        length = (size_t)snprintf(buffer, size, "(no memory for a report)");
    etf_buffer_fini(&b);
    if (length >= size && size > 4)
        length = cut(buffer, size - 1);
    for (char *c = buffer; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' '; /* one line must not look like two */
    return buffer;
}
