/*
 * world_uv_resolve.c -- all addresses of a name.
 *
 * The C library cannot be interrupted, so a request outlives its cancellation;
 * the loop counts it among its look-ups, and waits for it when it ends.
 */
#include "world_uv.h"

#include <stdlib.h>
#include <string.h>

struct rt_resolve {
    uv_getaddrinfo_t req;
    struct rt_loop *loop; /* borrowed */
    /* NULL: cancelled. */
    void (*done)(void *ctx, enum agner_err err,
                 const struct rt_address *addresses, size_t count,
                 const char *text);
    void *ctx;
};

static size_t copy(const struct addrinfo *found, struct rt_address *addresses)
{
    size_t count = 0;

    for (; found != NULL && count < RT_RESOLVE_MAX; found = found->ai_next) {
        struct sockaddr_storage address;

        if (found->ai_addrlen > sizeof address)
            continue;
        memset(&address, 0, sizeof address);
        memcpy(&address, found->ai_addr, found->ai_addrlen);
        rt__uv_describe(&address, &addresses[count]);
        count += addresses[count].host[0] != '\0';
    }
    return count;
}

static void tell(const struct rt_resolve *resolve, int status,
                 const struct addrinfo *found)
{
    struct rt_address *addresses;
    char text[80];
    size_t count;

    if (status != 0) {
        resolve->done(resolve->ctx, rt__uv_code(status), NULL, 0,
                      rt__uv_text(status, text, sizeof text));
        return;
    }
    addresses = calloc(RT_RESOLVE_MAX, sizeof *addresses);
    if (addresses == NULL) {
        resolve->done(resolve->ctx, AGNER_ENOMEM, NULL, 0, "out of memory");
        return;
    }
    count = copy(found, addresses);
    resolve->done(resolve->ctx, count > 0 ? AGNER_OK : AGNER_ENONAME, addresses,
                  count, count > 0 ? "" : "no IP address");
    free(addresses);
}

static void on_resolved(uv_getaddrinfo_t *req, int status,
                        struct addrinfo *found)
{
    struct rt_resolve *resolve = req->data;

    resolve->loop->lookups--;
    if (resolve->done != NULL)
        tell(resolve, status, found);
    uv_freeaddrinfo(found);
    free(resolve);
}

enum agner_err rt__uv_resolve(struct rt_loop *loop, const char *host,
                              void (*done)(void *ctx, enum agner_err err,
                                           const struct rt_address *addresses,
                                           size_t count, const char *text),
                              void *ctx, struct rt_resolve **out,
                              struct agner_error *error)
{
    static const struct addrinfo hints = { .ai_family = AF_UNSPEC,
                                           .ai_socktype = SOCK_STREAM };
    struct rt_resolve *resolve;
    char text[80];
    int err;

    if (loop->stopping)
        return agner_fail(error, AGNER_ENOTRUNNING, "the loop ends");
    resolve = calloc(1, sizeof *resolve);
    if (resolve == NULL)
        return agner_fail(error, AGNER_ENOMEM, "look-up of %s", host);
    resolve->loop = loop;
    resolve->done = done;
    resolve->ctx = ctx;
    resolve->req.data = resolve;
    err = uv_getaddrinfo(&loop->uv, &resolve->req, on_resolved, host, NULL,
                         &hints);
    if (err != 0) {
        free(resolve);
        return agner_fail(error, err == UV_ENOMEM ? AGNER_ENOMEM : AGNER_EINVAL,
                          "host %s: %s", host,
                          rt__uv_text(err, text, sizeof text));
    }
    loop->lookups++;
    *out = resolve;
    return AGNER_OK;
}

void rt__uv_resolve_cancel(struct rt_resolve *resolve)
{
    resolve->done = NULL;
    /* Refused when it runs already; its callback comes either way. */
    (void)uv_cancel((uv_req_t *)&resolve->req);
}
