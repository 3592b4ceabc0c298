/* What the calls of sallyportd share: the store, once it is there, and each worker's snapshot. */
#ifndef SP_SERVER_SERVICE_H
#define SP_SERVER_SERVICE_H

#include <stdatomic.h>

#include "decide/check.h"
#include "decide/routes.h"
#include "rpc/server.h"
#include "server/answer.h"
#include "server/config.h"
#include "server/record.h"
#include "server/usage.h"
#include "store/records/snapshot.h"

/* One for each of gRPC's workers, and one for the thread of the HTTP server. */
enum { SP_SERVER_HTTP_WORKER = SP_SERVER_MAX_WORKERS, SP_SERVER_WORKER_SLOTS };

struct sp_callers;
struct sp_http_server;
struct sp_metrics;
struct sp_process_metrics;

/* Touched by its worker's thread only; a cache line apart. */
struct sp_server_worker {
    _Alignas(64) struct sp_snapshot *snapshot; /* NULL until the worker's first call */
    struct sp_decision_ids ids;
    struct sp_route_reader routes;
};

struct sp_service {
    const struct sp_server_config *config;
    struct sp_callers *callers;       /* roles of those who ask */
    _Atomic(struct sp_store *) store; /* NULL until it was opened */
    atomic_llong last_corrupt_log_s;
    atomic_llong last_gateway_log_s;
    struct sp_route_source *routes;
    atomic_bool ready;          /* decisions are served, as the health service says it */
    struct sp_metrics *metrics; /* a shard for each worker slot (server/metrics.h); NULL: no HTTP port shows them */
    struct sp_process_metrics *process;
    struct sp_decision_log *decision_log; /* set before the workers start; NULL: none */
    struct sp_usage_reporter *usage;      /* set before the workers start; NULL: last uses are not gathered */
    char server_id[SP_SERVER_ID_BYTES];
    const struct sp_rpc_server *rpc; /* set before the next */
    struct sp_http_server *http;     /* set before its thread starts; NULL: none */
    struct sp_server_worker workers[SP_SERVER_WORKER_SLOTS];
};

/* SP_ERR_IO where the kernel gives no random bytes; SP_ERR_MEMORY. The config must outlive the service. */
enum sp_status sp_service_init(struct sp_service *service, const struct sp_server_config *config) SP_MUST_USE;

/* Opens the store and proves that it holds a revision. SP_ERR_NOT_FOUND: none there yet. */
enum sp_status sp_service_open_store(struct sp_service *service, struct sp_revision *ret_revision,
                                     struct sp_error *error) SP_MUST_USE;

/* Closes a worker's snapshot, on its thread when it ends. For sp_rpc_server_options. */
void sp_service_worker_stopping(unsigned worker, void *service);

/* Closes the store, after the workers have ended. */
void sp_service_fini(struct sp_service *service);

/* Begins to read the newest revision, on the thread of the worker slot. UNAVAILABLE while the store is not open. */
enum sp_status sp_service_acquire(struct sp_service *service, unsigned worker, struct sp_snapshot **ret_snapshot,
                                  struct sp_error *error) SP_MUST_USE;

/* Answers a question that was read; fills in the time and how stale the store is. */
enum sp_status sp_service_answer(struct sp_service *service, struct sp_view *view, struct sp_query *query,
                                 struct sp_answer *ret_answer) SP_MUST_USE;

/* Fills in time and staleness only, for explanations. */
enum sp_status sp_service_complete(struct sp_service *service, struct sp_view *view,
                                   struct sp_query *query) SP_MUST_USE;

/* The schema's routes at the view's revision, on the thread of the worker slot (decide/routes.h). */
enum sp_status sp_service_routes(struct sp_service *service, unsigned worker, struct sp_view *view,
                                 const struct sp_routes **ret_routes) SP_MUST_USE;

/* Says why no answer could be given, and logs damage of the store (at most once a second). */
void sp_service_explain_failure(struct sp_service *service, enum sp_status status, struct sp_error *error);

/* CheckStream (stream.c). */
extern const struct sp_rpc_stream_ops sp_check_stream;

/* ListResources and ListSubjects (list.c). */
extern const struct sp_rpc_stream_ops sp_list_resources_stream, sp_list_subjects_stream;

/* The methods, for sp_rpc_server_open (calls.c). */
enum { SP_SERVER_METHODS = 7 };
void sp_service_methods(struct sp_service *service, struct sp_rpc_method ret_methods[static SP_SERVER_METHODS]);

#endif
