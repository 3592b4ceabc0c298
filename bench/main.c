/* sallyport-bench: load on a decision server whose answers are known, and the worlds to do it in. */
#include <argp.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway.h"
#include "load.h"
#include "sallyport/v1/authorization.pb-c.h"
#include "wire/wire.h"
#include "world_records.h"

#ifndef SP_VERSION
#define SP_VERSION "unknown"
#endif

const char *argp_program_version = "sallyport-bench " SP_VERSION;

enum bench_option {
    OPTION_KEYS = 'k',
    OPTION_SEED = 's',
    OPTION_TARGET = 't',
    OPTION_CONNECTIONS = 'c',
    OPTION_IN_FLIGHT = 'm',
    OPTION_THREADS = 'j',
    OPTION_DURATION = 'd',
    OPTION_RATE = 'r',
    OPTION_BATCH = 'b',
    OPTION_OUTPUT = 'o',
    OPTION_WARMUP = 256,
    OPTION_ZIPF,
    OPTION_MIX,
    OPTION_ONE_CREDENTIAL,
    OPTION_WAIT_FOR_READY,
    OPTION_STREAM,
    OPTION_SERVER_PID,
    OPTION_UNVERIFIED,
    OPTION_STORE,
    OPTION_KEY_FILE,
    OPTION_SHAPE,
    OPTION_NO_SYNC,
    OPTION_GATEWAY,
    OPTION_TLS_CA,
    OPTION_TLS_CERT,
    OPTION_TLS_KEY,
    OPTION_TLS_NAME,
};

struct arguments {
    bool json;
    struct load_options load;
    const char *store;
    const char *key_file;
    bool no_sync;
    char key[128];
};

static uint64_t read_number(struct argp_state *state, const char *what, const char *text, uint64_t least,
                            uint64_t most) {
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || value < least || value > most)
        argp_error(state, "%s: '%s' is not a whole number from %llu to %llu", what, text, (unsigned long long)least,
                   (unsigned long long)most);
    return value;
}

static double read_decimal(struct argp_state *state, const char *what, const char *text, double least, double most) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= least && value <= most))
        argp_error(state, "%s: '%s' is not a number from %g to %g", what, text, least, most);
    return value;
}

/* "allowed=90,ip=5,permission=5" */
static void read_mix(struct argp_state *state, const char *text, unsigned weights[WORLD_OUTCOMES]) {
    memset(weights, 0, WORLD_OUTCOMES * sizeof(*weights));
    while (*text != '\0') {
        char name[32];
        size_t length = strcspn(text, "=,");
        enum world_outcome outcome = WORLD_ALLOWED;
        snprintf(name, sizeof(name), "%.*s", (int)length, text);
        if (text[length] != '=' || !world_outcome_parse(name, &outcome))
            argp_error(
                state,
                "--mix: '%s' is none of allowed=, ip=, permission=, not_shared=, role=, unknown=, malformed=", name);
        char *end;
        unsigned long weight = strtoul(text + length + 1, &end, 10);
        if (end == text + length + 1 || (*end != ',' && *end != '\0') || weight > 1000000)
            argp_error(state, "--mix: the weight of %s is not a whole number up to 1,000,000", name);
        weights[outcome] = (unsigned)weight;
        text = *end == ',' ? end + 1 : end;
    }
    unsigned total = 0;
    for (unsigned i = 0; i < WORLD_OUTCOMES; i++)
        total += weights[i];
    if (total == 0)
        argp_error(state, "--mix: at least one weight must be above 0");
}

static const struct argp_option world_options[] = {
    {"keys", OPTION_KEYS, "N", 0, "Keys of the world, 1 to 1,000,000,000 (default 10,000)", 1},
    {"seed", OPTION_SEED, "N", 0, "Number that the world follows from (default 1)", 1},
    {0},
};

