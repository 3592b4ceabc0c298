/* Inside the store: the action table and the mark of a schema. Pure. */
#ifndef SP_STORE_RECORDS_ACTION_RECORDS_H
#define SP_STORE_RECORDS_ACTION_RECORDS_H

#include <protobuf-c/protobuf-c.h>

#include "store/records/index_build.h"

/* Derives them from a StoredSchema: its text has the names, its numbered names their numbers. */
enum sp_status sp_derive_schema(struct sp_index_build *build, const ProtobufCMessage *message) SP_MUST_USE;

#endif
