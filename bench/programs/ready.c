/* How long sallyportd takes from its start to SERVING: the median of nine starts, {"ms":…}.
 *
 * Usage: ready SALLYPORTD STORE PORT */
#include <stdio.h>
#include <stdlib.h>

#include "rpc/client.h"
#include "spawn.h"

enum { STARTS = 9 };

static int compare_durations(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: ready SALLYPORTD STORE PORT\n");
        return 2;
    }
    char listen[32];
    uint64_t took[STARTS];
    unsigned port = (unsigned)strtoul(argv[3], NULL, 10);
    snprintf(listen, sizeof(listen), "127.0.0.1:%u", port);
    const char *words[] = {argv[1], "--store", argv[2], "--listen", listen, NULL};
    sp_rpc_global_init();
    for (int i = 0; i < STARTS; i++) {
        uint64_t began = bench_now_ns();
        pid_t pid = bench_spawn(words);
        bench_wait_serving(port, pid);
        took[i] = bench_now_ns() - began;
        bench_stop(pid);
    }
    sp_rpc_global_fini();
    qsort(took, STARTS, sizeof(*took), compare_durations);
    printf("{\"ms\":%.1f}\n", (double)took[STARTS / 2] / 1e6);
    return 0;
}
