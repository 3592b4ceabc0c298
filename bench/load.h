/* Load on a sallyportd, or changes through a sallyport-sync, in a closed loop (a fixed number of
 * calls in flight) or open loop (a fixed rate, with latency counted from the time that a call was
 * meant to be sent, so that a stall shows in full). Every answer is compared with the expected
 * one. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <sys/types.h>

#include "admin_calls.h"
#include "base/bytes.h"
#include "base/status.h"
#include "histogram.h"
#include "rpc/client.h"
#include "world.h"

struct load_options {
    const char *target;
    struct sp_rpc_client_tls tls;
    struct world world;
    uint64_t first_key;                  /* only keys from this one on are asked about */
    const struct admin_call *admin_call; /* instead of asking, this is called at a sallyport-sync; NULL: ask */
    struct sp_str admin_key;             /* for such calls */
    bool allow_refused;                  /* RESOURCE_EXHAUSTED is no error: those calls are counted apart */
    unsigned weights[WORLD_OUTCOMES];    /* the mix: how often each outcome is asked for */
    double zipf;                         /* exponent, 0 for uniform */
    unsigned batch;                      /* items a call or message; 1: Check, more: CheckBatch */
    unsigned streams;                    /* of each thread, for CheckStream; 0: unary calls */
    bool gateway;                        /* ask as Envoy does, through its external authorization */
    unsigned gateway_headers;            /* headers of such a request, besides the usual three */
    bool unverified;                     /* answers are ignored, for servers that only echo */
    bool wait_for_ready;                 /* unary calls wait for a connection instead of failing without one */
    bool one_credential;                 /* all items of a batch ask with one key */
    unsigned threads;
    unsigned connections; /* of each thread */
    unsigned in_flight;   /* of each thread */
    double rate;          /* calls a second over all threads; 0: closed loop */
    double warmup_s;
    double duration_s;
    pid_t server_pid; /* whose CPU is read; 0: unknown */
    bool progress;    /* a line on stderr that is rewritten each second */
};

struct load_result {
    struct histogram latency; /* of calls */
    uint64_t calls;
    uint64_t decisions;
    uint64_t errors;  /* calls without an answer */
    uint64_t refused; /* calls beyond `calls` that were answered RESOURCE_EXHAUSTED, if that is allowed */
    uint64_t wrong;   /* decisions other than expected */
    double elapsed_s;
    double server_cpu_s;           /* user and system, while measuring; negative: unknown */
    uint64_t server_private_bytes; /* at the end, with all connections open; 0: unknown */
    struct sp_error first_error;
};

/* Runs it: warm-up, then the measured time. SP_ERR_INVALID, SP_ERR_UNAVAILABLE if no call of the
 * warm-up was answered. */
enum sp_status load_run(const struct load_options *options, struct load_result *ret_result,
                        struct sp_error *error) SP_MUST_USE;

#endif
