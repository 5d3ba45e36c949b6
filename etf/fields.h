/*
 * fields.h -- field tables: what both directions need. Private to etf/.
 */
#ifndef ETF_FIELDS_H
#define ETF_FIELDS_H

#include "etf_door.h"

/* Structs in structs in a table. A table of a real struct is finite; one that
 * names itself by mistake ends here. */
#define ETF__FIELDS_DEPTH_MAX 16u

/* Has the member the size that its type needs, or any if that is free? */
bool etf__field_fits(const struct etf_field *field);

#endif
