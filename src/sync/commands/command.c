#include "sync/commands/command.h"

#include "config/settings.h"

#include <stdlib.h>
#include <string.h>

static const struct sp_sync_command commands[] = {
    {
        .name = "init",
        .usage = "--store DIR [OPTION]...",
        .summary = "make a store, and the first operator's key",
        .examples = "  sallyport-sync init --store /var/lib/sallyport\n"
                    "  sallyport-sync init --store store --schema schema.yaml --key-file operator.key\n",
        .run = sp_sync_init_command,
    },
    {
        .name = "serve",
        .usage = "--store DIR [OPTION]...",
        .summary = "serve the admin API and write to the store",
        .examples = "  sallyport-sync serve --store /var/lib/sallyport\n"
                    "  sallyport-sync serve --store store --listen 127.0.0.1:7401 --listen unix:/run/sallyport.sock\n",
        .run = sp_sync_serve_command,
    },
    {
        .name = "operator",
        .usage = "add|list|revoke [NAME] --store DIR [OPTION]...",
        .summary = "make, list and revoke operator keys; also while `serve` runs",
        .examples = "  sallyport-sync operator add alice --store store\n"
                    "  sallyport-sync operator list --store store\n"
                    "  sallyport-sync operator revoke alice --store store\n",
        .run = sp_sync_operator_command,
    },
    {
        .name = "verify",
        .usage = "--store DIR",
        .summary = "compare indexes with entities and both with the audit trail; also while `serve` runs",
        .examples = "  sallyport-sync verify --store store\n",
        .run = sp_sync_verify_command,
    },
    {
        .name = "compare",
        .usage = "--store DIR --source URL [OPTION]...",
        .summary = "compare a store with the etcd that it follows; also while `serve` runs",
        .examples = "  sallyport-sync compare --store store --source etcd://etcd-1:2379/sallyport/v1/\n",
        .run = sp_sync_compare_command,
    },
    {
        .name = "unaccounted",
        .usage = "--store DIR|--source URL [OPTION]...",
        .summary = "list entities that no change in the audit trail accounts for; also while `serve` runs",
        .examples = "  sallyport-sync unaccounted --store store\n"
                    "  sallyport-sync unaccounted --source etcd://etcd-1:2379/sallyport/v1/\n",
        .run = sp_sync_unaccounted_command,
    },
    {
        .name = "reindex",
        .usage = "--store DIR",
        .summary = "rebuild every index from the entities",
        .examples = "  sallyport-sync reindex --store store\n",
        .run = sp_sync_reindex_command,
    },
    {
        .name = "grow",
        .usage = "--store DIR --map-size BYTES",
        .summary = "set the most that the store may hold",
        .examples = "  sallyport-sync grow --store store --map-size 128G\n",
        .run = sp_sync_grow_command,
    },
    {
        .name = "migrate",
        .usage = "--store DIR --to URL|--from URL [OPTION]...",
        .summary = "move the truth of a store to etcd or back, in a new epoch",
        .examples = "  sallyport-sync migrate --store store --to etcd://etcd-1:2379,etcd-2:2379/sallyport/v1/\n"
                    "  sallyport-sync migrate --store store --from etcd://etcd-1:2379/sallyport/v1/\n",
        .run = sp_sync_migrate_command,
    },
    {
        .name = "restore",
        .usage = "--store DIR --backup FILE [OPTION]...",
        .summary = "make a backup's state the store's, in a new epoch",
        .examples = "  sallyport-sync restore --store new --backup backup.mdb --later-store old\n"
                    "  sallyport-sync restore --store store --replace --backup backup.mdb --changes changes.ndjson\n",
        .run = sp_sync_restore_command,
    },
};

enum { COMMANDS = sizeof(commands) / sizeof(*commands) };

static void print_usage(FILE *out) {
    (void)fputs("Usage: sallyport-sync COMMAND [OPTION]...\n\n"
                "The only writer of a Sallyport store.\n\n",
                out);
    for (size_t i = 0; i < COMMANDS; i++)
        (void)fprintf(out, "  %-11s %s\n", commands[i].name, commands[i].summary);
    (void)fputs("\n`sallyport-sync COMMAND --help` tells a command's options.\n", out);
}

int sp_sync_main(int argc, char **argv, const char *version) {
    const char *name = argc < 2 ? "" : argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0) {
        print_usage(stdout);
        return EXIT_SUCCESS;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
        printf("sallyport-sync %s\n", version);
        return EXIT_SUCCESS;
    }
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].run(&commands[i], argc - 1, argv + 1);
    if (name[0] != '\0')
        (void)fprintf(stderr, "sallyport-sync: no command \"%s\"\n\n", name);
    print_usage(stderr);
    return SP_EXIT_USAGE;
}

static void print_help(const struct sp_sync_command *command, const struct sp_option *table, size_t count) {
    printf("Usage: sallyport-sync %s %s\n\n%s.\n\n", command->name, command->usage, command->summary);
    sp_options_help(table, count, stdout);
    printf("\nExamples:\n%s", command->examples);
}

/* Of the commands that have the option. */
static bool wants_print(const struct sp_option *table, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i].name, "print-config") == 0)
            return *(const bool *)table[i].target;
    return false;
}

int sp_sync_read_options(const struct sp_sync_command *command, const struct sp_option *table, size_t count,
                         const bool *help, int argc, char **argv, int *ret_rest) {
    static struct sp_settings settings; /* for as long as the process */
    struct sp_error error = {0};
    if (sp_settings_read(table, count, argc, argv, &settings, ret_rest, &error) != SP_OK)
        return sp_sync_complain_usage(command, error.message);
    if (*help) {
        print_help(command, table, count);
        return EXIT_SUCCESS;
    }
    if (wants_print(table, count)) {
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
