/*
 * printer.c -- what functions of other nodes print comes out here.
 *
 * A function that is called on another node has our group leader, and writes to
 * it. So the command has one: a device that writes to standard output. Who
 * reads from it gets the end of the file.
 */
#include "cli.h"

static enum agner_err write_text(struct gen *self, void *ctx, etf_bytes text)
{
    (void)self;
    (void)ctx;
    (void)fwrite(text.data, 1, text.size, stdout);
    return fflush(stdout) == 0 ? AGNER_OK : AGNER_ESYSTEM;
}

static const struct gen_io_device device = { .write = write_text };

static enum gen_next printer_info(struct gen *self, etf_term message)
{
    (void)gen_io_serve(self, &device, NULL, message);
    return GEN_NEXT;
}

static const struct gen_server printer = {
    .name = "printer",
    .handle_info = printer_info,
};

enum agner_err cli_printer(struct target *t)
{
    etf_pid pid;
    enum agner_err err =
        gen_start(t->self, &printer, etf_nil(), NULL, &pid, NULL);

    return err == AGNER_OK ? rt_set_group_leader(t->self, rt_self(t->self), pid)
                           : err;
}
