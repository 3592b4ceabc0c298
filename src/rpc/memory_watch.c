#include "rpc/memory_watch.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"

enum {
    BASE_BYTES = 32 * 1024 * 1024,  /* of a server without connections, at least */
    BYTES_A_CONNECTION = 64 * 1024, /* of one that is idle: the engine's, and TLS */
    READ_EVERY_MS = 1000,
    MOST_LEARNED_BYTES = 64 * 1024, /* in five readings, while it is not quiet: 45 MiB an hour */
    TRIM_EVERY_MS = 250,
};

/* The sanitizers' own memory is many times the program's, and grows as they please. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANITIZED false
#endif

void sp_rpc_memory_watch_init(struct memory_watch *watch, size_t request_memory_bytes) {
    *watch = (struct memory_watch){.statm_fd = SANITIZED ? -1 : open("/proc/self/statm", O_RDONLY | O_CLOEXEC),
                                   .request_memory_bytes = request_memory_bytes};
}

void sp_rpc_memory_watch_fini(struct memory_watch *watch) {
    if (watch->statm_fd >= 0)
        close(watch->statm_fd);
    watch->statm_fd = -1;
}

/* The process's own, without mapped files. 0: not known. */
static size_t read_private_bytes(const struct memory_watch *watch) {
    char text[128];
    ssize_t size = pread(watch->statm_fd, text, sizeof(text) - 1, 0);
    if (size <= 0)
        return 0;
    text[size] = '\0';
    char *at = strchr(text, ' ');
    if (at == NULL)
        return 0;
    unsigned long resident = strtoul(at, &at, 10);
    unsigned long shared = strtoul(at, &at, 10);
    return resident <= shared ? 0 : (resident - shared) * (size_t)sysconf(_SC_PAGESIZE);
}

/* Without arenas, which come and go. */
static size_t read_engine_bytes(const struct memory_watch *watch) {
    size_t private_bytes = read_private_bytes(watch), arenas = sp_arena_large_bytes();
    return private_bytes < arenas ? 0 : private_bytes - arenas;
}

/* The least of the last readings, so that what is freed late does not count. */
static size_t find_quiet_bytes(const struct memory_watch *watch) {
    unsigned count = watch->readings < MEMORY_WATCH_READINGS ? watch->readings : MEMORY_WATCH_READINGS;
    size_t least = count == 0 ? 0 : SIZE_MAX;
    for (unsigned i = 0; i < count; i++)
        if (watch->quiet_bytes[i] < least)
            least = watch->quiet_bytes[i];
    return least < BASE_BYTES ? BASE_BYTES : least;
}

void sp_rpc_memory_watch_rest(struct memory_watch *watch, bool quiet, int64_t now_ms) {
    if (now_ms < watch->next_reading_ms)
        return;
    size_t reading = read_engine_bytes(watch), most = find_quiet_bytes(watch) + MOST_LEARNED_BYTES;
    watch->quiet_bytes[watch->readings++ % MEMORY_WATCH_READINGS] = quiet || reading < most ? reading : most;
    watch->next_reading_ms = now_ms + READ_EVERY_MS;
}

bool sp_rpc_memory_watch_is_short(const struct memory_watch *watch, size_t connections) {
    size_t expected = find_quiet_bytes(watch) + watch->request_memory_bytes + connections * (size_t)BYTES_A_CONNECTION;
    return read_engine_bytes(watch) > expected;
}

void sp_rpc_memory_watch_trim(struct memory_watch *watch, int64_t now_ms) {
    if (now_ms < watch->next_trim_ms)
        return;
    malloc_trim(0);
    watch->next_trim_ms = now_ms + TRIM_EVERY_MS;
}
