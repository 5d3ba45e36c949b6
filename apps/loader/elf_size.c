/*
 * elf_size.c -- compares what an object's headers promise with the file's size.
 *
 * Reads the header and the table of segments, and trusts neither: every sum is
 * checked against the size of the file without overflow.
 */
#include "elf_size.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Are `size` bytes from `offset` on outside of a file of `all` bytes? */
static bool is_outside(ElfW(Off) offset, uint64_t size, uint64_t all)
{
    return offset > all || size > all - offset;
}

static bool is_native(const ElfW(Ehdr) * header)
{
    return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
           header->e_ident[EI_CLASS] ==
               (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) &&
           header->e_phentsize == sizeof(ElfW(Phdr));
}

static bool ends_inside(int fd, uint64_t all)
{
    ElfW(Ehdr) header;
    ElfW(Phdr) segment;

    if (pread(fd, &header, sizeof header, 0) != (ssize_t)sizeof header ||
        !is_native(&header))
        return false;
    if (is_outside(header.e_phoff, header.e_phnum * sizeof segment, all))
        return true;
    for (unsigned i = 0; i < header.e_phnum; i++) {
        off_t at = (off_t)(header.e_phoff + i * sizeof segment);

        if (pread(fd, &segment, sizeof segment, at) != (ssize_t)sizeof segment)
            return true;
        if (is_outside(segment.p_offset, segment.p_filesz, all))
            return true;
    }
    return false;
}

bool apps__elf_cut_short(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    bool cut;

    if (fd < 0)
        return false;
    cut = fstat(fd, &st) == 0 && ends_inside(fd, (uint64_t)st.st_size);
    (void)close(fd);
    return cut;
}
