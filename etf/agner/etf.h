/*
 * etf.h -- terms: build, match, inspect, keep, encode, decode, print, parse.
 *
 * A term is one 64-bit word, passed by value. Small integers, atoms, nil and
 * local pids are in the word; everything else points to immutable words in a
 * region (or in a box). Nothing is freed term by term: a region is reset as a
 * whole, and a box is an owned copy in one piece.
 *
 * Terms are read by any thread; a region is written by one thread at a time.
 * Sources: Erlang External Term Format; the Erlang reference manual, "Term
 * Comparisons"; spec/etf.md for what real nodes do.
 */
#ifndef AGNER_ETF_H
#define AGNER_ETF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AGNER_API     __attribute__((visibility("default")))
#define AGNER_CHECKED __attribute__((warn_unused_result))

/* ---- Errors: one list for all rooms ------------------------------------ */

/* Name, value, text. Values are part of the ABI: append, never renumber. */
/* clang-format off */
#define AGNER_ERRORS(X)                                                     \
    X(OK,            0, "ok")                                               \
    X(ENOMEM,       -1, "out of memory")                                    \
    X(EMALFORMED,   -2, "malformed external term")                          \
    X(ETRUNCATED,   -3, "input ends inside a term")                         \
    X(ELIMIT,       -4, "limit exceeded")                                   \
    X(ENOPROC,      -5, "no such process")                                  \
    X(ENOCONN,      -6, "no connection to that node")                       \
    X(ETIMEOUT,     -7, "timed out")                                        \
    X(EINVAL,       -8, "invalid argument")                                 \
    X(ETAKEN,       -9, "already taken")                                    \
    X(ENONAME,     -10, "no such name")                                     \
    X(EOWNER,      -11, "belongs to another process")                       \
    X(EBUSY,       -12, "busy")                                             \
    X(EMAILBOXFULL,-13, "mailbox is full")                                  \
    X(ENOALIAS,    -14, "no such alias")                                    \
    X(EUNKNOWN,    -15, "unknown")                                          \
    X(ENOTLOADED,  -16, "not loaded")                                       \
    X(ERUNNING,    -17, "is running")                                       \
    X(ENOTRUNNING, -18, "is not running")                                   \
    X(EALREADY,    -19, "already done")                                     \
    X(ENOTSUP,     -20, "not supported")                                    \
    X(ETERMINATED, -21, "has terminated")                                   \
    X(ENODEDOWN,   -22, "the node went down")                               \
    X(EINCARNATION,-23, "belongs to an earlier life of the node")           \
    X(EEXIT,       -24, "the process ended before it answered")             \
    X(EEXITING,    -25, "the calling process is exiting")                   \
    X(EKILLED,     -26, "the calling process was killed")                   \
    X(ECALLSELF,   -27, "a process called itself")                          \
    X(EDEADLK,     -28, "would wait for itself for ever")                   \
    X(EAGAIN,      -29, "would have to wait")                               \
    X(EBADTERM,    -30, "this term cannot leave the node")                  \
    X(ENOREF,      -31, "no such reference")                                \
    X(ENOTALLOWED, -32, "not allowed")                                      \
    X(ECYCLE,      -33, "dependency cycle")                                 \
    X(EHOPLIMIT,   -34, "too many hops")                                    \
    X(EPRESENT,    -35, "already present")                                  \
    X(ENOTPROVIDED,-36, "not provided")                                     \
    X(ESYNTAX,     -37, "syntax error")                                     \
    X(ESYSTEM,     -38, "the operating system refused")                     \
    X(EAUTH,       -39, "authentication failed")                            \
    X(EPROTO,      -40, "protocol violation")                               \
    X(EIGNORE,     -41, "start was ignored")                                \
    X(ECLOSED,     -42, "is closed")                                        \
    X(EDONE,       -43, "there is nothing more")                            \
    X(ELAGGED,     -44, "fell behind, and missed something")                \
    X(ECANCELLED,  -45, "was cancelled")                                    \
    X(ESTARTED,    -46, "is started already")                               \
    X(ESTOPPED,    -47, "is stopped already")                               \
    X(ENOTSTARTED, -48, "is not started")                                   \
    X(ESTOPPING,   -49, "is stopping")                                      \
    X(EFULL,       -50, "is full")                                          \
    X(ECRASHED,    -51, "what it ran has crashed")                          \
    X(EBADTYPE,    -52, "of another type")                                  \
    X(ELOADING,    -53, "is loading")                                       \
    X(EIMMUTABLE,  -54, "cannot be changed")                                \
    X(EAUTODEMAND, -55, "demand is automatic")                              \
    X(ETXUNKNOWN,  -56, "no such transaction")                              \
    X(ETXCANCELLED,-57, "the transaction was cancelled")                    \
    X(ETXINPROGRESS,-58, "the transaction still waits for others")          \
    X(ERESULTSENT, -59, "the result was sent already")                      \
    X(EJOBUNKNOWN, -60, "no such job")                                      \
    X(ENOWORKER,   -61, "the saga has no worker")                           \
    X(ELIFESPAN,   -62, "longer than the transaction may live")             \
    X(ENEXTTIMEOUT,-63, "the next saga did not answer in time")             \
    X(EIO,         -64, "could not be read or written")                     \
    X(ECORRUPT,    -65, "what is stored is damaged")
