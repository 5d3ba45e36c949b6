/*
 * recorder.h -- a runtime that only writes down what reaches it.
 *
 * Stands in for runtime/ where node/ is tested alone: it defines the few
 * functions that node/ calls, keeps what arrives as text, and lets a test send
 * signals with chosen fields. No processes, no workers; threads of the test are
 * its senders.
 */
#ifndef TEST_RECORDER_H
#define TEST_RECORDER_H

#include <rt_carrier.h>
#include <rt_world.h>

#define RECORDER_WAIT_MS 60000 /* every wait of a test ends then */

/* How many lines there are now; lines are never removed. */
size_t recorder_count(struct rt *rt);

/* Line `index` as text, which lives as long as `rt`:
 *
 *   "up a@h", "down a@h", and for signals the kind, then from > to, the
 * reference's last word if there is one, the id, and the payload: "send
 * <a@h.1.0> > <.7.0> {hello,1}"
 */
const char *recorder_line(struct rt *rt, size_t index);

/* Waits until some line from `from` on is `text` (or begins with it, when it
 * ends with "..."). Its index plus one; fails the test when it does not come in
 * time. */
size_t recorder_expect(struct rt *rt, size_t from, const char *text);

/* Waits until there are `count` lines. */
void recorder_expect_count(struct rt *rt, size_t count);

/* The same for what was logged. */
size_t recorder_expect_log(struct rt *rt, const char *part);

/* Long payloads are not printed but summed: "binary 1048576 sum 123". */

/* Signals, sent from a process that is only a number. The receiver is one of an
 * earlier life of the node, so that its name shows on arrival. */
enum agner_err recorder_send(struct rt *rt, struct rt_signal *signal);
struct rt_signal recorder_message(const char *node, uint32_t from, uint32_t to,
                                  etf_term payload);

/* Is called, on the loop's thread, when a node is up, as a process might run at
 * that moment. */
void recorder_on_up(struct rt *rt, void (*call)(struct rt *rt, etf_term node));

/* Bytes of messages that arrived, and their number, without waiting. */
uint64_t recorder_messages(struct rt *rt);
/* Waits until so many messages were taken and lost: what was on its way to the
 * system when the connection went is counted a moment after the rest. */
void recorder_expect_dropped(struct rt *rt, uint64_t count);
void recorder_expect_messages(struct rt *rt, uint64_t count);

/* From now on only counts messages, and checks that those of one sender,
 * payload an integer, come in the order 0, 1, 2 ... */
void recorder_count_only(struct rt *rt);

#endif
