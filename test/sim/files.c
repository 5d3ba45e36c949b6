/*
 * files.c -- the files of a simulation: a list of names and bytes.
 */
#include "sim_world.h"

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
    struct sim *sim = ctx;
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

void sim__files_free(struct sim *sim)
{
    while (sim->files != NULL) {
        struct file *file = sim->files;

        sim->files = file->next;
        free(file);
    }
}
