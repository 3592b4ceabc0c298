/* How a store is opened, and the modes of its files. */
#ifndef SP_STORE_LMDB_OPTIONS_H
#define SP_STORE_LMDB_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SP_FOLDER_MODE = 0750,
    SP_DATA_MODE = 0640, /* the server's user reads by the shared group */
    SP_LOCK_MODE = 0660, /* and registers its readers */
};

enum sp_store_mode {
    SP_STORE_READ,  /* cannot write data; needs write access to the lock file */
    SP_STORE_WRITE, /* creates missing databases */
};

struct sp_store_options {
    enum sp_store_mode mode;
    uint64_t map_size_bytes; /* of a writer; 0: keep the store's, or 64 GiB for a new one */
    unsigned max_readers;    /* 0: 512 */
    uint32_t format;         /* only for an upgrade: the earlier format that is expected; 0: this release's */
    bool accept_altered;     /* open it although a meta page was altered (data_file.h) */
    bool no_sync;            /* only for scratch copies and bulk loads: not durable against a crash of the system */
};

#endif
