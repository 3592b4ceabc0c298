/* Keys that people paste where an id, a file or a command belongs: no program may print, send or
 * log them. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/random.h"
#include "core/key_text.h"
#include "sallyport/v1/admin.pb-c.h"
#include "support/command.h"
#include "support/programs.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const struct command_setting plain;
static struct programs programs;
/* A key of no store, one with a typing error, and one of another system. */
static char complete[SP_KEY_TEXT_BYTES], mistyped[SP_KEY_TEXT_BYTES];
static const char foreign[] = "sk_f00d0123456789abcdef0123456789abcdef0123456789ab";
static char sync_events[128], server_events[128], decisions[128];

static int start(void **state) {
    (void)state;
    uint8_t random[SP_KEY_RANDOM_BYTES];
    assert_int_equal(sp_random_fill(random, sizeof(random)), SP_OK);
    sp_key_text_make(SP_STR_LITERAL("sp_"), random, complete);
    memcpy(mistyped, complete, sizeof(complete));
    mistyped[10] = mistyped[10] == 'a' ? 'b' : 'a';
    sp_rpc_global_init();
    programs_make_store(&programs, NULL);
    snprintf(sync_events, sizeof(sync_events), "%s/sync-events.log", programs.folder);
    snprintf(server_events, sizeof(server_events), "%s/server-events.log", programs.folder);
    snprintf(decisions, sizeof(decisions), "%s/decisions.log", programs.folder);
    setenv("SALLYPORT_SYNC_EVENT_LOG", sync_events, 1);
    setenv("SALLYPORTD_EVENT_LOG", server_events, 1);
    setenv("SALLYPORTD_DECISION_LOG", decisions, 1);
    setenv("SALLYPORT_SYNC_LOG_LEVEL", "debug", 1);
    programs_start_sync(&programs);
    programs_start_server(&programs);
    operator_ok(&programs, "Admin/CreateWorkspace",
                "{'id':'acme','name':'Acme','plan':'PLAN_STANDARD','seats':5,'adminId':'boss'}");
    return 0;
}

static int stop(void **state) {
    (void)state;
    static const char *const set[] = {"SALLYPORT_SYNC_EVENT_LOG", "SALLYPORTD_EVENT_LOG", "SALLYPORTD_DECISION_LOG",
                                      "SALLYPORT_SYNC_LOG_LEVEL", "SALLYPORT_KEY_FILE"};
    for (size_t i = 0; i < COUNT(set); i++)
        unsetenv(set[i]);
    command_forget();
    programs_stop(&programs);
    sp_rpc_global_fini();
    return 0;
}

/* Twelve characters of a key in a row are too many. */
static void assert_hidden(const char *text, const char *key, const char *where) {
    for (size_t i = strcspn(key, "_") + 1; strlen(key + i) >= 12; i++) {
        char part[13] = "";
        memcpy(part, key + i, 12);
        if (strstr(text, part) != NULL)
            fail_msg("%s shows a key: %s", where, text);
    }
}

static void assert_file_hides(const char *path, const char *key) {
    char *text = process_read(path);
    assert_hidden(text, key, path);
    free(text);
}

/* ---- the programs' own messages ---- */

/* The line with the key instead of each KEY, and the store's folder instead of STORE. */
static void put_key(const char *line, const char *key, char *out, size_t room) {
    size_t used = 0;
    while (*line != '\0' && used + 1 < room) {
        bool is_key = strncmp(line, "KEY", 3) == 0, is_store = strncmp(line, "STORE", 5) == 0;
        const char *put = is_key ? key : is_store ? programs.store : line;
        used += (size_t)snprintf(out + used, room - used, "%.*s", is_key || is_store ? (int)strlen(put) : 1, put);
        line += is_key ? 3 : is_store ? 5 : 1;
    }
}

