/*
 * files.c -- the files of a simulation: a list of names and bytes. What is
 * written to standard error really goes there.
 */
#include "sim_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct file {
    struct file *next;
    size_t size;
    uint8_t *bytes; /* owned: behind the path */
    char path[];
};

static struct file **find(struct sim *sim, const char *path)
{
    struct file **link = &sim->files;

    while (*link != NULL && strcmp((*link)->path, path) != 0)
        link = &(*link)->next;
    return link;
}

enum agner_err sim_file_put(struct sim *sim, const char *path,
                            const void *bytes, size_t size)
{
    struct file **link = find(sim, path);
    struct file *old = *link;
    size_t length = strlen(path) + 1;
    struct file *file;

    if (bytes != NULL) {
        file = malloc(sizeof *file + length + size);
        if (file == NULL)
            return AGNER_ENOMEM;
        memcpy(file->path, path, length);
        file->bytes = (uint8_t *)file->path + length;
        memcpy(file->bytes, bytes, size);
        file->size = size;
        file->next = old == NULL ? NULL : old->next;
        *link = file;
    } else if (old != NULL) {
        *link = old->next;
    }
    free(old);
    return AGNER_OK;
}

enum agner_err sim__file_read(void *ctx, const char *path, size_t bytes_max,
                              struct etf_buffer *b, struct agner_error *error)
{
    struct sim *sim = ((struct sim_machine *)ctx)->sim;
    const struct file *file = *find(sim, path);
    enum agner_err err;

    if (sim__fault(sim, sim->options.file_error_ppm))
        return agner_fail(error, AGNER_ESYSTEM, "%s: a simulated error", path);
    if (file == NULL)
        return agner_fail(error, AGNER_ENONAME, "%s: no such file", path);
    if (file->size > bytes_max)
        return agner_fail(error, AGNER_ELIMIT, "%s: longer than %zu bytes",
                          path, bytes_max);
    err = etf_buffer_add(b, file->bytes, file->size);
    if (err != AGNER_OK)
        return agner_fail(error, err, "%s: %s", path, agner_strerror(err));
    return AGNER_OK;
}

/* ---- Outputs ------------------------------------------------------------ */

struct rt_output {
    char *path; /* owned; NULL: standard error */
};

enum agner_err sim__output_open(void *ctx, enum rt_output_kind kind,
                                const char *path, struct rt_output **output,
                                struct rt_output_info *info,
                                struct agner_error *error)
{
    struct sim *sim = ((struct sim_machine *)ctx)->sim;
    struct rt_output *o = calloc(1, sizeof *o);
    enum agner_err err = AGNER_OK;

    if (kind == RT_OUTPUT_DATAGRAM)
        err = AGNER_ENOCONN;
    else if (o == NULL)
        err = AGNER_ENOMEM;
    *info = (struct rt_output_info){ .terminal = false };
    if (err == AGNER_OK && kind == RT_OUTPUT_FILE) {
        if (*find(sim, path) == NULL)
            err = sim_file_put(sim, path, "", 0);
        else
            info->size = (*find(sim, path))->size;
        o->path = strdup(path);
        if (o->path == NULL)
            err = AGNER_ENOMEM;
    }
    if (err != AGNER_OK) {
        if (o != NULL)
            free(o->path);
        free(o);
        return agner_fail(error, err, "%s: %s", path, agner_strerror(err));
    }
    *output = o;
    return AGNER_OK;
}

static enum agner_err append(struct sim *sim, const char *path,
                             const void *bytes, size_t size)
{
    const struct file *file = *find(sim, path);
    size_t had = file == NULL ? 0 : file->size;
    uint8_t *all = malloc(had + size + 1);
    enum agner_err err;

    if (all == NULL)
        return AGNER_ENOMEM;
    if (had > 0)
        memcpy(all, file->bytes, had);
    memcpy(all + had, bytes, size);
    err = sim_file_put(sim, path, all, had + size);
    free(all);
    return err;
}

enum agner_err sim__output_write(void *ctx, struct rt_output *output,
                                 const void *bytes, size_t size,
                                 uint64_t wait_ms, size_t *written,
                                 struct agner_error *error)
{
    struct sim *sim = ((struct sim_machine *)ctx)->sim;
    enum agner_err err = AGNER_OK;

