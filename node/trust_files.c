/*
 * trust_files.c -- through the world's private files, which see to rights, and
 * that a file is whole.
 */
#include "trust_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "key_text.h"
#include "noise_secret.h"

enum agner_err node__trust_path(const char *folder, const char *name,
                                char path[TRUST_PATH_SIZE],
                                struct agner_error *error)
{
    int size = snprintf(path, TRUST_PATH_SIZE, "%s/%s", folder, name);

    if (size < 0 || (size_t)size >= TRUST_PATH_SIZE)
        return agner_fail(error, AGNER_EINVAL, "%.100s...: too long", folder);
    return AGNER_OK;
}

static enum agner_err has_files(const struct rt_world *world,
                                struct agner_error *error)
{
    if (world->private_read != NULL)
        return AGNER_OK;
    return agner_fail(error, AGNER_ENOTSUP,
                      "there are no private files in this world");
}

/* ---- Keys -------------------------------------------------------------- */

/* The line of a key file, in memory for secrets. */
struct key_file {
    char text[KEY_SECRET_TEXT_SIZE + 2];
};

static enum agner_err parse_key(const char *path, const struct key_file *file,
                                size_t size, struct noise_keys *keys,
                                struct agner_error *error)
{
    while (size > 0 &&
           (file->text[size - 1] == '\n' || file->text[size - 1] == '\r'))
        size--;
    if (!node__key_parse_secret(file->text, size, keys->secret) ||
        node__noise_public(keys) != AGNER_OK)
        return agner_fail(
            error, AGNER_ESYNTAX,
            "%s: line 1: expected a key, " KEY_SECRET_PREFIX "...", path);
    return AGNER_OK;
}

enum agner_err node__trust_key_read(const struct rt_world *world,
                                    const char *folder, const char *name,
                                    struct noise_keys *keys,
                                    struct agner_error *error)
{
    char path[TRUST_PATH_SIZE];
    struct key_file *file;
    enum agner_err err = has_files(world, error);
    size_t size;

    if (err == AGNER_OK)
        err = node__trust_path(folder, name, path, error);
    if (err != AGNER_OK)
        return err;
    file = node__secret_new(sizeof *file);
    if (file == NULL)
        return agner_fail(error, AGNER_ENOMEM, "%s: no memory for it", path);
    err = world->private_read(world->ctx, path, file->text, sizeof file->text,
                              &size, error);
    if (err == AGNER_OK)
        err = parse_key(path, file, size, keys, error);
    node__secret_free(file);
    return err;
}

enum agner_err node__trust_key_new(const struct rt_world *world,
                                   const char *folder, const char *name,
                                   struct noise_keys *keys,
                                   struct agner_error *error)
{
    char path[TRUST_PATH_SIZE];
    struct key_file *file;
    enum agner_err err = has_files(world, error);
    int lock;

    if (err == AGNER_OK)
        err = node__trust_path(folder, name, path, error);
    if (err == AGNER_OK)
        err = world->private_folder(world->ctx, folder, true, error);
    if (err != AGNER_OK)
        return err;
    file = node__secret_new(sizeof *file);
    if (file == NULL)
        return agner_fail(error, AGNER_ENOMEM, "%s: no memory for it", path);
    /* Another start of this node would give its half-written file our name. */
    err = world->private_lock(world->ctx, folder, &lock, error);
    if (err != AGNER_OK) {
        node__secret_free(file);
        return err;
    }
    world->random(world->ctx, keys->secret, sizeof keys->secret);
    err = node__noise_public(keys);
    if (err == AGNER_OK) {
        node__key_print_secret(keys->secret, file->text);
        file->text[KEY_SECRET_TEXT_SIZE - 1] = '\n';
        err = world->private_write(world->ctx, path, file->text,
                                   KEY_SECRET_TEXT_SIZE, true, error);
    }
    world->private_unlock(world->ctx, lock);
    node__secret_free(file);
    return err;
}

/* ---- Known nodes ---------------------------------------------------------
 */

enum agner_err node__trust_known_read(const struct rt_world *world,
                                      const char *folder,
                                      struct known_nodes *known,
                                      struct agner_error *error)
{
    struct agner_error cause = { AGNER_OK, "" };
    char path[TRUST_PATH_SIZE];
    enum agner_err err = has_files(world, error);
    char *text;
    size_t size;

