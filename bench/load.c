#include "load.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rpc/async_client.h"
#include "rpc/client.h"
#include "sallyport/v1/authorization.pb-c.h"
#include "traffic.h"
#include "wire/wire.h"

enum { BATCH_MAX = 1000 };

/* What all threads share. */
struct run {
    const struct load_options *options;
    _Atomic uint64_t calls; /* for the progress line */
    uint64_t begin_ns, measure_ns, end_ns;
};

/* A call in flight. */
struct flight {
    uint64_t meant_ns; /* when it was (to be) sent */
    uint16_t count;
    uint8_t expected[BATCH_MAX];
};

struct thread {
    struct run *run;
    pthread_t handle;
    unsigned number;
    struct sp_rpc_async_client *client;
    struct sp_arena arena;
    struct traffic traffic;
    struct flight *flights;
    unsigned *free_slots, free_count;
    struct load_result result;
    enum sp_status status;
};

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* ---- questions ---- */

static enum world_outcome next_outcome(struct thread *thread) {
    const unsigned *weights = thread->run->options->weights;
    unsigned total = 0;
    for (unsigned i = 0; i < WORLD_OUTCOMES; i++)
        total += weights[i];
    unsigned at = (unsigned)(world_random(&thread->traffic.random) % total);
    unsigned outcome = 0;
    while (at >= weights[outcome])
        at -= weights[outcome++];
    return (enum world_outcome)outcome;
}

/* protobuf-c's messages hold plain pointers, and packing only reads. */
static char *plain(const char *text) {
    union {
        const char *in;
        char *out;
    } cast = {text};
    return cast.out;
}

struct packed_question {
    struct world_question question;
    Sallyport__V1__ResourceRef ref;
};

static void next_question(struct thread *thread, uint64_t key, enum world_outcome outcome,
                          struct packed_question *ret_packed) {
    world_ask(&thread->run->options->world, outcome, key, world_random(&thread->traffic.random), &ret_packed->question);
    sallyport__v1__resource_ref__init(&ret_packed->ref);
    ret_packed->ref.type = plain("voice");
    ret_packed->ref.id = ret_packed->question.voice;
}

static struct sp_bytes make_check(struct thread *thread, struct flight *flight) {
    struct packed_question packed;
    Sallyport__V1__CheckRequest request = SALLYPORT__V1__CHECK_REQUEST__INIT;
    next_question(thread, traffic_next_key(&thread->traffic), next_outcome(thread), &packed);
    request.credential_case = SALLYPORT__V1__CHECK_REQUEST__CREDENTIAL_API_KEY;
    request.api_key = packed.question.key;
    request.ip = packed.question.ip;
    request.resource = &packed.ref;
    request.action = plain(packed.question.action);
    flight->count = 1;
    flight->expected[0] = (uint8_t)packed.question.expected;
    struct sp_bytes bytes;
    return sp_wire_pack(&request.base, &thread->arena, &bytes) == SP_OK ? bytes : (struct sp_bytes){0};
}

static struct sp_bytes make_batch(struct thread *thread, struct flight *flight) {
    const struct load_options *options = thread->run->options;
    Sallyport__V1__CheckBatchRequest request = SALLYPORT__V1__CHECK_BATCH_REQUEST__INIT;
    struct packed_question *packed = sp_arena_calloc(&thread->arena, options->batch, sizeof(*packed));
    Sallyport__V1__CheckItem *items = sp_arena_calloc(&thread->arena, options->batch, sizeof(*items));
    request.items = sp_arena_calloc(&thread->arena, options->batch, sizeof(*request.items));
    struct sp_bytes bytes = {0};
    if (packed == NULL || items == NULL || request.items == NULL)
        return bytes;
    uint64_t key = traffic_next_key(&thread->traffic);
    enum world_outcome outcome = next_outcome(thread);
    for (unsigned i = 0; i < options->batch; i++) {
        if (!options->one_credential && i > 0) {
            key = traffic_next_key(&thread->traffic);
            outcome = next_outcome(thread);
        }
        next_question(thread, key, outcome, &packed[i]);
        sallyport__v1__check_item__init(&items[i]);
        items[i].ip = packed[i].question.ip;
        items[i].resource = &packed[i].ref;
        items[i].action = plain(packed[i].question.action);
        if (!options->one_credential) {
            items[i].credential_case = SALLYPORT__V1__CHECK_ITEM__CREDENTIAL_API_KEY;
            items[i].api_key = packed[i].question.key;
        }
        request.items[i] = &items[i];
        flight->expected[i] = (uint8_t)packed[i].question.expected;
    }
    if (options->one_credential) {
        request.credential_case = SALLYPORT__V1__CHECK_BATCH_REQUEST__CREDENTIAL_API_KEY;
        request.api_key = packed[0].question.key;
    }
    request.n_items = options->batch;
    flight->count = (uint16_t)options->batch;
    return sp_wire_pack(&request.base, &thread->arena, &bytes) == SP_OK ? bytes : (struct sp_bytes){0};
}

