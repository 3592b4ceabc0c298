#include "cli/arguments.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json_path.h"
#include "cli/value.h"

const struct cli_argument sp_cli_common_options[] = {
    {.name = "output",
     .kind = CLI_LOCAL,
     .choices = "table|json|ndjson",
     .value = "FORMAT",
     .help = "table (default), json or ndjson; short: -o"},
    {.name = "admin",
     .kind = CLI_LOCAL,
     .value = "ADDRESS",
     .help = "address of sallyport-sync (SALLYPORT_ADMIN; default: 127.0.0.1:7401)"},
    {.name = "server",
     .kind = CLI_LOCAL,
     .value = "ADDRESS",
     .help = "address of sallyportd (SALLYPORT_SERVER; default: 127.0.0.1:7400)"},
    {.name = "profile",
     .kind = CLI_LOCAL,
     .value = "NAME",
     .help = "profile to use; given here, it overrides the environment (SALLYPORT_PROFILE; default: \"default\")"},
    {.name = "tls-ca",
     .kind = CLI_LOCAL,
     .value = "FILE",
     .help = "CAs that the servers' certificates must be signed by, PEM (SALLYPORT_TLS_CA; default: plaintext)"},
    {.name = "tls-cert", .kind = CLI_LOCAL, .value = "FILE", .help = "client certificate, PEM (SALLYPORT_TLS_CERT)"},
    {.name = "tls-key",
     .kind = CLI_LOCAL,
     .value = "FILE",
     .help = "private key of the client certificate, PEM (SALLYPORT_TLS_KEY)"},
    {.name = "tls-name",
     .kind = CLI_LOCAL,
     .value = "NAME",
     .help = "name that the servers' certificates must have (SALLYPORT_TLS_NAME; default: the host of the address)"},
    {.name = "limit", .kind = CLI_NUMBER, .value = "N", .help = "maximum number of rows of a list (default: all)"},
    {.name = "request-id",
     .kind = CLI_LOCAL,
     .value = "ID",
     .help = "repeating a change with the same id within 24 hours has no further effect (default: generated)"},
    {.name = "help", .kind = CLI_LOCAL_FLAG, .help = "show this help"},
    {.name = NULL},
};

bool sp_cli_takes_value(const struct cli_argument *argument) {
    return argument->kind != CLI_FLAG && argument->kind != CLI_LOCAL_FLAG && argument->kind != CLI_CLEAR;
}

static bool is_local(const struct cli_argument *argument) {
    return argument->path == NULL;
}

bool sp_cli_is_repeatable(const struct cli_argument *argument) {
    return argument->kind == CLI_TEXTS || argument->kind == CLI_ENUMS || argument->kind == CLI_LOCALS;
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

/* Errors begin with "--name: " of an option, or "VALUE: " of a positional argument. */
static enum sp_status take_argument(const struct cli_argument *argument, bool positional, const char *text,
                                    struct cli_call *call, struct sp_error *error) {
    json_t *value = NULL;
    struct sp_error why = {0};
    enum sp_status status = sp_cli_read_value(argument, text, &value, &why);
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

enum { OPTIONS_MAX = CLI_ARGUMENTS_MAX + 16 };

static size_t gather_options(const struct cli_command *command, const struct cli_argument *rows[OPTIONS_MAX],
                             struct option options[OPTIONS_MAX]) {
    size_t count = 0;
    for (size_t i = 0; i < CLI_ARGUMENTS_MAX && command->options[i].name != NULL; i++)
        rows[count++] = &command->options[i];
    for (size_t i = 0; sp_cli_common_options[i].name != NULL; i++)
        rows[count++] = &sp_cli_common_options[i];
    for (size_t i = 0; i < count; i++)
        options[i] =
            (struct option){rows[i]->name, sp_cli_takes_value(rows[i]) ? required_argument : no_argument, NULL, 256};
    options[count] = (struct option){0};
    return count;
}

static const struct cli_argument *find_option(const struct cli_argument *const *rows, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i]->name, name) == 0)
            return rows[i];
    }
    return NULL;
}

static enum sp_status read_options(const struct cli_command *command, int argc, char **argv, struct cli_call *call,
                                   struct sp_error *error) {
    const struct cli_argument *rows[OPTIONS_MAX] = {NULL};
    struct option options[OPTIONS_MAX];
    size_t count = gather_options(command, rows, options);
    int which = -1;
    opterr = 0;
    optind = 0;
    for (;;) {
        int found = getopt_long(argc, argv, ":o:h", options, &which);
        if (found == -1)
            return SP_OK;
        if (found == ':')
            return sp_error_set(error, SP_ERR_INVALID, "%s requires a value (see --help)", argv[optind - 1]);
        if (found == '?')
            return sp_error_set(error, SP_ERR_INVALID, "unknown option %s (see --help)", argv[optind - 1]);
        const struct cli_argument *row = found == 'o'   ? find_option(rows, count, "output")
                                         : found == 'h' ? find_option(rows, count, "help")
                                                        : rows[which];
        if (row == NULL)
            return sp_error_set(error, SP_ERR_INTERNAL, "option %d has no row", which);
        enum sp_status status = take_argument(row, false, optarg == NULL ? "" : optarg, call, error);
        if (status != SP_OK)
            return status;
    }
}

static enum sp_status read_positionals(const struct cli_command *command, int argc, char **argv, struct cli_call *call,
                                       struct sp_error *error) {
    size_t i = 0;
    while (optind < argc) {
        if (i == CLI_POSITIONALS_MAX || command->positionals[i].name == NULL)
            return sp_error_set(error, SP_ERR_INVALID, "unexpected argument '%s' (see --help)", argv[optind]);
        enum sp_status status = take_argument(&command->positionals[i], true, argv[optind++], call, error);
        if (status != SP_OK)
            return status;
        /* The last one may be repeated if it is a list. */
        if (command->positionals[i].kind != CLI_TEXTS || optind == argc)
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
    enum sp_status status = read_options(command, argc, argv, call, error);
    if (status != SP_OK)
        return status;
    *ret_help = sp_cli_local_flag(call, "help");
    if (*ret_help)
        return SP_OK;
    status = read_positionals(command, argc, argv, call, error);
    if (status != SP_OK)
        return status;
    status = check_required_options(command, call, error);
    if (status != SP_OK)
        return status;
    return check_something_changes(command, call, error);
}
