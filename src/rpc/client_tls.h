/* How clients use TLS. */
#ifndef SP_RPC_CLIENT_TLS_H
#define SP_RPC_CLIENT_TLS_H

/* Files in PEM (tls/files.h). All NULL: plaintext. */
struct sp_rpc_client_tls {
    const char *ca;          /* who must have signed the server's certificate; NULL: plaintext */
    const char *certificate; /* the client's own, for servers that ask for one; with its key */
    const char *key;
    const char *server_name; /* what the server's certificate must be for; NULL: the target's host */
};

#endif
