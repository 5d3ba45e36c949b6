/*
 * io_device.c -- a device from the inside: every request of the I/O protocol,
 * answered as `user` of an Erlang node without a terminal does.
 *
 * Text comes as such, or as a function of io_lib with its arguments: those that
 * module io sends are evaluated here. Requests without an encoding are Latin-1.
 * Source: OTP 25, "The Erlang I/O Protocol", and what its `user` answers.
 */
#include <string.h>

#include <agner/gen.h>

struct request {
    struct gen *self;
    const struct gen_io_device *device; /* borrowed */
    void *ctx;                          /* the device's */
};

/* ---- Text --------------------------------------------------------------- */

/* What module io has evaluated by a device; a NULL format is the first of the
 * arguments, the others are its arguments. */
static const struct {
    const char *function;
    int64_t arity;
    const char *format;
} functions[] = {
    { "format", 2, NULL }, { "fwrite", 2, NULL }, { "write", 1, "~w" },
    { "write", 2, "~W" },  { "print", 1, "~p" },  { "nl", 0, "~n" },
};

static enum agner_err evaluate(struct etf_buffer *text, struct gen *self,
                               etf_term module, etf_term function,
                               etf_term args)
{
    int64_t arity = etf_list_size(args);
    etf_term format;

    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (!etf_atom_is(module, "io_lib") ||
            !etf_atom_is(function, functions[i].function) ||
            functions[i].arity != arity)
            continue;
        if (functions[i].format != NULL)
            return etf_io_format(
                text, etf_string(rt_region(self), functions[i].format), args,
                NULL);
        if (!etf_match(args, "[_, _]", &format, &args))
            return AGNER_EINVAL;
        return etf_io_format(text, format, args, NULL);
    }
    return AGNER_EINVAL;
}

static bool is_latin1(const struct etf_buffer *text)
{
    for (size_t i = 0; i < text->size; i++)
        if (text->data[i] > 0xc3) /* the first byte of 256 and above */
            return false;
    return true;
}

static bool get_encoding(etf_term encoding, bool *is_unicode)
{
    *is_unicode = etf_atom_is(encoding, "unicode");
    return *is_unicode || etf_atom_is(encoding, "latin1");
}

/* A request to write, as text. AGNER_ENOTSUP: it is another request. */
static enum agner_err get_text(struct gen *self, etf_term request,
                               struct etf_buffer *text)
{
    etf_term encoding = etf_atom("latin1"), chars, m, f, args;
    bool is_unicode;
    enum agner_err err;

    if (etf_match(request, "{put_chars, _, _}", &encoding, &chars) ||
        etf_match(request, "{put_chars, _}", &chars)) {
        if (!get_encoding(encoding, &is_unicode))
            return AGNER_ENOTSUP;
        if (etf_is_atom(chars)) /* which ~s would take */
            return AGNER_EINVAL;
        return etf_io_format(
            text, etf_string(rt_region(self), is_unicode ? "~ts" : "~s"),
            etf_make(self, "[_]", chars), NULL);
    }
    if (!etf_match(request, "{put_chars, _, _, _, _}", &encoding, &m, &f,
                   &args) &&
        !etf_match(request, "{put_chars, _, _, _}", &m, &f, &args))
        return AGNER_ENOTSUP;
    if (!get_encoding(encoding, &is_unicode))
        return AGNER_ENOTSUP;
    err = evaluate(text, self, m, f, args);
    if (err == AGNER_OK && !is_unicode && !is_latin1(text))
        return AGNER_EINVAL;
    return err;
}

static etf_term write_text(struct request *r, const struct etf_buffer *text)
{
    const etf_bytes bytes = { text->data, text->size };

    if (text->size == 0 || r->device->write(r->self, r->ctx, bytes) == AGNER_OK)
        return ETF_A(ok);
    return etf_make(r->self, "{error, terminated}");
}

