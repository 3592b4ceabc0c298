/* From argv to a request, and from the tables to help: both follow the same rows. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"

const struct cli_argument cli_common_options[] = {
    {.name = "output",
     .kind = CLI_LOCAL,
     .choices = "table|json|ndjson",
     .value = "FORMAT",
     .help = "table (default), json or ndjson; -o for short"},
    {.name = "admin",
     .kind = CLI_LOCAL,
     .value = "ADDRESS",
     .help = "sallyport-sync to call (SALLYPORT_ADMIN; default 127.0.0.1:7401)"},
    {.name = "server",
     .kind = CLI_LOCAL,
     .value = "ADDRESS",
     .help = "sallyportd to ask (SALLYPORT_SERVER; default 127.0.0.1:7400)"},
    {.name = "profile",
     .kind = CLI_LOCAL,
     .value = "NAME",
     .help = "profile of the profiles file; given here it goes before the environment (SALLYPORT_PROFILE; default "
             "\"default\")"},
    {.name = "tls-ca",
     .kind = CLI_LOCAL,
     .value = "FILE",
     .help = "CAs of both programs' certificates, PEM; without it: plaintext (SALLYPORT_TLS_CA)"},
    {.name = "tls-cert", .kind = CLI_LOCAL, .value = "FILE", .help = "certificate to show, PEM (SALLYPORT_TLS_CERT)"},
    {.name = "tls-key", .kind = CLI_LOCAL, .value = "FILE", .help = "its private key, PEM (SALLYPORT_TLS_KEY)"},
    {.name = "tls-name",
     .kind = CLI_LOCAL,
     .value = "NAME",
     .help = "what the certificates must be for (SALLYPORT_TLS_NAME; default: the address's host)"},
    {.name = "limit", .kind = CLI_NUMBER, .value = "N", .help = "at most so many rows of a list (default: all)"},
    {.name = "request-id",
     .kind = CLI_LOCAL,
     .value = "ID",
     .help = "makes a change idempotent for 24 hours (default: generated)"},
    {.name = "help", .kind = CLI_LOCAL_FLAG, .help = "show this"},
    {.name = NULL},
};

static bool takes_value(const struct cli_argument *argument) {
    return argument->kind != CLI_FLAG && argument->kind != CLI_LOCAL_FLAG && argument->kind != CLI_CLEAR;
}

static bool is_local(const struct cli_argument *argument) {
    return argument->path == NULL;
}

static bool is_repeatable(const struct cli_argument *argument) {
    return argument->kind == CLI_TEXTS || argument->kind == CLI_ENUMS;
}

const char *cli_local(const struct cli_call *call, const char *name) {
    return json_string_value(json_object_get(call->local, name));
}

bool cli_local_flag(const struct cli_call *call, const char *name) {
    return json_is_true(json_object_get(call->local, name));
}

/* ---- reading ---- */

static enum sp_status add_to_mask(json_t *request, const char *mask) {
    size_t i;
    json_t *name;
    json_array_foreach(json_object_get(request, "updateMask"), i, name) {
        if (strcmp(json_string_value(name), mask) == 0)
            return SP_OK;
    }
    return cli_put(request, "updateMask", json_string(mask), true);
}

static enum sp_status take(const struct cli_argument *argument, const char *text, struct cli_call *call,
                           struct sp_error *error) {
    json_t *value = NULL;
    enum sp_status status = cli_read_value(argument, text, &value, error);
    if (status != SP_OK)
        return status;
    if (is_local(argument))
        status = json_object_set_new(call->local, argument->name, value) == 0 ? SP_OK : SP_ERR_MEMORY;
    else
        status = cli_put(call->request, argument->path, value, is_repeatable(argument));
    if (status == SP_OK && argument->mask != NULL)
        status = add_to_mask(call->request, argument->mask);
    return status == SP_OK ? SP_OK : sp_error_set(error, status, "out of memory");
}

enum { OPTIONS_MAX = CLI_ARGUMENTS_MAX + 16 };

static size_t gather(const struct cli_command *command, const struct cli_argument *rows[OPTIONS_MAX],
                     struct option options[OPTIONS_MAX]) {
    size_t count = 0;
    for (size_t i = 0; i < CLI_ARGUMENTS_MAX && command->options[i].name != NULL; i++)
        rows[count++] = &command->options[i];
    for (size_t i = 0; cli_common_options[i].name != NULL; i++)
        rows[count++] = &cli_common_options[i];
    for (size_t i = 0; i < count; i++)
        options[i] = (struct option){rows[i]->name, takes_value(rows[i]) ? required_argument : no_argument, NULL, 256};
    options[count] = (struct option){0};
    return count;
}

