/* What the files of AuthZEN's endpoints share. */
#ifndef SP_SERVER_AUTHZEN_INTERNAL_H
#define SP_SERVER_AUTHZEN_INTERNAL_H

#include "server/authzen/ask.h"
#include "server/authzen/authzen.h"

/* One request while it is answered. */
struct sp_authzen_call {
    struct sp_service *service;
    struct sp_http_exchange *exchange;
    struct sp_asking asking;
    const char *path;
    json_t *body; /* an object */
    struct sp_view *view;
};

/* Each makes the reply, which the caller decrefs. SP_ERR_INVALID names the field; SP_ERR_MEMORY. */
typedef enum sp_status sp_authzen_endpoint(struct sp_authzen_call *call, json_t **ret_reply, struct sp_error *error);
sp_authzen_endpoint sp_authzen_evaluation, sp_authzen_evaluations;
sp_authzen_endpoint sp_authzen_search_subject, sp_authzen_search_resource, sp_authzen_search_action;

/* "1:42" */
json_t *sp_authzen_revision(struct sp_revision revision);

#endif
