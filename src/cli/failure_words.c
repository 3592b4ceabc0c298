#include "cli/failure_words.h"

#include <stdio.h>
#include <string.h>

#include "base/mask.h"
#include "cli/option_names.h"

static bool contains_text(const char *text, const char *part) {
    return strstr(text, part) != NULL;
}

/* What gRPC passes on from the system about a Unix socket. */
static const struct socket_fault {
    const char *words, *what;
    bool absent; /* no server is behind it */
} socket_faults[] = {
    {"No such file or directory", "there is no such socket", true},
    {"Connection refused", "nothing listens on this socket", true},
    {"Permission denied", "this user may not use the socket", false},
};

/* NULL: the call did not go to a Unix socket, or failed otherwise. */
static const struct socket_fault *find_socket_fault(const struct cli_call *call, const char *message) {
    if (strncmp(call->asked_target, "unix", 4) != 0)
        return NULL;
    for (size_t i = 0; i < sizeof(socket_faults) / sizeof(*socket_faults); i++)
        if (contains_text(message, socket_faults[i].words))
            return &socket_faults[i];
    return NULL;
}

/* gRPC's words, which change between releases: what they do not name is explained by the probe. */
bool sp_cli_is_unreachable(const struct cli_call *call, const struct sp_error *error) {
    static const char *const words[] = {"failed to connect", "DNS resolution failed", "Socket closed",
                                        "Connection reset", "Broken pipe"};
    if (error->status != SP_ERR_UNAVAILABLE || call->asked == NULL)
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (contains_text(error->message, words[i]))
            return true;
    return find_socket_fault(call, error->message) != NULL;
}

/* The peer speaks TLS, and so do we. */
static bool explain_tls_failure(const struct cli_call *call, const char *message, const char **ret_what,
                                struct cli_failure *failure) {
    const struct sp_rpc_client_tls *tls = &call->tls;
    size_t room = sizeof(failure->cure);
    if (contains_text(message, "certificate verify failed") || contains_text(message, "CERTIFICATE_VERIFY_FAILED")) {
        *ret_what = "none of the CAs signed its certificate, or the certificate has expired";
        (void)snprintf(failure->cure, room,
                       "The CAs are those of %s (--tls-ca, SALLYPORT_TLS_CA, or tls_ca in a "
                       "profile).",
                       tls->ca);
        return true;
    }
    if (contains_text(message, "is not in peer certificate") || contains_text(message, "Hostname Verification")) {
        *ret_what = "its certificate is for a different name";
        (void)snprintf(failure->cure, room, "Give a name that the certificate has with --tls-name.");
        return true;
    }
    if (contains_text(message, "ALPN")) {
        *ret_what = "it speaks TLS, but not gRPC";
        (void)snprintf(failure->cure, room, "%s listens for gRPC on port %s unless told otherwise.",
                       call->asked->program, call->asked->port);
        return true;
    }
    *ret_what = tls->certificate == NULL ? "it ended the connection: it may require a client certificate"
                                         : "it ended the connection: it may not accept the client certificate";
    if (tls->certificate == NULL)
        (void)snprintf(failure->cure, room, "Give one with --tls-cert FILE and --tls-key FILE.");
    else
        (void)snprintf(failure->cure, room, "%s must be signed by one of the server's --tls-client-ca.",
                       tls->certificate);
    return true;
}

/* False: gRPC's own words must do. */
static bool explain_peer(const struct cli_call *call, const char *message, enum cli_peer peer, const char **ret_what,
                         struct cli_failure *failure) {
    bool tls = call->tls.ca != NULL;
    size_t room = sizeof(failure->cure);
    switch (peer) {
    case CLI_PEER_TLS:
        if (tls)
            return explain_tls_failure(call, message, ret_what, failure);
        *ret_what = "it requires TLS";
        (void)snprintf(failure->cure, room, "Give the CA of its certificate with --tls-ca FILE.");
        return true;
    case CLI_PEER_GRPC:
        if (!tls)
            return false;
        *ret_what = "it does not speak TLS";
        (void)snprintf(failure->cure, room,
                       "Leave out --tls-ca, SALLYPORT_TLS_CA or tls_ca of the profile to use plaintext.");
        return true;
    case CLI_PEER_HTTP:
        *ret_what = "it speaks HTTP/1.1, not gRPC";
        (void)snprintf(failure->cure, room, "%s listens for gRPC on port %s unless told otherwise.",
                       call->asked->program, call->asked->port);
        return true;
    case CLI_PEER_UNKNOWN:
    case CLI_PEER_NONE:
        break;
    }
    return false;
}

