/*
 * cmd_new.c -- agner new: a project to begin with, whose tests pass.
 */
#include "cli.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "draw.h"
#include "embedded.h"
#include "template.h"

static const struct option options[] = {
    { "server", 0, NULL, "a gen_server", OPTION_FLAG, CLI_OPTION(server), 0, 0,
      NULL },
    { "sup", 0, NULL, "a supervisor over it (or them)", OPTION_FLAG,
      CLI_OPTION(sup), 0, 0, NULL },
    { "statem", 0, NULL, "a gen_statem", OPTION_FLAG, CLI_OPTION(statem), 0, 0,
      NULL },
    { "stage", 0, NULL, "two stages: a source and a sink", OPTION_FLAG,
      CLI_OPTION(stage), 0, 0, NULL },
    { "saga", 0, NULL, "a saga with a worker", OPTION_FLAG, CLI_OPTION(saga), 0,
      0, NULL },
    CLI_JSON_ROW,
    CLI_HELP_ROW,
    CLI_END_ROW,
};

/* What a project consists of, as its tree is drawn: a folder ends with a slash
 * and goes before its files. The template of `path` is templates/PATH, which a
 * leading dot is no part of. */
static const struct part {
    const char *path; /* NAME is the project's */
    unsigned wants;   /* the part that it belongs to; 0: always there */
} parts[] = {
    { ".gitignore", 0 },
    { "README.md", 0 },
    { "meson.build", 0 },
    { "src/", 0 },
    { "src/NAME_app.c", 0 },
    { "src/NAME_parts.h", 0 },
    { "src/NAME_saga.c", TEMPLATE_SAGA },
    { "src/NAME_server.c", TEMPLATE_SERVER },
    { "src/NAME_stage.c", TEMPLATE_STAGE },
    { "src/NAME_statem.c", TEMPLATE_STATEM },
    { "src/NAME_sup.c", TEMPLATE_SUP },
    { "test/", 0 },
    { "test/NAME_test.h", 0 },
    { "test/test_app.c", 0 },
    { "test/test_saga.c", TEMPLATE_SAGA },
    { "test/test_server.c", TEMPLATE_SERVER },
    { "test/test_stage.c", TEMPLATE_STAGE },
    { "test/test_statem.c", TEMPLATE_STATEM },
    { "test/test_sup.c", TEMPLATE_SUP },
};

#define PART_COUNT (sizeof parts / sizeof parts[0])
#define PATH_SIZE \
    160 /* a name has at most 40 characters, and may come twice \
         */

struct project {
    const char *name;
    unsigned set; /* of enum template_part */
    const struct part *parts[PART_COUNT];
    size_t count;
};

/* Without a wish it is a server under a supervisor, and a supervisor alone has
 * a server to supervise. */
static unsigned wanted(const struct cli_options *o)
{
    unsigned set = 0;

    if (o->server)
        set |= TEMPLATE_SERVER;
    if (o->statem)
        set |= TEMPLATE_STATEM;
    if (o->stage)
        set |= TEMPLATE_STAGE;
    if (o->saga)
        set |= TEMPLATE_SAGA;
    if (o->sup || set == 0)
        set |= TEMPLATE_SUP;
    if (set == TEMPLATE_SUP)
        set |= TEMPLATE_SERVER;
    return set;
}

static void plan(const struct cli *cli, struct project *project)
{
    project->name = cli->args[0];
    project->set = wanted(&cli->o);
    project->count = 0;
    for (size_t i = 0; i < PART_COUNT; i++) {
        if (parts[i].wants == 0 || (parts[i].wants & project->set) != 0)
            project->parts[project->count++] = &parts[i];
    }
}

static bool is_folder(const struct part *part)
{
    return part->path[strlen(part->path) - 1] == '/';
}

/* Where a part is, below the project's folder. */
static const char *path_of(const struct project *project,
                           const struct part *part, char path[PATH_SIZE])
{
    const char *mark = strstr(part->path, "NAME");
    int before = mark != NULL ? (int)(mark - part->path) : 0;

    (void)snprintf(path, PATH_SIZE, "%.*s%s%s", before, part->path,
                   mark != NULL ? project->name : "",
                   mark != NULL ? mark + 4 : part->path);
    return path;
}

/* ---- Making it -------------------------------------------------------- */

static int failed(const struct cli *cli, const char *path)
{
    return cli_fail(cli, EXIT_REMOTE, "another folder, or room on the disk",
                    "%s: %s", path, strerror(errno));
}

static int make_folder(const struct cli *cli, const char *path)
{
    return mkdir(path, 0777) == 0 ? EXIT_DONE : failed(cli, path);
}

