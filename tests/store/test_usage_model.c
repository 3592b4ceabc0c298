/* Servers that report, crash, lose messages, come back, and are retired, against a model that saw
 * every use: no key may be called safe to delete that somebody used within the window, and where
 * nothing is in doubt the unused ones are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/usage/reports.h"
#include "store/usage/usage.h"
#include "support/process.h"
#include "support/store_world.h"

enum {
    BEGIN = 1700000000,
    STEPS = 6000,
    SERVERS = 4,
    KEYS = 12,
    ROOM = 2, /* keys that a server can hold until it reports, in every other round; in the others all */
    ROUNDS = 8,
    GRACE = 20,
    QUEUE = 8,
    USES = 4000,
};

struct message {
    struct sp_usage_report report;
    char id[16];
    int64_t used_s[KEYS]; /* 0: not in it */
};

struct server {
    char id[16];
    bool alive;
    bool partitioned; /* its messages do not arrive */
    uint64_t instance, sequence;
    int64_t used_s[KEYS]; /* collected, not yet in a message */
    int64_t lost_until_s;
    struct message queue[QUEUE]; /* that are not answered; the first is sent until it is */
    size_t queued;
};

struct model {
    uint64_t rng;
    int64_t now_s;
    int64_t began_s;
    uint64_t next_instance;
    size_t room;
    struct server servers[SERVERS];
    /* Every use, but those that an operator gave up by retiring who saw them. */
    struct {
        size_t key, server;
        uint64_t instance;
        int64_t at_s;
        bool told; /* answered by the store */
        bool given_up;
    } uses[USES];
    size_t use_count;
    size_t safe, unsafe, unknown; /* how often it was said */
};

static size_t dice(struct model *model, size_t sides) {
    return (size_t)(world_random(&model->rng) % sides);
}

static const char *key_name(size_t key) {
    static char names[KEYS][8];
    snprintf(names[key], sizeof(names[key]), "k%zu", key);
    return names[key];
}

/* ---- a server ---- */

static void start_server(struct model *model, struct server *server) {
    server->alive = true;
    server->partitioned = false;
    server->instance = ++model->next_instance;
    server->sequence = 0;
    server->lost_until_s = 0;
    server->queued = 0;
    memset(server->used_s, 0, sizeof(server->used_s));
}

static size_t held(const struct server *server) {
    size_t count = 0;
    for (size_t key = 0; key < KEYS; key++)
        count += server->used_s[key] != 0;
    return count;
}

static void use_key(struct model *model, size_t number, size_t key) {
    struct server *server = &model->servers[number];
    if (!server->alive || model->use_count == USES)
        return;
    model->uses[model->use_count].key = key;
    model->uses[model->use_count].server = number;
    model->uses[model->use_count].instance = server->instance;
    model->uses[model->use_count++].at_s = model->now_s;
    if (server->used_s[key] == 0 && held(server) == model->room)
        server->lost_until_s = model->now_s + 1;
    else
        server->used_s[key] = model->now_s;
}

/* Everything before now goes into a message. */
static void write_report(struct model *model, struct server *server, bool goodbye) {
    if (server->queued == QUEUE)
        return;
    struct message *message = &server->queue[server->queued++];
    memcpy(message->id, server->id, sizeof(message->id));
    memcpy(message->used_s, server->used_s, sizeof(message->used_s));
    memset(server->used_s, 0, sizeof(server->used_s));
    message->report = (struct sp_usage_report){
        .id = sp_str_from(message->id),
        .instance = server->instance,
        .sequence = ++server->sequence,
        .until_s = model->now_s,
        .lost_until_s = server->lost_until_s,
        .goodbye = goodbye,
    };
}

