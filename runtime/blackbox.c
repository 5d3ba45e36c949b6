/*
 * blackbox.c -- the black box of a runtime: its file, and who writes what into
 * it. See blackbox.h and rt_box.h.
 */
#include "blackbox.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker.h"

#define KEEP 3u /* files of earlier lives, unless the options say otherwise */

struct box {
    struct rt_mapping *mapping;
    struct rt_box_header *header;
    struct rt_box_name *names;
    rt_spin names_lock; /* guards the names, which are only added */
    uint32_t name_count;
    rt_spin lock; /* guards `others` */
    struct box_pen others;
};

/* ---- Names -------------------------------------------------------------- */

/* Where the module of `base` ends in memory. */
struct extent {
    uint64_t base, end;
};

static int widen(struct dl_phdr_info *info, size_t size, void *ctx)
{
    struct extent *extent = ctx;

    (void)size;
    if (info->dlpi_addr != extent->base)
        return 0;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        uint64_t end = info->dlpi_addr + h->p_vaddr + h->p_memsz;

        if (h->p_type == PT_LOAD && end > extent->end)
            extent->end = end;
    }
    return 1;
}

static void fill_name(struct rt_box_name *name, const void *address,
                      const char *text)
{
    struct extent extent = { 0, 0 };
    size_t length;
    Dl_info info;

    if (dladdr(address, &info) != 0 && info.dli_fname != NULL) {
        extent.base = (uint64_t)(uintptr_t)info.dli_fbase;
        /* A program at a fixed place has the base 0. */
        if (dl_iterate_phdr(widen, &extent) == 0) {
            extent.base = 0;
            (void)dl_iterate_phdr(widen, &extent);
        }
        name->base = extent.base;
        name->end = extent.end;
        length = strlen(info.dli_fname);
        if (length >= sizeof name->module)
            info.dli_fname += length - (sizeof name->module - 1);
        (void)snprintf(name->module, sizeof name->module, "%s", info.dli_fname);
        if (text == NULL && info.dli_sname != NULL && info.dli_saddr == address)
            text = info.dli_sname;
    }
    if (text != NULL)
        (void)snprintf(name->text, sizeof name->text, "%s", text);
    else
        (void)snprintf(
            name->text, sizeof name->text, "0x%llx",
            (unsigned long long)((uint64_t)(uintptr_t)address - extent.base));
    name->address = (uint64_t)(uintptr_t)address; /* last: it is whole */
}

/* The index of what is at `address`, or 0: there is no more room. */
static uint32_t name_of(struct box *box, const void *address, const char *text)
{
    uint32_t i;

    rt__lock(&box->names_lock);
    for (i = 0; i < box->name_count; i++)
        if (box->names[i].address == (uint64_t)(uintptr_t)address)
            break;
    if (i == box->name_count && i < RT_BOX_NAMES) {
        fill_name(&box->names[i], address, text);
        box->name_count++;
    }
    rt__unlock(&box->names_lock);
    return i < RT_BOX_NAMES ? i + 1 : 0;
}

/* The same by way of what the pen remembers. */
static inline uint32_t pen_name(struct box *box, struct box_pen *pen,
                                const void *address, const char *text)
{
    uintptr_t hash = (uintptr_t)address >> 4;
    unsigned at = (unsigned)(hash ^ hash >> 6) % BOX_SEEN;

    if (__builtin_expect(pen->seen[at].address != address, 0)) {
        pen->seen[at].index = name_of(box, address, text);
        pen->seen[at].address = address;
    }
    return pen->seen[at].index;
}

/* ---- Making ------------------------------------------------------------- */

static void set_pen(struct box *box, struct box_pen *pen, uint32_t ring,
                    uint32_t worker)
{
    const struct rt_box_header *h = box->header;
    uint8_t *at = (uint8_t *)box->header + h->rings_at + ring * h->ring_size;

    pen->line = (struct rt_box_line *)(void *)at;
    pen->line->worker = worker;
    store_relaxed(&pen->line->idle, 1u);
    pen->smalls = (struct rt_box_small *)(void *)(at + RT_BOX_PAGE);
    pen->larges = (struct rt_box_large *)(void *)(at + RT_BOX_PAGE + h->half);
    pen->small_mask = h->half / sizeof *pen->smalls - 1;
    pen->large_mask = h->half / sizeof *pen->larges - 1;
}

