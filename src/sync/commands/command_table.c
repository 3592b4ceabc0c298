#include "sync/commands/command_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "sync/commands/compare.h"
#include "sync/commands/epoch.h"
#include "sync/commands/init.h"
#include "sync/commands/maintain.h"
#include "sync/commands/migrate.h"
#include "sync/commands/operator.h"
#include "sync/commands/prepare.h"
#include "sync/commands/serve.h"
#include "sync/commands/unaccounted.h"

static const struct sp_sync_command commands[] = {
    {
        .name = "init",
        .usage = "--store DIR [OPTION]...",
        .summary = "create a store and the first operator's key",
        .examples = "  sallyport-sync init --store /var/lib/sallyport\n"
                    "  sallyport-sync init --store store --schema schema.yaml --key-file operator.key\n",
        .act = {.operation = "init", .class_uid = SP_EVENT_API_ACTIVITY, .activity = SP_EVENT_API_CREATE},
        .run = sp_sync_init_command,
    },
    {
        .name = "prepare",
        .usage = "--store DIR",
        .summary = "create the store's directory on a shared volume, or restrict its mode, before others mount it",
        .examples = "  sallyport-sync prepare --store /volume/store\n",
        .act = {.operation = "prepare", .class_uid = SP_EVENT_API_ACTIVITY, .activity = SP_EVENT_API_UPDATE},
        .run = sp_sync_prepare_command,
    },
    {
        .name = "serve",
        .usage = "--store DIR [OPTION]...",
        .summary = "serve the admin API and write to the store",
        .examples = "  sallyport-sync serve --store /var/lib/sallyport\n"
                    "  sallyport-sync serve --store store --listen unix:/run/sallyport/admin.sock\n",
        .logs = true,
        .run = sp_sync_serve_command,
    },
    {
        .name = "operator",
        .usage = "add|list|revoke [NAME] --store DIR [OPTION]...",
        .summary = "add, list and revoke operator keys; also while `serve` runs",
        .examples = "  sallyport-sync operator add alice --store store\n"
                    "  sallyport-sync operator add nightly --scopes backup --allowed-ips 10.0.0.0/8 --expires-days 365 "
                    "--store store\n"
                    "  sallyport-sync operator list --store store\n"
                    "  sallyport-sync operator revoke alice --store store\n",
        .act = {.operation = "operator", .class_uid = SP_EVENT_API_ACTIVITY, .activity = SP_EVENT_API_READ},
        .run = sp_sync_operator_command,
    },
    {
        .name = "verify",
        .usage = "--store DIR",
        .summary = "check that indexes, entities and audit trail agree; also while `serve` runs",
        .examples = "  sallyport-sync verify --store store\n",
        .run = sp_sync_verify_command,
    },
    {
        .name = "compare",
        .usage = "--store DIR --source URL [OPTION]...",
        .summary = "compare a store with the etcd it follows; also while `serve` runs",
        .examples = "  sallyport-sync compare --store store --source etcd://etcd-1:2379/sallyport/v1/\n",
        .run = sp_sync_compare_command,
    },
    {
        .name = "unaccounted",
        .usage = "--store DIR|--source URL [OPTION]...",
        .summary = "list entities that the audit trail does not account for; also while `serve` runs",
        .examples = "  sallyport-sync unaccounted --store store\n"
                    "  sallyport-sync unaccounted --source etcd://etcd-1:2379/sallyport/v1/\n",
        .run = sp_sync_unaccounted_command,
    },
    {
        .name = "reindex",
        .usage = "--store DIR",
        .summary = "rebuild every index from the entities",
        .examples = "  sallyport-sync reindex --store store\n",
        .act = {.operation = "reindex", .class_uid = SP_EVENT_API_ACTIVITY, .activity = SP_EVENT_API_UPDATE},
        .run = sp_sync_reindex_command,
    },
    {
        .name = "upgrade",
        .usage = "--store DIR [--keep-implicit KEYS]",
        .summary = "bring a store of an earlier release to this release's format; back it up first",
        .examples = "  sallyport-sync upgrade --store store\n"
                    "  sallyport-sync upgrade --store store --keep-implicit acme/boss-1\n",
        .act = {.operation = "upgrade", .class_uid = SP_EVENT_API_ACTIVITY, .activity = SP_EVENT_API_UPDATE},
        .run = sp_sync_upgrade_command,
    },
    {
        .name = "grow",
        .usage = "--store DIR --map-size BYTES",
        .summary = "set the maximum size of the store; also while `serve` runs",
        .examples = "  sallyport-sync grow --store store --map-size 128G\n",
        .act = {.operation = "grow", .class_uid = SP_EVENT_API_ACTIVITY, .activity = SP_EVENT_API_UPDATE},
        .run = sp_sync_grow_command,
    },
    {
        .name = "migrate",
        .usage = "--store DIR --to URL|--from URL [OPTION]...",
        .summary = "move a store's source of truth to etcd or back, in a new epoch",
        .examples = "  sallyport-sync migrate --store store --to etcd://etcd-1:2379,etcd-2:2379/sallyport/v1/\n"
                    "  sallyport-sync migrate --store store --from etcd://etcd-1:2379/sallyport/v1/\n",
        .act = {.operation = "migrate", .class_uid = SP_EVENT_API_ACTIVITY, .activity = SP_EVENT_API_UPDATE},
        .run = sp_sync_migrate_command,
    },
    {
        .name = "epoch",
        .usage = "begin --store DIR [--source URL] [OPTION]...",
        .summary = "begin a new epoch, after etcd was restored and no writer noticed; also while `serve` runs",
        .examples = "  sallyport-sync epoch begin --store store --source etcd://etcd-1:2379/sallyport/v1/\n",
        .act = {.operation = "epoch-begin", .class_uid = SP_EVENT_API_ACTIVITY, .activity = SP_EVENT_API_UPDATE},
        .run = sp_sync_epoch_command,
    },
    {
        .name = "restore",
        .usage = "--store DIR --backup FILE [OPTION]...",
        .summary = "restore a store from a backup, in a new epoch",
        .examples = "  sallyport-sync restore --store new --backup backup.mdb --later-store old\n"
                    "  sallyport-sync restore --store store --replace --backup backup.mdb --changes changes.ndjson\n",
        .act = {.operation = "restore", .class_uid = SP_EVENT_API_ACTIVITY, .activity = SP_EVENT_API_UPDATE},
        .run = sp_sync_restore_command,
    },
};

