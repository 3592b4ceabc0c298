#include "support/model.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers of sallyport.v1.Reason, repeated here on purpose. */
enum {
    ALLOWED = 1,
    KEY_MALFORMED = 3,
    KEY_UNKNOWN = 4,
    KEY_DISABLED = 5,
    KEY_EXPIRED = 6,
    WORKSPACE_DISABLED = 7,
    PRINCIPAL_DISABLED = 8,
    WORKSPACE_MISMATCH = 9,
    IP_NOT_ALLOWED = 10,
    ACTION_UNKNOWN = 11,
    PERMISSION_MISSING = 12,
    RESOURCE_UNKNOWN = 13,
    NOT_SHARED = 14,
    ROLE_TOO_LOW = 15,
    PRINCIPAL_UNKNOWN = 21,
};

static bool same(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

/* "sp_", 43 + 6 letters and digits, and a checksum computed bit by bit. */
static bool well_formed(const char *text) {
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    if (strlen(text) != 3 + 43 + 6 || strncmp(text, "sp_", 3) != 0)
        return false;
    for (size_t i = 3; i < 52; i++) {
        if (strchr(alphabet, text[i]) == NULL)
            return false;
    }
    uint32_t crc = 0xffffffffU;
    for (size_t i = 0; i < 46; i++) {
        crc ^= (unsigned char)text[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 1U) != 0 ? (crc >> 1) ^ 0xedb88320U : crc >> 1;
    }
    crc = ~crc;
    uint64_t written = 0;
    for (size_t i = 46; i < 52; i++)
        written = written * 62 + (uint64_t)(strchr(alphabet, text[i]) - alphabet);
    return written == crc;
}

/* 4 or 16 bytes; IPv4-mapped IPv6 becomes IPv4. Returns the number of bytes, 0 if it cannot be
 * read. */
static size_t read_address(const char *text, unsigned char bytes[16]) {
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (inet_pton(AF_INET, text, bytes) == 1)
        return 4;
    if (inet_pton(AF_INET6, text, bytes) != 1)
        return 0;
    if (memcmp(bytes, mapped, sizeof(mapped)) != 0)
        return 16;
    memmove(bytes, bytes + 12, 4);
    return 4;
}

static bool bit_at(const unsigned char *bytes, size_t i) {
    return ((bytes[i / 8] >> (7 - i % 8)) & 1) != 0;
}

static bool in_range(const char *range, const char *ip) {
    char text[64];
    snprintf(text, sizeof(text), "%s", range);
    char *slash = strchr(text, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    unsigned char base[16], address[16];
    size_t base_size = read_address(text, base);
    size_t address_size = read_address(ip, address);
    if (base_size == 0 || base_size != address_size)
        return false;
    size_t prefix = (size_t)strtoul(slash + 1, NULL, 10);
    for (size_t i = 0; i < prefix; i++) {
        if (bit_at(base, i) != bit_at(address, i))
            return false;
    }
    return true;
}

static const struct model_key *find_key(const struct model *model, const char *text) {
    for (size_t i = 0; i < model->key_count; i++) {
        if (same(model->keys[i].text, text))
            return &model->keys[i];
    }
    return NULL;
}

static const struct model_principal *find_principal(const struct model *model, const char *workspace, const char *id) {
    for (size_t i = 0; i < model->principal_count; i++) {
        const struct model_principal *principal = &model->principals[i];
        if (same(principal->workspace, workspace) && same(principal->id, id))
            return principal;
    }
    return NULL;
}

static bool workspace_enabled(const struct model *model, const char *id) {
    for (size_t i = 0; i < model->workspace_count; i++) {
        if (same(model->workspaces[i].id, id))
            return !model->workspaces[i].disabled;
    }
    return false;
}

static bool is_member(const struct model *model, const struct model_key *key, const char *group) {
    for (size_t i = 0; i < model->member_count; i++) {
        const struct model_member *member = &model->members[i];
        if (same(member->workspace, key->workspace) && same(member->group, group) &&
            same(member->principal, key->principal))
            return true;
    }
    return false;
}

static int role_of(const struct model *model, const struct model_key *key, const char *type, const char *resource) {
    int role = 0;
    for (size_t i = 0; i < model->grant_count; i++) {
        const struct model_grant *grant = &model->grants[i];
        if (!same(grant->workspace, key->workspace) || !same(grant->type, type) || !same(grant->resource, resource))
            continue;
        bool concerns = grant->to_group ? is_member(model, key, grant->subject) : same(grant->subject, key->principal);
        if (concerns && grant->role > role)
            role = grant->role;
    }
    return role;
}

static bool registered_here(const struct model *model, const struct model_key *key, const char *type, const char *id) {
    for (size_t i = 0; i < model->resource_count; i++) {
        const struct model_resource *resource = &model->resources[i];
        if (same(resource->type, type) && same(resource->id, id) && same(resource->workspace, key->workspace))
            return true;
    }
    return false;
}

static const struct model_action *find_action(const struct model *model, const char *type, const char *name) {
    for (size_t i = 0; i < model->action_count; i++) {
        if (same(model->actions[i].type, type) && same(model->actions[i].name, name))
            return &model->actions[i];
    }
    return NULL;
}

static bool has_permission(const struct model_key *key, const char *permission) {
    if (permission == NULL || key->all)
        return true;
    for (size_t i = 0; i < key->permission_count; i++) {
        if (same(key->permissions[i], permission))
            return true;
    }
    return false;
}

static bool address_allowed(const struct model_key *key, const char *ip) {
    if (key->range_count == 0)
        return true;
    for (size_t i = 0; i < key->range_count; i++) {
        if (in_range(key->ranges[i], ip))
            return true;
    }
    return false;
}

int model_decide(const struct model *model, const struct model_question *question, int64_t now_s) {
    if (!well_formed(question->key))
        return KEY_MALFORMED;
    const struct model_key *key = find_key(model, question->key);
    if (key == NULL)
        return KEY_UNKNOWN;
    if (key->disabled)
        return KEY_DISABLED;
    if (key->expires_at != 0 && now_s >= key->expires_at)
        return KEY_EXPIRED;
    if (!workspace_enabled(model, key->workspace))
        return WORKSPACE_DISABLED;
    const struct model_principal *principal = find_principal(model, key->workspace, key->principal);
    if (principal == NULL)
        return PRINCIPAL_UNKNOWN;
    if (principal->disabled)
        return PRINCIPAL_DISABLED;
    if (question->workspace[0] != '\0' && !same(question->workspace, key->workspace))
        return WORKSPACE_MISMATCH;
    if (!address_allowed(key, question->ip))
        return IP_NOT_ALLOWED;
    const struct model_action *action = find_action(model, question->type, question->action);
    if (action == NULL)
        return ACTION_UNKNOWN;
    if (!has_permission(key, action->permission))
        return PERMISSION_MISSING;
    bool named = question->resource[0] != '\0';
    if (named && !action->workspace_scoped && !registered_here(model, key, question->type, question->resource))
        return RESOURCE_UNKNOWN;
    if (action->role == 0)
        return ALLOWED;
    if (!named)
        return NOT_SHARED; /* a role is needed, but there is no resource */
    int role = principal->admin ? 4 : role_of(model, key, question->type, question->resource);
    if (role == 0)
        return NOT_SHARED;
    return role >= action->role ? ALLOWED : ROLE_TOO_LOW;
}

void *model_append(void *list, size_t *count, size_t size) {
    void **items = list;
    if ((*count & (*count - 1)) == 0) {
        size_t room = *count == 0 ? 1 : *count * 2;
        void *grown = realloc(*items, room * size);
        if (grown == NULL)
            abort();
        *items = grown;
    }
    void *item = (char *)*items + *count * size;
    memset(item, 0, size);
    (*count)++;
    return item;
}

void model_take_out(void *list, size_t *count, size_t size, size_t i) {
    char *items = list;
    (*count)--;
    memmove(items + i * size, items + *count * size, size);
}

static void delete_members(struct model *model, const char *workspace, const char *group, const char *principal) {
    for (size_t i = model->member_count; i-- > 0;) {
        const struct model_member *member = &model->members[i];
        if (same(member->workspace, workspace) && (group == NULL || same(member->group, group)) &&
            (principal == NULL || same(member->principal, principal)))
            model_take_out(model->members, &model->member_count, sizeof(*member), i);
    }
}

static void delete_grants_to(struct model *model, const char *workspace, bool group, const char *subject) {
    for (size_t i = model->grant_count; i-- > 0;) {
        const struct model_grant *grant = &model->grants[i];
        if (same(grant->workspace, workspace) && grant->to_group == group && same(grant->subject, subject))
            model_take_out(model->grants, &model->grant_count, sizeof(*grant), i);
    }
}

void model_delete_principal(struct model *model, const char *workspace, const char *id) {
    delete_members(model, workspace, NULL, id);
    delete_grants_to(model, workspace, false, id);
    for (size_t i = model->key_count; i-- > 0;) {
        if (same(model->keys[i].workspace, workspace) && same(model->keys[i].principal, id))
            model_take_out(model->keys, &model->key_count, sizeof(model->keys[i]), i);
    }
    for (size_t i = model->principal_count; i-- > 0;) {
        if (same(model->principals[i].workspace, workspace) && same(model->principals[i].id, id))
            model_take_out(model->principals, &model->principal_count, sizeof(model->principals[i]), i);
    }
}

void model_delete_group(struct model *model, const char *workspace, const char *id) {
    delete_members(model, workspace, id, NULL);
    delete_grants_to(model, workspace, true, id);
    for (size_t i = model->group_count; i-- > 0;) {
        if (same(model->groups[i].workspace, workspace) && same(model->groups[i].id, id))
            model_take_out(model->groups, &model->group_count, sizeof(model->groups[i]), i);
    }
}

void model_delete_resource(struct model *model, const char *workspace, const char *type, const char *id) {
    for (size_t i = model->grant_count; i-- > 0;) {
        const struct model_grant *grant = &model->grants[i];
        if (same(grant->workspace, workspace) && same(grant->type, type) && same(grant->resource, id))
            model_take_out(model->grants, &model->grant_count, sizeof(*grant), i);
    }
    for (size_t i = model->resource_count; i-- > 0;) {
        const struct model_resource *resource = &model->resources[i];
        if (same(resource->workspace, workspace) && same(resource->type, type) && same(resource->id, id))
            model_take_out(model->resources, &model->resource_count, sizeof(*resource), i);
    }
}

void model_set_member(struct model *model, const char *workspace, const char *group, const char *principal,
                      bool member) {
    delete_members(model, workspace, group, principal);
    if (!member)
        return;
    struct model_member *added = model_append(&model->members, &model->member_count, sizeof(*added));
    snprintf(added->workspace, sizeof(added->workspace), "%s", workspace);
    snprintf(added->group, sizeof(added->group), "%s", group);
    snprintf(added->principal, sizeof(added->principal), "%s", principal);
}

void model_set_grant(struct model *model, const struct model_grant *grant) {
    struct model_grant wanted = *grant;
    for (size_t i = model->grant_count; i-- > 0;) {
        const struct model_grant *old = &model->grants[i];
        if (same(old->workspace, wanted.workspace) && same(old->type, wanted.type) &&
            same(old->resource, wanted.resource) && old->to_group == wanted.to_group &&
            same(old->subject, wanted.subject))
            model_take_out(model->grants, &model->grant_count, sizeof(*old), i);
    }
    if (wanted.role != 0) {
        struct model_grant *added = model_append(&model->grants, &model->grant_count, sizeof(*added));
        *added = wanted;
    }
}

void model_free(struct model *model) {
    free(model->workspaces);
    free(model->principals);
    free(model->groups);
    free(model->members);
    free(model->resources);
    free(model->grants);
    free(model->keys);
    memset(model, 0, sizeof(*model));
}
