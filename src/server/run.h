/* The life of sallyportd: listen, wait for the store, serve, drain. */
#ifndef SP_SERVER_RUN_H
#define SP_SERVER_RUN_H

#include "server/config.h"

/* Runs until a signal ends it. The process's exit status. */
int sp_server_run(const struct sp_server_config *config);

#endif
