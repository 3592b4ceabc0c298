#include "cli/arguments.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json_path.h"
#include "cli/option.h"
#include "cli/value.h"

static bool is_local(const struct cli_argument *argument) {
    return argument->path == NULL;
}

static enum sp_status add_to_mask(json_t *request, const char *mask) {
    size_t i;
    json_t *name;
    json_array_foreach(json_object_get(request, "updateMask"), i, name) {
        if (strcmp(json_string_value(name), mask) == 0)
            return SP_OK;
    }
    return sp_cli_put(request, "updateMask", json_string(mask), true);
}

/* Makes a value [number of the value that it stands behind, value]. */
static enum sp_status pair_with_value_before(const struct cli_argument *argument, const struct cli_call *call,
                                             json_t **value, struct sp_error *error) {
    size_t before = json_array_size(json_object_get(call->local, argument->behind));
    if (before == 0) {
        json_decref(*value);
        return sp_error_set(error, SP_ERR_INVALID, "write it behind the --%s that it is for", argument->behind);
    }
    *value = json_pack("[I, o]", (json_int_t)(before - 1), *value);
    return *value == NULL ? sp_error_set(error, SP_ERR_MEMORY, "out of memory") : SP_OK;
}

/* Errors begin with "--name: " of an option, or "VALUE: " of a positional argument. */
static enum sp_status take_argument(const struct cli_argument *argument, bool positional, const char *text,
                                    struct cli_call *call, struct sp_error *error) {
    json_t *value = NULL;
    struct sp_error why = {0};
    enum sp_status status = sp_cli_read_value(argument, text, &value, &why);
    if (status == SP_OK && argument->behind != NULL)
        status = pair_with_value_before(argument, call, &value, &why);
    if (status != SP_OK)
        return sp_error_set(error, status, "%s%s: %s", positional ? "" : "--",
                            positional ? argument->value : argument->name, why.message);
    status = sp_cli_put(is_local(argument) ? call->local : call->request,
                        is_local(argument) ? argument->name : argument->path, value, sp_cli_is_repeatable(argument));
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    if (argument->mask != NULL && add_to_mask(call->request, argument->mask) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    return SP_OK;
}

/* ---- options ---- */

static enum sp_status refuse_option(const struct cli_command *command, const char *word,
                                    const struct sp_cli_option_name *name, struct sp_error *error) {
    const char *meant = sp_cli_nearest_option(command, name->text, name->size);
    if (meant != NULL)
        return sp_error_set(error, SP_ERR_INVALID, "unknown option %s; did you mean --%s?", word, meant);
    return sp_error_set(error, SP_ERR_INVALID, "unknown option %s (see --help)", word);
}

/* *at is the option's place in argv, and moves on over its value. */
static enum sp_status read_option(const struct cli_command *command, int argc, char **argv, int *at,
                                  struct cli_call *call, struct sp_error *error) {
    const char *word = argv[*at];
    struct sp_cli_option_name name = sp_cli_read_option_name(word);
    const struct cli_argument *row = sp_cli_find_option(command, name.text, name.size);
    if (row == NULL)
        return refuse_option(command, word, &name, error);
    if (!sp_cli_takes_value(row)) {
        if (name.value != NULL)
            return sp_error_set(error, SP_ERR_INVALID, "--%s takes no value", row->name);
        return take_argument(row, false, "", call, error);
    }
    if (name.value == NULL && *at + 1 == argc)
        return sp_error_set(error, SP_ERR_INVALID, "%s requires a value (see --help)", word);
    return take_argument(row, false, name.value != NULL ? name.value : argv[++*at], call, error);
}

/* Moves what is not an option to the front of argv, behind argv[0]. */
static enum sp_status read_options(const struct cli_command *command, int argc, char **argv, struct cli_call *call,
                                   int *ret_positionals_end, struct sp_error *error) {
    int end = 1;
    bool ended = false;
    for (int i = 1; i < argc; i++) {
        if (!ended && strcmp(argv[i], "--") == 0) {
            ended = true;
        } else if (ended || !sp_cli_is_option_word(argv[i])) {
            argv[end++] = argv[i];
        } else {
            enum sp_status status = read_option(command, argc, argv, &i, call, error);
            if (status != SP_OK)
                return status;
        }
    }
    *ret_positionals_end = end;
    return SP_OK;
}

/* ---- what is left ---- */

static enum sp_status read_positionals(const struct cli_command *command, int argc, char **argv, struct cli_call *call,
                                       struct sp_error *error) {
    size_t i = 0;
    for (int at = 1; at < argc; at++) {
        if (i == CLI_POSITIONALS_MAX || command->positionals[i].name == NULL)
            return sp_error_set(error, SP_ERR_INVALID, "unexpected argument '%s' (see --help)", argv[at]);
        enum sp_status status = take_argument(&command->positionals[i], true, argv[at], call, error);
        if (status != SP_OK)
            return status;
        /* The last one may be repeated if it is a list. */
        if (!sp_cli_is_repeatable(&command->positionals[i]) || at + 1 == argc)
            i++;
    }
    if (i < CLI_POSITIONALS_MAX && command->positionals[i].name != NULL && command->positionals[i].required)
        return sp_error_set(error, SP_ERR_INVALID, "%s is missing (see --help)", command->positionals[i].value);
    return SP_OK;
}

static bool is_given(const struct cli_argument *row, const struct cli_call *call) {
    return is_local(row) ? json_object_get(call->local, row->name) != NULL
                         : sp_cli_at(call->request, row->path) != NULL;
}

static enum sp_status check_required_options(const struct cli_command *command, const struct cli_call *call,
                                             struct sp_error *error) {
    for (size_t i = 0; i < CLI_ARGUMENTS_MAX && command->options[i].name != NULL; i++) {
        const struct cli_argument *row = &command->options[i];
        if (row->required && !is_given(row, call))
            return sp_error_set(error, SP_ERR_INVALID, "--%s is missing (see --help)", row->name);
    }
    return SP_OK;
}

/* The positional argument or option of that name. */
static const struct cli_argument *find_argument(const struct cli_command *command, const char *name, size_t size,
                                                bool *ret_positional) {
    const struct cli_argument *row = sp_cli_find_row(command->positionals, CLI_POSITIONALS_MAX, name, size);
    *ret_positional = row != NULL;
    return row != NULL ? row : sp_cli_find_option(command, name, size);
}

/* "give RESOURCE, --group or --principal" */
static enum sp_status check_one_of(const struct cli_command *command, const struct cli_call *call,
                                   struct sp_error *error) {
    char names[160] = "";
    size_t used = 0;
    bool positional = false;
    for (const char *at = command->one_of; at != NULL && *at != '\0';) {
        size_t size = strcspn(at, "|");
        const struct cli_argument *row = find_argument(command, at, size, &positional);
        if (row == NULL)
            return sp_error_set(error, SP_ERR_INTERNAL, "the command has no argument %s", at);
        if (is_given(row, call))
            return SP_OK;
        bool last = at[size] == '\0';
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s%s",
                                 used == 0 ? ""
                                 : last    ? " or "
                                           : ", ",
                                 positional ? "" : "--", positional ? row->value : row->name);
        at += size + !last;
    }
    return used == 0 ? SP_OK : sp_error_set(error, SP_ERR_INVALID, "give %s (see --help)", names);
}

