#include "rpc/grpc/server_tls.h"

#include <stdio.h>
#include <stdlib.h>

struct server_tls {
    struct sp_tls_watch watch;
    struct sp_tls_material material;
    bool handed_over; /* gRPC has the material */
    bool asks_clients;
    void (*notice)(void *user, bool good, const char *message);
    void *user;
};

enum sp_status sp_rpc_server_tls_open(const struct sp_rpc_server_options *options, struct server_tls **ret_tls,
                                      struct sp_error *error) {
    struct server_tls *tls = calloc(1, sizeof(*tls));
    if (tls == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = sp_tls_watch_open(&tls->watch, &options->tls, &tls->material, error);
    if (status != SP_OK) {
        free(tls);
        return status;
    }
    tls->asks_clients = options->tls.ca != NULL;
    tls->notice = options->notice;
    tls->user = options->user;
    *ret_tls = tls;
    return SP_OK;
}

void sp_rpc_server_tls_close(struct server_tls *tls) {
    if (tls == NULL)
        return;
    sp_tls_material_fini(&tls->material);
    free(tls);
}

static void reload_files(struct server_tls *tls) {
    struct sp_tls_material material;
    if (!sp_tls_watch_take_new(&tls->watch, tls->notice, tls->user, &material))
        return;
    sp_tls_material_fini(&tls->material);
    tls->material = material;
    tls->handed_over = false;
    sp_tls_tell_news(tls->notice, tls->user, NULL);
}

/* gRPC asks before each handshake, one at a time. */
static grpc_ssl_certificate_config_reload_status fetch_material(void *user,
                                                                grpc_ssl_server_certificate_config **ret_config) {
    struct server_tls *tls = user;
    reload_files(tls);
    if (tls->handed_over)
        return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    grpc_ssl_pem_key_cert_pair pair = {tls->material.key, tls->material.certificate};
    /* gRPC asserts that there are roots, even if it asks no client for a certificate. */
    const char *roots = tls->material.ca != NULL ? tls->material.ca : tls->material.certificate;
    *ret_config = grpc_ssl_server_certificate_config_create(roots, &pair, 1);
    tls->handed_over = true;
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

grpc_server_credentials *sp_rpc_server_tls_credentials(struct server_tls *tls) {
    return grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(
            tls->asks_clients ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                              : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
            fetch_material, tls));
}
