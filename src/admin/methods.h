/* The table of the methods of the admin API. Constants. */
#ifndef SP_ADMIN_METHODS_H
#define SP_ADMIN_METHODS_H

#include <stddef.h>

#include "admin/method.h"

enum { SP_ADMIN_METHODS = 52 };

/* By the method's name ("CreateApiKey"); NULL for none. */
const struct sp_admin_method *sp_admin_method_find(const char *name);

/* All of them; NULL past the last. */
const struct sp_admin_method *sp_admin_method_at(size_t i);

/* The place of a method in the table, below SP_ADMIN_METHODS: for tables beside it. */
size_t sp_admin_method_place(const struct sp_admin_method *method);

#endif
