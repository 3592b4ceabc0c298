/* sallyport key … */
#include <stdlib.h>
#include <string.h>

#include "base/moment.h"
#include "base/random.h"
#include "cli/address_file.h"
#include "cli/command_rows.h"
#include "cli/connection.h"
#include "cli/file.h"
#include "cli/json_path.h"
#include "cli/key_trail.h"
#include "cli/print.h"
#include "cli/report.h"
#include "cli/single_call.h"
#include "core/allowlist.h"
#include "core/leaked_text.h"

/* Puts the text, which never is an argument, into the request. */
static enum sp_status put_leaked_text(struct cli_call *call, struct sp_error *error) {
    const char *path = sp_cli_local(call, "file");
    char *text = NULL;
    size_t size = 0;
    enum sp_status status = sp_cli_read_file(path, SP_LEAKED_TEXT_MAX_BYTES, &text, &size, error);
    if (status != SP_OK)
        return status;
    if (size == 0)
        status = sp_error_set(error, SP_ERR_INVALID, "%s is empty", strcmp(path, "-") == 0 ? "standard input" : path);
    else
        status = sp_cli_refuse_utf16(path, (struct sp_str){text, size}, error);
    if (status != SP_OK)
        goto out;
    /* Texts that NULs separate, as in /proc/PID/environ. */
    for (size_t i = 0; i < size; i++)
        if (text[i] == '\0')
            text[i] = '\n';
    if (sp_cli_put(call->request, "apiKey", json_stringn(text, size), false) != SP_OK)
        status = sp_error_set(error, SP_ERR_INVALID, "%s: the text is not UTF-8", path);
out:
    explicit_bzero(text, size);
    free(text);
    return status;
}

static const struct cli_command *find_key_command(const char *verb) {
    const struct cli_command *command = sp_cli_key_commands;
    while (strcmp(command->verb, verb) != 0)
        command++;
    return command;
}

/* The request of `key disable`, for the key that was found. */
static json_t *make_disable_request(const struct cli_call *call, const json_t *found) {
    const char *reason = sp_cli_local(call, "reason");
    const char *given = sp_cli_local(call, "request-id");
    char id[SP_RANDOM_ID_BYTES] = "";
    if (given == NULL && sp_random_id("req_", id) != SP_OK)
        return NULL;
    return json_pack("{s:s,s:O,s:O,s:s,s:b}", "requestId", given != NULL ? given : id, "workspace",
                     json_object_get(found, "workspace"), "id", json_object_get(found, "id"), "reason",
                     reason != NULL ? reason : "", "withDescendants",
                     json_is_true(json_object_get(call->request, "withDescendants")));
}

static int run_key_disable(struct cli_call *call) {
    bool all = json_is_true(json_object_get(call->request, "withDescendants"));
    return all ? sp_cli_disable_and_show_trail(call) : sp_cli_run_single_call(call);
}

/* Finds the key and disables it: two calls, as the second needs to know whose it is. */
static int find_and_disable(struct cli_call *call) {
    struct sp_error error = {0};
    json_t *found = NULL;
    if (sp_cli_call_once(call, "Admin/FindKey", call->request, &found, &error) != SP_OK)
        return sp_cli_report_error(call, &error);
    json_t *request = make_disable_request(call, found);
    json_decref(found);
    if (request == NULL) {
        (void)sp_error_set(&error, SP_ERR_MEMORY, "out of memory");
        return sp_cli_report_error(call, &error);
    }
    struct cli_call disable = *call;
    disable.command = find_key_command("disable");
    disable.request = request;
    int result = run_key_disable(&disable);
    json_decref(request);
    return result;
}

static int run_key_find(struct cli_call *call) {
    struct sp_error error = {0};
    enum sp_status status = put_leaked_text(call, &error);
    if (status != SP_OK)
        return sp_cli_report_error(call, &error);
    if (sp_cli_local(call, "reason") != NULL && !sp_cli_local_flag(call, "disable")) {
        (void)sp_error_set(&error, SP_ERR_INVALID, "--reason needs --disable");
        return sp_cli_report_error(call, &error);
    }
    return sp_cli_local_flag(call, "disable") ? find_and_disable(call) : sp_cli_run_single_call(call);
}

