/* Ids that name decisions in replies and logs: unique, and made without asking the kernel. */
#ifndef SP_SERVER_DECISION_ID_H
#define SP_SERVER_DECISION_ID_H

#include <stdint.h>

enum { SP_DECISION_ID_BYTES = 26 }; /* with the NUL */

/* A random part of the process, the worker, and a counter. One for each worker; one thread at a
 * time. */
struct sp_decision_ids {
    uint64_t process; /* random, the same for all workers */
    uint64_t next;
    unsigned worker; /* below 1,024 */
};

/* 25 characters of 0-9a-v: 13 of the process, 2 of the worker, 10 of the counter. */
void sp_decision_id_next(struct sp_decision_ids *ids, char ret_id[static SP_DECISION_ID_BYTES]);

#endif
