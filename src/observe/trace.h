/* The W3C Trace Context header `traceparent`, read strictly. Pure. */
#ifndef SP_OBSERVE_TRACE_H
#define SP_OBSERVE_TRACE_H

#include <stdbool.h>

#include "base/bytes.h"

enum { SP_TRACE_ID_BYTES = 32, SP_SPAN_ID_BYTES = 16 };

/* Lower-case hexadecimal, not terminated. */
struct sp_trace {
    char trace_id[SP_TRACE_ID_BYTES];
    char span_id[SP_SPAN_ID_BYTES];
    bool sampled;
};

/* False for an invalid traceparent: another length, capitals, an id of zeros only, version
 * ff; a version above 00 may have more behind a further '-'. *ret_trace is then untouched. */
bool sp_trace_parse(struct sp_str text, struct sp_trace *ret_trace);

#endif
