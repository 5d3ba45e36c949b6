/*
 * io.c -- a device as its user sees it: a request, and one answer.
 *
 * The device is watched meanwhile, so that its end is an answer too.
 */
#include <agner/gen.h>

struct answer {
    etf_ref ref; /* of the monitor, and what the reply goes by */
    etf_term reply, reason;
};

static bool is_answer(void *ctx, etf_term message)
{
    struct answer *a = ctx;
    etf_ref ref;

    return (etf_match(message, "{io_reply, _, _}", &ref, &a->reply) ||
            etf_match(message, "{'DOWN', _, process, __, _}", &ref,
                      &a->reason)) &&
           etf_ref_equal(ref, a->ref);
}

static enum agner_err why_down(etf_term reason)
{
    if (etf_same(reason, ETF_A(noproc)))
        return AGNER_ENOPROC;
    if (etf_same(reason, ETF_A(noconnection)))
        return AGNER_ENODEDOWN;
    return AGNER_EEXIT;
}

static enum agner_err await(struct gen *self, struct answer *a)
{
    etf_term message;
    enum agner_err err =
        rt_receive_match(self, is_answer, a, RT_INFINITY, &message);

    if (err == AGNER_OK && etf_is_none(a->reply))
        return why_down(a->reason);
    (void)rt_demonitor(self, a->ref, true); /* it may have ended since */
    return err;
}

static etf_term own_device(struct gen *self)
{
    etf_pid leader = rt_group_leader(self);

    /* A process that inherits no leader is its own. */
    if (etf_pid_equal(leader, rt_self(self)))
        return etf_atom("user");
    return etf_from_pid(rt_region(self), leader);
}

enum agner_err gen_io_request(struct gen *self, etf_term device,
                              etf_term request, etf_term *reply)
{
    struct answer a = { .reply = ETF_NONE, .reason = ETF_NONE };
    etf_term message;
    etf_pid pid;
    enum agner_err err;

    if (etf_is_none(device))
        device = own_device(self);
    if (etf_is_atom(device)) {
        err = rt_whereis(rt_of(self), device, &pid);
        if (err != AGNER_OK)
            return err;
        device = etf_from_pid(NULL, pid);
    }
    if (etf_same(device, rt_self_term(self)))
        return AGNER_ECALLSELF;
    err = rt_monitor(self, device, 0, &a.ref);
    if (err != AGNER_OK)
        return err;
    message =
        etf_make(self, "{io_request, _, _, _}", rt_self(self), a.ref, request);
    /* Where it is gone by now, the monitor says so. */
    err = etf_is_none(message) ? AGNER_ENOMEM : rt_send(self, device, message);
    if (err == AGNER_OK || err == AGNER_ENOPROC || err == AGNER_ENONAME)
        err = await(self, &a);
    else
        (void)rt_demonitor(self, a.ref, true);
    if (err != AGNER_OK)
        return err;
    if (reply != NULL)
        *reply = a.reply;
    return etf_is_tagged(a.reply, ETF_A(error), 2) ? AGNER_ENOTSUP : AGNER_OK;
}

enum agner_err gen_io_put_chars(struct gen *self, etf_term device,
                                etf_term chars)
{
    return gen_io_request(
        self, device, etf_make(self, "{put_chars, unicode, _}", chars), NULL);
}

enum agner_err gen_io_format(struct gen *self, etf_term device,
                             const char *format, etf_term args)
{
    etf_term text = etf_string(rt_region(self), format);

    return gen_io_request(self, device,
                          etf_make(self,
                                   "{put_chars, unicode, io_lib, format, "
                                   "[_, _]}",
                                   text, args),
                          NULL);
}

enum agner_err gen_io_get_line(struct gen *self, etf_term device,
                               const char *prompt, etf_term *line)
{
    etf_term text = etf_string(rt_region(self), prompt);

    return gen_io_request(self, device,
                          etf_make(self, "{get_line, unicode, _}", text), line);
}

enum agner_err gen_io_getopts(struct gen *self, etf_term device,
                              etf_term *options)
{
    return gen_io_request(self, device, etf_make(self, "getopts"), options);
}

enum agner_err gen_io_setopts(struct gen *self, etf_term device,
                              etf_term options)
{
    return gen_io_request(self, device, etf_make(self, "{setopts, _}", options),
                          NULL);
}

static enum agner_err geometry(struct gen *self, etf_term device,
                               etf_term request, uint32_t *value)
{
    etf_term reply;
    enum agner_err err = gen_io_request(self, device, request, &reply);

    if (err != AGNER_OK)
        return err;
    return etf_match(reply, "_", value) ? AGNER_OK : AGNER_ENOTSUP;
}

enum agner_err gen_io_columns(struct gen *self, etf_term device,
                              uint32_t *columns)
{
    return geometry(self, device, etf_make(self, "{get_geometry, columns}"),
                    columns);
}

enum agner_err gen_io_rows(struct gen *self, etf_term device, uint32_t *rows)
{
    return geometry(self, device, etf_make(self, "{get_geometry, rows}"), rows);
}