static error_t parse_world_option(int key, char *text, struct argp_state *state) {
    struct arguments *arguments = state->input;
    switch (key) {
    case OPTION_KEYS:
        arguments->load.world.keys = read_number(state, "--keys", text, 1, 1000000000);
        return 0;
    case OPTION_SEED:
        arguments->load.world.seed = read_number(state, "--seed", text, 0, UINT32_MAX);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp world_argp = {.options = world_options, .parser = parse_world_option};

/* ---- run ---- */

static const struct argp_option run_options[] = {
    {"target", OPTION_TARGET, "ADDRESS", 0, "sallyportd to ask (default 127.0.0.1:7400)", 2},
    {"tls-ca", OPTION_TLS_CA, "FILE", 0, "CAs of the server's certificate, PEM; without it: plaintext", 2},
    {"tls-cert", OPTION_TLS_CERT, "FILE", 0, "Certificate to show, PEM", 2},
    {"tls-key", OPTION_TLS_KEY, "FILE", 0, "Its private key, PEM", 2},
    {"tls-name", OPTION_TLS_NAME, "NAME", 0, "What the server's certificate must be for (default: the target's host)",
     2},
    {"connections", OPTION_CONNECTIONS, "N", 0, "Connections of each thread, 1 to 1,000 (default 4)", 2},
    {"in-flight", OPTION_IN_FLIGHT, "N", 0, "Calls in flight of each thread, 1 to 100,000 (default 64)", 2},
    {"threads", OPTION_THREADS, "N", 0, "Threads, 1 to 64 (default 1)", 2},
    {"rate", OPTION_RATE, "N", 0,
     "Open loop: calls a second over all threads; latency counts from the intended time (default 0: closed loop)", 2},
    {"batch", OPTION_BATCH, "N", 0, "Questions a call or message, 1 to 1,000; above 1: CheckBatch (default 1)", 2},
    {"stream", OPTION_STREAM, "N", 0, "CheckStream: messages on N streams of each thread, 1 to 100,000", 2},
    {"ext-authz", OPTION_GATEWAY, "N", 0,
     "Ask as Envoy does, by method and path, with N headers beside three of its own, 0 to 100", 2},
    {"wait-for-ready", OPTION_WAIT_FOR_READY, NULL, 0,
     "Calls wait for a connection instead of failing where there is none, as clients do that may wait", 2},
    {"one-credential", OPTION_ONE_CREDENTIAL, NULL, 0, "All questions of a batch ask with one key", 2},
    {"zipf", OPTION_ZIPF, "S", 0, "Zipf exponent of how often keys are asked about, 0 to 5 (default 0: uniform)", 3},
    {"mix", OPTION_MIX, "LIST", 0,
     "Weights of expected outcomes: allowed=, ip=, permission=, not_shared=, role=, unknown=, malformed= (default "
     "allowed=1)",
     3},
    {"warmup", OPTION_WARMUP, "S", 0, "Seconds before measuring, 0 to 3,600 (default 1)", 4},
    {"duration", OPTION_DURATION, "S", 0, "Seconds of measuring, 0.1 to 3,600 (default 10)", 4},
    {"server-pid", OPTION_SERVER_PID, "PID", 0, "Process whose CPU time is read, on this machine", 4},
    {"unverified", OPTION_UNVERIFIED, NULL, 0, "Do not look at the answers: for servers that only echo", 4},
    {"output", OPTION_OUTPUT, "FORMAT", 0, "text (default) or json", 4},
    {0},
};

static error_t parse_run_option(int key, char *text, struct argp_state *state) {
    struct arguments *arguments = state->input;
    struct load_options *load = &arguments->load;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = arguments;
        return 0;
    case OPTION_TARGET:
        load->target = text;
        return 0;
    case OPTION_TLS_CA:
        load->tls.ca = text;
        return 0;
    case OPTION_TLS_CERT:
        load->tls.certificate = text;
        return 0;
    case OPTION_TLS_KEY:
        load->tls.key = text;
        return 0;
    case OPTION_TLS_NAME:
        load->tls.server_name = text;
        return 0;
    case OPTION_CONNECTIONS:
        load->connections = (unsigned)read_number(state, "--connections", text, 1, 1000);
        return 0;
    case OPTION_IN_FLIGHT:
        load->in_flight = (unsigned)read_number(state, "--in-flight", text, 1, 100000);
        return 0;
    case OPTION_THREADS:
        load->threads = (unsigned)read_number(state, "--threads", text, 1, 64);
        return 0;
    case OPTION_RATE:
        load->rate = read_decimal(state, "--rate", text, 0, 1e8);
        return 0;
    case OPTION_BATCH:
        load->batch = (unsigned)read_number(state, "--batch", text, 1, 1000);
        return 0;
    case OPTION_STREAM:
        load->streams = (unsigned)read_number(state, "--stream", text, 1, 100000);
        return 0;
    case OPTION_GATEWAY:
        load->gateway = true;
        load->gateway_headers = (unsigned)read_number(state, "--ext-authz", text, 0, GATEWAY_HEADERS_MAX);
        return 0;
    case OPTION_WAIT_FOR_READY:
        load->wait_for_ready = true;
        return 0;
    case OPTION_ONE_CREDENTIAL:
        load->one_credential = true;
        return 0;
    case OPTION_ZIPF:
        load->zipf = read_decimal(state, "--zipf", text, 0, 5);
        return 0;
    case OPTION_MIX:
        read_mix(state, text, load->weights);
        return 0;
    case OPTION_WARMUP:
        load->warmup_s = read_decimal(state, "--warmup", text, 0, 3600);
        return 0;
    case OPTION_DURATION:
        load->duration_s = read_decimal(state, "--duration", text, 0.1, 3600);
        return 0;
    case OPTION_SERVER_PID:
        load->server_pid = (pid_t)read_number(state, "--server-pid", text, 1, INT_MAX);
        return 0;
    case OPTION_UNVERIFIED:
        load->unverified = true;
        return 0;
    case OPTION_OUTPUT:
        if (strcmp(text, "json") != 0 && strcmp(text, "text") != 0)
            argp_error(state, "--output: '%s' is neither text nor json", text);
        arguments->json = strcmp(text, "json") == 0;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument '%s'", text);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child run_children[] = {{&world_argp, 0, "The world:", 1}, {0}};
static const struct argp run_argp = {
    .options = run_options,
    .parser = parse_run_option,
    .children = run_children,
    .doc = "Asks a running sallyportd about a world made by `sallyport-bench world`, and checks every answer.\v"
           "Examples:\n"
           "  sallyport-bench world --keys 100000 --store bench-store\n"
           "  sallyportd --store bench-store --listen 127.0.0.1:7400 &\n"
           "  sallyport-bench run --keys 100000 --zipf 0.99 --server-pid $!\n"
           "  sallyport-bench run --keys 100000 --stream 8 --batch 4\n"
           "  sallyport-bench run --keys 100000 --rate 20000 --mix allowed=8,ip=1,permission=1 -o json\n"
           "\nExit status: 0; 1 when an answer was wrong or a call failed; 2 when it could not run.",
};

/* ---- churn ---- */

static const struct argp_option churn_options[] = {
    {"target", OPTION_TARGET, "ADDRESS", 0, "sallyport-sync to change (default 127.0.0.1:7401)", 2},
    {"tls-ca", OPTION_TLS_CA, "FILE", 0, "CAs of the server's certificate, PEM; without it: plaintext", 2},
    {"tls-cert", OPTION_TLS_CERT, "FILE", 0, "Certificate to show, PEM", 2},
    {"tls-key", OPTION_TLS_KEY, "FILE", 0, "Its private key, PEM", 2},
    {"tls-name", OPTION_TLS_NAME, "NAME", 0, "What the server's certificate must be for (default: the target's host)",
     2},
    {"key-file", OPTION_KEY_FILE, "FILE", 0, "The operator's key, as `world --store … --key-file` wrote it (needed)",
     2},
    {"connections", OPTION_CONNECTIONS, "N", 0, "Connections, 1 to 1,000 (default 4)", 2},
    {"in-flight", OPTION_IN_FLIGHT, "N", 0, "Changes in flight, 1 to 100,000 (default 64)", 2},
    {"rate", OPTION_RATE, "N", 0, "Changes a second; 0: as many as go (default 1,000)", 2},
    {"zipf", OPTION_ZIPF, "S", 0,
     "Zipf exponent of how often their workspaces are changed, 0 to 5 (default 0: uniform)", 3},
    {"warmup", OPTION_WARMUP, "S", 0, "Seconds before measuring, 0 to 3,600 (default 1)", 4},
    {"duration", OPTION_DURATION, "S", 0, "Seconds of measuring, 0.1 to 3,600 (default 10)", 4},
    {"server-pid", OPTION_SERVER_PID, "PID", 0, "Process whose CPU time is read, on this machine", 4},
    {"output", OPTION_OUTPUT, "FORMAT", 0, "text (default) or json", 4},
    {0},
};

static void read_key_file(struct arguments *arguments, struct argp_state *state) {
    FILE *file = arguments->key_file != NULL ? fopen(arguments->key_file, "re") : NULL;
    if (file == NULL || fgets(arguments->key, sizeof(arguments->key), file) == NULL)
        argp_error(state, "--key-file: names no file with a key");
    if (file != NULL)
        fclose(file);
    arguments->key[strcspn(arguments->key, "\n")] = '\0';
    arguments->load.operator_key = sp_str_from(arguments->key);
    if (arguments->load.operator_key.size == 0)
        argp_error(state, "--key-file: the file is empty");
}

static error_t parse_churn_option(int key, char *text, struct argp_state *state) {
    struct arguments *arguments = state->input;
    switch (key) {
    case OPTION_KEY_FILE:
        arguments->key_file = text;
        return 0;
    case ARGP_KEY_END:
        read_key_file(arguments, state);
        return 0;
    default:
        return parse_run_option(key, text, state);
    }
}

static const struct argp churn_argp = {
    .options = churn_options,
    .parser = parse_churn_option,
    .children = run_children,
    .doc = "Changes workspaces of a world made by `sallyport-bench world` through a running sallyport-sync, without "
           "changing "
           "any "
           "answer.\vExamples:\n"
           "  sallyport-bench world --keys 100000 --store bench-store --key-file operator.key\n"
           "  sallyport-sync serve --store bench-store --listen 127.0.0.1:7401 &\n"
           "  sallyport-bench churn --keys 100000 --key-file operator.key --rate 1000 --duration 60\n"
           "\nExit status: 0; 1 when a change failed; 2 when it could not run.",
};

/* ---- what came of it ---- */

static const double percentiles[] = {50, 90, 99, 99.9, 99.99};

static const char *method_of(const struct load_options *options) {
    if (options->operator_key.size > 0)
        return "UpdateWorkspace";
    if (options->gateway)
        return "ext_authz Check";
    if (options->streams > 0)
        return "CheckStream";
    return options->batch > 1 ? "CheckBatch" : "Check";
}

static void print_text(const struct load_options *options, const struct load_result *result) {
    printf("%s, %s, %u thread(s) × %u connection(s), %u in flight each\n",
           options->rate > 0 ? "open loop" : "closed loop", method_of(options), options->threads, options->connections,
           options->in_flight);
    printf("calls       %12llu   %12.0f /s\n", (unsigned long long)result->calls,
           (double)result->calls / result->elapsed_s);
    printf("decisions   %12llu   %12.0f /s\n", (unsigned long long)result->decisions,
           (double)result->decisions / result->elapsed_s);
    printf("errors      %12llu\nwrong       %12llu\n", (unsigned long long)result->errors,
           (unsigned long long)result->wrong);
    if (result->server_cpu_s >= 0 && result->decisions > 0)
        printf("server CPU  %12.2f µs/decision\n", result->server_cpu_s * 1e6 / (double)result->decisions);
    printf("latency µs  min %.1f", (double)result->latency.min_ns / 1e3);
    for (size_t i = 0; i < sizeof(percentiles) / sizeof(*percentiles); i++)
        printf("  p%g %.1f", percentiles[i], (double)histogram_percentile(&result->latency, percentiles[i]) / 1e3);
    printf("  max %.1f\n", (double)result->latency.max_ns / 1e3);
    histogram_plot(&result->latency, 50, stdout);
    if (result->errors > 0)
        printf("first error: %s\n", result->first_error.message);
}

static void print_json(const struct load_options *options, const struct load_result *result) {
    json_t *latency = json_object();
    for (size_t i = 0; i < sizeof(percentiles) / sizeof(*percentiles); i++) {
        char name[16];
        snprintf(name, sizeof(name), "p%g", percentiles[i]);
        json_object_set_new(latency, name,
                            json_integer((json_int_t)histogram_percentile(&result->latency, percentiles[i])));
    }
    json_object_set_new(latency, "min", json_integer((json_int_t)result->latency.min_ns));
    json_object_set_new(latency, "max", json_integer((json_int_t)result->latency.max_ns));
    double mean = result->calls > 0 ? result->latency.sum_ns / (double)result->calls : 0;
    json_object_set_new(latency, "mean", json_real(mean));
    json_t *all =
        json_pack("{s:s, s:f, s:f, s:I, s:I, s:I, s:I, s:o, s:s}", "loop", options->rate > 0 ? "open" : "closed",
                  "rate", options->rate, "elapsed_s", result->elapsed_s, "calls", (json_int_t)result->calls,
                  "decisions", (json_int_t)result->decisions, "errors", (json_int_t)result->errors, "wrong",
                  (json_int_t)result->wrong, "latency_ns", latency, "method", method_of(options));
    if (result->server_cpu_s >= 0)
        json_object_set_new(all, "server_cpu_s", json_real(result->server_cpu_s));
    json_dumpf(all, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(all);
}

static int run_load(struct arguments *arguments) {
    struct load_options *options = &arguments->load;
    struct load_result *result = calloc(1, sizeof(*result));
    struct sp_error error = {0};
    options->progress = isatty(STDERR_FILENO) != 0;
    enum sp_status status =
        result == NULL ? sp_error_set(&error, SP_ERR_MEMORY, "out of memory") : load_run(options, result, &error);
    if (status != SP_OK) {
        fprintf(stderr, "sallyport-bench: %s\n", error.message);
        free(result);
        return 2;
    }
    if (arguments->json)
        print_json(options, result);
    else
        print_text(options, result);
    bool good = result->calls > 0 && result->errors == 0 && result->wrong == 0;
    free(result);
    return good ? 0 : 1;
}

/* ---- world ---- */

static const struct argp_option make_options[] = {
    {"store", OPTION_STORE, "DIR", 0, "Make a new store there instead of writing NDJSON to standard output", 2},
    {"shape", OPTION_SHAPE, "NAME", 0,
     "full (default), or keys: only workspaces, principals and their keys, for measuring what a key takes", 2},
    {"no-sync", OPTION_NO_SYNC, NULL, 0, "With --store: do not wait for the disk at each commit; quicker", 2},
    {"key-file", OPTION_KEY_FILE, "FILE", 0, "With --store: where the operator's key is written", 2},
    {0},
};

static error_t parse_make_option(int key, char *text, struct argp_state *state) {
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = arguments;
        return 0;
    case OPTION_STORE:
        arguments->store = text;
        return 0;
    case OPTION_KEY_FILE:
        arguments->key_file = text;
        return 0;
    case OPTION_NO_SYNC:
        arguments->no_sync = true;
        return 0;
    case OPTION_SHAPE:
        if (strcmp(text, "full") != 0 && strcmp(text, "keys") != 0)
            argp_error(state, "--shape: '%s' is neither full nor keys", text);
        arguments->load.world.shape = strcmp(text, "keys") == 0 ? WORLD_KEYS_ONLY : WORLD_FULL;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument '%s'", text);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp make_argp = {
    .options = make_options,
    .parser = parse_make_option,
    .children = run_children,
    .doc = "Makes a deterministic world: the same keys and seed make the same keys and answers.\v"
           "Examples:\n"
           "  sallyport-bench world --keys 1000 --seed 7 > world.ndjson && sallyport import world.ndjson\n"
           "  sallyport-bench world --keys 1000000 --store bench-store",
};

static void show_progress(uint64_t done, uint64_t total) {
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%llu of %llu workspaces%s", (unsigned long long)done, (unsigned long long)total,
                done == total ? "\n" : "");
}

static int make_world(const struct arguments *arguments) {
    struct sp_error error = {0};
    const struct world *world = &arguments->load.world;
    enum sp_status status;
    double seconds = 0;
    if (arguments->store != NULL)
        status = world_write_store(world, arguments->store, arguments->key_file, !arguments->no_sync, show_progress,
                                   &seconds, &error);
    else
        status = world_write_ndjson(world, stdout, &error);
    if (status != SP_OK) {
        fprintf(stderr, "sallyport-bench: %s\n", error.message);
        return 2;
    }
    if (arguments->store != NULL)
        printf("%llu keys in %.2f s: %.0f keys/s\n", (unsigned long long)world->keys, seconds,
               (double)world->keys / seconds);
    return 0;
}

/* ---- request ---- */

/* One allowed question as a gRPC frame: five bytes, then the message. For load tools that send the same bytes over and over. */
static int write_request(const struct arguments *arguments) {
    struct world_question question;
    struct sp_arena arena;
    struct sp_bytes message;
    static char voice[] = "voice";
    char action[16];
    world_ask(&arguments->load.world, WORLD_ALLOWED, 5, 2, &question);
    snprintf(action, sizeof(action), "%s", question.action);
    Sallyport__V1__CheckRequest request = SALLYPORT__V1__CHECK_REQUEST__INIT;
    Sallyport__V1__ResourceRef ref = SALLYPORT__V1__RESOURCE_REF__INIT;
    ref.type = voice;
    ref.id = question.voice;
    request.credential_case = SALLYPORT__V1__CHECK_REQUEST__CREDENTIAL_API_KEY;
    request.api_key = question.key;
    request.ip = question.ip;
    request.resource = &ref;
    request.action = action;
    if (sp_arena_init(&arena, 4096, 65536) != SP_OK || sp_wire_pack(&request.base, &arena, &message) != SP_OK)
        return 2;
    uint8_t prefix[5] = {0};
    sp_store_be32(prefix + 1, (uint32_t)message.size);
    bool good = fwrite(prefix, sizeof(prefix), 1, stdout) == 1 && fwrite(message.data, message.size, 1, stdout) == 1;
    sp_arena_fini(&arena);
    return good && fflush(stdout) == 0 ? 0 : 2;
}

static const struct argp request_argp = {
    .parser = parse_make_option,
    .children = run_children,
    .doc = "Writes one question of the world, which is allowed, as a gRPC frame to standard output.\v"
           "Example:\n"
           "  sallyport-bench request --keys 100000 > check.frame\n"
           "  h2load -d check.frame -H 'content-type: application/grpc' -H 'te: trailers' "
           "http://127.0.0.1:7400/sallyport.v1.Authorization/Check",
};

static void print_usage(FILE *out) {
    fputs("Usage: sallyport-bench run [OPTION...]\n"
          "       sallyport-bench churn [OPTION...]\n"
          "       sallyport-bench world [OPTION...]\n"
          "       sallyport-bench request [OPTION...]\n\n"
          "  run     ask a running sallyportd and check every answer\n"
          "  churn   change the world through a running sallyport-sync\n"
          "  world   make the world to ask about, as NDJSON or as a store\n"
          "  request write one question as a gRPC frame, for other load tools\n\n"
          "Each has --help.\n",
          out);
}

int main(int argc, char **argv) {
    struct arguments arguments = {
        .load = {.target = "127.0.0.1:7400",
                 .world = {.seed = 1, .keys = 10000},
                 .weights = {[WORLD_ALLOWED] = 1},
                 .batch = 1,
                 .threads = 1,
                 .connections = 4,
                 .in_flight = 64,
                 .warmup_s = 1,
                 .duration_s = 10},
    };
    const char *command = argc > 1 ? argv[1] : "";
    if (strcmp(command, "--help") == 0 || strcmp(command, "help") == 0) {
        print_usage(stdout);
        return 0;
    }
    if (strcmp(command, "--version") == 0) {
        puts(argp_program_version);
        return 0;
    }
    static char world_name[] = "sallyport-bench world", run_name[] = "sallyport-bench run",
                request_name[] = "sallyport-bench request", churn_name[] = "sallyport-bench churn";
    if (strcmp(command, "world") == 0) {
        argv[1] = world_name;
        argp_parse(&make_argp, argc - 1, argv + 1, 0, NULL, &arguments);
        return make_world(&arguments);
    }
    if (strcmp(command, "request") == 0) {
        argv[1] = request_name;
        argp_parse(&request_argp, argc - 1, argv + 1, 0, NULL, &arguments);
        return write_request(&arguments);
    }
    if (strcmp(command, "churn") == 0) {
        argv[1] = churn_name;
        arguments.load.target = "127.0.0.1:7401";
        arguments.load.rate = 1000;
        argp_parse(&churn_argp, argc - 1, argv + 1, 0, NULL, &arguments);
        return run_load(&arguments);
    }
    if (strcmp(command, "run") == 0) {
        argv[1] = run_name;
        argp_parse(&run_argp, argc - 1, argv + 1, 0, NULL, &arguments);
        return run_load(&arguments);
    }
    print_usage(stderr);
    return 2;
}
