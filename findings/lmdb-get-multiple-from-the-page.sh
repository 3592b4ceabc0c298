#!/usr/bin/env bash
# LMDB 0.9.24: MDB_GET_MULTIPLE gives the page from its first item, not from where the cursor is.
#
# Guess: as lmdb.h says: duplicate items "from current cursor position". After MDB_GET_BOTH_RANGE has found item 20, a scan that goes
#        on with MDB_GET_MULTIPLE begins at 20.
# Seen:  it begins at 1, with items that are smaller than what was sought.
source "$(dirname "$0")/support/common.sh"
command -v cc >/dev/null || cannot "there is no C compiler"
unpack_debian liblmdb0=0.9.24-1 liblmdb-dev=0.9.24-1

cat >"$work/finding.c" <<'C'
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>

static void must(int code) {
    if (code != 0) {
        fprintf(stderr, "%s\n", mdb_strerror(code));
        exit(1);
    }
}

int main(int argc, char **argv) {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi items;
    MDB_cursor *cursor;
    MDB_val key = {1, "k"}, value;
    unsigned char item[4] = {0};
    must(argc == 2 ? 0 : 22);
    must(mdb_env_create(&env));
    must(mdb_env_open(env, argv[1], 0, 0600));
    must(mdb_txn_begin(env, NULL, 0, &txn));
    must(mdb_dbi_open(txn, NULL, MDB_DUPSORT | MDB_DUPFIXED, &items));
    for (item[3] = 1; item[3] <= 50; item[3]++) {
        value = (MDB_val){sizeof(item), item};
        must(mdb_put(txn, items, &key, &value, 0));
    }
    must(mdb_cursor_open(txn, items, &cursor));
    item[3] = 20;
    value = (MDB_val){sizeof(item), item};
    must(mdb_cursor_get(cursor, &key, &value, MDB_GET_BOTH_RANGE));
    printf("at %d, ", ((const unsigned char *)value.mv_data)[3]);
    must(mdb_cursor_get(cursor, &key, &value, MDB_GET_MULTIPLE));
    printf("%zu items from %d\n", value.mv_size / 4, ((const unsigned char *)value.mv_data)[3]);
    return 0;
}
C
library=$(dirname "$(find "$work/debian" -name liblmdb.so.0 | head -1)")
cc -I "$work/debian/usr/include" -o "$work/finding" "$work/finding.c" "$library/liblmdb.so.0" -Wl,-rpath,"$library"
mkdir "$work/env"
expect "MDB_GET_BOTH_RANGE for 20, then MDB_GET_MULTIPLE" "$("$work/finding" "$work/env")" "at 20, 50 items from 1"
