/*
 * options.c -- the options of a node: checked, copied, with their defaults.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flags.h"
#include "node_room.h"
#include "packet.h"

#define LISTEN_HOST   "127.0.0.1"
#define TICK_TIME_MS  60000
#define SETUP_TIME_MS 7000
#define PACKET_MAX    ((64u << 20) + (64u << 10)) /* its head is in the second */
#define HIGH_MARK     (1u << 20)
#define FRAGMENT_MIN  64u /* less would be all heads */

/* "@host" is no name but where it will be given one. */
static enum agner_err take_name(struct node *node, const char *name,
                                struct agner_error *error)
{
    char plain[NODE__NAME_MAX + 1];
    struct agner_error cause;
    enum agner_err err;

    if (name == NULL)
        return agner_fail(error, AGNER_EINVAL, "a node needs a name");
    node->asks_name = name[0] == '@' && name[1] != '\0';
    if (node->asks_name)
        err = node__host_check(name + 1, strlen(name + 1), &cause);
    else
        err =
            node_address_parse(name, plain, &node->listen_address.port, &cause);
    if (err != AGNER_OK)
        return agner_fail(error, err, "node name: %s", cause.text);
    if (!node->asks_name)
        name = plain;
    memcpy(node->alive_name, name, strlen(name) + 1);
    *strchr(node->alive_name, '@') = '\0';
    memcpy(node->host, strchr(name, '@') + 1, strlen(strchr(name, '@')));
    err = node__identity_set(&node->identity,
                             node->asks_name ? NODE__NO_NAME : name, 0);
    if (err != AGNER_OK)
        return agner_fail(error, err, "no room for an atom");
    return AGNER_OK;
}

/* Without a cookie it is keys only, and those have to be on a list. */
static enum agner_err check_cookie(const struct node_options *options,
                                   struct agner_error *error)
{
    const char *cookie = options->cookie;
    size_t size = cookie == NULL ? 0 : strlen(cookie);

    if (options->cookie_file != NULL && cookie != NULL)
        return agner_fail(error, AGNER_EINVAL,
                          "cookie and cookie_file exclude each other");
    if (options->cookie_file != NULL ||
        (cookie == NULL && options->trust == NODE_TRUST_LISTED))
        return AGNER_OK;
    if (size == 0 || size > NODE__COOKIE_MAX)
        return agner_fail(error, AGNER_EINVAL,
                          "a cookie has 1 to %d bytes, this one %zu",
                          NODE__COOKIE_MAX, size);
    return AGNER_OK;
}

/* Where to listen; on this machine alone unless an address is given. */
static enum agner_err take_address(struct node *node,
                                   const struct node_options *options,
                                   struct agner_error *error)
{
    const char *host =
        options->listen_host != NULL ? options->listen_host : LISTEN_HOST;

    node->no_listen = options->no_listen || node->asks_name;
    node->listen_address.kind = RT_ADDRESS_TCP;
    if (options->listen_port != 0 && node->listen_address.port != 0 &&
        options->listen_port != node->listen_address.port)
        return agner_fail(error, AGNER_EINVAL,
                          "the name says port %u, listen_port %u",
                          node->listen_address.port, options->listen_port);
    if (options->listen_port != 0)
        node->listen_address.port = options->listen_port;
    if (strlen(host) >= sizeof node->listen_address.host)
        return agner_fail(error, AGNER_EINVAL, "listen_host is too long");
    memcpy(node->listen_address.host, host, strlen(host) + 1);
    return AGNER_OK;
}

/* Short, and nothing that a terminal would obey. */
static bool is_printable(const char *text)
{
    size_t at = 0;

    while (text[at] >= ' ' && text[at] <= '~' && at < 40)
        at++;
    return text[at] == '\0';
}

static enum agner_err take_epmd_port(struct node *node, uint16_t port,
                                     struct agner_error *error)
{
    const char *text =
        getenv("ERL_EPMD_PORT"); /* NOLINT(concurrency-mt-unsafe):
                                    nobody changes it */
    char *end;
    unsigned long number;

