/*
 * world_os.h -- what the real world needs and POSIX does not have.
 *
 * Private to runtime/. Two fillings: world_os_linux.c, and world_os_posix.c for
 * every other system; the build chooses. All functions may be called from any
 * thread.
 */
#ifndef WORLD_OS_H
#define WORLD_OS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Sleeps while *word == seen, until `deadline_ns` of CLOCK_MONOTONIC (RT_NEVER:
 * without end). May return early. The comparison and the start of the sleep are
 * one step as seen from rt__os_wake(): who stores to the word and then wakes is
 * never missed.
 */
void rt__os_wait(_Atomic uint32_t *word, uint32_t seen, uint64_t deadline_ns);

/* Ends the sleep of up to `count` threads that wait on `word`; more may wake.
 */
void rt__os_wake(_Atomic uint32_t *word, uint32_t count);

/* Fills `bytes` with what the kernel's generator gives. false: it refuses. */
bool rt__os_random(void *bytes, size_t size);

/* The kernel's number of the calling thread; 0 where there is none. */
uint64_t rt__os_thread_id(void);

/* Names the calling thread, for debuggers; cut to what the system takes. */
void rt__os_thread_name(const char *name);

/* The calling thread's sleeps end when they are to, as far as the system can.
 */
void rt__os_thread_punctual(void);

/* A socket, and one end of an incoming connection, both closed by exec and not
 * blocking. The descriptor, or -1 with errno set. */
int rt__os_socket(int domain);
int rt__os_accept(int listener);

/* The user at the other end of a connected UNIX socket, or -1. */
int64_t rt__os_peer_uid(int socket);

/* Bytes of memory that the program has now, and that it may have: the
 * machine's, or what its control group allows. 0: not known. */
void rt__os_memory(uint64_t *used, uint64_t *room);

/* Gives free memory of the allocator back to the system, if it can. */
void rt__os_memory_trim(void);

/* The round trip of a TCP connection in microseconds, or -1: not known. */
int64_t rt__os_rtt_us(int socket);

#endif
