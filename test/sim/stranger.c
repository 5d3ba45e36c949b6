/*
 * stranger.c -- a connection that says what a test wants: stranger.h.
 *
 * All that touches the net is a task of the stranger's loop, so that the order
 * is the simulation's.
 */
#include "stranger.h"

#include <stdlib.h>
#include <string.h>

#include <flags.h>

struct stranger {
    struct sim *sim; /* borrowed */
    const struct rt_net *net;
    struct rt_loop *loop;
    struct rt_conn *conn; /* NULL: closed, or never opened */
    bool open;
    struct etf_buffer heard;
    size_t wanted;
    /* What it may still read; those bytes come to `piece`. */
    bool slow;
    size_t left;
    uint8_t piece[64];
};

/* Work for the loop, waited for. */
struct errand {
    struct rt_task task; /* first */
    struct stranger *s;
    void (*run)(struct errand *e);
    const struct rt_address *to;
    bool done;
};

/* Bytes on their way out. */
struct spoken {
    struct rt_write write; /* first */
    uint8_t bytes[];
};

static void opened(void *ctx, struct rt_conn *conn)
{
    struct stranger *s = ctx;

    (void)conn;
    s->open = true;
}

/* Out of memory here is a test's own problem: then it hears nothing. */
static void received(void *ctx, struct rt_conn *conn, const uint8_t *bytes,
                     size_t size)
{
    struct stranger *s = ctx;

    (void)etf_buffer_add(&s->heard, bytes, size);
    if (!s->slow)
        return;
    s->left -= size;
    if (s->left == 0)
        s->net->read(conn, false);
}

/* Of one that reads slowly only so much comes. */
static size_t place(void *ctx, struct rt_conn *conn, uint8_t **bytes)
{
    struct stranger *s = ctx;

    (void)conn;
    *bytes = s->piece;
    return !s->slow ? 0 : s->left < sizeof s->piece ? s->left : sizeof s->piece;
}

static void closed(void *ctx, struct rt_conn *conn, enum agner_err why,
                   const char *text)
{
    struct stranger *s = ctx;

    (void)conn;
    (void)why;
    (void)text;
    s->conn = NULL;
    s->open = false;
}

static void run_errand(struct rt_task *task)
{
    struct errand *e = (struct errand *)task;

    e->run(e);
    e->done = true;
}

static bool is_done(void *ctx)
{
    const struct errand *e = ctx;

    return e->done;
}

static void on_loop(struct stranger *s, void (*run)(struct errand *e),
                    const struct rt_address *to)
{
    struct errand e = {
        .task = { .run = run_errand }, .s = s, .run = run, .to = to
    };

    s->net->post(s->loop, &e.task);
    (void)sim_run_until(s->sim, is_done, &e, RT_INFINITY);
}

struct stranger *stranger_new(struct sim *sim)
{
    const struct rt_world *world = sim_world(sim);
    struct stranger *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->sim = sim;
    s->net = world->net;
    if (s->net->loop_new(world, "stranger", &s->loop, NULL) == AGNER_OK)
        return s;
    free(s);
    return NULL;
}

static void dial(struct errand *e)
{
    const struct rt_conn_owner owner = { .ctx = e->s,
                                         .opened = opened,
                                         .place = place,
                                         .received = received,
                                         .closed = closed };

    (void)e->s->net->dial(e->s->loop, e->to, STRANGER_MS, &owner, &e->s->conn,
                          NULL); /* no connection: it is seen */
}

static void hang_up(struct errand *e)
{
    if (e->s->conn != NULL)
        e->s->net->close(e->s->conn, false);
}

static void set_reading(struct errand *e)
{
    if (e->s->conn != NULL)
        e->s->net->read(e->s->conn, !e->s->slow || e->s->left > 0);
}

void stranger_read(struct stranger *s, size_t size)
{
    s->slow = size > 0;
    s->left = size;
    on_loop(s, set_reading, NULL);
}

static bool is_open_or_gone(void *ctx)
{
    const struct stranger *s = ctx;

    return s->open || s->conn == NULL;
}

static bool is_gone(void *ctx)
{
    const struct stranger *s = ctx;

    return s->conn == NULL;
}

