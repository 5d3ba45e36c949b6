/*
 * A stream of packets against a node that lives, in a simulated world: a peer
 * that has shown its cookie says whatever the input is, cut anywhere. The first
 * byte chooses the peer's flags and the network, each packet has its length in
 * two bytes. What stands for the numbers of a process that lives, which differ
 * from run to run, is replaced by them.
 *
 * Whatever was said, afterwards the node is as it was: the peer is gone, no
 * atom was made beyond the peer's share, who works on the node still does, a
 * new connection is served, and nothing is left of it all when the node has
 * ended (I14 to I16).
 */
#include <flags.h>
#include <stranger.h>

#include "live.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NODE   "b@vm" /* as in the recordings */
#define PEER   "a@vm"
#define COOKIE "secret"
#define PORT   5000
#define ATOMS  50 /* that the peer may make */

struct scene {
    struct live live;
    etf_pid echo;
};

/* Answers {From, X} with X. */
static enum rt_next echo_message(struct gen *self, const struct rt_message *m)
{
    etf_pid from;
    etf_term x;

    if (m->kind == RT_MESSAGE && etf_match(m->term, "{_, _}", &from, &x))
        (void)rt_send_pid(self, from, x);
    return RT_NEXT;
}

static const struct rt_behavior echo = { .name = "echo",
                                         .message = echo_message };

static const struct rt_address address = { .kind = RT_ADDRESS_TCP,
                                           .host = "10.0.0.2",
                                           .port = PORT };

static const char *const everything[] = { "erlang: all" };

static void begin(struct scene *scene, uint8_t choice)
{
    const struct node_options options = { .name = NODE,
                                          .cookie = COOKIE,
                                          .listen_host = "10.0.0.2",
                                          .erlang = NODE_ERLANG_ANY,
                                          .permits = everything,
                                          .permit_count = 1,
                                          .listen_port = PORT,
                                          .packet_max = 1u << 20,
                                          .limits = { .atoms_peer = ATOMS } };
    const struct rt_spawn_options named = { .name = etf_atom("echo") };

    live_begin(&scene->live, (choice & 8) != 0, &options);
    live_check(rt_start(scene->live.self, &echo, etf_nil(), &named,
                        &scene->echo, NULL) == AGNER_OK);
}

/* Who works on this node still does. The peer may have ended the echo, which is
 * its right. */
static void check_works(struct scene *scene)
{
    etf_term answer;
    etf_pid pid;

    live_check(rt_start(scene->live.self, &echo, etf_nil(), NULL, &pid, NULL) ==
               AGNER_OK);
    live_check(rt_send_pid(scene->live.self, pid,
                           etf_make(scene->live.self, "{_, fine}",
                                    rt_self(scene->live.self))) == AGNER_OK);
    do
        live_check(rt_receive(scene->live.self, 10000, &answer) == AGNER_OK);
    while (!etf_match(answer, "fine"));
}

static void put_u32(uint8_t *p, uint32_t n)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(n >> (24 - 8 * i));
}

/* FE C0 FE 01 to 03: the node's creation, and the echo's two numbers. */
static void put_numbers(struct etf_buffer *b, const struct scene *scene)
{
    const uint32_t numbers[] = { node_creation(scene->live.node),
                                 scene->echo.id, scene->echo.serial };

    for (size_t at = 0; at + 4 <= b->size; at++) {
        const uint8_t *p = b->data + at;

        if (p[0] != 0xfe || p[1] != 0xc0 || p[2] != 0xfe || p[3] < 1 ||
            p[3] > 3)
            continue;
        put_u32(b->data + at, numbers[p[3] - 1]);
    }
}

static void say_all(const struct scene *scene, struct stranger *s,
                    const uint8_t *data, size_t size)
{
    struct etf_buffer out = { 0 };
    size_t at = 0;

    while (size - at >= 2) {
        size_t length = (size_t)data[at] << 8 | data[at + 1];

        at += 2;
        if (length > size - at)
            length = size - at;
        live_check(etf_buffer_add(&out,
                                  (uint8_t[]){ 0, 0, (uint8_t)(length >> 8),
                                               (uint8_t)length },
                                  4) == AGNER_OK);
        live_check(etf_buffer_add(&out, data + at, length) == AGNER_OK);
        at += length;
    }
    put_numbers(&out, scene);
    stranger_say(s, out.data, out.size);
    etf_buffer_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t forms[] = {
        NODE__FLAGS_OFFERED,
        NODE__FLAGS_OFFERED &
            ~(NODE__FLAG_DIST_HDR_ATOM_CACHE | NODE__FLAG_FRAGMENTS),
        NODE__FLAGS_OFFERED & ~NODE__FLAG_FRAGMENTS,
        NODE__FLAGS_OFFERED & ~NODE__FLAG_DIST_HDR_ATOM_CACHE,
    };
    struct node__handshake hs;
    struct scene scene;
    struct stranger *s;
    uint32_t atoms;

    if (size == 0)
        return 0;
    begin(&scene, data[0]);
    s = stranger_new(scene.live.sim);
    live_check(s != NULL);
    live_check(stranger_shake(s, &address, PEER, NODE, COOKIE,
                              forms[data[0] % 4], &hs));
    atoms = etf_atom_count();
    say_all(&scene, s, data + 1, size - 1);
    (void)sim_run(scene.live.sim, 100);
    live_check(etf_atom_count() - atoms <=
               ATOMS + 10); /* and those of our words */
    stranger_close(s);
    (void)sim_run(scene.live.sim, 100);
    live_check(node_peers(scene.live.node, NULL, 0) == 0);
    check_works(&scene);
    live_check(stranger_shake(s, &address, PEER, NODE, COOKIE, 0, &hs));
    stranger_free(s);
    live_end(&scene.live);
    return 0;
}
