/*
 * epmd_proto.h -- the bytes between a node and epmd, both sides, as pure
 * functions.
 *
 * Private to node/. No socket. Requests are a length in two bytes and a body;
 * answers have no length. Source: Erlang Distribution Protocol, "EPMD
 * Protocol"; spec/distribution.md 1.
 */
#ifndef NODE_EPMD_PROTO_H
#define NODE_EPMD_PROTO_H

#include <agner/etf.h>

#define NODE__EPMD_PORT        4369
#define NODE__EPMD_NAME_MAX    255  /* characters of a name, and bytes here */
#define NODE__EPMD_REQUEST_MAX 3000 /* bytes of a request's body */
#define NODE__EPMD_VISIBLE     77   /* types of nodes */
#define NODE__EPMD_HIDDEN      72
#define NODE__EPMD_VERSION     6 /* of the handshake, that we prefer */
#define NODE__EPMD_VERSION_OLD 5 /* that we speak where it must be */

enum node__epmd_kind {
    NODE__EPMD_ALIVE = 120,
    NODE__EPMD_PORT_PLEASE = 122,
    NODE__EPMD_NAMES = 110,
    NODE__EPMD_DUMP = 100,
    NODE__EPMD_KILL = 107,
    NODE__EPMD_STOP = 115,
};

/* What is registered: also a request to do so, and a look-up's answer. */
struct node__epmd_node {
    char name[NODE__EPMD_NAME_MAX + 1]; /* the part before @ */
    uint16_t port;
    uint8_t type;       /* NODE__EPMD_VISIBLE or _HIDDEN */
    uint8_t protocol;   /* 0: TCP over IPv4 */
    uint16_t high, low; /* versions */
    bool agner; /* NODE__EPMD_MARK: it is one of ours, which has secure links */
};

/* What our nodes register as `extra`, of which epmd knows only that it gives it
 * back. A node that has just that is never dialled without encryption. */
#define NODE__EPMD_MARK      "AGNR\1"
#define NODE__EPMD_MARK_SIZE 5u

/* ---- Asking ------------------------------------------------------------- */

/* Append a whole request. AGNER_EINVAL (name empty or too long), AGNER_ENOMEM.
 */
enum agner_err node__epmd_ask_alive(struct etf_buffer *out,
                                    const struct node__epmd_node *node);
enum agner_err node__epmd_ask_port(struct etf_buffer *out, const char *name);
enum agner_err node__epmd_ask_names(struct etf_buffer *out);

/*
 * Read an answer from its start. AGNER_ETRUNCATED: more bytes are needed, and
 * when the connection ends here the answer is broken. AGNER_EPROTO: it is no
 * such answer.
 */

/* Registration. AGNER_ETAKEN: refused. */
enum agner_err node__epmd_alive_answer(const uint8_t *bytes, size_t size,
                                       uint32_t *creation,
                                       struct agner_error *error);
/* Look-up of `name`. AGNER_ENONAME: nobody. AGNER_EPROTO also when it speaks of
 * another name, has port 0, or its versions do not include ours (B-EPM-3). */
enum agner_err node__epmd_port_answer(const uint8_t *bytes, size_t size,
                                      const char *name,
                                      struct node__epmd_node *node,
                                      struct agner_error *error);

/* The next "name NAME at port N" line of a names answer, which starts at *at =
 * 4 of the complete answer. false: no further one. Lines that are none are
 * skipped. */
bool node__epmd_names_next(const uint8_t *bytes, size_t size, size_t *at,
                           char name[NODE__EPMD_NAME_MAX + 1], uint16_t *port);

/* ---- Answering ---------------------------------------------------------- */

#define NODE__EPMD_NODES_MAX 1024 /* registered ones; also old names kept */

/* Who is registered, and who was. All zero but `now` is an empty one. */
struct node__epmd_book {
    struct node__epmd_entry *entries; /* owned; in order of registration */
    size_t count;
    size_t active; /* entries that are registered */
    size_t room;
    uint16_t port; /* our own, for names and dump answers */
    uint32_t now;  /* wall clock seconds: set before each request */
};

struct node__epmd_entry {
    struct node__epmd_node node;
    uint64_t owner; /* the connection; 0: an old name */
    uint32_t creation;
    uint16_t extra_size;
    uint8_t
        *extra; /* owned: what came with the registration, given back as is */
};

void node__epmd_book_fini(struct node__epmd_book *book);

/* What becomes of the connection after an answer. */
enum node__epmd_next {
    NODE__EPMD_KEEP,  /* it may ask again: a refused registration */
    NODE__EPMD_HOLD,  /* it is a registration now: its end, or any further byte,
                         ends that */
    NODE__EPMD_CLOSE, /* after the answer has gone out */
    NODE__EPMD_EXIT,  /* the same, and the server is to stop */
};

/*
 * Answers one request body (without its length), appending to `out`.
 *
 *   owner  number of the asking connection, not 0
 *   local  does it come from a loopback address?
 *
 * Any bytes are legal input: what is not understood, not complete or not
 * allowed is closed without an answer. So is a request that there is no memory
 * to answer.
 */
enum node__epmd_next node__epmd_answer(struct node__epmd_book *book,
                                       uint64_t owner, bool local,
                                       const uint8_t *body, size_t size,
                                       struct etf_buffer *out);

/* The connection is gone: its name is free, and remembered as an old one. */
void node__epmd_gone(struct node__epmd_book *book, uint64_t owner);

#endif
