#include "trial/whatif_main.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/options.h"
#include "trial/screen.h"
#include "trial/whatif.h"

enum { PASSED = 0, ERROR = 2 };

static const char usage[] = "Usage: sallyport-test whatif (--store DIR | --backup FILE) --log FILE... [--schema FILE] "
                            "[--file FILE]... [--prune | --keep] [--workspace ID] [--call JSON]... [--allow WHAT]... "
                            "[--json]\n\n"
                            "Run it as `sallyport whatif`, whose --help describes the options.\n";

static bool knows_whatif_words(int argc, char **argv) {
    static const struct sp_option_word words[] = {
        {"store", true}, {"backup", true},    {"log", true},  {"schema", true}, {"file", true},  {"prune", false},
        {"keep", false}, {"workspace", true}, {"call", true}, {"allow", true},  {"json", false}, {"help", false}};
    struct sp_error error;
    if (sp_options_check_words(words, sizeof(words) / sizeof(*words), argc, argv, &error) == SP_OK)
        return true;
    (void)fprintf(stderr, "sallyport-test whatif: %s\n", error.message);
    return false;
}

static bool take_whatif_option(int letter, struct sp_trial_whatif_options *options, struct sp_error *error) {
    struct sp_trial_change *change = &options->change;
    switch (letter) {
    case 's':
        options->store = optarg;
        return true;
    case 'b':
        options->backup = optarg;
        return true;
    case 'l':
        options->logs[options->log_count++] = optarg;
        return true;
    case 'y':
        change->schema = optarg;
        return true;
    case 'f':
        change->files[change->file_count++] = optarg;
        return true;
    case 'p':
        change->prune = true;
        return true;
    case 'k':
        change->keep = true;
        return true;
    case 'w':
        change->workspace = optarg;
        return true;
    case 'c':
        change->calls[change->call_count++] = optarg;
        return true;
    case 'a':
        return sp_trial_allow_read(optarg, &options->allowed[options->allowed_count++], error) == SP_OK;
    case 'j':
        options->json = true;
        return true;
    default:
        return false;
    }
}

static bool check_whatif_options(const struct sp_trial_whatif_options *options, struct sp_error *error) {
    enum sp_status status = SP_OK;
    if ((options->store == NULL) == (options->backup == NULL))
        status = sp_error_set(error, SP_ERR_INVALID, "give either --store or --backup");
    else if (options->log_count == 0)
        status = sp_error_set(error, SP_ERR_INVALID, "--log is missing");
    else if (options->change.prune && options->change.keep)
        status = sp_error_set(error, SP_ERR_INVALID, "--prune cannot be combined with --keep");
    return status == SP_OK;
}

/* False: they are wrong, or only help was wanted. */
static bool read_whatif_options(int argc, char **argv, struct sp_trial_whatif_options *options, int *ret_status) {
    static const struct option rows[] = {{"store", required_argument, NULL, 's'},
                                         {"backup", required_argument, NULL, 'b'},
                                         {"log", required_argument, NULL, 'l'},
                                         {"schema", required_argument, NULL, 'y'},
                                         {"file", required_argument, NULL, 'f'},
                                         {"prune", no_argument, NULL, 'p'},
                                         {"keep", no_argument, NULL, 'k'},
                                         {"workspace", required_argument, NULL, 'w'},
                                         {"call", required_argument, NULL, 'c'},
                                         {"allow", required_argument, NULL, 'a'},
                                         {"json", no_argument, NULL, 'j'},
                                         {"help", no_argument, NULL, 'h'},
                                         {0}};
    struct sp_error error = {0};
    int letter;
    *ret_status = ERROR;
    if (!knows_whatif_words(argc, argv))
        return false;
    while ((letter = getopt_long(argc, argv, "f:h", rows, NULL)) != -1) {
        if (letter == 'h')
            *ret_status = PASSED;
        if (take_whatif_option(letter, options, &error))
            continue;
        if (error.message[0] != '\0')
            (void)fprintf(stderr, "sallyport: %s\n", error.message);
        else
            (void)fputs(usage, letter == 'h' ? stdout : stderr);
        return false;
    }
    if (optind == argc && check_whatif_options(options, &error))
        return true;
    if (optind < argc)
        (void)fprintf(stderr, "sallyport: unexpected argument '%s'\n", argv[optind]);
    else
        (void)fprintf(stderr, "sallyport: %s\n", error.message);
    return false;
}

int sp_trial_whatif_main(int argc, char **argv) {
    size_t room = (size_t)argc + 1;
    struct sp_trial_whatif_options options = {.colour = sp_trial_wants_colour()};
    int status = ERROR;
    options.logs = calloc(room, sizeof(*options.logs));
    options.allowed = calloc(room, sizeof(*options.allowed));
    options.change.files = calloc(room, sizeof(*options.change.files));
    options.change.calls = calloc(room, sizeof(*options.change.calls));
    if (options.logs == NULL || options.allowed == NULL || options.change.files == NULL || options.change.calls == NULL)
        (void)fputs("sallyport: out of memory\n", stderr);
    else if (read_whatif_options(argc, argv, &options, &status))
        status = sp_trial_run_whatif(&options);
    free(options.logs);
    free(options.allowed);
    free(options.change.files);
    free(options.change.calls);
    return status;
}