static bool has_heard(void *ctx)
{
    const struct stranger *s = ctx;

    return s->heard.size >= s->wanted || s->conn == NULL;
}

bool stranger_dial(struct stranger *s, const struct rt_address *to)
{
    s->heard.size = 0;
    s->slow = false;
    on_loop(s, dial, to);
    (void)sim_run_until(s->sim, is_open_or_gone, s, STRANGER_MS);
    return s->open;
}

static void written(struct rt_write *write, enum agner_err err)
{
    (void)err; /* the connection hears of it */
    free(write);
}

struct saying {
    struct errand errand; /* first */
    const void *bytes;
    size_t size;
};

static void say(struct errand *e)
{
    const struct saying *saying = (const struct saying *)e;
    struct spoken *spoken = malloc(sizeof *spoken + saying->size);

    if (spoken == NULL)
        return;
    memset(spoken, 0, sizeof *spoken);
    memcpy(spoken->bytes, saying->bytes, saying->size);
    spoken->write.bytes = spoken->bytes;
    spoken->write.size = saying->size;
    spoken->write.done = written;
    e->s->net->write(e->s->conn, &spoken->write);
}

static void say_if_open(struct errand *e)
{
    if (e->s->conn != NULL)
        say(e);
}

void stranger_say(struct stranger *s, const void *bytes, size_t size)
{
    struct saying saying = {
        .errand = { .task = { .run = run_errand }, .s = s, .run = say_if_open },
        .bytes = bytes,
        .size = size
    };

    if (size == 0)
        return;
    s->net->post(s->loop, &saying.errand.task);
    (void)sim_run_until(s->sim, is_done, &saying.errand, RT_INFINITY);
}

void stranger_packet(struct stranger *s, const void *bytes, size_t size)
{
    const uint8_t length[4] = { (uint8_t)(size >> 24), (uint8_t)(size >> 16),
                                (uint8_t)(size >> 8), (uint8_t)size };

    stranger_say(s, length, sizeof length);
    stranger_say(s, bytes, size);
}

void stranger_close(struct stranger *s)
{
    on_loop(s, hang_up, NULL);
    (void)sim_run_until(s->sim, is_gone, s, STRANGER_MS);
}

bool stranger_hears_end(struct stranger *s)
{
    return sim_run_until(s->sim, is_gone, s, STRANGER_MS);
}

bool stranger_hears(struct stranger *s, size_t size)
{
    s->wanted = size;
    (void)sim_run_until(s->sim, has_heard, s, STRANGER_MS);
    return s->heard.size >= size;
}

const struct etf_buffer *stranger_heard(const struct stranger *s)
{
    return &s->heard;
}

bool stranger_shake(struct stranger *s, const struct rt_address *to,
                    const char *name, const char *node, const char *cookie,
                    uint64_t flags, struct node__handshake *hs)
{
    struct node__hs_self self = { .name = name,
                                  .creation = 77,
                                  .flags =
                                      flags != 0 ? flags : NODE__FLAGS_OFFERED,
                                  .cookie = cookie,
                                  .cookie_size = strlen(cookie),
                                  .challenge = 12345 };
    struct etf_buffer out = { 0 };
    size_t at = 0, used;

    if (node__handshake_dial(hs, &self, node, &out, NULL) != AGNER_OK ||
        !stranger_dial(s, to)) {
        etf_buffer_fini(&out);
        return false;
    }
    while (hs->state < HS_UP) {
        stranger_say(s, out.data, out.size);
        out.size = 0;
        if (hs->state == HS_ASK_ALIVE) {
            (void)node__handshake_go_on(hs, true, &out);
        } else if (stranger_hears(s, at + 1)) {
            (void)node__handshake_feed(hs, s->heard.data + at,
                                       s->heard.size - at, &out, &used);
            at += used;
        } else {
            node__handshake_ended(hs, AGNER_OK, "closed");
        }
    }
    etf_buffer_fini(&out);
    return hs->state == HS_UP;
}

void stranger_free(struct stranger *s)
{
    if (s == NULL)
        return;
    s->net->loop_free(s->loop);
    etf_buffer_fini(&s->heard);
    free(s);
}
