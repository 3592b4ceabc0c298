/* Inside src/etcd: one call, with failover. */
#ifndef SP_ETCD_CALL_H
#define SP_ETCD_CALL_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/status.h"

struct sp_etcd;

/* Calls a method and unpacks its answer into `arena`. Tries each endpoint at most once, as long
 * as that may help. *ret_repeated (may be NULL): an earlier try went unanswered. */
enum sp_status sp_etcd_call(struct sp_etcd *etcd, const char *path, const ProtobufCMessage *request,
                            const ProtobufCMessageDescriptor *reply, struct sp_arena *arena,
                            ProtobufCMessage **ret_reply, bool *ret_repeated, struct sp_error *error) SP_MUST_USE;

/* The current endpoint's connection, which is made first if there is none, with a token if one
 * is needed. */
enum sp_status sp_etcd_connect(struct sp_etcd *etcd, void **ret_connection, struct sp_error *error) SP_MUST_USE;

/* Whether another endpoint may answer what this one failed with. */
bool sp_etcd_may_help(enum sp_status status);
void sp_etcd_next_endpoint(struct sp_etcd *etcd);

#endif
