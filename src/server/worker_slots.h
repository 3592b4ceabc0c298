/* How many threads may answer questions. Each has a slot, a number below SP_SERVER_WORKER_SLOTS. */
#ifndef SP_SERVER_WORKER_SLOTS_H
#define SP_SERVER_WORKER_SLOTS_H

/* One for each of gRPC's workers, one for the threads of each HTTP server, one for Connect's, and
 * one for each thread of server/bulk.h. */
enum {
    SP_SERVER_MAX_WORKERS = 256,
    SP_SERVER_HTTP_WORKER = SP_SERVER_MAX_WORKERS,
    SP_SERVER_METRICS_WORKER,
    SP_SERVER_CONNECT_WORKER,
    SP_SERVER_BULK_WORKER,
    SP_SERVER_MAX_BULK_WORKERS = 64,
    SP_SERVER_WORKER_SLOTS = SP_SERVER_BULK_WORKER + SP_SERVER_MAX_BULK_WORKERS
};

#endif
