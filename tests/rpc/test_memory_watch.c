/* When the process counts as short of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "rpc/memory_watch.h"

enum { REQUEST_MEMORY = 8 * 1024 * 1024, MUCH = 96 * 1024 * 1024 };

static void learn(struct memory_watch *watch, bool quiet, int64_t from_ms) {
    for (int i = 0; i < MEMORY_WATCH_READINGS; i++)
        sp_rpc_memory_watch_rest(watch, quiet, from_ms + i * 1000);
}

static void memory_is_short_when_the_process_outgrows_its_rest_and_the_requests_share(void **state) {
    struct memory_watch watch;
    (void)state;
    sp_rpc_memory_watch_init(&watch, REQUEST_MEMORY);
    if (watch.statm_fd < 0)
        skip(); /* under a sanitizer nothing is known */
    learn(&watch, true, 1000);
    assert_false(sp_rpc_memory_watch_is_short(&watch, 0));
    char *much = malloc(MUCH);
    memset(much, 1, MUCH);
    assert_true(sp_rpc_memory_watch_is_short(&watch, 0));
    assert_false(sp_rpc_memory_watch_is_short(&watch, 10000)); /* each of which is given some */
    learn(&watch, true, 10000);                                /* it is what the process needs */
    assert_false(sp_rpc_memory_watch_is_short(&watch, 0));
    free(much);
    sp_rpc_memory_watch_trim(&watch, 20000);
    sp_rpc_memory_watch_fini(&watch);
}

static void what_is_used_while_strangers_send_is_learned_slowly(void **state) {
    struct memory_watch watch;
    (void)state;
    sp_rpc_memory_watch_init(&watch, REQUEST_MEMORY);
    if (watch.statm_fd < 0)
        skip();
    learn(&watch, true, 1000);
    char *much = malloc(MUCH);
    memset(much, 1, MUCH);
    for (int n = 1; n <= 10; n++)
        learn(&watch, false, n * 10000);
    assert_true(sp_rpc_memory_watch_is_short(&watch, 0));
    for (int n = 11; n <= 2000; n++)
        learn(&watch, false, n * 10000);
    assert_false(sp_rpc_memory_watch_is_short(&watch, 0));
    free(much);
    sp_rpc_memory_watch_fini(&watch);
}

static void arenas_do_not_count(void **state) {
    struct memory_watch watch;
    struct sp_arena arena;
    (void)state;
    sp_rpc_memory_watch_init(&watch, REQUEST_MEMORY);
    learn(&watch, true, 1000);
    assert_int_equal(sp_arena_init(&arena, 1024, MUCH), SP_OK);
    memset(sp_arena_alloc(&arena, MUCH / 2), 1, MUCH / 2);
    assert_false(sp_rpc_memory_watch_is_short(&watch, 0));
    sp_arena_fini(&arena);
    sp_rpc_memory_watch_fini(&watch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_short_when_the_process_outgrows_its_rest_and_the_requests_share),
        cmocka_unit_test(what_is_used_while_strangers_send_is_learned_slowly),
        cmocka_unit_test(arenas_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
