/*
 * io_format.h -- what a control sequence of a format asks for, and the text of
 * floats in it. Private to etf/.
 */
#ifndef ETF_IO_FORMAT_H
#define ETF_IO_FORMAT_H

#include <agner/etf.h>

#define ETF__FIELD_MAX 100000 /* widths and precisions: AGNER_EINVAL beyond */

/* ~F.P.PadModC */
struct etf__spec {
    int64_t width;     /* -1: none */
    int64_t precision; /* -1: none */
    bool is_left;
    bool is_unicode; /* t */
    bool no_strings; /* l */
    uint32_t pad;
    uint32_t control; /* the character */
};

/* Appends `v` as ~e, ~f or ~g, without its field. AGNER_EINVAL (a precision
 * that it does not have), AGNER_ENOMEM, AGNER_ELIMIT. */
enum agner_err etf__float_format(struct etf_buffer *out, double v,
                                 const struct etf__spec *spec);

#endif
