/* The writer: what happens before and after a change that goes to the source. One thread at a
 * time. */
#ifndef SP_SOURCE_WRITE_WRITER_H
#define SP_SOURCE_WRITE_WRITER_H

#include "source/shared/state.h"
#include "source/write/clean.h"
#include "source/write/publish.h"
#include "store/records/edit.h"

struct sp_source_writer {
    struct sp_source_link link;
    struct sp_arena journal;  /* what a write did */
    struct sp_arena outgoing; /* what is sent of it */
    struct sp_source_pending pending;
    struct sp_source_cleaner cleaner;
    int64_t renewal_due_ms; /* a look whether the head should be renewed */
    int64_t room_due_ms;    /* a look at how full etcd is */
};

/* Takes over `etcd`. SP_ERR_MEMORY: it must still be finished. */
enum sp_status sp_source_init_writer(struct sp_source_writer *writer, struct sp_source_shared *shared,
                                     struct sp_etcd *etcd) SP_MUST_USE;
void sp_source_fini_writer(struct sp_source_writer *writer);

/* The writer's part of the functions of source.h that have the same name. */

enum sp_status sp_source_begin_change(struct sp_source_writer *writer, struct sp_write **ret_write,
                                      struct sp_error *error) SP_MUST_USE;
enum sp_status sp_source_commit_change(struct sp_source_writer *writer, struct sp_write *write,
                                       struct sp_error *error) SP_MUST_USE;
enum sp_status sp_source_begin_cleaning(struct sp_source_writer *writer, struct sp_write **ret_write,
                                        struct sp_error *error) SP_MUST_USE;
enum sp_status sp_source_commit_cleaning(struct sp_source_writer *writer, struct sp_write *write,
                                         struct sp_error *error) SP_MUST_USE;
bool sp_source_await_winner(struct sp_source_writer *writer, unsigned timeout_ms);
enum sp_status sp_source_await_store(struct sp_source_writer *writer, unsigned timeout_ms,
                                     struct sp_error *error) SP_MUST_USE;
enum sp_status sp_source_write_restored_epoch(struct sp_source_writer *writer, struct sp_arena *arena,
                                              struct sp_error *error) SP_MUST_USE;

enum sp_status sp_source_write_renewed_head(struct sp_source_writer *writer, struct sp_error *error) SP_MUST_USE;

#endif
