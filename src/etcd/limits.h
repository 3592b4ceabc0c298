/* The bounds of what is asked of etcd. */
#ifndef SP_ETCD_LIMITS_H
#define SP_ETCD_LIMITS_H

enum {
    SP_ETCD_MAX_ENDPOINTS = 16,
    SP_ETCD_MAX_OPERATIONS = 128,          /* in one transaction: etcd's default */
    SP_ETCD_MAX_REQUEST_BYTES = 3 << 19,   /* 1.5 MiB, likewise */
    SP_ETCD_MAX_RECEIVE_BYTES = 256 << 20, /* in one answer; a page is bounded only by its count */
};

#endif
