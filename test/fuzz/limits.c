/*
 * limits.c -- what one input may cost: 64 MiB of memory and 100 ms.
 *
 * The linker leads each call of a target through here. Time is the thread's
 * own, so that a busy machine makes no finding, and an input is slow only when
 * it is so twice. Memory is counted by the hooks that the sanitizers offer;
 * a build without them counts time alone.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BYTES_MAX (64u << 20)

#ifndef __has_feature
#define __has_feature(x) 0
#endif
/* A sanitizer makes code several times slower, and fresh memory far more. */
#if defined __SANITIZE_ADDRESS__ || __has_feature(address_sanitizer) || \
    __has_feature(thread_sanitizer)
#define NS_MAX 1000000000
#else
#define NS_MAX 100000000
#endif

int __real_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of the sanitizers' interface (sanitizer/allocator_interface.h). */
__attribute__((weak)) int __sanitizer_install_malloc_and_free_hooks(
    void (*malloc_hook)(const volatile void *block, size_t size),
    void (*free_hook)(const volatile void *block));
__attribute__((weak)) size_t
__sanitizer_get_allocated_size(const volatile void *block);

static int64_t held, held_max; /* bytes since the input began */

static void count_malloc(const volatile void *block, size_t size)
{
    (void)block;
    held += (int64_t)size;
    if (held > held_max)
        held_max = held;
}

static void count_free(const volatile void *block)
{
    if (block != NULL)
        held -= (int64_t)__sanitizer_get_allocated_size(block);
}

static void install(void)
{
    static bool installed;

    if (!installed && __sanitizer_install_malloc_and_free_hooks != NULL)
        (void)__sanitizer_install_malloc_and_free_hooks(count_malloc,
                                                        count_free);
    installed = true;
}

static int64_t cpu_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int64_t time_of(const uint8_t *data, size_t size)
{
    int64_t began = cpu_ns();

    (void)__real_LLVMFuzzerTestOneInput(data, size);
    return cpu_ns() - began;
}

int __wrap_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t ns;

    install();
    held = held_max = 0;
    ns = time_of(data, size);
    if (held_max > BYTES_MAX) {
        (void)fprintf(stderr, "an input of %zu bytes took %lld bytes\n", size,
                      (long long)held_max);
        abort();
    }
    if (ns > NS_MAX)
        ns = time_of(data, size);
    if (ns > NS_MAX) {
        (void)fprintf(stderr, "an input of %zu bytes took %lld ms\n", size,
                      (long long)(ns / 1000000));
        abort();
    }
    return 0;
}
