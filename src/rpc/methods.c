#include "rpc/methods.h"

#include <stdlib.h>
#include <string.h>

#include "rpc/engine.h"
#include "rpc/health.h"
#include "rpc/reflection.h"

enum { BUILT_IN_MAX = 8 };

static enum sp_status check_method(const struct sp_rpc_methods *methods, const struct sp_rpc_method *method,
                                   bool has_admit, struct sp_error *error) {
    const char *slash = method->path[0] == '/' ? strchr(method->path + 1, '/') : NULL;
    bool handled = method->kind == SP_RPC_UNARY ? method->unary != NULL : method->stream != NULL;
    if (slash == NULL || slash == method->path + 1 || slash[1] == '\0' || !handled)
        return sp_error_set(error, SP_ERR_INVALID, "method \"%s\": give \"/package.Service/Method\" and its handler",
                            method->path);
    if (method->permit != 0 && !has_admit)
        return sp_error_set(error, SP_ERR_INVALID, "method \"%s\" needs a permit, but the server has no admit function",
                            method->path);
    for (size_t i = 0; i < methods->count; i++)
        if (strcmp(methods->all[i].path, method->path) == 0)
            return sp_error_set(error, SP_ERR_INVALID, "method \"%s\" is registered twice", method->path);
    return SP_OK;
}

static enum sp_status add_methods(struct sp_rpc_methods *methods, const struct sp_rpc_method *given, size_t count,
                                  bool has_admit, struct sp_error *error) {
    for (size_t i = 0; i < count; i++) {
        enum sp_status status = check_method(methods, &given[i], has_admit, error);
        if (status != SP_OK)
            return status;
        struct sp_rpc_method *method = &methods->all[methods->count++];
        *method = given[i];
        if (method->max_request_bytes == 0)
            method->max_request_bytes = SP_RPC_REQUEST_BYTES;
    }
    return SP_OK;
}

static enum sp_status add_services(struct sp_rpc_methods *methods, struct sp_error *error) {
    for (size_t i = 0; i < methods->count; i++) {
        const char *path = methods->all[i].path + 1;
        struct sp_str service = {path, strcspn(path, "/")};
        enum sp_status status = sp_rpc_health_add_service(methods->health, service, error);
        if (status != SP_OK)
            return status;
        status = sp_rpc_reflection_add_service(methods->reflection, service, error);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status fill_methods(struct sp_rpc_methods *methods, const struct sp_rpc_method *given, size_t count,
                                   bool has_admit, struct sp_bytes descriptors, struct sp_error *error) {
    struct sp_rpc_method built_in[BUILT_IN_MAX];
    methods->all = calloc(count + BUILT_IN_MAX, sizeof(*methods->all));
    if (methods->all == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = add_methods(methods, given, count, has_admit, error);
    if (status != SP_OK)
        return status;
    status = sp_rpc_health_create(&methods->health, error);
    if (status != SP_OK)
        return status;
    status = sp_rpc_reflection_create(descriptors, &methods->reflection, error);
    if (status != SP_OK)
        return status;
    size_t built_in_count = sp_rpc_health_methods(methods->health, built_in);
    built_in_count += sp_rpc_reflection_methods(methods->reflection, built_in + built_in_count);
    for (size_t i = 0; i < built_in_count; i++)
        built_in[i].is_public = true;
    status = add_methods(methods, built_in, built_in_count, has_admit, error);
    if (status != SP_OK)
        return status;
    return add_services(methods, error);
}

enum sp_status sp_rpc_methods_create(const struct sp_rpc_method *given, size_t count, bool has_admit,
                                     struct sp_bytes descriptors, struct sp_rpc_methods **ret_methods,
                                     struct sp_error *error) {
    struct sp_rpc_methods *methods = calloc(1, sizeof(*methods));
    if (methods == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = fill_methods(methods, given, count, has_admit, descriptors, error);
    if (status != SP_OK) {
        sp_rpc_methods_free(methods);
        return status;
    }
    *ret_methods = methods;
    return SP_OK;
}

enum sp_status sp_rpc_methods_admit(const struct sp_rpc_server_options *options, struct sp_rpc_call *call,
                                    struct sp_error *error) {
    const struct sp_rpc_method *method = call->method;
    if (method->permit != 0)
        return options->admit(call, method->permit, options->user, error);
    bool is_large = method->kind == SP_RPC_UNARY && method->max_request_bytes > SP_RPC_UNPROVEN_BYTES;
    return is_large && options->authenticate != NULL ? options->authenticate(call, options->user, error) : SP_OK;
}

void sp_rpc_methods_free(struct sp_rpc_methods *methods) {
    if (methods == NULL)
        return;
    sp_rpc_health_free(methods->health);
    sp_rpc_reflection_free(methods->reflection);
    free(methods->all);
    free(methods);
}