static void no_program_prints_a_key_among_its_arguments(void **state) {
    (void)state;
    static const char *const lines[] = {
        "sallyport KEY",
        "sallyport check KEY",
        "sallyport check --key-file KEY --resource voice --action use",
        "sallyport check --key-file=KEY --resource voice --action use",
        "sallyport check --key-file - --resource voice/KEY --action use --server 127.0.0.1:1",
        "sallyport check --sha256 KEY --resource voice --action use",
        "sallyport key find KEY",
        "sallyport key get KEY",
        "sallyport key get x --KEY",
        "sallyport key KEY",
        "sallyport help KEY",
        "sallyport help key KEY",
        "sallyport key list --admin KEY",
        "sallyport key list --profile KEY",
        "sallyport key list -o KEY",
        "sallyport key list -o=KEY",
        "sallyport key list --limit KEY",
        "sallyport key create --name n --principal p --expires KEY",
        "sallyport share add KEY --role KEY",
        "sallyport schema check KEY",
        "sallyport import KEY",
        "sallyport completion KEY",
        "sallyport backup /nowhere/KEY",
        "sallyport routes list --file KEY",
        "sallyport routes import KEY",
        "sallyport routes import /nowhere/KEY --map KEY",
        "sallyport-sync KEY",
        "sallyport-sync serve KEY",
        "sallyport-sync serve --KEY",
        "sallyport-sync serve --store KEY",
        "sallyport-sync serve --store /nowhere --listen KEY",
        "sallyport-sync operator KEY",
        "sallyport-sync operator revoke KEY --store /nowhere",
        "sallyport-sync operator add KEY --store STORE",
        "sallyport-sync operator revoke KEY --store STORE",
        "sallyport-sync verify --store KEY",
        "sallyport-sync restore KEY --store /nowhere/store",
        "sallyport-sync init --store /nowhere/KEY --operator KEY",
        "sallyportd KEY",
        "sallyportd --KEY",
        "sallyportd --store KEY --workers many",
        "sallyportd --store /nowhere --workers KEY",
        "sallyportd --config KEY",
    };
    const char *const keys[] = {complete, mistyped, foreign};
    unsetenv("SALLYPORT_KEY_FILE");
    for (size_t i = 0; i < COUNT(lines); i++) {
        for (size_t j = 0; j < COUNT(keys); j++) {
            char line[1024];
            put_key(lines[i], keys[j], line, sizeof(line));
            const struct command *ran = command_run(&plain, "%s", line);
            if (ran->status == 0)
                fail_msg("%s: succeeded", lines[i]);
            assert_hidden(ran->out, keys[j], lines[i]);
            assert_hidden(ran->err, keys[j], lines[i]);
        }
    }
}

static void a_key_as_an_argument_is_refused_with_the_way_to_pass_it(void **state) {
    (void)state;
    const struct command *ran = command_run(&plain, "sallyport key get '%s'", complete);
    assert_int_equal(ran->status, 2);
    assert_non_null(strstr(ran->err, "argument 3 is the text of a key, sp_***"));
    assert_non_null(strstr(ran->err, "--key-file FILE"));
    ran = command_run(&plain, "sallyport whoami --admin='\"%s\"'", complete);
    assert_int_equal(ran->status, 2);
    assert_non_null(strstr(ran->err, "argument 2 is the text of a key"));
    setenv("SALLYPORT_KEY_FILE", complete, 1);
    ran = command_run(&plain, "sallyport whoami");
    unsetenv("SALLYPORT_KEY_FILE");
    assert_int_equal(ran->status, 2);
    assert_non_null(strstr(ran->err, "is a key itself; name a file that holds it"));
    assert_hidden(ran->err, complete, "whoami");
}

/* ---- what the services answer ---- */

/* A request with the key in every text field. Repeated messages get one; of a oneof, each in turn
 * would be more, and the last one stands for all. */
static json_t *fill_with(const ProtobufCMessageDescriptor *about, const char *key, unsigned depth) {
    json_t *object = json_object();
    for (unsigned i = 0; i < about->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &about->fields[i];
        json_t *value = NULL;
        if (field->type == PROTOBUF_C_TYPE_STRING)
            value = json_string(key);
        else if (field->type == PROTOBUF_C_TYPE_MESSAGE && depth < 3)
            value = fill_with(field->descriptor, key, depth + 1);
        if (value == NULL)
            continue;
        for (unsigned j = 0; (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 && j < i; j++)
            if (field->quantifier_offset == about->fields[j].quantifier_offset)
                json_object_del(object, about->fields[j].name);
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            json_t *array = json_array();
            assert_int_equal(json_array_append_new(array, value), 0);
            value = array;
        }
        assert_int_equal(json_object_set_new(object, field->name, value), 0);
    }
    return object;
}

/* Calls a method with the key in every text field, and with it in each text field of the top
 * alone. */
