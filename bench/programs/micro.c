/* Micro-benchmarks of the decision over a world store: each lookup and step alone, the whole
 * decision, the codec, and bare mdb_gets of the same keys in the same databases in the same run.
 * Prints one JSON object per line: {"name":…,"ns":…}.
 *
 * Usage: micro STORE KEYS [SEED]. The store was made by `sallyport-bench world --keys KEYS --seed
 * SEED --store STORE`. */
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/allowlist.h"
#include "core/digest.h"
#include "core/key_text.h"
#include "decide/check.h"
#include "sallyport/v1/authorization.pb-c.h"
#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "store/records/effective_role.h"
#include "store/records/index.h"
#include "store/records/resource_key.h"
#include "store/records/snapshot.h"
#include "traffic.h"
#include "wire/wire.h"
#include "world.h"

enum { QUESTIONS = 200000, ROUNDS = 5 };

/* A question with what its lookups need, so that each can be measured alone. */
struct prepared {
    struct world_question question;
    uint8_t digest[SP_DIGEST_BYTES];
    struct sp_ip ip;
    uint64_t principal_number, workspace_number;
    uint8_t resource_key[64];
    size_t resource_key_size;
};

struct bench {
    struct world world;
    struct prepared *prepared;
    struct sp_snapshot *snapshot;
    struct sp_view *view;
    MDB_txn *txn;
    MDB_dbi databases[5];
    struct sp_arena arena;
    struct sp_bytes packed;
};

_Noreturn static void fail(const char *what) {
    fprintf(stderr, "micro: %s\n", what);
    exit(2);
}

