#include "sync/commands/prepare.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/lmdb/store.h"

int sp_sync_prepare_command(const struct sp_sync_command *command, int argc, char **argv) {
    const char *path = NULL;
    struct sp_error error = {0};
    int ended = sp_sync_read_store_option(command, argc, argv, &path);
    if (ended >= 0)
        return ended;
    if (sp_store_prepare_folder(path, &error) != SP_OK)
        return sp_sync_complain(&error);
    sp_sync_note("%s can be mounted for both programs; only this user may write to it.", path);
    return EXIT_SUCCESS;
}
