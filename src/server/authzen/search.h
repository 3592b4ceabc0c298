/* /access/v1/search/{subject,resource,action}: a page of the same lists that ListSubjects and
 * ListResources stream. */
#ifndef SP_SERVER_AUTHZEN_SEARCH_H
#define SP_SERVER_AUTHZEN_SEARCH_H

#include "server/authzen/endpoint.h"

sp_authzen_endpoint sp_authzen_search_subject, sp_authzen_search_resource, sp_authzen_search_action;

#endif
