/* A walk over one space of records in etcd, page by page at one revision, in the order of keys.
 * Pages hold complete records only: a change whose parts may continue on the next page is left to
 * that one.
 *
 *     begin_space, then while `more`: read_page, work on it, end_page. */
#ifndef SP_SOURCE_FOLLOW_PAGE_WALK_H
#define SP_SOURCE_FOLLOW_PAGE_WALK_H

#include "source/shared/records.h"
#include "source/shared/state.h"
#include "store/records/journal.h"

/* For sp_etcd_set_timeout: how long etcd may take for a page. */
enum { SP_SOURCE_PAGE_MS = 20000 };

struct sp_source_page_walk {
    const struct sp_source_link *link;
    uint64_t revision; /* of etcd */
    enum sp_replica_space space;
    struct sp_bytes after;             /* the last record before the page; size 0: none */
    struct sp_bytes until;             /* if there are more pages: the last record of this one */
    struct sp_source_records page;     /* its records */
    bool more;                         /* pages to come */
    struct sp_bytes last_key;          /* of the page, in etcd */
    struct sp_bytes next_key, end_key; /* of the pages to come, in etcd */
    uint64_t limit;                    /* of the next page */
    struct sp_arena kept;              /* what outlives a page */
};

/* SP_ERR_MEMORY. */
enum sp_status sp_source_init_page_walk(struct sp_source_page_walk *walk, const struct sp_source_link *link,
                                        uint64_t revision) SP_MUST_USE;
void sp_source_fini_page_walk(struct sp_source_page_walk *walk);

/* Begins with the record after `after`; size 0: with the first. SP_ERR_MEMORY. */
enum sp_status sp_source_begin_space(struct sp_source_page_walk *walk, enum sp_replica_space space,
                                     struct sp_bytes after, struct sp_error *error) SP_MUST_USE;

/* Resets `arena` and reads the next page into it. SP_ERR_CANCELLED: the follower is stopping;
 * otherwise as sp_etcd_get. */
enum sp_status sp_source_read_page(struct sp_source_page_walk *walk, struct sp_arena *arena,
                                   struct sp_error *error) SP_MUST_USE;

/* Must follow each page before its arena is reset. SP_ERR_MEMORY. */
enum sp_status sp_source_end_page(struct sp_source_page_walk *walk, struct sp_error *error) SP_MUST_USE;

#endif
