/*
 * The control socket of a node that lives, in a simulated world: a client says
 * whatever the input is, cut anywhere.
 *
 * What it hears are whole messages; another client is served as if it was not
 * there; nothing is left of either when the node has ended. The first byte is
 * about the network.
 */
#include <string.h>

#include <stranger.h>

#include "agner_apps.h"
#include "live.h"
#include "msgpack_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PATH      "/run/fuzz.sock"
#define FRAME_MAX 65536u

/* agner.stop was asked for, and is not done here. */
static void no_stop(void *ctx)
{
    (void)ctx;
}

struct scene {
    struct live live;
    struct apps_control *control;
};

static void begin(struct scene *scene, uint8_t choice)
{
    const struct node_options options = { .name = "b@10.0.0.2",
                                          .cookie = "secret",
                                          .no_listen = true };
    struct apps_control_options control = { .path = PATH,
                                            .stop = no_stop,
                                            .connections_max = 4,
                                            .pending_max = 8,
                                            .frame_max = FRAME_MAX,
                                            .output_max = 1u << 20 };

    live_begin(&scene->live, (choice & 1) != 0, &options);
    control.world = sim_world(scene->live.sim);
    control.node = scene->live.node;
    live_check(apps_control_start(scene->live.self, &control, &scene->control,
                                  NULL) == AGNER_OK);
}

/* All that came are messages, whole, and nothing behind them. */
static void check_heard(const struct stranger *s)
{
    const struct etf_buffer *heard = stranger_heard(s);
    struct msgpack_walk walk;
    size_t at = 0;

    while (at < heard->size) {
        apps__msgpack_walk_init(&walk, 1u << 20, MSGPACK_DEPTH_MAX);
        live_check(apps__msgpack_walk(&walk, heard->data + at,
                                      heard->size - at) == MSGPACK_WALK_WHOLE);
        live_check((heard->data[at] & 0xf0) == 0x90); /* an array of few */
        at += walk.next;
    }
}

/* [0, 1, "agner.version", []] has an answer. */
static void check_serves(struct stranger *s, const struct rt_address *address)
{
    static const uint8_t request[] = "\x94\0\1\xad"
                                     "agner.version\x90";
    static const uint8_t answer[] = { 0x94, 1, 1, 0xc0 };

    live_check(stranger_dial(s, address));
    stranger_say(s, request, sizeof request - 1);
    live_check(stranger_hears(s, sizeof answer + 1));
    live_check(memcmp(stranger_heard(s)->data, answer, sizeof answer) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct rt_address address = { .kind = RT_ADDRESS_UNIX, .host = PATH };
    struct stranger *s, *other;
    struct scene scene;

    if (size == 0)
        return 0;
    begin(&scene, data[0]);
    s = stranger_new(scene.live.sim);
    other = stranger_new(scene.live.sim);
    live_check(s != NULL && other != NULL);
    live_check(stranger_dial(s, &address));
    stranger_say(s, data + 1, size - 1);
    (void)sim_run(scene.live.sim, 1000);
    check_serves(other, &address);
    stranger_free(other);
    check_heard(s);
    stranger_free(s);
    apps_control_stop(scene.live.self, scene.control);
    live_end(&scene.live);
    return 0;
}
