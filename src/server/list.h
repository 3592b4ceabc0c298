/* ListResources and ListSubjects: a snapshot is held while one message of the list is made,
 * never while it is sent. */
#ifndef SP_SERVER_LIST_H
#define SP_SERVER_LIST_H

#include "rpc/server.h"

extern const struct sp_rpc_stream_ops sp_list_resources_stream, sp_list_subjects_stream;

#endif
