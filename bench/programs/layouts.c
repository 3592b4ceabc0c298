/* Look-ups in layouts that a store's indexes could have, side by side in one environment: what a
 * change of the layout would gain, before it is made. Keys are random and found in random order;
 * time is the thread's own CPU time, so that other work on the machine counts less.
 *
 *   former  32-byte digest → record: a frozen copy of the layout that ratios are against
 *   short   first 8 bytes of the digest, MDB_INTEGERKEY → record
 *   linear  number of a bucket, MDB_INTEGERKEY → bucket of many records: linear hashing. A bucket
 *           that has more than fits goes on in others, whose numbers have a place in the high bits
 *   ranged  last digest of a bucket (its first 8 bytes), MDB_INTEGERKEY → bucket, found with
 *           MDB_SET_RANGE: a full one is cut in two, and no other is touched
 *
 * A bucket fills one overflow page: a line of 31 fingerprints (2 bytes each) and their number (2),
 * then records of 128 bytes, which begin with the digest.
 *
 * Usage: layouts FOLDER KEYS. FOLDER is empty; the environment stays in it. Prints one JSON object
 * per line: {"name":…,"ns":…}, {"name":…,"ratio":…} or {"name":…,"bytes_a_key":…}. */
#include <lmdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    LOOKUPS = 200000,
    ROUNDS = 7,
    FLIGHT = 16,
    DIGEST_BYTES = 32,
    RECORD_BYTES = 128,
    EDGE_BYTES = 24,
    BUCKET_BYTES = 4096 - 16, /* one overflow page behind LMDB's header of it */
    LINE_BYTES = 64,
    PLACES = (BUCKET_BYTES - LINE_BYTES) / RECORD_BYTES,
    KEYS_IN_A_COMMIT = 100000,
    KEYS_A_PRINCIPAL = 2,
    KEYS_A_WORKSPACE = 40,
};
_Static_assert(2 * PLACES + 2 <= LINE_BYTES, "the fingerprints fit the line");
#define LINEAR_LOAD 0.6 /* of the places, at which the next bucket is split */
#define CHAIN (UINT64_C(1) << 40)

enum layout { FORMER, SHORT, LINEAR, RANGED, PRINCIPAL, WORKSPACE, RESOURCE, ACTION, LAYOUTS };

static const struct {
    const char *name;
    unsigned flags;
} databases[LAYOUTS] = {
    [FORMER] = {"former", 0},
    [SHORT] = {"short", MDB_INTEGERKEY},
    [LINEAR] = {"linear", MDB_INTEGERKEY},
    [RANGED] = {"ranged", MDB_INTEGERKEY},
    [PRINCIPAL] = {"principal", MDB_INTEGERKEY | MDB_DUPSORT | MDB_DUPFIXED},
    [WORKSPACE] = {"workspace", MDB_INTEGERKEY},
    [RESOURCE] = {"resource", MDB_DUPSORT | MDB_DUPFIXED},
    [ACTION] = {"action", 0},
};

struct bucket {
    uint16_t fingerprints[PLACES];
    uint16_t count;
    uint8_t records[PLACES][RECORD_BYTES];
};
_Static_assert(sizeof(struct bucket) <= BUCKET_BYTES, "a bucket fits its page");

struct table {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi at[LAYOUTS];
    MDB_cursor *ranged;
    uint64_t keys;
    uint64_t buckets;  /* of the linear table */
    uint64_t *asked;   /* numbers of keys, at random */
    uint64_t overfull; /* keys that are in the later buckets of a chain */
};

_Noreturn static void fail_layouts(const char *what, int code) {
    fprintf(stderr, "layouts: %s: %s\n", what, code == 0 ? "not as expected" : mdb_strerror(code));
    exit(2);
}

static void expect_success(const char *what, int code) {
    if (code != MDB_SUCCESS)
        fail_layouts(what, code);
}

/* ---- keys ---- */

static uint64_t mix_number(uint64_t number) {
    number += UINT64_C(0x9e3779b97f4a7c15);
    number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ number >> 27) * UINT64_C(0x94d049bb133111eb);
    return number ^ number >> 31;
}

struct digest {
    uint64_t words[DIGEST_BYTES / 8]; /* the first is what short keys and buckets go by */
};

static struct digest make_digest(uint64_t key) {
    struct digest digest;
    for (uint64_t i = 0; i < DIGEST_BYTES / 8; i++)
        digest.words[i] = mix_number(key * 4 + i);
    return digest;
}

