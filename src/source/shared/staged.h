/* Reading changes that were too large for one transaction of etcd: their operations wait below
 * s/, and the head names them. */
#ifndef SP_SOURCE_SHARED_STAGED_H
#define SP_SOURCE_SHARED_STAGED_H

#include "sallyport/store/v1/records.pb-c.h"
#include "source/shared/records.h"
#include "source/shared/state.h"
#include "wire/wire.h"

static inline struct sp_bytes sp_source_staged_id(const Sallyport__Store__V1__StagedChange *staged) {
    return sp_wire_bytes(staged->id);
}

/* Adds the operations of a staged change as they were at `revision` (0: now), with memory from
 * `operations->arena`. SP_ERR_ABORTED: a part is missing. */
enum sp_status sp_source_read_staged(const struct sp_source_link *link,
                                     const Sallyport__Store__V1__StagedChange *staged, uint64_t revision,
                                     struct sp_source_operations *operations, struct sp_error *error) SP_MUST_USE;

/* The same as records, with memory from `records->arena`. */
enum sp_status sp_source_read_staged_records(const struct sp_source_link *link,
                                             const Sallyport__Store__V1__StagedChange *staged, uint64_t revision,
                                             struct sp_source_records *records, struct sp_error *error) SP_MUST_USE;

#endif
