/* Completion scripts, written from the tables. */
#include <string.h>

#include "cli/run.h"

/* "a|b" as "a b". */
static void put_choices(const char *choices) {
    for (; *choices != '\0'; choices++)
        (void)putchar(*choices == '|' ? ' ' : *choices);
}

static bool begins_noun(const struct cli_command *table, const struct cli_command *row) {
    return row == table || strcmp(row[-1].noun, row->noun) != 0;
}

/* Calls `each` for every row of every table. */
static void each_command(void (*each)(const struct cli_command *table, const struct cli_command *row)) {
    for (size_t i = 0; cli_table(i) != NULL; i++) {
        for (const struct cli_command *row = cli_table(i); row->noun != NULL; row++)
            each(cli_table(i), row);
    }
}

/* Calls `each` for every option of a command, the common ones too. */
static void each_option(const struct cli_command *row,
                        void (*each)(const struct cli_command *row, const struct cli_argument *option)) {
    for (size_t i = 0; i < CLI_ARGUMENTS_MAX && row->options[i].name != NULL; i++)
        each(row, &row->options[i]);
    for (size_t i = 0; cli_common_options[i].name != NULL; i++)
        each(row, &cli_common_options[i]);
}

static const char *verb_of(const struct cli_command *row) {
    return row->verb != NULL ? row->verb : "";
}

/* ---- bash, and zsh by its compatibility ---- */

static void bash_noun(const struct cli_command *table, const struct cli_command *row) {
    if (begins_noun(table, row))
        (void)printf("%s ", row->noun);
}

static void bash_second_word(const struct cli_command *table, const struct cli_command *row) {
    if (row->verb == NULL && row->positionals[0].choices != NULL) {
        (void)printf("        %s) words=\"", row->noun);
        put_choices(row->positionals[0].choices);
        (void)puts("\" ;;");
    }
    if (row->verb == NULL || !begins_noun(table, row))
        return;
    (void)printf("        %s) words=\"", row->noun);
    for (const char *noun = row->noun; row->noun != NULL && strcmp(row->noun, noun) == 0; row++)
        (void)printf("%s ", verb_of(row));
    (void)puts("\" ;;");
}

static void bash_option(const struct cli_command *row, const struct cli_argument *option) {
    (void)row;
    (void)printf("--%s ", option->name);
}

static void bash_options(const struct cli_command *table, const struct cli_command *row) {
    (void)table;
    (void)printf(row->verb != NULL ? "        '%s %s') words=\"" : "        '%s '*%s) words=\"", row->noun,
                 verb_of(row));
    each_option(row, bash_option);
    (void)puts("\" ;;");
}

static void bash_value(const struct cli_command *row, const struct cli_argument *option) {
    if (option->choices == NULL)
        return;
    (void)printf(row->verb != NULL ? "    '%s %s" : "    '%s '*%s'", row->noun, verb_of(row));
    (void)printf(" --%s') words=\"", option->name);
    put_choices(option->choices);
    (void)puts("\" ;;");
}

static void bash_values(const struct cli_command *table, const struct cli_command *row) {
    (void)table;
    for (size_t i = 0; i < CLI_ARGUMENTS_MAX && row->options[i].name != NULL; i++)
        bash_value(row, &row->options[i]);
}

/* First what follows an option; then the words of the command; then options, where a word begins like one. */
static void bash(void) {
    (void)puts("_sallyport() {\n"
               "    local words='' current=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
               "    local noun=\"${COMP_WORDS[1]-}\" verb=\"${COMP_WORDS[2]-}\"\n"
               "    case \"$noun $verb $before\" in");
    each_command(bash_values);
    (void)puts("    *' --output' | *' -o') words=\"table json ndjson\" ;;\n"
               "    esac\n"
               "    if [[ -n $words ]]; then\n        :\n"
               "    elif [[ $COMP_CWORD -eq 1 ]]; then");
    (void)printf("        words=\"");
    each_command(bash_noun);
    (void)puts("help version\"\n"
               "    elif [[ $COMP_CWORD -eq 2 && $current != -* ]]; then\n"
               "        case \"$noun\" in");
    each_command(bash_second_word);
    (void)puts("        esac\n"
               "    elif [[ $current == -* ]]; then\n"
               "        case \"$noun $verb\" in");
    each_command(bash_options);
    (void)puts("        esac\n"
               "    fi\n"
               "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
               "}\n"
               "complete -o default -F _sallyport sallyport");
}

/* ---- fish ---- */

/* A text in single quotes. */
static void fish_text(const char *text) {
    (void)putchar('\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\')
            (void)putchar('\\');
        (void)putchar(*text);
    }
    (void)putchar('\'');
}

static void fish_option(const struct cli_command *row, const struct cli_argument *option) {
    (void)printf("complete -c sallyport -n '__fish_seen_subcommand_from %s%s%s' -l %s -d ", row->noun,
                 row->verb != NULL ? "; and __fish_seen_subcommand_from " : "", verb_of(row), option->name);
    fish_text(option->help);
    if (option->choices != NULL) {
        (void)printf(" -x -a '");
        put_choices(option->choices);
        (void)putchar('\'');
    } else if (option->value != NULL) {
        (void)printf(strcmp(option->value, "FILE") == 0 || strcmp(option->value, "DIR") == 0 ? " -r" : " -x");
    }
    (void)putchar('\n');
}

/* A verb is offered while none of its noun stands there. */
static void fish_verb(const struct cli_command *table, const struct cli_command *row) {
    (void)printf("complete -c sallyport -f -n '__fish_seen_subcommand_from %s; and not __fish_seen_subcommand_from",
                 row->noun);
    for (const struct cli_command *other = table; other->noun != NULL; other++) {
        if (strcmp(other->noun, row->noun) == 0)
            (void)printf(" %s", other->verb);
    }
    (void)printf("' -a %s -d ", row->verb);
    fish_text(row->summary);
    (void)putchar('\n');
}

static void fish_command(const struct cli_command *table, const struct cli_command *row) {
    if (begins_noun(table, row)) {
        (void)printf("complete -c sallyport -f -n __fish_use_subcommand -a %s -d ", row->noun);
        fish_text(row->verb != NULL ? "" : row->summary);
        (void)putchar('\n');
    }
    if (row->verb != NULL)
        fish_verb(table, row);
    if (row->positionals[0].choices != NULL) {
        (void)printf("complete -c sallyport -f -n '__fish_seen_subcommand_from %s' -a '", row->noun);
        put_choices(row->positionals[0].choices);
        (void)puts("'");
    }
    bool takes_file = row->positionals[0].value != NULL && strcmp(row->positionals[0].value, "FILE") == 0;
    if (!takes_file)
        (void)printf("complete -c sallyport -f -n '__fish_seen_subcommand_from %s%s%s'\n", row->noun,
                     row->verb != NULL ? "; and __fish_seen_subcommand_from " : "", verb_of(row));
    each_option(row, fish_option);
}

int cli_run_completion(struct cli_call *call) {
    const char *shell = cli_local(call, "shell");
    if (strcmp(shell, "fish") == 0) {
        (void)puts("complete -c sallyport -f -n __fish_use_subcommand -a 'help version'");
        each_command(fish_command);
        return CLI_OK;
    }
    if (strcmp(shell, "zsh") == 0)
        (void)puts("(( $+functions[compdef] )) || { autoload -U compinit && compinit }\n"
                   "autoload -U +X bashcompinit && bashcompinit");
    bash();
    return CLI_OK;
}