static uint16_t fingerprint_of(const struct digest *digest) {
    return (uint16_t)digest->words[1];
}

static void make_record(const struct digest *digest, uint8_t record[static RECORD_BYTES]) {
    memset(record, 7, RECORD_BYTES);
    memcpy(record, digest, sizeof(*digest));
}

static MDB_val borrow_val(const void *data, size_t size) {
    union {
        const void *in;
        void *out;
    } cast = {data};
    return (MDB_val){size, cast.out};
}

/* ---- filling ---- */

static void put_value(struct table *table, enum layout layout, const void *key, size_t key_size, const void *value,
                      size_t value_size, unsigned flags) {
    MDB_val key_val = borrow_val(key, key_size), value_val = borrow_val(value, value_size);
    expect_success(databases[layout].name, mdb_put(table->txn, table->at[layout], &key_val, &value_val, flags));
}

static void add_to_bucket(struct bucket *bucket, const struct digest *digest) {
    make_record(digest, bucket->records[bucket->count]);
    bucket->fingerprints[bucket->count++] = fingerprint_of(digest);
}

static uint64_t first_word(const struct bucket *bucket, size_t place) {
    uint64_t word;
    memcpy(&word, bucket->records[place], sizeof(word));
    return word;
}

/* Moves the records above the middle one to a bucket of their own, which keeps the place of the
 * one that was full. */
static void cut_ranged_bucket(struct table *table, struct bucket *full, uint64_t last) {
    struct bucket low = {.count = 0}, high = {.count = 0};
    uint64_t words[PLACES], middle = 0;
    for (size_t i = 0; i < PLACES; i++) {
        size_t at = i;
        uint64_t word = first_word(full, i);
        for (; at > 0 && words[at - 1] > word; at--)
            words[at] = words[at - 1];
        words[at] = word;
    }
    middle = words[PLACES / 2];
    for (size_t i = 0; i < PLACES; i++) {
        struct bucket *half = first_word(full, i) <= middle ? &low : &high;
        memcpy(half->records[half->count], full->records[i], RECORD_BYTES);
        half->fingerprints[half->count++] = full->fingerprints[i];
    }
    put_value(table, RANGED, &middle, sizeof(middle), &low, sizeof(low), 0);
    put_value(table, RANGED, &last, sizeof(last), &high, sizeof(high), 0);
}

static uint64_t find_ranged_bucket(struct table *table, uint64_t word, struct bucket *ret_bucket) {
    MDB_val key = borrow_val(&word, sizeof(word)), value;
    MDB_cursor *cursor;
    uint64_t last;
    expect_success("ranged", mdb_cursor_open(table->txn, table->at[RANGED], &cursor));
    expect_success("ranged", mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE));
    memcpy(&last, key.mv_data, sizeof(last));
    memcpy(ret_bucket, value.mv_data, sizeof(*ret_bucket));
    mdb_cursor_close(cursor);
    return last;
}

static void insert_ranged(struct table *table, const struct digest *digest) {
    struct bucket bucket;
    uint64_t last = find_ranged_bucket(table, digest->words[0], &bucket);
    if (bucket.count == PLACES) {
        cut_ranged_bucket(table, &bucket, last);
        last = find_ranged_bucket(table, digest->words[0], &bucket);
    }
    add_to_bucket(&bucket, digest);
    put_value(table, RANGED, &last, sizeof(last), &bucket, sizeof(bucket), 0);
}

static uint64_t number_linear_bucket(uint64_t word, uint64_t buckets) {
    uint64_t size = 1;
    while (size < buckets)
        size *= 2;
    uint64_t number = word & (size - 1);
    return number < buckets ? number : number & (size / 2 - 1);
}

/* What linear hashing comes to depends on the numbers of keys and buckets alone, so buckets are
 * filled as if each had been split in its turn. */
static void insert_linear(struct table *table, const struct digest *digest) {
    uint64_t number = number_linear_bucket(digest->words[0], table->buckets);
    struct bucket bucket = {.count = 0};
    for (unsigned place = 0;; number += CHAIN, place++) {
        MDB_val key = borrow_val(&number, sizeof(number)), value;
        int code = mdb_get(table->txn, table->at[LINEAR], &key, &value);
        if (code == MDB_NOTFOUND) {
            bucket.count = 0;
        } else {
            expect_success("linear", code);
            memcpy(&bucket, value.mv_data, sizeof(bucket));
        }
        if (bucket.count == PLACES)
            continue;
        table->overfull += place > 0;
        add_to_bucket(&bucket, digest);
        put_value(table, LINEAR, &number, sizeof(number), &bucket, sizeof(bucket), 0);
        return;
    }
}

