/* Policy in files: sallyport apply and sallyport export against the real programs. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/command.h"
#include "support/programs.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const char schema[] = "version: 1\n"
                             "permissions:\n"
                             "  notes_read: Read\n"
                             "types:\n"
                             "  note:\n"
                             "    ids: workspace\n"
                             "    actions:\n"
                             "      use: {permission: notes_read, role: viewer}\n"
                             "  vault:\n"
                             "    actions:\n"
                             "      use: {permission: notes_read, role: viewer}\n";

static const struct command_setting plain;
static struct programs programs;
static unsigned random_state;

static unsigned draw(unsigned below) {
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % below;
}

static const char *path_of(const char *name) {
    static char paths[8][256];
    static size_t next;
    char *path = paths[next++ % COUNT(paths)];
    snprintf(path, sizeof(paths[0]), "%s/%s", programs.folder, name);
    return path;
}

static void write_file(const char *name, const char *text) {
    FILE *file = fopen(path_of(name), "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fchmod(fileno(file), 0600), 0);
    assert_int_equal(fclose(file), 0);
}

/* Runs sallyport with the key of the workspace that `use_workspace` made. */
static const struct command *ends(int status, const char *format, ...) SP_PRINTF(2, 3);
static const struct command *ends(int status, const char *format, ...) {
    char line[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    const struct command *ran = command_run(&plain, "sallyport %s", line);
    if (ran->status != status)
        fail_msg("%s: ended with %d: %s%s", line, ran->status, ran->out, ran->err);
    return ran;
}

/* A new workspace with the ADMIN user "ID-admin", whose key acts from now on. */
static void use_workspace(const char *id) {
    char key[PROGRAMS_KEY_BYTES];
    programs_workspace(&programs, id, key);
    write_file("admin.key", key);
    setenv("SALLYPORT_KEY_FILE", path_of("admin.key"), 1);
}

static char *export_text(void) {
    char *text = strdup(ends(0, "export")->out);
    assert_non_null(text);
    return text;
}

static int set_up(void **state) {
    (void)state;
    const char *given = getenv("SP_TEST_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    print_message("SP_TEST_SEED=%u\n", seed);
    random_state = seed;
    /* The writer's time counts, of which sanitizers take many times as much. */
    setenv("SALLYPORT_SYNC_CHANGE_RATE", "0", 1);
    programs_start_with(&programs, schema);
    setenv("SALLYPORT_ADMIN", programs.sync_target, 1);
    setenv("SALLYPORT_SERVER", programs.server_target, 1);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    command_forget();
    programs_stop(&programs);
    return 0;
}

/* ---- what people see ---- */

static const char small[] = "users:\n"
                            "  w1-admin: {name: Boss, role: admin}\n"
                            "  ann: {name: Ann}\n"
                            "service_accounts: {builder: {name: Builder}}\n"
                            "groups: {studio: {name: Studio, members: [ann, builder]}}\n"
                            "resources: {note/n1: {creator: ann}}\n"
                            "shares: {note/n1: {groups: {studio: viewer}, principals: {ann: admin}}}\n";

static void shows_makes_and_repeats_a_difference(void **state) {
    (void)state;
    use_workspace("w1");
    write_file("small.yaml", small);
    const struct command *ran = ends(0, "apply -f %s --dry-run", path_of("small.yaml"));
    assert_says(ran->out, "Users\n  ~ w1-admin  name: admin → Boss\n  + ann  name: Ann\n");
    assert_says(ran->out, "Shares\n  + note/n1: group studio  role: viewer\n  + note/n1: ann  role: admin\n");
    assert_says(ran->err, "Dry run: nothing was changed.");
    assert_null(strstr(ends(0, "export")->out, "ann"));

    ran = ends(0, "apply -f %s", path_of("small.yaml"));
    assert_says(ran->err, "Applied at revision ");
    ran = ends(0, "apply %s", path_of("small.yaml"));
    assert_string_equal(ran->out, "");
    assert_says(ran->err, "Nothing to change at revision ");
    ran = ends(0, "apply -f %s -o json", path_of("small.yaml"));
    assert_says(ran->out, "\"changes\": []");
}

static void asks_before_it_removes(void **state) {
    static const char fewer[] = "users: {w1-admin: {name: Boss, role: admin}}\nshares: {}\n";
    const struct command_setting yes = {.terminal = true, .input = "y\n"}, no = {.terminal = true, .input = "n\n"};
    (void)state;
    write_file("fewer.yaml", fewer);
    assert_says(ends(2, "apply -f %s", path_of("fewer.yaml"))->err, "remove with --prune, or keep with --keep");
    assert_says(ends(0, "apply -f %s --keep", path_of("fewer.yaml"))->err, "Nothing to change");
    assert_says(ends(2, "apply -f %s --prune", path_of("fewer.yaml"))->err, "confirm with --yes");
    const struct command *ran = command_run(&no, "sallyport apply -f %s --prune", path_of("fewer.yaml"));
    assert_int_equal(ran->status, 2);
    assert_says(ran->out, "Remove 2 entries? [y/N]");
    assert_says(ends(0, "export")->out, "ann");
    ran = command_run(&yes, "sallyport apply -f %s --prune", path_of("fewer.yaml"));
    assert_int_equal(ran->status, 0);
    assert_says(ran->out, "\033[31m  - note/n1: group studio\033[0m\r\n0 to add");
    assert_null(strstr(ends(0, "export")->out, "ann:"));
    assert_says(ends(0, "export")->out, "builder"); /* of a kind that the files do not mention */
}

static void nobody_removes_whose_key_it_is(void **state) {
    (void)state;
    write_file("others.yaml", "users: {other: {role: admin}}\n");
    assert_says(ends(2, "apply -f %s --prune --yes", path_of("others.yaml"))->err,
                "the files do not list w1-admin, whose key you use");
}

static void refusals_say_where_in_the_files(void **state) {
    (void)state;
    write_file("wrong.yaml", "users:\n  ann: {role: boss}\n  ben: {nam: Ben}\n");
    const struct command *ran = ends(2, "apply -f %s", path_of("wrong.yaml"));
    assert_says(ran->err, "wrong.yaml:2:15: must be member or admin\n");
    assert_says(ran->err, "wrong.yaml:3:9: unknown key");
    assert_says(ran->err, "2 errors in the files; nothing was changed");

    char *before = export_text();
    write_file("vault.yaml", "groups:\n  team: {}\nresources:\n  vault/v1: {}\n");
    ran = ends(2, "apply -f %s --keep", path_of("vault.yaml"));
    assert_says(ran->err, "vault.yaml:4:3: registering a vault requires an operator's key");
    write_file("other.yaml", "workspace: elsewhere\nusers: {}\n");
    assert_says(ends(2, "apply -f %s --keep", path_of("other.yaml"))->err, "elsewhere");
    assert_says(ends(2, "apply -f %s --keep --workspace w1", path_of("other.yaml"))->err,
                "the files are for workspace elsewhere, not for w1");
    assert_says(ends(2, "apply -f %s", path_of("nothing.yaml"))->err, "No such file");
    assert_says(ends(2, "apply")->err, "give FILE");
    char *after = export_text();
    assert_string_equal(after, before);
    free(before);
    free(after);
}

static void folders_are_read_without_what_is_no_policy(void **state) {
    (void)state;
    use_workspace("w2");
    assert_int_equal(mkdir(path_of("tree"), 0700), 0);
    assert_int_equal(mkdir(path_of("tree/inner"), 0700), 0);
    write_file("tree/schema.yaml", schema);
    assert_says(ends(2, "apply -f %s", path_of("tree"))->err, "tree contains no policy files");
    write_file("tree/voice_tests.yaml", "tests: []\n");
    write_file("tree/notes.txt", "not this\n");
    write_file("tree/.hidden.yaml", "nor: this\n");
    write_file("tree/a.yaml", "groups: {a: {}}\n");
    write_file("tree/inner/b.yml", "groups: {b: {}}\n");
    const struct command *ran = ends(0, "apply -f %s", path_of("tree"));
    assert_says(ran->out, "Groups\n  + a  name: a\n  + b  name: b\n2 to add");
    ends(0, "export --dir %s", path_of("out"));
    assert_says(ends(0, "apply -f %s --prune", path_of("out"))->err, "Nothing to change");
    ends(0, "export --dir %s", path_of("out"));
}

static void an_export_writes_through_no_link_and_keeps_modes(void **state) {
    struct stat about;
    (void)state;
    use_workspace("linked");
    write_file("victim", "of somebody else\n");
    ends(0, "export --dir %s", path_of("links"));
    assert_int_equal(chmod(path_of("links/users.yaml"), 0600), 0);
    char *victim = strdup(path_of("victim"));
    assert_int_equal(symlink(victim, path_of("links/users.yaml.new")), 0);
    ends(0, "export --dir %s", path_of("links"));
    char *text = process_read(victim);
    assert_string_equal(text, "of somebody else\n");
    free(text);
    free(victim);
    assert_int_equal(stat(path_of("links/users.yaml"), &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_not_equal(lstat(path_of("links/users.yaml.new"), &about), 0);
}

static void files_are_updated_with_their_comments(void **state) {
    (void)state;
    use_workspace("updated");
    assert_int_equal(mkdir(path_of("kept"), 0700), 0);
    write_file("kept/people.yaml",
               "# who is who\nusers:\n  updated-admin: {name: Admin, role: admin} # root\n  ann: {}\n");
    write_file("kept/rest.yaml", "service_accounts: {}\ngroups:\n  # all of us\n  all: {members: [ann]}\n");
    ends(0, "apply -f %s", path_of("kept"));
    ends(0, "user update ann --name Anna");
    ends(0, "user create --id ben --name Ben");
    ends(0, "group add all ben");
    const struct command *ran = ends(0, "export --update %s", path_of("kept"));
    assert_says(ran->err, "people.yaml\n");
    assert_says(ran->err, "rest.yaml\n");
    char *text = process_read(path_of("kept/people.yaml"));
    assert_string_equal(
        text, "# who is who\nusers:\n  ann:\n    name: Anna\n  ben:\n    name: Ben\n  updated-admin: # root\n    "
              "name: Admin\n    role: admin\n");
    free(text);
    text = process_read(path_of("kept/rest.yaml"));
    assert_string_equal(
        text, "service_accounts: {}\ngroups:\n  # all of us\n  all:\n    name: all\n    members:\n      - ann\n "
              "     - ben\n");
    free(text);
    assert_says(ends(0, "apply -f %s --prune", path_of("kept"))->err, "Nothing to change");
    assert_null(strstr(ends(0, "export --update %s", path_of("kept"))->err, "Wrote"));
    ends(0, "export --update %s", path_of("fresh"));
    assert_says(ends(0, "apply -f %s --prune", path_of("fresh"))->err, "Nothing to change");
    write_file("kept/rest.yaml", "groups: []\n");
    assert_says(ends(2, "export --update %s", path_of("kept"))->err, "rest.yaml:1:9: ");
    write_file("kept/rest.yaml", "workspace: other\ngroups: {}\n");
    assert_says(ends(2, "export --update %s", path_of("kept"))->err, "workspace other not found");
    assert_says(ends(2, "export --update %s --workspace updated", path_of("kept"))->err,
                "the files are for workspace other, not for updated");
    text = process_read(path_of("kept/rest.yaml"));
    assert_string_equal(text, "workspace: other\ngroups: {}\n");
    free(text);
    assert_says(ends(2, "export --update a --dir b")->err, "--dir cannot be combined with --update");
}

/* ---- random worlds ---- */

/* A random world as a file, with the ADMIN users of two workspaces, so that it can be that of
 * both. */
static void write_random_world(const char *name, const char *admin, const char *other_admin) {
    FILE *file = fopen(path_of(name), "we");
    assert_non_null(file);
    bool users[6], accounts[4], groups[4], notes[6];
    fprintf(file, "users:\n  %s: {name: Admin, role: admin}\n  %s: {role: admin}\n", admin, other_admin);
    for (unsigned i = 0; i < COUNT(users); i++)
        if ((users[i] = draw(3) > 0))
            fprintf(file, "  u%u: {name: N%u, role: %s, disabled: %s}\n", i, draw(3), draw(2) ? "admin" : "member",
                    draw(4) ? "false" : "true");
    fprintf(file, "service_accounts:%s\n", (accounts[0] = draw(2) > 0) ? "\n  a0: {}" : " {}");
    fprintf(file, "groups:\n  all: {}\n");
    for (unsigned i = 0; i < COUNT(groups); i++) {
        if (!(groups[i] = draw(3) > 0))
            continue;
        fprintf(file, "  g%u:\n    name: G%u\n    members: [%s", i, draw(3), admin);
        for (unsigned u = 0; u < COUNT(users); u++)
            if (users[u] && draw(2))
                fprintf(file, ", u%u", u);
        fprintf(file, "]\n");
    }
    fprintf(file, "resources:\n  note/all: {}\n");
    for (unsigned i = 0; i < COUNT(notes); i++)
        if ((notes[i] = draw(3) > 0))
            fprintf(file, "  note/n%u: {}\n", i);
    static const char *const roles[] = {"viewer", "commenter", "editor", "admin"};
    fprintf(file, "shares:\n  note/all: {groups: {all: viewer}}\n");
    for (unsigned i = 0; i < COUNT(notes); i++) {
        if (!notes[i])
            continue;
        fprintf(file, "  note/n%u:\n    principals:\n      %s: viewer\n", i, admin);
        for (unsigned u = 0; u < COUNT(users); u++)
            if (users[u] && draw(3) == 0)
                fprintf(file, "      u%u: %s\n", u, roles[draw(4)]);
        fprintf(file, "    groups:\n      all: viewer\n");
        for (unsigned g = 0; g < COUNT(groups); g++)
            if (groups[g] && draw(3) == 0)
                fprintf(file, "      g%u: %s\n", g, roles[draw(4)]);
    }
    assert_int_equal(fclose(file), 0);
}

/* Ids are never used again, so each round begins with a workspace, and goes from one world to
 * another whose things are among those of the first or new. */
static void apply_and_export_are_each_others_inverse(void **state) {
    (void)state;
    for (unsigned round = 0; round < 6; round++) {
        char workspace[16], admin[32], other_admin[32];
        snprintf(workspace, sizeof(workspace), "r%u", round);
        snprintf(admin, sizeof(admin), "r%u-admin", round);
        snprintf(other_admin, sizeof(other_admin), "c%u-admin", round);
        use_workspace(workspace);
        write_random_world("world.yaml", admin, other_admin);
        ends(0, "apply -f %s --prune --yes", path_of("world.yaml"));
        assert_says(ends(0, "apply -f %s --prune", path_of("world.yaml"))->err, "Nothing to change");
        char *exported = export_text();
        write_file("exported.yaml", exported);
        assert_says(ends(0, "apply -f %s --prune", path_of("exported.yaml"))->err, "Nothing to change");

        /* into another workspace, it is the same world */
        snprintf(workspace, sizeof(workspace), "c%u", round);
        use_workspace(workspace);
        ends(0, "apply -f %s --prune --yes", path_of("exported.yaml"));
        char *copied = export_text();
        assert_string_equal(copied, exported);
        free(copied);
        free(exported);
    }
}

/* ---- runs that meet, and runs that end early ---- */

static void write_many_shares(const char *name, unsigned count, const char *role) {
    FILE *file = fopen(path_of(name), "we");
    assert_non_null(file);
    fprintf(file, "groups: {team: {}}\nresources:\n");
    for (unsigned i = 0; i < count; i++)
        fprintf(file, "  note/%u: {}\n", i);
    fprintf(file, "shares:\n");
    for (unsigned i = 0; i < count; i++)
        fprintf(file, "  note/%u: {groups: {team: %s}}\n", i, role);
    assert_int_equal(fclose(file), 0);
}

static void a_killed_run_leaves_the_old_or_the_new_state(void **state) {
    enum { SHARES = 2000 };
    (void)state;
    use_workspace("killed");
    write_many_shares("viewer.yaml", SHARES, "viewer");
    write_many_shares("editor.yaml", SHARES, "editor");
    ends(0, "apply -f %s", path_of("viewer.yaml"));
    char *viewer = export_text();
    ends(0, "apply -f %s", path_of("editor.yaml"));
    char *editor = export_text();
    bool is_editor = true;
    for (unsigned i = 0; i < 12; i++) {
        struct process process;
        const char *next = path_of(is_editor ? "viewer.yaml" : "editor.yaml");
        process_start(&process, programs.folder, "apply", (const char *[]){"sallyport", "apply", "-f", next, NULL});
        nanosleep(&(struct timespec){.tv_nsec = (long)draw(400) * 1000000L}, NULL);
        (void)process_end(&process, SIGKILL);
        /* A change that the server has begun is made to its end: what comes after it sees that. */
        write_file("barrier.yaml", "service_accounts: {}\n");
        ends(0, "apply -f %s", path_of("barrier.yaml"));
        char *now = export_text();
        is_editor = strcmp(now, editor) == 0;
        if (!is_editor)
            assert_string_equal(now, viewer);
        free(now);
    }
    free(viewer);
    free(editor);
}

static void of_two_runs_at_once_each_is_made_wholly_or_not_at_all(void **state) {
    enum { SHARES = 1500 };
    (void)state;
    use_workspace("raced");
    write_many_shares("one.yaml", SHARES, "viewer");
    write_many_shares("two.yaml", SHARES, "editor");
    ends(0, "apply -f %s", path_of("one.yaml"));
    char *one = export_text();
    ends(0, "apply -f %s", path_of("two.yaml"));
    char *two = export_text();
    write_many_shares("three.yaml", SHARES, "admin");
    ends(0, "apply -f %s", path_of("three.yaml"));
    for (unsigned i = 0; i < 4; i++) {
        struct process first, second;
        process_start(&first, programs.folder, "first",
                      (const char *[]){"sallyport", "apply", "-f", path_of("one.yaml"), NULL});
        process_start(&second, programs.folder, "second",
                      (const char *[]){"sallyport", "apply", "-f", path_of("two.yaml"), NULL});
        int first_status = process_wait(&first), second_status = process_wait(&second);
        assert_true(first_status == 0 || second_status == 0);
        for (size_t run = 0; run < 2; run++) {
            char *said = process_read(run == 0 ? first.err : second.err);
            if ((run == 0 ? first_status : second_status) != 0)
                assert_says(said, "ABORTED");
            free(said);
        }
        char *now = export_text();
        if (strcmp(now, one) != 0)
            assert_string_equal(now, two);
        free(now);
        ends(0, "apply -f %s", path_of("three.yaml"));
    }
    free(one);
    free(two);
}

static void what_is_too_much_for_one_change_is_made_in_parts_if_asked(void **state) {
    (void)state;
    use_workspace("parts");
    write_many_shares("parts.yaml", 6000, "viewer");
    assert_says(ends(2, "apply -f %s", path_of("parts.yaml"))->err,
                "12001 edits are more than fit in one change (10000); ");
    assert_says(ends(0, "export")->out, "groups: {}");
    ends(0, "apply -f %s --in-parts", path_of("parts.yaml"));
    assert_says(ends(0, "apply -f %s", path_of("parts.yaml"))->err, "Nothing to change");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_makes_and_repeats_a_difference),
        cmocka_unit_test(asks_before_it_removes),
        cmocka_unit_test(nobody_removes_whose_key_it_is),
        cmocka_unit_test(refusals_say_where_in_the_files),
        cmocka_unit_test(folders_are_read_without_what_is_no_policy),
        cmocka_unit_test(an_export_writes_through_no_link_and_keeps_modes),
        cmocka_unit_test(files_are_updated_with_their_comments),
        cmocka_unit_test(apply_and_export_are_each_others_inverse),
        cmocka_unit_test(a_killed_run_leaves_the_old_or_the_new_state),
        cmocka_unit_test(of_two_runs_at_once_each_is_made_wholly_or_not_at_all),
        cmocka_unit_test(what_is_too_much_for_one_change_is_made_in_parts_if_asked),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
