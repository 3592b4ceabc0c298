/* check and explain. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/connection.h"
#include "cli/print.h"
#include "cli/profile.h"
#include "cli/run.h"
#include "cli/single_call.h"

/* base64 of 32 bytes given in hexadecimal, as the JSON mapping wants bytes. */
static enum sp_status sha256_value(const char *hex, json_t **ret_value, struct sp_error *error) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[33] = {0};
    if (strlen(hex) != 64)
        return sp_error_set(error, SP_ERR_INVALID, "sha256: must be 64 hexadecimal digits");
    for (size_t i = 0; i < 64; i++) {
        const char *digit = strchr(digits, hex[i] >= 'A' && hex[i] <= 'F' ? hex[i] + 32 : hex[i]);
        if (digit == NULL)
            return sp_error_set(error, SP_ERR_INVALID, "sha256: must be 64 hexadecimal digits");
        bytes[i / 2] = (unsigned char)(bytes[i / 2] << 4 | (digit - digits));
    }
    char text[45];
    for (size_t i = 0, at = 0; i < 33; i += 3, at += 4) {
        unsigned three = (unsigned)bytes[i] << 16 | (unsigned)bytes[i + 1] << 8 | bytes[i + 2];
        for (unsigned j = 0; j < 4; j++)
            text[at + j] = alphabet[three >> (18 - 6 * j) & 63];
    }
    text[43] = '=';
    text[44] = '\0';
    *ret_value = json_string(text);
    return SP_OK;
}

