/*
 * application_mode.h -- what an end means: of a child in a list, and of an
 * application. Pure; the tables are those of gen_application.h.
 *
 * Private to behaviors/.
 */
#ifndef GEN_APPLICATION_MODE_H
#define GEN_APPLICATION_MODE_H

#include <agner/gen_application.h>

/* A child of a list has ended by itself, with others left. Does the application
 * end with it, for the same reason? */
bool gen__child_ends_list(enum gen_start_type type, etf_term reason);

/* An application that was up has ended by itself. Does the node stop?
 * `list_killed`: it is a list, and its master was killed, which is no end of a
 * child: only a permanent one stops the node then. */
bool gen__end_stops_node(enum gen_start_type type, bool list_killed,
                         etf_term reason);

#endif
