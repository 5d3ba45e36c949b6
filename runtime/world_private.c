/*
 * world_private.c -- files that are this user's alone, of the real world.
 *
 * What is read is a plain file of this user that nobody else can read or write,
 * and no link to one; anything else is refused with the command that mends it.
 * What is written is whole or not there: it gets its name when it is on the
 * disk. Source: spec/reliability.md 6.3.
 */
#include "world_real.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 4096u

static enum agner_err fail(struct agner_error *error, const char *path,
                           int number)
{
    enum agner_err err = AGNER_ESYSTEM;
    char text[80];

    if (number == EACCES || number == EPERM || number == EROFS)
        err = AGNER_ENOTALLOWED;
    else if (number == ENOENT)
        err = AGNER_ENONAME;
    else if (number == EEXIST)
        err = AGNER_ETAKEN;
    else if (number == ENOMEM)
        err = AGNER_ENOMEM;
    return agner_fail(error, err, "%s: %s", path,
                      rt__system_text(number, text, sizeof text));
}

/* ---- Reading ----------------------------------------------------------- */

static enum agner_err check_file(int fd, const char *path,
                                 struct agner_error *error)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return fail(error, path, errno);
    if (!S_ISREG(st.st_mode))
        return agner_fail(error, AGNER_ENOTALLOWED, "%s: not a file; ls -ld %s",
                          path, path);
    if (st.st_uid != geteuid())
        return agner_fail(error, AGNER_ENOTALLOWED,
                          "%s: belongs to another user; sudo chown \"$USER\" "
                          "%s",
                          path, path);
    if ((st.st_mode & 077) != 0)
        return agner_fail(error, AGNER_ENOTALLOWED,
                          "%s: others may read or write it; chmod 600 %s", path,
                          path);
    return AGNER_OK;
}

static enum agner_err open_private(const char *path, int *out,
                                   struct agner_error *error)
{
    /* A pipe under that name is not waited for. */
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    enum agner_err err;

    if (fd < 0 && errno == ELOOP)
        return agner_fail(error, AGNER_ENOTALLOWED,
                          "%s: is a symbolic link; cp --remove-destination "
                          "\"$(readlink -f %s)\" %s",
                          path, path, path);
    if (fd < 0)
        return fail(error, path, errno);
    err = check_file(fd, path, error);
    if (err == AGNER_OK)
        *out = fd;
    else
        (void)close(fd); /* only looked at */
    return err;
}

/* Up to `room` bytes; one more would be too many. */
static enum agner_err read_all(int fd, const char *path, uint8_t *bytes,
                               size_t room, size_t *size,
                               struct agner_error *error)
{
    uint8_t more;
    ssize_t got = 1;

    *size = 0;
    while (got > 0 && *size < room) {
        got = read(fd, bytes + *size, room - *size);
        if (got > 0)
            *size += (size_t)got;
        else if (got < 0 && errno == EINTR)
            got = 1;
    }
    if (got > 0)
        got = read(fd, &more, 1);
    if (got < 0)
        return fail(error, path, errno);
    if (got > 0)
        return agner_fail(error, AGNER_ELIMIT, "%s: over %zu bytes", path,
                          room);
    return AGNER_OK;
}

enum agner_err rt__private_read(void *ctx, const char *path, void *bytes,
                                size_t room, size_t *size,
                                struct agner_error *error)
{
    enum agner_err err;
    int fd = -1;

    (void)ctx;
    err = open_private(path, &fd, error);
    if (err != AGNER_OK)
        return err;
    err = read_all(fd, path, bytes, room, size, error);
    (void)close(fd); /* only read from */
    return err;
}

/* ---- Writing ----------------------------------------------------------- */

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t put = write(fd, bytes, size);

        if (put < 0 && errno != EINTR)
            return errno;
        if (put > 0) {
            bytes += put;
            size -= (size_t)put;
        }
    }
    return fsync(fd) != 0 ? errno : 0;
}

/* What is in a folder lasts when the folder is on the disk. */
static void sync_folder(const char *path)
{
    char folder[PATH_SIZE];
    const char *slash = strrchr(path, '/');
    int fd;

    (void)snprintf(folder, sizeof folder, "%.*s",
                   slash == NULL ? 1 : (int)(slash - path + 1),
                   slash == NULL ? "." : path);
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return; /* it is written, and may be lost if the power is now */
    (void)fsync(fd);
    (void)close(fd);
}

enum agner_err rt__private_write(void *ctx, const char *path, const void *bytes,
                                 size_t size, bool fresh,
                                 struct agner_error *error)
{
    char new[PATH_SIZE];
    int length = snprintf(new, sizeof new, "%s.new", path), fd, number;

    (void)ctx;
    if (length < 0 || (size_t)length >= sizeof new)
        return fail(error, path, ENAMETOOLONG);
    (void)unlink(new); /* half of one that was not finished */
    fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(error, new, errno);
    number = write_all(fd, bytes, size);
    if (close(fd) != 0 && number == 0)
        number = errno;
    /* A link, and not a rename, fails where there is one. */
    if (number == 0 && (fresh ? link(new, path) : rename(new, path)) != 0)
        number = errno;
    if (number != 0 || fresh)
        (void)unlink(new);
    if (number != 0)
        return fail(error, path, number);
    sync_folder(path);
    return AGNER_OK;
}

/* ---- Folders ----------------------------------------------------------- */

/* Makes what is missing of a path; what cannot be made is seen later. */
static void make_folders(const char *path)
{
    char part[PATH_SIZE];

    (void)snprintf(part, sizeof part, "%s", path);
    for (char *at = part + 1; *at != '\0'; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        (void)mkdir(part, 0700);
        *at = '/';
    }
    (void)mkdir(part, 0700);
}

enum agner_err rt__private_folder(void *ctx, const char *path, bool make,
                                  struct agner_error *error)
{
    struct stat st;

    (void)ctx;
    if (strlen(path) >= PATH_SIZE)
        return fail(error, path, ENAMETOOLONG);
    if (make)
        make_folders(path);
    if (stat(path, &st) != 0)
        return fail(error, path, errno);
    if (!S_ISDIR(st.st_mode))
        return fail(error, path, ENOTDIR);
    if (st.st_uid != geteuid())
        return agner_fail(error, AGNER_ENOTALLOWED,
                          "%s: belongs to another user; sudo chown \"$USER\" "
                          "%s",
                          path, path);
    if ((st.st_mode & 022) != 0)
        return agner_fail(error, AGNER_ENOTALLOWED,
                          "%s: others may write there; chmod 700 %s", path,
                          path);
    return AGNER_OK;
}

enum agner_err rt__private_lock(void *ctx, const char *folder, int *lock,
                                struct agner_error *error)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)ctx;
    if (fd < 0)
        return fail(error, folder, errno);
    while (flock(fd, LOCK_EX) != 0) {
        int number = errno;

        if (number == EINTR)
            continue;
        (void)close(fd);
        return fail(error, folder, number);
    }
    *lock = fd;
    return AGNER_OK;
}

void rt__private_unlock(void *ctx, int lock)
{
    (void)ctx;
    (void)close(lock); /* the lock goes with it */
}
