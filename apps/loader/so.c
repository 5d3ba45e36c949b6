/*
 * so.c -- from a path to an application, or to the reason why not.
 */
#include "so.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf_size.h"

/* ---- The system's loader ---------------------------------------------- */

/* Now, so that what it lacks is known before anything runs; local, so that two
 * applications cannot take each other's functions. */
static void *dl_open(const char *path, char *text, size_t text_size)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const char *why;

    if (handle == NULL) {
        why = dlerror(); /* NOLINT(concurrency-mt-unsafe): glibc's is per thread
                          */
        (void)snprintf(text, text_size, "%s",
                       why != NULL ? why : "cannot be loaded");
    }
    return handle;
}

static void *dl_symbol(void *handle, const char *name)
{
    return dlsym(handle, name);
}

static void dl_close(void *handle)
{
    (void)dlclose(handle); /* it stays mapped then, which does no harm */
}

static const struct apps_dl dl_system = { dl_open, dl_symbol, dl_close };

/* ---- Where it is ------------------------------------------------------ */

static enum agner_err refuse(struct agner_error *error, const char *path,
                             const char *why)
{
    return agner_fail(error, AGNER_ENOTLOADED, "%s: %s", path, why);
}

/* Who may write `path` may run code as us. */
static enum agner_err check_owner(const char *path, const struct stat *st,
                                  struct agner_error *error)
{
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return refuse(error, path, "belongs to another user");
    if ((st->st_mode & S_IWOTH) != 0)
        return agner_fail(error, AGNER_ENOTLOADED,
                          "%s: everybody may write it; run: chmod o-w %s", path,
                          path);
    return AGNER_OK;
}

static bool is_below(const char *path, const char *dir)
{
    char real[PATH_MAX];
    size_t size;

    if (realpath(dir, real) == NULL)
        return false; /* what is not there has nothing in it */
    size = strlen(real);
    return strncmp(path, real, size) == 0 && path[size] == '/';
}

static bool is_allowed(const char *path,
                       const struct apps_loader_options *options)
{
    for (size_t i = 0; i < options->dir_count; i++) {
        if (is_below(path, options->dirs[i]))
            return true;
    }
    return options->dir_count == 0;
}

/* `real`, of PATH_MAX bytes, is set to the path without links. */
static enum agner_err check_path(const char *path,
                                 const struct apps_loader_options *options,
                                 char *real, struct agner_error *error)
{
    enum agner_err err;
    struct stat st;
    char *slash;

    if (path[0] != '/')
        return refuse(error, path, "not an absolute path");
    if (realpath(path, real) == NULL || stat(real, &st) != 0)
        return refuse(error, path, strerror(errno));
    if (!is_allowed(real, options))
        return refuse(error, path, "not below any of application_dirs");
    if (!S_ISREG(st.st_mode))
        return refuse(error, path, "not a file");
    err = check_owner(real, &st, error);
    if (err != AGNER_OK)
        return err;
    slash = strrchr(real, '/');
    *slash = '\0';
    err = stat(real[0] == '\0' ? "/" : real, &st) == 0
              ? check_owner(real, &st, error)
              : refuse(error, path, strerror(errno));
    *slash = '/';
    return err;
}

bool apps__so_find(const char *name, const struct apps_loader_options *options,
                   char *path, size_t size)
{
    if (name[0] == '\0' || strchr(name, '/') != NULL)
        return false;
    for (size_t i = 0; i < options->dir_count; i++) {
        int length = snprintf(path, size, "%s/%s.so", options->dirs[i], name);

        if (length > 0 && (size_t)length < size && access(path, F_OK) == 0)
            return true;
    }
    return false;
}

/* ---- What it holds ---------------------------------------------------- */

static enum agner_err check_application(const char *path,
                                        const struct gen_application *a,
                                        struct agner_error *error)
{
    struct agner_error why = { AGNER_OK, "" };
    enum agner_err err;

    if (a == NULL)
        return refuse(error, path,
                      "no application: it does not export "
                      "'" GEN_APPLICATION_SYMBOL
                      "'; GEN_APPLICATION with -DGEN_MODULE does");
    err = gen_application_check(a, &why);
    if (err != AGNER_OK)
        return agner_fail(error, err, "%s: %s", path, why.text);
    return AGNER_OK;
}

enum agner_err apps__so_open(const char *path,
                             const struct apps_loader_options *options,
                             const struct gen_application **application,
                             struct agner_error *error)
{
    const struct apps_dl *dl = options->dl != NULL ? options->dl : &dl_system;
    const struct gen_application *found;
    char real[PATH_MAX], text[200];
    enum agner_err err = check_path(path, options, real, error);
    void *handle;

    if (err != AGNER_OK)
        return err;
    if (apps__elf_cut_short(real))
        return refuse(error, real, "the file is cut short; copy it again");
    handle = dl->open(real, text, sizeof text);
    if (handle == NULL) /* the text names the file */
        return agner_fail(error, AGNER_ENOTLOADED, "%s", text);
    found = dl->symbol(handle, GEN_APPLICATION_SYMBOL);
    err = check_application(real, found, error);
    if (err == AGNER_OK)
        *application = found;
    else
        dl->close(handle);
    return err;
}
