#include "daemon/lifecycle.h"

#include "base/log.h"
#include "daemon/process.h"

void sp_daemon_begin(const char *program, const struct sp_daemon_options *options) {
    sp_log_init(program, options->log_level);
    sp_log_set_format(options->log_format);
    sp_process_block_signals();
    sp_process_report_faults(program);
    if (!options->allow_core && sp_process_forbid_dumps() != SP_OK)
        sp_log(SP_LOG_WARNING, "cannot disable core dumps: they could reveal the keys of calls in progress");
}

void sp_daemon_set_serving(atomic_bool *ready, struct sp_rpc_server *server, bool serving) {
    atomic_store(ready, serving);
    sp_rpc_server_set_serving(server, serving);
}

void sp_daemon_stop_serving(atomic_bool *ready, struct sp_rpc_server *server) {
    sp_process_let_signals_end();
    sp_daemon_set_serving(ready, server, false);
}