static void name_resource(uint64_t key, uint8_t ret_name[static 30]) {
    memset(ret_name, 0, 10);
    (void)snprintf((char *)ret_name + 10, 20, "voice-%013llu", (unsigned long long)key % 10000000000000ULL);
}

static void insert_owners(struct table *table, uint64_t key) {
    uint64_t principal = mix_number(key / KEYS_A_PRINCIPAL) >> 16, workspace = key / KEYS_A_WORKSPACE;
    uint8_t edge[EDGE_BYTES] = {0}, name[30];
    name_resource(key, name);
    for (uint8_t i = 0; i < 3; i++) {
        edge[7] = i;
        if (key % KEYS_A_PRINCIPAL == 0)
            put_value(table, PRINCIPAL, &principal, sizeof(principal), edge, sizeof(edge), 0);
        put_value(table, RESOURCE, name, sizeof(name), edge, sizeof(edge), 0);
    }
    if (key % KEYS_A_WORKSPACE == 0)
        put_value(table, WORKSPACE, &workspace, sizeof(workspace), edge, 16, 0);
}

static void insert_key_everywhere(struct table *table, uint64_t key) {
    struct digest digest = make_digest(key);
    uint8_t record[RECORD_BYTES];
    make_record(&digest, record);
    put_value(table, FORMER, &digest, sizeof(digest), record, sizeof(record), 0);
    put_value(table, SHORT, &digest.words[0], sizeof(digest.words[0]), record, sizeof(record), 0);
    insert_linear(table, &digest);
    insert_ranged(table, &digest);
    insert_owners(table, key);
}

static void fill_table(struct table *table) {
    struct bucket none = {.count = 0};
    uint64_t last = UINT64_MAX;
    table->buckets = (uint64_t)((double)table->keys / (PLACES * LINEAR_LOAD)) + 1;
    expect_success("a transaction", mdb_txn_begin(table->env, NULL, 0, &table->txn));
    for (int i = 0; i < LAYOUTS; i++)
        expect_success(databases[i].name,
                       mdb_dbi_open(table->txn, databases[i].name, databases[i].flags | MDB_CREATE, &table->at[i]));
    put_value(table, RANGED, &last, sizeof(last), &none, sizeof(none), 0);
    put_value(table, ACTION, "voice\0use", 9, &none, 16, 0);
    for (uint64_t key = 0; key < table->keys; key++) {
        insert_key_everywhere(table, key);
        if ((key + 1) % KEYS_IN_A_COMMIT != 0)
            continue;
        expect_success("a commit", mdb_txn_commit(table->txn));
        expect_success("a transaction", mdb_txn_begin(table->env, NULL, 0, &table->txn));
    }
    expect_success("a commit", mdb_txn_commit(table->txn));
}

/* ---- looking up ---- */

static const uint8_t *get_value(const struct table *table, enum layout layout, const void *key, size_t size) {
    MDB_val key_val = borrow_val(key, size), value;
    expect_success(databases[layout].name, mdb_get(table->txn, table->at[layout], &key_val, &value));
    return value.mv_data;
}

/* Reads the end of a record, as whoever checks its seal does. */
static uint64_t use_record(const uint8_t *record, const struct digest *digest) {
    if (record == NULL || memcmp(record, digest, sizeof(*digest)) != 0)
        fail_layouts("a record", 0);
    return record[RECORD_BYTES - 1];
}

static const uint8_t *find_in_bucket(const uint8_t *data, uint16_t fingerprint, const struct digest *whole) {
    const struct bucket *bucket = (const void *)data; /* overflow pages are aligned */
    for (size_t i = 0; i < bucket->count; i++)
        if (bucket->fingerprints[i] == fingerprint &&
            (whole == NULL || memcmp(bucket->records[i], whole, sizeof(*whole)) == 0))
            return bucket->records[i];
    return NULL;
}

static uint64_t look_up_former(struct table *table, uint64_t key) {
    struct digest digest = make_digest(key);
    return use_record(get_value(table, FORMER, &digest, sizeof(digest)), &digest);
}

