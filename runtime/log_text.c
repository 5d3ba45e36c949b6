/*
 * log_text.c -- an event as a line of text.
 *
 *     2026-11-26T14:05:09.120Z error [shop counter <0.12.0>] the text
 *
 * In the brackets stands what is known of application, name and pid, and first
 * the node of what another one has told. What would
 * make one line look like two, or steer a terminal, is a space.
 */
#include "log_internal.h"

#include <stdio.h>
#include <string.h>

#define DAY_S 86400u

/* Year, month and day of a day since 1970: the calendar's 400 years have
 * 146,097 days, and years that begin in March end with the leap day. */
static void civil(uint64_t day, unsigned *year, unsigned *month, unsigned *mday)
{
    uint64_t shifted = day + 719468; /* since the first of March of year 0 */
    uint64_t era = shifted / 146097, of_era = shifted % 146097;
    uint64_t y =
        (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    uint64_t m = (5 * of_year + 2) / 153;

    *mday = (unsigned)(of_year - (153 * m + 2) / 5 + 1);
    *month = (unsigned)(m < 10 ? m + 3 : m - 9);
    *year = (unsigned)(era * 400 + y) + (*month <= 2);
}

void rt__log_time(char text[32], uint64_t time_us, unsigned digits)
{
    uint64_t s = time_us / 1000000u;
    unsigned of_day = (unsigned)(s % DAY_S);
    unsigned fraction = (unsigned)(time_us % 1000000u);
    unsigned year, month, mday;

    civil(s / DAY_S, &year, &month, &mday);
    if (digits == 3)
        fraction /= 1000;
    (void)snprintf(text, 32, "%04u-%02u-%02uT%02u:%02u:%02u.%0*uZ",
                   year % 10000, month, mday, of_day / 3600, of_day / 60 % 60,
                   of_day % 60, (int)digits, fraction);
}

static const char *colour_of(enum rt_log_level level)
{
    switch (level) {
    case RT_LOG_EMERGENCY:
    case RT_LOG_ALERT:
    case RT_LOG_CRITICAL:
        return "\033[1;31m";
    case RT_LOG_ERROR:
        return "\033[31m";
    case RT_LOG_WARNING:
        return "\033[33m";
    case RT_LOG_DEBUG:
        return "\033[2m";
    case RT_LOG_NOTICE:
    case RT_LOG_INFO:
    case RT_LOG_NONE:
    case RT_LOG_DEFAULT:
        break;
    }
    return "";
}

static enum agner_err put(struct etf_buffer *b, const char *text)
{
    return etf_buffer_add(b, text, strlen(text));
}

static enum agner_err put_head(struct etf_buffer *b,
                               const struct rt_log_event *event, bool colour)
{
    const char *before = colour ? colour_of(event->level) : "";
    char time[32], head[80];

    rt__log_time(time, event->time_us, 3);
    (void)snprintf(head, sizeof head, "%s %s%s%s", time, before,
                   rt_log_level_name(event->level),
                   before[0] != '\0' ? "\033[0m" : "");
    return put(b, head);
}

/* One of the words in the brackets. */
static enum agner_err put_word(struct etf_buffer *b, bool *open, etf_term word)
{
    static const struct etf_print_options plain = { .style = ETF_STYLE_TP,
                                                    .bytes_max = 300 };
    enum agner_err err;

    if (etf_is_none(word))
        return AGNER_OK;
    err = put(b, *open ? " " : " [");
    *open = true;
    return err == AGNER_OK ? etf_print(b, word, &plain) : err;
}

static enum agner_err put_who(struct etf_buffer *b,
                              const struct rt_log_event *event)
{
    struct log_pid room;
    etf_term pid = rt__log_pid(&room, event);
    bool open = false;
    enum agner_err err = AGNER_OK;

    if (!etf_pid_is_local(event->pid))
        err = put_word(b, &open, event->node);
    if (err == AGNER_OK)
        err = put_word(b, &open, event->application);
    if (err == AGNER_OK)
        err = put_word(b, &open, event->name);
    if (err == AGNER_OK)
        err = put_word(b, &open, pid);
    if (err == AGNER_OK && open)
        err = put(b, "]");
    return err == AGNER_OK ? put(b, " ") : err;
}

enum agner_err rt__log_text(struct etf_buffer *b,
                            const struct rt_log_event *event,
                            const struct log_style *style)
{
    size_t had = b->size, message;
    enum agner_err err = put_head(b, event, style->colour);

    if (err == AGNER_OK)
        err = put_who(b, event);
    message = b->size;
    if (err == AGNER_OK && event->text != NULL)
        err = etf_buffer_add(b, event->text, event->text_size);
    else if (err == AGNER_OK)
        err = rt__log_report(b, event->report);
    for (size_t i = message; err == AGNER_OK && i < b->size; i++)
        if (b->data[i] < 0x20 || b->data[i] == 0x7f)
            b->data[i] = ' ';
    if (err == AGNER_OK)
        err = put(b, "\n");
    if (err != AGNER_OK)
        b->size = had;
    return err;
}
