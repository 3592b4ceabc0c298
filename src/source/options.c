#include "source/options.h"

size_t sp_source_connection_rows(struct sp_source_options *options,
                                 struct sp_option ret_rows[static SP_SOURCE_CONNECTION_ROWS]) {
    ret_rows[0] = (struct sp_option){.name = "etcd-user",
                                     .kind = SP_OPTION_TEXT,
                                     .target = &options->user,
                                     .environment = "SALLYPORT_SYNC_ETCD_USER",
                                     .argument = "NAME",
                                     .help = "etcd user name; requires --etcd-password-file"};
    ret_rows[1] = (struct sp_option){.name = "etcd-password-file",
                                     .kind = SP_OPTION_TEXT,
                                     .target = &options->password_file,
                                     .environment = "SALLYPORT_SYNC_ETCD_PASSWORD_FILE",
                                     .argument = "FILE",
                                     .help = "file whose first line is the etcd password; reloaded when it changes"};
    ret_rows[2] =
        (struct sp_option){.name = "etcd-ca",
                           .kind = SP_OPTION_TEXT,
                           .target = &options->ca_file,
                           .environment = "SALLYPORT_SYNC_ETCD_CA",
                           .argument = "FILE",
                           .help = "PEM of the CA that signed etcd's certificate; enables TLS (default: plaintext)"};
    ret_rows[3] = (struct sp_option){.name = "etcd-cert",
                                     .kind = SP_OPTION_TEXT,
                                     .target = &options->cert_file,
                                     .environment = "SALLYPORT_SYNC_ETCD_CERT",
                                     .argument = "FILE",
                                     .help = "PEM of the client certificate for etcd; requires --etcd-key"};
    ret_rows[4] = (struct sp_option){.name = "etcd-key",
                                     .kind = SP_OPTION_TEXT,
                                     .target = &options->key_file,
                                     .environment = "SALLYPORT_SYNC_ETCD_KEY",
                                     .argument = "FILE",
                                     .help = "PEM of the client certificate's key"};
    ret_rows[5] =
        (struct sp_option){.name = "source-verify-keys",
                           .kind = SP_OPTION_TEXT,
                           .target = &options->verify_keys_file,
                           .environment = "SALLYPORT_SYNC_SOURCE_VERIFY_KEYS",
                           .argument = "FILE",
                           .help = "PEM of Ed25519 public keys: accept only what one of them signed; reloaded when it "
                                   "changes (default: trust everyone who can write to etcd)"};
    ret_rows[6] =
        (struct sp_option){.name = "etcd-allow-unauthenticated",
                           .kind = SP_OPTION_FLAG,
                           .target = &options->allow_unauthenticated,
                           .environment = "SALLYPORT_SYNC_ETCD_ALLOW_UNAUTHENTICATED",
                           .help = "continue although etcd authentication is disabled and --etcd-user is given; "
                                   "anyone who can reach etcd can then write to it"};
    return SP_SOURCE_CONNECTION_ROWS;
}

struct sp_option sp_source_signing_row(struct sp_source_options *options) {
    return (struct sp_option){
        .name = "source-signing-key",
        .kind = SP_OPTION_TEXT,
        .target = &options->signing_key_file,
        .environment = "SALLYPORT_SYNC_SOURCE_SIGNING_KEY",
        .argument = "FILE",
        .help = "PEM of an Ed25519 private key that signs the changes made here; reloaded when it changes"};
}

size_t sp_source_place_rows(struct sp_source_options *options,
                            struct sp_option ret_rows[static SP_SOURCE_OPTION_ROWS]) {
    ret_rows[0] = (struct sp_option){
        .name = "source",
        .kind = SP_OPTION_TEXT,
        .target = &options->url,
        .environment = "SALLYPORT_SYNC_SOURCE",
        .argument = "URL",
        .help = "follow etcd://HOST:PORT,HOST:PORT/PREFIX/ as the source of truth (default: the store itself)"};
    return 1 + sp_source_connection_rows(options, ret_rows + 1);
}

size_t sp_source_option_rows(struct sp_source_options *options,
                             struct sp_option ret_rows[static SP_SOURCE_OPTION_ROWS]) {
    size_t count = sp_source_place_rows(options, ret_rows);
    ret_rows[count++] = sp_source_signing_row(options);
    ret_rows[count++] = (struct sp_option){
        .name = "accept-source-rollback",
        .kind = SP_OPTION_FLAG,
        .target = &options->accept_rollback,
        .environment = "SALLYPORT_SYNC_ACCEPT_SOURCE_ROLLBACK",
        .help =
            "after restoring etcd from a backup: accept a signed state older than the store's, and begin a new epoch"};
    ret_rows[count++] = (struct sp_option){.name = "follow-only",
                                           .kind = SP_OPTION_FLAG,
                                           .target = &options->follow_only,
                                           .environment = "SALLYPORT_SYNC_FOLLOW_ONLY",
                                           .help = "accept no changes here; read-only etcd credentials suffice"};
    ret_rows[count++] = (struct sp_option){.name = "compare-every",
                                           .kind = SP_OPTION_NUMBER,
                                           .target = &options->compare_every_s,
                                           .environment = "SALLYPORT_SYNC_COMPARE_EVERY",
                                           .default_text = "3600",
                                           .argument = "SECONDS",
                                           .most = UINT64_C(31) * 24 * 3600,
                                           .help = "seconds between full comparisons of the store with etcd; 0: never"};
    return count;
}
