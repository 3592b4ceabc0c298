/* From an answer to the reply's message, and the ids that name decisions. */
#ifndef SP_SERVER_ANSWER_H
#define SP_SERVER_ANSWER_H

#include "base/arena.h"
#include "decide/check.h"
#include "sallyport/v1/authorization.pb-c.h"

enum { SP_DECISION_ID_BYTES = 26 }; /* with the NUL */

/* Makes unique ids without asking the kernel: a random part of the process, the worker, a counter. One a worker. */
struct sp_decision_ids {
    uint64_t process; /* random, the same for all workers */
    uint64_t next;
    unsigned worker; /* below 1,024 */
};

/* 25 characters of 0-9a-v: 13 of the process, 2 of the worker, 10 of the counter. */
void sp_decision_id_next(struct sp_decision_ids *ids, char ret_id[static SP_DECISION_ID_BYTES]);

/* Fills the reply but its revision; texts are copied into the arena, so that the snapshot may be released. SP_ERR_MEMORY. */
enum sp_status sp_answer_to_response(const struct sp_answer *answer, struct sp_decision_ids *ids,
                                     struct sp_arena *arena, Sallyport__V1__CheckResponse *ret_response) SP_MUST_USE;

#endif
