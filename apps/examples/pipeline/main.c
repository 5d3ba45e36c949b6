/*
 * main.c -- counts the words of a file with a pipeline across two nodes:
 * example-pipeline FILE.
 *
 *     lines of the file ──> worker 0 ──> reducer
 *            └────────────> worker 1 ──────┘
 *                             ...
 *
 * The lines and the reducer are on this node; the workers are on another one,
 * in a program of its own: this one, started by itself with --workers. Which
 * worker gets a line its hash says. Nothing piles up: the file is read as fast
 * as the slowest worker, and the reducer, ask for more.
 *
 * In the end the same words are counted without any of it, for comparison.
 */
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <agner/node.h>

#include "pipeline.h"
#include "words.h"

#define STEP_MS 10000u /* longer than any step should take */
#define TOP     5
#define FRONT   "front@127.0.0.1"
#define BACK    "back@127.0.0.1"

extern char **environ;

static int fail(const char *what, enum agner_err err,
                const struct agner_error *error)
{
    fprintf(stderr, "example-pipeline: %s: %s\n", what,
            error != NULL && error->text[0] != '\0' ? error->text
                                                    : agner_strerror(err));
    return EXIT_FAILURE;
}

static enum agner_err start_node(const char *name, struct node **node,
                                 struct agner_error *error)
{
    struct node_options options = {
        .name = name,
        .cookie = "an example",
        .listen_host = "127.0.0.1",
        .epmd = NODE_EPMD_NONE,
        .rt = { .log_level = RT_LOG_WARNING },
    };

    return node_start(&options, node, error);
}

/* "worker.0", as a name. */
static etf_term worker_name(int i)
{
    char text[20];

    (void)snprintf(text, sizeof text, "worker.%d", i);
    return etf_atom(text);
}

/* ---- The program that runs the workers ----------------------------------- */

static enum agner_err start_workers(struct gen *self)
{
    enum agner_err err = AGNER_OK;
    etf_pid pid;

    for (int i = 0; i < PIPELINE_WORKERS && err == AGNER_OK; i++) {
        struct rt_spawn_options options = { .name = worker_name(i) };

        err = gen_stage_start(self, &pipeline_worker, etf_nil(), &options, &pid,
                              NULL);
    }
    return err;
}

/* Says what its port is, and ends when its standard input does. */
static int run_workers(void)
{
    struct agner_error error = { 0 };
    struct node *node;
    struct gen *self;
    enum agner_err err = start_node(BACK, &node, &error);

    if (err != AGNER_OK)
        return fail("back", err, &error);
    self = rt_attach(node_rt(node));
    err = self != NULL ? start_workers(self) : AGNER_ENOMEM;
    if (err != AGNER_OK)
        return fail("workers", err, NULL);
    printf("%u\n", (unsigned)node_port(node));
    (void)fflush(stdout);
    while (getchar() != EOF)
        ;
    rt_detach(self);
    node_stop(node, 1000);
    return EXIT_SUCCESS;
}

struct back {
    pid_t pid;
    int in; /* it ends when this is closed */
    uint16_t port;
};

/* Starts this program once more, and reads its port. */
static bool start_back(struct back *back)
{
    char *const args[] = { (char[]){ "example-pipeline" },
                           (char[]){ "--workers" }, NULL };
    posix_spawn_file_actions_t actions;
    int in[2], out[2];
    unsigned port = 0;
    FILE *from;

    if (pipe(in) != 0 || pipe(out) != 0 ||
        posix_spawn_file_actions_init(&actions) != 0)
        return false;
    (void)posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    (void)posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    (void)posix_spawn_file_actions_addclose(&actions, in[1]);
    (void)posix_spawn_file_actions_addclose(&actions, out[0]);
    if (posix_spawn(&back->pid, "/proc/self/exe", &actions, NULL, args,
                    environ) != 0)
        return false;
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(in[0]);
    (void)close(out[1]);
    back->in = in[1];
    from = fdopen(out[0], "r");
    if (from == NULL || fscanf(from, "%u", &port) != 1)
        port = 0;
    if (from != NULL)
        (void)fclose(from);
    back->port = (uint16_t)port;
    return port != 0;
}

static void stop_back(const struct back *back)
{
    (void)close(back->in);
    (void)waitpid(back->pid, NULL, 0);
}

/* ---- The pipeline ------------------------------------------------------- */

static enum agner_err start_lines(struct gen *self, const char *path,
                                  etf_term *reason)
{
    static const struct gen_stage_partition_options partitions = {
        .count = PIPELINE_WORKERS
    };
    struct gen_stage_options stage = {
        .dispatcher = gen_stage_partition_dispatcher(),
        .dispatcher_options = &partitions,
        .demand = GEN_STAGE_ACCUMULATE, /* until all have subscribed */
    };
    struct gen_source_lines_options options = { .path = path, .stage = &stage };
    struct rt_spawn_options spawn = { .name = etf_atom("lines") };
    etf_pid pid;

    return gen_source_lines_start(self, &options, &spawn, &pid, reason);
}

