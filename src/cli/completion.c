#include "cli/completion.h"

#include <stdbool.h>
#include <string.h>

#include "cli/option.h"

/* "a|b" as "a b". */
static void write_choices(const char *choices, FILE *out) {
    for (; *choices != '\0'; choices++)
        (void)fputc(*choices == '|' ? ' ' : *choices, out);
}

static bool begins_noun(const struct cli_command *table, const struct cli_command *row) {
    return row == table || strcmp(row[-1].noun, row->noun) != 0;
}

/* Calls `write` for every row of every table. */
static void for_each_command(const struct cli_command *const *tables,
                             void (*write)(const struct cli_command *table, const struct cli_command *row, FILE *out),
                             FILE *out) {
    for (; *tables != NULL; tables++) {
        for (const struct cli_command *row = *tables; row->noun != NULL; row++)
            write(*tables, row, out);
    }
}

/* Calls `write` for every option of a command, the common ones too. */
static void for_each_option(const struct cli_command *row,
                            void (*write)(const struct cli_command *row, const struct cli_argument *option, FILE *out),
                            FILE *out) {
    for (size_t i = 0; i < CLI_ARGUMENTS_MAX && row->options[i].name != NULL; i++)
        write(row, &row->options[i], out);
    for (size_t i = 0; sp_cli_common_options[i].name != NULL; i++)
        write(row, &sp_cli_common_options[i], out);
}

static const char *verb_or_empty(const struct cli_command *row) {
    return row->verb != NULL ? row->verb : "";
}

/* ---- bash, and zsh by its compatibility ---- */

static void write_bash_noun(const struct cli_command *table, const struct cli_command *row, FILE *out) {
    if (begins_noun(table, row))
        (void)fprintf(out, "%s ", row->noun);
}

static void write_bash_second_word(const struct cli_command *table, const struct cli_command *row, FILE *out) {
    if (row->verb == NULL && row->positionals[0].choices != NULL) {
        (void)fprintf(out, "        %s) words=\"", row->noun);
        write_choices(row->positionals[0].choices, out);
        (void)fputs("\" ;;\n", out);
    }
    if (row->verb == NULL || !begins_noun(table, row))
        return;
    (void)fprintf(out, "        %s) words=\"", row->noun);
    for (const char *noun = row->noun; row->noun != NULL && strcmp(row->noun, noun) == 0; row++)
        (void)fprintf(out, "%s ", verb_or_empty(row));
    (void)fputs("\" ;;\n", out);
}

static void write_bash_option(const struct cli_command *row, const struct cli_argument *option, FILE *out) {
    (void)row;
    (void)fprintf(out, "--%s ", option->name);
}

static void write_bash_options(const struct cli_command *table, const struct cli_command *row, FILE *out) {
    (void)table;
    (void)fprintf(out, row->verb != NULL ? "        '%s %s') words=\"" : "        '%s '*%s) words=\"", row->noun,
                  verb_or_empty(row));
    for_each_option(row, write_bash_option, out);
    (void)fputs("\" ;;\n", out);
}

static void write_bash_value(const struct cli_command *row, const struct cli_argument *option, FILE *out) {
    if (option->choices == NULL)
        return;
    (void)fprintf(out, row->verb != NULL ? "    '%s %s" : "    '%s '*%s'", row->noun, verb_or_empty(row));
    (void)fprintf(out, " --%s') words=\"", option->name);
    write_choices(option->choices, out);
    (void)fputs("\" ;;\n", out);
}

static void write_bash_values(const struct cli_command *table, const struct cli_command *row, FILE *out) {
    (void)table;
    for (size_t i = 0; i < CLI_ARGUMENTS_MAX && row->options[i].name != NULL; i++)
        write_bash_value(row, &row->options[i], out);
}

/* In this order: the values of the option before, the words of the command, and options if the word
 * begins with "-". */
