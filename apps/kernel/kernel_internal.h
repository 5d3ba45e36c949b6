/*
 * kernel_internal.h -- the processes of the application `kernel`. Private to
 * apps/kernel/.
 */
#ifndef KERNEL_INTERNAL_H
#define KERNEL_INTERNAL_H

#include <agner/gen.h>

extern const struct gen_server kernel__net_kernel;
extern const struct gen_server kernel__rex;
extern const struct gen_server kernel__global_name_server;
extern const struct gen_server kernel__user;
extern const struct gen_server kernel__logger;

/* Calls of other nodes that run at one time, of rex and of erpc each; one more
 * is refused with `system_limit`. */
#define KERNEL_CALLS_MAX 65536u

/* erpc.c: what other nodes may spawn here, from now on. AGNER_ENOMEM. */
enum agner_err kernel__erpc_provide(struct rt *rt);

/* What nobody has to hear of: unknown messages of other nodes. */
enum gen_next kernel__drop(struct gen *self, etf_term message);

#endif
