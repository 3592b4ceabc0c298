#include "policy/notes.h"

#include <stdlib.h>

#include "base/array.h"

/* The lines of a file on which entries stand, rising. */
struct entry_lines {
    uint32_t *list;
    size_t count, room;
};

struct note_scan {
    struct sp_arena *arena;
    struct sp_policy_notes *notes;
    struct entry_lines lines;
    const char *pending; /* comment lines that no entry has yet; "" for none */
    unsigned indent;     /* of the first of them */
    bool begun;          /* a section has */
    uint32_t open_line;  /* of the entry in block style that goes on, and its indentation; 0: none does */
    unsigned open_indent;
};

/* ---- where entries stand ---- */

static enum sp_status add_entry_line(struct note_scan *scan, uint16_t file, const struct sp_policy_place *place) {
    struct entry_lines *lines = &scan->lines;
    if (place->file != file || place->line == 0)
        return SP_OK;
    uint32_t *list = sp_array_reserve_in(scan->arena, lines->list, lines->count, &lines->room, sizeof(*list));
    if (list == NULL)
        return SP_ERR_MEMORY;
    lines->list = list;
    lines->list[lines->count++] = place->line;
    return SP_OK;
}

static int compare_lines(const void *left, const void *right) {
    const uint32_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static enum sp_status gather_entry_lines(struct note_scan *scan, const struct sp_policy *policy, uint16_t file) {
    enum sp_status status = SP_OK;
    for (size_t i = 0; status == SP_OK && i < policy->principal_count; i++)
        status = add_entry_line(scan, file, &policy->principals[i].place);
    for (size_t i = 0; status == SP_OK && i < policy->group_count; i++)
        status = add_entry_line(scan, file, &policy->groups[i].place);
    for (size_t i = 0; status == SP_OK && i < policy->member_count; i++)
        status = add_entry_line(scan, file, &policy->members[i].place);
    for (size_t i = 0; status == SP_OK && i < policy->resource_count; i++)
        status = add_entry_line(scan, file, &policy->resources[i].place);
    for (size_t i = 0; status == SP_OK && i < policy->share_count; i++)
        status = add_entry_line(scan, file, &policy->shares[i].place);
    if (scan->lines.count > 1)
        qsort(scan->lines.list, scan->lines.count, sizeof(*scan->lines.list), compare_lines);
    return status;
}

/* The last entry's line that is not after `line`; 0: none. */
static uint32_t find_entry_line(const struct entry_lines *lines, uint32_t line) {
    size_t low = 0, high = lines->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (lines->list[middle] <= line)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? 0 : lines->list[low - 1];
}

/* ---- comments ---- */

/* The note of a line, which is the last one or after it. */
static struct sp_policy_note *open_note(struct note_scan *scan, uint32_t line) {
    struct sp_policy_notes *notes = scan->notes;
    if (notes->count > 0 && notes->list[notes->count - 1].line == line)
        return &notes->list[notes->count - 1];
    struct sp_policy_note *list =
        sp_array_reserve_in(scan->arena, notes->list, notes->count, &notes->room, sizeof(*list));
    if (list == NULL)
        return NULL;
    notes->list = list;
    notes->list[notes->count] = (struct sp_policy_note){.line = line};
    return &notes->list[notes->count++];
}

/* Where a comment begins in a line; its size: there is none. A '#' in quotes or within a word
 * begins none. */
static size_t find_comment(struct sp_str line) {
    char quote = '\0';
    for (size_t i = 0; i < line.size; i++) {
        char at = line.data[i], before = (char)(i == 0 ? ' ' : line.data[i - 1]);
        if (quote == '"' && at == '\\')
            i++;
        else if (quote != '\0')
            quote = (char)(at == quote ? '\0' : quote);
        else if ((at == '"' || at == '\'') && strchr(" \t[{,:-", before) != NULL)
            quote = at;
        else if (at == '#' && (before == ' ' || before == '\t'))
            return i;
    }
    return line.size;
}

static bool is_blank_code(struct sp_str text) {
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] != ' ' && text.data[i] != '\t' && text.data[i] != '\r')
            return false;
    return true;
}

static enum sp_status keep_line_end(struct note_scan *scan, uint32_t number, struct sp_str comment) {
    uint32_t entry = find_entry_line(&scan->lines, number);
    struct sp_policy_note *note = entry == 0 ? NULL : open_note(scan, entry);
    if (entry != 0 && note == NULL)
        return SP_ERR_MEMORY;
    if (note == NULL) { /* of a section's own line */
        scan->pending = sp_arena_printf(scan->arena, "%s%.*s\n", scan->pending, SP_STR_ARG(comment));
        return scan->pending == NULL ? SP_ERR_MEMORY : SP_OK;
    }
    comment.data++;
    comment.size--;
    note->after = sp_arena_printf(scan->arena, "%s%.*s", note->after == NULL ? "" : note->after, SP_STR_ARG(comment));
    return note->after == NULL ? SP_ERR_MEMORY : SP_OK;
}

