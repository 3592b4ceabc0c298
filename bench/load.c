#include "load.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "exchange.h"
#include "rpc/client.h"
#include "spawn.h"
#include "transport.h"

/* What all threads share. */
struct run {
    const struct load_options *options;
    _Atomic uint64_t calls; /* for the progress line */
    uint64_t begin_ns, measure_ns, end_ns;
};

/* A call in flight. */
struct flight {
    uint64_t meant_ns; /* when it was (to be) sent */
    struct expectation expectation;
};

struct thread {
    struct run *run;
    pthread_t handle;
    unsigned number;
    struct transport transport;
    struct sp_arena arena;
    struct traffic traffic;
    struct flight *flights;
    unsigned *free_slots, free_count;
    struct load_result result;
    enum sp_status status;
};

static void send_one(struct thread *thread, uint64_t meant_ns) {
    unsigned slot = thread->free_slots[--thread->free_count];
    struct flight *flight = &thread->flights[slot];
    sp_arena_reset(&thread->arena);
    struct sp_bytes request =
        exchange_make(thread->run->options, &thread->traffic, slot, &thread->arena, &flight->expectation);
    flight->meant_ns = meant_ns;
    transport_send(&thread->transport, slot, request);
}

/* ---- answers ---- */

static void take_completion(struct thread *thread, const struct sp_rpc_completion *completion) {
    uint64_t now = bench_now_ns();
    const struct flight *flight = &thread->flights[completion->slot];
    thread->free_slots[thread->free_count++] = completion->slot;
    if (flight->meant_ns < thread->run->measure_ns || now > thread->run->end_ns)
        return;
    struct load_result *result = &thread->result;
    if (completion->status == SP_ERR_EXHAUSTED && thread->run->options->allow_refused) {
        result->refused++;
        return;
    }
    atomic_fetch_add_explicit(&thread->run->calls, 1, memory_order_relaxed);
    result->calls++;
    result->decisions += flight->expectation.count;
    histogram_add(&result->latency, now - flight->meant_ns);
    if (completion->status != SP_OK) {
        if (result->errors++ == 0)
            sp_error_set(&result->first_error, completion->status, "%s", sp_status_name(completion->status));
        return;
    }
    sp_arena_reset(&thread->arena);
    if (!thread->run->options->unverified)
        result->wrong += exchange_count_wrong(thread->run->options, &flight->expectation, completion->slot,
                                              completion->reply, &thread->arena);
}

/* ---- loops ---- */

static void run_closed(struct thread *thread) {
    struct sp_rpc_completion completion;
    while (bench_now_ns() < thread->run->end_ns) {
        while (thread->free_count > 0)
            send_one(thread, bench_now_ns());
        if (transport_next(&thread->transport, thread->run->end_ns, &completion))
            take_completion(thread, &completion);
    }
}

static void run_open(struct thread *thread) {
    const struct load_options *options = thread->run->options;
    double interval_ns = 1e9 * options->threads / options->rate;
    double next_ns = (double)thread->run->begin_ns + interval_ns * thread->number / options->threads;
    struct sp_rpc_completion completion;
    for (uint64_t now = bench_now_ns(); now < thread->run->end_ns; now = bench_now_ns()) {
        while (thread->free_count > 0 && next_ns <= (double)now) {
            send_one(thread, (uint64_t)next_ns);
            next_ns += interval_ns;
        }
        /* If every slot is taken, the next send is late, and its latency includes that. */
        uint64_t until = thread->free_count > 0 ? (uint64_t)next_ns : thread->run->end_ns;
        if (transport_next(&thread->transport, until, &completion))
            take_completion(thread, &completion);
    }
}

static void *run_load_thread(void *argument) {
    struct thread *thread = argument;
    if (thread->run->options->rate > 0)
        run_open(thread);
    else
        run_closed(thread);
    return NULL;
}

/* ---- setting up ---- */

static enum sp_status open_load_thread(struct thread *thread, struct run *run, unsigned number,
                                       struct sp_error *error) {
    const struct load_options *options = run->options;
    thread->run = run;
    thread->number = number;
    traffic_init(&thread->traffic, options->world.seed + number * 7919U + 1, options->world.keys - options->first_key,
                 options->zipf);
    thread->flights = calloc(options->in_flight, sizeof(*thread->flights));
    thread->free_slots = calloc(options->in_flight, sizeof(*thread->free_slots));
    if (thread->flights == NULL || thread->free_slots == NULL ||
        sp_arena_init(&thread->arena, 1 << 20, 64 << 20) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    for (unsigned i = 0; i < options->in_flight; i++)
        thread->free_slots[thread->free_count++] = i;
    struct transport_options transport = {
        .target = options->target,
        .tls = options->tls,
        .wait_for_ready = options->wait_for_ready,
        .path = exchange_path(options),
        .connections = options->connections,
        .slots = options->in_flight,
        .key = options->admin_key,
        .streams = options->streams,
    };
    return transport_open(&transport, &thread->transport, error);
}

static void close_load_thread(struct thread *thread) {
    transport_close(&thread->transport);
    if (thread->arena.first != NULL)
        sp_arena_fini(&thread->arena);
    free(thread->flights);
    free(thread->free_slots);
}

static void sleep_until(uint64_t until_ns) {
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000U), .tv_nsec = (long)(until_ns % 1000000000U)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
        ;
}

