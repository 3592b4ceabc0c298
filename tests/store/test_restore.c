#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "store/records/change.h"
#include "store/records/head.h"
#include "store/records/write.h"
#include "store/recovery/restore.h"
#include "support/restore_scene.h"

static void refuses_to_restore(struct scene *scene, struct sp_restore_options options, enum sp_status status,
                               const char *fragment) {
    struct sp_revision before = scene->revision;
    struct stat there;
    assert_int_equal(scene_restore(scene, options), status);
    if (strstr(scene->error.message, fragment) == NULL)
        fail_msg("\"%s\" does not tell of \"%s\"", scene->error.message, fragment);
    assert_int_equal(scene->revision.number, before.number);
    assert_int_equal(stat(scene->target, &there), -1); /* nothing is left of the attempt */
}

/* ---- epochs and the trail ---- */

static enum sp_status count_restores(void *context, const Sallyport__V1__Change *change) {
    unsigned *count = context;
    if (strcmp(change->method, "Restore") == 0) {
        assert_int_equal(change->actor->kind, SALLYPORT__V1__ACTOR_KIND__ACTOR_OFFLINE);
        assert_int_equal(change->time, SCENE_LATER_S);
        (*count)++;
    }
    return SP_OK;
}

static void begins_a_new_epoch_that_the_trail_tells_of(void **state) {
    (void)state;
    struct scene scene;
    struct sp_revision revision;
    unsigned restores = 0;
    scene_begin(&scene);
    scene_back_up(&scene);
    uint64_t backup_number = scene.revision.number;
    assert_int_equal(scene_restore(&scene, (struct sp_restore_options){.accept_revival = true}), SP_OK);
    scene_open(&scene);
    assert_int_equal(sp_view_revision(scene.view, &revision), SP_OK);
    assert_int_equal(revision.epoch, scene.revision.epoch);
    assert_int_equal(revision.number, scene.revision.number);
    assert_int_equal(revision.epoch, SCENE_LATER_S);
    assert_int_equal(revision.number, backup_number + 1);
    assert_int_equal(sp_change_walk(scene.view, 0, &scene.arena, count_restores, &restores), SP_OK);
    assert_int_equal(restores, 1);
    scene_end(&scene);
}

static void revives_only_when_that_is_accepted(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene);
    world_begin(&scene.world);
    scene_put_people(&scene.world);
    scene_put_key(&scene.world, 1, &(struct key_state){.disabled = false});
    world_commit(&scene.world);
    scene_back_up(&scene);
    world_begin(&scene.world);
    scene_put_key(&scene.world, 1, &(struct key_state){.deleted = true});
    world_commit(&scene.world);
    refuses_to_restore(&scene, (struct sp_restore_options){0}, SP_ERR_PRECONDITION, "--accept-revival");
    assert_int_equal(scene_restore(&scene, (struct sp_restore_options){.accept_revival = true}), SP_OK);
    scene_open(&scene);
    scene_told(&scene, "what was revoked after revision 2 is valid again");
    assert_true(scene_has_key(&scene, 1));
    scene_end(&scene);
}

static void takes_the_log_of_a_later_store(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene);
    world_begin(&scene.world);
    scene_put_people(&scene.world);
    scene_put_key(&scene.world, 1, &(struct key_state){.disabled = false});
    world_commit(&scene.world);
    scene_back_up(&scene);
    world_begin(&scene.world);
    scene_put_key(&scene.world, 1, &(struct key_state){.deleted = true});
    world_commit(&scene.world);
    sp_store_close(scene.world.store);
    scene.world.store = NULL;
    if (scene_restore(&scene, (struct sp_restore_options){.later_store = scene.world.path}) != SP_OK)
        fail_msg("%s", scene.error.message);
    scene_open(&scene);
    assert_false(scene_has_key(&scene, 1));
    scene_end(&scene);
}

static void a_later_store_may_have_nothing_new(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene);
    scene_back_up(&scene);
    sp_store_close(scene.world.store);
    scene.world.store = NULL;
    assert_int_equal(scene_restore(&scene, (struct sp_restore_options){.later_store = scene.world.path}), SP_OK);
    scene_end(&scene);
}

/* ---- logs that will not do ---- */

