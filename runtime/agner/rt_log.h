/*
 * rt_log.h -- the log: events with a level, and handlers that write them.
 *
 * An event is a line of text, or a report: a term, as OTP's supervisors and
 * servers make them. It knows when it was, and which process of which
 * application it is about. Handlers take events: to standard error, to a file,
 * to journald, or to a function of the program's own.
 *
 * A call drops what is above the level that holds for it, after a load and a
 * comparison; otherwise it makes the event and puts it in the queue of each
 * handler that wants it, and returns. A handler's own thread writes. Nobody
 * waits for a full pipe or a slow disk: a handler that does not keep up drops
 * events, counts them, and says so when it is over. In a simulated world there
 * are no threads: events are written in place, in order.
 *
 * What a process logs whose group leader is on another node goes there too, to
 * its `logger_proxy`, as in OTP: who started it from a shell sees it there.
 *
 * Included by rt.h. Sources: OTP 25, logger; docs/logging.md.
 */
#ifndef AGNER_RT_LOG_H
#define AGNER_RT_LOG_H

#include <agner/etf.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rt;
struct gen;

/* ---- Levels ------------------------------------------------------------- */

/* OTP's, most severe first. As a limit, a level lets itself and all before it
 * pass. */
enum rt_log_level {
    RT_LOG_NONE = -1, /* as a limit: nothing passes */
    RT_LOG_DEFAULT,   /* not set */
    RT_LOG_EMERGENCY,
    RT_LOG_ALERT,
    RT_LOG_CRITICAL,
    RT_LOG_ERROR,
    RT_LOG_WARNING,
    RT_LOG_NOTICE, /* the runtime's limit unless another is set, as in OTP */
    RT_LOG_INFO,
    RT_LOG_DEBUG,
};

/* "none", "default", "emergency", ... "debug". Static. */
AGNER_API const char *rt_log_level_name(enum rt_log_level level);
/* false: `name` is none of these ("all" is debug). */
AGNER_API bool rt_log_level_parse(const char *name, enum rt_log_level *level);

/*
 * The limit of a process, or with an all zero `pid` of the runtime. A process
 * has the runtime's until it is given its own, which then holds in its place,
 * be it higher or lower; RT_LOG_DEFAULT takes it away again. It is not
 * inherited. AGNER_ENOPROC (dead, or of another node), AGNER_EINVAL (no level),
 * AGNER_ENOMEM. Any thread.
 */
AGNER_API enum agner_err rt_log_level_set(struct rt *rt, etf_pid pid,
                                          enum rt_log_level level);
/* The limit that holds for it. */
AGNER_API enum rt_log_level rt_log_level(struct rt *rt, etf_pid pid);

/* ---- Events ------------------------------------------------------------- */

#define RT_LOG_TEXT_MAX   8192u  /* bytes of an event's text; the rest is cut */
#define RT_LOG_REPORT_MAX 16384u /* bytes of a report, about, once copied */
#define RT_LOG_DEPTH_MAX  20u    /* deeper parts of a report are '...' */

/* Logs text, as printf() has it; the event has one line, or more. The second
 * says whose event it is. */
AGNER_API void rt_log(struct rt *rt, enum rt_log_level level,
                      const char *format, ...)
    __attribute__((format(printf, 3, 4)));
