#include "cli/option.h"

#include <stdint.h>
#include <string.h>

#include "base/nearest.h"

const struct cli_argument sp_cli_common_options[] = {
    {.name = "output",
     .kind = CLI_LOCAL,
     .choices = "table|wide|json|ndjson",
     .value = "FORMAT",
     .help = "table (default), wide (a table with all columns), json or ndjson; short: -o"},
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
    {.name = "timeout",
     .kind = CLI_DURATION,
     .value = "DURATION",
     .help = "how long to wait for each answer, 1s to 1h (default: 30s); backup, import and changes --follow wait on"},
    {.name = "limit",
     .kind = CLI_NUMBER,
     .fills = "page_size",
     .value = "N",
     .help = "maximum number of rows of a list (default: all)"},
    {.name = "request-id",
     .kind = CLI_LOCAL,
     .fills = "request_id",
     .value = "ID",
     .help = "repeating a change with the same id within 24 hours has no further effect (default: generated)"},
    {.name = "help", .kind = CLI_LOCAL_FLAG, .help = "show this help"},
    {.name = NULL},
};

bool sp_cli_takes_value(const struct cli_argument *argument) {
    return argument->kind != CLI_FLAG && argument->kind != CLI_LOCAL_FLAG && argument->kind != CLI_CLEAR;
}

bool sp_cli_is_repeatable(const struct cli_argument *argument) {
    return argument->kind == CLI_TEXTS || argument->kind == CLI_ENUMS || argument->kind == CLI_LOCALS;
}

const struct cli_argument *sp_cli_find_row(const struct cli_argument *rows, size_t most, const char *name,
                                           size_t size) {
    for (size_t i = 0; i < most && rows[i].name != NULL; i++) {
        if (strncmp(rows[i].name, name, size) == 0 && rows[i].name[size] == '\0')
            return &rows[i];
    }
    return NULL;
}

const struct cli_argument *sp_cli_find_option(const struct cli_command *command, const char *name, size_t size) {
    const struct cli_argument *row = sp_cli_find_row(sp_cli_common_options, SIZE_MAX, name, size);
    return row != NULL || command == NULL ? row : sp_cli_find_row(command->options, CLI_ARGUMENTS_MAX, name, size);
}

bool sp_cli_is_option_word(const char *word) {
    return word[0] == '-' && word[1] != '\0';
}

struct sp_cli_option_name sp_cli_read_option_name(const char *word) {
    static const struct {
        char letter;
        const char *name;
    } shorts[] = {{'o', "output"}, {'h', "help"}, {'f', "file"}};
    if (word[1] == '-') {
        size_t size = strcspn(word + 2, "=");
        return (struct sp_cli_option_name){word + 2, size, word[2 + size] == '=' ? word + 3 + size : NULL};
    }
    for (size_t i = 0; i < sizeof(shorts) / sizeof(*shorts); i++)
        if (word[1] == shorts[i].letter)
            return (struct sp_cli_option_name){shorts[i].name, strlen(shorts[i].name),
                                               word[2] == '\0' ? NULL : word + 2 + (word[2] == '=')};
    return (struct sp_cli_option_name){word + 1, 0, NULL};
}

static void consider_options(const struct cli_argument *rows, size_t most, struct sp_str typed,
                             struct sp_nearest *nearest) {
    for (size_t i = 0; i < most && rows[i].name != NULL; i++)
        sp_nearest_consider(nearest, sp_str_from(rows[i].name), typed);
}

const char *sp_cli_nearest_option(const struct cli_command *command, const char *name, size_t size) {
    struct sp_nearest nearest = {0};
    if (command != NULL)
        consider_options(command->options, CLI_ARGUMENTS_MAX, (struct sp_str){name, size}, &nearest);
    consider_options(sp_cli_common_options, SIZE_MAX, (struct sp_str){name, size}, &nearest);
    return nearest.name.data;
}
