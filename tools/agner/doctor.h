/*
 * doctor.h -- agner doctor: what is looked at, and what is said of it.
 *
 * doctor_judge.c decides, from numbers alone; doctor_system.c and doctor_node.c
 * find the numbers; cmd_doctor.c prints. A finding is a line: how bad, what was
 * looked at, the number, what it means, and a command for what is not well.
 */
#ifndef AGNER_DOCTOR_H
#define AGNER_DOCTOR_H

#include "cli.h"

enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_FAIL };

#define DOCTOR_FINDINGS_MAX 64

struct finding {
    enum verdict verdict;
    const char *check; /* static */
    char value[80];
    char meaning[480];
    char command[480]; /* "": there is nothing to do */
};

struct doctor {
    struct cli *cli;
    struct finding findings[DOCTOR_FINDINGS_MAX];
    size_t count;
    int code; /* of the worst: EXIT_DONE, or of a dial that failed */
};

/* Adds a finding to be filled in; the last one is overwritten when there are
 * too many. */
struct finding *doctor_add(struct doctor *d, const char *check);

/* ---- doctor_judge.c: pure ----------------------------------------------- */

/* Each fills in all of `f` but the check. */
void judge_cookie_mode(struct finding *f, const char *path, bool is_link,
                       bool is_file, bool is_ours, unsigned mode);
void judge_cookie_size(struct finding *f, const char *path, size_t size);
void judge_fingerprint(struct finding *f, const char *ours, const char *theirs);
/* Both are names of nodes. */
void judge_name_style(struct finding *f, const char *ours, const char *theirs);
/* `address`: the first that the host has. */
void judge_host(struct finding *f, const char *host, const char *address);
void judge_flags(struct finding *f, uint64_t offered);
/* Theirs less ours. */
void judge_clock(struct finding *f, int64_t skew_ms);
/* 0: no limit. */
void judge_files(struct finding *f, uint64_t used, uint64_t limit);
void judge_huge_pages(struct finding *f, const char *setting);
void judge_overcommit(struct finding *f, const char *setting);
/* Thousandths of a processor; 0: no quota. */
void judge_quota(struct finding *f, uint64_t workers, uint64_t quota_milli);
void judge_mailbox(struct finding *f, const char *who, uint64_t count);
void judge_restarts(struct finding *f, const char *who, uint64_t restarts,
                    uint64_t intensity, uint64_t period_ms);
void judge_handlers(struct finding *f, uint64_t count, const char *longest);
void judge_dropped(struct finding *f, uint64_t dropped, uint64_t messages);
/* `over`: none, soft or hard, the mark that the program's memory is over. */
void judge_marks(struct finding *f, const char *over, uint64_t used,
                 uint64_t soft, uint64_t hard);
void judge_queue(struct finding *f, const char *peer, uint64_t queued,
                 uint64_t limit);
/* `max` 0: without a limit. */
void judge_stage(struct finding *f, const char *who, uint64_t buffered,
                 uint64_t max, uint64_t discarded);
/* `overdue`: transactions past their deadline that have not ended. */
void judge_saga(struct finding *f, const char *who, uint64_t stuck,
                uint64_t overdue);
/* Calls that wait for each other, and code that is stuck just now. */
void judge_waits(struct finding *f, uint64_t waiting, uint64_t cycles,
                 uint64_t stuck);
/* What was set, and is weaker than the default. */
void judge_erlang(struct finding *f, const char *policy);
/* "": nowhere. */
void judge_listen(struct finding *f, const char *host);
/* One row; `base`: what the kind may by default comes to it. */
void judge_permit(struct finding *f, const char *peer, bool base,
                  const char *permissions);
void judge_root(struct finding *f);
/* Of processes, atoms and the like on an Erlang node. */
void judge_share(struct finding *f, const char *what, uint64_t used,
                 uint64_t limit, const char *command);

/* "[always] madvise never": the word in brackets. False: there is none. */
bool doctor_bracketed(const char *text, char *word, size_t size);
/* What cpu.max of a cgroup says, in thousandths of a processor; 0: no limit. */
uint64_t doctor_quota(const char *cpu_max);
/* The soft limit of open files in /proc/PID/limits; 0: none, or unlimited. */
uint64_t doctor_limit(const char *limits);

/* ---- doctor_system.c: this machine -------------------------------------- */

void doctor_cookie(struct doctor *d);
/* `pid` is a node's, or 0: this program's; `workers` 0: one per processor. */
void doctor_system(struct doctor *d, int64_t pid, uint64_t workers);
/* Does the host of this node's name have an address, and epmd there answer? */
void doctor_host(struct doctor *d, const char *name);

/* ---- doctor_trust.c: keys -------------------------------------------------
 */

void doctor_trust(struct doctor *d);

/* ---- doctor_node.c: a node ---------------------------------------------- */

void doctor_local(struct doctor *d, struct target *t);
void doctor_far(struct doctor *d, const char *address);
/* A dial and how it ended. */
void doctor_dialled(struct doctor *d, const char *check,
                    const struct cli_dial *dial);

#endif
