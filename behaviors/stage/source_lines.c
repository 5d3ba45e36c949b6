/*
 * source_lines.c -- a producer of the lines of a file: gen_source.h.
 *
 * A demand is served in this process's own time: it reads a chunk on the
 * blocking pool, cuts it into lines, and goes on with the next turn, so that
 * what comes meanwhile is handled in between.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <agner/gen_source.h>

#include "stage/kit.h"
#include "stage/lines.h"

#define LINE_DEFAULT  65536u
#define CHUNK_DEFAULT 65536u
#define EVENTS_MAX    1000u /* emitted in one turn */

struct lines_options { /* what travels to init */
    uint32_t line_max, chunk_max;
    struct gen_stage_options stage;
};

struct source {
    FILE *file;         /* owned */
    char *path;         /* owned */
    struct lines lines; /* owned */
    uint64_t demand;
    bool working, ended;
};

/* ---- On a thread of the blocking pool ----------------------------------- */

struct job {
    struct source *source;
    uint8_t *room;
    size_t size;
    int error; /* errno, or 0 */
};

static void open_file(void *arg)
{
    struct job *job = arg;

    job->source->file = fopen(job->source->path, "rbe");
    if (job->source->file == NULL)
        job->error = errno;
}

static void read_chunk(void *arg)
{
    struct job *job = arg;
    struct source *s = job->source;

    job->size = fread(job->room, 1, s->lines.chunk_max, s->file);
    if (job->size == 0 && ferror(s->file))
        job->error = errno != 0 ? errno : EIO;
}

/* ---- Lines out ---------------------------------------------------------- */

static enum gen_next fail(struct gen *self, const struct source *s,
                          const char *what, int error)
{
    char text[200] = "";

    /* The GNU one, which may give a text of its own. */
    return gen_stop(self,
                    etf_make(self, "{_, _, _}", etf_atom(what),
                             etf_text(rt_region(self), s->path),
                             etf_text(rt_region(self),
                                      strerror_r(error, text, sizeof text))));
}

/* The next turn comes behind what is in the mailbox. */
static enum gen_next go_on(struct gen *self, struct source *s)
{
    if (s->demand == 0 || s->ended || s->working)
        return GEN_NEXT;
    if (rt_send_pid(self, rt_self(self), etf_atom("$source_read")) != AGNER_OK)
        return gen_stop(self, ETF_A(memory_limit));
    s->working = true;
    return GEN_NEXT;
}

/* Emits `list`, the last line first. */
static enum gen_next emit(struct gen *self, etf_term back)
{
    etf_term list = etf_nil(), line;

    while (etf_list_next(&back, &line)) {
        list = etf_cons(rt_region(self), line, list);
        if (etf_is_none(list))
            return gen_stop(self, ETF_A(memory_limit));
    }
    if (gen_stage_emit(self, list, NULL) != AGNER_OK)
        return gen_stop(self, ETF_A(memory_limit));
    return GEN_NEXT;
}

/* What is there is emitted, then `next` is dealt with. */
static enum gen_next cut(struct gen *self, struct source *s,
                         enum lines_next *next)
{
    etf_term back = etf_nil(), line;
    uint64_t count = 0;
    etf_bytes bytes;

    *next = LINES_LINE;
    while (count < s->demand && count < EVENTS_MAX &&
           (*next = gen__lines_next(&s->lines, &bytes)) == LINES_LINE) {
        line = etf_binary(rt_region(self), bytes.data, bytes.size);
        if (!etf_is_none(line))
            back = etf_cons(rt_region(self), line, back);
        if (etf_is_none(line) || etf_is_none(back))
            return gen_stop(self, ETF_A(memory_limit));
        count++;
    }
    s->demand -= count;
    return count > 0 ? emit(self, back) : GEN_NEXT;
}

static enum gen_next read_more(struct gen *self, struct source *s)
{
    struct job job = { .source = s, .room = gen__lines_room(&s->lines) };

    if (rt_blocking(self, read_chunk, &job) != AGNER_OK)
        return gen_stop(self, ETF_A(memory_limit));
    if (job.error != 0)
        return fail(self, s, "read", job.error);
    gen__lines_put(&s->lines, job.size);
    return go_on(self, s);
}

/* One turn. */
static enum gen_next turn(struct gen *self, struct source *s)
{
    enum lines_next next;

    s->working = false;
    if (cut(self, s, &next) != GEN_NEXT)
        return GEN_STOP;
    switch (next) {
    case LINES_LINE:
        break;
    case LINES_MORE:
        return read_more(self, s);
    case LINES_END:
        s->ended = true;
        return gen__kit_end_later(self, etf_atom("$source_end"));
    case LINES_TOO_LONG:
        s->ended = true;
        return gen__kit_end_later(self, etf_atom("$source_too_long"));
    }
    return go_on(self, s);
}