/* From the end to the beginning, so that whoever asks is asked already. The
 * lines wait until everybody is there: else a short file would be at its end,
 * and gone, before the last worker has come. */
static enum agner_err connect_all(struct gen *self, etf_term reducer)
{
    struct gen_stage_subscribe to_worker = { .max_demand = 200,
                                             .cancel = GEN_STAGE_TRANSIENT };
    struct gen_stage_subscribe to_lines = to_worker;
    etf_term lines = etf_make(self, "{lines, _}", etf_atom(FRONT));
    enum agner_err err = AGNER_OK;

    for (int i = 0; i < PIPELINE_WORKERS && err == AGNER_OK; i++) {
        etf_term worker =
            etf_make(self, "{_, _}", worker_name(i), etf_atom(BACK));

        err = gen_stage_sync_subscribe(self, reducer, worker, &to_worker,
                                       STEP_MS, NULL);
        to_lines.partition = etf_make(self, "_", i);
        if (err == AGNER_OK)
            err = gen_stage_sync_subscribe(self, worker, lines, &to_lines,
                                           STEP_MS, NULL);
    }
    if (err == AGNER_OK)
        err = gen_stage_demand_set(self, etf_atom("lines"), GEN_STAGE_FORWARD);
    return err;
}

static enum agner_err count(struct gen *self, const char *path,
                            etf_term *result)
{
    etf_term reason = ETF_NONE, reducer;
    etf_pid pid;
    char why[200];
    enum agner_err err = start_lines(self, path, &reason);

    if (err == AGNER_EEXIT)
        fprintf(stderr, "example-pipeline: %s\n",
                etf_format(why, sizeof why, reason));
    if (err == AGNER_OK)
        err = gen_stage_start(self, &pipeline_reducer, etf_nil(), NULL, &pid,
                              NULL);
    if (err != AGNER_OK)
        return err;
    reducer = etf_from_pid(rt_region(self), pid);
    err = connect_all(self, reducer);
    if (err != AGNER_OK)
        return err;
    return gen_call(self, reducer, etf_make(self, "{top, _}", TOP), RT_INFINITY,
                    result);
}

/* ---- The same without it ------------------------------------------------- */

static bool count_straight(const char *path, uint64_t *total)
{
    struct words words = { .capacity = 0 };
    FILE *file = fopen(path, "rb");
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    bool good = file != NULL;

    while (good && (size = getline(&line, &room, file)) >= 0)
        good = words_add_text(&words, line, (size_t)size);
    *total = words.total;
    words_free(&words);
    free(line);
    if (file != NULL)
        (void)fclose(file);
    return good;
}

static bool print(etf_term result, uint64_t straight)
{
    uint64_t total, different, times;
    etf_term list, pair;
    char word[300];

    if (!etf_match(result, "{_, _, _}", &total, &different, &list))
        return false;
    printf("%" PRIu64 " words, %" PRIu64 " different ones\n", total, different);
    while (etf_list_next(&list, &pair))
        if (etf_match(pair, "{_, _}", &result, &times) &&
            etf_get_text(result, word, sizeof word))
            printf("%7" PRIu64 " %s\n", times, word);
    printf("counted straight: %" PRIu64 ", %s\n", straight,
           straight == total ? "the same" : "which is WRONG");
    return straight == total;
}

static int run(const char *path, const struct back *back)
{
    struct agner_error error = { 0 };
    struct node *front;
    struct gen *self;
    uint64_t straight;
    etf_term result;
    bool good = false;
    enum agner_err err = start_node(FRONT, &front, &error);

    if (err != AGNER_OK)
        return fail("front", err, &error);
    err = node_route(front, BACK, "127.0.0.1", back->port);
    self = rt_attach(node_rt(front));
    if (err == AGNER_OK && self != NULL)
        err = count(self, path, &result);
    if (err != AGNER_OK)
        (void)fail(path, err, NULL);
    else
        good = count_straight(path, &straight) && print(result, straight);
    if (self != NULL)
        rt_detach(self);
    node_stop(front, 1000);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argument_count, char **arguments)
{
    struct back back;
    int code;

    if (argument_count != 2) {
        fprintf(stderr, "usage: example-pipeline FILE\n");
        return 2;
    }
    if (strcmp(arguments[1], "--workers") == 0)
        return run_workers();
    if (!start_back(&back))
        return fail("the other node", AGNER_ESYSTEM, NULL);
    code = run(arguments[1], &back);
    stop_back(&back);
    return code;
}
