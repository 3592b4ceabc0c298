#include "sync/caller.h"

#include <string.h>

#include "base/clock.h"
#include "core/credential.h"
#include "sync/service.h"

enum { MAX_VALUES = 4 };

/* More values of one header than any client sends cannot be trusted as a credential. */
static void offer_header(struct sp_rpc_call *call, const char *name,
                         void (*offer)(struct sp_credential *credential, struct sp_str value),
                         struct sp_credential *credential) {
    struct sp_str values[MAX_VALUES];
    size_t count = sp_rpc_call_metadata_all(call, name, values, MAX_VALUES);
    for (size_t i = 0; i < count && i < MAX_VALUES; i++)
        offer(credential, values[i]);
    credential->differs |= count > MAX_VALUES;
}

static struct sp_str find_credential(struct sp_rpc_call *call, bool *ret_ambiguous) {
    struct sp_credential credential = {0};
    offer_header(call, "x-api-key", sp_credential_offer_key, &credential);
    offer_header(call, "authorization", sp_credential_offer_authorization, &credential);
    *ret_ambiguous = sp_credential_is_ambiguous(&credential);
    return credential.text;
}

static void copy_cut_text(struct sp_str from, char *to, size_t room, struct sp_str *ret_copy) {
    size_t size = from.size < room ? from.size : room;
    if (size > 0)
        memcpy(to, from.data, size);
    *ret_copy = (struct sp_str){to, size};
}

/* The client behind proxies; false if it cannot be known. */
static bool find_forwarded(const struct sp_forwarded_trust *trust, struct sp_rpc_call *call, const struct sp_ip *peer,
                           struct sp_ip *ret_ip) {
    const char *header = sp_forwarded_header(trust).data; /* terminated */
    size_t count = sp_rpc_call_metadata_all(call, header, NULL, 0);
    struct sp_str *lines = sp_arena_calloc(sp_rpc_call_arena(call), count, sizeof(*lines));
    if (count > 0 && lines == NULL)
        return false;
    (void)sp_rpc_call_metadata_all(call, header, lines, count);
    return sp_forwarded_client(trust, peer, lines, count, ret_ip);
}

static void read_caller_address(const struct sp_forwarded_trust *trust, struct sp_rpc_call *call,
                                struct sp_sync_caller *ret_caller) {
    struct sp_admin_caller *caller = &ret_caller->caller;
    struct sp_ip peer;
    struct sp_str peer_text = sp_rpc_call_peer(call);
    bool peer_known = sp_ip_parse(peer_text, &peer, NULL) == SP_OK;
    bool is_direct = trust->hops == 0 && trust->proxies.count == 0 && trust->header.size == 0;
    if (is_direct) {
        copy_cut_text(peer_text, ret_caller->address, sizeof(ret_caller->address), &caller->address);
        ret_caller->ip = peer;
        caller->ip = peer_known ? &ret_caller->ip : NULL;
        return;
    }
    /* A proxy's address identifies no client: the audit trail shows no address then. */
    if (find_forwarded(trust, call, peer_known ? &peer : NULL, &ret_caller->ip)) {
        sp_ip_format(&ret_caller->ip, ret_caller->address);
        caller->address = sp_str_from(ret_caller->address);
        caller->ip = &ret_caller->ip;
    }
}

void sp_sync_caller_read(const struct sp_forwarded_trust *trust, struct sp_rpc_call *call,
                         struct sp_sync_caller *ret_caller) {
    struct sp_admin_caller *caller = &ret_caller->caller;
    *caller = (struct sp_admin_caller){.now_s = sp_clock_now_s()};
    /* A credential that is cut is longer than any key, and is refused for that. */
    copy_cut_text(find_credential(call, &caller->ambiguous), ret_caller->credential, sizeof(ret_caller->credential),
                  &caller->credential);
    read_caller_address(trust, call, ret_caller);
}

void sp_sync_caller_of(const struct sp_sync *sync, struct sp_rpc_call *call, struct sp_sync_caller *ret_caller) {
    sp_sync_caller_read(&sync->trust, call, ret_caller);
    ret_caller->caller.usage = sync->usage != NULL ? sp_sync_usage_admin(sync->usage) : NULL;
    ret_caller->witness = (struct sp_admin_witness){.who = SP_ADMIN_NOBODY};
    ret_caller->caller.witness = &ret_caller->witness;
}

void sp_sync_caller_wipe(struct sp_sync_caller *caller) {
    explicit_bzero(caller->credential, sizeof(caller->credential));
}
