/* One question of a call answered into its reply, and recorded. */
#ifndef SP_SERVER_ANSWER_H
#define SP_SERVER_ANSWER_H

#include "sallyport/v1/authorization.pb-c.h"
#include "server/service.h"
#include "store/lmdb/view.h"

/* Fills all of the reply but its revision; texts are copied into the arena. On failure the
 * message says why there is no answer. On the thread of the asking's worker. */
enum sp_status sp_answer_question(struct sp_service *service, const struct sp_asking *asking, struct sp_view *view,
                                  struct sp_query *query, struct sp_arena *arena,
                                  Sallyport__V1__CheckResponse *ret_response, struct sp_error *error) SP_MUST_USE;

/* A new decision id of the worker, in the arena. NULL: out of memory. */
char *sp_answer_id(struct sp_service *service, unsigned worker, struct sp_arena *arena);

#endif