enum { COMMANDS = sizeof(commands) / sizeof(*commands), SUMMARY_COLUMN = 15 };

static void print_commands(FILE *out) {
    (void)fputs("Usage: sallyport-sync COMMAND [OPTION]...\n\n"
                "The only writer of a Sallyport store.\n\n",
                out);
    for (size_t i = 0; i < COMMANDS; i++) {
        (void)fprintf(out, "  %-*s", SUMMARY_COLUMN - 2, commands[i].name);
        sp_options_wrap(commands[i].summary, SUMMARY_COLUMN, out);
    }
    (void)fputs("\n`sallyport-sync COMMAND --help` lists a command's options.\n", out);
}

static void report_unknown_variables(void) {
    struct sp_unknown_variables unknown;
    sp_sync_find_unknown_variables(&unknown);
    for (size_t i = 0; i < unknown.count; i++)
        sp_sync_note("sallyport-sync: %s", unknown.messages[i]);
}

/* A failure was reported where it was complained about. */
static int run_and_report(const struct sp_sync_command *command, int argc, char **argv) {
    if (!command->logs)
        report_unknown_variables();
    int status = command->run(command, argc, argv);
    if (status == EXIT_SUCCESS)
        sp_sync_act_end(SP_OK);
    return status;
}

static void report_unknown_command(const char *name) {
    struct sp_nearest nearest = {0};
    struct sp_error error;
    for (size_t i = 0; i < COMMANDS; i++)
        sp_nearest_consider(&nearest, sp_str_from(commands[i].name), sp_str_from(name));
    (void)sp_nearest_refuse_command(&nearest, "", name, "sallyport-sync", &error);
    sp_sync_note("sallyport-sync: %s", error.message);
}

int sp_sync_main(int argc, char **argv, const char *version) {
    const char *name = argc < 2 ? "" : argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0) {
        print_commands(stdout);
        return EXIT_SUCCESS;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
        printf("sallyport-sync %s\n", version);
        return EXIT_SUCCESS;
    }
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return run_and_report(&commands[i], argc - 1, argv + 1);
    if (name[0] == '\0')
        print_commands(stderr);
    else
        report_unknown_command(name);
    return SP_EXIT_USAGE;
}
