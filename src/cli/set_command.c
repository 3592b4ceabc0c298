#include "cli/set_command.h"

#include <stdlib.h>
#include <string.h>

#include "cli/arguments.h"
#include "cli/json_path.h"
#include "cli/key_argument.h"
#include "cli/lookup.h"
#include "cli/option.h"

/* ---- words ---- */

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n';
}

/* Moves what a word has to its beginning, without quotes. Returns what is behind it; NULL: a quote
 * is open at the end. */
static char *take_set_word(char *at) {
    char *out = at, quote = '\0';
    while (*at != '\0' && (quote != '\0' || !is_blank(*at))) {
        if (quote == '\0' && (*at == '\'' || *at == '"'))
            quote = *at;
        else if (*at == quote && quote != '\0')
            quote = '\0';
        else
            *out++ = *at;
        at++;
    }
    if (quote != '\0')
        return NULL;
    char *next = *at == '\0' ? at : at + 1;
    *out = '\0';
    return next;
}

/* words[0] is the program's. `text` is divided in place. SP_ERR_INVALID. */
static enum sp_status divide_set_words(char *text, char **words, int *ret_count, struct sp_error *error) {
    static char program[] = "sallyport";
    int count = 0;
    words[count++] = program;
    for (;;) {
        while (is_blank(*text))
            text++;
        if (*text == '\0')
            break;
        words[count++] = text;
        text = take_set_word(text);
        if (text == NULL)
            return sp_error_set(error, SP_ERR_INVALID, "a quote is not closed");
    }
    *ret_count = count;
    return SP_OK;
}

/* ---- the command ---- */

static enum sp_status find_set_command(const struct cli_command *const *tables, int *count, char ***words,
                                       const struct cli_command **ret_command, struct sp_error *error) {
    sp_cli_move_words_first(tables, *count, *words);
    const struct cli_command *command = *count < 3 ? NULL : sp_cli_find(tables, (*words)[1], (*words)[2]);
    if (command == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "not a command such as 'share add' or 'key disable'");
    if (!command->mutation || command->method == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "'%s %s' changes nothing", command->noun, command->verb);
    *words += 2;
    *count -= 2;
    *ret_command = command;
    return SP_OK;
}

static enum sp_status refuse_local_options(const struct cli_call *call, struct sp_error *error) {
    const char *name = json_object_iter_key(json_object_iter(call->local));
    if (name == NULL)
        return SP_OK;
    return sp_error_set(error, SP_ERR_INVALID,
                        "%s is for the command line or a file, not for the change; leave it out, or use --schema or -f",
                        name);
}

/* *ret_workspace: where the change is made; NULL: the command takes no workspace, or has none. */
static enum sp_status put_set_workspace(struct cli_call *call, const char *workspace, const char **ret_workspace,
                                        struct sp_error *error) {
    const struct cli_argument *row = sp_cli_find_option(call->command, "workspace", strlen("workspace"));
    *ret_workspace = NULL;
    if (row == NULL || row->path == NULL)
        return SP_OK;
    if (workspace != NULL && sp_cli_at(call->request, row->path) == NULL &&
        sp_cli_put(call->request, row->path, json_string(workspace), false) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    *ret_workspace = json_string_value(sp_cli_at(call->request, row->path));
    return SP_OK;
}

static enum sp_status read_set_arguments(struct cli_call *call, int count, char **words, const char *workspace,
                                         const char **ret_workspace, struct sp_error *error) {
    bool help = false;
    call->request = call->command->fixed != NULL ? json_loads(call->command->fixed, 0, NULL) : json_object();
    call->local = json_object();
    if (call->request == NULL || call->local == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = sp_cli_read_arguments(call->command, count, words, call, &help, error);
    if (status != SP_OK)
        return status;
    status = refuse_local_options(call, error);
    if (status != SP_OK)
        return status;
    return put_set_workspace(call, workspace, ret_workspace, error);
}

static enum sp_status read_set_words(const struct cli_command *const *tables, const char *text, char *copy,
                                     char **words, const char *workspace, json_t **ret_json, struct sp_error *error) {
    struct cli_call call = {.tables = tables};
    int count = 0;
    enum sp_status status = divide_set_words(copy, words, &count, error);
    if (status != SP_OK)
        return status;
    status = sp_cli_refuse_key_arguments(count, words, error);
    if (status != SP_OK)
        return status;
    status = find_set_command(tables, &count, &words, &call.command, error);
    if (status != SP_OK || call.command == NULL)
        return status;
    const char *where = NULL;
    status = read_set_arguments(&call, count, words, workspace, &where, error);
    if (status == SP_OK)
        *ret_json = json_pack("{s:s, s:s, s:s*, s:O}", "words", text, "method", call.command->method, "workspace",
                              where, "request", call.request);
    json_decref(call.request);
    json_decref(call.local);
    if (status == SP_OK && *ret_json == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    return status;
}

enum sp_status sp_cli_read_set(const struct cli_command *const *tables, const char *text, const char *workspace,
                               json_t **ret_json, struct sp_error *error) {
    struct sp_error why = {0};
    char *copy = strdup(text);
    char **words = calloc(strlen(text) + 2, sizeof(*words));
    enum sp_status status = SP_OK;
    if (copy == NULL || words == NULL)
        status = sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    else {
        status = read_set_words(tables, text, copy, words, workspace, ret_json, &why);
        if (status != SP_OK)
            (void)sp_error_set(error, status, "--set '%s': %s", text, why.message);
    }
    free(words);
    free(copy);
    return status;
}
