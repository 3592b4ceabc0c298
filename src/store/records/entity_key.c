#include "store/records/entity_key.h"

#include "base/base64url.h"
#include "base/text.h"
#include "core/digest.h"

/* ---- making ---- */

static bool append_key_bytes(struct sp_entity_key *key, const void *data, size_t size) {
    if (size > sizeof(key->bytes) - key->size)
        return false;
    if (size > 0)
        memcpy(key->bytes + key->size, data, size);
    key->size = (uint16_t)(key->size + size);
    return true;
}

static bool append_part(struct sp_entity_key *key, struct sp_str part, bool last) {
    bool has_nul = part.size > 0 && memchr(part.data, 0, part.size) != NULL;
    return !has_nul && append_key_bytes(key, part.data, part.size) && (last || append_key_bytes(key, "", 1));
}

static bool begin_entity_key(struct sp_entity_key *key, enum sp_kind kind, struct sp_str workspace) {
    uint8_t first = (uint8_t)kind;
    key->size = 0;
    return append_key_bytes(key, &first, 1) && append_part(key, workspace, false);
}

enum sp_status sp_entity_key_make(enum sp_kind kind, struct sp_str workspace, const struct sp_str *parts,
                                  size_t part_count, struct sp_entity_key *ret_key) {
    struct sp_entity_key key;
    bool fits = begin_entity_key(&key, kind, workspace);
    for (size_t i = 0; fits && i < part_count; i++)
        fits = append_part(&key, parts[i], i + 1 == part_count);
    if (!fits)
        return SP_ERR_INVALID;
    *ret_key = key;
    return SP_OK;
}

enum sp_status sp_entity_key_1(enum sp_kind kind, struct sp_str workspace, struct sp_str id,
                               struct sp_entity_key *ret_key) {
    return sp_entity_key_make(kind, workspace, &id, 1, ret_key);
}

/* '#', which no id holds, and the digest of one that is too long beside a long resource id. */
enum { LONG_SUBJECT_BYTES = 1 + SP_BASE64URL_CHARS(SP_DIGEST_BYTES) };

static struct sp_str shorten_subject(struct sp_str subject, char room[static LONG_SUBJECT_BYTES]) {
    uint8_t digest[SP_DIGEST_BYTES];
    sp_sha256(subject.data, subject.size, digest);
    room[0] = '#';
    sp_base64url_encode((struct sp_bytes){digest, sizeof(digest)}, room + 1);
    return sp_str_from(room);
}

enum sp_status sp_entity_key_grant(struct sp_str workspace, struct sp_str type, struct sp_str resource_id,
                                   enum sp_subject_kind subject_kind, struct sp_str subject,
                                   struct sp_entity_key *ret_key) {
    char last[1 + SP_ID_MAX_BYTES], digest[LONG_SUBJECT_BYTES];
    if (subject.size > SP_PRINCIPAL_ID_MAX_BYTES ||
        (subject_kind != SP_SUBJECT_PRINCIPAL && subject_kind != SP_SUBJECT_GROUP))
        return SP_ERR_INVALID;
    if (subject.size > SP_ID_MAX_BYTES)
        subject = shorten_subject(subject, digest);
    last[0] = (char)subject_kind;
    if (subject.size > 0)
        memcpy(last + 1, subject.data, subject.size);
    struct sp_str parts[] = {type, resource_id, {last, 1 + subject.size}};
    return sp_entity_key_make(SP_KIND_GRANT, workspace, parts, 3, ret_key);
}

enum sp_status sp_entity_key_prefix(enum sp_kind kind, struct sp_str workspace, const struct sp_str *parts,
                                    size_t part_count, struct sp_entity_key *ret_prefix) {
    struct sp_entity_key prefix;
    bool fits = begin_entity_key(&prefix, kind, workspace);
    for (size_t i = 0; fits && i < part_count; i++)
        fits = append_part(&prefix, parts[i], false);
    if (!fits)
        return SP_ERR_INVALID;
    *ret_prefix = prefix;
    return SP_OK;
}

