/* The tokens that etcd gives for a user's name and password. */
#ifndef SP_ETCD_TOKEN_H
#define SP_ETCD_TOKEN_H

#include "etcd/internal.h"

/* Sees to it that calls of the endpoint's connection carry a token, if there is a user; asks for
 * another if the password file has changed, and keeps the old one if etcd refuses the new password.
 * SP_ERR_UNAUTHENTICATED: etcd refuses the password, which it is shown again when the file changes or
 * after five seconds; SP_ERR_PRECONDITION: etcd authenticates nobody. */
enum sp_status sp_etcd_provide_token(struct sp_etcd *etcd, struct sp_etcd_server *endpoint,
                                     struct sp_error *error) SP_MUST_USE;

/* The current endpoint refused what it was shown. False: it was shown nothing that could be
 * replaced. */
bool sp_etcd_drop_token(struct sp_etcd *etcd);

#endif
