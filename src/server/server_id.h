/* The name under which a server reports, if it was given none. */
#ifndef SP_SERVER_SERVER_ID_H
#define SP_SERVER_SERVER_ID_H

enum { SP_SERVER_ID_BYTES = 65 };

/* Host name and listener, which no other process there can have. `listen` is the first address
 * that the server listens on, `port` the port that it got (0: a socket). */
void sp_server_make_id(const char *listen, int port, char ret_id[static SP_SERVER_ID_BYTES]);

#endif
