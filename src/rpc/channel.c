#include "rpc/channel.h"

#include <grpc/grpc_security.h>
#include <grpc/support/time.h>

#include "tls/files.h"

grpc_arg sp_rpc_channel_integer_arg(const char *key, int value) {
    union {
        const char *constant;
        char *plain;
    } name = {key}; /* gRPC only reads it */
    grpc_arg arg = {.type = GRPC_ARG_INTEGER, .key = name.plain};
    arg.value.integer = value;
    return arg;
}

enum sp_status sp_rpc_channel_credentials(const struct sp_rpc_client_tls *tls,
                                          grpc_channel_credentials **ret_credentials, struct sp_error *error) {
    const struct sp_tls_files files = {.certificate = tls->certificate, .key = tls->key, .ca = tls->ca};
    struct sp_tls_material material;
    if (tls->ca == NULL) {
        if (tls->certificate != NULL || tls->key != NULL) {
            return sp_error_set(error, SP_ERR_INVALID,
                                "a client certificate requires the server's CA: give its file too");
        }
        *ret_credentials = grpc_insecure_credentials_create();
        return SP_OK;
    }
    enum sp_status status = sp_tls_material_read(&files, &material, error);
    if (status != SP_OK)
        return status;
    grpc_ssl_pem_key_cert_pair pair = {material.key, material.certificate};
    *ret_credentials =
        grpc_ssl_credentials_create_ex(material.ca, material.certificate == NULL ? NULL : &pair, NULL, NULL);
    sp_tls_material_fini(&material);
    return SP_OK;
}

size_t sp_rpc_channel_tls_args(const struct sp_rpc_client_tls *tls, grpc_arg *ret_arg) {
    static char key[] = GRPC_SSL_TARGET_NAME_OVERRIDE_ARG;
    union {
        const char *constant;
        char *plain;
    } name = {tls->server_name}; /* gRPC only reads it */
    if (tls->ca == NULL || tls->server_name == NULL)
        return 0;
    *ret_arg = (grpc_arg){.type = GRPC_ARG_STRING, .key = key};
    ret_arg->value.string = name.plain;
    return 1;
}

gpr_timespec sp_rpc_channel_deadline(uint64_t until_ns) {
    if (until_ns >= (uint64_t)INT64_MAX)
        return gpr_inf_future(GPR_CLOCK_MONOTONIC);
    return (gpr_timespec){.tv_sec = (int64_t)(until_ns / 1000000000U),
                          .tv_nsec = (int32_t)(until_ns % 1000000000U),
                          .clock_type = GPR_CLOCK_MONOTONIC};
}
