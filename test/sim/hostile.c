/*
 * hostile.c -- the scene of hostile.h, and what all of its rows have in common.
 */
#include "hostile.h"

#include <malloc.h>

#define MEMORY_MAX 65536 /* bytes that may be left after an attack */

const struct rt_address hostile_address = { .kind = RT_ADDRESS_TCP,
                                            .host = "10.0.0.2",
                                            .port = HOSTILE_PORT };

/* ---- The scene
 * ---------------------------------------------------------------------------
 */

static void note(void *ctx, enum rt_log_level level, const char *text)
{
    struct scene *scene = ctx;

    if (level > RT_LOG_WARNING || scene->line_count == HOSTILE_LINES_MAX)
        return;
    (void)snprintf(scene->lines[scene->line_count++], sizeof scene->lines[0],
                   "%s", text);
}

static enum rt_next drop(struct gen *self, const struct rt_message *m)
{
    (void)self;
    (void)m;
    return RT_NEXT;
}

static const struct rt_behavior dropper = { .name = "dropper",
                                            .message = drop };

void hostile_tell(struct stranger *s, etf_term control, etf_term message)
{
    struct etf_buffer b = { 0 };

    assert_int_equal(etf_buffer_add(&b, "\x83\x44", 3), AGNER_OK);
    assert_int_equal(etf_encode(&b, control, NULL), AGNER_OK);
    if (!etf_is_none(message))
        assert_int_equal(etf_encode(&b, message, NULL), AGNER_OK);
    stranger_packet(s, b.data, b.size);
    etf_buffer_fini(&b);
}

/* A pid of the node of that name: a word for a process that nobody has. */
etf_term hostile_pid_of(struct gen *self, const char *node, uint32_t creation)
{
    return etf_from_pid(rt_region(self), (etf_pid){ .node = etf_atom(node),
                                                    .id = 1,
                                                    .serial = 0,
                                                    .creation = creation });
}

/* Our target as a peer writes it. */
etf_term hostile_far_target(const struct scene *scene)
{
    etf_pid pid = scene->target;

    pid.node = etf_atom(HOSTILE_NODE);
    pid.creation = node_creation(scene->node);
    return etf_from_pid(rt_region(scene->self), pid);
}

/* `s`, which is called `name`, says N to the sink, and it is heard. */
void hostile_check_heard(struct scene *scene, struct stranger *s,
                         const char *name, int64_t n)
{
    etf_term message;
    int64_t got = -1;

    hostile_tell(s,
                 etf_make(scene->self, "{6, _, '', sink}",
                          hostile_pid_of(scene->self, name, 77)),
                 etf_int(NULL, n));
    assert_int_equal(rt_receive(scene->self, 1000, &message), AGNER_OK);
    assert_true(etf_get_int(message, &got));
    assert_int_equal(got, n);
}

void hostile_mark(struct scene *scene)
{
    scene->lines_before = scene->line_count;
    scene->atoms_before = etf_atom_count();
    scene->memory_before = mallinfo2().uordblks;
}

void hostile_shake(struct scene *scene)
{
    struct node__handshake hs;

    assert_true(stranger_shake(scene->stranger, &hostile_address,
                               HOSTILE_STRANGER, HOSTILE_NODE, PAIR_COOKIE, 0,
                               &hs));
}

struct scene *hostile_begin_in(const struct node_limits *limits,
                               const struct sim_options *world)
{
    struct scene *scene = calloc(1, sizeof *scene);
    struct node_options options = pair_options(HOSTILE_NODE);
    const struct rt_spawn_options traps = { .trap_exit = true };
    struct node__handshake hs;

    assert_non_null(scene);
    scene->sim = sim_new(1, world);
    assert_non_null(scene->sim);
    options.listen_host = "10.0.0.2";
    options.listen_port = HOSTILE_PORT;
    options.rt.world = sim_world(scene->sim);
    options.rt.log = note;
    options.rt.log_ctx = scene;
    if (limits != NULL)
        options.limits = *limits;
    scene->node = pair_start(&options);
    scene->self = rt_attach(node_rt(scene->node));
    assert_non_null(scene->self);
    assert_int_equal(rt_register(node_rt(scene->node), etf_atom("sink"),
                                 rt_self(scene->self)),
                     AGNER_OK);
    assert_int_equal(rt_start(scene->self, &dropper, etf_nil(), &traps,
                              &scene->target, NULL),
                     AGNER_OK);
    scene->friend = stranger_new(scene->sim);
    scene->stranger = stranger_new(scene->sim);
    assert_non_null(scene->friend);
    assert_non_null(scene->stranger);
    assert_true(stranger_shake(scene->friend, &hostile_address, HOSTILE_FRIEND,
                               HOSTILE_NODE, PAIR_COOKIE, 0, &hs));
    hostile_check_heard(scene, scene->friend, HOSTILE_FRIEND, 1);
    /* Once in peace: what is made only once is there. */
    (void)etf_atom("system_limit");
    hostile_shake(scene);
    hostile_check_heard(scene, scene->stranger, HOSTILE_STRANGER, 2);
    stranger_close(scene->stranger);
    (void)sim_run(scene->sim, 100);
    hostile_mark(scene);
    return scene;
}

struct scene *hostile_begin(const struct node_limits *limits)
{
    return hostile_begin_in(limits, NULL);
}

void hostile_end(struct scene *scene)
{
    stranger_free(scene->friend);
    stranger_free(scene->stranger);
    rt_detach(scene->self);
    node_stop(scene->node, 1000);
    sim_free(scene->sim);
    free(scene);
}

/* ---- What all rows have in common
 * ---------------------------------------------------------------------------
 */

/* Nobody but the attacker has noticed anything. */
void hostile_check_unharmed(struct scene *scene, const char *what)
{
    etf_term message;

    assert_int_equal(rt_receive(scene->self, 0, &message), AGNER_ETIMEOUT);
    if (etf_atom_count() != scene->atoms_before)
        fail_msg("%s: an atom was made", what);
    if (mallinfo2().uordblks > scene->memory_before + MEMORY_MAX)
        fail_msg("%s: %zu bytes are left", what,
                 mallinfo2().uordblks - scene->memory_before);
    hostile_check_heard(scene, scene->friend, HOSTILE_FRIEND, 3);
}

/* One line since the mark, which says all this. */
void hostile_check_line(const struct scene *scene, const char *what,
                        const char *who, const char *why)
{
    const char *line = scene->lines[scene->lines_before];

    if (scene->line_count != scene->lines_before + 1)
        fail_msg("%s: %zu lines, the last: %s", what,
                 scene->line_count - scene->lines_before,
                 scene->lines[scene->line_count - 1]);
    if (strstr(line, who) == NULL || strstr(line, why) == NULL ||
        strstr(line, " bytes: ") == NULL)
        fail_msg("%s: %s", what, line);
}

void hostile_check_refused(struct scene *scene, const char *what,
                           const char *who, const char *why)
{
    if (!stranger_hears_end(scene->stranger))
        fail_msg("%s: not closed", what);
    (void)sim_run(scene->sim, 100);
    hostile_check_line(scene, what, who, why);
    hostile_check_unharmed(scene, what);
    hostile_mark(scene);
}

etf_term hostile_far_ref(const struct scene *scene, uint32_t word)
{
    return etf_from_ref(rt_region(scene->self),
                        (etf_ref){ .node = etf_atom(HOSTILE_STRANGER),
                                   .creation = 77,
                                   .count = 3,
                                   .words = { word, 2, 3 } });
}
