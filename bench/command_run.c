/* sallyport-bench run and churn: load on a running program. */
#include <argp.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "commands.h"
#include "gateway.h"
#include "load.h"

enum {
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
    OPTION_KEY_FILE,
    OPTION_WHAT,
    OPTION_FIRST_KEY,
    OPTION_ALLOW_REFUSED,
    OPTION_GATEWAY,
    OPTION_TLS_CA,
    OPTION_TLS_CERT,
    OPTION_TLS_KEY,
    OPTION_TLS_NAME,
};

enum output { OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_LINE };

struct arguments {
    struct load_options load;
    enum output output;
    const char *key_file;
    char key[128]; /* load.admin_key */
};

/* "allowed=90,ip=5,permission=5" */
static void read_mix(struct argp_state *state, const char *text, unsigned weights[WORLD_OUTCOMES]) {
    memset(weights, 0, WORLD_OUTCOMES * sizeof(*weights));
    while (*text != '\0') {
        char name[32];
        size_t length = strcspn(text, "=,");
        enum world_outcome outcome = WORLD_ALLOWED;
        snprintf(name, sizeof(name), "%.*s", (int)length, text);
        if (text[length] != '=' || !world_outcome_parse(name, &outcome))
            refuse_argument(
                state,
                "--mix: unknown outcome '%s'; use allowed=, ip=, permission=, not_shared=, role=, unknown=, malformed=",
                name);
        char *end;
        unsigned long weight = strtoul(text + length + 1, &end, 10);
        if (end == text + length + 1 || (*end != ',' && *end != '\0') || weight > 1000000)
            refuse_argument(state, "--mix: the weight of %s is not a whole number up to 1,000,000", name);
        weights[outcome] = (unsigned)weight;
        text = *end == ',' ? end + 1 : end;
    }
    unsigned total = 0;
    for (unsigned i = 0; i < WORLD_OUTCOMES; i++)
        total += weights[i];
    if (total == 0)
        refuse_argument(state, "--mix: at least one weight must be above 0");
}

static const struct argp_option run_options[] = {
    {"target", OPTION_TARGET, "ADDRESS", 0, "sallyportd to ask (default 127.0.0.1:7400)", 2},
    {"tls-ca", OPTION_TLS_CA, "FILE", 0,
     "CAs that the server's certificate must be signed by, PEM (default: plaintext)", 2},
    {"tls-cert", OPTION_TLS_CERT, "FILE", 0, "Client certificate, PEM", 2},
    {"tls-key", OPTION_TLS_KEY, "FILE", 0, "Private key of the client certificate, PEM", 2},
    {"tls-name", OPTION_TLS_NAME, "NAME", 0,
     "Name that the server's certificate must have (default: the target's host)", 2},
    {"connections", OPTION_CONNECTIONS, "N", 0, "Connections per thread, 1 to 1,000 (default 4)", 2},
    {"in-flight", OPTION_IN_FLIGHT, "N", 0, "Calls in flight per thread, 1 to 100,000 (default 64)", 2},
    {"threads", OPTION_THREADS, "N", 0, "Threads, 1 to 64 (default 1)", 2},
    {"rate", OPTION_RATE, "N", 0,
     "Open loop: calls per second over all threads; latency counts from the intended send time (default 0: closed "
     "loop)",
     2},
    {"batch", OPTION_BATCH, "N", 0, "Questions per call or message, 1 to 1,000; above 1: CheckBatch (default 1)", 2},
    {"stream", OPTION_STREAM, "N", 0, "CheckStream: messages on N streams per thread, 1 to 100,000", 2},
    {"ext-authz", OPTION_GATEWAY, "N", 0,
     "Ask as Envoy does, by method and path, with N headers besides the usual three, 0 to 100", 2},
    {"wait-for-ready", OPTION_WAIT_FOR_READY, NULL, 0, "Let calls wait for a connection instead of failing without one",
     2},
    {"one-credential", OPTION_ONE_CREDENTIAL, NULL, 0, "Use one key for all questions of a batch", 2},
    {"zipf", OPTION_ZIPF, "S", 0, "Zipf exponent of how often each key is asked about, 0 to 5 (default 0: uniform)", 3},
    {"mix", OPTION_MIX, "LIST", 0,
     "Weights of expected outcomes: allowed=, ip=, permission=, not_shared=, role=, unknown=, malformed= (default "
     "allowed=1)",
     3},
    {"first-key", OPTION_FIRST_KEY, "N", 0, "Only keys from number N up to --keys (default 0: all)", 3},
    {"allow-refused", OPTION_ALLOW_REFUSED, NULL, 0,
     "Count calls answered RESOURCE_EXHAUSTED apart instead of as errors", 4},
    {"warmup", OPTION_WARMUP, "S", 0, "Seconds before measuring starts, 0 to 3,600 (default 1)", 4},
    {"duration", OPTION_DURATION, "S", 0, "Seconds to measure, 0.1 to 3,600 (default 10)", 4},
    {"server-pid", OPTION_SERVER_PID, "PID", 0, "Local process whose CPU time and memory to read", 4},
    {"unverified", OPTION_UNVERIFIED, NULL, 0, "Ignore the answers, for servers that only echo", 4},
    {"output", OPTION_OUTPUT, "FORMAT", 0, "text (default), json or ndjson (one line)", 4},
    {0},
};