static void write_bash(const struct cli_command *const *tables, FILE *out) {
    (void)fputs("_sallyport_words() {\n"
                "    local words='' current=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
                "    local noun=\"${COMP_WORDS[1]-}\" verb=\"${COMP_WORDS[2]-}\"\n"
                "    case \"$noun $verb $before\" in\n",
                out);
    for_each_command(tables, write_bash_values, out);
    (void)fputs("    *' --output' | *' -o') words=\"table wide json ndjson\" ;;\n"
                "    esac\n"
                "    if [[ -n $words ]]; then\n        :\n"
                "    elif [[ $COMP_CWORD -eq 1 ]]; then\n",
                out);
    (void)fprintf(out, "        words=\"");
    for_each_command(tables, write_bash_noun, out);
    (void)fputs("help version\"\n"
                "    elif [[ $COMP_CWORD -eq 2 && $current != -* ]]; then\n"
                "        case \"$noun\" in\n",
                out);
    for_each_command(tables, write_bash_second_word, out);
    (void)fputs("        esac\n"
                "    elif [[ $current == -* ]]; then\n"
                "        case \"$noun $verb\" in\n",
                out);
    for_each_command(tables, write_bash_options, out);
    (void)fputs("        esac\n"
                "    fi\n"
                "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
                "}\n"
                "complete -o default -F _sallyport_words sallyport\n",
                out);
}

/* ---- fish ---- */

/* A text in single quotes. */
static void write_fish_text(const char *text, FILE *out) {
    (void)fputc('\'', out);
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\')
            (void)fputc('\\', out);
        (void)fputc(*text, out);
    }
    (void)fputc('\'', out);
}

static void write_fish_option(const struct cli_command *row, const struct cli_argument *option, FILE *out) {
    (void)fprintf(out, "complete -c sallyport -n '__fish_seen_subcommand_from %s%s%s' -l %s -d ", row->noun,
                  row->verb != NULL ? "; and __fish_seen_subcommand_from " : "", verb_or_empty(row), option->name);
    write_fish_text(option->help, out);
    if (option->choices != NULL) {
        (void)fprintf(out, " -x -a '");
        write_choices(option->choices, out);
        (void)fputc('\'', out);
    } else if (option->value != NULL) {
        (void)fprintf(out, strcmp(option->value, "FILE") == 0 || strcmp(option->value, "DIR") == 0 ? " -r" : " -x");
    }
    (void)fputc('\n', out);
}

/* A verb is offered until one of its noun is on the line. */
static void write_fish_verb(const struct cli_command *table, const struct cli_command *row, FILE *out) {
    (void)fprintf(out,
                  "complete -c sallyport -f -n '__fish_seen_subcommand_from %s; and not __fish_seen_subcommand_from",
                  row->noun);
    for (const struct cli_command *other = table; other->noun != NULL; other++) {
        if (strcmp(other->noun, row->noun) == 0)
            (void)fprintf(out, " %s", other->verb);
    }
    (void)fprintf(out, "' -a %s -d ", row->verb);
    write_fish_text(row->summary, out);
    (void)fputc('\n', out);
}

static void write_fish_command(const struct cli_command *table, const struct cli_command *row, FILE *out) {
    if (begins_noun(table, row)) {
        (void)fprintf(out, "complete -c sallyport -f -n __fish_use_subcommand -a %s -d ", row->noun);
        write_fish_text(row->verb != NULL ? "" : row->summary, out);
        (void)fputc('\n', out);
    }
    if (row->verb != NULL)
        write_fish_verb(table, row, out);
    if (row->positionals[0].choices != NULL) {
        (void)fprintf(out, "complete -c sallyport -f -n '__fish_seen_subcommand_from %s' -a '", row->noun);
        write_choices(row->positionals[0].choices, out);
        (void)fputs("'\n", out);
    }
    bool takes_file = row->positionals[0].value != NULL && strcmp(row->positionals[0].value, "FILE") == 0;
    if (!takes_file)
        (void)fprintf(out, "complete -c sallyport -f -n '__fish_seen_subcommand_from %s%s%s'\n", row->noun,
                      row->verb != NULL ? "; and __fish_seen_subcommand_from " : "", verb_or_empty(row));
    for_each_option(row, write_fish_option, out);
}

void sp_cli_write_completion(const struct cli_command *const *tables, const char *shell, FILE *out) {
    if (strcmp(shell, "fish") == 0) {
        (void)fputs("complete -c sallyport -f -n __fish_use_subcommand -a 'help version'\n", out);
        for_each_command(tables, write_fish_command, out);
        return;
    }
    bool zsh = strcmp(shell, "zsh") == 0;
    if (zsh)
        (void)fputs("#compdef sallyport\n(( $+functions[compdef] )) || { autoload -U compinit && compinit }\n"
                    "autoload -U +X bashcompinit && bashcompinit\n",
                    out);
    write_bash(tables, out);
    /* A file of $fpath is the function _sallyport itself, and runs at the first completion. */
    if (zsh)
        (void)fputs("[[ ${funcstack[1]-} != _sallyport ]] || _bash_complete -o default -F _sallyport_words\n", out);
}