/* clang-format on */

#define AGNER_ERROR_ENUM(name, value, text) AGNER_##name = (value),
enum agner_err { AGNER_ERRORS(AGNER_ERROR_ENUM) };
#undef AGNER_ERROR_ENUM

/* What went wrong, for a person. Optional wherever it is an argument; written
 * on failure only. */
struct agner_error {
    enum agner_err code;
    char text[240]; /* which one, and where; always terminated */
};

/* The text of a code above; "unknown error" for another number. Static. */
AGNER_API const char *agner_strerror(enum agner_err err);

/* Fills `error` (unless NULL) and returns `err`, so that a failing function can
 * end with `return agner_fail(error, AGNER_EINVAL, "port %d", port)`. */
AGNER_API enum agner_err agner_fail(struct agner_error *error,
                                    enum agner_err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- Terms -------------------------------------------------------------- */

typedef struct etf_term {
    uint64_t word; /* private: ask with etf_kind() and the getters below */
} etf_term;

/* No term: what a getter finds where nothing is. Never inside another term. */
#define ETF_NONE ((etf_term){ 0 })

enum etf_kind {
    ETF_KIND_NONE,
    ETF_KIND_INTEGER, /* of any size */
    ETF_KIND_FLOAT,
    ETF_KIND_ATOM,
    ETF_KIND_REF,
    ETF_KIND_FUN,    /* a local fun of an Erlang node: opaque */
    ETF_KIND_EXPORT, /* fun M:F/A */
    ETF_KIND_PORT,
    ETF_KIND_PID,
    ETF_KIND_TUPLE,
    ETF_KIND_MAP,
    ETF_KIND_NIL,
    ETF_KIND_LIST,      /* a cons cell */
    ETF_KIND_BINARY,    /* whole bytes */
    ETF_KIND_BITSTRING, /* bits that are no multiple of 8 */
    ETF_KIND_RESOURCE,  /* a native value: never leaves the node */
};

AGNER_API enum etf_kind etf_kind(etf_term t);

static inline bool etf_is_none(etf_term t)
{
    return t.word == 0;
}

/* Identity of words: equal atoms, small integers and local pids are the same
 * word. For all other terms use etf_equal(). */
static inline bool etf_same(etf_term a, etf_term b)
{
    return a.word == b.word;
}

/* Is all of `t` in its word? Then it is valid for ever, and needs no box. */
AGNER_API bool etf_is_word(etf_term t);

/* A pid, by value: keep it where you like. A local one has node ETF_NONE, the
 * slot in id and the generation in serial. All zero is no pid. */
typedef struct etf_pid {
    etf_term node; /* atom, or ETF_NONE for this node */
    uint32_t id;
    uint32_t serial;
    uint32_t creation; /* 0 for this node */
    uint32_t zero;     /* keeps memcmp honest */
} etf_pid;

/* A reference, by value. `count` words are used, 1 to 5; the rest is 0. A local
 * one has node ETF_NONE and creation 0. */
typedef struct etf_ref {
    etf_term node;
    uint32_t creation;
    uint32_t count;
    uint32_t words[5];
    uint32_t zero;
} etf_ref;

/* Bytes that somebody else owns. */
typedef struct etf_bytes {
    const uint8_t *data;
    size_t size;
} etf_bytes;

/* Who "this node" is, for everything that leaves or enters: local identifiers
 * are written with this name and creation, and read back as local. */
struct etf_self {
    etf_term name;     /* interned atom; ETF_NONE means nonode@nohost */
    uint32_t creation; /* 0 before a node has a name */
};

/* ---- Regions ------------------------------------------------------------ */

struct etf_region;

/* A new region that holds at most about `bytes_max` (0: 256 MiB). NULL when
 * memory is out. Whoever makes it frees it. */
AGNER_API struct etf_region *etf_region_new(size_t bytes_max);
AGNER_API void etf_region_free(struct etf_region *r);

/* Makes everything in `r` invalid and its memory ready for use again. */
AGNER_API void etf_region_reset(struct etf_region *r);

/* Bytes in use. */
AGNER_API size_t etf_region_used(const struct etf_region *r);

/* ---- Boxes: owned terms ------------------------------------------------- */

struct etf_box;

/* Returns a new box that holds a copy of `t`, count 1, or NULL when memory is
 * out or `t` is too large, or ETF_NONE: a term that there was no memory for. */
AGNER_API struct etf_box *etf_box_new(etf_term t);

/* The term inside: immutable, alive as long as one owner holds the box. */
AGNER_API etf_term etf_box_term(const struct etf_box *box);

/* One more owner; returns `box`. Any thread. */
AGNER_API struct etf_box *etf_box_hold(struct etf_box *box);

/* One owner fewer; the last one frees it. NULL is fine. Any thread. */
AGNER_API void etf_box_free(struct etf_box *box);

/* Bytes of memory that the box occupies, large binaries not counted. */
AGNER_API size_t etf_box_size(const struct etf_box *box);

/* Copies `t` into `r`. ETF_NONE when the region is full. */
AGNER_API etf_term etf_copy(struct etf_region *r, etf_term t);

/* ---- Atoms -------------------------------------------------------------- */

/* The atom of this UTF-8 text, interned: one word, valid for ever. ETF_NONE
 * when the text is over 255 characters, not UTF-8, or the table (1,048,576
 * atoms) is full. For texts of the program and its configuration. */
AGNER_API etf_term etf_atom(const char *text);
AGNER_API etf_term etf_atom_n(const char *text, size_t size);

/* The atom if it is interned already, else ETF_NONE; never makes one. */
AGNER_API etf_term etf_atom_find(const char *text, size_t size);

/* The atom for text from outside: interned while there is room under `budget`
 * (NULL: only if interned already), otherwise a boxed atom in `r` that equals,
 * compares and hashes by its text. ETF_NONE: not UTF-8, over 255 characters, or
 * the region is full. */
struct etf_atom_budget {
    uint32_t left;    /* atoms that may still be interned */
    uint32_t refused; /* how often one was boxed since none was left */
};
AGNER_API etf_term etf_atom_limited(struct etf_region *r, const char *text,
                                    size_t size,
                                    struct etf_atom_budget *budget);

/* UTF-8 text of an atom, not terminated; {NULL, 0} when `t` is none. */
AGNER_API etf_bytes etf_atom_text(etf_term t);

/* Is `t` the atom with this text? Works for interned and boxed atoms. */
AGNER_API bool etf_atom_is(etf_term t, const char *text);

static inline bool etf_is_atom(etf_term t)
{
    return etf_kind(t) == ETF_KIND_ATOM;
}

/* Number of interned atoms in this OS process. */
AGNER_API uint32_t etf_atom_count(void);

/* Atoms with fixed numbers, so that the runtime's own need no look-up. Name in
 * C, text. */
/* clang-format off */
#define ETF_ATOMS(X)                                                        \
    X(empty, "") X(true, "true") X(false, "false") X(nil, "nil")            \
    X(undefined, "undefined") X(ok, "ok") X(error, "error")                 \
    X(normal, "normal") X(shutdown, "shutdown") X(kill, "kill")             \
    X(killed, "killed") X(noproc, "noproc")                                 \
    X(noconnection, "noconnection") X(timeout, "timeout")                   \
    X(nodedown, "nodedown") X(nodeup, "nodeup") X(process, "process")       \
    X(EXIT, "EXIT") X(DOWN, "DOWN") X(alias, "alias")                       \
    X(gen_call, "$gen_call") X(gen_cast, "$gen_cast") X(system, "system")   \
    X(badarg, "badarg") X(stop, "stop") X(reply, "reply")                   \
    X(infinity, "infinity") X(noname, "nonode@nohost") X(local, "local")    \
    X(mailbox_full, "mailbox_full") X(calling_self, "calling_self")         \
    X(crash, "crash") X(memory_limit, "memory_limit") X(undef, "undef")     \
    X(call, "call") X(cast, "cast") X(info, "info") X(ignore, "ignore")     \
    X(yes, "yes") X(no, "no") X(self, "self") X(spawn, "spawn")             \
    X(link, "link") X(monitor, "monitor") X(high, "high") X(low, "low")     \
    X(max, "max") X(exit, "exit") X(down, "down") X(running, "running")     \
    X(suspended, "suspended") X(waiting, "waiting") X(status, "status")     \
    X(gen_producer, "$gen_producer") X(gen_consumer, "$gen_consumer")       \
    X(ask, "ask") X(cancel, "cancel") X(subscribe, "subscribe")
/* clang-format on */

enum etf_atom_number {
#define ETF_ATOM_ENUM(name, text) ETF_ATOM_##name,
    ETF_ATOMS(ETF_ATOM_ENUM)
#undef ETF_ATOM_ENUM
        ETF_ATOM_FIXED_COUNT
};

/* ETF_A(ok) is the atom ok: a constant word. */
#define ETF_TAG_ATOM 2u
#define ETF_A(name) \
    ((etf_term){ ((uint64_t)ETF_ATOM_##name << 3) | ETF_TAG_ATOM })

/* ---- Building ----------------------------------------------------------- */
/* All return ETF_NONE when the region is full, and when a part is ETF_NONE, so
 * that one check at the end of a construction is enough. */

AGNER_API etf_term etf_int(struct etf_region *r, int64_t v);
AGNER_API etf_term etf_uint(struct etf_region *r, uint64_t v);
/* An integer of `size` magnitude bytes, least significant first. */
AGNER_API etf_term etf_big(struct etf_region *r, bool negative,
                           const uint8_t *bytes, size_t size);
AGNER_API etf_term etf_float(struct etf_region *r, double v); /* finite only */
AGNER_API etf_term etf_bool(bool v);
AGNER_API etf_term etf_nil(void);
AGNER_API etf_term etf_cons(struct etf_region *r, etf_term head, etf_term tail);
AGNER_API etf_term etf_list(struct etf_region *r, const etf_term *items,
                            size_t count, etf_term tail);
AGNER_API etf_term etf_tuple(struct etf_region *r, const etf_term *items,
                             size_t count);
/* `count` pairs, key then value, in any order. ETF_NONE also for equal keys. */
AGNER_API etf_term etf_map(struct etf_region *r, const etf_term *pairs,
                           size_t count);
/* A new map with `key` set to `value`; the old one is unchanged. */
AGNER_API etf_term etf_map_put(struct etf_region *r, etf_term map, etf_term key,
                               etf_term value);
/* Copies the bytes (off-heap and shared from 256 bytes on). */
AGNER_API etf_term etf_binary(struct etf_region *r, const void *bytes,
                              size_t size);
/* `bits` of the last byte are used, 1 to 8. */
AGNER_API etf_term etf_bits(struct etf_region *r, const void *bytes,
                            size_t size, unsigned bits);
/* A UTF-8 C string as a binary, and as a list of code points. */
AGNER_API etf_term etf_text(struct etf_region *r, const char *text);
AGNER_API etf_term etf_string(struct etf_region *r, const char *text);
/* The pid as a term. A local one needs no region (r may be NULL). */
AGNER_API etf_term etf_from_pid(struct etf_region *r, etf_pid pid);
AGNER_API etf_term etf_from_ref(struct etf_region *r, etf_ref ref);
AGNER_API etf_term etf_port(struct etf_region *r, etf_term node, uint64_t id,
                            uint32_t creation);
AGNER_API etf_term etf_export(struct etf_region *r, etf_term module,
                              etf_term function, uint32_t arity);
/* A native value. `destroy` runs once, on any thread, when the last term that
 * refers to it is gone; it may be NULL. It does not run when there is no room
 * for the first one. Refuses to be encoded. */
AGNER_API etf_term etf_resource(struct etf_region *r, void *value,
                                void (*destroy)(void *value));

/* ---- Inspecting --------------------------------------------------------- */
/* Getters that can fail return false and leave the output alone. */

AGNER_API bool etf_get_int(etf_term t, int64_t *v);
AGNER_API bool etf_get_uint(etf_term t, uint64_t *v);
AGNER_API bool etf_get_float(etf_term t, double *v);  /* floats only */
AGNER_API bool etf_get_number(etf_term t, double *v); /* integers rounded */
AGNER_API bool etf_get_bool(etf_term t, bool *v);
/* false also when the node's name is not interned: past the budget of its peer
 * (etf_atom_limited), or unknown. Such a pid stays a term. The same for ref. */
AGNER_API bool etf_get_pid(etf_term t, etf_pid *v);
AGNER_API bool etf_get_ref(etf_term t, etf_ref *v);
AGNER_API bool etf_get_port(etf_term t, etf_term *node, uint64_t *id,
                            uint32_t *creation);
AGNER_API bool etf_get_export(etf_term t, etf_term *module, etf_term *function,
                              uint32_t *arity);
/* Sign and magnitude bytes, least significant first, of any integer. `bytes`
 * of `size` must suffice: *used is set, and false returned, when it does not.
 */
AGNER_API bool etf_get_big(etf_term t, bool *negative, uint8_t *bytes,
                           size_t size, size_t *used);
AGNER_API bool etf_get_bytes(etf_term t, etf_bytes *v); /* binaries */
AGNER_API bool etf_get_bits(etf_term t, etf_bytes *v, unsigned *bits);
/* Binary, string (list of code points), atom: as UTF-8 into `buffer`, always
 * terminated. false when it is none of these, has a zero character or does not
 * fit. */
AGNER_API bool etf_get_text(etf_term t, char *buffer, size_t size);
AGNER_API bool etf_get_resource(etf_term t, void **value);

/* Elements of a tuple: count, and a pointer to them, good as long as the term.
 * 0 and NULL for another kind. */
AGNER_API size_t etf_tuple_size(etf_term t);
AGNER_API const etf_term *etf_tuple_items(etf_term t);
/* Is `t` a tuple of `count` elements whose first is the atom `tag`? */
AGNER_API bool etf_is_tagged(etf_term t, etf_term tag, size_t count);
/* Head and tail of a cons cell. */
AGNER_API bool etf_list_next(etf_term *list, etf_term *head);
/* Elements of a proper list, or -1 when it is improper or no list. */
AGNER_API int64_t etf_list_size(etf_term t);
AGNER_API size_t etf_map_size(etf_term t);
/* The value of `key` (compared exactly), or ETF_NONE. O(log n). */
AGNER_API etf_term etf_map_get(etf_term map, etf_term key);
/* The i-th pair in key order, i < etf_map_size(). */
AGNER_API void etf_map_pair(etf_term map, size_t index, etf_term *key,
                            etf_term *value);

AGNER_API bool etf_pid_equal(etf_pid a, etf_pid b);
AGNER_API bool etf_ref_equal(etf_ref a, etf_ref b);
static inline bool etf_pid_is_none(etf_pid p)
{
    return etf_is_none(p.node) && p.id == 0 && p.serial == 0;
}
static inline bool etf_pid_is_local(etf_pid p)
{
    return etf_is_none(p.node);
}

/* ---- Order, equality, hash ---------------------------------------------- */

/* The standard term order (==): below 0, 0, above 0. Local identifiers are
 * below those of other nodes that are else the same; native values come last,
 * in the order they were made. Nesting past a few dozen levels takes memory:
 * what it does not suffice for counts as equal here, and as different in
 * etf_equal(). */
AGNER_API int etf_compare(etf_term a, etf_term b);
/* The exact order of map keys (integer before float when equal). */
AGNER_API int etf_compare_exact(etf_term a, etf_term b);
/* =:= as OTP 25 has it: 0.0 and -0.0 are equal, 1 and 1.0 are not. */
AGNER_API bool etf_equal(etf_term a, etf_term b);
/* erlang:phash2(T, Range); range 0 stands for 2^32. phash2(T) has range 2^27.
 */
AGNER_API uint32_t etf_phash2(etf_term t, uint32_t range);

/* ---- Codec -------------------------------------------------------------- */

#define ETF_DEPTH_MAX     100000u           /* nesting: AGNER_ELIMIT beyond */
#define ETF_DECODED_MAX   (256u << 20)      /* bytes of one decoded term */
#define ETF_BIG_BYTES_MAX 524280u           /* digits of one integer */
#define ETF_TUPLE_MAX     ((1u << 24) - 1u) /* arity */

/* Everything may be zero / NULL. */
struct etf_decode_options {
    const struct etf_self *self;    /* whose identifiers are local */
    struct etf_atom_budget *budget; /* NULL: unlimited interning */
    bool safe;                      /* refuse unknown atoms and exports */
    bool exact;                     /* bytes after the term are an error */
    const etf_term *cache;          /* ATOM_CACHE_REF table, or NULL */
    uint32_t cache_count;
    struct etf_blob *source; /* NULL. The library's own: what the input is in,
                                for large binaries to stay there */
};

/*
 * Reads one term without the leading 131 from the start of `bytes`.
 *
 *   r        receives the term and everything it points to; the input may be
 *            freed afterwards. On failure r may hold debris: reset it.
 *   size     bytes there are
 *   options  NULL for the defaults
 *   term     written on AGNER_OK only
 *   used     bytes read; written on AGNER_OK only; may be NULL
 *   error    "byte 17: float is not finite", or NULL
 *
 * Any bytes are legal input. Returns AGNER_OK, AGNER_ETRUNCATED (more bytes
 * might help), AGNER_EMALFORMED, AGNER_ELIMIT (nested too deeply, a number too
 * large) or AGNER_ENOMEM (the region's limit). Thread: any; one region, one
 * thread. Source: Erlang External Term Format.
 */
AGNER_API enum agner_err etf_decode(struct etf_region *r, const uint8_t *bytes,
                                    size_t size,
                                    const struct etf_decode_options *options,
                                    etf_term *term, size_t *used,
                                    struct agner_error *error);

/* The same for the stored form: 131 first, compressed terms understood. This is
 * binary_to_term/1. */
AGNER_API enum agner_err etf_from_binary(struct etf_region *r,
                                         const uint8_t *bytes, size_t size,
                                         const struct etf_decode_options *opts,
                                         etf_term *term, size_t *used,
                                         struct agner_error *error);

/* As etf_decode(), straight into a new box (one allocation): what the network
 * uses. Returns new in *box. */
AGNER_API enum agner_err etf_decode_box(const uint8_t *bytes, size_t size,
                                        const struct etf_decode_options *opts,
                                        struct etf_box **box, size_t *used,
                                        struct agner_error *error);

/* A growing byte buffer; all zero is an empty one. Owned by whoever has it. */
struct etf_buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t size_max; /* 0: none; past it AGNER_ELIMIT */
};
AGNER_API void etf_buffer_fini(struct etf_buffer *b);
AGNER_API enum agner_err etf_buffer_reserve(struct etf_buffer *b, size_t more);
AGNER_API enum agner_err etf_buffer_add(struct etf_buffer *b, const void *bytes,
                                        size_t size);

/* Writes an atom in place of its text, for the distribution's atom cache. Gets
 * each interned atom; returns the cache index of this packet to write as
 * ATOM_CACHE_REF, or -1 to have it spelled out. */
struct etf_atom_cache {
    int (*index)(void *ctx, etf_term atom);
    void *ctx;
};

struct etf_encode_options {
    const struct etf_self *self;        /* who local identifiers belong to */
    const struct etf_atom_cache *cache; /* or NULL */
    bool deterministic;                 /* maps are always in key order here */
    bool latin1_atoms;                  /* minor_version 1: tag 100 */
    bool text_floats;                   /* minor_version 0: tag 99 */
    struct etf_tail *tail; /* NULL. The library's own: etf_door.h */
};

/*
 * Appends the external form of `t` (without 131) to `b`: minor_version 2, what
 * every OTP since 23 reads. On failure `b` is as long as before. Returns
 * AGNER_OK, AGNER_ENOMEM, AGNER_ELIMIT (b->size_max, or a length over 32 bits)
 * or AGNER_EBADTERM (a resource).
 */
AGNER_API enum agner_err etf_encode(struct etf_buffer *b, etf_term t,
                                    const struct etf_encode_options *options);

/* The stored form, with 131. `level` is 0 for plain, 1 to 9 for zlib (left
 * plain when compressing does not help), -1 for zlib's default. */
AGNER_API enum agner_err etf_to_binary(struct etf_buffer *b, etf_term t,
                                       const struct etf_encode_options *options,
                                       int level);

/* ---- Text --------------------------------------------------------------- */

enum etf_style {
    ETF_STYLE_W,  /* ~w */
    ETF_STYLE_TW, /* ~tw */
    ETF_STYLE_P,  /* ~p: strings, printable binaries, line breaks */
    ETF_STYLE_TP, /* ~tp */
    ETF_STYLE_S,  /* ~ts of an iolist, binary or atom; others as ~tp */
};

struct etf_print_options {
    enum etf_style style;
    unsigned columns;   /* ~p: line width, 0 for one line (~0p) */
    unsigned column;    /* ~p: where the text begins, from 1; 0: 1 */
    size_t bytes_max;   /* text is cut there with "..."; 0: no limit */
    unsigned depth_max; /* deeper parts print as "..."; 0: no limit */
    unsigned io_depth;  /* the depth of ~P and ~W, which counts elements too;
                           0: no limit */
    bool no_strings;    /* ~lp: lists and binaries are never text */
    bool full_ids;      /* #pid(node,id,serial,creation) as in the vectors */
    const struct etf_self *self; /* for full_ids of local identifiers */
};

/* Appends UTF-8 text. AGNER_ENOMEM or AGNER_ELIMIT (b->size_max). */
AGNER_API enum agner_err etf_print(struct etf_buffer *b, etf_term t,
                                   const struct etf_print_options *options);

/* `~tp` on one line into a fixed buffer, cut with "..." when too long; always
 * terminated; returns `buffer`. For logs and errors. */
AGNER_API char *etf_format(char *buffer, size_t size, etf_term t);

/*
 * Appends what io_lib:format(Format, Args) is in OTP 25, as UTF-8.
 *
 *   format  text as Erlang has it: a list, an atom, or a binary of Latin-1
 *   args    a proper list
 *
 * On failure `b` is as long as before. AGNER_EINVAL where OTP has badarg, and
 * for widths over 100,000; AGNER_ENOMEM; AGNER_ELIMIT (b->size_max).
 */
AGNER_API enum agner_err etf_io_format(struct etf_buffer *b, etf_term format,
                                       etf_term args,
                                       struct agner_error *error);

/*
 * Appends `t` as JSON: atoms and UTF-8 binaries are strings, true, false and
 * nil what they are, integers and floats numbers, lists and tuples arrays, maps
 * objects; anything else is a string as Erlang prints it. Keys are texts,
 * others as printed. On failure `b` is as long as before. AGNER_ELIMIT (nested
 * over 1,000 deep, or b->size_max), AGNER_ENOMEM.
 */
AGNER_API enum agner_err etf_json(struct etf_buffer *b, etf_term t);
/* Appends UTF-8 text as a JSON string, with its quotes. */
AGNER_API enum agner_err etf_json_text(struct etf_buffer *b, const void *text,
                                       size_t size);

/*
 * Reads one term in Erlang syntax. Sources: erl_scan, erl_parse;
 * spec/etf.md 5.3. Besides, `<0.1.2>` is read as a local pid and #Ref<0.a.b.c>
 * as a local reference, #Port<0.1> as a local port, since people paste them.
 * Not read: terms in parentheses, and binary segments that are neither integers
 * nor strings. Of two equal keys in a map the later counts, as in Erlang.
 *
 *   size  bytes of text; *used (may be NULL) is set to where the term, with its
 *         full stop if there is one, ends. With used == NULL anything but white
 *         space and comments after the term is an error.
 *
 * Atoms are interned (it is the user's text). AGNER_ESYNTAX with
 * "line 2, column 7: expected ',' or '}'", AGNER_ENOMEM, AGNER_ELIMIT.
 */
AGNER_API enum agner_err etf_parse(struct etf_region *r, const char *text,
                                   size_t size, etf_term *term, size_t *used,
                                   struct agner_error *error);

/* ---- Match and make: Erlang patterns, C types --------------------------- */
/*
 *     int64_t n; etf_pid who; etf_term rest;
 *     if (etf_match(msg, "{add, _, _}", &n, &who)) ...
 *     t = etf_make(self, "{ok, #{total => _}}", n);
 *
 * Each `_` takes its C variable's type. Match: int32_t, uint32_t, int64_t,
 * uint64_t, double (floats only), bool, etf_term, etf_pid, etf_ref, etf_bytes
 * (a binary); for text take an etf_term and ask etf_get_text(). An integer out
 * of range does not match. `__` in a pattern matches anything and takes no
 * argument. Make takes values of the same types and `const char *` (a binary).
 * Lists match by length or with a tail: "[_, _ | _]". Map patterns match maps
 * that have these keys, and perhaps others. A pattern is a string literal: it
 * is compiled once per call site and cached there. A pattern that does not
 * parse, or whose count of `_` differs from the arguments, matches nothing and
 * makes ETF_NONE; in a checked build it asserts. So does one nested more than
 * 16 deep, and a `_` in a key to match (to make, keys may have them). Matching
 * needs no memory: a pattern of up to some 100 elements that cannot be kept is
 * compiled again the next time. Making does: ETF_NONE.
 */

enum etf_arg_type {
    ETF_ARG_INT32,
    ETF_ARG_UINT32,
    ETF_ARG_INT64,
    ETF_ARG_UINT64,
    ETF_ARG_DOUBLE,
    ETF_ARG_BOOL,
    ETF_ARG_TERM,
    ETF_ARG_PID,
    ETF_ARG_REF,
    ETF_ARG_BYTES,
    ETF_ARG_CSTRING,
};

struct etf_in_arg {
    enum etf_arg_type type;
    void *target;
};

struct etf_out_arg {
    enum etf_arg_type type;
    union {
        int64_t i;
        uint64_t u;
        double d;
        bool b;
        etf_term t;
        const char *s;
        etf_bytes bytes;
        const void *p; /* etf_pid, etf_ref: the macro's own copy */
        etf_pid pid;
        etf_ref ref;
    } v;
};

/* One per call site; zero at first, filled by the first call. */
struct etf_pattern {
    void *compiled; /* atomic; never freed: bounded by the program's text */
};

AGNER_API bool etf__match(struct etf_pattern *cache, const char *pattern,
                          etf_term t, const struct etf_in_arg *args,
                          size_t count);
/* Does `pattern` compile, with so many holes? Then it is in the cache.
 * Otherwise AGNER_EINVAL, or AGNER_ENOMEM; never asserts, so it is for patterns
 * that come from elsewhere. */
AGNER_API enum agner_err etf__match_check(struct etf_pattern *cache,
                                          const char *pattern, size_t count);
AGNER_API etf_term etf__make(struct etf_pattern *cache, const char *pattern,
                             struct etf_region *r,
                             const struct etf_out_arg *args, size_t count);

/* ---- Field tables: C structs as tuples and maps ------------------------- */

enum etf_field_type {
    ETF_FIELD_INT32,
    ETF_FIELD_UINT32,
    ETF_FIELD_INT64,
    ETF_FIELD_UINT64,
    ETF_FIELD_DOUBLE, /* from any number; made as a float */
    ETF_FIELD_BOOL,
    ETF_FIELD_PID,
    ETF_FIELD_REF,
    ETF_FIELD_TERM,   /* borrowed from the source term */
    ETF_FIELD_TEXT,   /* char[size]: binary, string or atom; made as a binary */
    ETF_FIELD_ATOM,   /* char[size], made as an atom */
    ETF_FIELD_STRUCT, /* nested: `fields` */
};

struct etf_field {
    const char *name; /* map key (atom; a binary or string key also matches) */
    enum etf_field_type type;
    size_t offset;
    size_t size;                    /* of the member */
    bool optional;                  /* maps and property lists: may be absent */
    const struct etf_field *fields; /* of a nested struct */
    size_t field_count;
};

/* clang-format off */
#define ETF_FIELD(struct_type, member, field_type)              \
    {                                                           \
        #member, (field_type), offsetof(struct_type, member),   \
            sizeof(((struct_type *)0)->member), false, NULL, 0  \
    }
/* clang-format on */

/* Fills the struct at `out` from a map, a property list, or a tuple (fields in
 * order; when `tag` is given the first element must be that atom). Says which
 * field is wrong in `error`. `out` is written as a whole, or not at all.
 * AGNER_EINVAL, AGNER_ENOMEM. */
AGNER_API enum agner_err etf_to_struct(etf_term t, const char *tag,
                                       const struct etf_field *fields,
                                       size_t count, void *out,
                                       struct agner_error *error);
AGNER_API etf_term etf_struct_to_map(struct etf_region *r,
                                     const struct etf_field *fields,
                                     size_t count, const void *in);
AGNER_API etf_term etf_struct_to_tuple(struct etf_region *r, const char *tag,
                                       const struct etf_field *fields,
                                       size_t count, const void *in);

#ifdef __cplusplus
}
#endif

#ifndef __cplusplus
#include <agner/etf_match.h>
#endif

#endif
