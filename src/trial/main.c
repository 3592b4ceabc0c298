/* sallyport-test: what `sallyport test` and `sallyport whatif` run. A program of its own because it
 * holds a store, which the command line does without. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "config/options.h"
#include "trial/screen.h"
#include "trial/suite.h"
#include "trial/whatif_main.h"

enum { ERROR = 2, INPUTS_FIRST_BYTES = 64 * 1024, INPUTS_BUDGET_BYTES = 256 << 20, POLL_MS = 300 };

static const char usage[] =
    "Usage: sallyport-test [-f FILE]... [--run PATTERN] [--cover] [--junit FILE] [--github] [--watch]\n\n"
    "Run it as `sallyport test`, whose --help describes the options.\n";

/* getopt_long takes abbreviations. */
static bool knows_all_options(int argc, char **argv) {
    static const struct sp_option_word words[] = {{"file", true},  {"run", true},     {"cover", false},
                                                  {"junit", true}, {"github", false}, {"watch", false},
                                                  {"help", false}};
    struct sp_error error;
    if (sp_options_check_words(words, sizeof(words) / sizeof(*words), argc, argv, &error) == SP_OK)
        return true;
    (void)fprintf(stderr, "sallyport-test: %s\n", error.message);
    return false;
}

/* False: they are wrong, or only help was wanted. */
static bool read_test_options(int argc, char **argv, struct sp_trial_options *options, bool *ret_watch,
                              int *ret_status) {
    static const struct option rows[] = {
        {"file", required_argument, NULL, 'f'}, {"run", required_argument, NULL, 'r'},
        {"cover", no_argument, NULL, 'c'},      {"junit", required_argument, NULL, 'j'},
        {"github", no_argument, NULL, 'g'},     {"watch", no_argument, NULL, 'w'},
        {"help", no_argument, NULL, 'h'},       {0}};
    int letter;
    *ret_status = ERROR;
    if (!knows_all_options(argc, argv))
        return false;
    while ((letter = getopt_long(argc, argv, "f:h", rows, NULL)) != -1) {
        if (letter == 'f')
            options->files[options->file_count++] = optarg;
        else if (letter == 'r')
            options->pattern = optarg;
        else if (letter == 'j')
            options->junit = optarg;
        else if (letter == 'c')
            options->cover = true;
        else if (letter == 'g')
            options->github = true;
        else if (letter == 'w')
            *ret_watch = true;
        else {
            *ret_status = letter == 'h' ? EXIT_SUCCESS : ERROR;
            (void)fputs(usage, letter == 'h' ? stdout : stderr);
            return false;
        }
    }
    while (optind < argc)
        options->files[options->file_count++] = argv[optind++];
    if (options->file_count == 0)
        options->files[options->file_count++] = "tests.yaml";
    return true;
}

/* Again whenever something changes, until it is killed. */
static int run_and_watch(const struct sp_trial_options *options, bool watch) {
    for (;;) {
        struct sp_trial_inputs inputs = {0};
        struct sp_arena arena;
        if (sp_arena_init(&arena, INPUTS_FIRST_BYTES, INPUTS_BUDGET_BYTES) != SP_OK)
            return ERROR;
        inputs.arena = &arena;
        int status = sp_trial_run_suite(options, &inputs);
        unsigned long long before = sp_trial_inputs_state(&inputs);
        while (watch && sp_trial_inputs_state(&inputs) == before)
            sp_clock_sleep_ms(POLL_MS);
        sp_arena_fini(&arena);
        if (!watch)
            return status;
        (void)puts("");
    }
}

int main(int argc, char **argv) {
    const char *actions = getenv("GITHUB_ACTIONS");
    struct sp_trial_options options = {.colour = sp_trial_wants_colour()};
    bool watch = false;
    int status = ERROR;
    if (argc > 1 && strcmp(argv[1], "whatif") == 0)
        return sp_trial_whatif_main(argc - 1, argv + 1);
    options.github = actions != NULL && strcmp(actions, "true") == 0;
    options.files = calloc((size_t)argc + 1, sizeof(*options.files));
    if (options.files == NULL)
        return ERROR;
    if (read_test_options(argc, argv, &options, &watch, &status))
        status = run_and_watch(&options, watch);
    free(options.files);
    return status;
}
