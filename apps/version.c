/*
 * version.c -- which version this is: meson.build's.
 */
#include "agner_apps.h"

const char *apps_version(void)
{
    return AGNER_VERSION;
}
