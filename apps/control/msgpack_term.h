/*
 * msgpack_term.h -- terms as MessagePack, and back.
 *
 * Private to apps/, and to the command, which speaks to the control socket.
 *
 *   term                      strict                 loose
 *   ------------------------  ---------------------  -------------------------
 *   true, false, nil          bool, nil              the same
 *   other atom                ext 1: its UTF-8       str
 *   binary                    bin                    str when UTF-8, else bin
 *   integer up to 64 bits     integer                the same
 *   larger integer            ext 4: its ETF         str: its decimal digits
 *   float, list, map          float 64, array, map   the same
 *   tuple                     ext 2: a packed array  array
 *   pid, port, reference,     ext 3: its ETF         str: as Erlang prints it
 *   fun, improper list, bits
 *   nested over 32 deep       ext 3: its ETF         str: as Erlang prints it
 *
 * Strict goes there and back without loss; loose is for scripts. Reading knows
 * no mode: it takes every type, a str is a binary, and ETF means with its
 * leading 131. A str never becomes an atom (B-RPC-5); what comes as an atom is
 * interned while the reader's budget lasts, and stays a boxed atom beyond it.
 */
#ifndef MSGPACK_TERM_H
#define MSGPACK_TERM_H

#include <agner/etf.h>

enum msgpack_mode { MSGPACK_LOOSE, MSGPACK_STRICT };

enum msgpack_ext {
    MSGPACK_EXT_ATOM = 1,
    MSGPACK_EXT_TUPLE = 2,
    MSGPACK_EXT_TERM = 3,
    MSGPACK_EXT_INTEGER = 4,
};

/* Appends `t` to `b`. `self` says whose the local identifiers are. On failure b
 * is as long as before. AGNER_ENOMEM, AGNER_ELIMIT (b->size_max),
 * AGNER_EBADTERM (a native value). */
enum agner_err apps__msgpack_pack(struct etf_buffer *b, etf_term t,
                                  enum msgpack_mode mode,
                                  const struct etf_self *self);

/* Reads the one value that `bytes` is, any bytes: it walks them first.
 * Identifiers of `self` become local ones. `budget` NULL makes no atoms.
 * AGNER_ETRUNCATED, AGNER_EMALFORMED (also an extension type that is not in the
 * table), AGNER_ELIMIT, AGNER_ENOMEM. */
enum agner_err apps__msgpack_unpack(struct etf_region *r, const uint8_t *bytes,
                                    size_t size, const struct etf_self *self,
                                    struct etf_atom_budget *budget, etf_term *t,
                                    struct agner_error *error);

/* One MessagePack-RPC message as it came in. */
struct rpc_frame {
    enum rpc_kind {
        RPC_REQUEST = 0,
        RPC_RESPONSE = 1,
        RPC_NOTIFICATION = 2
    } kind;
    bool has_id; /* set as soon as the id is known, also on failure */
    uint32_t id;
    etf_bytes method;       /* request, notification; borrowed from the bytes */
    etf_term params;        /* request, notification: a list */
    bool first_is_text;     /* its first element came as a str */
    etf_term error, result; /* response */
};

/*
 * Reads a whole message. AGNER_EPROTO when it is MessagePack but no message of
 * the protocol; otherwise as apps__msgpack_unpack(). After a failure f->has_id
 * tells whether there is somebody to answer.
 */
enum agner_err apps__rpc_read(struct etf_region *r, const uint8_t *bytes,
                              size_t size, const struct etf_self *self,
                              struct etf_atom_budget *budget,
                              struct rpc_frame *f, struct agner_error *error);

/* The id of the request that these bytes begin: false when there is none, as
 * for a float, a negative number or one over 32 bits. Any bytes. */
bool apps__rpc_peek_id(const uint8_t *bytes, size_t size, uint32_t *id);

/* Append a message to `b`; errors as apps__msgpack_pack(). One of `error` and
 * `result` is ETF_NONE, which is sent as nil. */
enum agner_err apps__rpc_write_response(struct etf_buffer *b, uint32_t id,
                                        etf_term error, etf_term result,
                                        enum msgpack_mode mode,
                                        const struct etf_self *self);
/* `id` NULL makes it a notification. `params` is a proper list. */
enum agner_err apps__rpc_write_request(struct etf_buffer *b, const uint32_t *id,
                                       const char *method, etf_term params,
                                       enum msgpack_mode mode,
                                       const struct etf_self *self);

#endif
