#include "sync/commands/command.h"

#include <stdlib.h>
#include <string.h>

#include "config/settings.h"

struct sp_option sp_sync_store_row(const char **target) {
    return (struct sp_option){
        .name = "store",
        .kind = SP_OPTION_TEXT,
        .target = target,
        .environment = "SALLYPORT_SYNC_STORE",
        .argument = "DIR",
        .help = "store directory; required",
    };
}

struct sp_option sp_sync_help_row(bool *target) {
    return (struct sp_option){
        .name = "help", .kind = SP_OPTION_FLAG, .target = target, .help = "print this help and exit"};
}

static void print_command_help(const struct sp_sync_command *command, const struct sp_option *table, size_t count) {
    printf("Usage: sallyport-sync %s %s\n\n%s.\n\n", command->name, command->usage, command->summary);
    sp_options_help(table, count, stdout);
    printf("\nExamples:\n%s", command->examples);
}

/* False for a command without the option. */
static bool wants_print_config(const struct sp_option *table, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i].name, "print-config") == 0)
            return *(const bool *)table[i].target;
    return false;
}

int sp_sync_read_options(const struct sp_sync_command *command, const struct sp_option *table, size_t count,
                         const bool *help, int argc, char **argv, int *ret_rest) {
    static struct sp_settings settings; /* texts that the options borrow */
    struct sp_error error = {0};
    if (sp_settings_read(table, count, argc, argv, &settings, ret_rest, &error) != SP_OK)
        return sp_sync_complain_usage(command, error.message);
    if (*help) {
        print_command_help(command, table, count);
        return EXIT_SUCCESS;
    }
    if (wants_print_config(table, count)) {
        sp_options_print(table, count, settings.sources, stdout);
        return EXIT_SUCCESS;
    }
    return -1;
}

int sp_sync_complain(const struct sp_error *error) {
    (void)fprintf(stderr, "sallyport-sync: %s\n", error->message);
    return EXIT_FAILURE;
}

int sp_sync_complain_usage(const struct sp_sync_command *command, const char *what) {
    (void)fprintf(stderr, "sallyport-sync %s: %s\n", command->name, what);
    return SP_EXIT_USAGE;
}
