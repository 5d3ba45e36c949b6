/*
 * doctor_judge.c -- what a number means, and what to do about it: pure.
 *
 * The limits are in one place each, next to the sentence that is said.
 */
#include "doctor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define COOKIE_SHORT 16u /* characters: OTP makes 20 */
#define SKEW_WARN_MS 1000
#define SKEW_FAIL_MS 30000
#define FILES_FEW    4096u
#define MAILBOX_WARN 1000u
#define MAILBOX_FAIL 100000u
#define DROPPED_WARN 1000u /* one in so many messages */
#define SHARE_WARN   70u   /* percent */
#define SHARE_FAIL   90u

static void say(struct finding *f, enum verdict verdict, const char *format,
                ...) __attribute__((format(printf, 3, 4)));

static void say(struct finding *f, enum verdict verdict, const char *format,
                ...)
{
    va_list args;

    f->verdict = verdict;
    va_start(args, format);
    (void)vsnprintf(f->meaning, sizeof f->meaning, format, args);
    va_end(args);
}

static void value(struct finding *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void value(struct finding *f, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(f->value, sizeof f->value, format, args);
    va_end(args);
}

static void command(struct finding *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void command(struct finding *f, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(f->command, sizeof f->command, format, args);
    va_end(args);
}

/* ---- Who we are ---------------------------------------------------------- */

void judge_cookie_mode(struct finding *f, const char *path, bool is_link,
                       bool is_file, bool is_ours, unsigned mode)
{
    value(f, "mode %03o", mode & 07777);
    if (is_link) {
        say(f, VERDICT_FAIL, "%s is a symbolic link: it is not read", path);
        command(f, "cp --remove-destination \"$(readlink -f %s)\" %s", path,
                path);
    } else if (!is_file) {
        say(f, VERDICT_FAIL, "%s is no file", path);
        command(f, "ls -ld %s", path);
    } else if (!is_ours) {
        say(f, VERDICT_FAIL, "%s belongs to another user: it is not read",
            path);
        command(f, "sudo chown \"$USER\" %s", path);
    } else if ((mode & 077) != 0) {
        say(f, VERDICT_FAIL,
            "others may read or write %s: it is not used, by Erlang neither",
            path);
        command(f, "chmod 600 %s", path);
    } else {
        say(f, VERDICT_OK, "%s is yours alone", path);
    }
}

void judge_cookie_size(struct finding *f, const char *path, size_t size)
{
    value(f, "%zu characters", size);
    if (size == 0 || size > 255) {
        say(f, VERDICT_FAIL, "%s has no cookie of 1 to 255 characters", path);
        command(f, "rm %s; agner cookie new", path);
    } else if (size < COOKIE_SHORT) {
        say(f, VERDICT_WARN, "under %u: it may be guessed", COOKIE_SHORT);
        command(f, "agner cookie new --cookie-file FILE, on all hosts the "
                   "same");
    } else {
        say(f, VERDICT_OK, "long enough not to be guessed");
    }
}

void judge_fingerprint(struct finding *f, const char *ours, const char *theirs)
{
    value(f, "%s", ours);
    if (strcmp(ours, theirs) == 0) {
        say(f, VERDICT_OK, "the same here and there");
        return;
    }
    say(f, VERDICT_FAIL, "cookies differ: here %s, there %s", ours, theirs);
    command(f, "agner cookie show-fingerprint   on both, and start it with "
               "the same --cookie-file");
}

static bool is_long(const char *name)
{
    const char *at = strchr(name, '@');

    return at != NULL && (strchr(at, '.') != NULL || strchr(at, ':') != NULL);
}

void judge_name_style(struct finding *f, const char *ours, const char *theirs)
{
    value(f, "%s", is_long(theirs) ? "long" : "short");
    if (is_long(ours) == is_long(theirs)) {
        say(f, VERDICT_OK, "%s and %s are of one kind", ours, theirs);
        return;
    }
    say(f, VERDICT_FAIL,
        "%s has a %s name and %s a %s one: Erlang nodes do not mix them", ours,
        is_long(ours) ? "long" : "short", theirs,
        is_long(theirs) ? "long" : "short");
    command(f,
            "start both with -name (or both with -sname), or agner start "
            "--name NAME@%s",
            is_long(theirs) ? "host.example.org" : "host");
}

/* ---- The way there ------------------------------------------------------- */

void judge_host(struct finding *f, const char *host, const char *address)
{
    bool loops =
        strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
    bool meant = strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 ||
                 strcmp(host, "localhost") == 0;

    value(f, "%s", address);
    if (loops && !meant) {
        say(f, VERDICT_WARN,
            "%s means this machine only: nodes elsewhere that are told this "
            "name come to themselves",
            host);
        command(f,
                "put its real address into /etc/hosts or DNS: getent hosts "
                "%s",
                host);
    } else {
        say(f, VERDICT_OK, "%s has an address", host);
    }
}

void judge_flags(struct finding *f, uint64_t offered)
{
    const uint64_t of_26 = UINT64_C(1) << 25 | UINT64_C(1) << 34;

    value(f, "0x%llx", (unsigned long long)offered);
    if ((offered & of_26) == of_26) {
        say(f, VERDICT_OK, "it offers all that OTP 23 to 28 call mandatory");
        return;
    }
    say(f, VERDICT_WARN,
        "without UNLINK_ID and V4_NC, which OTP 26 and later need: they refuse "
        "it");
    command(f, "OTP 25 or later there");
}

void judge_clock(struct finding *f, int64_t skew_ms)
{
    int64_t far = skew_ms < 0 ? -skew_ms : skew_ms;

    value(f, "%+lld ms", (long long)skew_ms);
    if (far < SKEW_WARN_MS) {
        say(f, VERDICT_OK, "its clock and ours agree");
        return;
    }
    say(f, far < SKEW_FAIL_MS ? VERDICT_WARN : VERDICT_FAIL,
        "its clock is %s: times in logs and deadlines by the wall clock do not "
        "match",
        skew_ms < 0 ? "behind" : "ahead");
    command(f, "timedatectl   on both; chronyc makestep");
}

/* ---- This machine -------------------------------------------------------- */

void judge_files(struct finding *f, uint64_t used, uint64_t limit)
{
    if (limit == 0) {
        value(f, "%llu open", (unsigned long long)used);
        say(f, VERDICT_OK, "no limit");
        return;
    }
    value(f, "%llu of %llu", (unsigned long long)used,
          (unsigned long long)limit);
    if (used >= limit / 10 * 9)
        say(f, VERDICT_FAIL,
            "hardly a descriptor is left: connections will be "
            "refused");
    else if (limit < FILES_FEW)
        say(f, VERDICT_WARN,
            "a limit for small clusters: each connection is a "
            "descriptor");
    else
        say(f, VERDICT_OK, "room for connections");
    if (f->verdict != VERDICT_OK)
        command(f, "ulimit -n 65536, or LimitNOFILE=65536 in its unit");
}

void judge_huge_pages(struct finding *f, const char *setting)
{
    value(f, "%s", setting);
    if (strcmp(setting, "always") != 0) {
        say(f, VERDICT_OK, "stacks take the pages that they touch");
        return;
    }
    say(f, VERDICT_WARN,
        "a stack of a waiting process may take 2 MB instead "
        "of a few pages");
    command(f, "echo madvise | sudo tee "
               "/sys/kernel/mm/transparent_hugepage/enabled");
}

void judge_overcommit(struct finding *f, const char *setting)
{
    value(f, "%s", setting);
    if (strcmp(setting, "2") != 0) {
        say(f, VERDICT_OK, "address space is not memory");
        return;
    }
    say(f, VERDICT_WARN,
        "each stack counts whole: waiting processes run out of "
        "memory long before the machine does");
    command(f, "sudo sysctl vm.overcommit_memory=0");
}

void judge_quota(struct finding *f, uint64_t workers, uint64_t quota_milli)
{
    if (quota_milli == 0) {
        value(f, "%llu workers", (unsigned long long)workers);
        say(f, VERDICT_OK, "no quota of processor time");
        return;
    }
    value(f, "%llu workers, %llu.%llu cpus", (unsigned long long)workers,
          (unsigned long long)(quota_milli / 1000),
          (unsigned long long)(quota_milli % 1000 / 100));
    if (workers * 1000 <= quota_milli + 500) {
        say(f, VERDICT_OK, "no more workers than the quota feeds");
        return;
    }
    say(f, VERDICT_WARN,
        "more workers than the quota of its cgroup feeds: all "
        "of them are stopped when it is used up");
    command(f, "agner start --workers %llu, or a larger cpu.max",
            (unsigned long long)((quota_milli + 999) / 1000));
}

/* ---- What is weaker than the default ------------------------------------- */

void judge_erlang(struct finding *f, const char *policy)
{
    value(f, "%s", policy);
    if (strcmp(policy, "off") == 0) {
        say(f, VERDICT_OK, "plain Erlang distribution is off");
        return;
    }
    say(f, VERDICT_WARN,
        "plain Erlang distribution is on%s: nothing of it is encrypted, and "
        "who reads the network can take a connection over",
        strcmp(policy, "any") == 0 ? " for every address"
                                   : " for this machine");
    command(f, strcmp(policy, "any") == 0
                   ? "agner start --erlang loopback, or off"
                   : "agner start --erlang off, if no Erlang node is needed");
}

void judge_listen(struct finding *f, const char *host)
{
    bool all = host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 ||
               strcmp(host, "::") == 0;

    value(f, "%s", host[0] == '\0' ? "nowhere" : host);
    if (host[0] == '\0' || apps_is_loopback(host)) {
        say(f, VERDICT_OK, "no other machine reaches the node");
        return;
    }
    say(f, VERDICT_WARN, "whoever reaches %s may try to connect",
        all ? "any address of this machine" : host);
    command(f, "agner start --listen ADDRESS:PORT with the one that the "
               "cluster uses, and a firewall");
}

void judge_permit(struct finding *f, const char *peer, bool base,
                  const char *permissions)
{
    static const char *const strong[] = { "all", "spawn", "rpc", "admin" };
    bool is_strong = false;

    for (size_t i = 0; i < sizeof strong / sizeof strong[0]; i++)
        is_strong |= strstr(permissions, strong[i]) != NULL;
    value(f, "%.60s", peer);
    say(f, is_strong ? VERDICT_WARN : VERDICT_OK, "%s may%s: %s", peer,
        base ? ", besides what it may by default" : "", permissions);
    if (is_strong)
        command(f, "agner start --permit with no more than that peer needs");
}

void judge_root(struct finding *f)
{
    value(f, "root");
    say(f, VERDICT_WARN,
        "the node runs as root: what goes wrong in it goes wrong with all "
        "rights of this machine");
    command(f, "User= in its unit, or su of another user");
}

/* ---- The node ------------------------------------------------------------ */

void judge_mailbox(struct finding *f, const char *who, uint64_t count)
{
    value(f, "%llu in %.50s", (unsigned long long)count, who);
    if (count < MAILBOX_WARN) {
        say(f, VERDICT_OK, "the longest mailbox is short");
        return;
    }
    say(f, count < MAILBOX_FAIL ? VERDICT_WARN : VERDICT_FAIL,
        "it gets more than it handles");
    command(f, "agner info '%s'; a bound for its mailbox, or more of its kind",
            who);
}

void judge_restarts(struct finding *f, const char *who, uint64_t restarts,
                    uint64_t intensity, uint64_t period_ms)
{
    value(f, "%llu of %llu", (unsigned long long)restarts,
          (unsigned long long)intensity);
    if (restarts == 0) {
        say(f, VERDICT_OK, "no supervisor has restarted a child just now");
        return;
    }
    if (restarts * 2 < intensity) {
        say(f, VERDICT_OK, "%.100s restarts children, far from its limit", who);
        return;
    }
    say(f, restarts < intensity ? VERDICT_WARN : VERDICT_FAIL,
        "%.100s has restarted that often in %llu ms; over its intensity it "
        "gives up, and ends",
        who, (unsigned long long)period_ms);
    command(f, "agner logs --level error; agner tree '%.100s' --restarts", who);
}

void judge_handlers(struct finding *f, uint64_t count, const char *longest)
{
    value(f, "%llu", (unsigned long long)count);
    if (count == 0) {
        say(f, VERDICT_OK, "no callback has held a worker for too long");
        return;
    }
    say(f, VERDICT_WARN, "callbacks that held a worker for too long%s%.300s",
        longest[0] != '\0' ? "; the longest: " : "", longest);
    command(f, "agner logs | grep long_schedule; rt_blocking() for what waits "
               "in the kernel");
}

void judge_waits(struct finding *f, uint64_t waiting, uint64_t cycles,
                 uint64_t stuck)
{
    value(f, "%llu of %llu", (unsigned long long)cycles,
          (unsigned long long)waiting);
    if (cycles > 0) {
        say(f, VERDICT_FAIL,
            "processes that wait for each other's answers, and never go on");
        command(f, "agner waits");
    } else if (stuck > 0) {
        say(f, VERDICT_WARN,
            "no calls in a cycle, but %llu callbacks run on "
            "without a pause",
            (unsigned long long)stuck);
        command(f, "agner waits");
    } else {
        say(f, VERDICT_OK,
            "no calls wait for each other; agner waits "
            "--cluster looks at all nodes");
    }
}

void judge_dropped(struct finding *f, uint64_t dropped, uint64_t messages)
{
    value(f, "%llu of %llu", (unsigned long long)dropped,
          (unsigned long long)messages);
    if (dropped < 10 || dropped < messages / DROPPED_WARN) {
        say(f, VERDICT_OK, "few messages had no receiver");
        return;
    }
    say(f, VERDICT_WARN,
        "messages that nobody received: their process had "
        "ended, or its node was not connected");
    command(f, "agner info | grep -A9 dropped");
}

void judge_marks(struct finding *f, const char *over, uint64_t used,
                 uint64_t soft, uint64_t hard)
{
    bool is_hard = strcmp(over, "hard") == 0;

    value(f, "%llu MiB", (unsigned long long)(used >> 20));
    if (!is_hard && strcmp(over, "soft") != 0) {
        say(f, VERDICT_OK, "the node's memory is below its marks");
        return;
    }
    say(f, is_hard ? VERDICT_FAIL : VERDICT_WARN,
        is_hard ? "over the hard mark of %llu MiB: nothing large is made, and "
                  "other nodes are not read"
                : "over the soft mark of %llu MiB: new nodes are not let in",
        (unsigned long long)((is_hard ? hard : soft) >> 20));
    command(f, "agner ps; or a higher --limit memory_%s=BYTES", over);
}

void judge_queue(struct finding *f, const char *peer, uint64_t queued,
                 uint64_t limit)
{
    uint64_t percent = limit == 0 ? 0 : queued * 100 / limit;

    value(f, "%llu%% to %.60s", (unsigned long long)percent, peer);
    if (percent <= 50) {
        say(f, VERDICT_OK, "its link takes what is sent");
        return;
    }
    say(f, percent < 100 ? VERDICT_WARN : VERDICT_FAIL,
        "%llu bytes wait for %.100s, which reads too slowly%s",
        (unsigned long long)queued, peer,
        percent < 100 ? "" : ": senders wait too");
    command(f, "agner nodes; agner ping -v %.200s", peer);
}

void judge_stage(struct finding *f, const char *who, uint64_t buffered,
                 uint64_t max, uint64_t discarded)
{
    bool full = max > 0 && buffered >= max;

    value(f, "%llu waiting, %llu lost", (unsigned long long)buffered,
          (unsigned long long)discarded);
    if (max > 0 && buffered >= max / 100 * SHARE_WARN) {
        say(f, full ? VERDICT_FAIL : VERDICT_WARN,
            full ? "the buffer of %s is full: it throws events away"
                 : "the buffer of %s fills: its consumers are behind",
            who);
        command(f, "agner stage show '%s'", who);
    } else if (discarded > 0) {
        say(f, VERDICT_WARN, "%s has thrown events away since its start", who);
        command(f, "agner stage show '%s'", who);
    } else {
        say(f, VERDICT_OK, "consumers keep up with %s", who);
    }
}

void judge_saga(struct finding *f, const char *who, uint64_t stuck,
                uint64_t overdue)
{
    value(f, "%llu stuck, %llu overdue", (unsigned long long)stuck,
          (unsigned long long)overdue);
    if (stuck > 0) {
        say(f, VERDICT_FAIL,
            "transactions of %s can be neither finished nor undone", who);
        command(f, "agner saga ls '%s'; agner saga retry '%s' ID", who, who);
    } else if (overdue > 0) {
        say(f, VERDICT_WARN, "transactions of %s are past their deadline", who);
        command(f, "agner saga ls '%s'", who);
    } else {
        say(f, VERDICT_OK, "all transactions of %s are in time", who);
    }
}

void judge_share(struct finding *f, const char *what, uint64_t used,
                 uint64_t limit, const char *todo)
{
    uint64_t percent = limit == 0 ? 0 : used * 100 / limit;

    value(f, "%llu of %llu", (unsigned long long)used,
          (unsigned long long)limit);
    if (percent < SHARE_WARN) {
        say(f, VERDICT_OK, "%s: %llu %% of the limit", what,
            (unsigned long long)percent);
        return;
    }
    say(f, percent < SHARE_FAIL ? VERDICT_WARN : VERDICT_FAIL,
        "%s: %llu %% of the limit; at the limit the node fails", what,
        (unsigned long long)percent);
    command(f, "%s", todo);
}

/* ---- Reading what the system writes -------------------------------------- */

bool doctor_bracketed(const char *text, char *word, size_t size)
{
    const char *from = strchr(text, '[');
    const char *to = from == NULL ? NULL : strchr(from, ']');

    if (to == NULL || (size_t)(to - from) > size)
        return false;
    memcpy(word, from + 1, (size_t)(to - from - 1));
    word[to - from - 1] = '\0';
    return true;
}

uint64_t doctor_quota(const char *cpu_max)
{
    char *end;
    unsigned long long quota, period;

    errno = 0;
    quota = strtoull(cpu_max, &end, 10);
    if (errno != 0 || end == cpu_max || *end != ' ')
        return 0; /* "max 100000" */
    period = strtoull(end, NULL, 10);
    if (errno != 0 || period == 0 || quota > UINT64_MAX / 1000)
        return 0;
    return quota * 1000 / period;
}

uint64_t doctor_limit(const char *limits)
{
    const char *line = strstr(limits, "Max open files");
    unsigned long long limit;

    if (line == NULL)
        return 0;
    line += strlen("Max open files");
    line += strspn(line, " ");
    errno = 0;
    limit = strtoull(line, NULL, 10); /* "unlimited": 0 */
    return errno == 0 ? limit : 0;
}
