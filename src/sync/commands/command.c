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
    char summary[256];
    printf("Usage: sallyport-sync %s %s\n\n", command->name, command->usage);
    (void)snprintf(summary, sizeof(summary), "%s.\n", command->summary);
    sp_options_wrap(summary, 0, stdout);
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

/* The command's own rows, and that of its event. Returns how many. */
static size_t complete_table(const struct sp_sync_command *command, const struct sp_option *table, size_t count,
                             struct sp_option ret_table[static SP_OPTIONS_MAX]) {
    for (size_t i = 0; i < count; i++)
        ret_table[i] = table[i];
    if (command->act.operation != NULL && count < SP_OPTIONS_MAX)
        ret_table[count++] = sp_sync_act_row();
    return count;
}

int sp_sync_read_options(const struct sp_sync_command *command, const struct sp_option *own_table, size_t own_count,
                         const bool *help, int argc, char **argv, int *ret_rest) {
    static struct sp_settings settings; /* texts that the options borrow */
    struct sp_option table[SP_OPTIONS_MAX];
    struct sp_error error = {0};
    size_t count = complete_table(command, own_table, own_count, table);
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
    if (command->act.operation != NULL && sp_sync_act_begin(&command->act, &error) != SP_OK)
        return sp_sync_complain(&error);
    return -1;
}

int sp_sync_read_options_alone(const struct sp_sync_command *command, const struct sp_option *own_table,
                               size_t own_count, const bool *help, int argc, char **argv) {
    int rest = argc;
    int ended = sp_sync_read_options(command, own_table, own_count, help, argc, argv, &rest);
    if (ended >= 0 || rest == argc)
        return ended;
    return sp_sync_complain_usage(command, "unexpected argument; this command takes only options");
}

int sp_sync_read_store_option(const struct sp_sync_command *command, int argc, char **argv, const char **ret_store) {
    bool help = false;
    const struct sp_option table[] = {sp_sync_store_row(ret_store), sp_sync_help_row(&help)};
    int ended = sp_sync_read_options_alone(command, table, 2, &help, argc, argv);
    if (ended >= 0)
        return ended;
    if (*ret_store == NULL)
        return sp_sync_complain_usage(command, "--store is required");
    return -1;
}

void sp_sync_note(const char *format, ...) {
    struct sp_error line; /* masks keys, as in errors */
    va_list arguments;
    va_start(arguments, format);
    (void)sp_error_vset(&line, SP_OK, format, arguments);
    va_end(arguments);
    (void)fprintf(stderr, "%s\n", line.message);
}

int sp_sync_complain(const struct sp_error *error) {
    (void)fprintf(stderr, "sallyport-sync: %s\n", error->message);
    enum sp_status status = error->status == SP_OK ? SP_ERR_INTERNAL : error->status;
    sp_sync_act_end(status);
    return sp_daemon_exit_status(status);
}

int sp_sync_complain_usage(const struct sp_sync_command *command, const char *what) {
    sp_sync_note("sallyport-sync %s: %s", command->name, what);
    return SP_EXIT_USAGE;
}
