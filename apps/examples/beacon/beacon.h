/*
 * beacon.h -- a service that says something now and then, for the example and
 * its test.
 */
#ifndef BEACON_H
#define BEACON_H

#include <agner/gen.h>

extern const struct gen_service_spec beacon;

#endif
