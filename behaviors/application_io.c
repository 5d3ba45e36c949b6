/*
 * application_io.c -- what a group leader does with an I/O request.
 *
 * A master is nobody's terminal: it passes requests on to the leader that it
 * had itself, which answers to whoever asked. Where there is none, output goes
 * to the log, a line of it for each line of text, and there is no input.
 *
 * Source: OTP 25, The Erlang I/O Protocol.
 */
#include <stdlib.h>
#include <string.h>

#include "application_internal.h"

#define LINE_MAX_BYTES 1024 /* of the log; the rest of a line is cut */

/* Appends text that is an iolist, binary or list of characters. */
static bool add_chars(struct etf_buffer *b, etf_term chars)
{
    static const struct etf_print_options text = { .style = ETF_STYLE_S };

    if (etf_kind(chars) != ETF_KIND_NIL && etf_kind(chars) != ETF_KIND_LIST &&
        etf_kind(chars) != ETF_KIND_BINARY)
        return false;
    return etf_print(b, chars, &text) == AGNER_OK;
}

static void log_lines(struct gen *self, const char *name,
                      const struct etf_buffer *b)
{
    size_t start = 0;

    while (start < b->size) {
        const char *line = (const char *)b->data + start;
        const char *end = memchr(line, '\n', b->size - start);
        size_t size = end != NULL ? (size_t)(end - line) : b->size - start;

        rt_log_self(self, RT_LOG_NOTICE, "%s: %.*s", name,
                    (int)(size < LINE_MAX_BYTES ? size : LINE_MAX_BYTES), line);
        start += size + 1;
    }
}

/* {put_chars, Encoding, Chars}, or the older {put_chars, Chars}. */
static bool put_chars(struct gen *self, const char *name, etf_term request)
{
    struct etf_buffer b = { .size_max = 1u << 20 };
    etf_term chars;
    bool done;

    if (!etf_match(request, "{put_chars, unicode, _}", &chars) &&
        !etf_match(request, "{put_chars, latin1, _}", &chars) &&
        !etf_match(request, "{put_chars, _}", &chars))
        return false;
    done = add_chars(&b, chars);
    if (done)
        log_lines(self, name, &b);
    etf_buffer_fini(&b);
    return done;
}

/* Known, but not something that a log can do. */
static bool is_known(etf_term request)
{
    return etf_match(request, "{get_chars, __, __, __}") ||
           etf_match(request, "{get_line, __, __}") ||
           etf_match(request, "{get_until, __, __, __, __, __}") ||
           etf_match(request, "{get_password, __}") ||
           etf_match(request, "{get_geometry, __}") ||
           etf_match(request, "{setopts, __}") ||
           etf_match(request, "getopts") ||
           etf_match(request, "{put_chars, __, __, __, __}");
}

static etf_term serve(struct gen *self, const char *name, etf_term request)
{
    if (put_chars(self, name, request))
        return ETF_A(ok);
    if (is_known(request))
        return etf_make(self, "{error, enotsup}");
    return etf_make(self, "{error, request}");
}

/* {requests, [Request]}: until one fails. */
static etf_term serve_all(struct gen *self, const char *name, etf_term request)
{
    etf_term list, one, answer = ETF_A(ok);

    if (!etf_match(request, "{requests, _}", &list))
        return serve(self, name, request);
    while (etf_same(answer, ETF_A(ok)) && etf_list_next(&list, &one))
        answer = serve(self, name, one);
    return answer;
}

bool gen__application_io(struct gen *self, etf_pid leader, const char *name,
                         etf_term message)
{
    etf_term reply_as, request;
    etf_pid from;

    if (!etf_match(message, "{io_request, _, _, _}", &from, &reply_as,
                   &request))
        return false;
    if (!etf_pid_is_none(leader) && !etf_pid_equal(leader, rt_self(self)) &&
        rt_send_pid(self, leader, message) == AGNER_OK)
        return true;
    (void)rt_send_pid(self, from, /* who may be gone */
                      etf_make(self, "{io_reply, _, _}", reply_as,
                               serve_all(self, name, request)));
    return true;
}