static const struct cli_argument *find_row(const struct cli_argument *const *rows, size_t count, const char *name) {
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
    size_t count = gather(command, rows, options);
    int which = -1;
    opterr = 0;
    optind = 0;
    for (;;) {
        int found = getopt_long(argc, argv, ":o:h", options, &which);
        if (found == -1)
            return SP_OK;
        if (found == ':')
            return sp_error_set(error, SP_ERR_INVALID, "%s needs a value (see --help)", argv[optind - 1]);
        if (found == '?')
            return sp_error_set(error, SP_ERR_INVALID, "unknown option %s (see --help)", argv[optind - 1]);
        const struct cli_argument *row = found == 'o'   ? find_row(rows, count, "output")
                                         : found == 'h' ? find_row(rows, count, "help")
                                                        : rows[which];
        if (row == NULL)
            return sp_error_set(error, SP_ERR_INTERNAL, "option %d has no row", which);
        enum sp_status status = take(row, optarg == NULL ? "" : optarg, call, error);
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
        enum sp_status status = take(&command->positionals[i], argv[optind++], call, error);
        if (status != SP_OK)
            return status;
        /* The last one may be repeated where it fills a list. */
        if (command->positionals[i].kind != CLI_TEXTS || optind == argc)
            i++;
    }
    if (i < CLI_POSITIONALS_MAX && command->positionals[i].name != NULL && command->positionals[i].required)
        return sp_error_set(error, SP_ERR_INVALID, "%s is missing (see --help)", command->positionals[i].value);
    return SP_OK;
}

static bool is_given(const struct cli_argument *row, const struct cli_call *call) {
    return is_local(row) ? json_object_get(call->local, row->name) != NULL : cli_at(call->request, row->path) != NULL;
}

static enum sp_status check_required(const struct cli_command *command, const struct cli_call *call,
                                     struct sp_error *error) {
    for (size_t i = 0; i < CLI_ARGUMENTS_MAX && command->options[i].name != NULL; i++) {
        const struct cli_argument *row = &command->options[i];
        if (row->required && !is_given(row, call))
            return sp_error_set(error, SP_ERR_INVALID, "--%s is missing (see --help)", row->name);
    }
    return SP_OK;
}

/* Of a command that changes what is given, something must be given. */
static enum sp_status check_changes(const struct cli_command *command, const struct cli_call *call,
                                    struct sp_error *error) {
    bool changes = false;
    for (size_t i = 0; i < CLI_ARGUMENTS_MAX && command->options[i].name != NULL; i++) {
        const struct cli_argument *row = &command->options[i];
        changes = changes || row->mask != NULL;
        if (strcmp(row->name, "workspace") != 0 && is_given(row, call))
            return SP_OK;
    }
    return changes ? sp_error_set(error, SP_ERR_INVALID, "nothing to change: give an option (see --help)") : SP_OK;
}

enum sp_status cli_read_arguments(const struct cli_command *command, int argc, char **argv, struct cli_call *call,
                                  bool *ret_help, struct sp_error *error) {
    enum sp_status status = read_options(command, argc, argv, call, error);
    bool help = cli_local_flag(call, "help");
    if (status == SP_OK && !help)
        status = read_positionals(command, argc, argv, call, error);
    if (status == SP_OK && !help)
        status = check_required(command, call, error);
    if (status == SP_OK && !help)
        status = check_changes(command, call, error);
    *ret_help = help;
    return status;
}

/* ---- help ---- */

enum { HELP_LEFT = 29, LIST_LEFT = 19, HELP_WIDTH = 88 };

/* The text from column `left` on, broken at spaces. */
static void put_wrapped(const char *text, size_t left, FILE *out) {
    size_t at = left;
    while (*text != '\0') {
        size_t size = strcspn(text, " ");
        if (at > left && at + 1 + size > HELP_WIDTH) {
            (void)fprintf(out, "\n%*s", (int)left, "");
            at = left;
        } else if (at > left) {
            (void)fputc(' ', out);
            at++;
        }
        (void)fprintf(out, "%.*s", (int)size, text);
        at += size;
        text += size + (text[size] == ' ');
    }
    (void)fputc('\n', out);
}

static void help_row(const char *left, const struct cli_argument *row, const char *after, FILE *out) {
    char text[512];
    (void)snprintf(text, sizeof(text), "%s%s%s", row->help, after, is_repeatable(row) ? "; may be repeated" : "");
    (void)fprintf(out, "  %-*s", HELP_LEFT - 2, left);
    if (strlen(left) > HELP_LEFT - 3)
        (void)fprintf(out, "\n%*s", HELP_LEFT, "");
    put_wrapped(text, HELP_LEFT, out);
}

