/*
 * set_up_line.h -- tells what a set-up of a connection does, a line a step.
 *
 * Private to node/: of the handshake of Erlang's links, and of secure ones.
 */
#ifndef NODE_SET_UP_LINE_H
#define NODE_SET_UP_LINE_H

/*
 * Calls `line` with the text, cut after 399 bytes; nothing when it is NULL. The
 * text is valid during the call.
 */
void node__set_up_line(void (*line)(void *ctx, const char *text), void *ctx,
                       const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
