#include <stdlib.h>

#include "daemon/lifecycle.h"
#include "server/run.h"

int main(int argc, char **argv) {
    struct sp_server_config config;
    struct sp_error error = {0};
    if (sp_server_config_read(argc, argv, &config, &error) != SP_OK) {
        (void)fprintf(stderr, "sallyportd: %s\n", error.message);
        return SP_EXIT_USAGE;
    }
    if (config.help) {
        sp_server_config_help(stdout);
        return EXIT_SUCCESS;
    }
    if (config.daemon.print_config)
        return EXIT_SUCCESS;
    if (config.version) {
        puts("sallyportd " SP_VERSION);
        return EXIT_SUCCESS;
    }
    return sp_server_run(&config);
}
