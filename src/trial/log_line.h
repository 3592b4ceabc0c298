/* Reads lines of a decision log (docs/observability.md), also of one that another program has
 * written again. Pure.
 *
 * Lines as sallyportd writes them are read in one pass without memory; whatever else JSON allows
 * (escapes, characters beyond ASCII, members of other kinds) is left to the JSON library, which
 * takes some ten times as long. */
#ifndef SP_TRIAL_LOG_LINE_H
#define SP_TRIAL_LOG_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum { SP_TRIAL_LOG_LINE_BYTES = 64 * 1024 };

enum sp_trial_log_text {
    SP_TRIAL_LOG_TIME,
    SP_TRIAL_LOG_DECISION,
    SP_TRIAL_LOG_REASON,
    SP_TRIAL_LOG_DECISION_ID,
    SP_TRIAL_LOG_WORKSPACE,
    SP_TRIAL_LOG_PRINCIPAL,
    SP_TRIAL_LOG_KEY_ID,
    SP_TRIAL_LOG_ACTION,
    SP_TRIAL_LOG_RESOURCE_TYPE,
    SP_TRIAL_LOG_RESOURCE_ID,
    SP_TRIAL_LOG_ASSERTED_WORKSPACE,
    SP_TRIAL_LOG_WHAT,
    SP_TRIAL_LOG_ROUTE,
    SP_TRIAL_LOG_IP,
    SP_TRIAL_LOG_TEXTS
};

/* What a line has. Texts are borrowed from the line or from the scratch memory; size 0: the line
 * has none. */
struct sp_trial_log_line {
    struct sp_str texts[SP_TRIAL_LOG_TEXTS];
    uint64_t workspaces; /* that the log is kept to; 0: all */
};

/* False: it is not one JSON object, it says something twice, or a member has another type than
 * the log's. `scratch` has at least as many bytes as the line. */
bool sp_trial_log_line_read(struct sp_str line, char *scratch, struct sp_trial_log_line *ret_line);

/* The same by the JSON library alone. */
bool sp_trial_log_line_read_json(struct sp_str line, char *scratch, struct sp_trial_log_line *ret_line);

#endif