static void send_one(struct thread *thread, uint64_t meant_ns) {
    unsigned slot = thread->free_slots[--thread->free_count];
    struct flight *flight = &thread->flights[slot];
    sp_arena_reset(&thread->arena);
    struct sp_bytes request = thread->run->options->batch > 1 ? make_batch(thread, flight) : make_check(thread, flight);
    flight->meant_ns = meant_ns;
    sp_rpc_async_start(thread->client, slot, request);
}

/* ---- answers ---- */

static unsigned count_wrong(struct thread *thread, const struct flight *flight, struct sp_bytes reply) {
    ProtobufCMessage *message;
    bool batch = thread->run->options->batch > 1;
    const ProtobufCMessageDescriptor *descriptor =
        batch ? &sallyport__v1__check_batch_response__descriptor : &sallyport__v1__check_response__descriptor;
    sp_arena_reset(&thread->arena);
    if (sp_wire_unpack_trusted(descriptor, reply, &thread->arena, &message) != SP_OK)
        return flight->count;
    if (!batch)
        return (unsigned)((const Sallyport__V1__CheckResponse *)message)->reason != flight->expected[0];
    const Sallyport__V1__CheckBatchResponse *response = (const Sallyport__V1__CheckBatchResponse *)message;
    unsigned wrong = 0;
    for (unsigned i = 0; i < flight->count; i++)
        wrong += i >= response->n_results || (unsigned)response->results[i]->reason != flight->expected[i];
    return wrong;
}

static void take_completion(struct thread *thread, const struct sp_rpc_completion *completion) {
    uint64_t now = now_ns();
    const struct flight *flight = &thread->flights[completion->slot];
    thread->free_slots[thread->free_count++] = completion->slot;
    if (flight->meant_ns < thread->run->measure_ns || now > thread->run->end_ns)
        return;
    struct load_result *result = &thread->result;
    atomic_fetch_add_explicit(&thread->run->calls, 1, memory_order_relaxed);
    result->calls++;
    result->decisions += flight->count;
    histogram_add(&result->latency, now - flight->meant_ns);
    if (completion->status != SP_OK) {
        if (result->errors++ == 0)
            sp_error_set(&result->first_error, completion->status, "%s", sp_status_name(completion->status));
        return;
    }
    if (!thread->run->options->unverified)
        result->wrong += count_wrong(thread, flight, completion->reply);
}

/* ---- loops ---- */

static void run_closed(struct thread *thread) {
    struct sp_rpc_completion completion;
    while (now_ns() < thread->run->end_ns) {
        while (thread->free_count > 0)
            send_one(thread, now_ns());
        if (sp_rpc_async_next(thread->client, thread->run->end_ns, &completion))
            take_completion(thread, &completion);
    }
}

static void run_open(struct thread *thread) {
    const struct load_options *options = thread->run->options;
    double interval_ns = 1e9 * options->threads / options->rate;
    double next_ns = (double)thread->run->begin_ns + interval_ns * thread->number / options->threads;
    struct sp_rpc_completion completion;
    for (uint64_t now = now_ns(); now < thread->run->end_ns; now = now_ns()) {
        while (thread->free_count > 0 && next_ns <= (double)now) {
            send_one(thread, (uint64_t)next_ns);
            next_ns += interval_ns;
        }
        /* With every slot taken the next send is late, and its latency says so. */
        uint64_t until = thread->free_count > 0 ? (uint64_t)next_ns : thread->run->end_ns;
        if (sp_rpc_async_next(thread->client, until, &completion))
            take_completion(thread, &completion);
    }
}

static void *thread_main(void *argument) {
    struct thread *thread = argument;
    if (thread->run->options->rate > 0)
        run_open(thread);
    else
        run_closed(thread);
    return NULL;
}

/* ---- setting up ---- */

