/*
 * detach.c -- the node in the background.
 *
 * Until the node is ready it has the terminal, so whatever goes wrong is seen
 * where it was started.
 */
#include "start.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The pipe to the waiting parent; -1 when there is none. One program, one node.
 */
static int parent_fd = -1;

/* Waits for the child's line, or for its end. Does not return. */
static void wait_for_child(pid_t child, int fd)
{
    char line[512];
    ssize_t size = read(fd, line, sizeof line);
    int status = 0;

    if (size > 0) {
        /* Nobody reads it: the node runs all the same. */
        size = write(STDOUT_FILENO, line, (size_t)size);
        _exit(EXIT_DONE);
    }
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
        _exit(EXIT_REMOTE);
    _exit(WEXITSTATUS(status));
}

static int go_on_in_child(struct cli *cli)
{
    int fds[2];
    pid_t child;

    if (pipe2(fds, O_CLOEXEC) != 0)
        return cli_fail(cli, EXIT_REMOTE, "again later", "%s", strerror(errno));
    child = fork();
    if (child < 0)
        return cli_fail(cli, EXIT_REMOTE, "again later", "%s", strerror(errno));
    if (child > 0) {
        (void)close(fds[1]);
        wait_for_child(child, fds[0]);
    }
    (void)close(fds[0]);
    (void)setsid(); /* a new child leads no group, so it cannot fail */
    parent_fd = fds[1];
    return EXIT_DONE;
}

int start_output(struct cli *cli)
{
    return cli->o.detach ? go_on_in_child(cli) : EXIT_DONE;
}

/* What was redirected to a file stays. A terminal or a pipe does not: its
 * reader would wait for the end of the node. */
static bool is_file(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* What the C library says when it ends the program is worth having. */
static void keep_errors(const char *log_file)
{
    int fd = open(log_file, O_WRONLY | O_APPEND | O_CLOEXEC);

    if (fd < 0)
        return; /* the log itself goes on */
    (void)dup2(fd, STDERR_FILENO);
    (void)close(fd); /* the copy stays */
}

void start_detached(const char *line, const char *log_file)
{
    ssize_t written;
    int null;

    if (parent_fd < 0)
        return;
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        (void)dup2(null, STDIN_FILENO);
        (void)dup2(null, STDOUT_FILENO);
        if (!is_file(STDERR_FILENO))
            (void)dup2(null, STDERR_FILENO);
        (void)close(null);
    }
    if (log_file != NULL)
        keep_errors(log_file);
    written = write(parent_fd, line, strlen(line));
    (void)written; /* a parent that is gone waits no more */
    (void)close(parent_fd);
    parent_fd = -1;
}
