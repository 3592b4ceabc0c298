#include "observe/event_limits.h"

#include <string.h>

#include "base/random.h"

_Static_assert((SP_EVENT_LIMITS_PLACES & (SP_EVENT_LIMITS_PLACES - 1)) == 0 &&
                   (SP_EVENT_LIMITS_OWNER_PLACES & (SP_EVENT_LIMITS_OWNER_PLACES - 1)) == 0,
               "powers of two: bits of a number");

enum { REFILL_MS = 1000, QUIET_MS = REFILL_MS * SP_EVENT_LIMITS_BURST };

enum sp_status sp_event_limits_init(struct sp_event_limits *limits) {
    return sp_random_fill((uint8_t *)&limits->seed, sizeof(limits->seed));
}

static uint64_t mix_number(uint64_t number) {
    number ^= number >> 32;
    number *= 0xd6e8feb86659fd93U;
    number ^= number >> 32;
    number *= 0xd6e8feb86659fd93U;
    return number ^ number >> 32;
}

static uint64_t mix_bytes(uint64_t number, struct sp_bytes bytes) {
    for (size_t i = 0; i < bytes.size; i++)
        number = mix_number(number ^ bytes.data[i]);
    return number;
}

/* The number's place in the table is its rest by the number of places, of which the owner decides
 * about the high bits and the source about the low ones. */
uint64_t sp_event_limits_source(const struct sp_event_limits *limits, unsigned class_uid, struct sp_bytes bytes,
                                struct sp_bytes owner) {
    enum { OWNER_BITS = SP_EVENT_LIMITS_PLACES - SP_EVENT_LIMITS_OWNER_PLACES };
    uint64_t owner_number = mix_bytes(mix_number(limits->seed), owner);
    uint64_t source = mix_bytes(mix_number(owner_number ^ class_uid), bytes);
    if (owner.size > 0)
        source = (source & ~(uint64_t)OWNER_BITS) | (owner_number & OWNER_BITS);
    return source == 0 ? 1 : source;
}

/* Adds the tokens of the time that has passed. */
static void refill_place(struct sp_event_place *place, int64_t now_ms) {
    int64_t passed = (now_ms - place->at_ms) / REFILL_MS;
    if (passed <= 0)
        return;
    place->at_ms += passed * REFILL_MS;
    int64_t tokens = (int64_t)place->tokens + passed;
    place->tokens = tokens > SP_EVENT_LIMITS_BURST ? SP_EVENT_LIMITS_BURST : (uint32_t)tokens;
}

static bool is_place_quiet(const struct sp_event_place *place, int64_t now_ms) {
    return place->source == 0 || now_ms - place->at_ms >= QUIET_MS;
}

/* NULL: every place that the source may take is busy. */
static struct sp_event_place *find_source_place(struct sp_event_limits *limits, uint64_t source, int64_t now_ms) {
    struct sp_event_place *first =
        &limits->places[source % SP_EVENT_LIMITS_PLACES / SP_EVENT_LIMITS_WAYS * SP_EVENT_LIMITS_WAYS];
    struct sp_event_place *quiet = NULL;
    for (size_t i = 0; i < SP_EVENT_LIMITS_WAYS; i++) {
        if (first[i].source == source)
            return &first[i];
        if (quiet == NULL && is_place_quiet(&first[i], now_ms))
            quiet = &first[i];
    }
    if (quiet != NULL)
        *quiet = (struct sp_event_place){.source = source, .at_ms = now_ms, .tokens = SP_EVENT_LIMITS_BURST};
    return quiet;
}

bool sp_event_limits_admit(struct sp_event_limits *limits, uint64_t source, int64_t now_ms, uint32_t *ret_suppressed) {
    struct sp_event_place *place = find_source_place(limits, source, now_ms);
    if (place == NULL)
        return false;
    refill_place(place, now_ms);
    if (place->tokens == 0) {
        place->suppressed += place->suppressed < UINT32_MAX;
        return false;
    }
    place->tokens--;
    *ret_suppressed = place->suppressed;
    place->suppressed = 0;
    return true;
}
