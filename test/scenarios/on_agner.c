/*
 * on_agner.c -- plays scenarios on agner and prints their traces.
 *
 * Run as: on_agner FILE.scn... Each scenario is played in SEEDS simulated
 * worlds, which differ in who runs next, and its trace must be the same in all
 * of them: only what is promised is in it. README.md says what a scenario is.
 */
#include "play.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS    20u
#define TEXT_MAX (1u << 20)

/* The whole file, terminated; NULL with a line on stderr. */
static char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;

    if (file != NULL)
        text = malloc(TEXT_MAX);
    if (text != NULL) {
        *size = fread(text, 1, TEXT_MAX - 1, file);
        text[*size] = '\0';
    } else {
        fprintf(stderr, "cannot read %s\n", path);
    }
    if (file != NULL)
        (void)fclose(file);
    return text;
}

/* Plays it with every seed. False, with a line on stderr: it could not be
 * played, or two runs differ. */
static bool play_seeds(etf_term scenario)
{
    struct etf_buffer first = { 0 }, trace = { 0 };
    bool good = play_scenario(scenario, 1, &first);

    for (uint64_t seed = 2; good && seed <= SEEDS; seed++) {
        trace.size = 0;
        good = play_scenario(scenario, seed, &trace);
        if (good && (trace.size != first.size ||
                     memcmp(trace.data, first.data, trace.size) != 0)) {
            fprintf(stderr, "seed %" PRIu64 " differs from seed 1:\n%.*s", seed,
                    (int)trace.size, (const char *)trace.data);
            good = false;
        }
    }
    (void)fwrite(first.data, 1, first.size, stdout);
    etf_buffer_fini(&first);
    etf_buffer_fini(&trace);
    return good;
}

static bool play_file(const char *path)
{
    size_t size = 0, used, at = 0;
    struct etf_region *r = etf_region_new(16u << 20);
    char *text = read_file(path, &size);
    struct agner_error error;
    etf_term scenario;
    bool good = text != NULL && r != NULL;

    while (good && at < size) {
        if (strspn(text + at, " \t\n") == size - at)
            break;
        if (etf_parse(r, text + at, size - at, &scenario, &used, &error) !=
            AGNER_OK) {
            fprintf(stderr, "%s, after byte %zu: %s\n", path, at, error.text);
            good = false;
            break;
        }
        at += used;
        good = play_seeds(scenario);
    }
    free(text);
    etf_region_free(r);
    return good;
}

int main(int argc, char **argv)
{
    bool good = argc > 1;

    for (int i = 1; i < argc; i++)
        good = play_file(argv[i]) && good;
    return good ? 0 : 1;
}
