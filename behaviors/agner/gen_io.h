/*
 * gen_io.h -- Erlang's I/O protocol: writing to a device, and being one.
 *
 * A device is a process that answers {io_request, From, ReplyAs, Request}: a
 * group leader, a file, `user`. A process started from an Erlang node has its
 * group leader there, so what it writes to its own comes out in the shell that
 * started it. The application `kernel` has the process `user`, which writes to
 * standard output and has no input; the master of an application is the leader
 * of its processes and passes requests on.
 *
 * gen.h includes this header. Sources: OTP 25, "The Erlang I/O Protocol";
 * spec/distribution.md 13.
 */
#ifndef AGNER_GEN_IO_H
#define AGNER_GEN_IO_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Using a device ----------------------------------------------------- */

/*
 * Sends `request` to a device and waits for its answer, however long that takes
 * (a user may have to type): a pid, a name or {Name, Node}; ETF_NONE is the
 * group leader of self, or `user` if it has none.
 *
 *   reply  what it answered; written on AGNER_OK, and with AGNER_ENOTSUP, when
 *          it is {error, Reason}. May be NULL.
 *
 * AGNER_ENOPROC, AGNER_ENONAME (there is no such device), AGNER_EEXIT (it
 * ended), AGNER_ENODEDOWN, AGNER_ECALLSELF, AGNER_ENOMEM, AGNER_EEXITING,
 * AGNER_EKILLED.
 */
AGNER_API enum agner_err gen_io_request(struct gen *self, etf_term device,
                                        etf_term request, etf_term *reply);

/* io:put_chars/2: a binary of UTF-8, or a list of characters and such. */
AGNER_API enum agner_err gen_io_put_chars(struct gen *self, etf_term device,
                                          etf_term chars);
/* io:format/3. The device formats, since that is the protocol; AGNER_ENOTSUP:
 * the arguments are not what the format wants (etf_io_format() says why). */
AGNER_API enum agner_err gen_io_format(struct gen *self, etf_term device,
                                       const char *format, etf_term args);
/* io:get_line/2. *line is a binary or a list, with its newline, or the atom
 * eof. */
AGNER_API enum agner_err gen_io_get_line(struct gen *self, etf_term device,
                                         const char *prompt, etf_term *line);
/* io:getopts/1, a list, and io:setopts/2. */
AGNER_API enum agner_err gen_io_getopts(struct gen *self, etf_term device,
                                        etf_term *options);
AGNER_API enum agner_err gen_io_setopts(struct gen *self, etf_term device,
                                        etf_term options);
/* io:columns/1 and io:rows/1; AGNER_ENOTSUP: it is no terminal. */
AGNER_API enum agner_err gen_io_columns(struct gen *self, etf_term device,
                                        uint32_t *columns);
AGNER_API enum agner_err gen_io_rows(struct gen *self, etf_term device,
                                     uint32_t *rows);

/* ---- Being a device ----------------------------------------------------- */

#define GEN_IO_TEXT_MAX (8u << 20) /* bytes of one request: an error beyond */

/* Static. */
struct gen_io_device {
    /* Takes text, UTF-8. May wait. AGNER_OK: the answer is `ok`; another code
     * is answered as {error, terminated}. */
    enum agner_err (*write)(struct gen *self, void *ctx, etf_bytes text);
};

/*
 * Serves `message` if it is an {io_request, ...}, and says whether it was one.
 * Text in all its forms is written; who reads gets `eof`, after the prompt was
 * written; options are {encoding, unicode} and {binary, false}; what is not
 * known is {error, {request, Request}}.
 */
AGNER_API bool gen_io_serve(struct gen *self,
                            const struct gen_io_device *device, void *ctx,
                            etf_term message);

#ifdef __cplusplus
}
#endif

#endif
