/*
 * agner_apps.h -- the door to what a node runs besides its user's actors.
 *
 * Read by the command and the tests; not installed. Three parts:
 * where applications are found (loader), the first of which is `kernel` with
 * the processes that other nodes expect; the configuration file
 * (config); and the socket through which the command and any MessagePack-RPC
 * client talk to actors (control).
 *
 * A node with all of it is started bottom up and stopped top down:
 *
 *     node_start, rt_attach, apps_loader_start, apps_control_start,
 *     gen_application_ensure_all_started for each
 *     gen_applications_stop, apps_control_stop, rt_detach, node_stop
 */
#ifndef AGNER_APPS_H
#define AGNER_APPS_H

#include <agner/gen.h>
#include <agner/node.h>

struct noise_keys;
struct rt_world;

#define APPS_PATH_MAX 4096 /* bytes of a path or a name, with its zero */

/* ---- loader: applications ----------------------------------------------- */

/* How shared objects are opened: dlopen() and its relatives, or a test's own.
 */
struct apps_dl {
    /* NULL, and why in `text`. */
    void *(*open)(const char *path, char *text, size_t text_size);
    void *(*symbol)(void *handle, const char *name);
    void (*close)(void *handle);
};

struct apps_loader_options {
    /* Where applications may come from; with none, from any absolute path. */
    const char *const *dirs;
    size_t dir_count;
    const struct apps_dl *dl; /* NULL: the system's */
    uint64_t start_time_ms;   /* most that one application's start takes; 0:
                                 60,000 */
    /* The environments, and what to do when the node is to stop: as in struct
     * gen_applications_options. node_stop may be NULL. */
    etf_term config, env;
    void (*node_stop)(void *ctx, const char *application, etf_term reason);
    void *stop_ctx;
};

/*
 * Starts `application_controller`, and the application `kernel`. Applications
 * are then started by what gen.h has for that: `which` is the name of a
 * built-in one, the name of NAME.so in one of the configured directories, or
 * the absolute path of a shared object. `options` is borrowed until the runtime
 * has ended. Errors as gen_applications_start() and gen_application_start().
 */
enum agner_err apps_loader_start(struct gen *self,
                                 const struct apps_loader_options *options,
                                 struct agner_error *error);

/* ---- config ------------------------------------------------------------- */

#define APPS_CONFIG_ABSENT (-1)

struct apps_texts {
    const char **items;
    size_t count;
};

/* One to be started. */
struct apps_application {
    const char *name; /* or a path */
    enum gen_start_type type;
};

struct apps_listen {
    bool set;
    uint16_t port;
    char host[256];
};

/* "HOST:PORT", "[::1]:PORT": false when it is neither. */
bool apps_listen_parse(const char *text, struct apps_listen *listen);

/* Does only this machine mean it: 127.0.0.0/8, ::1, localhost? */
bool apps_is_loopback(const char *host);

/* A way to find nodes: config/discovery.c has the form of its text. */
enum apps_discovery_kind {
    APPS_DISCOVERY_DNS,
    APPS_DISCOVERY_GOSSIP,
    APPS_DISCOVERY_EPMD,
};

struct apps_discovery {
    enum apps_discovery_kind kind;
    char host[256]; /* "": the default */
    uint16_t port;
    char base[256], interface[64];
    uint8_t hops;
    uint64_t interval_ms;
};

/* AGNER_EINVAL says what is wrong. */
enum agner_err apps_discovery_parse(const char *text, struct apps_discovery *d,
                                    struct agner_error *error);
/* Errors as node_discover_dns() and its like. */
enum agner_err apps_discovery_start(struct node *node,
                                    const struct apps_discovery *d,
                                    struct agner_error *error);

struct apps_control_options;

#define APPS_LIMITS_MAX 48 /* rows that there may be */

/* Limits that the user sets; 0: the default. config/limits.c has their names,
 * docs/limits.md what they are. */
struct apps_limits {
    struct node_limits node;
    uint64_t packet_max, high_mark; /* bytes */
    uint32_t processes_max;
    uint64_t memory_soft, memory_hard; /* bytes */
    uint32_t control_connections, control_pending;
    uint64_t control_message, control_output; /* bytes */
};

/* Sets the one of that name. AGNER_EINVAL: there is none, or it cannot have
 * that value; error says which. */
enum agner_err apps_limit_set(struct apps_limits *limits, const char *name,
                              uint64_t value, struct agner_error *error);
/* Those that `first` sets take the place of those of `limits`. */
void apps_limits_over(struct apps_limits *limits,
                      const struct apps_limits *first);
/* Where they belong. */
void apps_limits_give(const struct apps_limits *limits,
                      struct node_options *node);
void apps_limits_give_control(const struct apps_limits *limits,
                              struct apps_control_options *control);
/* The index-th name, or NULL behind the last. Static. */
const char *apps_limit_name(size_t index);

enum apps_log_format { APPS_LOG_TEXT, APPS_LOG_JSON, APPS_LOG_JOURNALD };

