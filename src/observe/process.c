#include "observe/process.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum row {
    BUILD_INFO,
    STORE_EPOCH,
    STORE_REVISION,
    STORE_MAP_BYTES,
    STORE_USED_BYTES,
    STORE_READERS,
    STORE_READERS_MAX,
    CPU_SECONDS,
    RESIDENT_BYTES,
    VIRTUAL_BYTES,
    OPEN_FDS,
    MAX_FDS,
    START_TIME,
    LOG_LINES,
    LOG_DROPPED,
    EVENTS_WRITTEN,
    EVENTS_DROPPED,
    EVENTS_SUPPRESSED,
    STUCK_THREADS,
    ROWS
};

struct sp_process_metrics {
    struct sp_metrics *metrics;
    double started_s;
};

/* A process has one name. */
static const char *program_name = "sallyport";

const char *sp_version(void) {
    return SP_VERSION;
}

static size_t build_labels(unsigned series, struct sp_metric_label ret_labels[static SP_METRIC_MAX_LABELS]) {
    (void)series;
    ret_labels[0] = (struct sp_metric_label){"program", program_name};
    ret_labels[1] = (struct sp_metric_label){"version", SP_VERSION};
    return 2;
}

static const struct sp_metric table[ROWS] = {
    [BUILD_INFO] = {.name = "sallyport_build_info",
                    .help = "Always 1; the labels are the program and its version.",
                    .kind = SP_METRIC_GAUGE,
                    .series = 1,
                    .labels = build_labels},
    [STORE_EPOCH] = {.name = "sallyport_store_epoch",
                     .help = "Epoch of the store's revision; a restore or a migration begins a new one.",
                     .kind = SP_METRIC_GAUGE},
    [STORE_REVISION] = {.name = "sallyport_store_revision",
                        .help = "Number of the store's newest revision; grows with every committed change of policy.",
                        .kind = SP_METRIC_GAUGE},
    [STORE_MAP_BYTES] = {.name = "sallyport_store_map_bytes",
                         .help = "Size that the store may grow to (--map-size of sallyport-sync).",
                         .kind = SP_METRIC_GAUGE},
    [STORE_USED_BYTES] = {.name = "sallyport_store_used_bytes",
                          .help = "Size of the store's data file, including free pages.",
                          .kind = SP_METRIC_GAUGE},
    [STORE_READERS] = {.name = "sallyport_store_readers",
                       .help = "Reader slots of the store in use, over all processes.",
                       .kind = SP_METRIC_GAUGE},
    [STORE_READERS_MAX] = {.name = "sallyport_store_readers_max",
                           .help = "Reader slots that the store has.",
                           .kind = SP_METRIC_GAUGE},
    [CPU_SECONDS] = {.name = "process_cpu_seconds_total",
                     .help = "User and system CPU time of the process.",
                     .kind = SP_METRIC_GATHERED_COUNTER},
    [RESIDENT_BYTES] = {.name = "process_resident_memory_bytes",
                        .help = "Resident memory, including the mapped pages of the store.",
                        .kind = SP_METRIC_GAUGE},
    [VIRTUAL_BYTES] = {.name = "process_virtual_memory_bytes",
                       .help = "Virtual memory, including the map of the store.",
                       .kind = SP_METRIC_GAUGE},
    [OPEN_FDS] = {.name = "process_open_fds", .help = "Open file descriptors.", .kind = SP_METRIC_GAUGE},
    [MAX_FDS] = {.name = "process_max_fds",
                 .help = "File descriptors that the process may open.",
                 .kind = SP_METRIC_GAUGE},
    [START_TIME] = {.name = "process_start_time_seconds",
                    .help = "When the process started, in seconds since 1970.",
                    .kind = SP_METRIC_GAUGE},
    [LOG_LINES] = {.name = "sallyport_log_lines_total",
                   .help = "Lines of the program's log written to stderr.",
                   .kind = SP_METRIC_GATHERED_COUNTER},
    [LOG_DROPPED] = {.name = "sallyport_log_dropped_total",
                     .help = "Lines missing from the program's log because stderr is not read fast enough or cannot be "
                             "written. Alert if it grows.",
                     .kind = SP_METRIC_GATHERED_COUNTER},
    [EVENTS_WRITTEN] = {.name = "sallyport_events_total",
                        .help = "Security events written to --event-log; missing without one.",
                        .kind = SP_METRIC_GATHERED_COUNTER},
    [EVENTS_DROPPED] = {.name = "sallyport_events_dropped_total",
                        .help = "Security events missing because there was no room or they could not be written; "
                                "missing without --event-log. Alert if it grows.",
                        .kind = SP_METRIC_GATHERED_COUNTER},
    [EVENTS_SUPPRESSED] = {.name = "sallyport_events_suppressed_total",
                           .help = "Security events left out because one source caused too many of a class; missing "
                                   "without --event-log.",
                           .kind = SP_METRIC_GATHERED_COUNTER},
    [STUCK_THREADS] = {.name = "sallyport_stuck_threads",
                       .help = "Threads that have been stuck for longer than --stuck-after: liveness probes fail, and "
                               "the log names them. Alert if above 0.",
                       .kind = SP_METRIC_GAUGE},
};