/* A command that changes the given fields requires at least one. */
static enum sp_status check_something_changes(const struct cli_command *command, const struct cli_call *call,
                                              struct sp_error *error) {
    bool changes = false;
    for (size_t i = 0; i < CLI_ARGUMENTS_MAX && command->options[i].name != NULL; i++) {
        const struct cli_argument *row = &command->options[i];
        changes = changes || row->mask != NULL;
        if (strcmp(row->name, "workspace") != 0 && is_given(row, call))
            return SP_OK;
    }
    return changes ? sp_error_set(error, SP_ERR_INVALID, "nothing to change; give at least one option (see --help)")
                   : SP_OK;
}

enum sp_status sp_cli_read_arguments(const struct cli_command *command, int argc, char **argv, struct cli_call *call,
                                     bool *ret_help, struct sp_error *error) {
    int end = 1;
    enum sp_status status = read_options(command, argc, argv, call, &end, error);
    if (status != SP_OK)
        return status;
    *ret_help = sp_cli_local_flag(call, "help");
    if (*ret_help)
        return SP_OK;
    status = read_positionals(command, end, argv, call, error);
    if (status != SP_OK)
        return status;
    status = check_required_options(command, call, error);
    if (status != SP_OK)
        return status;
    status = check_one_of(command, call, error);
    if (status != SP_OK)
        return status;
    return check_something_changes(command, call, error);
}