/* Sleeps through the run; what the server used is in the result. */
static void watch_server(struct run *run, struct load_result *result) {
    sleep_until(run->measure_ns);
    double before = bench_cpu_s(run->options->server_pid);
    uint64_t seen = 0;
    for (uint64_t at = run->measure_ns + 1000000000U; at < run->end_ns; at += 1000000000U) {
        sleep_until(at);
        uint64_t calls = atomic_load_explicit(&run->calls, memory_order_relaxed);
        if (run->options->progress)
            fprintf(stderr, "\r%4.0f s  %8llu calls/s ", (double)(at - run->measure_ns) / 1e9,
                    (unsigned long long)(calls - seen));
        seen = calls;
    }
    sleep_until(run->end_ns);
    double after = bench_cpu_s(run->options->server_pid);
    if (run->options->progress)
        fputs("\r\033[K", stderr);
    result->server_cpu_s = before < 0 || after < 0 ? -1 : after - before;
    result->server_private_bytes = bench_private_bytes(run->options->server_pid);
}

static enum sp_status run_threads(struct run *run, struct thread *threads, struct load_result *result,
                                  struct sp_error *error) {
    const struct load_options *options = run->options;
    run->begin_ns = bench_now_ns();
    run->measure_ns = run->begin_ns + (uint64_t)(options->warmup_s * 1e9);
    run->end_ns = run->measure_ns + (uint64_t)(options->duration_s * 1e9);
    unsigned started = 0;
    while (started < options->threads &&
           pthread_create(&threads[started].handle, NULL, run_load_thread, &threads[started]) == 0)
        started++;
    if (started < options->threads)
        run->end_ns = 0;
    else
        watch_server(run, result);
    for (unsigned i = 0; i < started; i++) {
        pthread_join(threads[i].handle, NULL);
        const struct load_result *part = &threads[i].result;
        histogram_merge(&result->latency, &part->latency);
        result->calls += part->calls;
        result->decisions += part->decisions;
        result->wrong += part->wrong;
        result->errors += part->errors;
        result->refused += part->refused;
        if (part->errors > 0)
            result->first_error = part->first_error;
    }
    result->elapsed_s = options->duration_s;
    return started == options->threads ? SP_OK
                                       : sp_error_set(error, SP_ERR_IO, "cannot start %u threads", options->threads);
}

enum sp_status load_run(const struct load_options *options, struct load_result *ret_result, struct sp_error *error) {
    if (options->batch < 1 || options->batch > EXCHANGE_ITEMS_MAX || options->threads < 1 || options->in_flight < 1)
        return sp_error_set(error, SP_ERR_INVALID,
                            "a batch has 1 to 1,000 items; threads and calls in flight are at least 1");
    if (options->first_key >= options->world.keys)
        return sp_error_set(error, SP_ERR_INVALID, "the first key to ask about must be one of the world's");
    if (options->gateway && (options->batch > 1 || options->streams > 0))
        return sp_error_set(error, SP_ERR_INVALID,
                            "ext_authz asks one question per call; leave out --batch and --stream");
    for (unsigned i = 0; i < WORLD_OUTCOMES; i++) {
        if (options->weights[i] > 0 && !world_can_ask(&options->world, (enum world_outcome)i))
            return sp_error_set(error, SP_ERR_INVALID, "the world has too few keys for the outcome '%s'",
                                world_outcome_name((enum world_outcome)i));
    }
    struct run run = {.options = options};
    struct thread *threads = calloc(options->threads, sizeof(*threads));
    struct load_result *result = calloc(1, sizeof(*result));
    enum sp_status status = SP_OK;
    sp_rpc_global_init();
    if (threads == NULL || result == NULL) {
        status = sp_error_set(error, SP_ERR_MEMORY, "out of memory");
        goto out;
    }
    for (unsigned i = 0; i < options->threads; i++) {
        status = open_load_thread(&threads[i], &run, i, error);
        if (status != SP_OK)
            goto out;
    }
    status = run_threads(&run, threads, result, error);
    if (status != SP_OK)
        goto out;
    *ret_result = *result;
out:
    for (unsigned i = 0; threads != NULL && i < options->threads; i++)
        close_load_thread(&threads[i]);
    sp_rpc_global_fini();
    free(threads);
    free(result);
    return status;
}
