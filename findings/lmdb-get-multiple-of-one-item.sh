#!/usr/bin/env bash
# LMDB 0.9.24: MDB_GET_MULTIPLE succeeds and gives nothing for a key with one item.
#
# Guess: a key of a MDB_DUPFIXED database that has one item gives a page with that item; or an error, if there is nothing to give.
# Seen:  the call returns success and leaves the value as the caller had it: a caller that declared it reads an uninitialized pointer.
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
    item[3] = 7;
    value = (MDB_val){sizeof(item), item};
    must(mdb_put(txn, items, &key, &value, 0));
    must(mdb_cursor_open(txn, items, &cursor));
    must(mdb_cursor_get(cursor, &key, &value, MDB_SET));
    value = (MDB_val){12345, NULL};
    int code = mdb_cursor_get(cursor, &key, &value, MDB_GET_MULTIPLE);
    printf("code %d, size %zu, %s\n", code, value.mv_size, value.mv_data == NULL ? "no data" : "data");
    return 0;
}
C
library=$(dirname "$(find "$work/debian" -name liblmdb.so.0 | head -1)")
cc -I "$work/debian/usr/include" -o "$work/finding" "$work/finding.c" "$library/liblmdb.so.0" -Wl,-rpath,"$library"
mkdir "$work/env"
expect "a value of size 12345 and no data, after MDB_GET_MULTIPLE" "$("$work/finding" "$work/env")" "code 0, size 12345, no data"
