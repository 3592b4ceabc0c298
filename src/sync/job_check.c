#include "sync/job_check.h"

#include "base/clock.h"
#include "source/source.h"
#include "sync/reserve.h"

enum { RETRY_MIN_MS = 20, RETRY_MAX_MS = 60000 };

unsigned sp_job_clamp_retry_ms(uint64_t ms) {
    return ms < RETRY_MIN_MS ? RETRY_MIN_MS : ms > RETRY_MAX_MS ? RETRY_MAX_MS : (unsigned)ms;
}

void sp_job_count_refusal(struct sp_writer *writer, enum sp_writer_refusal refusal) {
    atomic_fetch_add_explicit(&writer->refused[refusal], 1, memory_order_relaxed);
}

enum sp_status sp_job_check_allowance(struct sp_writer *writer, const struct sp_job *job, struct sp_error *error) {
    if (sp_job_narrows(job) || job->workspace[0] == '\0')
        return SP_OK;
    int64_t wait_ms = sp_allowance_wait_ms(writer->allowance, job->workspace, sp_clock_monotonic_ms());
    if (wait_ms == 0)
        return SP_OK;
    sp_job_count_refusal(writer, SP_WRITER_WORKSPACE_ALLOWANCE);
    return sp_error_set(error, SP_ERR_EXHAUSTED,
                        "workspace %s exceeds its allowance for changes: retry in %u ms; an operator can raise "
                        "--change-rate and --change-burst",
                        job->workspace, sp_job_clamp_retry_ms((uint64_t)wait_ms));
}

/* etcd's quota is kept like the store's map: what only takes access away goes on longest. */
static enum sp_status check_source_room(struct sp_writer *writer, const struct sp_job *job, bool may_narrow,
                                        struct sp_error *error) {
    if (may_narrow || sp_job_narrows(job) || !sp_source_has_little_room(writer->options.source))
        return SP_OK;
    sp_job_count_refusal(writer, SP_WRITER_RESERVE);
    return sp_error_set(error, SP_ERR_EXHAUSTED,
                        "etcd is full except for a reserve, which is for changes that only take access away: ask the "
                        "operator to compact and defragment it, or to raise its quota");
}

enum sp_status sp_job_check_before(struct sp_writer *writer, const struct sp_job *job, struct sp_error *error) {
    enum sp_status status = sp_job_check_allowance(writer, job, error);
    if (status != SP_OK)
        return status;
    status = check_source_room(writer, job, job->narrowing != SP_ADMIN_WIDENS, error);
    if (status != SP_OK)
        return status;
    status = sp_reserve_check_before(writer->reserve, job, sp_clock_monotonic_ms(), error);
    if (status != SP_OK)
        sp_job_count_refusal(writer, SP_WRITER_RESERVE);
    return status;
}

enum sp_status sp_job_check_after(struct sp_writer *writer, const struct sp_job *job, const struct sp_write *write,
                                  uint64_t bytes, struct sp_error *error) {
    enum sp_status status = check_source_room(writer, job, job->narrowed, error);
    if (status != SP_OK)
        return status;
    status = sp_reserve_check_after(writer->reserve, job, write, bytes, error);
    if (status != SP_OK)
        sp_job_count_refusal(writer, SP_WRITER_RESERVE);
    return status;
}
