/* Works on the store itself, for whoever may write its files. Safe while `serve` runs: LMDB lets
 * one process write at a time, and a revoked key is refused from the next call on. */
#include "admin/operator.h"
#include "admin/new_text.h"
#include "base/clock.h"
#include "base/moment.h"
#include "base/nearest.h"
#include "base/text.h"
#include "core/key_like.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "source/source.h"
#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/layout.h"
#include "store/records/snapshot.h"
#include "store/records/write.h"
#include "sync/commands/operator.h"
#include "sync/commands/operator_key.h"
#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ARENA_FIRST_BYTES = 16 * 1024,
    ARENA_BUDGET_BYTES = 16 * 1024 * 1024,
    JOIN_MS = 5000,
    LIST_MAX = 100,
    SECONDS_A_DAY = 24 * 60 * 60,
};

struct operator_options {
    const char *store;
    const char *key_file;
    uint64_t expires_days; /* 0: never */
    const char *scopes;    /* separated by commas; NULL: every one */
    const char *allowed_ips;
    struct sp_source_options source;
    bool help;
};

/* ---- adding ---- */

/* Splits a list at its commas. False if it has more entries than there is room for. */
static bool split_list(const char *list, struct sp_str *ret_entries, size_t *ret_count) {
    for (const char *at = list; at != NULL && *at != '\0';) {
        size_t size = strcspn(at, ",");
        if (*ret_count == LIST_MAX)
            return false;
        ret_entries[(*ret_count)++] = (struct sp_str){at, size};
        at += size + (at[size] == ',');
    }
    return true;
}

/* The rules name fields and count from 0; whoever typed the command knows its options. */
static void name_operator_option(struct sp_error *error) {
    static const struct {
        const char *field, *option;
    } names[] = {{"scopes[", "--scopes"}, {"allowed_ips[", "--allowed-ips"}};
    char message[sizeof(error->message)];
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        size_t size = strlen(names[i].field);
        if (strncmp(error->message, names[i].field, size) != 0)
            continue;
        char *rest = NULL;
        unsigned long entry = strtoul(error->message + size, &rest, 10);
        (void)snprintf(message, sizeof(message), "%s, entry %lu%s", names[i].option, entry + 1, rest + (*rest == ']'));
        (void)snprintf(error->message, sizeof(error->message), "%s", message);
        return;
    }
}

static enum sp_status add_limited_operator(struct sp_store *store, struct sp_source *source, const char *name,
                                           const struct operator_options *options, int key_fd, struct sp_error *error) {
    struct sp_str scopes[LIST_MAX], addresses[LIST_MAX];
    struct sp_admin_operator_terms terms = {.scopes = scopes, .allowed_ips = addresses};
    if (!split_list(options->scopes, scopes, &terms.scope_count) ||
        !split_list(options->allowed_ips, addresses, &terms.allowed_ip_count))
        return sp_error_set(error, SP_ERR_INVALID, "--scopes and --allowed-ips take at most %d entries", LIST_MAX);
    if (options->expires_days > 0)
        terms.expires_at_s = sp_clock_now_s() + (int64_t)options->expires_days * SECONDS_A_DAY;
    enum sp_status status = sp_sync_add_operator(store, source, name, &terms, key_fd, error);
    if (status == SP_ERR_INVALID)
        name_operator_option(error);
    sp_admin_rename_field(error, "operator", "NAME");
    return status;
}

static enum sp_status add_operator(struct sp_store *store, struct sp_source *source, const char *name,
                                   const struct operator_options *options, struct sp_error *error) {
    int key_fd = -1;
    enum sp_status status = sp_sync_open_key_file(options->key_file, &key_fd, error);
    if (status != SP_OK)
        return status;
    status = add_limited_operator(store, source, name, options, key_fd, error);
    close(key_fd);
    if (status != SP_OK && options->key_file != NULL)
        unlink(options->key_file);
    if (status == SP_OK)
        sp_sync_note("Added operator %s. The key %s%s; it is shown only once.", name,
                     options->key_file == NULL ? "is printed above" : "is in ",
                     options->key_file == NULL ? "" : options->key_file);
    return status;
}

/* ---- walking ---- */

struct walk {
    struct sp_arena *arena; /* of one operator */
    void (*visit)(struct walk *walk, const Sallyport__V1__Operator *about);
    size_t count;
    char last[SP_ID_MAX_BYTES + 1]; /* the name of the last one */
};

static enum sp_status visit_operator(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct walk *walk = context;
    ProtobufCMessage *message = NULL;
    (void)key;
    sp_arena_reset(walk->arena);
    enum sp_status status =
        sp_wire_unpack_trusted(&sallyport__store__v1__stored_operator__descriptor, value, walk->arena, &message);
    if (status != SP_OK)
        return status;
    const Sallyport__V1__Operator *about = ((const Sallyport__Store__V1__StoredOperator *)message)->operator_;
    (void)snprintf(walk->last, sizeof(walk->last), "%s", about->name);
    walk->count++;
    if (walk->visit != NULL)
        walk->visit(walk, about);
    return SP_OK;
}

