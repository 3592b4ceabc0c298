/* sallyport-bench world and request: worlds, and single questions about them. */
#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "commands.h"
#include "sallyport/v1/authorization.pb-c.h"
#include "wire/wire.h"
#include "world_records.h"

enum { OPTION_OUTPUT = 'o', OPTION_STORE = 256, OPTION_KEY_FILE, OPTION_SHAPE, OPTION_NO_SYNC };

struct world_arguments {
    struct world world;
    const char *store, *key_file;
    bool no_sync, json;
};

static const struct argp_option make_options[] = {
    {"store", OPTION_STORE, "DIR", 0, "Create a store in DIR instead of writing NDJSON to standard output", 2},
    {"shape", OPTION_SHAPE, "NAME", 0,
     "full (default), or keys: only workspaces, principals and keys, to measure the size of a key", 2},
    {"no-sync", OPTION_NO_SYNC, NULL, 0, "With --store: do not sync each commit to disk; faster", 2},
    {"key-file", OPTION_KEY_FILE, "FILE", 0, "With --store: write the operator's key to FILE", 2},
    {"output", OPTION_OUTPUT, "FORMAT", 0, "With --store: print the time taken as text (default) or json", 2},
    {0},
};

static error_t parse_make_option(int key, char *text, struct argp_state *state) {
    struct world_arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->world;
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
        arguments->world.shape = read_choice(state, "--shape", text, "full", "keys") ? WORLD_KEYS_ONLY : WORLD_FULL;
        return 0;
    case OPTION_OUTPUT:
        arguments->json = read_choice(state, "--output", text, "text", "json");
        return 0;
    case ARGP_KEY_ARG:
        refuse_argument(state, "unexpected argument '%s'", text);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp make_argp = {
    .options = make_options,
    .parser = parse_make_option,
    .children = arguments_of_world,
    .doc = "Make a deterministic world: the same number of keys and seed give the same keys and answers.\v"
           "Examples:\n"
           "  sallyport-bench world --keys 1000 --seed 7 > world.ndjson && sallyport import world.ndjson\n"
           "  sallyport-bench world --keys 1000000 --store bench-store",
};

static void show_world_progress(uint64_t done, uint64_t total) {
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%llu of %llu workspaces%s", (unsigned long long)done, (unsigned long long)total,
                done == total ? "\n" : "");
}

static int make_world(const struct world_arguments *arguments) {
    struct sp_error error = {0};
    const struct world *world = &arguments->world;
    enum sp_status status;
    double seconds = 0;
    if (arguments->store != NULL)
        status = world_write_store(world, arguments->store, arguments->key_file, !arguments->no_sync,
                                   show_world_progress, &seconds, &error);
    else
        status = world_write_ndjson(world, stdout, &error);
    if (status != SP_OK) {
        fprintf(stderr, "sallyport-bench: %s\n", error.message);
        return 2;
    }
    if (arguments->store != NULL)
        printf(arguments->json ? "{\"keys\":%llu,\"seconds\":%.6f,\"keys_per_s\":%.0f}\n"
                               : "%llu keys in %.2f s: %.0f keys/s\n",
               (unsigned long long)world->keys, seconds, (double)world->keys / seconds);
    return 0;
}

/* ---- request ---- */

/* One allowed question as a gRPC frame: five bytes, then the message. For load tools that send the
 * same bytes over and over. */
static int write_request(const struct world *world) {
    struct world_question question;
    struct sp_arena arena;
    struct sp_bytes message;
    static char voice[] = "voice";
    char action[16];
    world_ask(world, WORLD_ALLOWED, 5, 2, &question);
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
    .children = arguments_of_world,
    .doc = "Write an allowed question of the world as a gRPC frame to standard output.\v"
           "Example:\n"
           "  sallyport-bench request --keys 100000 > check.frame\n"
           "  h2load -d check.frame -H 'content-type: application/grpc' -H 'te: trailers' "
           "http://127.0.0.1:7400/sallyport.v1.Authorization/Check",
};

int command_world(int argc, char **argv) {
    struct world_arguments arguments = {.world = {.seed = 1, .keys = 10000}};
    parse_arguments(&make_argp, argc, argv, &arguments);
    return make_world(&arguments);
}

int command_request(int argc, char **argv) {
    struct world_arguments arguments = {.world = {.seed = 1, .keys = 10000}};
    parse_arguments(&request_argp, argc, argv, &arguments);
    return write_request(&arguments.world);
}
