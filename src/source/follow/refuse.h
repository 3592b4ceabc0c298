/* The alarm for what comes from etcd and is not applied. */
#ifndef SP_SOURCE_FOLLOW_REFUSE_H
#define SP_SOURCE_FOLLOW_REFUSE_H

#include "source/shared/state.h"

/* Logs an error and counts it. `what`: such as "a head". */
void sp_source_refuse(struct sp_source_shared *shared, uint64_t revision, const char *what, const char *why);

#endif
