/*
 * NAME_parts.h -- what the files of NAME know of each other.
 */
#ifndef CAPS_PARTS_H
#define CAPS_PARTS_H

#include <agner/gen.h>

extern const struct gen_application NAME_application;
#ifdef SERVER
extern const struct gen_server NAME_server;
#endif
#ifdef STATEM
extern const struct gen_statem NAME_statem;
#endif
#ifdef STAGE
extern const struct gen_stage NAME_source, NAME_sink;
#endif
#ifdef SAGA
extern const struct gen_saga NAME_saga;
#endif
#ifdef SUP
extern const struct gen_supervisor NAME_sup;
#endif

#endif