static enum sp_status check_address_count(const struct cli_address_list *list, struct sp_error *error) {
    size_t count = json_array_size(list->entries);
    if (count <= SP_ALLOWLIST_MAX_GIVEN)
        return SP_OK;
    return sp_error_set(error, SP_ERR_INVALID, "too many addresses and ranges: %zu, but at most %d may be given%s",
                        count, SP_ALLOWLIST_MAX_GIVEN,
                        list->from_json ? "; select fewer with --allow-ip-select, such as region=eu-west-1"
                                        : "; leave some out, or write neighbours as one range");
}

/* The choices behind the file with that number; NULL: out of memory. */
static json_t *collect_selections(const json_t *all, size_t number) {
    json_t *texts = json_array();
    size_t i;
    json_t *pair;
    json_array_foreach(all, i, pair) {
        if (json_integer_value(json_array_get(pair, 0)) == (json_int_t)number)
            (void)json_array_append(texts, json_array_get(pair, 1));
    }
    return texts;
}

static enum sp_status read_numbered_file(const struct cli_call *call, size_t number, const char *path,
                                         struct cli_address_list *list, struct sp_error *error) {
    json_t *selections = collect_selections(json_object_get(call->local, "allow-ip-select"), number);
    if (selections == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = sp_cli_read_address_file(path, selections, list, error);
    json_decref(selections);
    return status;
}

/* Adds the entries of --allow-ip-file to those of --allow-ip, which have no place. */
static enum sp_status read_address_files(struct cli_call *call, struct cli_address_list *list, struct sp_error *error) {
    const json_t *typed = sp_cli_at(call->request, "allowedIps.entries");
    size_t i;
    json_t *value;
    json_array_foreach(typed, i, value) {
        if (json_array_append(list->entries, value) != 0 || json_array_append_new(list->places, json_null()) != 0)
            return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    }
    json_array_foreach(json_object_get(call->local, "allow-ip-file"), i, value) {
        enum sp_status status = read_numbered_file(call, i, json_string_value(value), list, error);
        if (status != SP_OK)
            return status;
    }
    return check_address_count(list, error);
}

static enum sp_status add_address_files(struct cli_call *call, struct sp_error *error) {
    if (json_object_get(call->local, "allow-ip-file") == NULL)
        return SP_OK;
    struct cli_address_list list = {.entries = json_array(),
                                    .places = json_array(),
                                    .others_select = json_object_get(call->local, "allow-ip-select") != NULL};
    enum sp_status status = list.entries == NULL || list.places == NULL
                                ? sp_error_set(error, SP_ERR_MEMORY, "out of memory")
                                : read_address_files(call, &list, error);
    if (status != SP_OK) {
        json_decref(list.entries);
        json_decref(list.places);
        return status;
    }
    bool put = sp_cli_put(call->request, "allowedIps.entries", list.entries, false) == SP_OK;
    put = json_object_set_new(call->local, SP_CLI_PLACES, list.places) == 0 && put;
    return put ? SP_OK : sp_error_set(error, SP_ERR_MEMORY, "out of memory");
}

static int run_with_address_files(struct cli_call *call) {
    struct sp_error error = {0};
    if (add_address_files(call, &error) != SP_OK)
        return sp_cli_report_error(call, &error);
    return sp_cli_run_single_call(call);
}

#define ALLOW_IP_FILE(masked)                                                                                          \
    {.name = "allow-ip-file",                                                                                          \
     .kind = CLI_LOCALS,                                                                                               \
     .fills = "allowed_ips.entries",                                                                                   \
     .mask = (masked),                                                                                                 \
     .value = "FILE",                                                                                                  \
     .help = "addresses and ranges, one per line or separated by commas (# comments), or a provider's JSON"},          \
    {                                                                                                                  \
        .name = "allow-ip-select", .kind = CLI_LOCALS, .behind = "allow-ip-file", .value = "CHOICE",                   \
        .help = "of the file before it: a list of that JSON, such as hooks, entries with MEMBER=VALUE, such as "       \
                "region=eu-west-1, or '*'"                                                                             \
    }

/* Until when the old key works. */
static void note_old_key(const struct cli_call *call, const json_t *reply) {
    const json_t *old = sp_cli_at(reply, "apiKey.rotatedFrom");
    const char *seconds = json_string_value(sp_cli_at(reply, "oldExpiresAt"));
    char until[SP_MOMENT_TEXT_BYTES];
    (void)call;
    sp_moment_format(seconds != NULL ? strtoll(seconds, NULL, 10) : 0, until);
    if (seconds != NULL && strcmp(seconds, "0") != 0)
        (void)fprintf(stderr, "The old key, %s, works until %s.\n", json_string_value(old), until);
    else
        (void)fprintf(stderr, "The old key, %s, works until it is deleted: sallyport key delete %s\n",
                      json_string_value(old), json_string_value(old));
}

enum { GRACE_MAX_S = 90 * 24 * 60 * 60 };

static int run_key_rotate(struct cli_call *call) {
    struct sp_error error = {0};
    if (sp_cli_local_flag(call, "self") && json_object_get(call->request, "id") != NULL) {
        (void)sp_error_set(&error, SP_ERR_INVALID, "KEY cannot be combined with --self");
        return sp_cli_report_error(call, &error);
    }
    /* To the service, no time at all means until it is deleted. */
    const json_t *grace = json_object_get(call->request, "graceS");
    if (grace != NULL && (json_integer_value(grace) == 0 || json_integer_value(grace) > GRACE_MAX_S)) {
        (void)sp_error_set(&error, SP_ERR_INVALID,
                           "--grace: must be 1s to 90d; to end the old key at once, rotate without --grace, and "
                           "delete it as soon as the new one is in use");
        return sp_cli_report_error(call, &error);
    }
    return sp_cli_run_single_call(call);
}

#define KEY_LINES                                                                                                      \
    "workspace=workspace:raw,id=id:raw,principal=principal:raw,name=name:raw,hint=hint:raw,permissions=permissions,"   \
    "allowed ips=allowedIps,expires=expiresAt:time,not after=notAfter:time,disabled=disabled,reason="                  \
    "disabledReason:raw,holder may not disable=holderMayNotDisable,rotated from=rotatedFrom:raw,rotated "              \
    "to=rotatedTo:raw,created by key="                                                                                 \
    "createdByKey:raw,descendants=descendants,created=createdAt:time"

/* The fields of the KeyUsage at `at`. */
#define USAGE_LINES(at)                                                                                                \
    "last used=" at "lastUsedAt:time,used from=" at "lastUsedIp:raw,last rejected=" at                                 \
    "lastRejectedAt:time,rejected from=" at "lastRejectedIp:raw,rejected because=" at                                  \
    "lastRejectedReason:raw,safe to delete=" at "safeToDelete,why=" at "why:raw"

#define CLI_NOT_AFTER(masked)                                                                                          \
    {                                                                                                                  \
        .name = "not-after", .kind = CLI_TIME, .path = "notAfter", .mask = (masked), .value = "TIME",                  \
        .help = "latest expiry that rotations can reach; required with --expires for a key that rotates itself"        \
    }

#define WINDOW(at)                                                                                                     \
    {                                                                                                                  \
        .name = "window", .kind = CLI_DURATION, .path = (at), .value = "DURATION",                                     \
        .help = "time without use after which a key is safe to delete, up to 400d (default: 30d)"                      \
    }

/* Rows that several commands here have. */
#define EXPIRES(at_mask)                                                                                               \
    {                                                                                                                  \
        .name = "expires", .kind = CLI_TIME, .path = "expiresAt", .mask = (at_mask), .value = "TIME",                  \
        .help = "expiry: 2026-12-31, 2026-12-31T12:00:00Z, +90d or never"                                              \
    }
#define KEY                                                                                                            \
    { .name = "id", .kind = CLI_TEXT, .path = "id", .value = "KEY", .help = "id of the key", .required = true }

const struct cli_command sp_cli_key_commands[] = {
    {.noun = "key",
     .verb = "create",
     .summary = "Create a key for a user or service account, and show its text once.",
     .method = "CreateApiKey",
     .mutation = true,
     .main = "apiKey",
     .columns = KEY_LINES,
     .example =
         "  sallyport key create --principal narrator --name Production --permission text_to_speech --allow-ip "
         "203.0.113.0/24\n"
         "  sallyport key create --principal ann --name Laptop --all-permissions --expires +90d --secret-file ann.key",
     .one_of = "permission|all-permissions",
     .options = {CLI_NEW_ID,
                 {.name = "principal",
                  .kind = CLI_TEXT,
                  .path = "principal",
                  .value = "ID",
                  .help = "principal that the key belongs to",
                  .required = true},
                 CLI_DISPLAY_NAME,
                 {.name = "all-permissions",
                  .kind = CLI_FLAG,
                  .path = "permissions.all",
                  .help = "all permissions, including ones added later, except api_key_rotate (add --permission "
                          "api_key_rotate) and resource_register (only operators can give it)"},
                 {.name = "permission",
                  .kind = CLI_TEXTS,
                  .path = "permissions.names",
                  .value = "NAME",
                  .help = "permission of the key; with --all-permissions only api_key_rotate"},
                 {.name = "allow-ip",
                  .kind = CLI_TEXTS,
                  .path = "allowedIps.entries",
                  .value = "CIDR",
                  .help = "address or range that the key may be used from (default: any)"},
                 ALLOW_IP_FILE(NULL),
                 EXPIRES(NULL),
                 CLI_NOT_AFTER(NULL),
                 {.name = "holder-may-not-disable",
                  .kind = CLI_FLAG,
                  .path = "holderMayNotDisable",
                  .help = "only admins and operators disable the key"},
                 CLI_SECRET_FILE,
                 CLI_WORKSPACE("workspace")},
     .run = run_with_address_files},
    {.noun = "key",
     .verb = "get",
     .summary = "Show a key, without its text.",
     .method = "GetApiKey",
     .columns = KEY_LINES ",beyond max lifetime=beyondMaxLifetime," USAGE_LINES("usage."),
     .example = "  sallyport key get narrator-1\n"
                "  sallyport key get narrator-1 --descendants",
     .positionals = {KEY},
     .options = {{.name = "descendants",
                  .kind = CLI_FLAG,
                  .path = "withDescendants",
                  .help = "also list the keys that were rotated from or made by it, and so on"},
                 WINDOW("usageWindowS"),
                 CLI_WORKSPACE("workspace")}},
    {.noun = "key",
     .verb = "usage",
     .summary = "Show when a key was last used, and whether it is safe to delete.",
     .method = "GetKeyUsage",
     .columns = USAGE_LINES("") ",known since=knownSince:time,known until=knownUntil:time",
     .example = "  sallyport key usage narrator-1\n"
                "  sallyport key usage narrator-1 --window 90d",
     .positionals = {KEY},
     .options = {WINDOW("windowS"), CLI_WORKSPACE("workspace")}},
    {.noun = "key",
     .verb = "list",
     .summary = "List keys.",
     .method = "ListApiKeys",
     .list = "apiKeys",
     .columns =
         "ID=id:raw,~PRINCIPAL=principal:raw,~NAME=name:raw,+HINT=hint:raw,+PERMISSIONS=permissions,+ALLOWED "
         "IPS=allowedIps:limit,EXPIRES=expiresAt:time,DISABLED=disabled,+LAST USED=usage.lastUsedAt:time,+SAFE TO "
         "DELETE=usage.safeToDelete,+BEYOND MAX LIFETIME=beyondMaxLifetime",
     .example = "  sallyport key list\n"
                "  sallyport key list --principal narrator\n"
                "  sallyport key list --expires-before +30d\n"
                "  sallyport key list --safe-to-delete --window 90d",
     .options = {{.name = "principal",
                  .kind = CLI_TEXT,
                  .path = "principal",
                  .value = "ID",
                  .help = "only keys of this principal"},
                 {.name = "expires-before",
                  .kind = CLI_TIME,
                  .path = "expiresBefore",
                  .value = "TIME",
                  .help = "only keys that expire before this time"},
                 {.name = "safe-to-delete",
                  .kind = CLI_FLAG,
                  .path = "safeToDeleteOnly",
                  .help = "only keys known to be unused for the whole window"},
                 {.name = "beyond-max-lifetime",
                  .kind = CLI_FLAG,
                  .path = "beyondMaxLifetimeOnly",
                  .help = "only keys whose lifetime exceeds the workspace's policy"},
                 WINDOW("usageWindowS"),
                 CLI_WORKSPACE("workspace")}},
    {.noun = "key",
     .verb = "update",
     .summary = "Change the given fields of a key.",
     .method = "UpdateApiKey",
     .mutation = true,
     .main = "apiKey",
     .columns = KEY_LINES,
     .details = "Operators may only add resource_register to the permissions or take it away.",
     .example = "  sallyport key update narrator-1 --permission text_to_speech --permission voices_read\n"
                "  sallyport key update narrator-1 --workspace acme --permission voices_read --permission "
                "resource_register\n"
                "  sallyport key update narrator-1 --clear-allowed-ips",
     .positionals = {KEY},
     .options = {{.name = "name",
                  .kind = CLI_TEXT,
                  .path = "name",
                  .mask = "name",
                  .value = "TEXT",
                  .help = "new display name"},
                 {.name = "all-permissions",
                  .kind = CLI_FLAG,
                  .path = "permissions.all",
                  .mask = "permissions",
                  .help = "all permissions, including ones added later, except api_key_rotate and resource_register"},
                 {.name = "permission",
                  .kind = CLI_TEXTS,
                  .path = "permissions.names",
                  .mask = "permissions",
                  .value = "NAME",
                  .help = "new permission; those given replace the current ones"},
                 {.name = "allow-ip",
                  .kind = CLI_TEXTS,
                  .path = "allowedIps.entries",
                  .mask = "allowed_ips",
                  .value = "CIDR",
                  .help = "address or range of the new allowlist"},
                 ALLOW_IP_FILE("allowed_ips"),
                 {.name = "clear-allowed-ips",
                  .kind = CLI_FLAG,
                  .path = "clearAllowedIps",
                  .help = "remove the allowlist: the key works from any address"},
                 EXPIRES("expires_at"),
                 CLI_NOT_AFTER("not_after"),
                 {.name = "holder-may-disable",
                  .kind = CLI_CLEAR,
                  .mask = "holder_may_not_disable",
                  .help = "the holder may disable the key (the default)"},
                 {.name = "holder-may-not-disable",
                  .kind = CLI_FLAG,
                  .path = "holderMayNotDisable",
                  .mask = "holder_may_not_disable",
                  .help = "only admins and operators disable the key"},
                 CLI_WORKSPACE("workspace")},
     .run = run_with_address_files},
    {.noun = "key",
     .verb = "rotate",
     .summary = "Create a key with the same principal, permissions and allowlist as another.",
     .run = run_key_rotate,
     .note = note_old_key,
     .method = "RotateApiKey",
     .mutation = true,
     .main = "apiKey",
     .columns = KEY_LINES,
     .details = "A key can rotate itself once: again only after its successor stops working, and the successor only "
                "after the old key has ended.",
     .example = "  sallyport key rotate narrator-1 --grace 1h --secret-file narrator-2.key\n"
                "  sallyport key rotate --self --grace 10m --secret-file new.key",
     .one_of = "id|self",
     .positionals = {{.name = "id", .kind = CLI_TEXT, .path = "id", .value = "KEY", .help = "id of the key to rotate"}},
     .options = {{.name = "self", .kind = CLI_LOCAL_FLAG, .help = "rotate the key that you act with"},
                 {.name = "grace",
                  .kind = CLI_DURATION,
                  .path = "graceS",
                  .value = "DURATION",
                  .help = "how long the old key keeps working: 1s to 90d (default: until it is deleted)"},
                 {.name = "name",
                  .kind = CLI_TEXT,
                  .path = "name",
                  .value = "TEXT",
                  .help = "name of the new key (default: that of the old one)"},
                 {.name = "new-id",
                  .kind = CLI_TEXT,
                  .path = "newId",
                  .value = "ID",
                  .help = "id of the new key (default: generated)"},
                 EXPIRES(NULL),
                 CLI_NOT_AFTER(NULL),
                 CLI_SECRET_FILE,
                 CLI_WORKSPACE("workspace")}},
    {.noun = "key",
     .verb = "disable",
     .summary = "Disable a key immediately.",
     .method = "DisableApiKey",
     .mutation = true,
     .columns = "workspace=apiKey.workspace:raw,id=apiKey.id:raw,principal=apiKey.principal:raw,name=apiKey.name:raw,"
                "disabled=apiKey.disabled,reason=apiKey.disabledReason:raw,descendants disabled=disabledDescendants,"
                "revision=revision",
     .example = "  sallyport key disable narrator-1 --reason \"left in a repository\"\n"
                "  sallyport key disable narrator-1 --with-descendants",
     .positionals = {KEY},
     .options = {{.name = "reason",
                  .kind = CLI_TEXT,
                  .path = "reason",
                  .value = "TEXT",
                  .help = "reason to record, up to 128 bytes"},
                 {.name = "with-descendants",
                  .kind = CLI_FLAG,
                  .path = "withDescendants",
                  .help = "also disable the keys that were rotated from or made by it, and so on, and list the "
                          "changes made with them"},
                 CLI_WORKSPACE("workspace")},
     .run = run_key_disable},
    {.noun = "key",
     .verb = "enable",
     .summary = "Enable a disabled key.",
     .method = "EnableApiKey",
     .mutation = true,
     .main = "apiKey",
     .columns = KEY_LINES,
     .example = "  sallyport key enable narrator-1",
     .positionals = {KEY},
     .options = {CLI_WORKSPACE("workspace")}},
    {.noun = "key",
     .verb = "delete",
     .summary = "Delete a key. The id cannot be reused.",
     .method = "DeleteApiKey",
     .mutation = true,
     .example = "  sallyport key delete narrator-1",
     .positionals = {KEY},
     .options = {CLI_WORKSPACE("workspace")}},
    {.noun = "key",
     .verb = "find",
     .summary = "Find the key that a leaked text belongs to.",
     .method = "FindKey",
     .columns = KEY_LINES,
     .example = "  sallyport key find leaked.txt\n"
                "  sallyport key find leaked.txt --disable --with-descendants --reason leaked",
     .positionals =
         {{.name = "file",
           .kind = CLI_LOCAL,
           .fills = "api_key",
           .value = "FILE",
           .help = "file of at most 8,192 bytes with the key's text in it, whatever is around it; - for standard "
                   "input",
           .required = true}},
     .options =
         {{.name = "disable", .kind = CLI_LOCAL_FLAG, .help = "disable the key"},
          {.name = "reason",
           .kind = CLI_LOCAL,
           .fills = "reason",
           .value = "TEXT",
           .help = "reason to record, up to 128 bytes"},
          {.name = "with-descendants",
           .kind = CLI_FLAG,
           .path = "withDescendants",
           .help = "also list the keys that were rotated from or made by it, and so on; with --disable, disable them "
                   "and list the changes made with them"}},
     .run = run_key_find},
    {.noun = "key",
     .verb = "disable-self",
     .summary = "Disable the key that you act with.",
     .method = "DisableSelf",
     .mutation = true,
     .main = "apiKey",
     .columns = KEY_LINES,
     .example = "  sallyport key disable-self --reason leaked",
     .options = {{.name = "reason",
                  .kind = CLI_TEXT,
                  .path = "reason",
                  .value = "TEXT",
                  .help = "reason to record, up to 128 bytes"}}},
    {.noun = NULL},
};
