/* The effective role: a leapfrog join of a principal's groups with a resource's grants.
 *
 * Both are lists of edges in the order of their subjects. The two sides take turns: each seeks
 * the first subject that is not below the other's, so that every seek of one side skips whatever
 * the other side does not have. The rounds are at most as many as the shorter side has edges,
 * and a seek is logarithmic in its own side. */
#include "store/records/effective_role.h"

#include "store/lmdb/lmdb_status.h"
#include "store/lmdb/view.h"
#include "store/records/edge_list.h"
#include "store/records/record.h"

struct side {
    struct sp_view *view;
    enum sp_kept_cursor which;
    struct sp_bytes key;
    enum sp_seal_domain domain;
    struct sp_edge_list list;
    size_t at; /* of a list that lies in place, how far the join has come */
};

/* Where a side stands. The record's seal is checked when it is used, not when it is skipped. */
struct position {
    uint64_t subject; /* 0: past the end */
    struct sp_bytes record;
};

static enum sp_status narrow_join_code(int code) {
    return sp_lmdb_status(code) == SP_ERR_CORRUPT ? SP_ERR_CORRUPT : SP_ERR_IO;
}

/* Whether the first edge of a list is the head of a resource that was deleted. A head that was
 * damaged so denies. */
static bool is_deleting_head(struct sp_bytes record) {
    return record.size == SP_EDGE_BYTES && sp_load_be64(record.data) == 0 &&
           (sp_load_be64(record.data + 8) & SP_RESOURCE_DELETING) != 0;
}

static void seek_edge_in_list(struct side *side, uint64_t least, struct position *ret_position) {
    *ret_position = (struct position){.subject = 0};
    for (; side->at < side->list.count; side->at++) {
        const uint8_t *edge = side->list.records + side->at * SP_EDGE_BYTES;
        uint64_t subject = sp_load_be64(edge);
        if (subject >= least) {
            *ret_position = (struct position){.subject = subject, .record = {edge, SP_EDGE_BYTES}};
            return;
        }
    }
}

/* Moves on to the first edge whose subject is at least `least`, which is never 0: the head is
 * stepped over. */
static enum sp_status seek_edge(struct side *side, uint64_t least, struct position *ret_position) {
    if (side->list.records != NULL) {
        seek_edge_in_list(side, least, ret_position);
        return SP_OK;
    }
    uint8_t probe[SP_EDGE_BYTES] = {0};
    sp_store_be64(probe, least);
    MDB_val key = sp_val(side->key);
    MDB_val value = {sizeof(probe), probe};
    int code = mdb_cursor_get(side->list.cursor, &key, &value, MDB_GET_BOTH_RANGE);
    if (code == MDB_NOTFOUND) {
        sp_view_stand_nowhere(side->view, side->which); /* what LMDB leaves of the cursor cannot be counted from */
        *ret_position = (struct position){.subject = 0};
        return SP_OK;
    }
    if (code != MDB_SUCCESS)
        return narrow_join_code(code);
    struct sp_bytes record = sp_val_bytes(&value);
    uint64_t subject = sp_edge_peek(record).subject;
    if (record.size != SP_EDGE_BYTES || subject < least)
        return SP_ERR_CORRUPT;
    *ret_position = (struct position){.subject = subject, .record = record};
    return SP_OK;
}

/* Called with each grant that counts; returns false to end the join. */
struct grant_visitor {
    bool (*visit)(void *context, uint64_t subject_number, enum sp_role role);
    void *context;
};

/* Checks both seals of a match and visits the grant. `member` NULL: the principal itself. */
static enum sp_status visit_match(const struct side *groups, const struct position *member, const struct side *grants,
                                  const struct position *grant, const struct grant_visitor *visitor, bool *ret_go_on) {
    struct sp_edge edge;
    if (member != NULL) {
        enum sp_status status = sp_edge_decode(groups->domain, groups->key, member->record, &edge);
        if (status != SP_OK)
            return status;
    }
    enum sp_status status = sp_edge_decode(grants->domain, grants->key, grant->record, &edge);
    if (status != SP_OK)
        return status;
    if (edge.payload < SP_ROLE_VIEWER || edge.payload > SP_ROLE_ADMIN)
        return SP_ERR_CORRUPT;
    *ret_go_on = visitor->visit(visitor->context, edge.subject, (enum sp_role)edge.payload);
    return SP_OK;
}