AGNER_API void rt_log_self(struct gen *self, enum rt_log_level level,
                           const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with a place in the source, both copied: for RT_LOG(). */
AGNER_API void rt_log_at(struct gen *self, const char *file, unsigned line,
                         enum rt_log_level level, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Does anybody want an event of that level from this process? For what takes
 * long to prepare. */
AGNER_API bool rt_log_wants(struct gen *self, enum rt_log_level level);

/* RT_LOG(self, RT_LOG_INFO, "took %s", costly()) evaluates its arguments only
 * if somebody wants the event, and says where it stands. */
#define RT_LOG(self, level, ...) \
    (rt_log_wants((self), (level)) \
         ? rt_log_at((self), __FILE__, __LINE__, (level), __VA_ARGS__) \
         : (void)0)

/* Logs a report: a map as OTP has them (#{label => {supervisor, progress},
 * report => [...]}), or any other term. Copied, within the limits above. */
AGNER_API void rt_log_report(struct gen *self, enum rt_log_level level,
                             etf_term report);

/*
 * Logs what another node has told, with the process that it is about and the
 * time that it had there.
 *
 *   pid      of the other node, or all zero
 *   time_us  wall clock, microseconds since 1970; 0: now
 *   text     UTF-8; NULL: it is a report
 *
 * The runtime's level decides. Any thread.
 */
AGNER_API void rt_log_told(struct rt *rt, enum rt_log_level level, etf_pid pid,
                           uint64_t time_us, const char *text, etf_term report);

/* What a handler gets. It is good until the handler returns: see rt_log_hold().
 */
struct rt_log_event {
    uint64_t time_us; /* wall clock of the runtime's world, since 1970, UTC */
    enum rt_log_level level;
    etf_pid pid;          /* all zero: nobody's */
    etf_term name;        /* its registered name, or ETF_NONE */
    etf_term application; /* that it belongs to, or ETF_NONE */
    etf_term node;        /* an atom: where it happened */
    const char *file;     /* where the call stands, or NULL */
    unsigned line;
    const char *text; /* UTF-8, always; NULL for a report */
    size_t text_size; /* bytes, without the final zero */
    etf_term report;  /* or ETF_NONE */
};

/* The event's message as one line of UTF-8, a report in words; cut with "..."
 * when too long; always terminated; returns `buffer`. */
AGNER_API char *rt_log_format(char *buffer, size_t size,
                              const struct rt_log_event *event);

/* Keeps an event beyond the handler; each hold wants its release. Any thread.
 */
AGNER_API void rt_log_hold(const struct rt_log_event *event);
AGNER_API void rt_log_release(const struct rt_log_event *event);

/* ---- Handlers ----------------------------------------------------------- */

#define RT_LOG_HANDLERS_MAX 16u /* of a runtime */
#define RT_LOG_ID_MAX       32u /* bytes of an id, with its zero */

enum rt_log_kind {
    RT_LOG_STDERR,
    RT_LOG_FILE,
    RT_LOG_JOURNALD,
    RT_LOG_CALLBACK,
};

enum rt_log_format {
    RT_LOG_TEXT, /* one line an event */
    RT_LOG_JSON, /* one object a line: docs/logging.md has the keys */
};

enum rt_log_colour {
    RT_LOG_COLOUR_AUTO, /* on a terminal, unless $NO_COLOR is set */
    RT_LOG_COLOUR_NEVER,
    RT_LOG_COLOUR_ALWAYS,
};

/* All zero but for the id is a handler that writes text to standard error, with
 * the limits that OTP has. Texts are copied. */
struct rt_log_handler {
    const char *id;
    enum rt_log_kind kind;
    enum rt_log_format format; /* STDERR, FILE */
    enum rt_log_colour colour; /* STDERR, with TEXT */
    enum rt_log_level level;   /* DEFAULT: all that passed so far */

    /* Filters. Who is given must be who the event is about. */
    etf_term application; /* atom or ETF_NONE */
    etf_term name;        /* registered name, its first, or ETF_NONE */
    etf_pid pid;          /* or all zero */

    /* FILE: its path. JOURNALD: its socket; NULL: the system's. */
    const char *path;
    uint64_t size_max; /* FILE: longer ones become PATH.1, ...; 0: never */
    unsigned keep;     /* how many such are kept; 0: 5 */

    /* CALLBACK. On the handler's thread, or with `direct` on the thread that
     * logs, any thread, several at once: there it must not wait or log. */
    void (*event)(void *ctx, const struct rt_log_event *event);
    void *ctx; /* borrowed until the handler is removed */
    bool direct;

    /* Overload protection: at so many events that wait, further ones are
     * dropped until half of them are written; so many events are taken in each
     * burst_ms. RT_INFINITY: no such limit (the queue is at most 65,536). */
    uint64_t queue_max; /* 0: 2,048 */
    uint64_t burst_max; /* 0: 500; for CALLBACK no limit */
    uint64_t burst_ms;  /* 0: 1,000 */
};

/* AGNER_ETAKEN (the id), AGNER_EINVAL, AGNER_ELIMIT (RT_LOG_HANDLERS_MAX),
 * AGNER_ENOMEM, and if it cannot be opened AGNER_ESYSTEM, AGNER_ENOTALLOWED,
 * AGNER_ENONAME, AGNER_ENOCONN. Opens a file: not from a callback. */
AGNER_API enum agner_err
rt_log_handler_add(struct rt *rt, const struct rt_log_handler *handler,
                   struct agner_error *error);
/* Writes what waits, for at most a second, and ends it: when this returns its
 * callback is not running and will not be called again. Not from that callback.
 * AGNER_ENONAME. */
AGNER_API enum agner_err rt_log_handler_remove(struct rt *rt, const char *id);
/* AGNER_ENONAME, AGNER_EINVAL. */
AGNER_API enum agner_err rt_log_handler_level(struct rt *rt, const char *id,
                                              enum rt_log_level level);

struct rt_log_handler_info {
    char id[RT_LOG_ID_MAX];
    enum rt_log_kind kind;
    enum rt_log_level level;
    uint64_t written;
    uint64_t dropped; /* queue full, too many at once, or no memory */
    uint64_t failed;  /* could not be written */
    uint64_t waiting; /* in the queue now */
    char error[120];  /* the last reason why not; "" when none */
};
/* Fills up to `room`, in order of their adding; returns how many there are. */
AGNER_API size_t rt_log_handlers(struct rt *rt,
                                 struct rt_log_handler_info *infos,
                                 size_t room);

/* Waits until what was logged before is written. AGNER_ETIMEOUT. From a process
 * it holds up a worker. */
AGNER_API enum agner_err rt_log_flush(struct rt *rt, uint64_t timeout_ms);

/* Has files, and whatever is standard error by now, opened anew: after others
 * have moved the file away. What cannot be opened stays as it was. Does not
 * wait: rt_log_flush() does. */
AGNER_API void rt_log_reopen(struct rt *rt);

#ifdef __cplusplus
}
#endif

#endif
