/* What it costs to match a path among 10, 1,000 and 10,000 routes, and among 25,000 with custom
 * verbs ({thing_id}:verb7), and to compile them. Prints one JSON object a line:
 * {"routes":…,"same_ns":…,"random_ns":…,"unknown_ns":…,"compile_ms":…,"kib":…}: the same path again
 * and again, paths of all routes at random (which is also what the processor's caches cost), a path
 * that none has, and memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/route.h"
#include "core/route_compile.h"
#include "core/route_match.h"

enum { CALLS = 200000, ROUNDS = 5, TEXT_BYTES = 96 };

struct bench {
    struct sp_arena arena;
    bool verbs; /* in place of parts */
    size_t count;
    struct sp_route *routes;
    const struct sp_routes *compiled;
    struct sp_str *targets;
};

_Noreturn static void fail(const char *what) {
    fprintf(stderr, "routes: %s\n", what);
    exit(2);
}

static double read_routes_clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static struct sp_str keep_result(struct bench *bench, const char *text) {
    struct sp_str copy = sp_str_from(sp_arena_strdup(&bench->arena, sp_str_from(text)));
    if (copy.data == NULL)
        fail("out of memory");
    return copy;
}

/* /v1/things7/{id}/part3, ten parts to a thing: as deep in each size. */
static void make_route(struct bench *bench, size_t i) {
    char text[TEXT_BYTES];
    const char *part = bench->verbs ? ":verb" : "/part";
    snprintf(text, sizeof(text), "POST /v1/things%zu/{thing_id}%s%zu", i / 10, part, i % 10);
    if (sp_route_read_path(keep_result(bench, text), &bench->routes[i], NULL) != SP_OK ||
        sp_route_read_target(SP_STR_LITERAL("use thing/{thing_id}"), &bench->routes[i], NULL) != SP_OK)
        fail("a route is not valid");
    snprintf(text, sizeof(text), "/v1/things%zu/21m00Tcm4TlvDq8ikWAM%s%zu?format=mp3", i / 10, part, i % 10);
    bench->targets[i] = keep_result(bench, text);
}

static double compile_routes(struct bench *bench, size_t count) {
    if (sp_arena_init(&bench->arena, 1 << 20, (size_t)256 << 20) != SP_OK)
        fail("out of memory");
    bench->count = count;
    bench->routes = sp_arena_calloc(&bench->arena, count, sizeof(*bench->routes));
    bench->targets = sp_arena_calloc(&bench->arena, count, sizeof(*bench->targets));
    if (bench->routes == NULL || bench->targets == NULL)
        fail("out of memory");
    for (size_t i = 0; i < count; i++)
        make_route(bench, i);
    double began = read_routes_clock_ns();
    if (sp_routes_compile(bench->routes, count, &bench->arena, &bench->compiled, NULL) != SP_OK)
        fail("the routes do not compile");
    return (read_routes_clock_ns() - began) / 1e6;
}

static size_t pick_same(const struct bench *bench, size_t call) {
    (void)call;
    return bench->count / 2;
}

static size_t pick_random(const struct bench *bench, size_t call) {
    return call * UINT64_C(0x9e3779b97f4a7c15) % UINT64_C(1000003) % bench->count;
}

static int compare_route_rounds(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of the rounds, for a call. `unknown`: a target that no route has, instead. */
static double measure_matching(const struct bench *bench, size_t (*pick)(const struct bench *, size_t),
                               const char *unknown) {
    double rounds[ROUNDS];
    char scratch[SP_ROUTE_SCRATCH_BYTES];
    for (int round = 0; round < ROUNDS; round++) {
        double began = read_routes_clock_ns();
        for (size_t call = 0; call < CALLS; call++) {
            size_t i = pick(bench, call);
            struct sp_str target = unknown != NULL ? sp_str_from(unknown) : bench->targets[i];
            const struct sp_route_request request = {.method = SP_STR_LITERAL("POST"), .target = target};
            struct sp_route_match match = sp_routes_match(bench->compiled, &request, scratch);
            if (unknown != NULL ? match.outcome != SP_ROUTE_UNKNOWN : match.index != i || match.id.size != 20)
                fail("a path reached another route");
        }
        rounds[round] = (read_routes_clock_ns() - began) / CALLS;
    }
    qsort(rounds, ROUNDS, sizeof(*rounds), compare_route_rounds);
    return rounds[ROUNDS / 2];
}

int main(void) {
    static const size_t counts[] = {10, 1000, 10000, SP_ROUTES_MAX};
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        struct bench bench = {.verbs = counts[i] == SP_ROUTES_MAX};
        double compile_ms = compile_routes(&bench, counts[i]);
        double same = measure_matching(&bench, pick_same, NULL), random = measure_matching(&bench, pick_random, NULL);
        double unknown = measure_matching(&bench, pick_same, "/v1/things0/21m00Tcm4TlvDq8ikWAM/part0/more");
        printf("{\"routes\":%zu,\"same_ns\":%.1f,\"random_ns\":%.1f,\"unknown_ns\":%.1f,\"compile_ms\":%.2f,\"kib\":%"
               "zu}\n",
               counts[i], same, random, unknown, compile_ms, bench.arena.used_bytes / 1024);
        sp_arena_fini(&bench.arena);
    }
    return 0;
}
