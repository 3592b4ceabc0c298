/* The kinds of methods of the admin API. */
#ifndef SP_ADMIN_METHOD_TYPE_H
#define SP_ADMIN_METHOD_TYPE_H

enum sp_admin_type {
    SP_ADMIN_READ,        /* sp_admin_answer, on a view; changes nothing */
    SP_ADMIN_USAGE_WRITE, /* sp_admin_answer, on a view; writes the usage store at once and leaves the policy alone */
    SP_ADMIN_MUTATION,    /* sp_admin_mutate, in a write */
    SP_ADMIN_STREAM,      /* sp_admin_authorize_stream; the program does the rest */
};

/* The streams, each of which the program implements itself. */
enum sp_admin_stream {
    SP_ADMIN_NO_STREAM,
    SP_ADMIN_WATCH_CHANGES,
    SP_ADMIN_BACKUP,
    SP_ADMIN_IMPORT,
    SP_ADMIN_STREAMS,
};

#endif