static enum sp_status walk_snapshot(struct sp_store *store, struct walk *walk) {
    struct sp_snapshot *snapshot = NULL;
    struct sp_entity_key prefix;
    enum sp_status status = sp_entity_key_make(SP_KIND_OPERATOR, (struct sp_str){0}, NULL, 0, &prefix);
    if (status != SP_OK)
        return status;
    status = sp_snapshot_begin(store, &snapshot);
    if (status != SP_OK)
        return status;
    status = sp_entity_walk(sp_snapshot_view(snapshot), (struct sp_bytes){prefix.bytes, prefix.size}, NULL,
                            visit_operator, walk);
    sp_snapshot_end(snapshot);
    return status;
}

static enum sp_status walk_operators(struct sp_store *store,
                                     void (*visit)(struct walk *walk, const Sallyport__V1__Operator *about),
                                     struct walk *ret_walk, struct sp_error *error) {
    struct sp_arena arena;
    struct walk walk = {.arena = &arena, .visit = visit};
    enum sp_status status = sp_arena_init(&arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    status = walk_snapshot(store, &walk);
    sp_arena_fini(&arena);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the operators");
    walk.arena = NULL;
    *ret_walk = walk;
    return SP_OK;
}

/* ---- revoking ---- */

/* What a revocation leaves: with one operator, nobody can revoke that one's key online; with none,
 * nobody can manage anything. */
static void note_who_is_left(struct sp_store *store, const char *revoked, const struct operator_options *options) {
    struct walk left = {0};
    struct sp_error ignored;
    sp_sync_note("Revoked operator %s: the key is refused from the next call on.", revoked);
    if (walk_operators(store, NULL, &left, &ignored) != SP_OK)
        return;
    if (left.count == 0)
        sp_sync_note("Warning: no operator is left, so nobody can manage workspaces or the schema. Add one: "
                     "sallyport-sync operator add NAME --store %s",
                     options->store);
    if (left.count == 1)
        sp_sync_note("Only operator %s is left: add another, so that one can revoke the other's key online.",
                     left.last);
}

static enum sp_status revoke_operator(struct sp_store *store, struct sp_source *source, const char *name,
                                      const struct operator_options *options, struct sp_error *error) {
    struct sp_arena arena;
    struct sp_write *write = NULL;
    enum sp_status status = sp_arena_init(&arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    status = sp_source_begin(source, store, &write, error);
    if (status != SP_OK)
        goto out;
    status = sp_admin_operator_revoke(write, sp_str_from(name), sp_clock_now_s(), &arena, error);
    if (status != SP_OK) {
        sp_write_abort(write);
        goto out;
    }
    status = sp_source_commit(source, write, error);
    if (status == SP_OK)
        note_who_is_left(store, name, options);
out:
    sp_arena_fini(&arena);
    return status;
}

/* Separated by commas; `none` if there are none. */
static void print_text_list(char *const *texts, size_t count, const char *none) {
    for (size_t i = 0; i < count; i++)
        printf("%s%s", i > 0 ? "," : "", texts[i]);
    if (count == 0)
        (void)fputs(none, stdout);
}

static void print_operator(struct walk *walk, const Sallyport__V1__Operator *about) {
    char created[SP_MOMENT_TEXT_BYTES], expires[SP_MOMENT_TEXT_BYTES] = "never", name[SP_ID_MAX_BYTES + 1];
    (void)walk;
    (void)snprintf(name, sizeof(name), "%s", about->name);
    sp_key_like_mask(name); /* earlier releases took a key as a name */
    sp_moment_format(about->created_at, created);
    if (about->expires_at != 0)
        sp_moment_format(about->expires_at, expires);
    printf("%-32s …%-8s %s  expires %s  scopes ", name, about->hint, created, expires);
    print_text_list(about->scopes, about->n_scopes, "all");
    (void)fputs("  from ", stdout);
    print_text_list(about->allowed_ips, about->n_allowed_ips, "anywhere");
    puts("");
}

static enum sp_status list_operators(struct sp_store *store, struct sp_source *source, const char *name,
                                     const struct operator_options *options, struct sp_error *error) {
    struct walk walk = {0};
    (void)source;
    (void)name;
    (void)options;
    enum sp_status status = walk_operators(store, print_operator, &walk, error);
    if (status == SP_OK && walk.count == 0)
        sp_sync_note("There are no operators.");
    return status;
}

static const struct action {
    const char *name;
    bool takes_name;
    struct sp_sync_act act;
    enum sp_status (*run)(struct sp_store *store, struct sp_source *source, const char *name,
                          const struct operator_options *options, struct sp_error *error);
} actions[] = {
    {"add", true, {"operator-add", SP_EVENT_ACCOUNT_CHANGE, SP_EVENT_ACCOUNT_CREATE, "operator", NULL}, add_operator},
    {"list", false, {"operator-list", SP_EVENT_API_ACTIVITY, SP_EVENT_API_READ, NULL, NULL}, list_operators},
    {"revoke",
     true,
     {"operator-revoke", SP_EVENT_ACCOUNT_CHANGE, SP_EVENT_ACCOUNT_DELETE, "operator", NULL},
     revoke_operator},
};

static const struct action *find_operator_action(const char *name) {
    for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    return NULL;
}

static int report_unknown_action(const char *name) {
    struct sp_nearest nearest = {0};
    struct sp_error error;
    for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
        sp_nearest_consider(&nearest, sp_str_from(actions[i].name), sp_str_from(name));
    (void)sp_nearest_refuse_command(&nearest, "operator", name, "sallyport-sync", &error);
    sp_sync_note("sallyport-sync: %s", error.message);
    return SP_EXIT_USAGE;
}

static enum sp_status join_source(const struct operator_options *options, struct sp_store *store,
                                  struct sp_source **source, struct sp_error *error) {
    if (options->source.url == NULL)
        return sp_source_check_embedded(store, error);
    enum sp_status status = sp_source_open(&options->source, store, source, error);
    if (status != SP_OK)
        return status;
    return sp_source_join(*source, JOIN_MS, error);
}

static int run_operator_action(const struct action *action, const char *name, const struct operator_options *options) {
    struct sp_error error = {0};
    const struct sp_store_options open_options = {.mode = action->takes_name ? SP_STORE_WRITE : SP_STORE_READ};
    struct sp_store *store = NULL;
    struct sp_source *source = NULL;
    enum sp_status status = sp_store_open(options->store, &open_options, &store, &error);
    if (status != SP_OK)
        return sp_sync_complain(&error);
    if (action->takes_name)
        status = join_source(options, store, &source, &error);
    if (status != SP_OK)
        goto out;
    status = action->run(store, source, name, options, &error);
out:
    sp_source_close(source);
    sp_store_close(store);
    return status == SP_OK ? EXIT_SUCCESS : sp_sync_complain(&error);
}

enum { OWN_ROWS = 6 };

int sp_sync_operator_command(const struct sp_sync_command *command, int argc, char **argv) {
    struct operator_options options = {0};
    struct sp_option table[OWN_ROWS + SP_SOURCE_OPTION_ROWS] = {
        sp_sync_store_row(&options.store),
        {.name = "key-file",
         .kind = SP_OPTION_TEXT,
         .target = &options.key_file,
         .argument = "FILE",
         .help = "write a new key to this new file instead of stdout"},
        {.name = "expires-days",
         .kind = SP_OPTION_NUMBER,
         .target = &options.expires_days,
         .default_text = "0",
         .argument = "DAYS",
         .most = 36500,
         .help = "days until a new key expires; 0: never"},
        {.name = "scopes",
         .kind = SP_OPTION_TEXT,
         .target = &options.scopes,
         .argument = "LIST",
         .help = "what a new key may be used for, separated by commas: workspaces, resources, keys, schema, import, "
                 "backup, "
                 "audit, servers, operators; default: all"},
        {.name = "allowed-ips",
         .kind = SP_OPTION_TEXT,
         .target = &options.allowed_ips,
         .argument = "LIST",
         .help = "addresses and CIDR ranges that a new key may be used from, separated by commas; default: any"},
        sp_sync_help_row(&options.help),
    };
    int rest = argc;
    size_t count = OWN_ROWS + sp_source_place_rows(&options.source, table + OWN_ROWS);
    table[count++] = sp_source_signing_row(&options.source);
    int ended = sp_sync_read_options(command, table, count, &options.help, argc, argv, &rest);
    if (ended >= 0)
        return ended;
    if (rest == argc)
        return sp_sync_complain_usage(command, "choose a subcommand: add, list or revoke");
    const struct action *action = find_operator_action(argv[rest]);
    if (action == NULL)
        return report_unknown_action(argv[rest]);
    if (argc - rest != (action->takes_name ? 2 : 1))
        return sp_sync_complain_usage(command,
                                      action->takes_name ? "give exactly one operator name" : "list takes no name");
    if (options.store == NULL)
        return sp_sync_complain_usage(command, "--store is required");
    struct sp_sync_act act = action->act;
    act.target_id = action->takes_name ? argv[rest + 1] : NULL;
    sp_sync_act_refine(&act);
    return run_operator_action(action, action->takes_name ? argv[rest + 1] : NULL, &options);
}