static void help_option(const struct cli_argument *row, FILE *out) {
    char left[64];
    (void)snprintf(left, sizeof(left), "--%s%s%s", row->name, row->value != NULL ? " " : "",
                   row->value != NULL ? row->value : "");
    help_row(left, row, row->required ? " (required)" : "", out);
}

static void help_usage(const struct cli_command *command, FILE *out) {
    (void)fprintf(out, "Usage: sallyport %s%s%s", command->noun, command->verb != NULL ? " " : "",
                  command->verb != NULL ? command->verb : "");
    for (size_t i = 0; i < CLI_POSITIONALS_MAX && command->positionals[i].name != NULL; i++) {
        const struct cli_argument *row = &command->positionals[i];
        (void)fprintf(out, row->required ? " %s%s" : " [%s]%s", row->value, row->kind == CLI_TEXTS ? "…" : "");
    }
    (void)fprintf(out, " [OPTION…]\n\n%s\n", command->summary);
}

void cli_help(const struct cli_command *command, FILE *out) {
    help_usage(command, out);
    if (command->positionals[0].name != NULL)
        (void)fputs("\nArguments:\n", out);
    for (size_t i = 0; i < CLI_POSITIONALS_MAX && command->positionals[i].name != NULL; i++)
        help_row(command->positionals[i].value, &command->positionals[i], "", out);
    if (command->options[0].name != NULL)
        (void)fputs("\nOptions:\n", out);
    for (size_t i = 0; i < CLI_ARGUMENTS_MAX && command->options[i].name != NULL; i++)
        help_option(&command->options[i], out);
    (void)fputs("\nCommon options:\n", out);
    for (size_t i = 0; cli_common_options[i].name != NULL; i++)
        help_option(&cli_common_options[i], out);
    (void)fprintf(out, "\nExample:\n%s\n", command->example);
}

void cli_help_noun(const char *noun, FILE *out) {
    (void)fprintf(out, "Usage: sallyport %s COMMAND …\n\nCommands:\n", noun);
    const struct cli_command *example = NULL;
    for (size_t table = 0; cli_table(table) != NULL; table++) {
        for (const struct cli_command *row = cli_table(table); row->noun != NULL; row++) {
            if (strcmp(row->noun, noun) != 0)
                continue;
            example = example == NULL ? row : example;
            (void)fprintf(out, "  %-*s", LIST_LEFT - 2, row->verb);
            put_wrapped(row->summary, LIST_LEFT, out);
        }
    }
    (void)fprintf(out, "\nExample:\n%s\n\n`sallyport %s COMMAND --help` says more.\n",
                  example != NULL ? example->example : "", noun);
}

/* "create|get|list", of the noun that begins at the row. */
static void put_verbs(const struct cli_command *row, FILE *out) {
    const char *noun = row->noun;
    for (; row->noun != NULL && strcmp(row->noun, noun) == 0; row++)
        (void)fprintf(out, "%s%s", row->verb, row[1].noun != NULL && strcmp(row[1].noun, noun) == 0 ? "|" : "\n");
}

void cli_help_all(FILE *out) {
    (void)fputs("Usage: sallyport COMMAND …\n\n"
                "Administers Sallyport and asks it: is this API key, from this IP address, allowed\n"
                "to do this to this resource?\n\nCommands:\n",
                out);
    for (size_t table = 0; cli_table(table) != NULL; table++) {
        const char *noun = "";
        for (const struct cli_command *row = cli_table(table); row->noun != NULL; row++) {
            if (strcmp(noun, row->noun) == 0)
                continue;
            noun = row->noun;
            (void)fprintf(out, "  %-*s", LIST_LEFT - 2, noun);
            if (row->verb == NULL)
                put_wrapped(row->summary, LIST_LEFT, out);
            else
                put_verbs(row, out);
        }
    }
    (void)fputs("  help             Explains a command: sallyport help key create\n"
                "  version          Prints the version.\n"
                "\nThe acting key is read from the file that SALLYPORT_KEY_FILE names, or from a profile's\n"
                "key_file; never from an argument. Profiles are in the file that SALLYPORT_PROFILES names,\n"
                "or ~/.config/sallyport/profiles.yaml:\n"
                "  default: {admin: \"127.0.0.1:7401\", server: \"127.0.0.1:7400\", key_file: ~/admin.key}\n"
                "\nExit status: 0 allowed or done, 1 denied, 2 an error.\n\n"
                "Example:\n  sallyport key list --principal narrator\n\n"
                "`sallyport COMMAND --help` says more.\n",
                out);
}
