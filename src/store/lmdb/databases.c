#include "store/lmdb/databases.h"

#include <lmdb.h>

/* Compiled in place: a decision makes a dozen of these hashes over a few bytes each. */
#define XXH_INLINE_ALL
#include <xxhash.h>

const struct sp_database_layout sp_database_layouts[SP_DATABASES] = {
    [SP_DB_META] = {.name = "meta"},
    [SP_DB_ENTITY] = {.name = "entity"},
    [SP_DB_CHANGE] = {.name = "change", .flags = MDB_INTEGERKEY, .native_key = true},
    [SP_DB_REQUEST] = {.name = "request"},
    [SP_DB_REQUEST_AGE] = {.name = "request_age"},
    [SP_DB_CHANGE_OF] = {.name = "change_of", .flags = MDB_DUPSORT | MDB_DUPFIXED, .duplicates = true},
    [SP_DB_KEY] = {.name = "key", .flags = MDB_INTEGERKEY, .native_key = true, .seal = SP_SEAL_KEY},
    [SP_DB_PRINCIPAL] = {.name = "principal",
                         .flags = MDB_INTEGERKEY | MDB_DUPSORT | MDB_DUPFIXED,
                         .duplicates = true,
                         .native_key = true,
                         .seal = SP_SEAL_PRINCIPAL},
    [SP_DB_WORKSPACE] = {.name = "workspace", .flags = MDB_INTEGERKEY, .native_key = true, .seal = SP_SEAL_WORKSPACE},
    [SP_DB_RESOURCE] = {.name = "resource",
                        .flags = MDB_DUPSORT | MDB_DUPFIXED,
                        .duplicates = true,
                        .seal = SP_SEAL_RESOURCE},
    [SP_DB_ACTION] = {.name = "action", .seal = SP_SEAL_ACTION},
    [SP_DB_OPERATOR] = {.name = "operator", .seal = SP_SEAL_OPERATOR},
    [SP_DB_SUBJECT_RES] = {.name = "subject_res",
                           .flags = MDB_INTEGERKEY | MDB_DUPSORT,
                           .duplicates = true,
                           .native_key = true},
    [SP_DB_GROUP_MEMBER] = {.name = "group_member",
                            .flags = MDB_INTEGERKEY | MDB_DUPSORT | MDB_DUPFIXED,
                            .duplicates = true,
                            .native_key = true},
    [SP_DB_PRINC_KEY] = {.name = "princ_key",
                         .flags = MDB_INTEGERKEY | MDB_DUPSORT,
                         .duplicates = true,
                         .native_key = true},
    [SP_DB_SUBJECT] = {.name = "subject", .flags = MDB_INTEGERKEY, .native_key = true},
    [SP_DB_COUNT] = {.name = "count"},
    [SP_DB_DELETING] = {.name = "deleting"},
};

uint64_t sp_seal(enum sp_seal_domain domain, struct sp_bytes key, struct sp_bytes data) {
    XXH64_hash_t seed = XXH3_64bits_withSeed(key.data, key.size, domain);
    return XXH3_64bits_withSeed(data.data, data.size, seed);
}

bool sp_seal_fits(enum sp_seal_domain domain, struct sp_bytes key, struct sp_bytes record) {
    if (record.size < SP_SEAL_BYTES)
        return false;
    struct sp_bytes sealed = {record.data, record.size - SP_SEAL_BYTES};
    return sp_seal(domain, key, sealed) == sp_load_be64(record.data + sealed.size);
}
