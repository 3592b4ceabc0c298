#include "etcd/token.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fcntl.h>

#include "base/clock.h"
#include "etcd/client_state.h"
#include "etcd/failure.h"
#include "etcd/rpc.pb-c.h"
#include "wire/wire.h"

enum {
    PASSWORD_BYTES = 1024,
    REFUSED_MS = 5000, /* checking a password costs etcd much */
    TOKEN_ARENA_FIRST_BYTES = 4096,
    TOKEN_ARENA_BUDGET_BYTES = 64 * 1024,
};

/* ---- the password file ---- */

static struct sp_etcd_file_stamp stamp_password_file(const struct sp_etcd *etcd) {
    struct stat found;
    if (stat(etcd->password_file, &found) != 0)
        return (struct sp_etcd_file_stamp){.size = 0};
    return (struct sp_etcd_file_stamp){found.st_dev, found.st_ino, found.st_size, found.st_mtim};
}

static bool is_same_file(const struct sp_etcd_file_stamp *a, const struct sp_etcd_file_stamp *b) {
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->modified.tv_sec == b->modified.tv_sec && a->modified.tv_nsec == b->modified.tv_nsec;
}

/* The first line of the password file. */
static enum sp_status read_password(const struct sp_etcd *etcd, char password[static PASSWORD_BYTES],
                                    struct sp_error *error) {
    int fd = open(etcd->password_file, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, password, PASSWORD_BYTES - 1);
    int reason = errno;
    if (fd >= 0)
        close(fd);
    if (size < 0)
        return sp_error_set(error, SP_ERR_UNAVAILABLE, "cannot read the etcd password file %s: %s", etcd->password_file,
                            strerror(reason));
    password[size] = '\0';
    password[strcspn(password, "\r\n")] = '\0';
    return SP_OK;
}

/* ---- asking for a token ---- */

static enum sp_status report_refused_password(const struct sp_etcd *etcd, struct sp_error *error) {
    return sp_error_set(error, SP_ERR_UNAUTHENTICATED, "etcd rejected user %s or the password in %s", etcd->user,
                        etcd->password_file);
}

static enum sp_status set_token(const struct sp_etcd *etcd, struct sp_etcd_server *endpoint, struct sp_str token,
                                struct sp_error *error) {
    return etcd->transport->set_metadata(endpoint->connection, "token", token, error);
}

static enum sp_status request_token(struct sp_etcd *etcd, struct sp_etcd_server *endpoint, char *password,
                                    struct sp_arena *arena, struct sp_error *error) {
    struct sp_bytes packed = {NULL, 0};
    struct sp_bytes reply;
    ProtobufCMessage *message = NULL;
    Etcdserverpb__AuthenticateRequest request = ETCDSERVERPB__AUTHENTICATE_REQUEST__INIT;
    request.name = etcd->user;
    request.password = password;
    enum sp_status status = sp_wire_pack(&request.base, arena, &packed);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    status = etcd->transport->call(endpoint->connection, etcd->timeout_ms, "/etcdserverpb.Auth/Authenticate", packed,
                                   arena, &reply, error);
    if (status != SP_OK)
        return sp_etcd_read_failure(status, error->message);
    status = sp_wire_unpack(&etcdserverpb__authenticate_response__descriptor, reply, arena, &message, error);
    if (status != SP_OK)
        return sp_error_set(error, SP_ERR_UNAVAILABLE, "cannot read etcd's token");
    const Etcdserverpb__AuthenticateResponse *answer = (const Etcdserverpb__AuthenticateResponse *)message;
    return set_token(etcd, endpoint, sp_str_from(answer->token), error);
}

/* SP_ERR_INVALID: etcd refused the password; SP_ERR_UNAUTHENTICATED: etcd 3.4 refused the token
 * that the connection still carries. */
static enum sp_status fetch_token(struct sp_etcd *etcd, struct sp_etcd_server *endpoint, struct sp_error *error) {
    char password[PASSWORD_BYTES];
    struct sp_arena arena;
    enum sp_status status = read_password(etcd, password, error);
    if (status != SP_OK)
        return status;
    status = sp_arena_init(&arena, TOKEN_ARENA_FIRST_BYTES, TOKEN_ARENA_BUDGET_BYTES);
    if (status != SP_OK) {
        status = sp_error_set(error, status, "out of memory");
        goto out;
    }
    status = request_token(etcd, endpoint, password, &arena, error);
    sp_arena_wipe(&arena);
    sp_arena_fini(&arena);
out:
    explicit_bzero(password, sizeof(password));
    return status;
}

/* ---- etcd that authenticates nobody ---- */

static enum sp_status accept_unauthenticated(struct sp_etcd *etcd, struct sp_etcd_server *endpoint,
                                             struct sp_error *error) {
    etcd->unauthenticated = true;
    enum sp_status status = set_token(etcd, endpoint, (struct sp_str){NULL, 0}, error);
    if (status != SP_OK)
        return status;
    endpoint->token = SP_ETCD_NO_TOKEN;
    if (!etcd->allow_unauthenticated)
        return sp_error_set(
            error, SP_ERR_PRECONDITION,
            "etcd (%s): authentication is disabled, although --etcd-user is given: enable authentication "
            "there, or pass --etcd-allow-unauthenticated",
            endpoint->target);
    endpoint->token = SP_ETCD_TOKEN_NEEDLESS;
    return SP_OK;
}

