/*
 * kernel.h -- the application `kernel`. Private to apps/.
 */
#ifndef AGNER_KERNEL_H
#define AGNER_KERNEL_H

#include <agner/gen.h>

extern const struct gen_application kernel_application;

#endif
