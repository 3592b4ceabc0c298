#!/usr/bin/env bash
# LMDB 0.9.24: a read transaction can have the number of one state and the content of a later one.
#
# Guess: mdb_txn_id of a read transaction is the number of the commit whose content it shows.
# Seen:  a reader that is held up while it begins shows what the second commit after that number, or a later one, wrote.
source "$(dirname "$0")/support/common.sh"
command -v cc >/dev/null || cannot "there is no C compiler"
unpack_debian liblmdb0=0.9.24-1 liblmdb-dev=0.9.24-1

cat >"$work/finding.c" <<'C'
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { READERS = 6, SECONDS = 60 };

static MDB_env *env;
static MDB_dbi states;
static atomic_bool done, differs;

static void must(int code) {
    if (code != 0) {
        fprintf(stderr, "%s\n", mdb_strerror(code));
        exit(1);
    }
}

/* Each commit leaves its own number. */
static void commit_number(void) {
    MDB_txn *txn;
    must(mdb_txn_begin(env, NULL, 0, &txn));
    size_t number = mdb_txn_id(txn);
    MDB_val key = {1, "n"}, value = {sizeof(number), &number};
    must(mdb_put(txn, states, &key, &value, 0));
    must(mdb_txn_commit(txn));
}

static void *compare_numbers(void *nothing) {
    MDB_txn *txn;
    must(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn));
    while (!done && !differs) {
        MDB_val key = {1, "n"}, value;
        size_t number;
        mdb_txn_reset(txn);
        must(mdb_txn_renew(txn));
        must(mdb_get(txn, states, &key, &value));
        memcpy(&number, value.mv_data, sizeof(number));
        if (number != mdb_txn_id(txn))
            differs = true;
    }
    mdb_txn_abort(txn);
    return nothing;
}

int main(int argc, char **argv) {
    MDB_txn *txn;
    pthread_t readers[READERS];
    must(argc == 2 ? 0 : 22);
    must(mdb_env_create(&env));
    must(mdb_env_set_mapsize(env, (size_t)1 << 30));
    must(mdb_env_open(env, argv[1], MDB_NOSYNC, 0600));
    must(mdb_txn_begin(env, NULL, 0, &txn));
    must(mdb_dbi_open(txn, NULL, 0, &states));
    must(mdb_txn_commit(txn));
    commit_number();
    for (int i = 0; i < READERS; i++)
        must(pthread_create(&readers[i], NULL, compare_numbers, NULL));
    for (time_t end = time(NULL) + SECONDS; !differs && time(NULL) < end;)
        commit_number();
    done = true;
    for (int i = 0; i < READERS; i++)
        must(pthread_join(readers[i], NULL));
    puts(differs ? "differ" : "are always the same");
    return 0;
}
C
library=$(dirname "$(find "$work/debian" -name liblmdb.so.0 | head -1)")
cc -pthread -I "$work/debian/usr/include" -o "$work/finding" "$work/finding.c" "$library/liblmdb.so.0" -Wl,-rpath,"$library"
mkdir "$work/env"
expect "a reader's number and that of the commit that it shows" "$("$work/finding" "$work/env")" "differ"