bool sp_etcd_is_unauthenticated(const struct sp_etcd *etcd) {
    return etcd->unauthenticated;
}

/* Only a root user may ask before etcd 3.7; others are refused if it is on. */
static bool says_authentication_is_off(struct sp_etcd *etcd, struct sp_etcd_server *endpoint) {
    struct sp_bytes packed = {NULL, 0};
    struct sp_bytes reply;
    struct sp_arena arena;
    struct sp_error error = {0};
    ProtobufCMessage *message = NULL;
    Etcdserverpb__AuthStatusRequest request = ETCDSERVERPB__AUTH_STATUS_REQUEST__INIT;
    bool is_off = false;
    if (sp_arena_init(&arena, TOKEN_ARENA_FIRST_BYTES, TOKEN_ARENA_BUDGET_BYTES) != SP_OK)
        return false;
    if (sp_wire_pack(&request.base, &arena, &packed) == SP_OK &&
        etcd->transport->call(endpoint->connection, etcd->timeout_ms, "/etcdserverpb.Auth/AuthStatus", packed, &arena,
                              &reply, &error) == SP_OK &&
        sp_wire_unpack(&etcdserverpb__auth_status_response__descriptor, reply, &arena, &message, &error) == SP_OK)
        is_off = ((const Etcdserverpb__AuthStatusResponse *)message)->enabled == 0;
    sp_arena_fini(&arena);
    return is_off;
}

enum sp_status sp_etcd_check_authentication(struct sp_etcd *etcd, struct sp_error *error) {
    struct sp_etcd_server *endpoint = &etcd->endpoints[etcd->current];
    if (etcd->user == NULL || endpoint->token != SP_ETCD_TOKEN || !says_authentication_is_off(etcd, endpoint))
        return SP_OK;
    return accept_unauthenticated(etcd, endpoint, error);
}

/* ---- tokens ---- */

bool sp_etcd_drop_token(struct sp_etcd *etcd) {
    struct sp_etcd_server *endpoint = &etcd->endpoints[etcd->current];
    struct sp_error ignored;
    if (endpoint->token == SP_ETCD_NO_TOKEN)
        return false;
    endpoint->token = SP_ETCD_NO_TOKEN;
    etcd->refused_until_ms = 0; /* etcd may know another password by now */
    return set_token(etcd, endpoint, (struct sp_str){NULL, 0}, &ignored) == SP_OK;
}

/* What Authenticate came to, without a token in its metadata. */
static enum sp_status fetch_first_token(struct sp_etcd *etcd, struct sp_etcd_server *endpoint,
                                        const struct sp_etcd_file_stamp *stamp, struct sp_error *error) {
    enum sp_status status = fetch_token(etcd, endpoint, error);
    if (status == SP_ERR_PRECONDITION)
        return accept_unauthenticated(etcd, endpoint, error);
    if (status == SP_ERR_INVALID || status == SP_ERR_UNAUTHENTICATED) {
        etcd->refused_file = *stamp;
        etcd->refused_until_ms = sp_clock_monotonic_ms() + REFUSED_MS;
        return report_refused_password(etcd, error);
    }
    if (status != SP_OK)
        return status;
    etcd->unauthenticated = false;
    endpoint->token = SP_ETCD_TOKEN;
    endpoint->token_file = *stamp;
    return SP_OK;
}

/* etcd may still know the password from before: what works is kept. */
static enum sp_status replace_token(struct sp_etcd *etcd, struct sp_etcd_server *endpoint,
                                    const struct sp_etcd_file_stamp *stamp, struct sp_error *error) {
    enum sp_status status = fetch_token(etcd, endpoint, error);
    if (status == SP_ERR_UNAUTHENTICATED || status == SP_ERR_PRECONDITION) {
        (void)sp_etcd_drop_token(etcd);
        return fetch_first_token(etcd, endpoint, stamp, error);
    }
    if (status == SP_OK || status == SP_ERR_INVALID)
        endpoint->token_file = *stamp;
    if (status == SP_ERR_INVALID)
        return SP_OK;
    return status;
}

enum sp_status sp_etcd_provide_token(struct sp_etcd *etcd, struct sp_etcd_server *endpoint, struct sp_error *error) {
    if (etcd->user == NULL || endpoint->token == SP_ETCD_TOKEN_NEEDLESS)
        return SP_OK;
    const struct sp_etcd_file_stamp stamp = stamp_password_file(etcd);
    if (endpoint->token == SP_ETCD_TOKEN && (stamp.inode == 0 || is_same_file(&stamp, &endpoint->token_file)))
        return SP_OK;
    if (endpoint->token == SP_ETCD_TOKEN)
        return replace_token(etcd, endpoint, &stamp, error);
    if (sp_clock_monotonic_ms() < etcd->refused_until_ms && is_same_file(&stamp, &etcd->refused_file))
        return report_refused_password(etcd, error);
    return fetch_first_token(etcd, endpoint, &stamp, error);
}
