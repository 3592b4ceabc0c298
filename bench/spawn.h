/* The real programs in a measurement: starting them, knowing when they serve, and what they use.
 * Loopback only. */
#ifndef BENCH_SPAWN_H
#define BENCH_SPAWN_H

#include <stdint.h>
#include <sys/types.h>

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t bench_now_ns(void);

/* Starts a program and discards its output; exits with a message if it cannot. `words` ends
 * with NULL and begins with the path. */
pid_t bench_spawn(const char *const *words);

/* Waits until the health of "127.0.0.1:port" is SERVING, at most ten seconds, polling each half
 * millisecond; exits with a message if it does not. */
void bench_wait_serving(unsigned port, pid_t pid);

/* Time on a processor of all threads of a process, in seconds, from the scheduler: finer than the
 * clock ticks of its stat. Negative: no such process. */
double bench_cpu_s(pid_t pid);

/* Anonymous memory of a process that is in RAM. Pages of the mapped store count as "private" to the
 * kernel while nobody else has them mapped, so they are left out. 0: no such process. */
uint64_t bench_private_bytes(pid_t pid);

/* SIGTERM, and waits. */
void bench_stop(pid_t pid);

#endif
