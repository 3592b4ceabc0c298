/* Who makes a call of the admin API: the key in its metadata, and the address at the other end
 * of the connection or behind the trusted proxies there. */
#ifndef SP_SYNC_CALLER_H
#define SP_SYNC_CALLER_H

#include "admin/admin.h"
#include "core/forwarded.h"
#include "rpc/server.h"

struct sp_sync;

enum {
    SP_SYNC_ADDRESS_BYTES = 64,
    SP_SYNC_CREDENTIAL_BYTES = 513, /* one more than the longest that is read, so that a longer one is refused */
};

/* A copy, which may outlive the call. Holds a key's text: wipe it. Must not move: `caller`
 * points into it. */
struct sp_sync_caller {
    struct sp_admin_caller caller;
    struct sp_ip ip;
    struct sp_admin_witness witness; /* of the last time that the call was admitted */
    char address[SP_SYNC_ADDRESS_BYTES];
    char credential[SP_SYNC_CREDENTIAL_BYTES];
};

/* The address is the client's by the trusted-proxy rule of core/forwarded.h. On the call's
 * thread. */
void sp_sync_caller_read(const struct sp_forwarded_trust *trust, struct sp_rpc_call *call,
                         struct sp_sync_caller *ret_caller);
/* The same with the service's trust; the use of the caller's key is recorded, and what became known
 * of the caller is kept in `witness`. */
void sp_sync_caller_of(const struct sp_sync *sync, struct sp_rpc_call *call, struct sp_sync_caller *ret_caller);
void sp_sync_caller_wipe(struct sp_sync_caller *caller);

#endif
