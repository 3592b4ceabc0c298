/* The tokens that etcd gives for a user's name and password. */
#ifndef SP_ETCD_TOKEN_H
#define SP_ETCD_TOKEN_H

#include <stdbool.h>

#include "base/status.h"

struct sp_etcd;
struct sp_etcd_server;

/* Whether a user was given and etcd, when it was asked last, authenticated nobody: then whoever
 * reaches it may write to it. */
bool sp_etcd_is_unauthenticated(const struct sp_etcd *etcd);

/* With a user, asks the current endpoint whether etcd authenticates at all: 3.5 and later take any
 * token while it is off. SP_ERR_PRECONDITION: it is off, and allow_unauthenticated was not given.
 * Nothing else counts as an error: it is told by the next call. */
enum sp_status sp_etcd_check_authentication(struct sp_etcd *etcd, struct sp_error *error) SP_MUST_USE;

/* ---- inside src/etcd ---- */

/* Sees to it that calls of the endpoint's connection carry a token, if there is a user; asks for
 * another if the password file has changed, and keeps the old one if etcd refuses the new password.
 * SP_ERR_UNAUTHENTICATED: etcd refuses the password, which it is shown again when the file changes
 * or after five seconds; SP_ERR_PRECONDITION: etcd authenticates nobody. */
enum sp_status sp_etcd_provide_token(struct sp_etcd *etcd, struct sp_etcd_server *endpoint,
                                     struct sp_error *error) SP_MUST_USE;

/* The current endpoint refused what it was shown. False: it was shown nothing that could be
 * replaced. */
bool sp_etcd_drop_token(struct sp_etcd *etcd);

#endif
