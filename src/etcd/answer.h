/* What etcd's answers hold. */
#ifndef SP_ETCD_ANSWER_H
#define SP_ETCD_ANSWER_H

#include <stdint.h>

#include "base/bytes.h"

/* Part of every answer. */
struct sp_etcd_header {
    uint64_t cluster_id;
    uint64_t revision;
};

struct sp_etcd_kv {
    struct sp_bytes key;
    struct sp_bytes value;
    uint64_t create_revision;
    uint64_t mod_revision;
};

#endif