static uint64_t look_up_short(struct table *table, uint64_t key) {
    struct digest digest = make_digest(key);
    return use_record(get_value(table, SHORT, &digest.words[0], sizeof(digest.words[0])), &digest);
}

static uint64_t look_up_linear(struct table *table, uint64_t key) {
    struct digest digest = make_digest(key);
    const uint8_t *record = NULL;
    uint64_t number = number_linear_bucket(digest.words[0], table->buckets);
    for (; record == NULL; number += CHAIN)
        record = find_in_bucket(get_value(table, LINEAR, &number, sizeof(number)), fingerprint_of(&digest), &digest);
    return use_record(record, &digest);
}

static const uint8_t *get_ranged(const struct table *table, const struct digest *digest) {
    MDB_val key = borrow_val(&digest->words[0], sizeof(digest->words[0])), value;
    expect_success("ranged", mdb_cursor_get(table->ranged, &key, &value, MDB_SET_RANGE));
    return value.mv_data;
}

static uint64_t look_up_ranged(struct table *table, uint64_t key) {
    struct digest digest = make_digest(key);
    return use_record(find_in_bucket(get_ranged(table, &digest), fingerprint_of(&digest), &digest), &digest);
}

static uint64_t get_principal(struct table *table, uint64_t key) {
    uint64_t principal = mix_number(key / KEYS_A_PRINCIPAL) >> 16;
    return get_value(table, PRINCIPAL, &principal, sizeof(principal))[0];
}

static uint64_t get_resource(struct table *table, uint64_t key) {
    uint8_t name[30];
    name_resource(key, name);
    return get_value(table, RESOURCE, name, sizeof(name))[0];
}

static uint64_t look_up_five(struct table *table, uint64_t key) {
    uint64_t workspace = key / KEYS_A_WORKSPACE;
    return look_up_former(table, key) + get_value(table, WORKSPACE, &workspace, sizeof(workspace))[0] +
           get_principal(table, key) + get_value(table, ACTION, "voice\0use", 9)[0] + get_resource(table, key);
}

static uint64_t look_up_three(struct table *table, uint64_t key) {
    return look_up_short(table, key) + get_principal(table, key) + get_resource(table, key);
}

static uint64_t look_up_two(struct table *table, uint64_t key) {
    return look_up_short(table, key) + get_resource(table, key);
}

static uint64_t look_up_ranged_three(struct table *table, uint64_t key) {
    return look_up_ranged(table, key) + get_principal(table, key) + get_resource(table, key);
}

static uint64_t look_up_ranged_two(struct table *table, uint64_t key) {
    return look_up_ranged(table, key) + get_resource(table, key);
}

/* ---- several at a time ---- */

typedef const uint8_t *find_bucket(const struct table *table, const struct digest *digest);

static const uint8_t *get_linear(const struct table *table, const struct digest *digest) {
    uint64_t number = number_linear_bucket(digest->words[0], table->buckets);
    return get_value(table, LINEAR, &number, sizeof(number));
}

/* Each stage asks for the memory of the next one of all keys, so that their cache misses
 * overlap. */
static uint64_t look_up_flight(struct table *table, const uint64_t *keys, find_bucket *find) {
    struct digest digests[FLIGHT];
    const uint8_t *buckets[FLIGHT], *records[FLIGHT];
    uint64_t sum = 0;
    for (size_t i = 0; i < FLIGHT; i++) {
        digests[i] = make_digest(keys[i]);
        buckets[i] = find(table, &digests[i]);
        __builtin_prefetch(buckets[i]);
    }
    for (size_t i = 0; i < FLIGHT; i++) {
        records[i] = find_in_bucket(buckets[i], fingerprint_of(&digests[i]), NULL);
        for (size_t at = 0; records[i] != NULL && at < RECORD_BYTES; at += LINE_BYTES)
            __builtin_prefetch(records[i] + at);
    }
    for (size_t i = 0; i < FLIGHT; i++) {
        bool found = records[i] != NULL && memcmp(records[i], &digests[i], sizeof(digests[i])) == 0;
        sum += found                ? use_record(records[i], &digests[i])
               : find == get_linear ? look_up_linear(table, keys[i])
                                    : look_up_ranged(table, keys[i]);
    }
    return sum;
}

static uint64_t fly_linear(struct table *table, const uint64_t *keys) {
    return look_up_flight(table, keys, get_linear);
}

