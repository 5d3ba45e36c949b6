/*
 * test_node_rpc.c -- rpc toward a node that cannot spawn for others: a socket
 * that answers as the process rex of an old node does. Source: spec/gen.md 2.6.
 */
#include "duo.h"

#include <sys/socket.h>
#include <unistd.h>

#include "flags.h"
#include "raw_peer.h"

#define OLD "old@127.0.0.1"

struct scene {
    struct node *node;
    struct gen *self;
    int fd;
    struct etf_region *r;
};

static struct scene scene_new(void)
{
    struct node_options options = pair_options(A);
    struct node__handshake hs;
    struct scene s = { .r = etf_region_new(0) };

    options.rt.log = duo_no_log;
    s.node = pair_start(&options);
    s.self = rt_attach(node_rt(s.node));
    s.fd = raw_dial(node_port(s.node), OLD, A, PAIR_COOKIE,
                    NODE__FLAGS_OFFERED & ~NODE__FLAG_SPAWN &
                        ~NODE__FLAG_DIST_HDR_ATOM_CACHE & ~NODE__FLAG_FRAGMENTS,
                    &hs);
    assert_true(s.fd >= 0);
    return s;
}

static void scene_end(const struct scene *s)
{
    close(s->fd);
    etf_region_free(s->r);
    rt_detach(s->self);
    node_stop(s->node, 1000);
}

/* One of our processes calls, and tells what became of it. */
struct call {
    etf_pid boss;
    uint64_t ms;
    bool erpc;
};

static void call(struct gen *self, void *arg)
{
    const struct call *c = arg;
    struct gen_erpc_exception x = { GEN_RPC_VALUE, ETF_NONE };
    etf_term m = etf_atom("lists"), f = etf_atom("reverse");
    etf_term args = etf_make(self, "[[1, 2]]"), result = ETF_NONE;
    enum agner_err err;

    if (c->erpc) {
        err =
            gen_erpc_call(self, etf_atom(OLD), m, f, args, c->ms, &result, &x);
        result = x.reason;
    } else {
        err = gen_rpc_call(self, etf_atom(OLD), m, f, args, c->ms, &result);
    }
    (void)rt_send_pid(self, c->boss,
                      etf_make(self, "{_, _}", (int64_t)err, result));
}

static void start(const struct scene *s, struct call *c)
{
    etf_pid pid;

    c->boss = rt_self(s->self);
    assert_int_equal(rt_spawn(s->self, call, c, NULL, &pid), AGNER_OK);
}

static void ends(const struct scene *s, enum agner_err err, const char *result)
{
    char text[200];

    (void)snprintf(text, sizeof text, "{%d,%s}", (int)err, result);
    duo_expect(s->self, text);
}

/* The next message to rex: its {Pid, Tag}, and the request. */
static etf_term hear(const struct scene *s, etf_term *from)
{
    static uint8_t body[4096];
    etf_term control, message, request = ETF_NONE;
    uint8_t head[4];
    size_t size, used;

    while (raw_read(s->fd, head, 4)) {
        size = (size_t)head[2] << 8 | head[3];
        if (size == 0) /* a tick */
            continue;
        assert_true(head[0] == 0 && head[1] == 0 && size <= sizeof body);
        assert_true(raw_read(s->fd, body, size));
        assert_int_equal(body[0], 112);
        assert_int_equal(etf_from_binary(s->r, body + 1, size - 1, NULL,
                                         &control, &used, NULL),
                         AGNER_OK);
        if (!etf_match(control, "{6, __, __, rex}"))
            continue;
        assert_int_equal(etf_from_binary(s->r, body + 1 + used, size - 1 - used,
                                         NULL, &message, NULL, NULL),
                         AGNER_OK);
        assert_true(etf_match(message, "{'$gen_call', _, _}", from, &request));
        return request;
    }
    fail_msg("the node closed");
    return request;
}

/* Answers `from` with the term of that text. */
static void answer(const struct scene *s, etf_term from, const char *text)
{
    struct etf_buffer out = { 0 };
    etf_term pid, tag, term;

    assert_int_equal(etf_parse(s->r, text, strlen(text), &term, NULL, NULL),
                     AGNER_OK);
    assert_true(etf_match(from, "{_, _}", &pid, &tag));
    assert_int_equal(etf_buffer_add(&out, "\160", 1), AGNER_OK); /* 112 */
    assert_int_equal(
        etf_to_binary(&out, etf_make(s->r, "{2, '', _}", pid), NULL, 0),
        AGNER_OK);
    assert_int_equal(
        etf_to_binary(&out, etf_make(s->r, "{_, _}", tag, term), NULL, 0),
        AGNER_OK);
    raw_packet(s->fd, out.data, out.size);
    etf_buffer_fini(&out);
}

static void rex_is_asked_instead(void **state)
{
    struct call c = { .ms = WAIT_MS }, brief = { .ms = 50 };
    struct scene s = scene_new();
    etf_term from = ETF_NONE;

    (void)state;
    start(&s, &c);
    assert_true(etf_match(hear(&s, &from), "{call, lists, reverse, [[1, 2]], "
                                           "__}"));
    answer(&s, from, "[2, 1000]");
    ends(&s, AGNER_OK, "[2,1000]");
    start(&s, &c);
    (void)hear(&s, &from);
    answer(&s, from, "{badrpc, {'EXIT', oops}}");
    ends(&s, AGNER_EEXIT, "{badrpc,{'EXIT',oops}}");
    start(&s, &brief);
    ends(&s, AGNER_ETIMEOUT, "{badrpc,timeout}");
    start(&s, &c);
    (void)hear(&s, &from); /* that of the brief one */
    (void)hear(&s, &from);
    (void)shutdown(s.fd, SHUT_RDWR);
    ends(&s, AGNER_ENODEDOWN, "{badrpc,nodedown}");
    scene_end(&s);
}

static void erpc_has_no_other_way(void **state)
{
    struct call c = { .ms = WAIT_MS, .erpc = true };
    struct scene s = scene_new();

    (void)state;
    start(&s, &c);
    ends(&s, AGNER_ENOTSUP, "{erpc,notsup}");
    scene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rex_is_asked_instead),
        cmocka_unit_test(erpc_has_no_other_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
