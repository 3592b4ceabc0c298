/* How long it takes to disable keys of a world through a sallyport-sync, at a steady rate: from
 * when a call was meant to be sent to its reply. One JSON object. A call that fails ends the
 * program.
 *
 * Usage: disables TARGET KEY_FILE FIRST COUNT RATE [enable]
 *
 * Disables the keys FIRST to FIRST + COUNT - 1, each once, RATE a second. With `enable`, they are
 * enabled again at the end, which is not measured. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pace.h"
#include "see.h"
#include "spawn.h"

static void name_key(uint64_t key, char ret_workspace[static 32], char ret_id[static 32]) {
    world_workspace_id(key, ret_workspace);
    snprintf(ret_id, 32, "k%" PRIu64, key % WORLD_KEYS);
}

static void disable_key(struct sp_rpc_client *admin, struct sp_arena *arena, uint64_t key) {
    char workspace[32], id[32];
    Sallyport__V1__DisableApiKeyRequest request = SALLYPORT__V1__DISABLE_API_KEY_REQUEST__INIT;
    name_key(key, workspace, id);
    request.workspace = workspace;
    request.id = id;
    const Sallyport__V1__ApiKeyResponse *reply = (const Sallyport__V1__ApiKeyResponse *)see_call(
        admin, arena, "/sallyport.v1.Admin/DisableApiKey", &request.base, &sallyport__v1__api_key_response__descriptor);
    if (reply->api_key == NULL || !reply->api_key->disabled)
        see_fail("a key was not disabled");
}

static void enable_key(struct sp_rpc_client *admin, struct sp_arena *arena, uint64_t key) {
    char workspace[32], id[32];
    Sallyport__V1__EnableApiKeyRequest request = SALLYPORT__V1__ENABLE_API_KEY_REQUEST__INIT;
    name_key(key, workspace, id);
    request.workspace = workspace;
    request.id = id;
    (void)see_call(admin, arena, "/sallyport.v1.Admin/EnableApiKey", &request.base,
                   &sallyport__v1__api_key_response__descriptor);
}

int main(int argc, char **argv) {
    static struct histogram latency;
    char key[128];
    struct sp_arena arena;
    if (argc < 6 || argc > 7 || (argc == 7 && strcmp(argv[6], "enable") != 0))
        see_fail("usage: disables TARGET KEY_FILE FIRST COUNT RATE [enable]");
    uint64_t first = strtoull(argv[3], NULL, 10), count = strtoull(argv[4], NULL, 10);
    double interval_ns = 1e9 / strtod(argv[5], NULL);
    if (count == 0 || !(interval_ns >= 1 && interval_ns <= 1e11))
        see_fail("disables: COUNT must be above 0, and RATE from 0.01 a second");
    see_read_key(argv[2], key);
    sp_rpc_global_init();
    struct sp_rpc_client *admin = see_connect(argv[1], key);
    if (sp_arena_init(&arena, 1 << 16, 1 << 22) != SP_OK || !sp_rpc_client_connect(admin, 5000))
        see_fail("disables: cannot connect");
    uint64_t begin_ns = bench_now_ns();
    for (uint64_t i = 0; i < count; i++) {
        uint64_t meant_ns = begin_ns + (uint64_t)((double)i * interval_ns);
        sp_arena_reset(&arena);
        pace_wait_until(meant_ns);
        disable_key(admin, &arena, first + i);
        histogram_add(&latency, bench_now_ns() - meant_ns);
    }
    for (uint64_t i = 0; argc == 7 && i < count; i++) {
        sp_arena_reset(&arena);
        enable_key(admin, &arena, first + i);
    }
    pace_print("DisableApiKey", &latency, count);
    sp_rpc_client_close(admin);
    sp_arena_fini(&arena);
    sp_rpc_global_fini();
    return 0;
}