/* A store with keys 1 to 5, each deleted in a change of its own after the backup. */
static void delete_five_keys(struct scene *scene) {
    scene_begin(scene);
    world_begin(&scene->world);
    scene_put_people(&scene->world);
    for (uint64_t i = 1; i <= 5; i++)
        scene_put_key(&scene->world, i, &(struct key_state){.disabled = false});
    world_commit(&scene->world);
    scene_back_up(scene);
    for (uint64_t i = 1; i <= 5; i++) {
        world_begin(&scene->world);
        scene_put_key(&scene->world, i, &(struct key_state){.deleted = true});
        world_commit(&scene->world);
    }
}

/* Copies the lines of the change log, but for one; or with a text replaced in it. */
static void edit_changes(const struct scene *scene, unsigned drop, const char *from, const char *to) {
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    FILE *file = fopen(scene->changes, "re");
    assert_non_null(file);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    (void)fclose(file);
    file = fopen(scene->changes, "we");
    assert_non_null(file);
    unsigned number = 0;
    for (char *rest = text, *line; (line = strtok_r(rest, "\n", &rest)) != NULL;) {
        char *found = from != NULL ? strstr(line, from) : NULL;
        if (++number == drop)
            continue;
        if (found != NULL) {
            assert_int_equal(strlen(from), strlen(to));
            for (size_t i = 0; to[i] != '\0'; i++)
                found[i] = to[i];
        }
        (void)fprintf(file, "%s\n", line);
    }
    (void)fclose(file);
    free(text);
}

static void refuses_a_log_that_begins_too_late(void **state) {
    (void)state;
    struct scene scene;
    delete_five_keys(&scene);
    scene_write_changes(&scene, scene.revision.number + 3);
    refuses_to_restore(&scene, (struct sp_restore_options){.changes_file = scene.changes}, SP_ERR_PRECONDITION,
                       "lacks revisions 3 to 4");
    scene_end(&scene);
}

static void refuses_a_log_with_a_gap(void **state) {
    (void)state;
    struct scene scene;
    delete_five_keys(&scene);
    scene_write_changes(&scene, scene.revision.number + 1);
    edit_changes(&scene, 3, NULL, NULL);
    refuses_to_restore(&scene, (struct sp_restore_options){.changes_file = scene.changes}, SP_ERR_PRECONDITION,
                       "lacks revisions 5 to 5");
    scene_end(&scene);
}

static void refuses_a_log_that_was_altered(void **state) {
    (void)state;
    struct scene scene;
    delete_five_keys(&scene);
    scene_write_changes(&scene, scene.revision.number + 1);
    edit_changes(&scene, 0, "\"k4\"", "\"k9\"");
    refuses_to_restore(&scene, (struct sp_restore_options){.changes_file = scene.changes}, SP_ERR_PRECONDITION,
                       "line 4: the change log does not continue the backup at revision 6");
    scene_end(&scene);
}

static void refuses_a_log_of_another_store(void **state) {
    (void)state;
    struct scene scene, other;
    delete_five_keys(&scene);
    scene_begin(&other);
    for (uint64_t i = 1; i <= 4; i++) {
        world_begin(&other.world);
        world_put_workspace(&other.world, i, false);
        world_commit(&other.world);
    }
    scene_write_changes(&other, 3);
    refuses_to_restore(&scene, (struct sp_restore_options){.changes_file = other.changes}, SP_ERR_PRECONDITION,
                       "does not continue the backup at revision 3");
    scene_write_changes(&other, 2);
    refuses_to_restore(&scene, (struct sp_restore_options){.changes_file = other.changes}, SP_ERR_PRECONDITION,
                       "does not continue the backup at revision 2");
    sp_store_close(other.world.store);
    other.world.store = NULL;
    refuses_to_restore(&scene, (struct sp_restore_options){.later_store = other.world.path}, SP_ERR_PRECONDITION,
                       "does not continue the backup at revision 3");
    scene_end(&other);
    scene_end(&scene);
}

static void takes_a_log_that_begins_before_the_backup(void **state) {
    (void)state;
    struct scene scene;
    delete_five_keys(&scene);
    scene_write_changes(&scene, 1);
    assert_int_equal(scene_restore(&scene, (struct sp_restore_options){.changes_file = scene.changes}), SP_OK);
    scene_open(&scene);
    for (uint64_t i = 1; i <= 5; i++)
        assert_false(scene_has_key(&scene, i));
    scene_end(&scene);
}

