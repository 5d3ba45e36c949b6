/*
 * etf_match.h -- etf_match() and etf_make(): each argument passed with its
 * type.
 *
 * Part of etf.h, which includes it (in C; C++ has no _Generic). A variable of a
 * type that no row names is a compile-time error.
 */
#ifndef AGNER_ETF_MATCH_H
#define AGNER_ETF_MATCH_H

#include <agner/etf.h>

/* The macros below are GNU C on purpose; keep a pedantic compiler quiet about
 * them where they are used. */
#pragma GCC system_header

static inline struct etf_out_arg etf__out_int(int64_t v)
{
    struct etf_out_arg a;
    a.type = ETF_ARG_INT64;
    a.v.i = v;
    return a;
}

static inline struct etf_out_arg etf__out_uint(uint64_t v)
{
    struct etf_out_arg a;
    a.type = ETF_ARG_UINT64;
    a.v.u = v;
    return a;
}

static inline struct etf_out_arg etf__out_double(double v)
{
    struct etf_out_arg a;
    a.type = ETF_ARG_DOUBLE;
    a.v.d = v;
    return a;
}

static inline struct etf_out_arg etf__out_bool(bool v)
{
    struct etf_out_arg a;
    a.type = ETF_ARG_BOOL;
    a.v.b = v;
    return a;
}

static inline struct etf_out_arg etf__out_term(etf_term v)
{
    struct etf_out_arg a;
    a.type = ETF_ARG_TERM;
    a.v.t = v;
    return a;
}

static inline struct etf_out_arg etf__out_pid(etf_pid v)
{
    struct etf_out_arg a;
    a.type = ETF_ARG_PID;
    a.v.pid = v;
    return a;
}

static inline struct etf_out_arg etf__out_ref(etf_ref v)
{
    struct etf_out_arg a;
    a.type = ETF_ARG_REF;
    a.v.ref = v;
    return a;
}

static inline struct etf_out_arg etf__out_bytes(etf_bytes v)
{
    struct etf_out_arg a;
    a.type = ETF_ARG_BYTES;
    a.v.bytes = v;
    return a;
}

static inline struct etf_out_arg etf__out_cstring(const char *v)
{
    struct etf_out_arg a;
    a.type = ETF_ARG_CSTRING;
    a.v.s = v;
    return a;
}

/* clang-format off */
#define ETF__OUT(x)                             \
    _Generic((x),                               \
        _Bool: etf__out_bool,                   \
        signed char: etf__out_int,              \
        short: etf__out_int,                    \
        int: etf__out_int,                      \
        long: etf__out_int,                     \
        long long: etf__out_int,                \
        unsigned char: etf__out_uint,           \
        unsigned short: etf__out_uint,          \
        unsigned: etf__out_uint,                \
        unsigned long: etf__out_uint,           \
        unsigned long long: etf__out_uint,      \
        double: etf__out_double,                \
        etf_term: etf__out_term,                \
        etf_pid: etf__out_pid,                  \
        etf_ref: etf__out_ref,                  \
        etf_bytes: etf__out_bytes,              \
        char *: etf__out_cstring,               \
        const char *: etf__out_cstring)(x)

#define ETF__IN(x)                              \
    { _Generic((x),                             \
        int *: ETF_ARG_INT32,                   \
        unsigned *: ETF_ARG_UINT32,             \
        long *: ETF_ARG_INT64,                  \
        long long *: ETF_ARG_INT64,             \
        unsigned long *: ETF_ARG_UINT64,        \
        unsigned long long *: ETF_ARG_UINT64,   \
        double *: ETF_ARG_DOUBLE,               \
        _Bool *: ETF_ARG_BOOL,                  \
        etf_term *: ETF_ARG_TERM,               \
        etf_pid *: ETF_ARG_PID,                 \
        etf_ref *: ETF_ARG_REF,                 \
        etf_bytes *: ETF_ARG_BYTES), (x) }

/* How many follow the pattern, which is an argument because only the comma after
 * a named one goes away before an empty list in -std=c11. */
#define ETF__COUNT(pattern, ...) ETF__COUNT_(pattern, ##__VA_ARGS__, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0)
#define ETF__COUNT_(z, a, b, c, d, e, f, g, h, i, j, k, l, n, ...) n
#define ETF__JOIN(a, b) ETF__JOIN_(a, b)
#define ETF__JOIN_(a, b) a##b
#define ETF__MAP0(m)
#define ETF__MAP1(m, a) m(a),
#define ETF__MAP2(m, a, ...) m(a), ETF__MAP1(m, __VA_ARGS__)
#define ETF__MAP3(m, a, ...) m(a), ETF__MAP2(m, __VA_ARGS__)
#define ETF__MAP4(m, a, ...) m(a), ETF__MAP3(m, __VA_ARGS__)
#define ETF__MAP5(m, a, ...) m(a), ETF__MAP4(m, __VA_ARGS__)
#define ETF__MAP6(m, a, ...) m(a), ETF__MAP5(m, __VA_ARGS__)
#define ETF__MAP7(m, a, ...) m(a), ETF__MAP6(m, __VA_ARGS__)
#define ETF__MAP8(m, a, ...) m(a), ETF__MAP7(m, __VA_ARGS__)
#define ETF__MAP9(m, a, ...) m(a), ETF__MAP8(m, __VA_ARGS__)
#define ETF__MAP10(m, a, ...) m(a), ETF__MAP9(m, __VA_ARGS__)
#define ETF__MAP11(m, a, ...) m(a), ETF__MAP10(m, __VA_ARGS__)
#define ETF__MAP12(m, a, ...) m(a), ETF__MAP11(m, __VA_ARGS__)

/* Does `term` match `pattern`? Outputs are written only when all of it does. */
#define etf_match(term, pattern, ...)                                         \
    (__extension__({                                                          \
        static struct etf_pattern etf__cache;                                 \
        const struct etf_in_arg etf__args[] = {                               \
            ETF__JOIN(ETF__MAP, ETF__COUNT(pattern, ##__VA_ARGS__))(          \
                ETF__IN, ##__VA_ARGS__)                                       \
            { ETF_ARG_TERM, NULL } };                                         \
        etf__match(&etf__cache, "" pattern, (term), etf__args,                \
                   ETF__COUNT(pattern, ##__VA_ARGS__));                       \
    }))

/* The term of `pattern` with the values in it, in the region of `self`: a
 * struct etf_region *, or a handle that begins with one, such as struct gen *. */
#define etf_make(self, pattern, ...)                                          \
    (__extension__({                                                          \
        static struct etf_pattern etf__cache;                                 \
        const struct etf_out_arg etf__args[] = {                              \
            ETF__JOIN(ETF__MAP, ETF__COUNT(pattern, ##__VA_ARGS__))(          \
                ETF__OUT, ##__VA_ARGS__)                                      \
            { ETF_ARG_BOOL, { 0 } } };                                        \
        etf__make(&etf__cache, "" pattern,                                    \
                  (struct etf_region *)(void *)(self), etf__args,             \
                  ETF__COUNT(pattern, ##__VA_ARGS__));                       \
    }))
/* clang-format on */

#endif
