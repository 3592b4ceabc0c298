#include "daemon/lifecycle.h"

#include "base/log.h"
#include "daemon/event_log.h"
#include "daemon/process.h"
#include "observe/line_log.h"

/* A process has one log. */
static struct sp_line_log *program_log;

static void put_log_line(void *user, const char *line, size_t size) {
    sp_line_log_put(user, line, size);
}

static void start_program_log(void) {
    struct sp_error error = {0};
    if (sp_line_log_open(NULL, &program_log, &error) == SP_OK)
        sp_log_set_sink(put_log_line, program_log);
    else
        sp_log(SP_LOG_WARNING, "log lines may hold up calls for up to a second: %s", error.message);
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

void sp_daemon_end(void) {
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

void sp_daemon_stop_serving(atomic_bool *ready, struct sp_rpc_server *server) {
    sp_process_let_signals_end();
    sp_daemon_set_serving(ready, server, false);
}