/* ETF_NONE: it was no request to write. */
static etf_term put_chars(struct request *r, etf_term request)
{
    struct etf_buffer text = { .size_max = GEN_IO_TEXT_MAX };
    enum agner_err err = get_text(r->self, request, &text);
    etf_term answer = ETF_NONE;

    if (err == AGNER_OK)
        answer = write_text(r, &text);
    else if (err != AGNER_ENOTSUP)
        answer = etf_make(r->self, "{error, put_chars}");
    etf_buffer_fini(&text);
    return answer;
}

/* ---- Other requests ----------------------------------------------------- */

/* Text, or {format, Format, Args}. What is neither is not written. */
static void put_prompt(struct request *r, etf_term prompt)
{
    struct etf_buffer text = { .size_max = GEN_IO_TEXT_MAX };
    etf_term format = etf_string(rt_region(r->self), "~ts");
    etf_term args = etf_make(r->self, "[_]", prompt);

    (void)etf_match(prompt, "{format, _, _}", &format, &args);
    if (etf_io_format(&text, format, args, NULL) == AGNER_OK)
        (void)write_text(r, &text);
    etf_buffer_fini(&text);
}

/* There is no input. */
static bool is_read(etf_term request, etf_term *prompt)
{
    return etf_match(request, "{get_line, __, _}", prompt) ||
           etf_match(request, "{get_line, _}", prompt) ||
           etf_match(request, "{get_chars, __, _, __}", prompt) ||
           etf_match(request, "{get_chars, _, __}", prompt) ||
           etf_match(request, "{get_until, __, _, __, __, __}", prompt) ||
           etf_match(request, "{get_until, _, __, __, __}", prompt);
}

/* What is so already may be set. */
static bool is_option(etf_term option)
{
    return etf_match(option, "{encoding, unicode}") ||
           etf_match(option, "{encoding, utf8}") ||
           etf_match(option, "{binary, false}") || etf_match(option, "list");
}

static etf_term set_options(struct request *r, etf_term options)
{
    etf_term one;

    while (etf_list_next(&options, &one))
        if (!is_option(one))
            return etf_make(r->self, "{error, enotsup}");
    return ETF_A(ok);
}

static etf_term serve(struct request *r, etf_term request)
{
    etf_term answer = put_chars(r, request), part;

    if (!etf_is_none(answer))
        return answer;
    if (is_read(request, &part)) {
        put_prompt(r, part);
        return etf_make(r->self, "eof");
    }
    if (etf_match(request, "getopts"))
        return etf_make(r->self, "[{binary, false}, {encoding, unicode}]");
    if (etf_match(request, "{setopts, _}", &part) && etf_list_size(part) >= 0)
        return set_options(r, part);
    if (etf_match(request, "{get_geometry, columns}") ||
        etf_match(request, "{get_geometry, rows}"))
        return etf_make(r->self, "{error, enotsup}");
    return etf_make(r->self, "{error, {request, _}}", request);
}

/* {requests, [Request]}: until one fails. */
static etf_term serve_all(struct request *r, etf_term request)
{
    etf_term list, one, answer = ETF_A(ok);

    if (!etf_match(request, "{requests, _}", &list) || etf_list_size(list) < 0)
        return serve(r, request);
    while (!etf_is_tagged(answer, ETF_A(error), 2) &&
           etf_list_next(&list, &one))
        answer = serve(r, one);
    return answer;
}

bool gen_io_serve(struct gen *self, const struct gen_io_device *device,
                  void *ctx, etf_term message)
{
    struct request r = { self, device, ctx };
    etf_term reply_as, request;
    etf_pid from;

    if (!etf_match(message, "{io_request, _, _, _}", &from, &reply_as,
                   &request))
        return false;
    (void)rt_send_pid(
        self, from, /* who may be gone */
        etf_make(self, "{io_reply, _, _}", reply_as, serve_all(&r, request)));
    return true;
}