    node->epmd_port = port != 0 ? port : NODE__EPMD_PORT;
    if (port != 0 || text == NULL)
        return AGNER_OK;
    errno = 0;
    number = strtoul(text, &end, 10);
    if (errno != 0 || *end != '\0' || number == 0 || number > UINT16_MAX)
        return agner_fail(error, AGNER_EINVAL, "ERL_EPMD_PORT is no port: %s",
                          is_printable(text) ? text : "it has odd bytes");
    node->epmd_port = (uint16_t)number;
    return AGNER_OK;
}

static uint64_t flags_of(const struct node_options *options, bool hidden)
{
    uint64_t flags = NODE__FLAGS_OFFERED & ~options->flags_off;

    if (hidden)
        flags &= ~NODE__FLAG_PUBLISHED;
    if (options->no_atom_cache)
        flags &= ~NODE__FLAG_DIST_HDR_ATOM_CACHE;
    if (options->no_fragments)
        flags &= ~NODE__FLAG_FRAGMENTS;
    return flags;
}

/* Before there is a listener. */
static enum agner_err take_policy(struct node *node,
                                  const struct node_options *options,
                                  struct agner_error *error)
{
    enum agner_err err;
    size_t i;

    for (i = 0; i < options->cookie_count; i++) {
        const struct node_cookie *cookie = &options->cookies[i];

        err = node_cookie_set(node, cookie->peer, cookie->out, cookie->in);
        if (err != AGNER_OK)
            return agner_fail(error, err, "cookies of %.200s: %s", cookie->peer,
                              agner_strerror(err));
    }
    for (i = 0; i < options->permit_count; i++) {
        char peer[256];
        unsigned permissions;

        err =
            node__permit_parse(options->permits[i], peer, &permissions, error);
        if (err == AGNER_OK)
            err = node__permits_set(&node->permits, peer, permissions, error);
        if (err != AGNER_OK)
            return err;
    }
    for (i = 0; i < options->allow_count; i++) {
        err = node_allow(node, options->allow[i]);
        if (err != AGNER_OK)
            return agner_fail(error, err, "allowing %.200s: %s",
                              options->allow[i], agner_strerror(err));
    }
    return AGNER_OK;
}

static uint64_t or_default(uint64_t value, uint64_t instead)
{
    return value != 0 ? value : instead;
}

enum agner_err node__options_take(struct node *node,
                                  const struct node_options *options,
                                  struct agner_error *error)
{
    enum agner_err err = take_name(node, options->name, error);

    if (err == AGNER_OK)
        err = check_cookie(options, error);
    if (err == AGNER_OK)
        err = take_address(node, options, error);
    if (err == AGNER_OK)
        err = take_epmd_port(node, options->epmd_port, error);
    if (err == AGNER_OK)
        err = node__trust_start(node, options, error);
    if (err == AGNER_OK)
        err = take_policy(node, options, error);
    if (err != AGNER_OK)
        return err;
    if (options->erlang > NODE_ERLANG_ANY)
        return agner_fail(error, AGNER_EINVAL,
                          "erlang is none of enum "
                          "node_erlang");
    if (options->fragment_size != 0 && options->fragment_size < FRAGMENT_MIN)
        return agner_fail(error, AGNER_EINVAL,
                          "fragment_size is %zu, at least %u is needed",
                          options->fragment_size, FRAGMENT_MIN);
    node->plain = options->plain;
    node->hidden = options->hidden || node->asks_name;
    node->flags = flags_of(options, node->hidden);
    node->erlang = options->erlang;
    node->epmd_mode = node->no_listen ? NODE_EPMD_NONE : options->epmd;
    node->tick_time_ms = or_default(options->tick_time_ms, TICK_TIME_MS);
    node->setup_time_ms = or_default(options->setup_time_ms, SETUP_TIME_MS);
    node->packet_max = or_default(options->packet_max, PACKET_MAX);
    node->high_mark = or_default(options->high_mark, HIGH_MARK);
    node->fragment_size =
        or_default(options->fragment_size, NODE__FRAGMENT_SIZE);
    node->limits = node__limits(&options->limits);
    if (options->limits.handshake_ms == 0 && options->setup_time_ms != 0)
        node->limits.handshake_ms = (uint32_t)options->setup_time_ms;
    node->atoms_left = node->limits.atoms;
    return AGNER_OK;
}