static enum gen_next lines_demand(struct gen *self, uint64_t count)
{
    struct source *s = gen_state(self);

    s->demand += count;
    return go_on(self, s);
}

static enum gen_next lines_info(struct gen *self, etf_term message)
{
    struct source *s = gen_state(self);

    if (etf_match(message, "'$source_read'") && s->working)
        return turn(self, s);
    if (etf_match(message, "'$source_end'") && s->ended)
        return gen_stop(self, ETF_A(normal));
    if (etf_match(message, "'$source_too_long'") && s->ended)
        return gen_stop(
            self, etf_make(self, "{line_too_long, _}", s->lines.number + 1));
    return GEN_NEXT;
}

/* ---- Its life ----------------------------------------------------------- */

static char *text_of(etf_term t)
{
    etf_bytes bytes;
    char *text;

    if (!etf_get_bytes(t, &bytes))
        return NULL;
    text = malloc(bytes.size + 1);
    if (text == NULL)
        return NULL;
    memcpy(text, bytes.data, bytes.size);
    text[bytes.size] = '\0';
    return text;
}

static enum gen_next lines_init(struct gen *self, etf_term args)
{
    struct source *s = gen_state(self);
    struct job job = { .source = s };
    const struct lines_options *o;
    enum agner_err err;
    struct kit kit;

    if (!gen__kit_take(args, &kit))
        return gen_stop(self, ETF_A(badarg));
    o = kit.options;
    err = gen_stage_setup(self, &o->stage);
    s->path = text_of(kit.args);
    if (err == AGNER_OK && s->path == NULL)
        err = AGNER_ENOMEM;
    if (err == AGNER_OK)
        err = gen__lines_init(&s->lines, o->line_max, o->chunk_max);
    if (err == AGNER_OK)
        err = rt_blocking(self, open_file, &job);
    if (err != AGNER_OK)
        return gen__kit_stop(self, err);
    return job.error == 0 ? GEN_NEXT : fail(self, s, "open", job.error);
}

static void lines_destroy(void *state)
{
    struct source *s = state;

    if (s->file != NULL)
        (void)fclose(s->file); /* only read: nothing to lose */
    gen__lines_fini(&s->lines);
    free(s->path);
}

static etf_term lines_status(struct gen *self)
{
    const struct source *s = gen_state(self);

    return etf_make(self, "#{path => _, line => _, demand => _}",
                    etf_text(rt_region(self), s->path), s->lines.number,
                    s->demand);
}

static const struct gen_stage lines_stage = {
    .name = "source_lines",
    .state_size = sizeof(struct source),
    .role = GEN_STAGE_PRODUCER,
    .init = lines_init,
    .handle_demand = lines_demand,
    .handle_info = lines_info,
    .format_status = lines_status,
    .destroy = lines_destroy,
};

static enum agner_err args_of(struct gen *self,
                              const struct gen_source_lines_options *options,
                              etf_term *args)
{
    struct lines_options o = { .line_max = LINE_DEFAULT,
                               .chunk_max = CHUNK_DEFAULT };

    if (options == NULL || options->path == NULL)
        return AGNER_EINVAL;
    if (options->line_max != 0)
        o.line_max = options->line_max;
    if (options->chunk_max != 0)
        o.chunk_max = options->chunk_max;
    if (options->stage != NULL)
        o.stage = *options->stage;
    o.stage.role = GEN_STAGE_PRODUCER;
    o.stage.subscribe_count = 0;
    *args = gen__kit_args(self, &o, sizeof o, NULL, 0,
                          etf_text(rt_region(self), options->path));
    return etf_is_none(*args) ? AGNER_ENOMEM : AGNER_OK;
}

enum agner_err gen_source_lines_start(
    struct gen *self, const struct gen_source_lines_options *options,
    const struct rt_spawn_options *spawn, etf_pid *pid, etf_term *reason)
{
    etf_term args;
    enum agner_err err = args_of(self, options, &args);

    if (err != AGNER_OK)
        return err;
    return gen_stage_start(self, &lines_stage, args, spawn, pid, reason);
}

enum agner_err gen_source_lines_start_link(
    struct gen *self, const struct gen_source_lines_options *options,
    const struct rt_spawn_options *spawn, etf_pid *pid, etf_term *reason)
{
    etf_term args;
    enum agner_err err = args_of(self, options, &args);

    if (err != AGNER_OK)
        return err;
    return gen_stage_start_link(self, &lines_stage, args, spawn, pid, reason);
}
