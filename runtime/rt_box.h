/*
 * rt_box.h -- the black box of a runtime: the form of its file, and reading it.
 *
 * A door: the command reads what a runtime has written (blackbox.c). The file
 * is mapped while the runtime lives, so whatever ends the program, what was
 * stored is in it. Numbers are in the byte order of the machine, which the
 * header tells.
 *
 *   offset      what
 *   ----------  ---------------------------------------------------------
 *   0           struct rt_box_header, in a page of its own
 *   names_at    `names` times struct rt_box_name
 *   rings_at    `rings` times ring_size bytes: a page with struct rt_box_line,
 *               small records, large records
 *
 * A ring belongs to one worker; the last one is everybody else's. It has two
 * halves, so that thousands of spawns push no crash out: small records for what
 * happens often, large ones with a text for what one looks for later.
 *
 * The n-th record of a half (from 1) lies at n - 1 modulo its length, and holds
 * the lower half of n; the line counts those that are whole. While a record is
 * written it says 0. So of a half with N places N - 1 records are surely whole,
 * and the place behind them may be torn.
 */
#ifndef RT_BOX_H
#define RT_BOX_H

#include <agner/rt.h>

#define RT_BOX_MAGIC   "AGNERBOX"
#define RT_BOX_VERSION 1u
#define RT_BOX_ORDER   0x01020304u
#define RT_BOX_PAGE    4096u
#define RT_BOX_NAMES   512u
#define RT_BOX_TEXT    96u
#define RT_BOX_RINGS   256u /* at most */
/* Bytes of both halves of a ring: a power of two. */
#define RT_BOX_SIZE_MIN     ((size_t)16 << 10)
#define RT_BOX_SIZE_MAX     ((size_t)64 << 20)
#define RT_BOX_SIZE_DEFAULT ((size_t)256 << 10)

enum rt_box_state {
    RT_BOX_RUNNING = 1, /* or ended by what let nobody say so */
    RT_BOX_ENDED = 2,   /* in order: rt_free() */
};

/* Small ones are below RT_BOX_LARGE. Pids are words: rt_box_pid(). */
enum rt_box_kind {
    RT_BOX_SPAWN = 1,   /* a: its pid, b: its parent's, detail: a name */
    RT_BOX_EXIT = 2,    /* normal, shutdown. a: its pid, b: messages received,
                           detail: a name */
    RT_BOX_MESSAGE = 3, /* one of RT_BOX_SAMPLE. a: to, b: from or 0, detail:
                           messages that wait behind it */
    RT_BOX_TIMERS = 4,  /* a: so many fired */
    RT_BOX_LARGE = 16,
    RT_BOX_START = 16, /* the runtime. a: workers */
    RT_BOX_STOP = 17,  /* it is told to end */
    RT_BOX_CRASH = 18, /* any other exit. As EXIT; text: the reason */
    RT_BOX_LONG = 19,  /* long_schedule. a: the pid, b: ms; text: its site */
    RT_BOX_LOG = 20,   /* error and above. a: the pid or 0, b: the level */
    RT_BOX_UP = 21,    /* text: a node */
    RT_BOX_DOWN = 22,  /* the same, with the reason */
    RT_BOX_FAULT = 23, /* a: address, b: instruction; detail: the signal; text:
                          "contained" or "" */
};

#define RT_BOX_SAMPLE 256u /* messages of a worker for which one is noted */

/* The word of a local pid, as records hold it: slot and generation. */
static inline etf_pid rt_box_pid(uint64_t word)
{
    etf_pid pid = { .id = (uint32_t)(word >> 3) & 0x0fffffffu,
                    .serial = (uint32_t)(word >> 31) };

    return pid;
}

struct rt_box_header {
    char magic[8];
    uint32_t order, version;
    uint32_t rings, names;
    uint64_t names_at, rings_at, ring_size, size; /* of the file */
    uint64_t half; /* bytes of the small records, and of the large ones */
    uint64_t mono_ns, wall_ns; /* the same moment: the start */
    uint64_t os_pid;
    char build[64];
    uint64_t sum; /* rt_box_sum() of all above */
    /* What changes. */
    _Atomic uint32_t state; /* enum rt_box_state */
    uint32_t unused;
    char node[256]; /* as far as it is known */
};

struct rt_box_name {
    uint64_t address;           /* 0: free */
    uint64_t base, end;         /* of its module in memory */
    char text[48], module[120]; /* the end of its path */
};

struct rt_box_line {
    _Atomic uint64_t small, large; /* whole records so far */
    _Atomic uint64_t running;      /* word of the pid that runs, or ran last */
    _Atomic uint64_t messages;
    _Atomic uint32_t idle; /* nothing runs */
    uint32_t worker;       /* its number; UINT32_MAX: everybody else */
};

struct rt_box_small {
    _Atomic uint64_t head; /* number: 32 bits, kind: 8, detail: 24; 0: torn */
    uint64_t time_ns, a, b;
};

struct rt_box_large {
    struct rt_box_small r;
    char text[RT_BOX_TEXT]; /* zero-terminated if shorter */
};

_Static_assert(sizeof(struct rt_box_small) == 32, "form of the file");
_Static_assert(sizeof(struct rt_box_large) == 128, "form of the file");
_Static_assert(sizeof(struct rt_box_name) == 192, "form of the file");
_Static_assert(sizeof(struct rt_box_header) <= RT_BOX_PAGE, "form of the file");

/* ---- Reading: any bytes ------------------------------------------------- */

struct rt_box_event {
    uint64_t time_ns, number; /* monotonic; its place among its ring's half */
    uint64_t a, b;
    uint32_t ring, detail;
    enum rt_box_kind kind;
    char text[RT_BOX_TEXT + 1];
};

struct rt_box {
    struct rt_box_header header; /* checked, texts terminated */
    const uint8_t *bytes;        /* borrowed */
    uint64_t torn, damaged;      /* records: rt_box_events() counts them */
};

/* AGNER_EMALFORMED, AGNER_ETRUNCATED, AGNER_ENOTSUP (another version, another
 * byte order): the error says what is wrong. `bytes` is borrowed by the box. */
enum agner_err rt_box_open(const uint8_t *bytes, size_t size,
                           struct rt_box *box, struct agner_error *error);

/* The events that are whole, in order of time. *events is malloc'ed.
 * AGNER_ENOMEM. */
enum agner_err rt_box_events(struct rt_box *box, struct rt_box_event **events,
                             size_t *count);

/* Line and ring of a worker. */
void rt_box_line(const struct rt_box *box, uint32_t ring,
                 struct rt_box_line *line);

/* The index-th name; "" if there is none. Lives as long as `name`. */
const char *rt_box_name(const struct rt_box *box, uint32_t index,
                        struct rt_box_name *name);

/* "MODULE+0xOFFSET" of a place in the code, or just its address. */
char *rt_box_place(const struct rt_box *box, uint64_t address, char *text,
                   size_t size);

uint64_t rt_box_sum(const struct rt_box_header *header);

#endif
