/* Completion scripts, written from the tables. */
#include <string.h>

#include "cli/special.h"

static void nouns(const char *separator) {
    const char *before = "";
    for (size_t table = 0; cli_table(table) != NULL; table++) {
        for (const struct cli_command *row = cli_table(table); row->noun != NULL; row++) {
            if (strcmp(before, row->noun) != 0)
                (void)printf("%s%s", row->noun, separator);
            before = row->noun;
        }
    }
    (void)printf("help%sversion", separator);
}

static void verbs_of(const char *noun) {
    for (size_t table = 0; cli_table(table) != NULL; table++) {
        for (const struct cli_command *row = cli_table(table); row->noun != NULL; row++) {
            if (strcmp(row->noun, noun) == 0 && row->verb != NULL)
                (void)printf("%s ", row->verb);
        }
    }
}

static void options_of(const struct cli_command *row) {
    for (size_t i = 0; i < CLI_ARGUMENTS_MAX && row->options[i].name != NULL; i++)
        (void)printf("--%s ", row->options[i].name);
    for (size_t i = 0; cli_common_options[i].name != NULL; i++)
        (void)printf("--%s ", cli_common_options[i].name);
}

static void cases(void) {
    for (size_t table = 0; cli_table(table) != NULL; table++) {
        const char *before = "";
        for (const struct cli_command *row = cli_table(table); row->noun != NULL; row++) {
            if (row->verb != NULL && strcmp(before, row->noun) != 0) {
                (void)printf("        %s) words=\"", row->noun);
                verbs_of(row->noun);
                (void)printf("\" ;;\n");
            }
            before = row->noun;
        }
    }
    for (size_t table = 0; cli_table(table) != NULL; table++) {
        for (const struct cli_command *row = cli_table(table); row->noun != NULL; row++) {
            (void)printf("        '%s%s%s'*) words=\"", row->noun, row->verb != NULL ? " " : "",
                         row->verb != NULL ? row->verb : "");
            options_of(row);
            (void)printf("\" ;;\n");
        }
    }
}

static void bash(void) {
    (void)printf("_sallyport() {\n    local words current=${COMP_WORDS[COMP_CWORD]}\n"
                 "    if ((COMP_CWORD == 1)); then\n        words=\"");
    nouns(" ");
    (void)printf("\"\n    else\n        case \"${COMP_WORDS[*]:1:COMP_CWORD-1}\" in\n");
    cases();
    (void)printf("        esac\n    fi\n    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
                 "    [[ ${#COMPREPLY[@]} -gt 0 ]] || COMPREPLY=($(compgen -f -- \"$current\"))\n}\n"
                 "complete -F _sallyport sallyport\n");
}

static void fish(void) {
    (void)printf("complete -c sallyport -n __fish_use_subcommand -f -a '");
    nouns(" ");
    (void)printf("'\n");
    for (size_t table = 0; cli_table(table) != NULL; table++) {
        const char *before = "";
        for (const struct cli_command *row = cli_table(table); row->noun != NULL; row++) {
            if (row->verb != NULL && strcmp(before, row->noun) != 0) {
                (void)printf("complete -c sallyport -n '__fish_seen_subcommand_from %s' -a '", row->noun);
                verbs_of(row->noun);
                (void)printf("'\n");
            }
            before = row->noun;
            for (size_t i = 0; i < CLI_ARGUMENTS_MAX && row->options[i].name != NULL; i++)
                (void)printf("complete -c sallyport -n '__fish_seen_subcommand_from %s' -l %s\n", row->noun,
                             row->options[i].name);
        }
    }
}

int cli_run_completion(struct cli_call *call) {
    const char *shell = cli_local(call, "shell");
    if (strcmp(shell, "bash") == 0) {
        bash();
    } else if (strcmp(shell, "zsh") == 0) {
        (void)printf("autoload -U +X bashcompinit && bashcompinit\n");
        bash();
    } else if (strcmp(shell, "fish") == 0) {
        fish();
    } else {
        (void)fprintf(stderr, "sallyport: completion is there for bash, zsh and fish\n");
        return CLI_ERROR;
    }
    return CLI_OK;
}
