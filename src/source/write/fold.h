/* Folding a staged change, which took effect with the head that names it, into its places below
 * d/. */
#ifndef SP_SOURCE_WRITE_FOLD_H
#define SP_SOURCE_WRITE_FOLD_H

#include "source/shared/state.h"

/* Writes the operations of the staged change that the store's head names to their places, and a
 * head that names none; does nothing if there is no such change, or another instance has done
 * it. Not while this thread has a write open. */
enum sp_status sp_source_fold(const struct sp_source_link *link, struct sp_error *error) SP_MUST_USE;

#endif