enum sp_status sp_process_metrics_create(const char *program, struct sp_process_metrics **ret_metrics) {
    struct sp_process_metrics *process = calloc(1, sizeof(*process));
    if (process == NULL || sp_metrics_create(table, ROWS, 1, &process->metrics) != SP_OK) {
        free(process);
        return SP_ERR_MEMORY;
    }
    program_name = program;
    const struct timespec now = sp_clock_now();
    process->started_s = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    sp_metrics_set(process->metrics, BUILD_INFO, 0, 1);
    sp_metrics_set(process->metrics, START_TIME, 0, process->started_s);
    *ret_metrics = process;
    return SP_OK;
}

void sp_process_metrics_free(struct sp_process_metrics *metrics) {
    if (metrics == NULL)
        return;
    sp_metrics_free(metrics->metrics);
    free(metrics);
}

static void gather_store(struct sp_metrics *metrics, const struct sp_observed_store *store) {
    const double values[] = {(double)store->epoch,      (double)store->revision, (double)store->map_bytes,
                             (double)store->used_bytes, (double)store->readers,  (double)store->max_readers};
    for (unsigned i = 0; i < sizeof(values) / sizeof(*values); i++)
        sp_metrics_set(metrics, STORE_EPOCH + i, 0, store->open ? values[i] : (double)NAN);
}

/* False if /proc is missing or too many files are open to open one more. */
static bool read_memory(double *ret_virtual, double *ret_resident) {
    char text[128];
    unsigned long long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return false;
    bool read = fgets(text, sizeof(text), file) != NULL;
    (void)fclose(file);
    if (!read)
        return false;
    char *end = text;
    pages = strtoull(text, &end, 10);
    resident = strtoull(end, NULL, 10);
    *ret_virtual = (double)pages * (double)sysconf(_SC_PAGESIZE);
    *ret_resident = (double)resident * (double)sysconf(_SC_PAGESIZE);
    return true;
}

static double count_fds(void) {
    DIR *folder = opendir("/proc/self/fd");
    double count = -1; /* the folder's own */
    if (folder == NULL)
        return (double)NAN;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) /* NOLINT: own folder */
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static double seconds_of(struct timeval time) {
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void gather_observed(struct sp_metrics *metrics, const struct sp_observed_process *process) {
    sp_metrics_set(metrics, LOG_LINES, 0, (double)process->log_lines);
    sp_metrics_set(metrics, LOG_DROPPED, 0, (double)process->log_dropped);
    double missing = process->has_events ? 0 : (double)NAN;
    sp_metrics_set(metrics, EVENTS_WRITTEN, 0, missing + (double)process->events_written);
    sp_metrics_set(metrics, EVENTS_DROPPED, 0, missing + (double)process->events_dropped);
    sp_metrics_set(metrics, EVENTS_SUPPRESSED, 0, missing + (double)process->events_suppressed);
    sp_metrics_set(metrics, STUCK_THREADS, 0, (double)process->stuck_threads);
}

static void gather_process(struct sp_metrics *metrics) {
    struct rusage usage;
    struct rlimit limit;
    double virtual_bytes = (double)NAN, resident_bytes = (double)NAN;
    bool known = getrusage(RUSAGE_SELF, &usage) == 0;
    sp_metrics_set(metrics, CPU_SECONDS, 0,
                   known ? seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime) : (double)NAN);
    known = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
    sp_metrics_set(metrics, MAX_FDS, 0, known ? (double)limit.rlim_cur : (double)NAN);
    sp_metrics_set(metrics, OPEN_FDS, 0, count_fds());
    (void)read_memory(&virtual_bytes, &resident_bytes);
    sp_metrics_set(metrics, VIRTUAL_BYTES, 0, virtual_bytes);
    sp_metrics_set(metrics, RESIDENT_BYTES, 0, resident_bytes);
}

void sp_process_metrics_write(struct sp_process_metrics *metrics, const struct sp_observed_store *store,
                              const struct sp_observed_process *process, struct sp_text_out *out) {
    gather_store(metrics->metrics, store);
    gather_process(metrics->metrics);
    gather_observed(metrics->metrics, process);
    sp_metrics_write(metrics->metrics, out);
}
