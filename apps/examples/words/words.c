/*
 * words.c -- counts the words of a file: one task of `example-words`.
 *
 * Reading may wait for a disk, so it is done on the blocking pool: the task
 * waits, its worker goes on with others.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <agner/gen.h>

#include "../examples.h"

#define BLOCK 4096u /* bytes read at once */

struct counts {
    char path[512];
    uint64_t lines, words, bytes;
    int error; /* errno, or 0 */
};

static void add_block(struct counts *c, const char *block, size_t size,
                      bool *in_word)
{
    for (size_t i = 0; i < size; i++) {
        bool is_space = isspace((unsigned char)block[i]) != 0;

        c->words += *in_word && is_space;
        *in_word = !is_space;
        c->lines += block[i] == '\n';
    }
    c->bytes += size;
}

/* On a thread of the blocking pool. */
static void read_file(void *arg)
{
    struct counts *c = arg;
    FILE *file = fopen(c->path, "rb");
    char block[BLOCK];
    bool in_word = false;
    size_t size;

    if (file == NULL) {
        c->error = errno;
        return;
    }
    while ((size = fread(block, 1, sizeof block, file)) > 0)
        add_block(c, block, size, &in_word);
    c->words += in_word;
    c->error = ferror(file) ? EIO : 0;
    (void)fclose(file);
}

/* {Lines, Words, Bytes} of the file of this name. */
static etf_term count_words(struct gen *self, etf_term path)
{
    struct counts c = { .lines = 0 };

    if (!etf_get_text(path, c.path, sizeof c.path))
        rt_exit(self, ETF_A(badarg));
    if (rt_blocking(self, read_file, &c) != AGNER_OK)
        rt_exit(self, ETF_A(memory_limit));
    if (c.error != 0)
        rt_exit(self, etf_make(self, "{shutdown, _}", strerror(c.error)));
    return etf_make(self, "{_, _, _}", c.lines, c.words, c.bytes);
}

const struct gen_task_job words_job = { .name = "words", .run = count_words };