static void deliver(struct model *model, struct sp_usage_store *store, const struct message *message) {
    struct sp_usage_batch *batch = NULL;
    struct sp_error error = {0};
    bool again = false;
    struct sp_usage_report report = message->report;
    report.id = sp_str_from(message->id);
    assert_int_equal(sp_usage_batch_begin(store, &batch, &error), SP_OK);
    assert_int_equal(sp_usage_batch_report(batch, &report, model->now_s, &again), SP_OK);
    for (size_t key = 0; key < KEYS && !again; key++) {
        struct sp_key_use use = {.accepted = {.at_s = message->used_s[key]}};
        if (use.accepted.at_s != 0)
            assert_int_equal(sp_usage_batch_merge(batch, SP_STR_LITERAL("acme"), sp_str_from(key_name(key)), &use),
                             SP_OK);
    }
    if (dice(model, 10) == 0) {
        /* The disk says no: nobody is answered. */
        sp_usage_batch_abort(batch);
        return;
    }
    assert_int_equal(sp_usage_batch_commit(batch, &error), SP_OK);
}

/* Sends the first message, perhaps twice; its answer may be lost, and then it stays. */
static void send_first(struct model *model, struct server *server, struct sp_usage_store *store) {
    if (server->queued == 0 || server->partitioned)
        return;
    deliver(model, store, &server->queue[0]);
    if (dice(model, 4) == 0)
        return;
    deliver(model, store, &server->queue[0]);
    struct sp_usage_view *view = NULL;
    assert_int_equal(sp_usage_view_begin(store, &view), SP_OK);
    sp_usage_view_end(view);
    /* Only an answer takes it off, and an answer comes only after a commit: send until it is known
     * there. */
    struct sp_usage_batch *batch = NULL;
    struct sp_error error = {0};
    bool again = false;
    struct sp_usage_report report = server->queue[0].report;
    report.id = sp_str_from(server->queue[0].id);
    assert_int_equal(sp_usage_batch_begin(store, &batch, &error), SP_OK);
    assert_int_equal(sp_usage_batch_report(batch, &report, model->now_s, &again), SP_OK);
    sp_usage_batch_abort(batch);
    if (!again)
        return;
    server->queued--;
    memmove(server->queue, server->queue + 1, server->queued * sizeof(*server->queue));
}

static void stop_well(struct model *model, struct server *server, struct sp_usage_store *store) {
    if (server->partitioned || server->queued + 1 >= QUEUE)
        return;
    model->now_s++;
    write_report(model, server, true);
    for (int tries = 0; tries < 500 && server->queued > 0; tries++)
        send_first(model, server, store);
    assert_int_equal(server->queued, 0);
    server->alive = false;
}

/* The operator gives up what all dead processes under the name saw; only where the name is dead. */
static void retire(struct model *model, size_t number, struct sp_usage_store *store) {
    struct sp_usage_batch *batch = NULL;
    struct sp_error error = {0};
    size_t count = 0;
    if (model->servers[number].alive)
        return;
    assert_int_equal(sp_usage_batch_begin(store, &batch, &error), SP_OK);
    assert_int_equal(sp_usage_batch_retire(batch, sp_str_from(model->servers[number].id), model->now_s + 1, &count),
                     SP_OK);
    assert_int_equal(sp_usage_batch_commit(batch, &error), SP_OK);
    for (size_t i = 0; i < model->use_count; i++)
        model->uses[i].given_up |= model->uses[i].server == number;
}

/* ---- the promise ---- */

static enum sp_status add_source(void *context, const struct sp_usage_source *source) {
    sp_usage_coverage_add(context, source);
    return SP_OK;
}

/* The last use in the model before a time that nobody gave up; 0: never. */
static int64_t truly_used(const struct model *model, size_t key, int64_t before_s) {
    int64_t last_s = 0;
    for (size_t i = 0; i < model->use_count; i++)
        if (model->uses[i].key == key && !model->uses[i].given_up && model->uses[i].at_s < before_s &&
            model->uses[i].at_s > last_s)
            last_s = model->uses[i].at_s;
    return last_s;
}