static uint64_t fly_ranged(struct table *table, const uint64_t *keys) {
    return look_up_flight(table, keys, get_ranged);
}

/* ---- measuring ---- */

static const struct measured_row {
    const char *name;
    uint64_t (*look_up)(struct table *table, uint64_t key);
    uint64_t (*fly)(struct table *table, const uint64_t *keys);
    size_t against; /* the row that the ratio is to */
} rows[] = {
    {"key: former", look_up_former, NULL, 0},
    {"key: short", look_up_short, NULL, 0},
    {"key: linear", look_up_linear, NULL, 0},
    {"key: ranged", look_up_ranged, NULL, 0},
    {"key: linear, 16 at a time", NULL, fly_linear, 0},
    {"key: ranged, 16 at a time", NULL, fly_ranged, 0},
    {"decision: the five gets of the former layout", look_up_five, NULL, 6},
    {"decision: short key, principal, resource", look_up_three, NULL, 6},
    {"decision: short key with its principal, resource", look_up_two, NULL, 6},
    {"decision: ranged key, principal, resource", look_up_ranged_three, NULL, 6},
    {"decision: ranged key with its principal, resource", look_up_ranged_two, NULL, 6},
};
enum { ROWS = sizeof(rows) / sizeof(*rows) };

static double read_thread_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double measure_row(struct table *table, const struct measured_row *row) {
    static volatile uint64_t sink;
    uint64_t sum = 0;
    double began = read_thread_ns();
    for (size_t i = 0; i < LOOKUPS; i += row->fly != NULL ? FLIGHT : 1)
        sum += row->fly != NULL ? row->fly(table, table->asked + i) : row->look_up(table, table->asked[i]);
    sink = sink + sum;
    return (read_thread_ns() - began) / LOOKUPS;
}

static int compare_times(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure_rows(struct table *table) {
    static double times[ROWS][ROUNDS];
    uint64_t random = 1;
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < LOOKUPS + FLIGHT; i++)
            table->asked[i] = mix_number(random++) % table->keys;
        for (size_t row = 0; row < ROWS; row++)
            times[row][round] = measure_row(table, &rows[row]);
    }
    for (size_t row = 0; row < ROWS; row++)
        qsort(times[row], ROUNDS, sizeof(times[row][0]), compare_times);
    for (size_t row = 0; row < ROWS; row++)
        printf("{\"name\":\"%s\",\"ns\":%.1f,\"ratio\":%.3f}\n", rows[row].name, times[row][ROUNDS / 2],
               times[row][ROUNDS / 2] / times[rows[row].against][ROUNDS / 2]);
}

static void print_table_sizes(struct table *table) {
    MDB_stat stat;
    for (int i = FORMER; i <= RANGED; i++) {
        expect_success("its size", mdb_stat(table->txn, table->at[i], &stat));
        size_t pages = stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
        printf("{\"name\":\"%s\",\"bytes_a_key\":%.1f}\n", databases[i].name,
               (double)(pages * stat.ms_psize) / (double)table->keys);
    }
    printf("{\"name\":\"linear: keys behind a full bucket\",\"ratio\":%.4f}\n",
           (double)table->overfull / (double)table->keys);
}

int main(int argc, char **argv) {
    struct table table = {.keys = 0};
    if (argc != 3)
        fail_layouts("usage: layouts FOLDER KEYS", 0);
    table.keys = strtoull(argv[2], NULL, 10);
    table.asked = calloc(LOOKUPS + FLIGHT, sizeof(*table.asked));
    if (table.keys == 0 || table.asked == NULL)
        fail_layouts("KEYS, or memory", 0);
    expect_success("an environment", mdb_env_create(&table.env));
    expect_success("its databases", mdb_env_set_maxdbs(table.env, LAYOUTS));
    expect_success("its map", mdb_env_set_mapsize(table.env, (size_t)64 << 30));
    expect_success(argv[1], mdb_env_open(table.env, argv[1], MDB_NOSYNC, 0640));
    fill_table(&table);
    expect_success("a transaction", mdb_txn_begin(table.env, NULL, MDB_RDONLY, &table.txn));
    expect_success("a cursor", mdb_cursor_open(table.txn, table.at[RANGED], &table.ranged));
    print_table_sizes(&table);
    measure_rows(&table);
    mdb_cursor_close(table.ranged);
    mdb_txn_abort(table.txn);
    mdb_env_close(table.env);
    free(table.asked);
    return 0;
}