static void explain_socket(const struct cli_call *call, const struct socket_fault *fault, struct cli_failure *failure) {
    (void)snprintf(failure->what, sizeof(failure->what), "cannot connect to %s: %s", call->asked_target, fault->what);
    if (fault->absent)
        (void)snprintf(failure->cure, sizeof(failure->cure),
                       "Start %s with --listen %s, or name another address with %s or a profile.", call->asked->program,
                       call->asked_target, call->asked->set_by);
    else
        (void)snprintf(failure->cure, sizeof(failure->cure),
                       "It needs write permission on the socket, and search permission on the folders above it.");
}

static void explain_unreachable(const struct cli_call *call, const struct sp_error *error, enum cli_peer peer,
                                struct cli_failure *failure) {
    const char *what = NULL;
    const struct socket_fault *fault = find_socket_fault(call, error->message);
    if (fault != NULL) {
        explain_socket(call, fault, failure);
        return;
    }
    if (contains_text(error->message, "DNS resolution failed")) {
        (void)snprintf(failure->what, sizeof(failure->what), "cannot find the host of %s", call->asked_target);
    } else if (explain_peer(call, error->message, peer, &what, failure)) {
        (void)snprintf(failure->what, sizeof(failure->what), "cannot call %s: %s", call->asked_target, what);
        return;
    } else {
        /* gRPC's message begins with what it tried; the reason comes last. */
        const char *colon = strrchr(error->message, ':');
        what = colon == NULL ? error->message : colon + 1 + strspn(colon + 1, " ");
        (void)snprintf(failure->what, sizeof(failure->what), "cannot connect to %s: %s", call->asked_target, what);
    }
    (void)snprintf(failure->cure, sizeof(failure->cure), "%sTo call another address, use %s or a profile.",
                   peer == CLI_PEER_NONE ? "Nothing listens there. " : "", call->asked->set_by);
}

static void describe_failed_call(const struct cli_call *call, const struct sp_error *error, enum cli_peer peer,
                                 struct cli_failure *ret_failure) {
    if (sp_cli_is_unreachable(call, error)) {
        explain_unreachable(call, error, peer, ret_failure);
        return;
    }
    if (call->command != NULL)
        sp_cli_name_options(call, error->message, ret_failure->what, sizeof(ret_failure->what));
    else
        (void)snprintf(ret_failure->what, sizeof(ret_failure->what), "%s", error->message);
    if (call->asked == NULL)
        return;
    if (error->status == SP_ERR_UNIMPLEMENTED)
        (void)snprintf(ret_failure->cure, sizeof(ret_failure->cure),
                       "Is %s the address of %s? It listens on port %s unless told otherwise (%s).", call->asked_target,
                       call->asked->program, call->asked->port, call->asked->set_by);
    else if (error->status == SP_ERR_DEADLINE)
        (void)snprintf(ret_failure->cure, sizeof(ret_failure->cure),
                       "No answer came from %s within %u s; --timeout waits longer.", call->asked_target,
                       call->timeout_ms / 1000);
}

void sp_cli_explain_failure(const struct cli_call *call, const struct sp_error *error, enum cli_peer peer,
                            struct cli_failure *ret_failure) {
    *ret_failure = (struct cli_failure){0};
    describe_failed_call(call, error, peer, ret_failure);
    /* The address that was asked may be a key that was pasted in its place. */
    sp_mask_text(ret_failure->what);
    sp_mask_text(ret_failure->cure);
}