static void check_key(struct model *model, struct sp_usage_view *view, const struct sp_usage_coverage *coverage,
                      size_t key, int64_t window_s) {
    struct sp_key_use use;
    enum sp_key_safety_why why;
    assert_int_equal(sp_usage_view_key(view, SP_STR_LITERAL("acme"), sp_str_from(key_name(key)), &use), SP_OK);
    const struct sp_usage_question question = {
        .now_s = model->now_s,
        .window_s = window_s,
        .grace_s = GRACE,
        .kept_since_s = model->began_s,
        .up_since_s = model->began_s,
        .key_created_s = model->began_s,
        .last_used_s = use.accepted.at_s,
    };
    enum sp_key_safety safety = sp_usage_judge(&question, coverage, &why);
    model->safe += safety == SP_KEY_SAFE;
    model->unsafe += safety == SP_KEY_IN_USE;
    model->unknown += safety == SP_KEY_UNKNOWN;
    if (safety == SP_KEY_SAFE) {
        int64_t last_s = truly_used(model, key, coverage->until_s);
        if (last_s >= coverage->until_s - window_s)
            fail_msg("%s was used at %lld, and called unused for %lld s before %lld (now %lld)", key_name(key),
                     (long long)(last_s - BEGIN), (long long)window_s, (long long)(coverage->until_s - BEGIN),
                     (long long)(model->now_s - BEGIN));
        /* And what is not known is not long ago. */
        assert_true(coverage->until_s >= model->now_s - GRACE);
    }
}

static void check_all(struct model *model, struct sp_usage_store *store) {
    struct sp_usage_view *view = NULL;
    struct sp_usage_coverage coverage;
    int64_t window_s = 1 + (int64_t)dice(model, 300);
    sp_usage_coverage_begin(&coverage);
    assert_int_equal(sp_usage_view_begin(store, &view), SP_OK);
    assert_int_equal(sp_usage_view_sources(view, NULL, add_source, &coverage), SP_OK);
    for (size_t key = 0; key < KEYS; key++)
        check_key(model, view, &coverage, key, window_s);
    sp_usage_view_end(view);
}

/* A server that nobody has heard of yet cannot be waited for: its first report is made at its
 * start. */
static void restart(struct model *model, size_t number, struct sp_usage_store *store) {
    struct server *server = &model->servers[number];
    start_server(model, server);
    write_report(model, server, false);
    for (int tries = 0; tries < 500 && server->queued > 0; tries++)
        send_first(model, server, store);
    assert_int_equal(server->queued, 0);
}

static void live(struct model *model, struct sp_usage_store *store) {
    size_t number = dice(model, SERVERS);
    struct server *server = &model->servers[number];
    size_t event = dice(model, 1000);
    /* Some keys are used all the time, some seldom. */
    if (event < 300)
        use_key(model, number, dice(model, dice(model, 20) == 0 ? KEYS : 3));
    else if (event < 500)
        model->now_s += (int64_t)dice(model, 3);
    else if (event < 700 && server->alive)
        write_report(model, server, false);
    else if (event < 970)
        send_first(model, server, store);
    else if (event < 973)
        server->alive = false; /* killed */
    else if (event < 980 && !server->alive)
        restart(model, number, store);
    else if (event < 983 && server->alive)
        stop_well(model, server, store);
    else if (event < 988)
        server->partitioned = !server->partitioned;
    else if (event < 992)
        retire(model, number, store);
    else
        check_all(model, store);
}

static void never_calls_a_used_key_unused(void **state) {
    (void)state;
    static struct model model;
    struct sp_usage_store *store = NULL;
    struct sp_error error = {0};
    char folder[64];
    model.rng = world_seed("never_calls_a_used_key_unused");
    for (int round = 0; round < ROUNDS; round++) {
        model = (struct model){.rng = model.rng,
                               .now_s = BEGIN,
                               .began_s = BEGIN,
                               .room = round % 2 == 0 ? ROOM : KEYS,
                               .safe = model.safe,
                               .unsafe = model.unsafe,
                               .unknown = model.unknown};
        folder_make(folder);
        assert_int_equal(sp_usage_store_open(folder, BEGIN, &store, &error), SP_OK);
        for (size_t i = 0; i < SERVERS; i++) {
            snprintf(model.servers[i].id, sizeof(model.servers[i].id), "server-%zu", i);
            restart(&model, i, store);
        }
        for (int step = 0; step < STEPS; step++)
            live(&model, store);
        sp_usage_store_close(store);
        folder_remove(folder);
    }
    printf("safe %zu, in use %zu, unknown %zu\n", model.safe, model.unsafe, model.unknown);
    assert_true(model.safe > 0 && model.unsafe > 0 && model.unknown > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_calls_a_used_key_unused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