static double read_clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int compare_rounds(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What one call of `step` costs: the median of the rounds. The sum of its results keeps the
 * compiler honest. */
static double measure_step(struct bench *bench, uint64_t (*step)(struct bench *, struct prepared *), size_t count) {
    double rounds[ROUNDS];
    static volatile uint64_t sink;
    for (int round = 0; round < ROUNDS; round++) {
        double began = read_clock_ns();
        uint64_t sum = 0;
        for (size_t i = 0; i < count; i++)
            sum += step(bench, &bench->prepared[i]);
        rounds[round] = (read_clock_ns() - began) / (double)count;
        sink = sink + sum;
    }
    qsort(rounds, ROUNDS, sizeof(*rounds), compare_rounds);
    return rounds[ROUNDS / 2];
}

static double print_measured_step(const char *name, double ns) {
    printf("{\"name\":\"%s\",\"ns\":%.1f}\n", name, ns);
    fflush(stdout);
    return ns;
}

/* ---- steps ---- */

static uint64_t do_digest(struct bench *bench, struct prepared *p) {
    (void)bench;
    uint8_t digest[SP_DIGEST_BYTES];
    sp_key_digest_from_text(sp_str_from(p->question.key), digest);
    return digest[0];
}

static uint64_t do_judge(struct bench *bench, struct prepared *p) {
    (void)bench;
    struct sp_str prefix = SP_STR_LITERAL("sp_");
    return (uint64_t)sp_key_text_judge(sp_str_from(p->question.key), &prefix, 1, false);
}

static uint64_t do_parse_ip(struct bench *bench, struct prepared *p) {
    (void)bench;
    struct sp_ip ip;
    return sp_ip_parse(sp_str_from(p->question.ip), &ip, NULL) == SP_OK ? ip.bytes[15] : 0;
}

static uint8_t hundred_ranges[100 * SP_ALLOWLIST_RANGE_BYTES];

static uint64_t do_match_100(struct bench *bench, struct prepared *p) {
    (void)bench;
    return sp_allowlist_contains((struct sp_bytes){hundred_ranges, sizeof(hundred_ranges)}, &p->ip);
}

static uint64_t do_key(struct bench *bench, struct prepared *p) {
    struct sp_key key;
    return sp_index_key(bench->view, p->digest, &key) == SP_OK ? key.principal_number : 0;
}

static uint64_t do_principal(struct bench *bench, struct prepared *p) {
    struct sp_principal_state state;
    return sp_index_principal(bench->view, p->principal_number, &state) == SP_OK && state.found;
}

static uint64_t do_workspace(struct bench *bench, struct prepared *p) {
    struct sp_workspace_state state;
    return sp_index_workspace(bench->view, p->workspace_number, &state) == SP_OK && state.found;
}

static uint64_t do_action(struct bench *bench, struct prepared *p) {
    struct sp_action action;
    return sp_index_action(bench->view, SP_STR_LITERAL("voice"), sp_str_from(p->question.action), &action) == SP_OK;
}

static uint64_t do_owner(struct bench *bench, struct prepared *p) {
    uint64_t owner;
    struct sp_bytes key = {p->resource_key, p->resource_key_size};
    return sp_index_owner(bench->view, key, &owner) == SP_OK ? owner : 0;
}

static uint64_t do_role(struct bench *bench, struct prepared *p) {
    enum sp_role role;
    struct sp_bytes key = {p->resource_key, p->resource_key_size};
    return sp_index_effective_role(bench->view, key, p->principal_number, &role) == SP_OK ? (uint64_t)role : 0;
}

static uint64_t do_acquire(struct bench *bench, struct prepared *p) {
    (void)p;
    sp_snapshot_release(bench->snapshot);
    return sp_snapshot_acquire(bench->snapshot) == SP_OK;
}

static uint64_t do_decision(struct bench *bench, struct prepared *p) {
    struct sp_answer answer;
    struct sp_ip ip;
    struct sp_query query = {
        .credential_kind = SP_CREDENTIAL_TEXT,
        .credential = {(const uint8_t *)p->question.key, strlen(p->question.key)},
        .resource_type = SP_STR_LITERAL("voice"),
        .resource_id = sp_str_from(p->question.voice),
        .action = sp_str_from(p->question.action),
        .now_s = 1800000000,
    };
    sp_snapshot_release(bench->snapshot);
    if (sp_snapshot_acquire(bench->snapshot) != SP_OK || sp_ip_parse(sp_str_from(p->question.ip), &ip, NULL) != SP_OK)
        fail("a decision failed");
    query.ip = &ip;
    if (sp_check(bench->view, &query, &answer) != SP_OK || answer.reason != p->question.expected)
        fail("a decision was not the expected one");
    return (uint64_t)answer.reason;
}

static char *point_without_const(const char *text) {
    union {
        const char *in;
        char *out;
    } cast = {text}; /* packing only reads */
    return cast.out;
}

static struct sp_bytes pack_measured_request(struct bench *bench, struct prepared *p) {
    Sallyport__V1__CheckRequest request = SALLYPORT__V1__CHECK_REQUEST__INIT;
    Sallyport__V1__ResourceRef ref = SALLYPORT__V1__RESOURCE_REF__INIT;
    struct sp_bytes bytes;
    ref.type = point_without_const("voice");
    ref.id = p->question.voice;
    request.credential_case = SALLYPORT__V1__CHECK_REQUEST__CREDENTIAL_API_KEY;
    request.api_key = p->question.key;
    request.ip = p->question.ip;
    request.resource = &ref;
    request.action = point_without_const(p->question.action);
    if (sp_wire_pack(&request.base, &bench->arena, &bytes) != SP_OK)
        fail("out of memory");
    return bytes;
}

static uint64_t do_decode(struct bench *bench, struct prepared *p) {
    (void)p;
    ProtobufCMessage *message;
    sp_arena_reset(&bench->arena);
    return sp_wire_unpack(&sallyport__v1__check_request__descriptor, bench->packed, &bench->arena, &message, NULL) ==
           SP_OK;
}

static uint64_t do_encode(struct bench *bench, struct prepared *p) {
    (void)p;
    Sallyport__V1__CheckResponse response = SALLYPORT__V1__CHECK_RESPONSE__INIT;
    Sallyport__V1__Revision revision = SALLYPORT__V1__REVISION__INIT;
    struct sp_bytes bytes;
    revision.epoch = 1;
    revision.number = 123456;
    response.decision = SALLYPORT__V1__DECISION__ALLOW;
    response.reason = SALLYPORT__V1__REASON__ALLOWED;
    response.http_status = 200;
    response.workspace = point_without_const("ws_12345");
    response.principal = point_without_const("p12");
    response.key_id = point_without_const("k24");
    response.role = SALLYPORT__V1__ROLE__ROLE_VIEWER;
    response.revision = &revision;
    response.decision_id = point_without_const("0123456789abcdefABCDEF");
    sp_arena_reset(&bench->arena);
    return sp_wire_pack(&response.base, &bench->arena, &bytes) == SP_OK ? bytes.size : 0;
}

/* ---- bare LMDB ---- */

static uint64_t bare_get(struct bench *bench, int database, const void *key, size_t size) {
    MDB_val key_val = {size, point_without_const(key)}, value;
    return mdb_get(bench->txn, bench->databases[database], &key_val, &value) == MDB_SUCCESS ? value.mv_size : 0;
}

static uint64_t bare_key(struct bench *bench, struct prepared *p) {
    return bare_get(bench, 0, p->digest, 8);
}

static uint64_t bare_principal(struct bench *bench, struct prepared *p) {
    return bare_get(bench, 1, &p->principal_number, 8);
}

static uint64_t bare_workspace(struct bench *bench, struct prepared *p) {
    return bare_get(bench, 2, &p->workspace_number, 8);
}

static uint64_t bare_resource(struct bench *bench, struct prepared *p) {
    return bare_get(bench, 3, p->resource_key, p->resource_key_size);
}

static uint64_t bare_action(struct bench *bench, struct prepared *p) {
    (void)p;
    return bare_get(bench, 4, "voice\0use", 9);
}

/* The gets that a decision cannot do without, one after the other. */
static uint64_t bare_all(struct bench *bench, struct prepared *p) {
    return bare_key(bench, p) + bare_workspace(bench, p) + bare_principal(bench, p) + bare_action(bench, p) +
           bare_resource(bench, p);
}

static double measure_bare(struct bench *bench, const char *path) {
    static const char *const names[] = {"key", "principal", "workspace", "resource", "action"};
    MDB_env *env;
    if (mdb_env_create(&env) != 0 || mdb_env_set_maxdbs(env, 32) != 0 ||
        mdb_env_open(env, path, MDB_RDONLY, 0640) != 0 || mdb_txn_begin(env, NULL, MDB_RDONLY, &bench->txn) != 0)
        fail("cannot open the store bare");
    for (int i = 0; i < 5; i++) {
        if (mdb_dbi_open(bench->txn, names[i], 0, &bench->databases[i]) != 0)
            fail("a database is missing");
    }
    print_measured_step("bare mdb_get: key", measure_step(bench, bare_key, QUESTIONS));
    print_measured_step("bare mdb_get: principal", measure_step(bench, bare_principal, QUESTIONS));
    print_measured_step("bare mdb_get: workspace", measure_step(bench, bare_workspace, QUESTIONS));
    print_measured_step("bare mdb_get: resource", measure_step(bench, bare_resource, QUESTIONS));
    print_measured_step("bare mdb_get: action", measure_step(bench, bare_action, QUESTIONS));
    double all = print_measured_step("bare mdb_get: the five of a decision", measure_step(bench, bare_all, QUESTIONS));
    mdb_txn_abort(bench->txn);
    mdb_env_close(env);
    return all;
}

/* ---- setting up ---- */

static void prepare_questions(struct bench *bench, double zipf) {
    struct traffic traffic;
    traffic_init(&traffic, bench->world.seed + 17, bench->world.keys, zipf);
    for (size_t i = 0; i < QUESTIONS; i++) {
        struct prepared *p = &bench->prepared[i];
        struct sp_key key;
        struct sp_action action;
        world_ask(&bench->world, WORLD_ALLOWED, traffic_next_key(&traffic), world_random(&traffic.random),
                  &p->question);
        sp_key_digest_from_text(sp_str_from(p->question.key), p->digest);
        if (sp_ip_parse(sp_str_from(p->question.ip), &p->ip, NULL) != SP_OK ||
            sp_index_key(bench->view, p->digest, &key) != SP_OK ||
            sp_index_action(bench->view, SP_STR_LITERAL("voice"), sp_str_from(p->question.action), &action) != SP_OK)
            fail("the store does not hold this world: give the KEYS and SEED that it was made with");
        p->principal_number = key.principal_number;
        p->workspace_number = key.workspace_number;
        uint8_t resource_key[SP_RESOURCE_KEY_MAX_BYTES];
        p->resource_key_size = sp_resource_key(action.type_number, 0, sp_str_from(p->question.voice), resource_key);
        memcpy(p->resource_key, resource_key, p->resource_key_size);
    }
}

static void fill_ranges(void) {
    for (unsigned i = 0; i < 100; i++) {
        struct sp_ip first = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 0, (uint8_t)(2 * i), 0}};
        memcpy(hundred_ranges + (size_t)i * SP_ALLOWLIST_RANGE_BYTES, first.bytes, 16);
        first.bytes[15] = 255;
        memcpy(hundred_ranges + (size_t)i * SP_ALLOWLIST_RANGE_BYTES + 16, first.bytes, 16);
    }
}

