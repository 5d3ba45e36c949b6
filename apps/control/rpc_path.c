/*
 * rpc_path.c -- where control sockets are: one directory for each user.
 *
 * Who may connect is who may reach the socket, so the directory is checked each
 * time: in /tmp another user could have made it first.
 */
#include "agner_apps.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".sock"

/* The user's directory, which need not exist. */
static enum agner_err directory(char *path, size_t size,
                                struct agner_error *error)
{
    const char *run = getenv("XDG_RUNTIME_DIR");
    int length;

    if (run != NULL && run[0] == '/')
        length = snprintf(path, size, "%s/agner", run);
    else
        length =
            snprintf(path, size, "/tmp/agner-%lu", (unsigned long)geteuid());
    if (length < 0 || (size_t)length >= size)
        return agner_fail(error, AGNER_EINVAL,
                          "XDG_RUNTIME_DIR is too long for a socket");
    return AGNER_OK;
}

enum agner_err apps_control_path(const char *name, char *path, size_t size,
                                 struct agner_error *error)
{
    enum agner_err err = directory(path, size, error);
    size_t used;

    if (err != AGNER_OK)
        return err;
    if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL)
        return agner_fail(error, AGNER_EINVAL, "%s: no name of a node", name);
    used = strlen(path);
    if (strlen(name) + sizeof SUFFIX + 1 > size - used)
        return agner_fail(error, AGNER_EINVAL,
                          "%s: too long for a socket in %s; use --control",
                          name, path);
    (void)snprintf(path + used, size - used, "/%s" SUFFIX, name);
    return AGNER_OK;
}

enum agner_err apps_control_dir(const char *path, struct agner_error *error)
{
    const char *slash = strrchr(path, '/');
    char dir[APPS_PATH_MAX];
    struct stat st;
    size_t size;

    if (slash == NULL || slash == path)
        return AGNER_OK; /* the present directory, or the root */
    size = (size_t)(slash - path);
    if (size >= sizeof dir)
        return agner_fail(error, AGNER_EINVAL, "%.100s...: too long", path);
    memcpy(dir, path, size);
    dir[size] = '\0';
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return agner_fail(error, AGNER_ESYSTEM, "%s: %s", dir, strerror(errno));
    if (lstat(dir, &st) != 0)
        return agner_fail(error, AGNER_ESYSTEM, "%s: %s", dir, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return agner_fail(error, AGNER_ENOTALLOWED,
                          "%s: not a directory; remove it", dir);
    if (st.st_uid != geteuid())
        return agner_fail(error, AGNER_ENOTALLOWED,
                          "%s: belongs to user %lu; set XDG_RUNTIME_DIR, or "
                          "use --control",
                          dir, (unsigned long)st.st_uid);
    if ((st.st_mode & 022) != 0)
        return agner_fail(error, AGNER_ENOTALLOWED,
                          "%s: others may write there; run: chmod 700 %s", dir,
                          dir);
    return AGNER_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

size_t apps_control_names(char (*names)[256], size_t count)
{
    char path[108];
    DIR *dir;
    const struct dirent *entry;
    size_t found = 0;

    if (directory(path, sizeof path, NULL) != AGNER_OK)
        return 0;
    dir = opendir(path);
    if (dir == NULL)
        return 0; /* no node has run here */
    while ((entry = readdir(dir)) != NULL) {
        size_t size = strlen(entry->d_name);

        if (size < sizeof SUFFIX || size - sizeof SUFFIX + 1 >= 256 ||
            strcmp(entry->d_name + size - (sizeof SUFFIX - 1), SUFFIX) != 0)
            continue;
        if (found < count) {
            size -= sizeof SUFFIX - 1;
            memcpy(names[found], entry->d_name, size);
            names[found][size] = '\0';
        }
        found++;
    }
    (void)closedir(dir); /* only read from */
    qsort(names, found < count ? found : count, sizeof names[0], by_name);
    return found;
}
