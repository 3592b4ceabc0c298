#include "world.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    enum sp_reason reason;
} outcomes[WORLD_OUTCOMES] = {
    [WORLD_ALLOWED] = {"allowed", SP_REASON_ALLOWED},
    [WORLD_IP_NOT_ALLOWED] = {"ip", SP_REASON_IP_NOT_ALLOWED},
    [WORLD_PERMISSION_MISSING] = {"permission", SP_REASON_PERMISSION_MISSING},
    [WORLD_NOT_SHARED] = {"not_shared", SP_REASON_NOT_SHARED},
    [WORLD_ROLE_TOO_LOW] = {"role", SP_REASON_ROLE_TOO_LOW},
    [WORLD_KEY_UNKNOWN] = {"unknown", SP_REASON_KEY_UNKNOWN},
    [WORLD_KEY_MALFORMED] = {"malformed", SP_REASON_KEY_MALFORMED},
};

const char *world_outcome_name(enum world_outcome outcome) {
    return outcomes[outcome].name;
}

bool world_outcome_parse(const char *name, enum world_outcome *ret_outcome) {
    for (size_t i = 0; i < WORLD_OUTCOMES; i++) {
        if (strcmp(name, outcomes[i].name) == 0) {
            *ret_outcome = (enum world_outcome)i;
            return true;
        }
    }
    return false;
}

uint64_t world_random(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

uint64_t world_workspaces(const struct world *world) {
    return (world->keys + WORLD_KEYS - 1) / WORLD_KEYS;
}

void world_key_text(const struct world *world, uint64_t i, char ret_text[static SP_KEY_TEXT_BYTES]) {
    uint8_t random[SP_KEY_RANDOM_BYTES];
    uint64_t state = world->seed * 0x2545f4914f6cdd1dU ^ i * 0x9e3779b97f4a7c15U;
    for (size_t at = 0; at < sizeof(random); at += sizeof(uint64_t)) {
        uint64_t word = world_random(&state);
        memcpy(random + at, &word, sizeof(word));
    }
    sp_key_text_make(SP_STR_LITERAL("sp_"), random, ret_text);
}

/* ---- what key i is ---- */

void world_workspace_id(uint64_t i, char ret_id[static 32]) {
    snprintf(ret_id, 32, "ws_%llu", (unsigned long long)(i / WORLD_KEYS));
}

/* The principal that every voice is shared with directly. */
enum { EVERYWHERE = WORLD_PRINCIPALS - 1 };

uint64_t world_principal_of(uint64_t key) {
    return key % WORLD_KEYS / 2;
}

bool world_is_narrow(uint64_t key) {
    return key % 2 == 1;
}

bool world_has_allowlist(uint64_t key) {
    return key % 5 == 0;
}

bool world_in_group(uint64_t principal, uint64_t group) {
    return principal % WORLD_GROUPS == group || (principal + 1) % WORLD_GROUPS == group;
}

/* The role that the grants give; the admin's is left to the caller. */
static enum sp_role role_on(uint64_t principal, uint64_t voice) {
    if (world_in_group(principal, (voice + 1) % WORLD_GROUPS))
        return SP_ROLE_EDITOR;
    if (world_in_group(principal, voice % WORLD_GROUPS) || principal == EVERYWHERE)
        return SP_ROLE_VIEWER;
    return SP_ROLE_NONE;
}

/* ---- questions ---- */

static bool key_fits(enum world_outcome outcome, uint64_t key) {
    bool admin = world_principal_of(key) == 0;
    switch (outcome) {
    case WORLD_IP_NOT_ALLOWED:
        return world_has_allowlist(key);
    case WORLD_PERMISSION_MISSING:
        return world_is_narrow(key);
    case WORLD_NOT_SHARED:
        return !admin && world_principal_of(key) != EVERYWHERE;
    case WORLD_ROLE_TOO_LOW:
        return !admin && !world_is_narrow(key);
    case WORLD_ALLOWED:
    case WORLD_KEY_UNKNOWN:
    case WORLD_KEY_MALFORMED:
    case WORLD_OUTCOMES:
        break;
    }
    return true;
}

static bool voice_fits(enum world_outcome outcome, uint64_t principal, uint64_t voice) {
    enum sp_role role = role_on(principal, voice);
    if (outcome == WORLD_NOT_SHARED)
        return role == SP_ROLE_NONE;
    if (outcome == WORLD_ROLE_TOO_LOW)
        return role == SP_ROLE_VIEWER;
    return role != SP_ROLE_NONE || principal == 0;
}

static const char *address_for(enum world_outcome outcome, uint64_t key, uint64_t vary, char ip[static 48]) {
    unsigned last = (unsigned)(vary % 256);
    if (outcome == WORLD_IP_NOT_ALLOWED)
        snprintf(ip, 48, "192.0.2.%u", last);
    else if (vary % 8 == 7)
        snprintf(ip, 48, "2001:db8::%x", last + 1);
    else
        snprintf(ip, 48, "%s.%u", world_has_allowlist(key) || vary % 2 == 0 ? "203.0.113" : "192.0.2", last);
    return ip;
}

bool world_can_ask(const struct world *world, enum world_outcome outcome) {
    for (uint64_t key = 0; key < world->keys && key < WORLD_KEYS; key++) {
        if (key_fits(outcome, key))
            return true;
    }
    return false;
}

void world_ask(const struct world *world, enum world_outcome outcome, uint64_t near, uint64_t vary,
               struct world_question *ret_question) {
    uint64_t key = near % world->keys;
    /* Within each workspace there are keys for every outcome, so few steps are needed. */
    while (!key_fits(outcome, key))
        key = (key + 1) % world->keys;
    uint64_t principal = world_principal_of(key);
    uint64_t voice = vary % WORLD_VOICES;
    for (uint64_t tries = 0; tries < WORLD_VOICES && !voice_fits(outcome, principal, voice); tries++)
        voice = (voice + 1) % WORLD_VOICES;

    world_key_text(world, outcome == WORLD_KEY_UNKNOWN ? world->keys + near : key, ret_question->key);
    if (outcome == WORLD_KEY_MALFORMED)
        ret_question->key[10] = ret_question->key[10] == 'x' ? 'y' : 'x';
    address_for(outcome, key, vary, ret_question->ip);
    snprintf(ret_question->voice, sizeof(ret_question->voice), "voice_%llu",
             (unsigned long long)(key / WORLD_KEYS * WORLD_VOICES + voice));
    bool editing = outcome == WORLD_PERMISSION_MISSING || outcome == WORLD_ROLE_TOO_LOW;
    ret_question->action = editing ? "edit" : "use";
    ret_question->expected = outcomes[outcome].reason;
}
