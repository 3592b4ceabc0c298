/* How long a disk takes to make a page durable, at a steady rate: what any commit to it takes at
 * least. One JSON object.
 *
 * Usage: syncs FILE COUNT RATE
 *
 * Overwrites the first 4 KiB of FILE, which it creates if need be, and calls fdatasync: COUNT
 * times, RATE a second. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "pace.h"
#include "see.h"
#include "spawn.h"

enum { PAGE_BYTES = 4096 };

int main(int argc, char **argv) {
    static struct histogram latency;
    static char page[PAGE_BYTES];
    if (argc != 4)
        see_fail("usage: syncs FILE COUNT RATE");
    uint64_t count = strtoull(argv[2], NULL, 10);
    double interval_ns = 1e9 / strtod(argv[3], NULL);
    if (count == 0 || !(interval_ns >= 1 && interval_ns <= 1e11))
        see_fail("syncs: COUNT must be above 0, and RATE from 0.01 a second");
    int fd = open(argv[1], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        see_fail("syncs: cannot open the file");
    uint64_t begin_ns = bench_now_ns();
    for (uint64_t i = 0; i < count; i++) {
        pace_wait_until(begin_ns + (uint64_t)((double)i * interval_ns));
        uint64_t from_ns = bench_now_ns();
        page[0]++;
        if (pwrite(fd, page, sizeof(page), 0) != (ssize_t)sizeof(page) || fdatasync(fd) != 0)
            see_fail("syncs: cannot write the file");
        histogram_add(&latency, bench_now_ns() - from_ns);
    }
    pace_print("fdatasync", &latency, count);
    close(fd);
    return 0;
}
