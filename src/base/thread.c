#include "base/thread.h"

#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 128 };

enum sp_status sp_thread_start(pthread_t *ret_thread, void *(*run)(void *context), void *context,
                               struct sp_error *error, const char *format, ...) {
    char name[NAME_BYTES];
    va_list arguments;
    int failed = pthread_create(ret_thread, NULL, run, context);
    if (failed == 0)
        return SP_OK;
    va_start(arguments, format);
    (void)vsnprintf(name, sizeof(name), format, arguments);
    va_end(arguments);
    return sp_error_set(error, SP_ERR_IO, "cannot start %s: %s", name, strerror(failed));
}
