#include "world_records.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admin/import.h"
#include "admin/operator.h"
#include "core/digest.h"
#include "core/key_text.h"
#include "core/schema.h"
#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "store/records/create.h"
#include "store/records/write.h"
#include "wire/json_write.h"

enum { RECORDS_OF_WORKSPACE = 1 + 3 * WORLD_PRINCIPALS + WORLD_GROUPS + 4 * WORLD_VOICES + WORLD_KEYS };

/* What fills one workspace. `failed` once memory ran out: nothing is read after it. */
struct builder {
    const struct world *world;
    struct sp_arena *arena;
    Sallyport__V1__ImportRecord **records;
    size_t count, room;
    char *workspace;
    bool failed;
};

static void *make_record_message(struct builder *builder, const ProtobufCMessageDescriptor *descriptor) {
    static union {
        ProtobufCMessage message;
        unsigned char bytes[512];
    } spare; /* written to after memory ran out, and never looked at */
    ProtobufCMessage *message = sp_arena_calloc(builder->arena, 1, descriptor->sizeof_message);
    builder->failed = builder->failed || message == NULL;
    if (message == NULL)
        message = &spare.message;
    protobuf_c_message_init(descriptor, message);
    return message;
}

static char *format_text(struct builder *builder, const char *format, unsigned long long number) {
    static char spare[1];
    char made[64];
    /* All formats are in this file, each with one number. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(made, sizeof(made), format, number);
#pragma GCC diagnostic pop
    char *copy = sp_arena_strdup(builder->arena, sp_str_from(made));
    builder->failed = builder->failed || copy == NULL;
    return copy != NULL ? copy : spare;
}

static Sallyport__V1__ImportRecord *add_world_record(struct builder *builder,
                                                     Sallyport__V1__ImportRecord__RecordCase record_case) {
    Sallyport__V1__ImportRecord *record = make_record_message(builder, &sallyport__v1__import_record__descriptor);
    record->record_case = record_case;
    record->line = builder->count + 1;
    if (builder->count < builder->room)
        builder->records[builder->count++] = record;
    else
        builder->failed = true;
    return record;
}

static void add_workspace(struct builder *builder) {
    static Sallyport__V1__Feature features[] = {SALLYPORT__V1__FEATURE__FEATURE_IP_ALLOWLIST};
    Sallyport__V1__Workspace *workspace = make_record_message(builder, &sallyport__v1__workspace__descriptor);
    workspace->id = builder->workspace;
    workspace->name = builder->workspace;
    workspace->plan = SALLYPORT__V1__PLAN__PLAN_ENTERPRISE;
    workspace->seats = 100;
    workspace->features = features;
    workspace->n_features = 1;
    add_world_record(builder, SALLYPORT__V1__IMPORT_RECORD__RECORD_WORKSPACE)->workspace = workspace;
}

static void add_principals(struct builder *builder) {
    for (unsigned p = 0; p < WORLD_PRINCIPALS; p++) {
        Sallyport__V1__Principal *principal = make_record_message(builder, &sallyport__v1__principal__descriptor);
        principal->workspace = builder->workspace;
        principal->id = format_text(builder, "p%llu", p);
        principal->name = principal->id;
        principal->kind = p < WORLD_PRINCIPALS / 2 ? SALLYPORT__V1__PRINCIPAL_KIND__USER
                                                   : SALLYPORT__V1__PRINCIPAL_KIND__SERVICE_ACCOUNT;
        principal->role = p == 0 ? SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_ADMIN
                                 : SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_MEMBER;
        add_world_record(builder, SALLYPORT__V1__IMPORT_RECORD__RECORD_PRINCIPAL)->principal = principal;
    }
}

static void add_groups(struct builder *builder) {
    for (unsigned g = 0; g < WORLD_GROUPS; g++) {
        Sallyport__V1__Group *group = make_record_message(builder, &sallyport__v1__group__descriptor);
        group->workspace = builder->workspace;
        group->id = format_text(builder, "g%llu", g);
        group->name = group->id;
        add_world_record(builder, SALLYPORT__V1__IMPORT_RECORD__RECORD_GROUP)->group = group;
    }
    for (unsigned p = 0; p < WORLD_PRINCIPALS; p++) {
        for (unsigned g = 0; g < WORLD_GROUPS; g++) {
            if (!world_in_group(p, g))
                continue;
            Sallyport__V1__Membership *member = make_record_message(builder, &sallyport__v1__membership__descriptor);
            member->workspace = builder->workspace;
            member->group = format_text(builder, "g%llu", g);
            member->principal = format_text(builder, "p%llu", p);
            add_world_record(builder, SALLYPORT__V1__IMPORT_RECORD__RECORD_MEMBERSHIP)->membership = member;
        }
    }
}

static void add_world_grant(struct builder *builder, Sallyport__V1__ResourceRef *ref, bool to_group, unsigned subject,
                            Sallyport__V1__Role role) {
    Sallyport__V1__Grant *grant = make_record_message(builder, &sallyport__v1__grant__descriptor);
    Sallyport__V1__Subject *whom = make_record_message(builder, &sallyport__v1__subject__descriptor);
    whom->kind_case = to_group ? SALLYPORT__V1__SUBJECT__KIND_GROUP : SALLYPORT__V1__SUBJECT__KIND_PRINCIPAL;
    if (to_group)
        whom->group = format_text(builder, "g%llu", subject);
    else
        whom->principal = format_text(builder, "p%llu", subject);
    grant->workspace = builder->workspace;
    grant->resource = ref;
    grant->subject = whom;
    grant->role = role;
    add_world_record(builder, SALLYPORT__V1__IMPORT_RECORD__RECORD_GRANT)->grant = grant;
}

static void add_voices(struct builder *builder, uint64_t workspace) {
    for (unsigned v = 0; v < WORLD_VOICES; v++) {
        Sallyport__V1__Resource *resource = make_record_message(builder, &sallyport__v1__resource__descriptor);
        Sallyport__V1__ResourceRef *ref = make_record_message(builder, &sallyport__v1__resource_ref__descriptor);
        ref->type = format_text(builder, "voice", 0);
        ref->id = format_text(builder, "voice_%llu", workspace * WORLD_VOICES + v);
        resource->workspace = builder->workspace;
        resource->ref = ref;
        add_world_record(builder, SALLYPORT__V1__IMPORT_RECORD__RECORD_RESOURCE)->resource = resource;
        add_world_grant(builder, ref, true, v % WORLD_GROUPS, SALLYPORT__V1__ROLE__ROLE_VIEWER);
        add_world_grant(builder, ref, true, (v + 1) % WORLD_GROUPS, SALLYPORT__V1__ROLE__ROLE_EDITOR);
        add_world_grant(builder, ref, false, WORLD_PRINCIPALS - 1, SALLYPORT__V1__ROLE__ROLE_VIEWER);
    }
}

static char *hex_of_key(struct builder *builder, uint64_t key) {
    char secret[SP_KEY_TEXT_BYTES], hex[2 * SP_DIGEST_BYTES + 1];
    uint8_t digest[SP_DIGEST_BYTES];
    static const char digits[] = "0123456789abcdef";
    world_key_text(builder->world, key, secret);
    sp_sha256(secret, strlen(secret), digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[2 * SP_DIGEST_BYTES] = '\0';
    char *copy = sp_arena_strdup(builder->arena, sp_str_from(hex));
    builder->failed = builder->failed || copy == NULL;
    return copy;
}

/* At file scope, because the lists of a record outlive the function that makes it. */
static char text_to_speech[] = "text_to_speech", voices_read[] = "voices_read";
static char range_v4[] = "203.0.113.0/24", address_v4[] = "198.51.100.7/32", range_v6[] = "2001:db8::/32";
static char *narrow[] = {text_to_speech, voices_read};
static char *ranges[] = {range_v4, address_v4, range_v6};

static void add_world_key(struct builder *builder, uint64_t key) {
    Sallyport__V1__ImportApiKey *import = make_record_message(builder, &sallyport__v1__import_api_key__descriptor);
    Sallyport__V1__ApiKey *made = make_record_message(builder, &sallyport__v1__api_key__descriptor);
    Sallyport__V1__Permissions *permissions = make_record_message(builder, &sallyport__v1__permissions__descriptor);
    bool plain = builder->world->shape == WORLD_KEYS_ONLY;
    permissions->all = plain || !world_is_narrow(key);
    permissions->names = narrow;
    permissions->n_names = permissions->all ? 0 : 2;
    made->workspace = builder->workspace;
    made->id = format_text(builder, "k%llu", key % WORLD_KEYS);
    made->principal = format_text(builder, "p%llu", world_principal_of(key));
    made->name = made->id;
    made->permissions = permissions;
    made->allowed_ips = ranges;
    made->n_allowed_ips = !plain && world_has_allowlist(key) ? 3 : 0;
    import->key = made;
    import->sha256 = hex_of_key(builder, key);
    add_world_record(builder, SALLYPORT__V1__IMPORT_RECORD__RECORD_API_KEY)->api_key = import;
}

bool world_records(const struct world *world, uint64_t workspace, struct sp_arena *arena,
                   Sallyport__V1__ImportRecord ***ret_records, size_t *ret_count) {
    struct builder builder = {.world = world, .arena = arena, .room = RECORDS_OF_WORKSPACE};
    builder.records = sp_arena_calloc(arena, builder.room, sizeof(*builder.records));
    if (builder.records == NULL)
        return false;
    builder.workspace = format_text(&builder, "ws_%llu", workspace);
    add_workspace(&builder);
    add_principals(&builder);
    if (world->shape == WORLD_FULL) {
        add_groups(&builder);
        add_voices(&builder, workspace);
    }
    for (uint64_t key = workspace * WORLD_KEYS; key < (workspace + 1) * WORLD_KEYS && key < world->keys; key++)
        add_world_key(&builder, key);
    if (builder.failed)
        return false;
    *ret_records = builder.records;
    *ret_count = builder.count;
    return true;
}

/* ---- NDJSON ---- */

static enum sp_status write_workspace(const struct world *world, uint64_t workspace, struct sp_arena *arena,
                                      FILE *out) {
    Sallyport__V1__ImportRecord **records;
    size_t count;
    if (!world_records(world, workspace, arena, &records, &count))
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < count; i++) {
        records[i]->line = 0; /* implied by its position */
        json_t *json = sp_json_from_message(&records[i]->base, false);
        bool good = json != NULL && json_dumpf(json, out, JSON_COMPACT) == 0 && fputc('\n', out) != EOF;
        json_decref(json);
        if (!good)
            return SP_ERR_IO;
    }
    return SP_OK;
}