    if (err == AGNER_OK)
        err = node__trust_path(folder, "known_nodes", path, error);
    if (err != AGNER_OK)
        return err;
    text = malloc(KNOWN_BYTES_MAX);
    if (text == NULL)
        return agner_fail(error, AGNER_ENOMEM, "%s: no memory for it", path);
    err = world->private_read(world->ctx, path, text, KNOWN_BYTES_MAX, &size,
                              error);
    if (err == AGNER_OK) {
        err = node__known_parse(known, text, size, &cause);
        if (err != AGNER_OK)
            (void)agner_fail(error, err, "%s: %s", path, cause.text);
    }
    free(text);
    return err == AGNER_ENONAME ? AGNER_OK : err;
}

static enum agner_err write_known(const struct rt_world *world,
                                  const char *folder,
                                  const struct known_nodes *known,
                                  struct agner_error *error)
{
    struct etf_buffer out = { .size_max = KNOWN_BYTES_MAX };
    char path[TRUST_PATH_SIZE];
    enum agner_err err = node__trust_path(folder, "known_nodes", path, error);

    if (err != AGNER_OK)
        return err;
    err = node__known_write(known, &out);
    if (err != AGNER_OK)
        (void)agner_fail(error, err, "%s: %s", path, agner_strerror(err));
    else
        err = world->private_write(world->ctx, path, out.data, out.size, false,
                                   error);
    etf_buffer_fini(&out);
    return err;
}

enum agner_err node__trust_known_change(
    const struct rt_world *world, const char *folder,
    enum agner_err (*change)(void *ctx, struct known_nodes *known,
                             struct agner_error *error),
    void *ctx, struct known_nodes *known, struct agner_error *error)
{
    struct known_nodes changed = { 0 };
    enum agner_err err = has_files(world, error);
    int lock;

    if (err == AGNER_OK)
        err = world->private_folder(world->ctx, folder, true, error);
    if (err == AGNER_OK)
        err = world->private_lock(world->ctx, folder, &lock, error);
    if (err != AGNER_OK)
        return err;
    err = node__trust_known_read(world, folder, &changed, error);
    if (err == AGNER_OK)
        err = change(ctx, &changed, error);
    if (err == AGNER_OK)
        err = write_known(world, folder, &changed, error);
    world->private_unlock(world->ctx, lock);
    if (err == AGNER_OK && known != NULL)
        *known = changed;
    else
        node__known_fini(&changed);
    return err;
}

/* ---- Cookies ------------------------------------------------------------- */

struct cookie_file {
    char text[COOKIE_FILE_MAX];
};

enum agner_err node__trust_cookies_read(const struct rt_world *world,
                                        const char *path,
                                        struct cookie_lines *lines,
                                        struct agner_error *error)
{
    struct agner_error cause = { AGNER_OK, "" };
    struct cookie_file *file;
    enum agner_err err = has_files(world, error);
    size_t size;

    if (err != AGNER_OK)
        return err;
    file = node__secret_new(sizeof *file);
    if (file == NULL)
        return agner_fail(error, AGNER_ENOMEM, "%s: no memory for it", path);
    err = world->private_read(world->ctx, path, file->text, sizeof file->text,
                              &size, error);
    if (err == AGNER_OK) {
        err = node__cookie_lines(file->text, size, lines, &cause);
        if (err != AGNER_OK)
            (void)agner_fail(error, err, "%s: %s", path, cause.text);
    }
    node__secret_free(file);
    return err;
}

enum agner_err node__trust_cookies_write(const struct rt_world *world,
                                         const char *path,
                                         const struct cookie_lines *lines,
                                         bool fresh, struct agner_error *error)
{
    struct cookie_file *file;
    enum agner_err err = has_files(world, error);

    if (err != AGNER_OK)
        return err;
    file = node__secret_new(sizeof *file);
    if (file == NULL)
        return agner_fail(error, AGNER_ENOMEM, "%s: no memory for it", path);
    err = world->private_write(world->ctx, path, file->text,
                               node__cookie_lines_write(lines, file->text),
                               fresh, error);
    node__secret_free(file);
    return err;
}
