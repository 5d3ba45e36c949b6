/*
 * logger.c -- `logger` and `logger_proxy`: what other nodes log here.
 *
 * An Erlang node sends an event here whose process was started from here, and
 * so has its group leader here. It is logged with its level, its process and
 * its time. A report is shown as a report: a fun that would put it in words is
 * code of the other node. Nobody is answered.
 *
 *   message                              what it is
 *   -----------------------------------  --------------------------------
 *   {log, Level, Format, Args, Meta}     io_lib:format(Format, Args)
 *   {log, Level, Text or Report, Meta}   a report is a map, or a list of
 *                                        pairs
 *
 * Source: OTP 25, logger_proxy; spec/distribution.md 13.
 */
#include "kernel_internal.h"

struct event {
    enum rt_log_level level;
    etf_pid pid;
    uint64_t time_us;
};

static enum gen_next logger_init(struct gen *self, etf_term args)
{
    (void)args;
    /* The older name; whoever has it already keeps it. */
    (void)rt_register_self(self, etf_atom("logger"));
    return GEN_NEXT;
}

/* What is not there is left as it is. */
static void read_meta(etf_term meta, struct event *e)
{
    (void)etf_match(meta, "#{pid => _}", &e->pid);
    (void)etf_match(meta, "#{time => _}", &e->time_us);
}

/* [{Key, Value} | _] is what OTP takes for a report, too. */
static bool is_report(etf_term t)
{
    etf_term one;

    return etf_kind(t) == ETF_KIND_MAP ||
           (etf_list_next(&t, &one) && etf_tuple_size(one) == 2);
}

static void log_text(struct gen *self, const struct event *e, etf_term format,
                     etf_term args)
{
    struct etf_region *r = rt_region(self);
    struct etf_buffer text = { .size_max = GEN_IO_TEXT_MAX };
    enum agner_err err = etf_io_format(&text, format, args, NULL);

    if (err == AGNER_EINVAL) /* OTP's words */
        err = etf_io_format(&text, etf_string(r, "FORMAT ERROR: ~0tp - ~0tp"),
                            etf_make(r, "[_, _]", format, args), NULL);
    if (err == AGNER_OK)
        err = etf_buffer_add(&text, "", 1);
    if (err == AGNER_OK)
        rt_log_told(rt_of(self), e->level, e->pid, e->time_us,
                    (const char *)text.data, ETF_NONE);
    etf_buffer_fini(&text);
}

static bool read_level(etf_term term, enum rt_log_level *level)
{
    char name[16];

    return etf_is_atom(term) && etf_get_text(term, name, sizeof name) &&
           rt_log_level_parse(name, level) && *level >= RT_LOG_EMERGENCY;
}

static enum gen_next logger_info(struct gen *self, etf_term message)
{
    struct event e = { .level = RT_LOG_NOTICE };
    etf_term level, what, args = ETF_NONE, meta;

    if (!etf_match(message, "{log, _, _, _, _}", &level, &what, &args, &meta) &&
        !etf_match(message, "{log, _, _, _}", &level, &what, &meta))
        return GEN_NEXT;
    if (!read_level(level, &e.level))
        return GEN_NEXT;
    read_meta(meta, &e);
    if (!etf_is_none(args))
        log_text(self, &e, what, args);
    else if (is_report(what))
        rt_log_told(rt_of(self), e.level, e.pid, e.time_us, NULL, what);
    else
        log_text(self, &e, etf_string(rt_region(self), "~ts"),
                 etf_make(self, "[_]", what));
    return GEN_NEXT;
}

const struct gen_server kernel__logger = {
    .name = "logger_proxy",
    .init = logger_init,
    .handle_cast = kernel__drop,
    .handle_info = logger_info,
};
