/* The store's format: the one place that names its databases and draws its bytes. Format version 2.
 *
 * Numbers in keys and values are big-endian unless a database is MDB_INTEGERKEY (then the key is a
 * native uint64_t). Values lie at any address: load them with memcpy or byte by byte.
 * A seal is XXH3-64 over a record's bytes before it, seeded with XXH3-64 over the record's key
 * seeded with the database's SP_SEAL_* number, so that no record passes for another. It shows
 * damage, not malice: whoever can write the file can write seals. A decision verifies the seal of
 * every record that it uses.
 *
 * database     flags                     key → value
 * ----------   -----------------------   ------------------------------------------------------------------------
 * meta         -                         text → see "meta" below
 * entity       -                         kind(1) workspace 00 id-parts… → protobuf of sallyport.store.v1.Stored*
 * change       INTEGERKEY                revision number → protobuf of sallyport.v1.Change (with its hash)
 * request      -                         SHA-256(workspace 00 actor 00 method 00 request_id) → StoredRequest
 * request_age  -                         expires_at(8) SHA-256(32) → empty
 * change_of    DUPSORT|FIXED             workspace → revision number(8) of each change that names it, from `change`
 *   indexes, derived from `entity`:
 * key          INTEGERKEY                first 8 bytes of the digest → one or more key records (below)
 * principal    INTEGERKEY|DUPSORT|FIXED  principal number → edges: head {0, workspace number, flags}, then its groups
 * workspace    INTEGERKEY                workspace number → flags(8) seal(8)
 * resource     DUPSORT|FIXED             type(2) scope(8) id → edges: head {0, owner}, then its grants {subject, role}
 *                                        scope: 0 for global ids, the workspace number for ids read inside a workspace;
 *                                        a workspace-scoped resource needs no head
 * action       -                         type 00 action → action record (below); 00 → the schema's mark(8) seal(8)
 * operator     -                         digest(32) → operator name, seal(8)
 * subject_res  INTEGERKEY|DUPSORT        subject number → resource key (type, scope, id) of each grant
 * group_member INTEGERKEY|DUPSORT|FIXED  group number → principal number(8)
 * princ_key    INTEGERKEY|DUPSORT        principal number → key id
 * subject      INTEGERKEY                subject number → entity key of the principal or group (admin reads only)
 * count        -                         workspace number(8) enum sp_count(1) → count(8)
 * deleting     -                         entity key of what was deleted and is being removed in pieces → empty
 *
 * edge (24 bytes):   0 subject number (8; 0 is the head, so it sorts first)   8 payload (8)   16 seal (8)
 *   Edges of one key have different subject numbers. A key bucket's records are in the order of their digests.
 *   payload of a principal's head: workspace number (48 bits) | flags (16 bits: SP_PRINCIPAL_*)
 *   payload of a group edge: 0;  of a resource's head: owner workspace number, with SP_RESOURCE_DELETING once it was
 *   deleted (then one whose ids belong to workspaces has a head too, with owner 0);  of a grant: role
 *
 * The schema's mark is the seal of its text as a record of the key 00: it distinguishes texts, and
 * shows damage of the entity.
 *
 * action record (16 bytes):
 *   0 flags(1: SP_ACTION_*)  1 permission(1)  2 role(1)  3 zero(1)  4 type number(4)  8 seal(8)
 * key record:
 *   0   size of this record (2)          2   flags (1: SP_KEY_*)     3 principal kind (1)
 *   4   key id, principal id, workspace id lengths (1 each; a principal's 0 is 256)   7 number of ranges (1)
 *   8   expires_at (8)                   16  principal number (8)    24 workspace number (8)
 *   32  digest (32)
 *   64  permission bits (32; only with SP_KEY_HAS_BITS)
 *   …   ranges (32 each)   key id   principal id   workspace id   seal (8)
 * meta:
 *   "format"  version (4)
 *   "head"    epoch (8) revision (8) last change hash (32) last sync time (8) settings version (8)
 *             id of the LMDB transaction that wrote it (8) newest time (8) entity set digest (32) seal (8): read by
 *             every decision and written by every commit; the settings version grows with each commit that touched
 *             what snapshots keep (settings_cache.h)
 *   "entity_set"  the multiset hash of all entities (2048), whose digest the head has (entity_set.h)
 *   "next"    next subject number (8) next workspace number (8)
 *   "anchor"  revision (8) hash (32) of the newest change that was trimmed away; not there: nothing was trimmed
 *   "source"  text: "embedded", or the etcd URL;  "prefixes" the key prefixes, each ended by 00, first is the one for
 *             new keys;  "foreign" 1 byte, there once keys were imported by digest;  "created" epoch time (8)
 *   "boot"    id of the boot (16) and milliseconds since it (8) in which the head's newest time was set (store_time.h)
 *   of a store that follows etcd: "cursor" cluster id (8) etcd's revision (8) mod_revision of the head there (8)
 *   revision up to which nothing else was changed (8);
 *   "source_head" the SourceHead there;  "unreadable" size (2), key and entity hash (32) of each entity that is left
 *   out;  "set_back" epoch (8) and revision (8) of the newest state before etcd went back; not there: it never did */
