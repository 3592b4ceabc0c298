#include "cli/help.h"

#include <string.h>

#include "cli/acting_key.h"
#include "cli/option.h"

enum { HELP_LEFT = 29, LIST_LEFT = 19, EXAMPLE_LEFT = 6, HELP_WIDTH = 80 };

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

/* A command of an example, broken before options as a shell takes it. */
static void write_example_line(const char *line, size_t size, FILE *out) {
    size_t at = 0;
    while (size > 0) {
        size_t next = 1;
        while (next < size && strncmp(line + next, " --", 3) != 0)
            next++;
        size_t room = next < size ? HELP_WIDTH - 2 : HELP_WIDTH; /* for " \\" if more follows */
        if (at > 0 && at + next > room) {
            (void)fprintf(out, " \\\n%*s", EXAMPLE_LEFT, "");
            at = EXAMPLE_LEFT - 1;
            line++;
            size--;
            next--;
        }
        (void)fprintf(out, "%.*s", (int)next, line);
        at += next;
        line += next;
        size -= next;
    }
    (void)fputc('\n', out);
}

static void write_examples(const char *examples, FILE *out) {
    (void)fputs("\nExample:\n", out);
    while (*examples != '\0') {
        size_t size = strcspn(examples, "\n");
        write_example_line(examples, size, out);
        examples += size + (examples[size] == '\n');
    }
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

static void write_acting_key(const struct cli_command *command, FILE *out) {
    char text[512];
    const char *who = command->acts != NULL     ? command->acts
                      : command->method != NULL ? sp_cli_acting_key(command->method)
                                                : NULL;
    if (who == NULL)
        return;
    (void)snprintf(text, sizeof(text), "Acts with %s.", who);
    write_wrapped(text, 0, out);
}

static void write_usage(const struct cli_command *command, FILE *out) {
    (void)fprintf(out, "Usage: sallyport %s%s%s", command->noun, command->verb != NULL ? " " : "",
                  command->verb != NULL ? command->verb : "");
    for (size_t i = 0; i < CLI_POSITIONALS_MAX && command->positionals[i].name != NULL; i++) {
        const struct cli_argument *row = &command->positionals[i];
        (void)fprintf(out, row->required ? " %s%s" : " [%s]%s", row->value, row->kind == CLI_TEXTS ? "…" : "");
    }
    (void)fputs(" [OPTION…]\n\n", out);
    write_wrapped(command->summary, 0, out);
    if (command->details != NULL)
        write_wrapped(command->details, 0, out);
    write_acting_key(command, out);
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
    write_examples(command->example, out);
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
    write_examples(example != NULL ? example->example : "", out);
    (void)fprintf(out, "\nRun `sallyport %s COMMAND --help` for details.\n", noun);
}

/* "create, get, list" for the noun that begins at the row. */
static void write_verbs(const struct cli_command *row, FILE *out) {
    char verbs[256] = "";
    size_t used = 0;
    const char *noun = row->noun;
    for (; row->noun != NULL && strcmp(row->noun, noun) == 0 && used < sizeof(verbs); row++)
        used += (size_t)snprintf(verbs + used, sizeof(verbs) - used, "%s%s", used > 0 ? ", " : "", row->verb);
    write_wrapped(verbs, LIST_LEFT, out);
}

void sp_cli_help_all(const struct cli_command *const *tables, FILE *out) {
    (void)fputs("Usage: sallyport COMMAND …\n\n"
                "Administer Sallyport, and ask it whether an API key may perform an action on a\n"
                "resource from an IP address.\n\nCommands:\n",
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
                "\nThe key that you act with is in the file that SALLYPORT_KEY_FILE or key_file of\n"
                "a profile names; it is never an argument. Profiles are in the file that\n"
                "SALLYPORT_PROFILES names, or in ~/.config/sallyport/profiles.yaml:\n"
                "  default:\n"
                "    admin: 127.0.0.1:7401\n"
                "    server: 127.0.0.1:7400\n"
                "    key_file: ~/admin.key\n"
                "\nExit status: 0 allowed or done, 1 denied, 2 error.\n\n"
                "Example:\n  sallyport key list --principal narrator\n\n"
                "Run `sallyport COMMAND --help` for details.\n",
                out);
}