static enum sp_status join_groups(struct side *groups, struct side *grants, const struct grant_visitor *visitor) {
    struct position member;
    struct position grant;
    bool go_on = true;
    enum sp_status status = seek_edge(groups, 1, &member);
    if (status != SP_OK)
        return status;
    while (member.subject != 0) {
        status = seek_edge(grants, member.subject, &grant);
        if (status != SP_OK || grant.subject == 0)
            return status;
        uint64_t least = grant.subject;
        if (grant.subject == member.subject) {
            status = visit_match(groups, &member, grants, &grant, visitor, &go_on);
            if (status != SP_OK || !go_on)
                return status;
            least = member.subject + 1;
        }
        status = seek_edge(groups, least, &member);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status join_grants(struct side *groups, struct side *grants, uint64_t principal_number,
                                  const struct grant_visitor *visitor) {
    struct position direct;
    bool go_on = true;
    enum sp_status status = sp_view_find_edges(grants->view, grants->which, grants->key, &grants->list);
    if (status != SP_OK || grants->list.count == 0 || is_deleting_head(grants->list.first))
        return status;
    status = seek_edge(grants, principal_number, &direct);
    if (status != SP_OK)
        return status;
    if (direct.subject == principal_number) {
        status = visit_match(NULL, NULL, grants, &direct, visitor, &go_on);
        if (status != SP_OK || !go_on)
            return status;
    }
    grants->at = 0;
    status = sp_view_find_edges(groups->view, groups->which, groups->key, &groups->list);
    if (status != SP_OK || groups->list.count == 0)
        return status;
    return join_groups(groups, grants, visitor);
}

static enum sp_status visit_considered(struct sp_view *view, struct sp_bytes resource_key, uint64_t principal_number,
                                       const struct grant_visitor *visitor) {
    if (principal_number == 0 || resource_key.size == 0)
        return SP_OK;
    struct side groups = {.view = view,
                          .which = SP_CURSOR_PRINCIPAL,
                          .key = sp_number_key(&principal_number),
                          .domain = SP_SEAL_PRINCIPAL};
    struct side grants = {.view = view, .which = SP_CURSOR_RESOURCE, .key = resource_key, .domain = SP_SEAL_RESOURCE};
    enum sp_status status = join_grants(&groups, &grants, principal_number, visitor);
    sp_view_leave_edges(view, &grants.list);
    sp_view_leave_edges(view, &groups.list);
    return status;
}

/* The principal's own grant is visited first. */
static bool keep_highest(void *context, uint64_t subject_number, enum sp_role role) {
    struct sp_best_grant *best = context;
    if (role > best->role)
        *best = (struct sp_best_grant){role, subject_number};
    return best->role != SP_ROLE_ADMIN;
}

enum sp_status sp_index_best_grant(struct sp_view *view, struct sp_bytes resource_key, uint64_t principal_number,
                                   struct sp_best_grant *ret_best) {
    struct sp_best_grant best = {.role = SP_ROLE_NONE};
    struct grant_visitor visitor = {keep_highest, &best};
    enum sp_status status = visit_considered(view, resource_key, principal_number, &visitor);
    if (status != SP_OK)
        return status;
    *ret_best = best;
    return SP_OK;
}

enum sp_status sp_index_effective_role(struct sp_view *view, struct sp_bytes resource_key, uint64_t principal_number,
                                       enum sp_role *ret_role) {
    struct sp_best_grant best;
    enum sp_status status = sp_index_best_grant(view, resource_key, principal_number, &best);
    if (status != SP_OK)
        return status;
    *ret_role = best.role;
    return SP_OK;
}

struct relay {
    void (*visit)(void *context, uint64_t subject_number, enum sp_role role);
    void *context;
};

static bool relay_grant(void *context, uint64_t subject_number, enum sp_role role) {
    const struct relay *relay = context;
    relay->visit(relay->context, subject_number, role);
    return true;
}

enum sp_status sp_index_visit_considered(struct sp_view *view, struct sp_bytes resource_key, uint64_t principal_number,
                                         void (*visit)(void *context, uint64_t subject_number, enum sp_role role),
                                         void *context) {
    struct relay relay = {visit, context};
    struct grant_visitor visitor = {relay_grant, &relay};
    return visit_considered(view, resource_key, principal_number, &visitor);
}