static enum sp_status thread_open(struct thread *thread, struct run *run, unsigned number, struct sp_error *error) {
    const struct load_options *options = run->options;
    thread->run = run;
    thread->number = number;
    traffic_init(&thread->traffic, options->world.seed + number * 7919U + 1, options->world.keys, options->zipf);
    thread->flights = calloc(options->in_flight, sizeof(*thread->flights));
    thread->free_slots = calloc(options->in_flight, sizeof(*thread->free_slots));
    if (thread->flights == NULL || thread->free_slots == NULL ||
        sp_arena_init(&thread->arena, 1 << 20, 64 << 20) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    for (unsigned i = 0; i < options->in_flight; i++)
        thread->free_slots[thread->free_count++] = i;
    struct sp_rpc_async_options client = {
        .target = options->target,
        .path = options->batch > 1 ? "/sallyport.v1.Authorization/CheckBatch" : "/sallyport.v1.Authorization/Check",
        .connections = options->connections,
        .slots = options->in_flight,
    };
    return sp_rpc_async_open(&client, &thread->client, error);
}

static void thread_close(struct thread *thread) {
    sp_rpc_async_close(thread->client);
    if (thread->arena.first != NULL)
        sp_arena_fini(&thread->arena);
    free(thread->flights);
    free(thread->free_slots);
}

/* Time on a processor of all threads of a process, in nanoseconds of the scheduler: finer than the clock ticks of its stat. */
static double cpu_of(pid_t pid) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%ld/task", (long)pid);
    DIR *tasks = pid > 0 ? opendir(path) : NULL;
    if (tasks == NULL)
        return -1;
    double sum_ns = 0;
    struct dirent *task;
    while ((task = readdir(tasks)) != NULL) {
        char line[128] = "";
        snprintf(path, sizeof(path), "/proc/%ld/task/%.20s/schedstat", (long)pid, task->d_name);
        FILE *file = task->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (file != NULL && fgets(line, sizeof(line), file) != NULL)
            sum_ns += strtod(line, NULL);
        if (file != NULL)
            fclose(file);
    }
    closedir(tasks);
    return sum_ns / 1e9;
}

static void sleep_until(uint64_t until_ns) {
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000U), .tv_nsec = (long)(until_ns % 1000000000U)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
        ;
}

static void watch(struct run *run, double *ret_cpu_s) {
    sleep_until(run->measure_ns);
    double before = cpu_of(run->options->server_pid);
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
    double after = cpu_of(run->options->server_pid);
    if (run->options->progress)
        fputs("\r\033[K", stderr);
    *ret_cpu_s = before < 0 || after < 0 ? -1 : after - before;
}

static enum sp_status run_threads(struct run *run, struct thread *threads, struct load_result *result,
                                  struct sp_error *error) {
    const struct load_options *options = run->options;
    run->begin_ns = now_ns();
    run->measure_ns = run->begin_ns + (uint64_t)(options->warmup_s * 1e9);
    run->end_ns = run->measure_ns + (uint64_t)(options->duration_s * 1e9);
    unsigned started = 0;
    while (started < options->threads &&
           pthread_create(&threads[started].handle, NULL, thread_main, &threads[started]) == 0)
        started++;
    if (started < options->threads)
        run->end_ns = 0;
    else
        watch(run, &result->server_cpu_s);
    for (unsigned i = 0; i < started; i++) {
        pthread_join(threads[i].handle, NULL);
        const struct load_result *part = &threads[i].result;
        histogram_merge(&result->latency, &part->latency);
        result->calls += part->calls;
        result->decisions += part->decisions;
        result->wrong += part->wrong;
        result->errors += part->errors;
        if (part->errors > 0)
            result->first_error = part->first_error;
    }
    result->elapsed_s = options->duration_s;
    return started == options->threads ? SP_OK
                                       : sp_error_set(error, SP_ERR_IO, "cannot start %u threads", options->threads);
}

enum sp_status load_run(const struct load_options *options, struct load_result *ret_result, struct sp_error *error) {
    if (options->batch < 1 || options->batch > BATCH_MAX || options->threads < 1 || options->in_flight < 1)
        return sp_error_set(error, SP_ERR_INVALID,
                            "a batch has 1 to 1,000 items; threads and calls in flight are at least 1");
    for (unsigned i = 0; i < WORLD_OUTCOMES; i++) {
        if (options->weights[i] > 0 && !world_can_ask(&options->world, (enum world_outcome)i))
            return sp_error_set(error, SP_ERR_INVALID, "no key of so small a world can have the outcome '%s'",
                                world_outcome_name((enum world_outcome)i));
    }
    struct run run = {.options = options};
    struct thread *threads = calloc(options->threads, sizeof(*threads));
    struct load_result *result = calloc(1, sizeof(*result));
    enum sp_status status =
        threads == NULL || result == NULL ? sp_error_set(error, SP_ERR_MEMORY, "out of memory") : SP_OK;
    sp_rpc_global_init();
    for (unsigned i = 0; status == SP_OK && i < options->threads; i++)
        status = thread_open(&threads[i], &run, i, error);
    if (status == SP_OK)
        status = run_threads(&run, threads, result, error);
    for (unsigned i = 0; threads != NULL && i < options->threads; i++)
        thread_close(&threads[i]);
    sp_rpc_global_fini();
    if (status == SP_OK)
        *ret_result = *result;
    free(threads);
    free(result);
    return status;
}
