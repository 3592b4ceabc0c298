/* sallyport-bench: load on a decision server whose answers are known, the worlds to do it in, and
 * the report of a bench/run. */
#include <argp.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "base/status.h"
#include "commands.h"

#ifndef SP_VERSION
#define SP_VERSION "unknown"
#endif

const char *argp_program_version = "sallyport-bench " SP_VERSION;

static char run_name[] = "sallyport-bench run", churn_name[] = "sallyport-bench churn",
            world_name[] = "sallyport-bench world", request_name[] = "sallyport-bench request",
            report_name[] = "sallyport-bench report";

static const struct {
    const char *word, *summary;
    char *name; /* in messages and help */
    int (*run)(int argc, char **argv);
} commands[] = {
    {"run", "ask a running sallyportd and check every answer", run_name, command_run},
    {"churn", "change the world through a running sallyport-sync", churn_name, command_churn},
    {"world", "make the world to ask about, as NDJSON or as a store", world_name, command_world},
    {"request", "write one question as a gRPC frame, for other load tools", request_name, command_request},
    {"report", "write the table of a bench/run from its raw results", report_name, command_report},
};

enum { COMMANDS = sizeof(commands) / sizeof(*commands) };

static void print_bench_usage(FILE *out) {
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "%s sallyport-bench %s [OPTION...]\n", i == 0 ? "Usage:" : "      ", commands[i].word);
    fputc('\n', out);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-8s%s\n", commands[i].word, commands[i].summary);
    fputs("\nEach has --help.\n", out);
}

static void complain_of_word(const char *word) {
    struct sp_nearest nearest = {0};
    struct sp_error error;
    for (size_t i = 0; i < COMMANDS; i++)
        sp_nearest_consider(&nearest, sp_str_from(commands[i].word), sp_str_from(word));
    (void)sp_nearest_refuse_command(&nearest, "", word, "sallyport-bench", &error);
    fprintf(stderr, "sallyport-bench: %s\n", error.message);
}

int main(int argc, char **argv) {
    const char *word = argc > 1 ? argv[1] : "";
    argp_err_exit_status = 2;
    if (strcmp(word, "--help") == 0 || strcmp(word, "help") == 0) {
        print_bench_usage(stdout);
        return 0;
    }
    if (strcmp(word, "--version") == 0) {
        puts(argp_program_version);
        return 0;
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(word, commands[i].word) != 0)
            continue;
        argv[1] = commands[i].name;
        return commands[i].run(argc - 1, argv + 1);
    }
    if (word[0] == '\0')
        print_bench_usage(stderr);
    else
        complain_of_word(word);
    return 2;
}
