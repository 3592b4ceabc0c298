/* How long a durable change takes until a decision server answers from it: UpdateWorkspace, then a
 * Check with the revision that the reply gave. Beside it, what an fdatasync of a page costs in the
 * same folder. One JSON object.
 *
 * Usage: commit BIN_DIR WORK_DIR PORT (which uses PORT and PORT + 1) */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "histogram.h"
#include "see.h"
#include "spawn.h"
#include "world_records.h"

enum { CHANGES = 500, SYNCS = 300 };

static void measure_sync(const char *folder, struct histogram *histogram) {
    char path[512], page[4096];
    memset(page, 1, sizeof(page));
    snprintf(path, sizeof(path), "%s/sync-probe", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        see_fail("cannot create a file to sync");
    for (int i = 0; i < SYNCS; i++) {
        uint64_t began = bench_now_ns();
        if (pwrite(fd, page, sizeof(page), (i % 64) * (off_t)sizeof(page)) != (ssize_t)sizeof(page) ||
            fdatasync(fd) != 0)
            see_fail("sync failed");
        histogram_add(histogram, bench_now_ns() - began);
    }
    close(fd);
    unlink(path);
}

int main(int argc, char **argv) {
    static struct histogram syncs, changes;
    if (argc != 4)
        see_fail("usage: commit BIN_DIR WORK_DIR PORT");
    unsigned port = (unsigned)strtoul(argv[3], NULL, 10);
    char store[512], key_file[512], sync_program[512], server_program[512], key[128], listen[2][32];
    snprintf(store, sizeof(store), "%s/commit-store", argv[2]);
    snprintf(key_file, sizeof(key_file), "%s/commit-operator.key", argv[2]);
    snprintf(sync_program, sizeof(sync_program), "%s/sallyport-sync", argv[1]);
    snprintf(server_program, sizeof(server_program), "%s/sallyportd", argv[1]);
    for (unsigned i = 0; i < 2; i++)
        snprintf(listen[i], sizeof(listen[i]), "127.0.0.1:%u", port + i);
    struct world world = {.seed = 1, .keys = 1000};
    struct sp_error error;
    double seconds;
    if (world_write_store(&world, store, key_file, true, NULL, &seconds, &error) != SP_OK)
        see_fail(error.message);
    see_read_key(key_file, key);
    measure_sync(argv[2], &syncs);

    sp_rpc_global_init();
    pid_t sync =
        bench_spawn((const char *const[]){sync_program, "serve", "--store", store, "--listen", listen[0], NULL});
    pid_t server = bench_spawn((const char *const[]){server_program, "--store", store, "--listen", listen[1], NULL});
    bench_wait_serving(port, sync);
    bench_wait_serving(port + 1, server);
    struct sp_rpc_client *admin = see_connect(listen[0], key), *answering = see_connect(listen[1], "");
    struct world_question question;
    struct sp_arena arena;
    if (sp_arena_init(&arena, 1 << 16, 1 << 22) != SP_OK)
        see_fail("out of memory");
    world_ask(&world, WORLD_ALLOWED, 80, 1, &question);
    for (int i = 0; i < CHANGES; i++) {
        sp_arena_reset(&arena);
        uint64_t began = bench_now_ns();
        see_answer(answering, &arena, &question, see_change(admin, &arena, i));
        histogram_add(&changes, bench_now_ns() - began);
    }
    sp_rpc_client_close(admin);
    sp_rpc_client_close(answering);
    bench_stop(server);
    bench_stop(sync);
    sp_rpc_global_fini();
    sp_arena_fini(&arena);

    double sync_ms = (double)histogram_percentile(&syncs, 50) / 1e6,
           p99_ms = (double)histogram_percentile(&changes, 99) / 1e6;
    double goal_ms = 3 * sync_ms + 2;
    printf("{\"fdatasync_p50_ms\":%.3f,\"fdatasync_p99_ms\":%.3f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"goal_ms\":%.3f,"
           "\"ratio\":%.3f}\n",
           sync_ms, (double)histogram_percentile(&syncs, 99) / 1e6, (double)histogram_percentile(&changes, 50) / 1e6,
           p99_ms, goal_ms, p99_ms / goal_ms);
    return 0;
}
