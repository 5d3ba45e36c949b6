/*
 * template.h -- the texts of a new project, made from the files of templates/.
 */
#ifndef AGNER_TEMPLATE_H
#define AGNER_TEMPLATE_H

#include <agner/etf.h>

/* What a project has; bits of a set. */
enum template_part {
    TEMPLATE_SERVER = 1,
    TEMPLATE_SUP = 2,
    TEMPLATE_STATEM = 4,
    TEMPLATE_STAGE = 8,
    TEMPLATE_SAGA = 16,
};

/*
 * Appends `text` to `out` as the project `name` has it: NAME is its name, CAPS
 * the same in capitals, wherever they are no part of a longer word in capitals;
 * and what stands between `#ifdef SERVER` (SUP, STATEM and so on; or
 * `#ifndef`), `#else` and `#endif` is left out when `parts` has it so. These
 * lines are gone; those of other words stay. AGNER_ENOMEM; AGNER_EMALFORMED:
 * lines that do not match, or are nested over 8 deep.
 */
enum agner_err template_expand(struct etf_buffer *out, const char *text,
                               const char *name, unsigned parts);

/* Why `name` cannot be a project's, or NULL when it can: it becomes a part of
 * names in C and of file names, and an atom. */
const char *template_refuses(const char *name);

#endif
