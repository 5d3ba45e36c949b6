/*
 * run_corpus.c -- a fuzz target as a plain test: every file of its corpus,
 * once, and every prefix of it.
 *
 * tools/fuzz makes programs of libFuzzer of the same targets.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each input in memory of its own size, so that a read past its end is noticed.
 */
static void run_copy(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);

    if (copy == NULL)
        exit(2);
    memcpy(copy, bytes, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_file(const char *path)
{
    static uint8_t bytes[INPUT_MAX];
    FILE *file = fopen(path, "rb");
    size_t size, cut, step;

    if (file == NULL) {
        (void)fprintf(stderr, "%s cannot be opened\n", path);
        exit(2);
    }
    size = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    step = 1 + size / 64;
    for (cut = 0; cut < size; cut += step)
        run_copy(bytes, cut);
    run_copy(bytes, size);
}

int main(int argc, char **argv)
{
    unsigned files = 0;
    struct dirent *entry;
    DIR *folder;

    if (argc != 2 || (folder = opendir(argv[1])) == NULL) {
        (void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    while ((entry = readdir(folder)) != NULL) {
        char path[1024];

        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        run_file(path);
        files++;
    }
    (void)closedir(folder);
    (void)printf("%u files\n", files);
    return files > 0 ? 0 : 2; /* an empty corpus tests nothing */
}