    (void)wait_ms;
    *written = 0;
    if (output->path == NULL)
        (void)fwrite(bytes, 1, size, stderr); /* for people */
    else if (sim__fault(sim, sim->options.file_error_ppm))
        return agner_fail(error, AGNER_ESYSTEM, "%s: a simulated error",
                          output->path);
    else
        err = append(sim, output->path, bytes, size);
    if (err != AGNER_OK)
        return agner_fail(error, err, "%s: %s", output->path,
                          agner_strerror(err));
    *written = size;
    return AGNER_OK;
}

void sim__output_close(void *ctx, struct rt_output *output)
{
    (void)ctx;
    free(output->path);
    free(output);
}

enum agner_err sim__file_rename(void *ctx, const char *from, const char *to,
                                struct agner_error *error)
{
    struct sim *sim = ((struct sim_machine *)ctx)->sim;
    const struct file *file = *find(sim, from);
    enum agner_err err;

    if (file == NULL)
        return agner_fail(error, AGNER_ENONAME, "%s: no such file", from);
    err = sim_file_put(sim, to, file->bytes, file->size);
    if (err == AGNER_OK)
        err = sim_file_put(sim, from, NULL, 0);
    if (err != AGNER_OK)
        return agner_fail(error, err, "%s: %s", from, agner_strerror(err));
    return AGNER_OK;
}

/* ---- Private files ------------------------------------------------------- */

/* A simulation has one user, so all files are private, and all folders there;
 * what changes them does so in one step. */
enum agner_err sim__private_read(void *ctx, const char *path, void *bytes,
                                 size_t room, size_t *size,
                                 struct agner_error *error)
{
    struct etf_buffer b = { 0 };
    enum agner_err err = sim__file_read(ctx, path, room, &b, error);

    if (err == AGNER_OK) {
        if (b.size > 0)
            memcpy(bytes, b.data, b.size);
        *size = b.size;
    }
    etf_buffer_fini(&b);
    return err;
}

enum agner_err sim__private_write(void *ctx, const char *path,
                                  const void *bytes, size_t size, bool fresh,
                                  struct agner_error *error)
{
    struct sim *sim = ((struct sim_machine *)ctx)->sim;
    enum agner_err err;

    if (sim__fault(sim, sim->options.file_error_ppm))
        return agner_fail(error, AGNER_ESYSTEM, "%s: a simulated error", path);
    if (fresh && *find(sim, path) != NULL)
        return agner_fail(error, AGNER_ETAKEN, "%s: file exists", path);
    err = sim_file_put(sim, path, size > 0 ? bytes : "", size);
    if (err != AGNER_OK)
        return agner_fail(error, err, "%s: %s", path, agner_strerror(err));
    return AGNER_OK;
}

enum agner_err sim__private_folder(void *ctx, const char *path, bool make,
                                   struct agner_error *error)
{
    (void)ctx;
    (void)path;
    (void)make;
    (void)error;
    return AGNER_OK;
}

enum agner_err sim__private_lock(void *ctx, const char *folder, int *lock,
                                 struct agner_error *error)
{
    (void)ctx;
    (void)folder;
    (void)error;
    *lock = 0;
    return AGNER_OK;
}

void sim__private_unlock(void *ctx, int lock)
{
    (void)ctx;
    (void)lock;
}

/* ---- Mappings ----------------------------------------------------------- */

/* Nobody looks at such a file after the end of the program that it outlives. */
struct rt_mapping {
    uint64_t words[1];
};

enum agner_err sim__file_map(void *ctx, const char *path, unsigned keep,
                             size_t size, struct rt_mapping **mapping,
                             uint8_t **bytes, struct agner_error *error)
{
    struct sim *sim = ((struct sim_machine *)ctx)->sim;

    (void)keep;
    if (sim__fault(sim, sim->options.file_error_ppm))
        return agner_fail(error, AGNER_ESYSTEM, "%s: a simulated error", path);
    *mapping = calloc(1, size + 4096);
    if (*mapping == NULL)
        return agner_fail(error, AGNER_ENOMEM, "%s: out of memory", path);
    *bytes = (uint8_t *)(((uintptr_t)*mapping + 4095) & ~(uintptr_t)4095);
    return AGNER_OK;
}

void sim__file_unmap(void *ctx, struct rt_mapping *mapping)
{
    (void)ctx;
    free(mapping);
}

void sim__files_free(struct sim *sim)
{
    while (sim->files != NULL) {
        struct file *file = sim->files;

        sim->files = file->next;
        free(file);
    }
}