static void note_section(struct note_scan *scan, struct sp_str line) {
    for (enum sp_policy_section section = 0; section < SP_POLICY_SECTIONS; section++) {
        struct sp_str name = sp_str_from(sp_policy_section_name(section));
        if (sp_str_begins_with(line, name) && line.size > name.size && line.data[name.size] == ':')
            scan->notes->has[section] = true;
        else
            continue;
        if (scan->begun && scan->pending[0] != '\0') {
            scan->notes->above[section] = scan->pending;
            scan->pending = "";
        }
    }
}

/* What waits and is indented deeper than the entry that goes on belongs to that entry. */
static enum sp_status give_pending_to_open_entry(struct note_scan *scan) {
    if (scan->open_line == 0 || scan->pending[0] == '\0' || scan->indent <= scan->open_indent)
        return SP_OK;
    struct sp_policy_note *note = open_note(scan, scan->open_line);
    if (note == NULL)
        return SP_ERR_MEMORY;
    const char *before = note->before == NULL ? "" : note->before;
    if (before[0] == '\0')
        note->indent = scan->open_indent;
    note->before = sp_arena_printf(scan->arena, "%s%s", before, scan->pending);
    scan->pending = "";
    return note->before == NULL ? SP_ERR_MEMORY : SP_OK;
}

/* Comments within an entry are found before its next field, or before what comes after it. */
static enum sp_status follow_open_entry(struct note_scan *scan, uint32_t number, struct sp_str code) {
    unsigned indent = 0;
    while (indent < code.size && code.data[indent] == ' ')
        indent++;
    while (code.size > 0 && is_blank_code((struct sp_str){code.data + code.size - 1, 1}))
        code.size--;
    bool is_entry = find_entry_line(&scan->lines, number) == number, is_block = code.data[code.size - 1] == ':';
    bool ends = indent <= scan->open_indent;
    enum sp_status status = ends || (!is_entry && !is_block) ? give_pending_to_open_entry(scan) : SP_OK;
    if (is_entry && is_block) {
        scan->open_line = number;
        scan->open_indent = indent;
    } else if (is_entry || ends) {
        scan->open_line = 0;
    }
    return status;
}

/* What waits belongs to the entry on this line, if there is one; above the first section, to the
 * file. */
static enum sp_status give_pending(struct note_scan *scan, uint32_t number) {
    if (!scan->begun) {
        scan->begun = true;
        scan->notes->head = scan->pending;
        scan->pending = "";
    }
    if (scan->pending[0] == '\0' || find_entry_line(&scan->lines, number) != number)
        return SP_OK;
    struct sp_policy_note *note = open_note(scan, number);
    if (note == NULL)
        return SP_ERR_MEMORY;
    note->before = scan->pending;
    note->indent = scan->indent;
    scan->pending = "";
    return SP_OK;
}

static enum sp_status scan_line(struct note_scan *scan, uint32_t number, struct sp_str line) {
    size_t comment = find_comment(line);
    struct sp_str code = {line.data, comment}, words = {line.data + comment, line.size - comment};
    if (words.size > 0 && words.data[words.size - 1] == '\r')
        words.size--;
    if (is_blank_code(code)) {
        if (words.size == 0)
            return SP_OK;
        if (comment <= scan->open_indent && give_pending_to_open_entry(scan) != SP_OK)
            return SP_ERR_MEMORY;
        if (scan->pending[0] == '\0')
            scan->indent = (unsigned)comment;
        scan->pending = sp_arena_printf(scan->arena, "%s%.*s\n", scan->pending, SP_STR_ARG(words));
        return scan->pending == NULL ? SP_ERR_MEMORY : SP_OK;
    }
    if (sp_str_begins_with(code, SP_STR_LITERAL("---")) || sp_str_begins_with(code, SP_STR_LITERAL("...")))
        return SP_OK;
    enum sp_status status = follow_open_entry(scan, number, code);
    note_section(scan, line);
    if (status == SP_OK)
        status = give_pending(scan, number);
    return status != SP_OK || words.size == 0 ? status : keep_line_end(scan, number, words);
}

enum sp_status sp_policy_read_notes(const struct sp_policy *policy, uint16_t file, struct sp_str text,
                                    struct sp_arena *arena, struct sp_policy_notes *ret_notes) {
    struct sp_policy_notes notes = {.head = "", .foot = ""};
    struct note_scan scan = {.arena = arena, .notes = &notes, .pending = ""};
    enum sp_status status = gather_entry_lines(&scan, policy, file);
    size_t begin = 0;
    for (uint32_t number = 1; status == SP_OK && begin < text.size; number++) {
        const char *end = memchr(text.data + begin, '\n', text.size - begin);
        size_t size = end == NULL ? text.size - begin : (size_t)(end - text.data) - begin;
        status = scan_line(&scan, number, (struct sp_str){text.data + begin, size});
        begin += size + 1;
    }
    if (status == SP_OK)
        status = give_pending_to_open_entry(&scan);
    if (scan.begun)
        notes.foot = scan.pending;
    else
        notes.head = scan.pending;
    if (status == SP_OK)
        *ret_notes = notes;
    return status;
}

const struct sp_policy_note *sp_policy_find_note(const struct sp_policy_notes *notes,
                                                 const struct sp_policy_place *place) {
    size_t low = 0, high = notes == NULL || place->line == 0 ? 0 : notes->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (notes->list[middle].line == place->line)
            return &notes->list[middle];
        if (notes->list[middle].line < place->line)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
