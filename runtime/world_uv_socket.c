/*
 * world_uv_socket.c -- a listening socket, made with the system's own calls.
 *
 * libuv's would not let a UNIX socket have its mode from the first moment, nor
 * accepting pause when descriptors run out. Blocks while it resolves a name.
 */
#include "world_uv.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "world_os.h"

static enum agner_err fail(struct agner_error *error,
                           const struct rt_address *address, int number)
{
    enum agner_err err = AGNER_ESYSTEM;
    char text[80];

    if (number == EADDRINUSE)
        err = AGNER_ETAKEN;
    else if (number == EACCES || number == EPERM)
        err = AGNER_ENOTALLOWED;
    else if (number == ENOMEM)
        err = AGNER_ENOMEM;
    (void)rt__system_text(number, text, sizeof text);
    if (address->kind == RT_ADDRESS_UNIX)
        return agner_fail(error, err, "listen on %s: %s", address->host, text);
    return agner_fail(error, err, "listen on %s port %u: %s",
                      address->host[0] == '\0' ? "every address"
                                               : address->host,
                      (unsigned)address->port, text);
}

/* ---- TCP -------------------------------------------------------------------
 */

/* A descriptor, or -1 with errno set. */
static int bind_tcp(const struct sockaddr *address, socklen_t size)
{
    int fd = rt__os_socket(address->sa_family);
    int on = 1;
    int kept;

    if (fd < 0)
        return -1;
    /* Without it the port of a node that has just ended stays taken. */
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, address, size) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    kept = errno;
    (void)close(fd); /* errno is what counts */
    errno = kept;
    return -1;
}

/* Both families in one socket where the system has IPv6, else IPv4. */
static int bind_everywhere(uint16_t port)
{
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
                               .sin6_port = htons(port) };
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = bind_tcp((const struct sockaddr *)&v6, sizeof v6);

    if (fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
        fd = bind_tcp((const struct sockaddr *)&v4, sizeof v4);
    return fd;
}

/* The first of the host's addresses that can be bound. */
static enum agner_err bind_host(const struct rt_address *address, int *out,
                                struct agner_error *error)
{
    static const struct addrinfo hints = { .ai_family = AF_UNSPEC,
                                           .ai_socktype = SOCK_STREAM,
                                           .ai_flags = AI_PASSIVE };
    struct addrinfo *found;
    const struct addrinfo *each;
    char port[8];
    int fd = -1;
    int number = 0;
    int err;

    (void)snprintf(port, sizeof port, "%u", (unsigned)address->port);
    err = getaddrinfo(address->host, port, &hints, &found);
    if (err != 0)
        return agner_fail(error,
                          err == EAI_MEMORY ? AGNER_ENOMEM : AGNER_ENONAME,
                          "listen on %s: %s", address->host, gai_strerror(err));
    for (each = found; fd < 0 && each != NULL; each = each->ai_next) {
        fd = bind_tcp(each->ai_addr, each->ai_addrlen);
        number = errno;
    }
    freeaddrinfo(found);
    if (fd < 0)
        return fail(error, address, number);
    *out = fd;
    return AGNER_OK;
}

static enum agner_err listen_tcp(struct rt_address *address, int *out,
                                 struct agner_error *error)
{
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    enum agner_err err = AGNER_OK;
    int fd = -1;

    if (address->host[0] != '\0') {
        err = bind_host(address, &fd, error);
    } else {
        fd = bind_everywhere(address->port);
        if (fd < 0)
            err = fail(error, address, errno);
    }
    if (err != AGNER_OK)
        return err;
    if (getsockname(fd, (struct sockaddr *)&bound, &size) != 0) {
        err = fail(error, address, errno);
        (void)close(fd); /* nobody saw it */
        return err;
    }
    address->port = ntohs(bound.ss_family == AF_INET6
                              ? ((struct sockaddr_in6 *)&bound)->sin6_port
                              : ((struct sockaddr_in *)&bound)->sin_port);
    *out = fd;
    return AGNER_OK;
}

/* ---- UNIX -------------------------------------------------------------------
 */

/* Does nobody serve this socket file? Only a refusal says so: whoever has too
 * many connections waiting is alive. */
static bool is_stale(const struct sockaddr_un *address)
{
    struct stat file;
    bool refused;
    int fd;

    if (lstat(address->sun_path, &file) != 0 || !S_ISSOCK(file.st_mode))
        return false;
    fd = rt__os_socket(AF_UNIX);
    if (fd < 0)
        return false;
    refused =
        connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
        errno == ECONNREFUSED;
    (void)close(fd); /* it was only to ask */
    return refused;
}

/* The mode is the descriptor's before there is a file, so that it never has
 * another one (Linux); chmod() is for systems that take no notice. */
static int bind_unix(const struct sockaddr_un *address)
{
    int fd = rt__os_socket(AF_UNIX);
    int kept;

    if (fd < 0)
        return -1;
    (void)fchmod(fd, S_IRUSR | S_IWUSR);
    if (bind(fd, (const struct sockaddr *)address, sizeof *address) == 0) {
        if (chmod(address->sun_path, S_IRUSR | S_IWUSR) == 0 &&
            listen(fd, SOMAXCONN) == 0)
            return fd;
        kept = errno;
        (void)unlink(address->sun_path); /* ours, of a moment ago */
        errno = kept;
    }
    kept = errno;
    (void)close(fd); /* errno is what counts */
    errno = kept;
    return -1;
}

/* Two programs that replace the same stale file at the same moment may both
 * succeed; the later one then has the name. */
static enum agner_err listen_unix(const struct rt_address *address, int *out,
                                  struct stat *file, struct agner_error *error)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    size_t size = strlen(address->host);
    int fd;

    if (size == 0 || size >= sizeof name.sun_path)
        return agner_fail(error, AGNER_EINVAL,
                          "a socket's path has 1 to %zu bytes: %s",
                          sizeof name.sun_path - 1, address->host);
    memcpy(name.sun_path, address->host, size + 1);
    fd = bind_unix(&name);
    if (fd < 0 && errno == EADDRINUSE && is_stale(&name)) {
        (void)unlink(name.sun_path); /* bind() tells if that failed */
        fd = bind_unix(&name);
    } else if (fd < 0 && errno == EADDRINUSE) {
        return fail(error, address, EADDRINUSE);
    }
    if (fd < 0)
        return fail(error, address, errno);
    if (stat(name.sun_path, file) != 0)
        memset(file, 0, sizeof *file); /* somebody took it away already */
    *out = fd;
    return AGNER_OK;
}

enum agner_err rt__uv_socket(struct rt_address *address, int *fd,
                             struct stat *file, struct agner_error *error)
{
    if (memchr(address->host, '\0', sizeof address->host) == NULL)
        return agner_fail(error, AGNER_EINVAL, "a host without an end");
    if (address->kind == RT_ADDRESS_UNIX)
        return listen_unix(address, fd, file, error);
    return listen_tcp(address, fd, error);
}
