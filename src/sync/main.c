#include "sync/commands/command.h"

int main(int argc, char **argv) {
    return sp_sync_main(argc, argv, SP_VERSION);
}