static struct sp_store *open_measured_store(struct bench *bench, const char *path) {
    struct sp_store_options options = {.mode = SP_STORE_READ};
    struct sp_store *store;
    struct sp_error error;
    if (sp_store_open(path, &options, &store, &error) != SP_OK)
        fail(error.message);
    if (sp_snapshot_open(store, &bench->snapshot) != SP_OK || sp_snapshot_acquire(bench->snapshot) != SP_OK)
        fail("no snapshot");
    bench->view = sp_snapshot_view(bench->snapshot);
    return store;
}

static void close_store(struct bench *bench, struct sp_store *store) {
    sp_snapshot_release(bench->snapshot);
    sp_snapshot_close(bench->snapshot);
    sp_store_close(store);
}

static void measure_parts(struct bench *bench) {
    fill_ranges();
    bench->packed = pack_measured_request(bench, &bench->prepared[0]);
    uint8_t *kept = malloc(bench->packed.size);
    if (kept == NULL)
        fail("out of memory");
    memcpy(kept, bench->packed.data, bench->packed.size);
    bench->packed.data = kept;
    print_measured_step("judge key text", measure_step(bench, do_judge, QUESTIONS));
    print_measured_step("parse address", measure_step(bench, do_parse_ip, QUESTIONS));
    print_measured_step("match 100 ranges", measure_step(bench, do_match_100, QUESTIONS));
    print_measured_step("lookup: key", measure_step(bench, do_key, QUESTIONS));
    print_measured_step("lookup: principal", measure_step(bench, do_principal, QUESTIONS));
    print_measured_step("lookup: workspace", measure_step(bench, do_workspace, QUESTIONS));
    print_measured_step("lookup: action", measure_step(bench, do_action, QUESTIONS));
    print_measured_step("lookup: owner", measure_step(bench, do_owner, QUESTIONS));
    print_measured_step("lookup: effective role", measure_step(bench, do_role, QUESTIONS));
    print_measured_step("snapshot release and acquire", measure_step(bench, do_acquire, QUESTIONS));
    double decode = measure_step(bench, do_decode, QUESTIONS), encode = measure_step(bench, do_encode, QUESTIONS);
    print_measured_step("decode CheckRequest", decode);
    print_measured_step("encode CheckResponse", encode);
    print_measured_step("codec", decode + encode);
    free(kept);
}