#ifndef SP_STORE_RECORDS_LAYOUT_H
#define SP_STORE_RECORDS_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "store/lmdb/databases.h"

/* In the payload of a resource's head: no grant on it counts any more. */
#define SP_RESOURCE_DELETING (UINT64_C(1) << 63)

/* The highest number of a subject or workspace: 48 bits, as a principal's head has room for. */
#define SP_NUMBER_MAX UINT64_C(0xffffffffffff)

/* First byte of an entity's key. The id-parts that follow `workspace 00`, each but the last ended
 * by 00: */
enum sp_kind {
    SP_KIND_SCHEMA = 1,     /* (workspace empty, no parts) */
    SP_KIND_OPERATOR = 2,   /* (workspace empty) name */
    SP_KIND_WORKSPACE = 3,  /* (no parts) */
    SP_KIND_PRINCIPAL = 4,  /* id */
    SP_KIND_GROUP = 5,      /* id */
    SP_KIND_MEMBERSHIP = 6, /* group, principal */
    SP_KIND_RESOURCE = 7,   /* type, id (workspace: the owner) */
    SP_KIND_GRANT = 8,      /* type, id, 'p' or 'g' followed by the subject's id; one longer than 64 bytes: '#' and the
                             * base64url of its SHA-256 */
    SP_KIND_KEY = 9,        /* id */
    SP_KIND_TOMBSTONE = 10, /* the kind(1) of what was deleted, then its parts; global resource ids: workspace empty */
};

enum {
    SP_EDGE_BYTES = 24,
    SP_ACTION_RECORD_BYTES = 16,
    SP_SCHEMA_MARK_RECORD_BYTES = 16,
    SP_WORKSPACE_RECORD_BYTES = 16,
    SP_COUNT_KEY_BYTES = 9,
    SP_COUNT_RECORD_BYTES = 8,
    SP_SHORT_DIGEST_BYTES = 8, /* of a digest, as the key of a bucket */
    SP_KEY_RECORD_HEAD_BYTES = 64,
    SP_HEAD_BYTES = 120,

    SP_KEY_ALL = 1,
    SP_KEY_DISABLED = 2,
    SP_KEY_HAS_ALLOWLIST = 4,
    SP_KEY_HAS_BITS = 8, /* always without SP_KEY_ALL; beside it, of the claiming permissions that the key lists */

    SP_PRINCIPAL_DISABLED = 1,
    SP_PRINCIPAL_WORKSPACE_ADMIN = 2,

    SP_WORKSPACE_DISABLED = 1,

    SP_ACTION_WORKSPACE_SCOPED = 1,
    SP_ACTION_NEEDS_PERMISSION = 2,
    SP_ACTION_CLAIMING = 4, /* its permission is one that no key has by `all` */
};

/* What is counted for each workspace, so that a quota costs one lookup. */
enum sp_count {
    SP_COUNT_SERVICE_ACCOUNTS = 1,
    SP_COUNT_ENABLED_USERS = 2,
    SP_COUNT_ENABLED_ADMINS = 3,
    SP_COUNT_KEYS = 4,
    SP_COUNT_GROUPS = 5,
    SP_COUNT_MEMBERS = 6,
    SP_COUNT_GRANTS = 7,
    SP_COUNT_RESOURCES = 8,
};

#endif
