/*
 * main.c -- counts lines, words and bytes of files, as many at once as there
 * are cores: example-words FILE...
 *
 * A stream of tasks: `next` gives the files one by one, and the results come in
 * the files' order, however long each one took.
 */
#include <stdio.h>
#include <string.h>

#include <agner/gen.h>

#include "../examples.h"

static bool next_file(struct gen *self, void *ctx, etf_term *item)
{
    char ***left = ctx;

    if (**left == NULL)
        return false;
    *item = etf_text(rt_region(self), *(*left)++);
    return true;
}

/* One line for a result. */
static bool print(const char *path, const struct gen_task_result *result)
{
    uint64_t lines, words, bytes;
    char why[200];

    if (result->err == AGNER_OK &&
        etf_match(result->term, "{_, _, _}", &lines, &words, &bytes)) {
        (void)printf("%8llu %8llu %8llu %s\n", (unsigned long long)lines,
                     (unsigned long long)words, (unsigned long long)bytes,
                     path);
        return true;
    }
    (void)fprintf(stderr, "%s: %s %s\n", path, agner_strerror(result->err),
                  etf_format(why, sizeof why, result->term));
    return false;
}

static bool count_all(struct gen *self, char **files)
{
    struct gen_task_stream_options options = { .nolink = true,
                                               .timeout_ms = RT_INFINITY };
    struct gen_task_stream stream;
    struct gen_task_result result;
    char **left = files;
    bool good = true;

    if (gen_task_stream_open(&stream, self, &words_job, next_file, &left,
                             &options) != AGNER_OK)
        return false;
    while (gen_task_stream_next(self, &stream, &result) == AGNER_OK) {
        good = print(files[result.index], &result) && good;
        rt_reset(self); /* so that a million files take no more memory */
    }
    return good;
}

int main(int count, char **args)
{
    struct agner_error error;
    struct rt *rt;
    struct gen *self;
    bool good;

    if (count < 2) {
        (void)fprintf(stderr, "usage: example-words FILE...\n");
        return 2;
    }
    if (rt_new(NULL, &rt, &error) != AGNER_OK) {
        (void)fprintf(stderr, "example-words: %s\n", error.text);
        return 1;
    }
    self = rt_attach(rt);
    good = self != NULL && count_all(self, args + 1);
    if (self != NULL)
        rt_detach(self);
    rt_free(rt, 0);
    return good ? 0 : 1;
}