enum sp_status sp_entity_key_tombstone(struct sp_bytes of, bool global, struct sp_entity_key *ret_key) {
    struct sp_entity_name name;
    struct sp_entity_key key;
    if (sp_entity_key_read(of, &name) != SP_OK)
        return SP_ERR_INVALID;
    size_t parts_at = 1 + name.workspace.size + 1;
    struct sp_str workspace = global ? (struct sp_str){NULL, 0} : name.workspace;
    if (!begin_entity_key(&key, SP_KIND_TOMBSTONE, workspace) || !append_key_bytes(&key, of.data, 1) ||
        !append_key_bytes(&key, of.data + parts_at, of.size - parts_at))
        return SP_ERR_INVALID;
    *ret_key = key;
    return SP_OK;
}

enum sp_status sp_entity_key_copy(struct sp_bytes bytes, struct sp_entity_key *ret_key) {
    if (bytes.size > sizeof(ret_key->bytes))
        return SP_ERR_CORRUPT;
    ret_key->size = 0;
    (void)append_key_bytes(ret_key, bytes.data, bytes.size);
    return SP_OK;
}

/* ---- reading ---- */

/* Cuts what is before the first 00 off, and the 00. False: there is none. */
static bool cut_ended_part(struct sp_str *rest, struct sp_str *ret_part) {
    const char *end = rest->size > 0 ? memchr(rest->data, 0, rest->size) : NULL;
    if (end == NULL)
        return false;
    *ret_part = (struct sp_str){rest->data, (size_t)(end - rest->data)};
    *rest = (struct sp_str){end + 1, rest->size - ret_part->size - 1};
    return true;
}

static bool cut_first_letter(struct sp_str *text, uint8_t *ret_letter) {
    if (text->size == 0)
        return false;
    *ret_letter = (uint8_t)text->data[0];
    *text = (struct sp_str){text->data + 1, text->size - 1};
    return true;
}

static bool split_parts(struct sp_str rest, struct sp_entity_name *name) {
    if (rest.size == 0)
        return true;
    do {
        if (name->part_count == SP_ENTITY_KEY_MAX_PARTS)
            return false;
    } while (cut_ended_part(&rest, &name->parts[name->part_count++]));
    name->parts[name->part_count - 1] = rest;
    return true;
}

enum sp_status sp_entity_key_read(struct sp_bytes key, struct sp_entity_name *ret_name) {
    struct sp_str rest = {(const char *)key.data, key.size};
    struct sp_entity_name name = {.part_count = 0};
    uint8_t letter = 0;
    if (key.size > SP_ENTITY_KEY_MAX_BYTES || !cut_first_letter(&rest, &letter) || letter < SP_KIND_SCHEMA ||
        letter > SP_KIND_TOMBSTONE || !cut_ended_part(&rest, &name.workspace))
        return SP_ERR_CORRUPT;
    name.kind = (enum sp_kind)letter;
    if (name.kind == SP_KIND_TOMBSTONE) {
        if (!cut_first_letter(&rest, &letter))
            return SP_ERR_CORRUPT;
        name.deleted_kind = (enum sp_kind)letter;
    }
    if (!split_parts(rest, &name))
        return SP_ERR_CORRUPT;
    if (name.kind == SP_KIND_GRANT) {
        if (name.part_count == 0 || !cut_first_letter(&name.parts[name.part_count - 1], &letter) ||
            (letter != SP_SUBJECT_PRINCIPAL && letter != SP_SUBJECT_GROUP))
            return SP_ERR_CORRUPT;
        name.subject_kind = (enum sp_subject_kind)letter;
    }
    *ret_name = name;
    return SP_OK;
}

bool sp_entity_key_is_valid(struct sp_bytes key) {
    struct sp_entity_name name;
    return sp_entity_key_read(key, &name) == SP_OK;
}