/* A node's configuration. What the file does not say is NULL, empty, unset, or
 * APPS_CONFIG_ABSENT. Texts are the region's. */
struct apps_config {
    struct etf_region *region; /* owned */
    const char *name;
    const char *cookie_file; /* a path, or "none" */
    const char *trust_dir;   /* the same */
    const char *cluster_name;
    const char *control; /* a path, or "none" */
    struct apps_listen control_tcp;
    const char *control_keys; /* a path */
    const char *log_file;
    const char *blackbox; /* a path, or "none" */
    struct apps_listen listen;
    const struct apps_application *applications;
    size_t application_count;
    struct apps_texts application_dirs;
    struct apps_texts allow;  /* nodes and hosts; none: everybody may */
    struct apps_texts permit; /* "PEER: PERMISSION, ..."; not checked yet */
    struct apps_texts peers;  /* to be kept; not checked yet */
    struct apps_texts discovery;
    const struct node_cookie *cookies;
    size_t cookie_count;
    struct apps_limits limits;
    /* The sections of other applications, [{Application, [{Key, Value}]}]:
     * their environments, as struct gen_applications_options takes them. */
    etf_term env;
    int64_t tick_time_ms;
    int64_t packet_max; /* bytes */
    int64_t hidden;     /* 0, 1 */
    int64_t epmd;       /* enum node_epmd */
    int64_t erlang;     /* enum node_erlang */
    int64_t epmd_port;
    int64_t workers;
    int64_t log_level;     /* enum rt_log_level */
    int64_t log_format;    /* enum apps_log_format */
    int64_t log_size;      /* bytes, after which the file is rotated */
    int64_t log_keep;      /* rotated files */
    int64_t blackbox_size; /* bytes for each worker */
    int64_t stop_time_ms;
    int64_t trust; /* enum node_trust */
};

/*
 * Reads the file: one Erlang term, [{Application, [{Key, Value}]}], with a full
 * stop. Keys of `agner` are in config/config.c; unknown ones are errors, and so
 * are a key and an application that are given twice. Errors say
 * "FILE:LINE:COLUMN: what". On failure there is nothing to give back.
 */
enum agner_err apps_config_read(const struct rt_world *world, const char *file,
                                struct apps_config *config,
                                struct agner_error *error);
/* The same for a text; `file` names it in errors. Any bytes. */
enum agner_err apps_config_parse(const char *file, const char *text,
                                 size_t size, struct apps_config *config,
                                 struct agner_error *error);
void apps_config_fini(struct apps_config *config);

/* ---- control ------------------------------------------------------------ */

struct apps_control;

/* Zero limits are the defaults. */
struct apps_control_options {
    struct node *node;            /* borrowed */
    const struct rt_world *world; /* borrowed */
    const char *path;             /* of the socket; copied; NULL: none */
    /* Serve TCP too, if `set`: there, with that key of our own, for those whose
     * keys stand in that file (docs/control-socket.md). Copied. */
    struct apps_listen tcp;
    const struct noise_keys *own;
    const char *keys_path;
    /* agner.stop was asked for. Any thread; must not wait. */
    void (*stop)(void *ctx);
    void *stop_ctx;
    unsigned connections_max; /* 64; further ones are closed at once */
    unsigned pending_max;     /* 1,024 per connection; then it is not read */
    size_t frame_max;         /* 16 MiB; a longer message ends its connection */
    size_t output_max;        /* 64 MiB unsent; then the connection ends */
};

/* Serves the socket (docs/control-socket.md). AGNER_ETAKEN: somebody serves it,
 * AGNER_EINVAL: the path is too long, or there is something wrong in the file
 * of keys; AGNER_ENONAME: it is not there; AGNER_ENOTALLOWED, AGNER_ESYSTEM. */
enum agner_err apps_control_start(struct gen *self,
                                  const struct apps_control_options *options,
                                  struct apps_control **out,
                                  struct agner_error *error);

/* Ends it: open connections get what was written to them, and close; the socket
 * file goes. Pending requests are given up. Not on the loop's thread. */
void apps_control_stop(struct gen *self, struct apps_control *control);

/* The socket of the node `name`: $XDG_RUNTIME_DIR/agner/NAME.sock, or else
 * /tmp/agner-UID/NAME.sock. AGNER_EINVAL: name with a slash, or path too long.
 */
enum agner_err apps_control_path(const char *name, char *path, size_t size,
                                 struct agner_error *error);

/* Makes the directory of `path` when it is not there (mode 0700), and refuses
 * one that is a link, another user's, or writable by others. */
enum agner_err apps_control_dir(const char *path, struct agner_error *error);

/* Names of the nodes with a socket in the directory: up to `count`, in order of
 * name; returns how many there are. The socket of a dead node counts. */
size_t apps_control_names(char (*names)[256], size_t count);

/* The version of this program, as meson.build has it. */
const char *apps_version(void);

#endif