static size_t call_with_keys(struct caller *caller, const char *method, const ProtobufCMessageDescriptor *about,
                             const char *key) {
    size_t refused = 0;
    for (unsigned i = 0; i <= about->n_fields; i++) {
        json_t *request = i == about->n_fields ? fill_with(about, key, 0) : json_object();
        if (i < about->n_fields && about->fields[i].type == PROTOBUF_C_TYPE_STRING &&
            about->fields[i].label != PROTOBUF_C_LABEL_REPEATED)
            json_object_set_new(request, about->fields[i].name, json_string(key));
        if (json_object_get(request, "workspace") == NULL || i < about->n_fields)
            json_object_set_new(request, "workspace", json_string("acme"));
        char *text = json_dumps(request, 0);
        if (caller_call(caller, method, text) != SP_OK) {
            assert_hidden(caller->error.message, key, method);
            refused++;
        }
        free(text);
        json_decref(request);
    }
    return refused;
}

/* Nothing was named by it. */
static void assert_lists_hide(const char *key) {
    static const char *const lists[] = {"ListWorkspaces", "ListPrincipals", "ListGroups",   "ListResources",
                                        "ListApiKeys",    "ListOperators",  "ExportPolicy", "ListChanges"};
    for (size_t i = 0; i < COUNT(lists); i++) {
        char method[64];
        snprintf(method, sizeof(method), "Admin/%s", lists[i]);
        bool whole = strcmp(lists[i], "ListWorkspaces") == 0 || strcmp(lists[i], "ListOperators") == 0 ||
                     strcmp(lists[i], "ListChanges") == 0;
        assert_int_equal(caller_call(&programs.operator_caller, method, whole ? "{}" : "{'workspace':'acme'}"), SP_OK);
        char *text = json_dumps(programs.operator_caller.reply, 0);
        assert_hidden(text, key, method);
        free(text);
    }
}

static void no_admin_answer_and_no_log_holds_a_key_that_was_given_as_an_id(void **state) {
    (void)state;
    const ProtobufCServiceDescriptor *service = &sallyport__v1__admin__descriptor;
    const char *const keys[] = {complete, foreign};
    size_t refused = 0;
    for (unsigned i = 0; i < service->n_methods; i++) {
        const char *name = service->methods[i].name;
        char method[64];
        if (strcmp(name, "Import") == 0 || strcmp(name, "WatchChanges") == 0 || strcmp(name, "Backup") == 0)
            continue; /* streams */
        snprintf(method, sizeof(method), "Admin/%s", name);
        for (size_t j = 0; j < COUNT(keys); j++)
            refused += call_with_keys(&programs.operator_caller, method, service->methods[i].input, keys[j]);
    }
    assert_true(refused > 100);
    assert_int_equal(
        caller_callf(&programs.operator_caller, "Admin/GetApiKey", "{'workspace':'acme','id':'%s'}", complete),
        SP_ERR_NOT_FOUND);
    assert_non_null(strstr(programs.operator_caller.error.message, "sp_***"));
    for (size_t j = 0; j < COUNT(keys); j++) {
        assert_file_hides(programs.sync.err, keys[j]);
        assert_file_hides(sync_events, keys[j]);
        assert_lists_hide(keys[j]);
    }
}

static void wait_for_text(const char *path, const char *text) {
    for (int i = 0; i < 1000; i++) {
        char *all = process_read(path);
        bool found = strstr(all, text) != NULL;
        free(all);
        if (found)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    }
    fail_msg("%s never held %s", path, text);
}

static void no_decision_log_holds_a_key_that_was_given_as_a_resource(void **state) {
    (void)state;
    json_t *request = json_pack("{s:s, s:{s:s, s:s}, s:s}", "apiKey", complete, "resource", "type", "voice", "id",
                                complete, "action", "use");
    char *text = json_dumps(request, 0);
    assert_int_equal(caller_call(&programs.checker, "Authorization/Check", text), SP_OK);
    assert_string_equal(caller_text(&programs.checker, "reason"), "KEY_UNKNOWN");
    wait_for_text(decisions, "sp_***");
    assert_file_hides(decisions, complete);
    assert_file_hides(server_events, complete);
    assert_file_hides(programs.server.err, complete);
    free(text);
    json_decref(request);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_program_prints_a_key_among_its_arguments),
        cmocka_unit_test(a_key_as_an_argument_is_refused_with_the_way_to_pass_it),
        cmocka_unit_test(no_admin_answer_and_no_log_holds_a_key_that_was_given_as_an_id),
        cmocka_unit_test(no_decision_log_holds_a_key_that_was_given_as_a_resource),
    };
    int failed = cmocka_run_group_tests(tests, start, stop);
    return failed > 100 ? 100 : failed;
}
