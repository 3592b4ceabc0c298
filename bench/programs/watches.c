/* Watches of one workspace's changes as fast as they go: half of the streams stay open and read
 * what comes, the other half read the trail from its beginning, a thousand changes each time, and
 * open again. One JSON object says how much that was.
 *
 * Usage: watches TARGET KEY_FILE STREAMS SECONDS */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "see.h"
#include "spawn.h"
#include "wire/wire.h"

enum { STREAMS_MAX = 100, MESSAGES_EACH = 1000, WAIT_MS = 100 };

struct watching {
    const char *target, *key;
    uint64_t end_ns;
    _Atomic uint64_t opened, messages, refused;
};

struct watcher {
    struct watching *watching;
    pthread_t thread;
    bool stays;
};

static struct sp_bytes pack_watch_request(bool from_oldest, struct sp_arena *arena) {
    Sallyport__V1__WatchChangesRequest request = SALLYPORT__V1__WATCH_CHANGES_REQUEST__INIT;
    struct sp_bytes packed;
    request.from_oldest = from_oldest;
    if (sp_wire_pack(&request.base, arena, &packed) != SP_OK)
        see_fail("out of memory");
    return packed;
}

/* Reads one stream until it ends, has given enough, or time is up. */
static enum sp_status read_watch(struct watcher *watcher, struct sp_rpc_stream *stream, struct sp_arena *arena,
                                 struct sp_error *error) {
    enum sp_status status = sp_rpc_stream_send(stream, pack_watch_request(!watcher->stays, arena), error);
    if (status == SP_OK)
        status = sp_rpc_stream_done_sending(stream, error);
    for (unsigned i = 0; status == SP_OK && bench_now_ns() < watcher->watching->end_ns;) {
        struct sp_bytes message;
        sp_arena_reset(arena);
        status = sp_rpc_stream_receive_within(stream, WAIT_MS, arena, &message, error);
        if (status == SP_OK) {
            atomic_fetch_add(&watcher->watching->messages, 1);
            if (++i == MESSAGES_EACH && !watcher->stays)
                return SP_OK;
        } else if (status == SP_ERR_DEADLINE && watcher->stays) {
            status = SP_OK; /* nothing changed */
        }
    }
    return status;
}

static void *keep_watching(void *user) {
    struct watcher *watcher = user;
    struct watching *watching = watcher->watching;
    struct sp_arena arena;
    struct sp_rpc_client *client = see_connect(watching->target, watching->key);
    if (sp_arena_init(&arena, 1 << 16, 1 << 24) != SP_OK || !sp_rpc_client_connect(client, 5000))
        see_fail("watches: cannot connect");
    while (bench_now_ns() < watching->end_ns) {
        struct sp_rpc_stream *stream;
        struct sp_error error = {0};
        enum sp_status status = sp_rpc_stream_open(client, "/sallyport.v1.Admin/WatchChanges", &stream, &error);
        sp_arena_reset(&arena);
        if (status == SP_OK) {
            atomic_fetch_add(&watching->opened, 1);
            status = read_watch(watcher, stream, &arena, &error);
            sp_rpc_stream_close(stream);
        }
        if (status == SP_ERR_EXHAUSTED)
            atomic_fetch_add(&watching->refused, 1);
        else if (status != SP_OK && status != SP_ERR_DEADLINE && status != SP_STREAM_END)
            see_fail(error.message);
    }
    sp_rpc_client_close(client);
    sp_arena_fini(&arena);
    return NULL;
}

int main(int argc, char **argv) {
    static struct watcher watchers[STREAMS_MAX];
    char key[128];
    if (argc != 5)
        see_fail("usage: watches TARGET KEY_FILE STREAMS SECONDS");
    unsigned long streams = strtoul(argv[3], NULL, 10);
    double seconds = strtod(argv[4], NULL);
    if (streams == 0 || streams > STREAMS_MAX || !(seconds > 0 && seconds <= 3600))
        see_fail("watches: STREAMS is 1 to 100, SECONDS up to 3,600");
    see_read_key(argv[2], key);
    sp_rpc_global_init();
    struct watching watching = {.target = argv[1], .key = key, .end_ns = bench_now_ns() + (uint64_t)(seconds * 1e9)};
    for (unsigned long i = 0; i < streams; i++) {
        watchers[i] = (struct watcher){.watching = &watching, .stays = i % 2 == 0};
        if (pthread_create(&watchers[i].thread, NULL, keep_watching, &watchers[i]) != 0)
            see_fail("no thread");
    }
    for (unsigned long i = 0; i < streams; i++)
        pthread_join(watchers[i].thread, NULL);
    sp_rpc_global_fini();
    printf("{\"method\":\"WatchChanges\",\"opened\":%" PRIu64 ",\"messages\":%" PRIu64 ",\"refused\":%" PRIu64 "}\n",
           watching.opened, watching.messages, watching.refused);
    return 0;
}
