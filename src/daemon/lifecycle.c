#include "daemon/lifecycle.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/event_log.h"
#include "daemon/process.h"
#include "daemon/tls_refusals.h"
#include "observe/line_log.h"

/* A process has one log. */
static struct sp_line_log *program_log;

static void put_log_line(void *user, const char *line, size_t size) {
    sp_line_log_put(user, 0, line, size);
}

static void start_program_log(void) {
    struct sp_error error = {0};
    if (sp_line_log_open(NULL, 1, &program_log, &error) == SP_OK)
        sp_log_set_sink(put_log_line, program_log);
    else
        sp_log(SP_LOG_WARNING,
               "log lines are written without a buffer, so a slow stderr may delay calls by up to a second: %s",
               error.message);
}

void sp_daemon_begin(const char *program, const struct sp_daemon_options *options) {
    sp_log_init(program, options->log_level);
    sp_log_set_format(options->log_format);
    sp_process_block_signals();
    sp_process_report_faults(program);
    start_program_log();
    if (!options->allow_core && sp_process_forbid_dumps() != SP_OK)
        sp_log(SP_LOG_WARNING, "cannot disable core dumps: they could reveal the keys of calls in progress");
}

void sp_daemon_log_unknown_variables(const struct sp_unknown_variables *unknown) {
    for (size_t i = 0; i < unknown->count; i++)
        sp_log(SP_LOG_WARNING, "%s", unknown->messages[i]);
}

void sp_daemon_end(void) {
    sp_daemon_tell_tls_refusals(INT64_MAX);
    sp_event_log_close();
    sp_log_set_sink(NULL, NULL);
    sp_line_log_close(program_log);
    program_log = NULL;
}

static void observe_program_log(struct sp_observed_process *ret_process) {
    ret_process->log_lines = sp_line_log_written(program_log);
    ret_process->log_dropped = sp_line_log_dropped(program_log);
}

void sp_daemon_observe(struct sp_observed_process *ret_process) {
    struct sp_events_stats events = {0};
    *ret_process = (struct sp_observed_process){0};
    if (program_log != NULL)
        observe_program_log(ret_process);
    ret_process->has_events = sp_event_log_read_stats(&events);
    ret_process->events_written = events.written;
    ret_process->events_dropped = events.dropped;
    ret_process->events_suppressed = events.suppressed;
}

void sp_daemon_set_serving(atomic_bool *ready, struct sp_rpc_server *server, bool serving) {
    atomic_store(ready, serving);
    sp_rpc_server_set_serving(server, serving);
}

/* ---- stopping ---- */

static uint64_t stop_limit_ms;

/* A thread of its own, which waits for nothing: what holds up the others may be a disk. */
static void *end_overdue_process(void *user) {
    enum { LAST_WORD_MS = 200 };
    (void)user;
    sp_clock_sleep_ms(stop_limit_ms);
    sp_log(SP_LOG_ERROR, "shutdown took longer than %" PRIu64 " ms: exiting now", stop_limit_ms);
    sp_clock_sleep_ms(LAST_WORD_MS);
    _exit(EXIT_FAILURE);
}

static void limit_stop(const struct sp_daemon_options *options) {
    pthread_attr_t attributes;
    pthread_t thread;
    stop_limit_ms = options->quiet_ms + options->drain_ms + SP_DAEMON_OVERTIME_MS;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int failed = pthread_create(&thread, &attributes, end_overdue_process, NULL);
    if (failed != 0)
        sp_log(SP_LOG_WARNING, "cannot limit how long shutdown takes: %s", strerror(failed));
    pthread_attr_destroy(&attributes);
}

void sp_daemon_stop_serving(const struct sp_daemon_options *options, atomic_bool *ready, struct sp_rpc_server *server) {
    sp_log(SP_LOG_INFO,
           "stopping: new requests are answered for %" PRIu64 " ms more, then calls and connections have %" PRIu64
           " ms to finish; a second signal ends the process at once",
           options->quiet_ms, options->drain_ms);
    sp_process_let_signals_end();
    limit_stop(options);
    sp_daemon_set_serving(ready, server, false);
    sp_clock_sleep_ms(options->quiet_ms);
}

int sp_daemon_exit_status(enum sp_status status) {
    if (status == SP_OK)
        return EXIT_SUCCESS;
    return status == SP_ERR_INVALID ? SP_EXIT_USAGE : EXIT_FAILURE;
}
