#include "source/follow/refuse.h"

#include <inttypes.h>

#include "base/log.h"

void sp_source_refuse(struct sp_source_shared *shared, uint64_t revision, const char *what, const char *why) {
    sp_source_count_refusal(shared);
    sp_log(SP_LOG_ERROR, "not applying %s of etcd's revision %" PRIu64 ": %s; see docs/etcd.md, \"Trust\"", what,
           revision, why);
}