static void refuses_a_log_with_nothing_after_the_backup(void **state) {
    (void)state;
    struct scene scene;
    delete_five_keys(&scene);
    scene_write_changes(&scene, 1000);
    refuses_to_restore(&scene, (struct sp_restore_options){.changes_file = scene.changes}, SP_ERR_PRECONDITION,
                       "has no entry after the backup's revision 2");
    scene_end(&scene);
}

static void refuses_a_log_that_is_no_json(void **state) {
    (void)state;
    struct scene scene;
    delete_five_keys(&scene);
    scene_write_changes(&scene, 3);
    edit_changes(&scene, 0, "\"method\"", "\"mothed\"");
    refuses_to_restore(&scene, (struct sp_restore_options){.changes_file = scene.changes}, SP_ERR_INVALID,
                       "line 1: mothed: no such field");
    scene_end(&scene);
}

static void refuses_a_later_store_that_trimmed_its_log(void **state) {
    (void)state;
    struct scene scene;
    struct sp_write *write = NULL;
    size_t removed = 0;
    delete_five_keys(&scene);
    assert_int_equal(sp_write_begin(scene.world.store, &write, &scene.error), SP_OK);
    assert_int_equal(sp_change_trim(write, SCENE_LATER_S, 4, &removed), SP_OK);
    assert_int_equal(removed, 4);
    assert_int_equal(sp_write_commit(write, &scene.error), SP_OK);
    sp_store_close(scene.world.store);
    scene.world.store = NULL;
    refuses_to_restore(&scene, (struct sp_restore_options){.later_store = scene.world.path}, SP_ERR_PRECONDITION,
                       "no longer keeps the changes from revision 3 on");
    scene_end(&scene);
}

static void refuses_two_logs(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene);
    scene_back_up(&scene);
    refuses_to_restore(&scene,
                       (struct sp_restore_options){.changes_file = scene.changes, .later_store = scene.world.path},
                       SP_ERR_INVALID, "not both");
    scene_end(&scene);
}

/* ---- backups and targets that will not do ---- */

static void refuses_a_backup_that_is_cut_short(void **state) {
    (void)state;
    struct scene scene;
    struct stat whole;
    delete_five_keys(&scene);
    assert_int_equal(stat(scene.backup, &whole), 0);
    assert_int_equal(truncate(scene.backup, whole.st_size - 1), 0);
    refuses_to_restore(&scene, (struct sp_restore_options){.accept_revival = true}, SP_ERR_CORRUPT, "is truncated");
    assert_int_equal(truncate(scene.backup, 8192), 0);
    refuses_to_restore(&scene, (struct sp_restore_options){.accept_revival = true}, SP_ERR_CORRUPT, "is truncated");
    scene_end(&scene);
}

static void refuses_a_file_that_is_no_backup(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene);
    FILE *file = fopen(scene.backup, "we");
    assert_non_null(file);
    for (int i = 0; i < 2000; i++)
        (void)fprintf(file, "not a backup\n");
    (void)fclose(file);
    refuses_to_restore(&scene, (struct sp_restore_options){.accept_revival = true}, SP_ERR_CORRUPT, "cannot use ");
    unlink(scene.backup);
    refuses_to_restore(&scene, (struct sp_restore_options){.accept_revival = true}, SP_ERR_IO, "cannot open");
    scene_end(&scene);
}

static void replaces_a_store_only_when_told_to(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene);
    scene_back_up(&scene);
    assert_int_equal(scene_restore(&scene, (struct sp_restore_options){.accept_revival = true}), SP_OK);
    assert_int_equal(scene_restore(&scene, (struct sp_restore_options){.accept_revival = true}), SP_ERR_EXISTS);
    assert_non_null(strstr(scene.error.message, "--replace"));
    assert_int_equal(scene_restore(&scene, (struct sp_restore_options){.accept_revival = true, .replace = true}),
                     SP_OK);
    scene_open(&scene);
    scene_end(&scene);
}