static int write_file(const struct cli *cli, const char *path,
                      const struct etf_buffer *text)
{
    FILE *file = fopen(path, "wx");
    bool written;

    if (file == NULL)
        return failed(cli, path);
    written = fwrite(text->data, 1, text->size, file) == text->size;
    if (fclose(file) != 0 || !written)
        return failed(cli, path);
    return EXIT_DONE;
}

static int make_file(const struct cli *cli, const struct project *project,
                     const struct part *part, const char *path)
{
    struct etf_buffer text = { 0 };
    char template[80];
    enum agner_err err;
    int code;

    (void)snprintf(template, sizeof template, "templates/%s",
                   part->path + (part->path[0] == '.'));
    err = template_expand(&text, embedded_text(template), project->name,
                          project->set);
    code = err == AGNER_OK ? write_file(cli, path, &text)
                           : cli_fail(cli, EXIT_REMOTE, "again later", "%s: %s",
                                      path, agner_strerror(err));
    etf_buffer_fini(&text);
    return code;
}

static int make(const struct cli *cli, const struct project *project)
{
    char inner[PATH_SIZE], path[2 * PATH_SIZE];
    int code = make_folder(cli, project->name);

    for (size_t i = 0; i < project->count && code == EXIT_DONE; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", project->name,
                       path_of(project, project->parts[i], inner));
        code = is_folder(project->parts[i])
                   ? make_folder(cli, path)
                   : make_file(cli, project, project->parts[i], path);
    }
    return code;
}

/* ---- Telling of it ---------------------------------------------------- */

/* A file of a folder is below the folder. */
static unsigned depth_of(const struct part *part)
{
    const char *slash = strchr(part->path, '/');

    return slash != NULL && slash[1] != '\0' ? 2 : 1;
}

static void print_tree(const struct project *project)
{
    struct draw draw = { .utf8 = draw_utf8() };
    char branches[PART_COUNT][DRAW_BRANCH_MAX], path[PATH_SIZE];

    for (size_t i = project->count; i > 0; i--)
        (void)draw_branch(&draw, depth_of(project->parts[i - 1]),
                          branches[i - 1]);
    (void)printf("%s/\n", project->name);
    for (size_t i = 0; i < project->count; i++) {
        const struct part *part = project->parts[i];
        const char *shown = path_of(project, part, path);

        if (depth_of(part) == 2)
            shown = strchr(shown, '/') + 1;
        (void)printf("%s%s\n", branches[i], shown);
    }
}

static int print_json(struct cli *cli, const struct project *project)
{
    etf_term list = etf_nil();
    char path[PATH_SIZE];

    for (size_t i = project->count; i > 0; i--) {
        if (!is_folder(project->parts[i - 1]))
            list = etf_cons(
                cli->region,
                etf_text(cli->region,
                         path_of(project, project->parts[i - 1], path)),
                list);
    }
    return cli_print(cli, etf_make(cli->region, "#{project => _, files => _}",
                                   project->name, list));
}

static int run(struct cli *cli)
{
    const char *name = cli->args[0], *why = template_refuses(name);
    struct project project;
    struct stat there;
    int code;

    if (why != NULL)
        return cli_fail(cli, EXIT_USAGE, "a name like demo, my_app or shop2",
                        "'%.60s': %s", name, why);
    if (lstat(name, &there) == 0)
        return cli_fail(cli, EXIT_USAGE,
                        "another name, or another folder to make it in",
                        "%s is there already; nothing was changed", name);
    plan(cli, &project);
    code = make(cli, &project);
    if (code != EXIT_DONE)
        return code;
    if (cli->o.json)
        return print_json(cli, &project);
    print_tree(&project);
    (void)printf("\nnext:\n  cd %s\n  meson setup b\n  meson test -C b\n"
                 "  agner start --app b/%s.so\n",
                 name, name);
    return EXIT_DONE;
}

const struct command cmd_new = {
    .name = "new",
    .arguments = "PROJECT",
    .summary = "make a new project, with tests that pass",
    .example = "agner new demo --server --sup\n"
               "cd demo && meson setup b && meson test -C b\n"
               "agner start --app b/demo.so",
    .text = "Makes the folder PROJECT with an application of what was asked "
            "for, by default a\nserver under a supervisor, and prints its "
            "tree. PROJECT must be a name in C,\nand is best one in small "
            "letters. The project wants Meson, and pkg-config to\nfind "
            "agner; README.md in it says more.",
    .args_min = 1,
    .args_max = 1,
    .options = options,
    .run = run,
};
