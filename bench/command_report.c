/* sallyport-bench report: the tables of a benchmark. */
#include <argp.h>
#include <stdbool.h>
#include <stdio.h>

#include "arguments.h"
#include "commands.h"
#include "report.h"

enum { OPTION_HALF_RATE = 256, OPTION_CHECK };

struct report_arguments {
    const char *folder, *half_rate_of;
    bool check;
};

static const struct argp_option report_options[] = {
    {"half-rate", OPTION_HALF_RATE, "NAME", 0,
     "Print only half the median calls per second of DIR/NAME.ndjson, a rate that does not saturate the server", 0},
    {"check", OPTION_CHECK, NULL, 0, "Exit with 1 if a goal was missed", 0},
    {0},
};

static error_t parse_report_option(int key, char *text, struct argp_state *state) {
    struct report_arguments *arguments = state->input;
    switch (key) {
    case OPTION_HALF_RATE:
        arguments->half_rate_of = text;
        return 0;
    case OPTION_CHECK:
        arguments->check = true;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0)
            refuse_argument(state, "unexpected argument '%s'", text);
        arguments->folder = text;
        return 0;
    case ARGP_KEY_NO_ARGS:
        refuse_argument(state, "DIR is missing");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp report_argp = {
    .options = report_options,
    .parser = parse_report_option,
    .args_doc = "DIR",
    .doc =
        "Write the Markdown report of a benchmark: goals, medians of all rounds, and ratios.\v"
        "DIR holds the raw results that bench/run, soak, observe, peers, etcd or noisy keeps with --raw DIR: "
        "NAME.ndjson "
        "files, "
        "one JSON object per line.\n"
        "\nExample:\n"
        "  bench/run --keys 10000 --raw results && sallyport-bench report results\n"
        "\nExit status: 0; 1 with --check if a goal was missed; 2 if results are missing, damaged, or from a run with "
        "wrong answers.",
};

int command_report(int argc, char **argv) {
    struct report_arguments arguments = {0};
    struct sp_error error = {0};
    double rate = 0;
    size_t missed = 0;
    parse_arguments(&report_argp, argc, argv, &arguments);
    enum sp_status status = arguments.half_rate_of != NULL
                                ? report_half_rate(arguments.folder, arguments.half_rate_of, &rate, &error)
                                : report_write(arguments.folder, stdout, &missed, &error);
    if (status != SP_OK) {
        (void)fprintf(stderr, "sallyport-bench: %s\n", error.message);
        return 2;
    }
    if (arguments.half_rate_of != NULL)
        (void)printf("%.0f\n", rate);
    return arguments.check && missed > 0 ? 1 : 0;
}
