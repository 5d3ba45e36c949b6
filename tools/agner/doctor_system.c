/*
 * doctor_system.c -- what this machine is like, for agner doctor.
 *
 * Linux tells most of it in files; where there is no such file there is no
 * finding.
 */
#include "doctor.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rt_world.h"

#define FILE_MAX 65536u

/* ---- Files that tell ----------------------------------------------------- */

/* A small file as text without the last newline; false: there is none. */
static bool read_text(const struct cli *cli, const char *path, char *text,
                      size_t size)
{
    struct etf_buffer b = { 0 };
    bool good = cli->world->file_read(cli->world->ctx, path, FILE_MAX, &b,
                                      NULL) == AGNER_OK;
    size_t length = b.size < size - 1 ? b.size : size - 1;

    if (good && length > 0)
        memcpy(text, b.data, length);
    if (b.size > 0)
        explicit_bzero(b.data, b.size); /* it may be a cookie */
    etf_buffer_fini(&b);
    while (good && length > 0 && text[length - 1] == '\n')
        length--;
    text[good ? length : 0] = '\0';
    return good;
}

/* ---- The cookie ---------------------------------------------------------- */

void doctor_cookie(struct doctor *d)
{
    char path[APPS_PATH_MAX];
    struct finding *f = doctor_add(d, "cookie file");
    struct cli *cli = d->cli;
    char text[4096];
    const char *line;
    struct stat st;

    if (!cli_cookie_place(cli, cli->o.cookie_file, path) ||
        lstat(path, &st) != 0) {
        f->verdict = VERDICT_FAIL;
        (void)snprintf(f->value, sizeof f->value, "none");
        (void)snprintf(f->meaning, sizeof f->meaning,
                       "there is no cookie at %.300s", path);
        (void)snprintf(f->command, sizeof f->command,
                       "agner cookie new, or --cookie-file FILE");
        return;
    }
    judge_cookie_mode(f, path, S_ISLNK(st.st_mode), S_ISREG(st.st_mode),
                      st.st_uid == geteuid(), (unsigned)st.st_mode & 07777);
    if (f->verdict != VERDICT_OK || !read_text(cli, path, text, sizeof text))
        return;
    line = text + strspn(text, " \t\r\n");
    judge_cookie_size(doctor_add(d, "cookie length"), path,
                      strcspn(line, " \t\r\n"));
    explicit_bzero(text, sizeof text);
}

/* ---- What this machine tells ----------------------------------------------
 */

static uint64_t count_files(const char *path)
{
    DIR *dir = opendir(path);
    uint64_t count = 0;

    if (dir == NULL)
        return 0;
    while (readdir(dir) != NULL) /* NOLINT(concurrency-mt-unsafe): our own */
        count++;
    (void)closedir(dir); /* only read */
    return count > 2 ? count - 2 : 0;
}

/* Where /proc has it: of a node, or of us. */
static const char *proc(int64_t pid, const char *file, char path[64])
{
    if (pid > 0)
        (void)snprintf(path, 64, "/proc/%lld/%s", (long long)pid, file);
    else
        (void)snprintf(path, 64, "/proc/self/%s", file);
    return path;
}

static void look_at_files(struct doctor *d, int64_t pid)
{
    char path[64], text[4096];

    if (!read_text(d->cli, proc(pid, "limits", path), text, sizeof text))
        return;
    judge_files(doctor_add(d, "open files"), count_files(proc(pid, "fd", path)),
                doctor_limit(text));
}

static void look_at_memory(struct doctor *d)
{
    char text[256], word[32];

    if (read_text(d->cli, "/sys/kernel/mm/transparent_hugepage/enabled", text,
                  sizeof text) &&
        doctor_bracketed(text, word, sizeof word))
        judge_huge_pages(doctor_add(d, "huge pages"), word);
    if (read_text(d->cli, "/proc/sys/vm/overcommit_memory", word, sizeof word))
        judge_overcommit(doctor_add(d, "overcommit"), word);
}

