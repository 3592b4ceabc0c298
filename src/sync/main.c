#include "sync/commands/command_table.h"

int main(int argc, char **argv) {
    return sp_sync_main(argc, argv, SP_VERSION);
}
