/*
 * plain.c -- loopback or not, and what is said to whom may not speak plain.
 */
#include "plain.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "node_room.h"
#include "trust.h"

/* Four numbers up to 255 between dots, of which the first is 127. */
static bool is_loopback_ip4(const char *text)
{
    unsigned part = 0;

    if (strncmp(text, "127.", 4) != 0)
        return false;
    for (; part < 4; part++) {
        char *end;
        unsigned long number;

        if (*text < '0' || *text > '9')
            return false;
        number = strtoul(text, &end, 10);
        if (number > 255 || (part < 3 && *end != '.'))
            return false;
        text = end + (part < 3);
    }
    return *text == '\0';
}

bool node__is_loopback(const char *host)
{
    static const char mapped[] = "::ffff:"; /* IPv4 on a listener for both */

    if (strncasecmp(host, mapped, sizeof mapped - 1) == 0)
        return is_loopback_ip4(host + sizeof mapped - 1);
    return is_loopback_ip4(host) || strcmp(host, "::1") == 0 ||
           strcasecmp(host, "localhost") == 0;
}

enum agner_err node__plain_check(const struct node *node, const char *host,
                                 struct agner_error *error)
{
    bool loops = node__is_loopback(host);

    if (node->plain || node->erlang == NODE_ERLANG_ANY ||
        (node->erlang == NODE_ERLANG_LOOPBACK && loops))
        return AGNER_OK;
    if (loops)
        return agner_fail(error, AGNER_ENOTALLOWED,
                          "plain Erlang distribution is off here; "
                          "erlang: loopback (agner: --erlang loopback) "
                          "switches it on for this machine");
    return agner_fail(
        error, AGNER_ENOTALLOWED,
        "plain Erlang distribution with %.60s is %s here; "
        "erlang: any (agner: --erlang any) switches it on",
        host, node->erlang == NODE_ERLANG_OFF ? "off" : "not loopback and off");
}

enum agner_err node__plain_check_name(const struct node *node, const char *name,
                                      struct agner_error *error)
{
    if (node->plain || !node__trust_has_key(node->trust, name))
        return AGNER_OK;
    return agner_fail(error, AGNER_ENOTALLOWED,
                      "its name belongs to a key, which plain Erlang "
                      "distribution does not prove; agner trust remove %s "
                      "forgets the key",
                      name);
}
