#include "sync/commands/prepare.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/lmdb/store.h"

int sp_sync_prepare_command(const struct sp_sync_command *command, int argc, char **argv) {
    const char *path = NULL;
    bool help = false;
    int rest = argc;
    struct sp_error error = {0};
    const struct sp_option table[] = {sp_sync_store_row(&path), sp_sync_help_row(&help)};
    int ended = sp_sync_read_options(command, table, sizeof(table) / sizeof(*table), &help, argc, argv, &rest);
    if (ended >= 0)
        return ended;
    if (path == NULL || rest < argc)
        return sp_sync_complain_usage(command, rest < argc ? "unexpected argument; this command takes only options"
                                                           : "--store is required");
    if (sp_store_prepare_folder(path, &error) != SP_OK)
        return sp_sync_complain(&error);
    sp_sync_note("%s can be mounted for both programs; only this user may write to it.", path);
    return EXIT_SUCCESS;
}
