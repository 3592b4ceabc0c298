/* From an accepted change at one admin endpoint to the answers of servers elsewhere:
 * UpdateWorkspace, and as soon as its reply is there a Check at its revision at every server at
 * once. One JSON object, over all servers.
 *
 * Usage: propagation CHANGES KEY_FILE ADMIN SERVER... (each host:port; the world has 1,000 keys of
 * seed 1) */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "histogram.h"
#include "see.h"
#include "spawn.h"

enum { SERVERS_MAX = 64, PAUSE_NS = 2000000 };

/* All servers wait for the same change, and then for all to have seen it. */
struct meeting {
    pthread_barrier_t changed, seen;
    uint64_t accepted_ns;
    Sallyport__V1__Revision revision;
    int changes;
};

struct seer {
    struct meeting *meeting;
    pthread_t thread;
    struct sp_rpc_client *server;
    struct histogram histogram;
};

static void *time_change(void *user) {
    struct seer *seer = user;
    struct meeting *meeting = seer->meeting;
    struct world world = {.seed = 1, .keys = 1000};
    struct world_question question;
    struct sp_arena arena;
    if (sp_arena_init(&arena, 1 << 16, 1 << 22) != SP_OK)
        see_fail("out of memory");
    world_ask(&world, WORLD_ALLOWED, 80, 1, &question);
    for (int i = 0; i < meeting->changes; i++) {
        sp_arena_reset(&arena);
        pthread_barrier_wait(&meeting->changed);
        Sallyport__V1__Revision revision = meeting->revision;
        see_answer(seer->server, &arena, &question, &revision);
        histogram_add(&seer->histogram, bench_now_ns() - meeting->accepted_ns);
        pthread_barrier_wait(&meeting->seen);
    }
    sp_arena_fini(&arena);
    return NULL;
}

static void make_changes(struct meeting *meeting, struct sp_rpc_client *admin, struct histogram *accepted) {
    struct sp_arena arena;
    if (sp_arena_init(&arena, 1 << 16, 1 << 22) != SP_OK)
        see_fail("out of memory");
    for (int i = 0; i < meeting->changes; i++) {
        sp_arena_reset(&arena);
        uint64_t began_ns = bench_now_ns();
        meeting->revision = *see_change(admin, &arena, i);
        meeting->accepted_ns = bench_now_ns();
        histogram_add(accepted, meeting->accepted_ns - began_ns);
        pthread_barrier_wait(&meeting->changed);
        pthread_barrier_wait(&meeting->seen);
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    }
    sp_arena_fini(&arena);
}

int main(int argc, char **argv) {
    static struct histogram accepted, seen;
    static struct seer seers[SERVERS_MAX];
    char key[128];
    if (argc < 5 || argc - 4 > SERVERS_MAX)
        see_fail("usage: propagation CHANGES KEY_FILE ADMIN SERVER...");
    unsigned servers = (unsigned)argc - 4;
    struct meeting meeting = {.changes = (int)strtol(argv[1], NULL, 10)};
    see_read_key(argv[2], key);
    sp_rpc_global_init();
    struct sp_rpc_client *admin = see_connect(argv[3], key);
    pthread_barrier_init(&meeting.changed, NULL, servers + 1);
    pthread_barrier_init(&meeting.seen, NULL, servers + 1);
    for (unsigned i = 0; i < servers; i++) {
        seers[i].meeting = &meeting;
        seers[i].server = see_connect(argv[4 + i], "");
        if (pthread_create(&seers[i].thread, NULL, time_change, &seers[i]) != 0)
            see_fail("no thread");
    }
    make_changes(&meeting, admin, &accepted);
    for (unsigned i = 0; i < servers; i++) {
        pthread_join(seers[i].thread, NULL);
        histogram_merge(&seen, &seers[i].histogram);
        sp_rpc_client_close(seers[i].server);
    }
    sp_rpc_client_close(admin);
    sp_rpc_global_fini();
    printf("{\"servers\":%u,\"changes\":%d,\"accepted_p50_ms\":%.3f,\"accepted_p99_ms\":%.3f,\"seen_p50_ms\":%.3f,"
           "\"seen_p99_ms\":%.3f}\n",
           servers, meeting.changes, (double)histogram_percentile(&accepted, 50) / 1e6,
           (double)histogram_percentile(&accepted, 99) / 1e6, (double)histogram_percentile(&seen, 50) / 1e6,
           (double)histogram_percentile(&seen, 99) / 1e6);
    return 0;
}
