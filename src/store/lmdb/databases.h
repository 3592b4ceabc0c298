/* Inside the store: its databases, their order and flags, and the seal of a record. What is in
 * them: records/layout.h. */
#ifndef SP_STORE_LMDB_DATABASES_H
#define SP_STORE_LMDB_DATABASES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum { SP_STORE_FORMAT = 2, SP_STORE_OLDEST_FORMAT = 1 /* that can be upgraded */ };

/* In the order of the table in records/layout.h. */
enum sp_database {
    SP_DB_META,
    SP_DB_ENTITY,
    SP_DB_CHANGE,
    SP_DB_REQUEST,
    SP_DB_REQUEST_AGE,
    SP_DB_CHANGE_OF,
    SP_DB_KEY,
    SP_DB_PRINCIPAL,
    SP_DB_WORKSPACE,
    SP_DB_RESOURCE,
    SP_DB_ACTION,
    SP_DB_OPERATOR,
    SP_DB_SUBJECT_RES,
    SP_DB_GROUP_MEMBER,
    SP_DB_PRINC_KEY,
    SP_DB_SUBJECT,
    SP_DB_COUNT,
    SP_DB_DELETING,
    SP_DATABASES,
    SP_DB_FIRST_INDEX = SP_DB_KEY, /* from here on all are derived from `entity` */
};

/* How a database is opened. */
struct sp_database_layout {
    const char *name;
    unsigned flags; /* MDB_* */
    bool duplicates;
    bool native_key; /* MDB_INTEGERKEY */
    uint8_t seal;    /* enum sp_seal_domain; 0: records are not sealed */
};
extern const struct sp_database_layout sp_database_layouts[SP_DATABASES];

enum sp_seal_domain {
    SP_SEAL_HEAD = 1,
    SP_SEAL_KEY = 2,
    SP_SEAL_PRINCIPAL = 3,
    SP_SEAL_WORKSPACE = 4,
    SP_SEAL_RESOURCE = 5,
    SP_SEAL_ACTION = 6,
    SP_SEAL_OPERATOR = 7,
    SP_SEAL_KEY_USE = 8, /* this and the next: store/usage/usage.h */
    SP_SEAL_USAGE_SOURCE = 9,
};

enum {
    SP_SEAL_BYTES = 8,
    SP_HEAD_TRANSACTION_END = 72, /* in the value of meta "head", behind the id of the LMDB transaction that wrote it */
};

/* The seal over `data` as a record of `key`. */
uint64_t sp_seal(enum sp_seal_domain domain, struct sp_bytes key, struct sp_bytes data);

/* Whether a record ends in the seal of what is before it. */
bool sp_seal_fits(enum sp_seal_domain domain, struct sp_bytes key, struct sp_bytes record);

#endif
