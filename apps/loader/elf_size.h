/*
 * elf_size.h -- is an object file cut short?
 *
 * Private to apps/loader. The system's loader maps segments without a look at
 * the size of the file, and touching what is not there ends the program with
 * SIGBUS (B-SO-1).
 */
#ifndef AGNER_ELF_SIZE_H
#define AGNER_ELF_SIZE_H

#include <stdbool.h>

/*
 * Does the file at `path` end inside a segment that its own headers promise?
 * False also for what cannot be read or is no ELF file of this machine's word
 * size: the loader refuses that itself, and says why.
 */
bool apps__elf_cut_short(const char *path);

#endif
