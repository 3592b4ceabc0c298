/* A request to one of AuthZEN's endpoints, while it is answered. */
#ifndef SP_SERVER_AUTHZEN_ENDPOINT_H
#define SP_SERVER_AUTHZEN_ENDPOINT_H

#include <jansson.h>

#include "server/service.h"
#include "store/lmdb/view.h"

struct sp_authzen_call;

/* Each makes the reply, which the caller decrefs. SP_ERR_INVALID names the field; SP_ERR_MEMORY. */
typedef enum sp_status sp_authzen_endpoint(struct sp_authzen_call *call, json_t **ret_reply, struct sp_error *error);

/* Whether the call is for a bulk thread, by its body. */
typedef bool sp_authzen_judge(const struct sp_authzen_call *call);

struct sp_authzen_call {
    struct sp_service *service;
    struct sp_http_exchange *exchange;
    struct sp_asking asking; /* its worker slot is that of the thread that answers */
    const char *path;
    enum sp_caller_role role;
    sp_authzen_endpoint *endpoint;
    sp_authzen_judge *takes_long;
    json_t *body;             /* an object; NULL: not read yet */
    bool may_name_principals; /* found out by the first question that names one */
    struct sp_view *view;
};

#endif
