#include "etcd/client.h"

#include <stdlib.h>
#include <string.h>

#include "etcd/client_state.h"
#include "etcd/endpoint.h"

enum { DEFAULT_TIMEOUT_MS = 2000 };

static enum sp_status read_endpoints(struct sp_etcd *etcd, struct sp_str list, struct sp_error *error) {
    do {
        struct sp_str target;
        enum sp_status status = sp_etcd_take_endpoint(&list, &target, error);
        if (status != SP_OK)
            return status;
        if (etcd->endpoint_count == SP_ETCD_MAX_ENDPOINTS)
            return sp_error_set(error, SP_ERR_INVALID, "too many etcd endpoints: at most %d are allowed",
                                SP_ETCD_MAX_ENDPOINTS);
        memcpy(etcd->endpoints[etcd->endpoint_count++].target, target.data, target.size);
    } while (list.size > 0);
    return SP_OK;
}

static bool copy_texts(struct sp_etcd *etcd, const struct sp_etcd_options *options) {
    const struct {
        const char *text;
        char **copy;
    } texts[] = {{options->ca_file, &etcd->ca_file},
                 {options->cert_file, &etcd->cert_file},
                 {options->key_file, &etcd->key_file},
                 {options->user, &etcd->user},
                 {options->password_file, &etcd->password_file}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        if (texts[i].text == NULL)
            continue;
        *texts[i].copy = strdup(texts[i].text);
        if (*texts[i].copy == NULL)
            return false;
    }
    return true;
}

enum sp_status sp_etcd_open(const struct sp_etcd_options *options, struct sp_etcd **ret_etcd, struct sp_error *error) {
    if ((options->user == NULL) != (options->password_file == NULL))
        return sp_error_set(error, SP_ERR_INVALID, "etcd authentication needs both a user and a password file");
    if ((options->cert_file == NULL) != (options->key_file == NULL))
        return sp_error_set(error, SP_ERR_INVALID, "the etcd client certificate and its key must be given together");
    if (options->cert_file != NULL && options->ca_file == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "an etcd client certificate requires a CA file");
    struct sp_etcd *etcd = calloc(1, sizeof(*etcd));
    if (etcd == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    etcd->transport = options->transport != NULL ? options->transport : &sp_etcd_over_grpc;
    etcd->timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : DEFAULT_TIMEOUT_MS;
    etcd->opened_timeout_ms = etcd->timeout_ms;
    etcd->patience_ms = options->patience_ms;
    etcd->allow_unauthenticated = options->allow_unauthenticated;
    enum sp_status status = read_endpoints(etcd, options->endpoints, error);
    if (status != SP_OK)
        goto failed;
    if (!copy_texts(etcd, options)) {
        status = sp_error_set(error, SP_ERR_MEMORY, "out of memory");
        goto failed;
    }
    *ret_etcd = etcd;
    return SP_OK;
failed:
    sp_etcd_close(etcd);
    return status;
}

void sp_etcd_close(struct sp_etcd *etcd) {
    if (etcd == NULL)
        return;
    for (size_t i = 0; i < etcd->endpoint_count; i++)
        if (etcd->endpoints[i].connection != NULL)
            etcd->transport->close(etcd->endpoints[i].connection);
    free(etcd->ca_file);
    free(etcd->cert_file);
    free(etcd->key_file);
    free(etcd->user);
    free(etcd->password_file);
    free(etcd);
}

void sp_etcd_set_timeout(struct sp_etcd *etcd, unsigned timeout_ms) {
    etcd->timeout_ms = timeout_ms > 0 ? timeout_ms : etcd->opened_timeout_ms;
}

void sp_etcd_set_patience(struct sp_etcd *etcd, unsigned patience_ms) {
    etcd->patience_ms = patience_ms;
}

const char *sp_etcd_endpoint(const struct sp_etcd *etcd) {
    return etcd->endpoints[etcd->current].target;
}