enum sp_status world_write_ndjson(const struct world *world, FILE *out, struct sp_error *error) {
    struct sp_arena arena;
    enum sp_status status = sp_arena_init(&arena, 1 << 20, 64 << 20);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    for (uint64_t w = 0; w < world_workspaces(world); w++) {
        status = write_workspace(world, w, &arena, out);
        if (status != SP_OK) {
            (void)sp_error_set(error, status, "cannot write the world");
            break;
        }
        sp_arena_reset(&arena);
    }
    sp_arena_fini(&arena);
    return status;
}

/* ---- a store ---- */

static double read_monotonic_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static enum sp_status make_operator(struct sp_store *store, char secret[SP_KEY_TEXT_BYTES], struct sp_arena *arena,
                                    struct sp_error *error) {
    struct sp_write *write;
    enum sp_status status = sp_write_begin(store, &write, error);
    if (status != SP_OK)
        return status;
    status = sp_admin_operator_add(write, SP_STR_LITERAL("bench"), &(struct sp_admin_operator_terms){0}, time(NULL),
                                   arena, secret, error);
    if (status != SP_OK) {
        sp_write_abort(write);
        return status;
    }
    return sp_write_commit(write, error);
}

/* How many records go into one transaction. Keys lie in the order of their digests, so each lands
 * on a different page: the more there are in a transaction, the fewer times a page is written. LMDB
 * holds some 131,000 changed pages before it begins to spill them. */
