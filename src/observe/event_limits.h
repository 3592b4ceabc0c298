/* How many events a source may cause: a burst, then one a second. A table of fixed size; a source
 * that has been quiet for long enough gives its place to another. When every place that a source
 * may take is busy, its events are suppressed: so many sources at once are a flood, whoever they
 * are.
 *
 * One thread at a time. */
#ifndef SP_OBSERVE_EVENT_LIMITS_H
#define SP_OBSERVE_EVENT_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

enum {
    SP_EVENT_LIMITS_BURST = 20,
    SP_EVENT_LIMITS_PLACES = 8192,
    SP_EVENT_LIMITS_WAYS = 4,
    SP_EVENT_LIMITS_OWNER_PLACES = 128, /* that the sources of one owner may take */
};

struct sp_event_limits {
    uint64_t seed; /* so that nobody can choose sources that meet in one place */
    struct sp_event_place {
        uint64_t source; /* 0: free */
        int64_t at_ms;   /* when `tokens` was right */
        uint32_t tokens;
        uint32_t suppressed;
    } places[SP_EVENT_LIMITS_PLACES];
};

/* Zeroed storage. SP_ERR_IO if the kernel provides no random bytes. */
enum sp_status sp_event_limits_init(struct sp_event_limits *limits) SP_MUST_USE;

/* The number of a source. One that has an owner takes only places that are the owner's, and perhaps
 * those of a few others; `owner` empty: any place. */
uint64_t sp_event_limits_source(const struct sp_event_limits *limits, unsigned class_uid, struct sp_bytes bytes,
                                struct sp_bytes owner);

/* Whether an event of the source may pass now. If so, *ret_suppressed is how many of its events
 * have not since the last that did. */
bool sp_event_limits_admit(struct sp_event_limits *limits, uint64_t source, int64_t now_ms, uint32_t *ret_suppressed);

#endif