static size_t ring_half(const struct rt_blackbox *o)
{
    size_t size = o->size == 0 ? RT_BOX_SIZE_DEFAULT : o->size;
    size_t fits = RT_BOX_SIZE_MIN;

    while (fits < size && fits < RT_BOX_SIZE_MAX)
        fits *= 2;
    return fits / 2;
}

static void fill_header(const struct rt *rt, struct rt_box_header *h)
{
    const struct rt_world *world = rt->world;
    const struct rt_blackbox *o = rt->options.blackbox;

    h->order = RT_BOX_ORDER;
    h->version = RT_BOX_VERSION;
    h->rings = rt->worker_total + 1;
    h->names = RT_BOX_NAMES;
    h->names_at = RT_BOX_PAGE;
    h->rings_at = RT_BOX_PAGE + RT_BOX_NAMES * sizeof(struct rt_box_name);
    h->half = ring_half(o);
    h->ring_size = RT_BOX_PAGE + 2 * h->half;
    h->size = h->rings_at + h->rings * h->ring_size;
    h->mono_ns = world->now_ns(world->ctx);
    h->wall_ns = world->wall_ns(world->ctx);
    h->os_pid = rt->simulated ? 0 : (uint64_t)getpid();
    if (o->build != NULL)
        (void)snprintf(h->build, sizeof h->build, "%s", o->build);
}

_Static_assert(RT_BOX_NAMES * sizeof(struct rt_box_name) % RT_BOX_PAGE == 0,
               "rings begin at a page");

static enum agner_err open_box(struct rt *rt, struct box *box,
                               struct agner_error *error)
{
    const struct rt_world *world = rt->world;
    const struct rt_blackbox *o = rt->options.blackbox;
    struct rt_box_header h = { .order = 0 };
    uint8_t *bytes;
    enum agner_err err;

    fill_header(rt, &h);
    if (world->file_map == NULL)
        return agner_fail(error, AGNER_ENOTSUP, "not in this world");
    err = world->file_map(world->ctx, o->path, o->keep == 0 ? KEEP : o->keep,
                          h.size, &box->mapping, &bytes, error);
    if (err != AGNER_OK)
        return err;
    memcpy(h.magic, RT_BOX_MAGIC, sizeof h.magic);
    h.sum = rt_box_sum(&h);
    box->header = (struct rt_box_header *)(void *)bytes;
    *box->header = h;
    store_release(&box->header->state, (uint32_t)RT_BOX_RUNNING);
    box->names = (struct rt_box_name *)(void *)(bytes + h.names_at);
    return AGNER_OK;
}

void rt__box_init(struct rt *rt)
{
    struct agner_error error = { AGNER_ENOMEM, "out of memory" };
    struct box *box;

    for (unsigned i = 0; i < rt->worker_total; i++)
        rt->workers[i]->box.line = &rt->workers[i]->box.nowhere;
    if (rt->options.blackbox == NULL)
        return;
    box = calloc(1, sizeof *box);
    if (box == NULL || open_box(rt, box, &error) != AGNER_OK) {
        rt_log(rt, RT_LOG_WARNING, "no black box: %s", error.text);
        free(box);
        return;
    }
    for (unsigned i = 0; i < rt->worker_total; i++)
        set_pen(box, &rt->workers[i]->box, i, i);
    set_pen(box, &box->others, rt->worker_total, UINT32_MAX);
    /* Modules in which an instruction may be: this one and the C library's. */
    (void)name_of(box, (const void *)(uintptr_t)&rt_new, "agner");
    (void)name_of(box, (const void *)(uintptr_t)&malloc, "libc");
    rt->box = box;
    rt__box_note(rt, NULL, RT_BOX_START, 0, rt->worker_count, 0, "");
}

void rt__box_stopping(struct rt *rt)
{
    rt__box_note(rt, NULL, RT_BOX_STOP, 0, 0, 0, "");
}

