/*
 * discovery.c -- ways to find nodes, as text: KIND[:HOST[:PORT]][,KEY=VALUE]...
 *
 *   kind    host and port                          keys
 *   ------  -------------------------------------  -------------------------
 *   dns     the service's name; where nodes listen  base, interval
 *   gossip  group and port; libcluster's if absent  interface, hops, interval
 *   epmd    whose epmd; this machine's if absent    interval
 *
 * The same on the command line and in the configuration file. Intervals are
 * milliseconds.
 */
#include "agner_apps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTERVAL_MIN 100
#define INTERVAL_MAX 86400000
#define TEXT_MAX     600

static bool read_number(const char *text, long min, long max, long *number)
{
    char *end;

    errno = 0;
    *number = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *number >= min &&
           *number <= max;
}

static bool copy(char *to, size_t size, const char *text)
{
    if (text[0] == '\0' || strlen(text) >= size)
        return false;
    memcpy(to, text, strlen(text) + 1);
    return true;
}

/* What stands behind the kind: "HOST", "HOST:PORT", "[ADDRESS]:PORT". */
static bool read_place(const char *text, struct apps_discovery *d)
{
    struct apps_listen place = { .port = 0 };

    if (apps_listen_parse(text, &place)) {
        d->port = place.port;
        text = place.host;
    }
    return copy(d->host, sizeof d->host, text);
}

static bool read_pair(char *pair, struct apps_discovery *d)
{
    char *value = strchr(pair, '=');
    long number;

    if (value == NULL)
        return false;
    *value++ = '\0';
    if (strcmp(pair, "base") == 0 && d->kind == APPS_DISCOVERY_DNS)
        return copy(d->base, sizeof d->base, value);
    if (strcmp(pair, "interface") == 0 && d->kind == APPS_DISCOVERY_GOSSIP)
        return copy(d->interface, sizeof d->interface, value);
    if (strcmp(pair, "hops") == 0 && d->kind == APPS_DISCOVERY_GOSSIP &&
        read_number(value, 1, 255, &number)) {
        d->hops = (uint8_t)number;
        return true;
    }
    if (strcmp(pair, "interval") == 0 &&
        read_number(value, INTERVAL_MIN, INTERVAL_MAX, &number)) {
        d->interval_ms = (uint64_t)number;
        return true;
    }
    return false;
}

static bool read_kind(const char *word, struct apps_discovery *d)
{
    static const char *const kinds[] = { [APPS_DISCOVERY_DNS] = "dns",
                                         [APPS_DISCOVERY_GOSSIP] = "gossip",
                                         [APPS_DISCOVERY_EPMD] = "epmd" };

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i], word) != 0)
            continue;
        d->kind = (enum apps_discovery_kind)i;
        return true;
    }
    return false;
}

enum agner_err apps_discovery_parse(const char *text, struct apps_discovery *d,
                                    struct agner_error *error)
{
    char buffer[TEXT_MAX];
    char *place, *pair, *next;
    bool good;

    memset(d, 0, sizeof *d);
    if (strlen(text) >= sizeof buffer)
        return agner_fail(error, AGNER_EINVAL, "over %d characters",
                          TEXT_MAX - 1);
    memcpy(buffer, text, strlen(text) + 1);
    pair = strchr(buffer, ',');
    if (pair != NULL)
        *pair++ = '\0';
    place = strchr(buffer, ':');
    if (place != NULL)
        *place++ = '\0';
    good = read_kind(buffer, d);
    if (!good)
        return agner_fail(error, AGNER_EINVAL,
                          "'%.40s' is not dns, gossip or epmd", buffer);
    if (place != NULL ? !read_place(place, d) : d->kind == APPS_DISCOVERY_DNS)
        return agner_fail(error, AGNER_EINVAL, "%s: expected HOST or HOST:PORT",
                          buffer);
    for (; pair != NULL; pair = next) {
        next = strchr(pair, ',');
        if (next != NULL)
            *next++ = '\0';
        if (!read_pair(pair, d))
            return agner_fail(error, AGNER_EINVAL,
                              "%s: '%.60s' is no key of it, or its value is "
                              "none",
                              buffer, pair);
    }
    return AGNER_OK;
}

static const char *or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

enum agner_err apps_discovery_start(struct node *node,
                                    const struct apps_discovery *d,
                                    struct agner_error *error)
{
    const struct node_dns dns = { .host = d->host,
                                  .base = or_null(d->base),
                                  .port = d->port,
                                  .interval_ms = d->interval_ms };
    const struct node_gossip gossip = { .group = or_null(d->host),
                                        .port = d->port,
                                        .interface = or_null(d->interface),
                                        .hops = d->hops,
                                        .interval_ms = d->interval_ms };

    switch (d->kind) {
    case APPS_DISCOVERY_DNS:
        return node_discover_dns(node, &dns, error);
    case APPS_DISCOVERY_GOSSIP:
        return node_discover_gossip(node, &gossip, error);
    case APPS_DISCOVERY_EPMD:
        return node_discover_epmd(node, or_null(d->host), d->interval_ms,
                                  error);
    }
    return AGNER_EINVAL;
}
