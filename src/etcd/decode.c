#include "etcd/decode.h"

#include "wire/wire.h"

struct sp_etcd_header sp_etcd_header_of(const Etcdserverpb__ResponseHeader *header) {
    if (header == NULL)
        return (struct sp_etcd_header){0, 0};
    return (struct sp_etcd_header){header->cluster_id, header->revision > 0 ? (uint64_t)header->revision : 0};
}

struct sp_etcd_kv sp_etcd_kv_of(const Mvccpb__KeyValue *kv) {
    return (struct sp_etcd_kv){
        .key = sp_wire_bytes(kv->key),
        .value = sp_wire_bytes(kv->value),
        .create_revision = (uint64_t)kv->create_revision,
        .mod_revision = (uint64_t)kv->mod_revision,
    };
}