enum { RECORDS_IN_A_COMMIT = 120000 };

static enum sp_status import_world_workspace(struct sp_write *write, const struct sp_admin_caller *caller,
                                             const struct world *world, uint64_t workspace, struct sp_arena *arena,
                                             size_t *ret_records, struct sp_error *error) {
    Sallyport__V1__ImportRequest request = SALLYPORT__V1__IMPORT_REQUEST__INIT;
    struct sp_admin_import_refusals refusals = {.wanted = 0};
    Sallyport__V1__ImportResponse *response;
    if (!world_records(world, workspace, arena, &request.records, &request.n_records))
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = sp_admin_import(write, caller, &request, arena, &refusals, &response, error);
    if (status != SP_OK)
        return status;
    *ret_records = request.n_records;
    return SP_OK;
}

/* Imports workspaces from *next on, as many as go into a transaction, and moves *next behind
 * them. */
static enum sp_status import_some(struct sp_store *store, const struct sp_admin_caller *caller,
                                  const struct world *world, uint64_t *next, struct sp_arena *arena,
                                  struct sp_error *error) {
    struct sp_write *write;
    enum sp_status status = sp_write_begin(store, &write, error);
    if (status != SP_OK)
        return status;
    size_t records = 0;
    while (*next < world_workspaces(world) && records < RECORDS_IN_A_COMMIT) {
        size_t more = 0;
        status = import_world_workspace(write, caller, world, *next, arena, &more, error);
        if (status != SP_OK) {
            sp_write_abort(write);
            return status;
        }
        sp_arena_reset(arena);
        records += more;
        (*next)++;
    }
    return sp_write_commit(write, error);
}

