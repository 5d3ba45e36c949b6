/*
 * world_scene.h -- a loop and its connections, as tests of any world need them.
 *
 * The same cases run in the real and the simulated world, so they only wait
 * with the world's wait(), and look at a scene only on its loop's thread. A
 * case that finds something wrong there records it, and scene_close() tells
 * cmocka on the test's own stack.
 */
#ifndef WORLD_SCENE_H
#define WORLD_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rt_world.h"

#define PIECES      8u
#define PIECE_BYTES 70000u

/* Where the cases run. */
struct place {
    const struct rt_world *world;
    struct rt_address tcp;   /* port 0 */
    struct rt_address unix_; /* a path that is free */
    int64_t uid;             /* of who is at the other end of a UNIX socket */
};

struct scene {
    const struct place *place;
    const struct rt_world *world;
    const struct rt_net *net;
    struct rt_loop *loop;
    _Atomic uint32_t events; /* grows with everything that happens */
    char failure[300];       /* the first; empty: none */
};

/* Something to run on the loop's thread, with the scene and `arg`. */
typedef void (*scene_fn)(struct scene *scene, void *arg);

void scene_open(struct scene *scene, const struct place *place);
void scene_run(struct scene *scene, scene_fn run, void *arg);
/* Waits until holds(arg), asked on the loop's thread after each event, is true;
 * fails the scene after a minute of the world's time. */
void scene_await(struct scene *scene, bool (*holds)(void *arg), void *arg);
void scene_event(struct scene *scene);
/* Frees the loop. */
void scene_end_loop(struct scene *scene);
/* That, and fails the test if anything was wrong. */
void scene_close(struct scene *scene);
void scene_expect(struct scene *scene, bool true_, const char *what, int line);
#define EXPECT(scene, condition) \
    scene_expect((scene), (condition), #condition, __LINE__)

/* A piece of the pattern on its way. */
struct piece {
    struct rt_write write;
    struct end *end;
    bool away;
    uint8_t bytes[PIECE_BYTES];
};

/*
 * One end of a connection. It sends `to_send` bytes of a pattern in pieces of
 * all sizes, and checks that what it receives is the same pattern.
 */
struct end {
    struct scene *scene;
    struct rt_conn *conn;
    unsigned opened, closed;
    enum agner_err why;
    char text[120];
    uint64_t to_send, given, sent;
    uint64_t received;
    uint8_t place[5000];           /* where it wants some of that */
    size_t room;                   /* of it, last */
    unsigned done_ok, done_failed; /* pieces */
    unsigned calls;
    unsigned pause_every; /* stop reading after so many calls, for 1 ms */
    bool close_when_sent; /* with flush, once all is given to write() */
    struct rt_loop_timer pause;
    struct piece pieces[PIECES];
};

uint8_t pattern_byte(uint64_t index);
struct end *end_new(struct scene *scene);
struct rt_conn_owner end_owner(struct end *end);
/* Gives more to write(), as long as there is some and a piece is free. */
void end_send(struct end *end);
bool end_is_open(void *end);
bool end_is_closed(void *end);

/* A listener whose n-th connection belongs to ends[n]. */
struct server {
    struct scene *scene;
    struct rt_listener *listener;
    struct rt_address address;
    struct rt_address from; /* of the last one */
    struct end *ends[4];
    unsigned accepted;
    bool ignore; /* neither adopt nor close */
};

void server_start(struct server *server, struct scene *scene,
                  const struct rt_address *address);
/* Dials `to` on the loop's thread. */
void end_dial(struct end *end, const struct rt_address *to,
              uint64_t timeout_ms);

#endif