/* Where to call, and how many at once. */
static error_t parse_connection_option(int key, char *text, struct argp_state *state, struct load_options *load) {
    switch (key) {
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
    case OPTION_WAIT_FOR_READY:
        load->wait_for_ready = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* What to ask, and how often. */
static error_t parse_question_option(int key, char *text, struct argp_state *state, struct load_options *load) {
    switch (key) {
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
    case OPTION_ONE_CREDENTIAL:
        load->one_credential = true;
        return 0;
    case OPTION_ZIPF:
        load->zipf = read_decimal(state, "--zipf", text, 0, 5);
        return 0;
    case OPTION_MIX:
        read_mix(state, text, load->weights);
        return 0;
    case OPTION_FIRST_KEY:
        load->first_key = read_number(state, "--first-key", text, 0, 999999999);
        return 0;
    case OPTION_ALLOW_REFUSED:
        load->allow_refused = true;
        return 0;
    case OPTION_UNVERIFIED:
        load->unverified = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static enum output read_output(struct argp_state *state, const char *text) {
    static const char *const names[] = {[OUTPUT_TEXT] = "text", [OUTPUT_JSON] = "json", [OUTPUT_LINE] = "ndjson"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (strcmp(text, names[i]) == 0)
            return (enum output)i;
    }
    refuse_argument(state, "--output: '%s' is not one of text, json, ndjson", text);
    return OUTPUT_TEXT;
}

static error_t parse_run_option(int key, char *text, struct argp_state *state) {
    struct arguments *arguments = state->input;
    struct load_options *load = &arguments->load;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &load->world;
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
    case OPTION_OUTPUT:
        arguments->output = read_output(state, text);
        return 0;
    case ARGP_KEY_ARG:
        refuse_argument(state, "unexpected argument '%s'", text);
        return EINVAL;
    default:
        break;
    }
    error_t result = parse_connection_option(key, text, state, load);
    return result == ARGP_ERR_UNKNOWN ? parse_question_option(key, text, state, load) : result;
}

static const struct argp run_argp = {
    .options = run_options,
    .parser = parse_run_option,
    .children = arguments_of_world,
    .doc = "Ask a running sallyportd about a world made by `sallyport-bench world`, and check every answer.\v"
           "Examples:\n"
           "  sallyport-bench world --keys 100000 --store bench-store\n"
           "  sallyportd --store bench-store --listen 127.0.0.1:7400 &\n"
           "  sallyport-bench run --keys 100000 --zipf 0.99 --server-pid $!\n"
           "  sallyport-bench run --keys 100000 --stream 8 --batch 4\n"
           "  sallyport-bench run --keys 100000 --rate 20000 --mix allowed=8,ip=1,permission=1 -o json\n"
           "\nExit status: 0; 1 if an answer was wrong or a call failed; 2 if it could not run.",
};

/* ---- churn ---- */

static const struct argp_option churn_options[] = {
    {"target", OPTION_TARGET, "ADDRESS", 0, "sallyport-sync to change (default 127.0.0.1:7401)", 2},
    {"tls-ca", OPTION_TLS_CA, "FILE", 0,
     "CAs that the server's certificate must be signed by, PEM (default: plaintext)", 2},
    {"tls-cert", OPTION_TLS_CERT, "FILE", 0, "Client certificate, PEM", 2},
    {"tls-key", OPTION_TLS_KEY, "FILE", 0, "Private key of the client certificate, PEM", 2},
    {"tls-name", OPTION_TLS_NAME, "NAME", 0,
     "Name that the server's certificate must have (default: the target's host)", 2},
    {"key-file", OPTION_KEY_FILE, "FILE", 0,
     "File with the key to act with: the operator's, from `world --store … --key-file`, or an admin's (required)", 2},
    {"what", OPTION_WHAT, "NAME", 0,
     "workspaces (default), names of users, shares (200 a call; they change answers), list-changes or list-keys", 2},
    {"connections", OPTION_CONNECTIONS, "N", 0, "Connections, 1 to 1,000 (default 4)", 2},
    {"in-flight", OPTION_IN_FLIGHT, "N", 0, "Changes in flight, 1 to 100,000 (default 64)", 2},
    {"rate", OPTION_RATE, "N", 0, "Changes per second; 0: no limit (default 1,000)", 2},
    {"zipf", OPTION_ZIPF, "S", 0, "Zipf exponent of how often each workspace is changed, 0 to 5 (default 0: uniform)",
     3},
    {"first-key", OPTION_FIRST_KEY, "N", 0, "Only keys from number N up to --keys (default 0: all)", 3},
    {"allow-refused", OPTION_ALLOW_REFUSED, NULL, 0,
     "Count calls answered RESOURCE_EXHAUSTED apart instead of as errors", 4},
    {"warmup", OPTION_WARMUP, "S", 0, "Seconds before measuring starts, 0 to 3,600 (default 1)", 4},
    {"duration", OPTION_DURATION, "S", 0, "Seconds to measure, 0.1 to 3,600 (default 10)", 4},
    {"server-pid", OPTION_SERVER_PID, "PID", 0, "Local process whose CPU time and memory to read", 4},
    {"output", OPTION_OUTPUT, "FORMAT", 0, "text (default), json or ndjson (one line)", 4},
    {0},
};

static void read_key_file(struct arguments *arguments, struct argp_state *state) {
    FILE *file = arguments->key_file != NULL ? fopen(arguments->key_file, "re") : NULL;
    if (file == NULL || fgets(arguments->key, sizeof(arguments->key), file) == NULL)
        refuse_argument(state, "--key-file: cannot read a key; give the file that `world --store … --key-file` wrote");
    if (file != NULL)
        fclose(file);
    arguments->key[strcspn(arguments->key, "\n")] = '\0';
    arguments->load.admin_key = sp_str_from(arguments->key);
    if (arguments->load.admin_key.size == 0)
        refuse_argument(state, "--key-file: the file is empty");
}

static error_t parse_churn_option(int key, char *text, struct argp_state *state) {
    struct arguments *arguments = state->input;
    switch (key) {
    case OPTION_KEY_FILE:
        arguments->key_file = text;
        return 0;
    case OPTION_WHAT:
        arguments->load.admin_call = admin_call_find(text);
        if (arguments->load.admin_call == NULL)
            refuse_argument(state, "--what: '%s' is not one of workspaces, names, shares, list-changes, list-keys",
                            text);
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
    .children = arguments_of_world,
    .doc = "Change a world made by `sallyport-bench world`, or list it, through a running sallyport-sync.\vExamples:\n"
           "  sallyport-bench world --keys 100000 --store bench-store --key-file operator.key\n"
           "  sallyport-sync serve --store bench-store --listen 127.0.0.1:7401 &\n"
           "  sallyport-bench churn --keys 100000 --key-file operator.key --rate 1000 --duration 60\n"
           "  sallyport-bench churn --keys 40 --key-file admin-of-ws_0.key --what list-changes --rate 0\n"
           "\nExit status: 0; 1 if a change failed; 2 if it could not run.",
};

/* ---- the result ---- */

static const double percentiles[] = {50, 90, 99, 99.9, 99.99};

static const char *method_of(const struct load_options *options) {
    if (options->admin_call != NULL)
        return strrchr(options->admin_call->path, '/') + 1;
    if (options->gateway)
        return "ext_authz Check";
    if (options->streams > 0)
        return "CheckStream";
    return options->batch > 1 ? "CheckBatch" : "Check";
}

static void print_result(const struct load_options *options, const struct load_result *result) {
    printf("%s, %s, %u thread(s) × %u connection(s), %u in flight each\n",
           options->rate > 0 ? "open loop" : "closed loop", method_of(options), options->threads, options->connections,
           options->in_flight);
    printf("calls       %12llu   %12.0f /s\n", (unsigned long long)result->calls,
           (double)result->calls / result->elapsed_s);
    printf("decisions   %12llu   %12.0f /s\n", (unsigned long long)result->decisions,
           (double)result->decisions / result->elapsed_s);
    printf("errors      %12llu\nwrong       %12llu\n", (unsigned long long)result->errors,
           (unsigned long long)result->wrong);
    if (options->allow_refused)
        printf("refused     %12llu\n", (unsigned long long)result->refused);
    if (result->server_cpu_s >= 0 && result->decisions > 0)
        printf("server CPU  %12.2f µs/decision\n", result->server_cpu_s * 1e6 / (double)result->decisions);
    if (result->server_private_bytes > 0)
        printf("server memory %10.1f MiB, private\n", (double)result->server_private_bytes / 1048576);
    printf("latency µs  min %.1f", (double)result->latency.min_ns / 1e3);
    for (size_t i = 0; i < sizeof(percentiles) / sizeof(*percentiles); i++)
        printf("  p%g %.1f", percentiles[i], (double)histogram_percentile(&result->latency, percentiles[i]) / 1e3);
    printf("  max %.1f\n", (double)result->latency.max_ns / 1e3);
    histogram_plot(&result->latency, 50, stdout);
    if (result->errors > 0)
        printf("first error: %s\n", result->first_error.message);
}

static void print_result_json(const struct load_options *options, const struct load_result *result, bool line) {
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
    json_t *all = json_pack(
        "{s:s, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:o, s:s}", "loop", options->rate > 0 ? "open" : "closed", "rate",
        options->rate, "elapsed_s", result->elapsed_s, "calls", (json_int_t)result->calls, "decisions",
        (json_int_t)result->decisions, "errors", (json_int_t)result->errors, "refused", (json_int_t)result->refused,
        "wrong", (json_int_t)result->wrong, "latency_ns", latency, "method", method_of(options));
    if (result->server_cpu_s >= 0)
        json_object_set_new(all, "server_cpu_s", json_real(result->server_cpu_s));
    if (result->server_private_bytes > 0)
        json_object_set_new(all, "server_private_bytes", json_integer((json_int_t)result->server_private_bytes));
    json_dumpf(all, stdout, line ? JSON_COMPACT : JSON_INDENT(2));
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
    if (arguments->output == OUTPUT_TEXT)
        print_result(options, result);
    else
        print_result_json(options, result, arguments->output == OUTPUT_LINE);
    bool good = result->calls + result->refused > 0 && result->errors == 0 && result->wrong == 0;
    free(result);
    return good ? 0 : 1;
}

static struct arguments default_arguments(void) {
    return (struct arguments){
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
}

int command_run(int argc, char **argv) {
    struct arguments arguments = default_arguments();
    parse_arguments(&run_argp, argc, argv, &arguments);
    return run_load(&arguments);
}

int command_churn(int argc, char **argv) {
    struct arguments arguments = default_arguments();
    arguments.load.target = "127.0.0.1:7401";
    arguments.load.rate = 1000;
    arguments.load.admin_call = admin_call_find("workspaces");
    parse_arguments(&churn_argp, argc, argv, &arguments);
    return run_load(&arguments);
}
