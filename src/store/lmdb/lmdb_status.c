#include "store/lmdb/lmdb_status.h"

#include <errno.h>
#include <lmdb.h>

enum sp_status sp_lmdb_status(int code) {
    switch (code) {
    case MDB_SUCCESS:
        return SP_OK;
    case MDB_NOTFOUND:
        return SP_ERR_NOT_FOUND;
    case MDB_KEYEXIST:
        return SP_ERR_EXISTS;
    case MDB_MAP_FULL:
    case MDB_READERS_FULL:
    case MDB_TXN_FULL:
    case ENOSPC:
    case EDQUOT:
        return SP_ERR_EXHAUSTED;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
        return SP_ERR_CORRUPT;
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
        return SP_ERR_PRECONDITION;
    case MDB_MAP_RESIZED:
        return SP_ERR_UNAVAILABLE;
    case MDB_BAD_VALSIZE:
        return SP_ERR_INVALID;
    case ENOMEM:
        return SP_ERR_MEMORY;
    case ENOENT:
        return SP_ERR_NOT_FOUND;
    default:
        return code > 0 ? SP_ERR_IO : SP_ERR_INTERNAL;
    }
}

/* What a person can do about it, for the codes for which that is known. */
static const char *find_remedy(int code) {
    switch (code) {
    case MDB_MAP_FULL:
        return "; the store's map is full: raise it with `sallyport-sync grow`, also while both programs run";
    case MDB_READERS_FULL:
        return "; every reader slot is taken: `sallyport-sync` clears those of dead processes every few seconds, or "
               "raise "
               "max_readers";
    case ENOSPC:
    case EDQUOT:
        return "; the volume is full: free space or enlarge it";
    case MDB_PANIC:
        return "; an earlier write to the disk failed: check it, then restart sallyport-sync";
    case EACCES:
        return "; the data file must be readable, and the lock file readable and writable, by this user";
    case EROFS:
        return "; the folder must be mounted read-write even for readers: they register in the lock file";
    case EAGAIN:
        return "; another process has this process's id in another PID namespace: set shareProcessNamespace: true in "
               "the pod";
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
        return "; the data file is damaged: restore a backup";
    case MDB_VERSION_MISMATCH:
        return "; a process with another version of LMDB has the store open: give all of them LMDB 0.9";
    case MDB_MAP_RESIZED:
        return "; another process enlarged the store and a long transaction here keeps the old map in use: try again";
    default:
        return "";
    }
}

#if MDB_VERSION_MAJOR != 0
#error "LMDB 1.0 has another file format: build with the headers and the library of LMDB 0.9"
#endif

enum sp_status sp_lmdb_judge_library(int major, int minor, int patch, struct sp_error *error) {
    if (major == 0 && minor == 9)
        return SP_OK;
    return sp_error_set(error, SP_ERR_PRECONDITION,
                        "the LMDB library is version %d.%d.%d, which has another file format: Sallyport needs LMDB 0.9 "
                        "(liblmdb.so of 0.9.24 or later); install it, or see LD_LIBRARY_PATH",
                        major, minor, patch);
}

enum sp_status sp_lmdb_check_library(struct sp_error *error) {
    int major = 0, minor = 0, patch = 0;
    (void)mdb_version(&major, &minor, &patch);
    return sp_lmdb_judge_library(major, minor, patch, error);
}

enum sp_status sp_walk_status(enum sp_status visited, int code) {
    if (visited == SP_WALK_END)
        return SP_OK;
    if (visited != SP_OK)
        return visited;
    return code == MDB_NOTFOUND ? SP_OK : sp_lmdb_status(code);
}

enum sp_status sp_lmdb_error(struct sp_error *error, int code, const char *doing) {
    if (code == MDB_SUCCESS)
        return SP_OK;
    return sp_error_set(error, sp_lmdb_status(code), "cannot %s: %s%s", doing, mdb_strerror(code), find_remedy(code));
}
