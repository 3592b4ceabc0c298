/* Inside src/etcd: what etcd's messages hold; their bytes are borrowed. */
#ifndef SP_ETCD_DECODE_H
#define SP_ETCD_DECODE_H

#include "etcd/answer.h"
#include "etcd/rpc.pb-c.h"

/* Zeros if there is no header. */
struct sp_etcd_header sp_etcd_header_of(const Etcdserverpb__ResponseHeader *header);
struct sp_etcd_kv sp_etcd_kv_of(const Mvccpb__KeyValue *kv);

#endif
