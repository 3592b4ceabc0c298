#include "cli/help.h"

#include <string.h>

#include "cli/option.h"

enum { HELP_LEFT = 29, LIST_LEFT = 19, HELP_WIDTH = 88 };

/* The text from column `left` on, broken at spaces. */
static void write_wrapped(const char *text, size_t left, FILE *out) {
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

static void write_argument_help(const char *left, const struct cli_argument *row, const char *after, FILE *out) {
    char text[512];
    (void)snprintf(text, sizeof(text), "%s%s%s", row->help, after, sp_cli_is_repeatable(row) ? "; repeatable" : "");
    (void)fprintf(out, "  %-*s", HELP_LEFT - 2, left);
    if (strlen(left) > HELP_LEFT - 3)
        (void)fprintf(out, "\n%*s", HELP_LEFT, "");
    write_wrapped(text, HELP_LEFT, out);
}

static void write_option_help(const struct cli_argument *row, FILE *out) {
    char left[64];
    (void)snprintf(left, sizeof(left), "--%s%s%s", row->name, row->value != NULL ? " " : "",
                   row->value != NULL ? row->value : "");
    write_argument_help(left, row, row->required ? " (required)" : "", out);
}

static void write_usage(const struct cli_command *command, FILE *out) {
    (void)fprintf(out, "Usage: sallyport %s%s%s", command->noun, command->verb != NULL ? " " : "",
                  command->verb != NULL ? command->verb : "");
    for (size_t i = 0; i < CLI_POSITIONALS_MAX && command->positionals[i].name != NULL; i++) {
        const struct cli_argument *row = &command->positionals[i];
        (void)fprintf(out, row->required ? " %s%s" : " [%s]%s", row->value, row->kind == CLI_TEXTS ? "…" : "");
    }
    (void)fprintf(out, " [OPTION…]\n\n%s\n", command->summary);
    if (command->details != NULL)
        write_wrapped(command->details, 0, out);
}

void sp_cli_help(const struct cli_command *command, FILE *out) {
    write_usage(command, out);
    if (command->positionals[0].name != NULL)
        (void)fputs("\nArguments:\n", out);
    for (size_t i = 0; i < CLI_POSITIONALS_MAX && command->positionals[i].name != NULL; i++)
        write_argument_help(command->positionals[i].value, &command->positionals[i], "", out);
    if (command->options[0].name != NULL)
        (void)fputs("\nOptions:\n", out);
    for (size_t i = 0; i < CLI_ARGUMENTS_MAX && command->options[i].name != NULL; i++)
        write_option_help(&command->options[i], out);
    (void)fputs("\nCommon options:\n", out);
    for (size_t i = 0; sp_cli_common_options[i].name != NULL; i++)
        write_option_help(&sp_cli_common_options[i], out);
    (void)fprintf(out, "\nExample:\n%s\n", command->example);
}

void sp_cli_help_noun(const struct cli_command *const *tables, const char *noun, FILE *out) {
    (void)fprintf(out, "Usage: sallyport %s COMMAND …\n\nCommands:\n", noun);
    const struct cli_command *example = NULL;
    for (; *tables != NULL; tables++) {
        for (const struct cli_command *row = *tables; row->noun != NULL; row++) {
            if (strcmp(row->noun, noun) != 0)
                continue;
            example = example == NULL ? row : example;
            (void)fprintf(out, "  %-*s", LIST_LEFT - 2, row->verb);
            write_wrapped(row->summary, LIST_LEFT, out);
        }
    }
    (void)fprintf(out, "\nExample:\n%s\n\nRun `sallyport %s COMMAND --help` for details.\n",
                  example != NULL ? example->example : "", noun);
}

/* "create|get|list" for the noun that begins at the row. */
static void write_verbs(const struct cli_command *row, FILE *out) {
    const char *noun = row->noun;
    for (; row->noun != NULL && strcmp(row->noun, noun) == 0; row++)
        (void)fprintf(out, "%s%s", row->verb, row[1].noun != NULL && strcmp(row[1].noun, noun) == 0 ? "|" : "\n");
}

void sp_cli_help_all(const struct cli_command *const *tables, FILE *out) {
    (void)fputs("Usage: sallyport COMMAND …\n\n"
                "Administer Sallyport, and ask it whether an API key may perform an action on a resource\n"
                "from an IP address.\n\nCommands:\n",
                out);
    for (; *tables != NULL; tables++) {
        const char *noun = "";
        for (const struct cli_command *row = *tables; row->noun != NULL; row++) {
            if (strcmp(noun, row->noun) == 0)
                continue;
            noun = row->noun;
            (void)fprintf(out, "  %-*s", LIST_LEFT - 2, noun);
            if (row->verb == NULL)
                write_wrapped(row->summary, LIST_LEFT, out);
            else
                write_verbs(row, out);
        }
    }
    (void)fputs("  help             Explain a command: sallyport help key create\n"
                "  version          Print the version.\n"
                "\nThe key that you act with is read from the file named by SALLYPORT_KEY_FILE, or by key_file in\n"
                "a profile; never from an argument. Profiles are in the file named by SALLYPORT_PROFILES, or in\n"
                "~/.config/sallyport/profiles.yaml:\n"
                "  default: {admin: \"127.0.0.1:7401\", server: \"127.0.0.1:7400\", key_file: ~/admin.key}\n"
                "\nExit status: 0 allowed or done, 1 denied, 2 error.\n\n"
                "Example:\n  sallyport key list --principal narrator\n\n"
                "Run `sallyport COMMAND --help` for details.\n",
                out);
}
