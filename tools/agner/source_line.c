/*
 * source_line.c -- which line of which file a place in a module is.
 *
 * addr2line knows, where it is installed and the module has not been stripped.
 * It gets the path and a number as arguments of its own: no shell sees them.
 */
#include "source_line.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define LINES_SIZE 2048

/* What the program prints: up to `size` - 1 bytes. false: it did not run. */
static bool output_of(char *const argv[], char *out, size_t size)
{
    posix_spawn_file_actions_t actions;
    int ends[2], status = -1;
    size_t used = 0;
    pid_t child;
    bool started;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    started = posix_spawn_file_actions_init(&actions) == 0 &&
              posix_spawn_file_actions_adddup2(&actions, ends[1], 1) == 0 &&
              posix_spawn_file_actions_addopen(&actions, 2, "/dev/null",
                                               O_WRONLY, 0) == 0 &&
              posix_spawnp(&child, argv[0], &actions, NULL, argv, environ) == 0;
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[1]);
    while (started && used < size - 1) {
        ssize_t got = read(ends[0], out + used, size - 1 - used);

        if (got <= 0)
            break;
        used += (size_t)got;
    }
    out[used] = '\0';
    (void)close(ends[0]);
    if (started)
        (void)waitpid(child, &status, 0);
    return started && status == 0 && used > 0;
}

/* The file's name without its folders, and without what follows the number. */
static void shorten(char *line)
{
    char *slash = strrchr(line, '/');
    char *more = strstr(line, " (discriminator");

    if (more != NULL)
        *more = '\0';
    if (slash != NULL)
        memmove(line, slash + 1, strlen(slash + 1) + 1);
}

char *source_line(const char *module, uint64_t offset, const char *function,
                  char *text, size_t size)
{
    char number[32], lines[LINES_SIZE], path[512];
    char *const argv[] = { (char[]){ "addr2line" },
                           (char[]){ "-f" },
                           (char[]){ "-e" },
                           path,
                           number,
                           NULL };
    const char *name = strrchr(module, '/');
    char *line;

    (void)snprintf(path, sizeof path, "%s", module);
    /* The call that returns there, or the instruction itself. */
    (void)snprintf(number, sizeof number, "0x%llx",
                   (unsigned long long)(offset == 0 ? 0 : offset - 1));
    if (module[0] == '/' && output_of(argv, lines, sizeof lines) &&
        (line = strchr(lines, '\n')) != NULL && lines[0] != '?') {
        *line++ = '\0';
        line[strcspn(line, "\n")] = '\0';
        shorten(line);
        if (line[0] != '?')
            (void)snprintf(text, size, "%.60s (%.80s)", lines, line);
        else
            (void)snprintf(text, size, "%.60s (%.60s+0x%llx)", lines,
                           name == NULL ? module : name + 1,
                           (unsigned long long)offset);
        return text;
    }
    (void)snprintf(text, size, "%.60s%s%.60s+0x%llx%s", function,
                   function[0] == '\0' ? "" : " (",
                   name == NULL ? module : name + 1, (unsigned long long)offset,
                   function[0] == '\0' ? "" : ")");
    return text;
}
