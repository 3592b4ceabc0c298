/* Import as a stream; its user is a struct sp_sync_method. */
#ifndef SP_SYNC_IMPORT_H
#define SP_SYNC_IMPORT_H

#include "rpc/server.h"

extern const struct sp_rpc_stream_ops sp_sync_import_ops;

#endif