static void restores_to_an_empty_folder(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene);
    scene_back_up(&scene);
    assert_int_equal(mkdir(scene.target, 0700), 0);
    assert_int_equal(scene_restore(&scene, (struct sp_restore_options){.accept_revival = true}), SP_OK);
    scene_open(&scene);
    scene_end(&scene);
}

/* A store may be replaced by its own backup and its own log. */
static void restores_a_store_over_itself(void **state) {
    (void)state;
    struct scene scene;
    delete_five_keys(&scene);
    sp_store_close(scene.world.store);
    scene.world.store = NULL;
    struct sp_restore_options options = {.backup_file = scene.backup,
                                         .store_path = scene.world.path,
                                         .later_store = scene.world.path,
                                         .replace = true,
                                         .now_s = SCENE_LATER_S};
    if (sp_store_restore(&options, NULL, NULL, &scene.revision, &scene.error) != SP_OK)
        fail_msg("%s", scene.error.message);
    assert_int_equal(sp_store_open(scene.world.path, &(struct sp_store_options){.mode = SP_STORE_WRITE},
                                   &scene.world.store, &scene.error),
                     SP_OK);
    world_begin(&scene.world);
    world_put_workspace(&scene.world, 9, false);
    struct sp_revision next = world_commit(&scene.world);
    assert_int_equal(next.epoch, scene.revision.epoch);
    assert_int_equal(next.number, scene.revision.number + 1);
    scene_end(&scene);
}

/* Another process has the target open: told by its lock. */
static void refuses_to_replace_a_store_in_use(void **state) {
    (void)state;
    struct scene scene;
    int opened[2], done[2];
    char byte = 0;
    scene_begin(&scene);
    scene_back_up(&scene);
    assert_int_equal(scene_restore(&scene, (struct sp_restore_options){.accept_revival = true}), SP_OK);
    assert_int_equal(pipe(opened), 0);
    assert_int_equal(pipe(done), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct sp_store *store = NULL;
        close(done[1]);
        bool ok =
            sp_store_open(scene.target, &(struct sp_store_options){.mode = SP_STORE_WRITE}, &store, NULL) == SP_OK;
        if (write(opened[1], ok ? "y" : "n", 1) == 1 && read(done[0], &byte, 1) >= 0)
            sp_store_close(store);
        _exit(0);
    }
    close(done[0]);
    assert_int_equal(read(opened[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    assert_int_equal(scene_restore(&scene, (struct sp_restore_options){.accept_revival = true, .replace = true}),
                     SP_ERR_PRECONDITION);
    assert_non_null(strstr(scene.error.message, "is in use by process"));
    close(done[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(scene_restore(&scene, (struct sp_restore_options){.accept_revival = true, .replace = true}),
                     SP_OK);
    close(opened[0]);
    close(opened[1]);
    scene_end(&scene);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_a_new_epoch_that_the_trail_tells_of),
        cmocka_unit_test(revives_only_when_that_is_accepted),
        cmocka_unit_test(takes_the_log_of_a_later_store),
        cmocka_unit_test(a_later_store_may_have_nothing_new),
        cmocka_unit_test(refuses_a_log_that_begins_too_late),
        cmocka_unit_test(refuses_a_log_with_a_gap),
        cmocka_unit_test(refuses_a_log_that_was_altered),
        cmocka_unit_test(refuses_a_log_of_another_store),
        cmocka_unit_test(takes_a_log_that_begins_before_the_backup),
        cmocka_unit_test(refuses_a_log_with_nothing_after_the_backup),
        cmocka_unit_test(refuses_a_log_that_is_no_json),
        cmocka_unit_test(refuses_a_later_store_that_trimmed_its_log),
        cmocka_unit_test(refuses_two_logs),
        cmocka_unit_test(refuses_a_backup_that_is_cut_short),
        cmocka_unit_test(refuses_a_file_that_is_no_backup),
        cmocka_unit_test(replaces_a_store_only_when_told_to),
        cmocka_unit_test(restores_to_an_empty_folder),
        cmocka_unit_test(restores_a_store_over_itself),
        cmocka_unit_test(refuses_to_replace_a_store_in_use),
    };
    return cmocka_run_group_tests_name("restore", tests, NULL, NULL) > 0 ? 1 : 0;
}
