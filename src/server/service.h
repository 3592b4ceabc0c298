/* What the calls of sallyportd share, and a question answered with it. */
#ifndef SP_SERVER_SERVICE_H
#define SP_SERVER_SERVICE_H

#include "daemon/health_pages.h"
#include "daemon/metrics_listener.h"
#include "decide/check.h"
#include "server/config.h"
#include "server/ext_authz/reply.h"
#include "server/record.h"
#include "server/server_id.h"
#include "server/snapshots.h"
#include "server/usage.h"
#include "store/lmdb/view.h"
#include "store/records/head.h"

struct sp_bulk;
struct sp_connect;
struct sp_process_metrics;
struct sp_rpc_server;
struct sp_watchdog;

enum { SP_SERVER_AUTHZEN_HOST_BYTES = 256 };

struct sp_service {
    const struct sp_server_config *config;
    struct sp_callers *callers; /* roles of those who ask */
    struct sp_snapshots snapshots;
    struct sp_recorder recorder;
    struct sp_ext_authz_last_word last_word;
    atomic_bool ready; /* decisions are served; the health service reports the same */
    atomic_llong last_corrupt_log_s;
    atomic_llong last_gateway_log_s;
    struct sp_process_metrics *process;
    char server_id[SP_SERVER_ID_BYTES];
    struct sp_bulk *bulk;                /* set before the first call; valid until the last has ended */
    atomic_uint batch_item_ns;           /* what an item of a batch took lately, at most (server/batch.h) */
    const struct sp_rpc_server *rpc;     /* set before the next */
    struct sp_connect *connect;          /* set before the next, and valid until the last call has ended; NULL: none */
    struct sp_http_server *http;         /* set before its thread starts; NULL: none */
    struct sp_health_pages health_pages; /* of `http`, as the next two, which are set with it */
    const char *host_names[SP_OPTION_TEXTS_MAX + 1]; /* those of --http-host, and the next */
    char authzen_host[SP_SERVER_AUTHZEN_HOST_BYTES];
    struct sp_http_server *metrics_http;
    struct sp_metrics_listener metrics_listener;
    struct sp_watchdog *watchdog; /* set before that too */
};

/* SP_ERR_IO if the kernel provides no random bytes; SP_ERR_MEMORY. The config must outlive the
 * service. Free with sp_service_fini either way. */
enum sp_status sp_service_init(struct sp_service *service, const struct sp_server_config *config) SP_MUST_USE;

/* Opens the configured store; as sp_snapshots_open_store. */
enum sp_status sp_service_open_store(struct sp_service *service, struct sp_revision *ret_revision,
                                     struct sp_error *error) SP_MUST_USE;

/* Closes a worker's snapshot, on its thread when it ends. For sp_rpc_server_options. */
void sp_service_worker_stopping(unsigned worker, void *service);

/* Closes the store, after the workers have ended. */
void sp_service_fini(struct sp_service *service);

/* Sets the time of a question, and whether the store is stale. */
enum sp_status sp_service_complete(struct sp_service *service, struct sp_view *view,
                                   struct sp_query *query) SP_MUST_USE;

/* Completes a question and answers it. */
enum sp_status sp_service_answer(struct sp_service *service, struct sp_view *view, struct sp_query *query,
                                 struct sp_answer *ret_answer) SP_MUST_USE;

/* Puts into words why no answer could be given, and logs damage of the store (at most once a
 * second). */
void sp_service_explain_failure(struct sp_service *service, enum sp_status status, struct sp_error *error);

#endif