int main(int argc, char **argv) {
    struct bench bench = {.world = {.seed = 1}};
    if (argc < 3)
        fail("usage: micro STORE KEYS [SEED]");
    bench.world.keys = strtoull(argv[2], NULL, 10);
    if (argc > 3)
        bench.world.seed = strtoull(argv[3], NULL, 10);
    bench.prepared = calloc(QUESTIONS, sizeof(*bench.prepared));
    if (bench.world.keys == 0 || bench.prepared == NULL || sp_arena_init(&bench.arena, 1 << 16, 1 << 20) != SP_OK)
        fail("bad arguments, or out of memory");

    struct sp_store *store = open_measured_store(&bench, argv[1]);
    prepare_questions(&bench, 0);
    close_store(&bench, store);
    /* The bare environment is opened while the store is not: a process opens an environment once at
     * a time. */
    double bare = measure_bare(&bench, argv[1]);
    store = open_measured_store(&bench, argv[1]);
    double digest = print_measured_step("digest", measure_step(&bench, do_digest, QUESTIONS));
    double decision = print_measured_step("decision", measure_step(&bench, do_decision, QUESTIONS));
    print_measured_step("digest and bare gets", digest + bare);
    printf("{\"name\":\"decision / (digest and bare gets)\",\"ratio\":%.3f}\n", decision / (digest + bare));
    measure_parts(&bench);
    prepare_questions(&bench, 0.99);
    print_measured_step("decision, Zipf 0.99", measure_step(&bench, do_decision, QUESTIONS));
    close_store(&bench, store);
    sp_arena_fini(&bench.arena);
    free(bench.prepared);
    return 0;
}
