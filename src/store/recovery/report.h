/* How long work on a store reports what it finds and how far it is. */
#ifndef SP_STORE_RECOVERY_REPORT_H
#define SP_STORE_RECOVERY_REPORT_H

#include <stdint.h>

/* Called now and then during long work; `total` may be 0 where it is not known. May be NULL. */
typedef void sp_progress(void *context, const char *phase, uint64_t done, uint64_t total);

/* One finding, or one line of what was done. May be NULL. */
typedef void sp_verify_report(void *context, const char *finding);

#endif
