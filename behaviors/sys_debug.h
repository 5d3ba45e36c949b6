/*
 * sys_debug.h -- statistics, log and trace of a process that somebody watches.
 *
 * Private to behaviors/. There is a struct only while one of the three is on,
 * so a process that nobody watches pays a test of a bool.
 */
#ifndef SYS_DEBUG_H
#define SYS_DEBUG_H

#include <agner/gen.h>

#define GEN_LOG_DEFAULT 10   /* events that {log, true} keeps, as OTP */
#define GEN_LOG_MAX     1000 /* most that {log, {true, N}} may ask for */

/* Serves {debug, Command}: returns its answer, `unknown_debug` for others. */
etf_term gen__debug_command(struct gen *self, struct gen_sys *sys,
                            etf_term command);

/* What gen_debug() and gen_debug_install() in gen.h say, for any gen_sys. */
enum agner_err gen__debug_options(struct gen *self, struct gen_sys *sys,
                                  etf_term options);
enum agner_err gen__debug_hook(struct gen_sys *sys,
                               void (*hook)(struct gen *self, void *ctx,
                                            etf_term event),
                               void *ctx);

/* The fourth element of get_status, and the logged events, oldest first. */
etf_term gen__debug_list(struct gen *self, const struct gen_sys_debug *debug);
etf_term gen__debug_log(struct gen *self, const struct gen_sys_debug *debug);

#endif
