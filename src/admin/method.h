/* One method of the admin API, as the programs that serve it see it: constants of the table in
 * methods.c. */
#ifndef SP_ADMIN_METHOD_H
#define SP_ADMIN_METHOD_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "admin/method_type.h"

struct sp_admin_method;

/* Constants. */
const char *sp_admin_method_name(const struct sp_admin_method *method); /* "CreateApiKey" */
const char *sp_admin_method_path(const struct sp_admin_method *method); /* "/sallyport.v1.Admin/CreateApiKey" */
enum sp_admin_type sp_admin_method_type(const struct sp_admin_method *method);
enum sp_admin_stream sp_admin_method_stream(const struct sp_admin_method *method);
const ProtobufCMessageDescriptor *sp_admin_method_request(const struct sp_admin_method *method);

/* Whether a read walks, so that a call may take a page's whole time (admin/page.h). */
bool sp_admin_method_reads_much(const struct sp_admin_method *method);

/* Whether a call may leave something marked for removal (sp_admin_remove_deleted). */
bool sp_admin_method_deletes_in_pieces(const struct sp_admin_method *method);

/* Whether its requests may be as large as a batch of an import, and each takes a transaction of its
 * own. */
bool sp_admin_method_is_batch(const struct sp_admin_method *method);

#endif
