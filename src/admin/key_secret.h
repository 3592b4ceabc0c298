/* The texts of new keys, of workspaces and of operators. */
#ifndef SP_ADMIN_KEY_SECRET_H
#define SP_ADMIN_KEY_SECRET_H

#include "core/key_text.h"
#include "store/lmdb/view.h"

/* A random text in the form that the store issues. Wipe it. SP_ERR_CORRUPT if the store has no
 * form; SP_ERR_IO. */
enum sp_status sp_admin_make_secret(struct sp_view *view, char ret_secret[static SP_KEY_TEXT_BYTES]) SP_MUST_USE;

#endif
