/*
 * env.h -- environments, as the rest of runtime/ needs them.
 */
#ifndef RT_ENV_H
#define RT_ENV_H

#include <agner/rt.h>

/*
 * Lays the map `high`, a user's, over the map `low`; either may be none.
 * Returns new in *box, NULL for an empty one. AGNER_EINVAL (no map, or a key
 * that users may not have), AGNER_ENOMEM.
 */
enum agner_err rt__env_overlay(etf_term low, etf_term high,
                               struct etf_box **box);

enum agner_err rt__env_init(struct rt *rt);
void rt__env_fini(struct rt *rt);

#endif