enum sp_status cli_put_credential(struct cli_call *call, struct sp_error *error) {
    const char *file = cli_local(call, "key-file"), *sha256 = cli_local(call, "sha256");
    json_t *value = NULL;
    if ((file == NULL) == (sha256 == NULL))
        return sp_error_set(error, SP_ERR_INVALID,
                            "give the key to ask about: --key-file FILE (- is standard input) or --sha256 HEX%s",
                            strcmp(call->command->noun, "explain") == 0          ? " or --key-id KEY"
                            : strcmp(call->command->noun, "list-resources") == 0 ? " or --principal ID"
                                                                                 : "");
    if (sha256 != NULL) {
        enum sp_status status = sha256_value(sha256, &value, error);
        return status != SP_OK ? status : cli_put(call->request, "apiKeySha256", value, false);
    }
    struct sp_arena arena;
    struct sp_str key = {0};
    if (sp_arena_init(&arena, 4096, 8192) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = cli_read_key_file(file, &arena, &key, error);
    if (status == SP_OK && (value = json_stringn(key.data, key.size)) == NULL)
        status = sp_error_set(error, SP_ERR_INVALID, "%s: the key is no UTF-8 text", file);
    if (status == SP_OK)
        status = cli_put(call->request, "apiKey", value, false);
    sp_arena_wipe(&arena);
    sp_arena_fini(&arena);
    return status;
}

static enum sp_status ask(struct cli_call *call, const char *method, const json_t *request, bool admin,
                          json_t **ret_reply, struct sp_error *error) {
    struct sp_rpc_client *client = NULL;
    enum sp_status status = admin ? cli_open_admin(call, &client, error) : cli_open_server(call, &client, error);
    if (status != SP_OK)
        return status;
    status = cli_call_json(client, method, request, ret_reply, error);
    sp_rpc_client_close(client);
    return status;
}

static bool is_allowed(const json_t *answer) {
    const char *decision = json_string_value(json_object_get(answer, "decision"));
    return decision != NULL && strcmp(decision, "ALLOW") == 0;
}

/* The escape, or nothing where colours are not wanted. */
static const char *colour(const char *escape) {
    return isatty(STDOUT_FILENO) != 0 && getenv("NO_COLOR") == NULL ? escape : "";
}

static void print_text(const json_t *object, const char *name, const char *after) {
    const char *text = json_string_value(json_object_get(object, name));
    cli_put_text(text != NULL ? text : "", stdout);
    (void)fputs(after, stdout);
}

static void print_answer(const json_t *answer) {
    bool allowed = is_allowed(answer);
    (void)printf("%s%s%s  ", colour(allowed ? "\033[32m" : "\033[31m"), allowed ? "ALLOW" : "DENY", colour("\033[0m"));
    print_text(answer, "reason", "  ");
    (void)printf("%lld\n", (long long)json_integer_value(json_object_get(answer, "httpStatus")));
    cli_print_lines(
        answer,
        "  workspace=workspace:raw,  principal=principal:raw,  key=keyId:raw,  role=role,  revision=revision,"
        "  decision id=decisionId:raw",
        stdout);
}

int cli_run_check(struct cli_call *call) {
    struct sp_error error = {0};
    json_t *reply = NULL;
    enum sp_status status = cli_put_credential(call, &error);
    if (status == SP_OK)
        status = ask(call, "Authorization/Check", call->request, false, &reply, &error);
    if (status != SP_OK)
        return cli_complain(call, &error);
    if (strcmp(call->output, "table") == 0)
        print_answer(reply);
    else
        cli_print_reply(call, reply);
    int result = is_allowed(reply) ? CLI_OK : CLI_DENIED;
    json_decref(reply);
    return result;
}

static void print_steps(const json_t *steps) {
    size_t i;
    json_t *step;
    json_array_foreach(steps, i, step) {
        const char *outcome = json_string_value(json_object_get(step, "outcome"));
        bool passed = strcmp(outcome, "PASSED") == 0, failed = strcmp(outcome, "FAILED") == 0;
        (void)printf("%2lld  %s%s%s  ", (long long)json_integer_value(json_object_get(step, "number")),
                     failed ? colour("\033[31m") : "",
                     passed   ? "ok  "
                     : failed ? "FAIL"
                              : " -  ",
                     failed ? colour("\033[0m") : "");
        print_text(step, "test", "\n");
        const char *evidence = json_string_value(json_object_get(step, "evidence"));
        if (evidence != NULL && evidence[0] != '\0') {
            (void)printf("          ");
            print_text(step, "evidence", "\n");
        }
    }
}

static void print_explanation(const json_t *explanation) {
    print_answer(json_object_get(explanation, "answer"));
    (void)putchar('\n');
    print_steps(json_object_get(explanation, "steps"));
    const json_t *grants = json_object_get(explanation, "grants"),
                 *needed = json_object_get(explanation, "changesNeeded");
    if (json_array_size(grants) > 0) {
        (void)puts("\nShares that were considered:");
        cli_print_table(grants, "WITH=subject,ROLE=role", stdout);
    }
    if (json_array_size(needed) > 0)
        (void)puts("\nTo allow it:");
    size_t i;
    json_t *change;
    json_array_foreach(needed, i, change) {
        (void)printf("  - ");
        cli_put_text(json_string_value(change), stdout);
        (void)putchar('\n');
    }
}

static enum sp_status explain(struct cli_call *call, json_t **ret_reply, struct sp_error *error) {
    const char *key_id = cli_local(call, "key-id");
    if (key_id != NULL) {
        if (cli_local(call, "key-file") != NULL || cli_local(call, "sha256") != NULL)
            return sp_error_set(error, SP_ERR_INVALID, "--key-id goes without --key-file and --sha256");
        if (json_object_get(call->request, "minRevision") != NULL)
            return sp_error_set(error, SP_ERR_INVALID,
                                "--key-id goes without --min-revision: it asks sallyport-sync, which is never behind");
        (void)json_object_set_new(call->request, "keyId", json_string(key_id));
        return ask(call, "Admin/ExplainKey", call->request, true, ret_reply, error);
    }
    enum sp_status status = cli_put_credential(call, error);
    if (status != SP_OK)
        return status;
    json_t *request = json_pack("{s:O}", "check", call->request);
    status = ask(call, "Authorization/Explain", request, false, ret_reply, error);
    json_decref(request);
    return status;
}

int cli_run_explain(struct cli_call *call) {
    struct sp_error error = {0};
    json_t *reply = NULL;
    if (explain(call, &reply, &error) != SP_OK)
        return cli_complain(call, &error);
    if (strcmp(call->output, "table") == 0)
        print_explanation(reply);
    else
        cli_print_reply(call, reply);
    int result = is_allowed(json_object_get(reply, "answer")) ? CLI_OK : CLI_DENIED;
    json_decref(reply);
    return result;
}
