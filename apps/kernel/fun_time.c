/*
 * fun_time.c -- clocks for other nodes: erlang and os.
 *
 * The native unit is the nanosecond, as of Erlang on Linux. Source: OTP 25,
 * erlang(3), erlang:time_unit().
 */
#include "functions.h"

#include <time.h>

#define SECOND_NS 1000000000u

/* Parts of a second that a unit is; 0: it is none. */
static uint64_t parts_of(etf_term unit)
{
    static const struct {
        const char *name;
        uint64_t parts;
    } units[] = {
        { "second", 1 },
        { "millisecond", 1000 },
        { "microsecond", 1000000 },
        { "nanosecond", SECOND_NS },
        { "native", SECOND_NS },
        { "perf_counter", SECOND_NS },
        { "seconds", 1 },
        { "milli_seconds", 1000 },
        { "micro_seconds", 1000000 },
        { "nano_seconds", SECOND_NS },
    };
    uint64_t parts;

    if (etf_get_uint(unit, &parts))
        return parts;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (etf_atom_is(unit, units[i].name))
            return units[i].parts;
    return 0;
}

/* `ns` in the unit that `args` name; native without. */
static enum gen_rpc_class in_unit(struct gen *self, etf_term args, uint64_t ns,
                                  etf_term *result)
{
    uint64_t parts = SECOND_NS;
    etf_term unit;
    __uint128_t value;

    if (etf_list_next(&args, &unit))
        parts = parts_of(unit);
    value = (__uint128_t)ns * parts / SECOND_NS;
    if (parts == 0 || value > UINT64_MAX)
        return gen_rpc_badarg(result);
    return fun_value(result, etf_uint(rt_region(self), (uint64_t)value));
}

static enum gen_rpc_class system_time(struct gen *self, etf_term args,
                                      etf_term *result)
{
    return in_unit(self, args, rt_wall_ns(rt_of(self)), result);
}

static enum gen_rpc_class monotonic_time(struct gen *self, etf_term args,
                                         etf_term *result)
{
    return in_unit(self, args, rt_now_ns(rt_of(self)), result);
}

static enum gen_rpc_class timestamp(struct gen *self, etf_term args,
                                    etf_term *result)
{
    uint64_t us = rt_wall_ns(rt_of(self)) / 1000;
    uint64_t s = us / 1000000;

    (void)args;
    return fun_value(result, etf_make(self, "{_, _, _}", s / 1000000,
                                      s % 1000000, us % 1000000));
}

static bool calendar(struct gen *self, bool local, struct tm *tm)
{
    time_t s = (time_t)(rt_wall_ns(rt_of(self)) / SECOND_NS);

    return (local ? localtime_r(&s, tm) : gmtime_r(&s, tm)) != NULL;
}

static etf_term date_of(struct gen *self, const struct tm *tm)
{
    return etf_make(self, "{_, _, _}", tm->tm_year + 1900, tm->tm_mon + 1,
                    tm->tm_mday);
}

static etf_term time_of(struct gen *self, const struct tm *tm)
{
    return etf_make(self, "{_, _, _}", tm->tm_hour, tm->tm_min, tm->tm_sec);
}

static enum gen_rpc_class both(struct gen *self, bool local, etf_term *result)
{
    struct tm tm;

    if (!calendar(self, local, &tm))
        return gen_rpc_badarg(result);
    return fun_value(result, etf_make(self, "{_, _}", date_of(self, &tm),
                                      time_of(self, &tm)));
}

static enum gen_rpc_class universaltime(struct gen *self, etf_term args,
                                        etf_term *result)
{
    (void)args;
    return both(self, false, result);
}

static enum gen_rpc_class localtime_0(struct gen *self, etf_term args,
                                      etf_term *result)
{
    (void)args;
    return both(self, true, result);
}

static enum gen_rpc_class date_0(struct gen *self, etf_term args,
                                 etf_term *result)
{
    struct tm tm;

    (void)args;
    if (!calendar(self, true, &tm))
        return gen_rpc_badarg(result);
    return fun_value(result, date_of(self, &tm));
}

static enum gen_rpc_class time_0(struct gen *self, etf_term args,
                                 etf_term *result)
{
    struct tm tm;

    (void)args;
    if (!calendar(self, true, &tm))
        return gen_rpc_badarg(result);
    return fun_value(result, time_of(self, &tm));
}

/* timer:sleep: for a caller that wants to see a time-out. */
static enum gen_rpc_class sleep_1(struct gen *self, etf_term args,
                                  etf_term *result)
{
    etf_term time = ETF_NONE;
    uint64_t ms = RT_INFINITY;

    (void)etf_list_next(&args, &time);
    if (!etf_same(time, ETF_A(infinity)) && !etf_get_uint(time, &ms))
        return gen_rpc_badarg(result);
    (void)rt_sleep(self, ms);
    return fun_value(result, ETF_A(ok));
}

static const struct gen_rpc_function rows[] = {
    { "erlang", "system_time", 0, system_time, NULL },
    { "erlang", "system_time", 1, system_time, NULL },
    { "erlang", "monotonic_time", 0, monotonic_time, NULL },
    { "erlang", "monotonic_time", 1, monotonic_time, NULL },
    { "erlang", "now", 0, timestamp, NULL },
    { "erlang", "timestamp", 0, timestamp, NULL },
    { "erlang", "universaltime", 0, universaltime, NULL },
    { "erlang", "localtime", 0, localtime_0, NULL },
    { "erlang", "date", 0, date_0, NULL },
    { "erlang", "time", 0, time_0, NULL },
    { "os", "timestamp", 0, timestamp, NULL },
    { "os", "system_time", 0, system_time, NULL },
    { "os", "system_time", 1, system_time, NULL },
    { "timer", "sleep", 1, sleep_1, NULL },
};

const struct kernel__table kernel__fun_time = KERNEL_TABLE(rows);
