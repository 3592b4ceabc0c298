/* What an AuthZEN question asks of the store: usually one query; several if properties chose
 * variants of the action, or if subject and resource are said to be of different workspaces.
 * Only what all of them allow is allowed. */
#ifndef SP_SERVER_AUTHZEN_ASK_H
#define SP_SERVER_AUTHZEN_ASK_H

#include "server/authzen/request.h"
#include "server/service.h"
#include "store/lmdb/view.h"

/* Do not copy by value: it points into itself. Good for one acquire of a snapshot. */
struct sp_authzen_asked {
    struct sp_key key;     /* of a principal as such */
    struct sp_query query; /* the question's, complete: time, staleness, credential */
    struct sp_str actions[SP_AUTHZEN_VARIANTS];
    size_t action_count; /* at least 1 */
    struct sp_str workspaces[2];
    size_t workspace_count; /* at least 1 */
    char names[SP_AUTHZEN_VARIANTS][SP_ID_MAX_BYTES];
};

/* `action`: the question's, or another in its place. The query is then the first that is asked;
 * it has no credential for a subject search, and for a subject that is nobody. */
enum sp_status sp_authzen_prepare(struct sp_service *service, struct sp_view *view,
                                  const struct sp_authzen_question *question, struct sp_str action,
                                  struct sp_authzen_asked *ret_asked) SP_MUST_USE;

/* The first denial, or that all is allowed. The first `first` queries are skipped; if that
 * leaves none, ALLOWED. */
enum sp_status sp_authzen_ask(struct sp_view *view, struct sp_authzen_asked *asked, size_t first,
                              struct sp_answer *ret_answer) SP_MUST_USE;

/* Answers one evaluation. */
enum sp_status sp_authzen_answer(struct sp_service *service, struct sp_view *view,
                                 const struct sp_authzen_question *question, struct sp_check_memo *memo,
                                 struct sp_authzen_asked *ret_asked, struct sp_answer *ret_answer) SP_MUST_USE;

#endif
