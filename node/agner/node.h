/*
 * node.h -- a node inside a C program: start, connect, stop.
 *
 *     struct node_options options = { .name = "shop@127.0.0.1",
 *                                     .cookie = "secret" };
 *     struct node *node;
 *     struct agner_error error;
 *
 *     if (node_start(&options, &node, &error) != AGNER_OK)
 *         ...
 *     struct gen *self = rt_attach(node_rt(node));
 *     gen_call(self, etf_make(self, "{counter, 'store@127.0.0.1'}"), ...);
 *
 * A program may run several nodes. A node is a runtime (rt.h), a listener that
 * speaks the Erlang distribution, and one I/O thread. It has no processes of
 * its own; apps/ brings those that other nodes expect (net_kernel and so on).
 *
 * Sources: Erlang Distribution Protocol; spec/distribution.md.
 */
#ifndef AGNER_NODE_H
#define AGNER_NODE_H

#include <agner/node_discovery.h>
#include <agner/node_limits.h>
#include <agner/rt.h>

#ifdef __cplusplus
extern "C" {
#endif

struct node;

enum node_epmd {
    NODE_EPMD_AUTO, /* the one that runs, or else our own on its port */
    NODE_EPMD_NEED, /* the one that runs, or an error */
    NODE_EPMD_NONE, /* not registered; peers need a route or an address */
};

/* Which keys nodes of agner may have, besides knowing the cookie. */
enum node_trust {
    NODE_TRUST_FIRST_USE, /* a name belongs to the first key that it came with
                           */
    NODE_TRUST_LISTED,    /* only keys that are on the list */
};

/* Whom a node speaks plain Erlang distribution with, which Erlang's own nodes
 * need: unencrypted, and proven by an MD5 digest of the cookie once. */
enum node_erlang {
    NODE_ERLANG_OFF,      /* nobody */
    NODE_ERLANG_LOOPBACK, /* 127.0.0.0/8, ::1 and localhost */
    NODE_ERLANG_ANY,      /* every address: for networks that are trusted */
};

/* The cookies for one peer: node_cookie_set(). */
struct node_cookie {
    const char *peer;
    const char *out, *in; /* in NULL: the same */
};

/* All zero but `name` and `cookie` is a good default. Strings are copied. */
struct node_options {
    /* name@host; name@host:port sets listen_port. "@host": the first peer gives
     * it a name, as to `erl -sname undefined`. It is nonode@nohost until then,
     * and again when its last connection has gone; it is hidden, and does not
     * listen. */
    const char *name;
    const char *cookie; /* 1 to 255 bytes; never logged */
    /* Of the cluster, or NULL: nodes with the same cookie in another cluster
     * are strangers to this one. At most 255 bytes. */
    const char *cluster;
    enum node_trust trust;
    /* A folder with the node's key, made there at its first start, and the file
     * known_nodes: docs/secure-links.md. NULL: the key is another one after
     * each start, and nothing is kept. */
    const char *trust_dir;
    /* A file with the cookie, in place of `cookie`, and perhaps more of them:
     * the first line is shown, all are accepted. Without either, trust has to
     * be NODE_TRUST_LISTED: keys only. */
    const char *cookie_file;
    const struct node_cookie *cookies; /* of peers that have their own */
    size_t cookie_count;
    const char *const *allow; /* node_allow() of each; NULL: everybody may */
    size_t allow_count;
    const char *const *permits; /* node_permit_parse() of each; NULL: none */
    size_t permit_count;
    const char *listen_host; /* NULL: 127.0.0.1; "0.0.0.0": all addresses */
    uint16_t listen_port;    /* 0: any */
    bool no_listen;          /* dial only */
    bool hidden;
    enum node_erlang erlang;
    /* Nodes of agner speak plain with each other too, so that a benchmark or a
     * test sees what encryption costs. Never for a network. */
    bool plain;
    enum node_epmd epmd;
    uint16_t epmd_port;               /* 0: ERL_EPMD_PORT, or else 4369 */
    uint64_t tick_time_ms;            /* 0: 60,000 (net_ticktime) */
    uint64_t setup_time_ms;           /* 0: 7,000 for a whole handshake */
    size_t packet_max;                /* bytes; 0: 64 MiB and 64 KiB */
    size_t high_mark;                 /* bytes queued to a peer; 0: 1 MiB */
    size_t fragment_size;             /* bytes; 0: 65,536 */
    struct node_limits limits;        /* all 0: node_limits.h */
    bool no_atom_cache, no_fragments; /* offer less: for tests and old peers */
    uint64_t flags_off;   /* further distribution flags not to offer */
    struct rt_options rt; /* workers, log, world ... */
};

/* Starts a node: its runtime, its listener, its registration with epmd.
 * AGNER_EINVAL (name or cookie: says what), AGNER_ETAKEN (name or port),
 * AGNER_ENOCONN (no epmd), AGNER_ENOMEM, AGNER_ESYSTEM. */
AGNER_API enum agner_err node_start(const struct node_options *options,
                                    struct node **out,
                                    struct agner_error *error);

/* Stops it: no new connections, processes end (`shutdown`, after `grace_ms`
 * kill), what is queued for peers goes out for at most 5 s, all is freed. Not
 * from a process of this node. */
AGNER_API void node_stop(struct node *node, uint64_t grace_ms);

AGNER_API struct rt *node_rt(const struct node *node);
/* Its present name: lives as long as the node. */
AGNER_API const char *node_name(const struct node *node);
AGNER_API uint32_t node_creation(const struct node *node);
AGNER_API uint16_t node_port(const struct node *node);

/* Connects to `name` (name@host, or name@host:port without epmd; "erlang:"
 * before it says that it is an Erlang node) and waits until that is done, one
 * way or the other. From a process or an attached thread. AGNER_OK also when it
 * was connected. AGNER_ENOCONN, AGNER_EUNKNOWN (its host has no address),
 * AGNER_EAUTH (cookies differ), AGNER_ENONAME (no node of that name there),
 * AGNER_ETIMEOUT, AGNER_ENOTALLOWED, AGNER_EPROTO; error tells the step. */
AGNER_API enum agner_err node_connect(struct gen *self, struct node *node,
                                      const char *name,
                                      struct agner_error *error);

/* The steps of a dial. */
enum node_step {
    NODE_STEP_FIND,      /* is it a name, and which registrar knows it */
    NODE_STEP_EPMD,      /* its host's epmd is asked for the port */
    NODE_STEP_CONNECT,   /* TCP to that port */
    NODE_STEP_NAME,      /* our name goes, the peer's status comes */
    NODE_STEP_CHALLENGE, /* flags and cookies */
    NODE_STEP_UP,
};

/* The same, and *step tells how far it came. */
AGNER_API enum agner_err node_connect_step(struct gen *self, struct node *node,
                                           const char *name,
                                           enum node_step *step,
                                           struct agner_error *error);

/* Closes the connection; everything across it is told `noconnection`.
 * AGNER_ENOCONN when there is none. */
AGNER_API enum agner_err node_disconnect(struct node *node, const char *name);

/* Where to find `name` without epmd: node_route_add() in short.
 * AGNER_EALREADY, AGNER_EINVAL, AGNER_ENOMEM. */
AGNER_API enum agner_err node_route(struct node *node, const char *name,
                                    const char *host, uint16_t port);

/*
 * The cookies for one peer, in place of the node's, from the next handshake on:
 * what we show it, and what it has to show (NULL: the same). `out` NULL: the
 * node's own again. With both the same it is erlang:set_cookie/2. On a secure
 * link who dials shows its `out`, which is the other's `in`, and that the other
 * knows it too is what the other shows. Any thread; copied. AGNER_EINVAL (the
 * name, or not 1 to 255 bytes), AGNER_ELIMIT (4,096 peers have their own),
 * AGNER_ENOMEM.
 */
AGNER_API enum agner_err node_cookie_set(struct node *node, const char *peer,
                                         const char *out, const char *in);

/* net_kernel:allow/1: from the first call on only allowed nodes connect, and
 * are connected to. `name` is a node's, or a host's for all of its nodes. Any
 * thread. Connections that exist stay. Errors as above. */
AGNER_API enum agner_err node_allow(struct node *node, const char *name);

/*
 * Reads trust_dir and cookie_file again, for the handshakes from now on. Links
 * that are up stay up, but for those of keys that are revoked now, which are
 * closed. Any thread that may wait, and not the node's own I/O thread.
 * AGNER_ENONAME, AGNER_ENOTALLOWED (a file that others could read),
 * AGNER_ESYNTAX
 * ("FILE: line 3: ..."), AGNER_ELIMIT, AGNER_ENOMEM, AGNER_ESYSTEM: then all is
 * as it was.
 */
AGNER_API enum agner_err node_reload(struct node *node,
                                     struct agner_error *error);

/* The node's own public key, as others have it in known_nodes. Any thread that
 * may wait, and not the node's own I/O thread. */
#define NODE_KEY_TEXT_SIZE 63
AGNER_API void node_key(struct node *node, char text[NODE_KEY_TEXT_SIZE]);

/*
 * What a peer may do here, from now on, also over connections that are up.
 *
 *   peer         a public key (agnerkey1-...), a node's name, a pattern of
 * names
 *                (`*` and `?`: "*@10.0.0.*"), a host for all of its nodes, or a
 *                kind of peer: `agner`, or of those `agner-listed` (its key is
 *                on the list) and `agner-cookie`; `erlang`, or of those
 *                `erlang-loopback` and `erlang-other`. The first of these
 *                that is known of a peer counts.
 *   permissions  enum rt_permission; with NODE_PERMIT_DEFAULT also what peers
 *                of its kind may without any of this:
 *
 *     agner               all but spawn, rpc, admin
 *     erlang-loopback     message, link, names, observe
 *     erlang-other        message, link
 *
 * Who may not use names meets a hidden node. A name is what a node of Erlang
 * says of itself, and it proves no more than that it has the cookie. Any thread
 * but the node's own I/O thread. AGNER_EINVAL (peer), AGNER_ELIMIT (4,096 of
 * them), AGNER_ENOMEM. Source: spec/reliability.md 6.4.
 */
#define NODE_PERMIT_DEFAULT 256u
AGNER_API enum agner_err node_permit(struct node *node, const char *peer,
                                     unsigned permissions,
                                     struct agner_error *error);
/* The same of a text: "PEER: message, link", or `all`, `none`, `default` in
 * place of a permission. */
AGNER_API enum agner_err node_permit_parse(struct node *node, const char *text,
                                           struct agner_error *error);

/* What was said of one peer. */
struct node_permit_row {
    char peer[256];
    unsigned permissions; /* and NODE_PERMIT_DEFAULT */
};

/* Up to `count` of them, the newest first; returns how many there are. Any
 * thread. */
AGNER_API size_t node_permits(struct node *node, struct node_permit_row *rows,
                              size_t count);

/* Where it listens (no port: nowhere), and whom it speaks plain with. */
struct node_policy {
    char listen_host[256];
    uint16_t listen_port;
    enum node_erlang erlang;
};
AGNER_API void node_policy(const struct node *node, struct node_policy *policy);

/* How often a peer was refused something for want of that permission, or of
 * those, since the start of the node. Any thread. */
AGNER_API uint64_t node_denied(const struct node *node,
                               enum rt_permission permission);

/* Eight hexadecimal digits that tell cookies apart without telling what they
 * are; a short cookie can be guessed from them. */
#define NODE_FINGERPRINT_SIZE 9
AGNER_API void node_cookie_fingerprint(const char *cookie,
                                       char text[NODE_FINGERPRINT_SIZE]);
/* Of the node's own cookie. */
AGNER_API void node_fingerprint(const struct node *node,
                                char text[NODE_FINGERPRINT_SIZE]);

enum node_peer_state { NODE_PEER_CONNECTING, NODE_PEER_UP };

struct node_peer_info {
    char name[256];
    enum node_peer_state state;
    bool hidden;
    bool incoming;    /* it dialled us */
    bool secure;      /* the connection is encrypted */
    uint64_t flags;   /* agreed on */
    uint64_t offered; /* its own */
    uint32_t creation;
    uint64_t up_ms; /* how long */
    uint64_t bytes_in, bytes_out, packets_in, packets_out;
    size_t queued, high_mark; /* bytes; over the mark senders wait */
    int64_t rtt_us;  /* there and back by TCP's measure; -1: not known */
    unsigned may;    /* enum rt_permission; 0 while it is not up */
    uint64_t denied; /* what it was refused, over all its connections */
    char address[300];
};

/* Up to `count` peers, in name order; returns how many there are. */
AGNER_API size_t node_peers(struct node *node, struct node_peer_info *peers,
                            size_t count);

/* What dials do, as lines of text, for `agner ping -v`: set before
 * node_connect(), NULL to stop. Called on the thread that serves the
 * network just then. */
AGNER_API void node_trace(struct node *node,
                          void (*line)(void *ctx, enum node_step step,
                                       const char *text),
                          void *ctx);

/* ---- epmd, as a client and as a server ---------------------------------- */

struct node_epmd_entry {
    char name[256]; /* the part before @ */
    uint16_t port;
};

/* Asks the epmd at host:port (0: the default) who is registered. Blocks the
 * calling thread up to timeout_ms. *count: room, then entries. */
AGNER_API enum agner_err
node_epmd_names(const struct rt_world *world, const char *host, uint16_t port,
                uint64_t timeout_ms, struct node_epmd_entry *entries,
                size_t *count, struct agner_error *error);

struct node_epmd_server;

/* Serves epmd on a port of this machine (0: any free one) until it is stopped,
 * or killed by a request from this machine. host NULL: all addresses.
 * AGNER_ETAKEN. */
AGNER_API enum agner_err node_epmd_serve(const struct rt_world *world,
                                         const char *host, uint16_t port,
                                         struct node_epmd_server **server,
                                         struct agner_error *error);
/* Its real port. */
AGNER_API uint16_t node_epmd_port(const struct node_epmd_server *server);
/* Was it killed by a request? It still has to be stopped. */
AGNER_API bool node_epmd_ended(const struct node_epmd_server *server);
AGNER_API void node_epmd_stop(struct node_epmd_server *server);

#ifdef __cplusplus
}
#endif

#endif
