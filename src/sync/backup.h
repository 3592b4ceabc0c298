/* Backup as a stream; its user is a struct sp_sync_method. */
#ifndef SP_SYNC_BACKUP_H
#define SP_SYNC_BACKUP_H

#include "rpc/server.h"

extern const struct sp_rpc_stream_ops sp_sync_backup_ops;

#endif
