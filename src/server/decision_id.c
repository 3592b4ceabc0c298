#include "server/decision_id.h"

static char *put_base32(char *at, uint64_t value, unsigned digits) {
    for (unsigned i = digits; i > 0; i--)
        *at++ = "0123456789abcdefghijklmnopqrstuv"[value >> (5 * (i - 1)) & 31];
    return at;
}

void sp_decision_id_next(struct sp_decision_ids *ids, char ret_id[static SP_DECISION_ID_BYTES]) {
    char *at = put_base32(ret_id, ids->process, 13);
    at = put_base32(at, ids->worker, 2);
    at = put_base32(at, ids->next++, 10);
    *at = '\0';
}