void rt__box_fini(struct rt *rt)
{
    struct box *box = rt->box;

    if (box == NULL)
        return;
    rt->box = NULL;
    store_release(&box->header->state, (uint32_t)RT_BOX_ENDED);
    rt->world->file_unmap(rt->world->ctx, box->mapping);
    free(box);
}

void rt__box_node(struct rt *rt, etf_term name)
{
    if (rt->box != NULL) /* the text is cut if it is longer */
        (void)etf_get_text(name, rt->box->header->node,
                           sizeof rt->box->header->node);
}

/* ---- Small records ------------------------------------------------------ */

/* Notes with the worker's pen, or under the lock with everybody's. `address`
 * stands for the text, NULL: no name. */
static void note_small(struct rt *rt, struct worker *worker,
                       enum rt_box_kind kind, const void *address,
                       const char *text, uint64_t a, uint64_t b)
{
    struct box *box = rt->box;
    struct box_pen *pen = worker != NULL ? &worker->box : &box->others;
    uint32_t name = 0;

    if (worker == NULL)
        rt__lock(&box->lock);
    if (address != NULL)
        name = pen_name(box, pen, address, text);
    rt__box_small(pen, kind, name, rt__clock_ns(rt), a, b);
    if (worker == NULL)
        rt__unlock(&box->lock);
}

/* What a process that has not begun will be called. */
static const char *name_at_birth(const struct process *p,
                                 const struct rt_behavior *b)
{
    const struct envelope *args = p->queue;
    const char *const *note = args == NULL ? NULL : args->aux;

    return b->note_is_labelled && note != NULL && *note != NULL ? *note
                                                                : b->name;
}

/* And one that has, as far as it came. */
static const char *name_at_end(const struct process *p)
{
    const struct rt_behavior *b = load_relaxed(&p->behavior);
    const char *label = NULL;

    if (b == NULL)
        return NULL;
    if (b->label != NULL && (p->flags & PROCESS_STARTED) != 0)
        label = b->label(p->state);
    return label == NULL ? b->name : label;
}

void rt__box_spawn(struct rt *rt, struct worker *worker,
                   const struct process *p, const void *code)
{
    const struct rt_behavior *b = load_relaxed(&p->behavior);
    const char *name = b == NULL ? NULL : name_at_birth(p, b);

    note_small(rt, worker, RT_BOX_SPAWN, name == NULL ? code : name, name,
               rt__pid_word(p).word, load_relaxed(&p->parent));
}

/* normal, shutdown and {shutdown, _} are how things end. */
static bool is_usual(etf_term reason)
{
    return etf_same(reason, ETF_A(normal)) ||
           etf_same(reason, ETF_A(shutdown)) ||
           etf_is_tagged(reason, ETF_A(shutdown), 2);
}

void rt__box_exit(struct rt *rt, struct worker *worker, struct process *p,
                  etf_term self, etf_term reason)
{
    const char *name = name_at_end(p);
    char text[RT_BOX_TEXT];

    if (is_usual(reason)) {
        note_small(rt, worker, RT_BOX_EXIT, name, name, self.word,
                   load_relaxed(&p->received));
        return;
    }
    rt__box_note(rt, worker, RT_BOX_CRASH,
                 name == NULL ? 0 : name_of(rt->box, name, name), self.word,
                 load_relaxed(&p->received),
                 etf_format(text, sizeof text, reason));
}

void rt__box_message(struct worker *worker, const struct process *p,
                     etf_term from)
{
    if (worker->box.smalls == NULL)
        return;
    rt__box_small(&worker->box, RT_BOX_MESSAGE,
                  load_relaxed(&p->queued) & 0xffffffu,
                  rt__clock_ns(worker->rt), rt__pid_word(p).word,
                  etf__tag(from) == ETF__PID ? from.word : 0);
    store_relaxed(&worker->box.line->messages, load_relaxed(&worker->messages));
}

void rt__box_timers(struct rt *rt, struct worker *worker, uint64_t count)
{
    note_small(rt, worker, RT_BOX_TIMERS, NULL, NULL, count, 0);
}