static enum sp_status write_key_file(const char *path, const char *secret, struct sp_error *error) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = fd >= 0 && dprintf(fd, "%s\n", secret) > 0;
    if (fd >= 0 && close(fd) != 0)
        good = false;
    return good ? SP_OK : sp_error_set(error, SP_ERR_IO, "cannot write %s", path);
}

static enum sp_status fill_store(struct sp_store *store, const struct world *world, const char *key_file,
                                 void (*progress)(uint64_t done, uint64_t total), struct sp_arena *arena,
                                 struct sp_error *error) {
    char secret[SP_KEY_TEXT_BYTES];
    enum sp_status status = make_operator(store, secret, arena, error);
    if (status != SP_OK)
        return status;
    if (key_file != NULL) {
        status = write_key_file(key_file, secret, error);
        if (status != SP_OK)
            return status;
    }
    struct sp_admin_caller caller = {.credential = sp_str_from(secret), .now_s = time(NULL)};
    uint64_t total = world_workspaces(world);
    uint64_t next = 0;
    while (next < total) {
        status = import_some(store, &caller, world, &next, arena, error);
        if (status != SP_OK)
            return status;
        if (progress != NULL)
            progress(next, total);
    }
    return SP_OK;
}

enum sp_status world_write_store(const struct world *world, const char *path, const char *key_file, bool durable,
                                 void (*progress)(uint64_t done, uint64_t total), double *ret_seconds,
                                 struct sp_error *error) {
    struct sp_store_create_options create = {
        .schema_yaml = sp_schema_default_yaml(), .key_prefix = SP_STR_LITERAL("sp_"), .now_s = time(NULL)};
    struct sp_store_options options = {.mode = SP_STORE_WRITE, .no_sync = !durable};
    struct sp_store *store;
    struct sp_arena arena;
    enum sp_status status = sp_store_create(path, &create, error);
    if (status != SP_OK)
        return status;
    status = sp_store_open(path, &options, &store, error);
    if (status != SP_OK)
        return status;
    status = sp_arena_init(&arena, 4 << 20, (size_t)1 << 30);
    if (status != SP_OK) {
        (void)sp_error_set(error, status, "out of memory");
        goto out;
    }
    double began_s = read_monotonic_s();
    status = fill_store(store, world, key_file, progress, &arena, error);
    *ret_seconds = read_monotonic_s() - began_s;
    sp_arena_fini(&arena);
out:
    sp_store_close(store);
    return status;
}
