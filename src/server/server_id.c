#include "server/server_id.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_id_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("_.-:", c) != NULL);
}

void sp_server_make_id(const char *listen, int port, char ret_id[static SP_SERVER_ID_BYTES]) {
    enum { HOST_MAX = 40, PATH_MAX_CHARS = 20 };
    char host[HOST_MAX + 1] = "";
    if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
        (void)snprintf(host, sizeof(host), "host");
    size_t length = strlen(listen);
    /* Sockets of one machine differ at the end of their paths. */
    const char *path = listen + (length > PATH_MAX_CHARS ? length - PATH_MAX_CHARS : 0);
    if (port > 0)
        (void)snprintf(ret_id, SP_SERVER_ID_BYTES, "%s:%d", host, port);
    else
        (void)snprintf(ret_id, SP_SERVER_ID_BYTES, "%s:%s", host, path);
    for (char *at = ret_id; *at != '\0'; at++)
        if (!is_id_character(*at))
            *at = '-';
    if (ret_id[0] == '-' || ret_id[0] == '_' || ret_id[0] == '.')
        ret_id[0] = 'h';
}