/* ---- Large records ------------------------------------------------------ */

static void fill_large(struct box_pen *pen, enum rt_box_kind kind,
                       uint32_t detail, uint64_t time_ns, uint64_t a,
                       uint64_t b, const char *text)
{
    uint64_t count = pen->large_count;
    struct rt_box_large *r = &pen->larges[count & pen->large_mask];
    size_t size = strnlen(text, sizeof r->text);

    store_relaxed(&r->r.head, 0u); /* before the text */
    fence_compiler();
    memcpy(r->text, text, size);
    memset(r->text + size, 0, sizeof r->text - size);
    rt__box_fill(&r->r, rt__box_head(count + 1, kind, detail), time_ns, a, b);
    pen->large_count = count + 1;
    store_release(&pen->line->large, count + 1);
}

void rt__box_note(struct rt *rt, struct worker *worker, enum rt_box_kind kind,
                  uint32_t detail, uint64_t a, uint64_t b, const char *text)
{
    struct box *box = rt->box;
    uint64_t now_ns;

    if (box == NULL)
        return;
    now_ns = rt->world->now_ns(rt->world->ctx);
    if (worker != NULL) {
        fill_large(&worker->box, kind, detail, now_ns, a, b, text);
        return;
    }
    rt__lock(&box->lock);
    fill_large(&box->others, kind, detail, now_ns, a, b, text);
    rt__unlock(&box->lock);
}

/* ---- Faults: in a signal handler ----------------------------------------- */

#ifdef DLFO_STRUCT_HAS_EH_DBASE
/* The module of an instruction; without a lock, and fit for a handler. */
static bool find_module(uint64_t instruction, struct rt_box_name *name)
{
    struct dl_find_object found;
    const char *path;
    size_t length;

    if (_dl_find_object((void *)(uintptr_t)instruction, &found) != 0)
        return false;
    path = found.dlfo_link_map->l_name;
    length = strlen(path);
    if (length >= sizeof name->module)
        path += length - (sizeof name->module - 1);
    memcpy(name->module, path, strnlen(path, sizeof name->module - 1));
    name->base = found.dlfo_link_map->l_addr;
    name->end = (uint64_t)(uintptr_t)found.dlfo_map_end;
    return true;
}
#else
static bool find_module(uint64_t instruction, struct rt_box_name *name)
{
    (void)instruction;
    (void)name;
    return false;
}
#endif

/* A reader finds the place by the modules that are known: one that was loaded
 * just now, and has begun nothing yet, is not. Who has the lock may be this
 * very thread, so it is not waited for. */
static void know_module(struct box *box, uint64_t instruction)
{
    struct rt_box_name *name;

    if (instruction == 0 || !rt__try_lock(&box->names_lock))
        return;
    for (uint32_t i = 0; i < box->name_count; i++)
        if (instruction >= box->names[i].base &&
            instruction < box->names[i].end) {
            rt__unlock(&box->names_lock);
            return;
        }
    name = &box->names[box->name_count];
    if (box->name_count < RT_BOX_NAMES && find_module(instruction, name)) {
        name->address = instruction; /* last: it is whole */
        box->name_count++;
    }
    rt__unlock(&box->names_lock);
}

void rt__box_fault(struct worker *worker, int signal, uint64_t address,
                   uint64_t instruction, const char *text)
{
    const struct rt_world *world = worker->rt->world;

    if (worker->box.larges == NULL)
        return;
    know_module(worker->rt->box, instruction);
    fill_large(&worker->box, RT_BOX_FAULT, (uint32_t)signal,
               world->now_ns(world->ctx), address, instruction, text);
}

void rt__box_fault_elsewhere(struct rt *rt, int signal, uint64_t address,
                             uint64_t instruction)
{
    struct box *box = rt->box;

    if (box == NULL || !rt__try_lock(&box->lock))
        return;
    know_module(box, instruction);
    fill_large(&box->others, RT_BOX_FAULT, (uint32_t)signal,
               rt->world->now_ns(rt->world->ctx), address, instruction, "");
    rt__unlock(&box->lock);
}