/* The quota of the cgroup: "0::/user.slice" names it (version 2). */
static uint64_t quota_of(struct doctor *d, int64_t pid)
{
    char path[64], text[2048], file[2200];
    char *group;

    if (!read_text(d->cli, proc(pid, "cgroup", path), text, sizeof text))
        return 0;
    group = strstr(text, "0::");
    if (group != NULL) {
        group += 3;
        group[strcspn(group, "\n")] = '\0';
        (void)snprintf(file, sizeof file, "/sys/fs/cgroup%s/cpu.max", group);
        if (read_text(d->cli, file, text, sizeof text))
            return doctor_quota(text);
    }
    /* In a container the group's own root is mounted there. */
    return read_text(d->cli, "/sys/fs/cgroup/cpu.max", text, sizeof text)
               ? doctor_quota(text)
               : 0;
}

void doctor_system(struct doctor *d, int64_t pid, uint64_t workers)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    look_at_files(d, pid);
    look_at_memory(d);
    if (workers == 0)
        workers = processors > 0 ? (uint64_t)processors : 1;
    judge_quota(doctor_add(d, "workers"), workers, quota_of(d, pid));
}

/* ---- The host ------------------------------------------------------------ */

struct asking {
    const struct rt_world *world;
    struct rt_loop *loop;
    struct rt_task task;
    const char *host;
    char address[256];
    struct agner_error error;
    _Atomic uint32_t done;
};

static void end(struct asking *a)
{
    atomic_store_explicit(&a->done, 1, memory_order_release);
    a->world->wake(a->world->ctx, &a->done, 1);
}

static void answered(void *ctx, enum agner_err err,
                     const struct rt_address *addresses, size_t count,
                     const char *text)
{
    struct asking *a = ctx;

    if (count > 0)
        memcpy(a->address, addresses[0].host, sizeof a->address);
    if (err != AGNER_OK)
        (void)agner_fail(&a->error, err, "%s", text);
    end(a);
}

static void ask(struct rt_task *task)
{
    struct asking *a =
        (struct asking *)((char *)task - offsetof(struct asking, task));
    struct rt_resolve *resolve;

    if (a->world->net->resolve(a->loop, a->host, answered, a, &resolve,
                               &a->error) != AGNER_OK)
        end(a);
}

static bool look_up(const struct rt_world *world, struct asking *a)
{
    a->world = world;
    a->task.run = ask;
    if (world->net->loop_new(world, "doctor", &a->loop, &a->error) != AGNER_OK)
        return false;
    world->net->post(a->loop, &a->task);
    /* Pairs with the release in end(). */
    while (atomic_load_explicit(&a->done, memory_order_acquire) == 0)
        world->wait(world->ctx, &a->done, 0, RT_NEVER);
    world->net->loop_free(a->loop);
    return a->error.code == AGNER_OK;
}

static void look_at_epmd(struct doctor *d, const char *host)
{
    struct node_epmd_entry *entries = calloc(256, sizeof *entries);
    struct finding *f = doctor_add(d, "epmd");
    struct agner_error error = { AGNER_OK, "" };
    uint16_t port = cli_epmd_port(d->cli);
    size_t count = 256;

    if (entries == NULL)
        return;
    if (node_epmd_names(d->cli->world, host, port, cli_timeout(d->cli), entries,
                        &count, &error) == AGNER_OK) {
        (void)snprintf(f->value, sizeof f->value, "%zu names", count);
        (void)snprintf(f->meaning, sizeof f->meaning, "it answers at %.200s:%u",
                       host, port);
    } else {
        f->verdict = VERDICT_WARN;
        (void)snprintf(f->value, sizeof f->value, "port %u", port);
        (void)snprintf(f->meaning, sizeof f->meaning,
                       "%.240s: nodes there are found by their ports alone",
                       error.text);
        (void)snprintf(f->command, sizeof f->command,
                       "start a node there, open port %u, or NAME@HOST:PORT",
                       port);
    }
    free(entries);
}

void doctor_host(struct doctor *d, const char *name)
{
    const char *at = strchr(name, '@');
    struct asking a = { .host = at == NULL ? name : at + 1 };
    struct finding *f = doctor_add(d, "host");

    if (look_up(d->cli->world, &a)) {
        judge_host(f, a.host, a.address);
        look_at_epmd(d, a.host);
        return;
    }
    f->verdict = VERDICT_FAIL;
    (void)snprintf(f->value, sizeof f->value, "%.70s", a.host);
    (void)snprintf(f->meaning, sizeof f->meaning, "it has no address here: %s",
                   a.error.text);
    (void)snprintf(f->command, sizeof f->command,
                   "getent hosts %.200s   and mend DNS or /etc/hosts", a.host);
}
