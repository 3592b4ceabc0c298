#include "config/yaml.h"

#include <yaml.h>

#include "base/text.h"
#include "config/json_escapes.h"

static bool is_character_begin(char byte) {
    return ((unsigned char)byte & 0xc0) != 0x80;
}

size_t sp_yaml_column(const struct sp_yaml *yaml, size_t line, size_t column) {
    size_t begin = 0;
    if (!yaml->has_joined_escapes)
        return column;
    for (size_t at = 1; at < line && begin < yaml->text.size; begin++)
        at += yaml->text.data[begin] == '\n';
    size_t end = begin;
    for (size_t left = column - 1; left > 0 && end < yaml->text.size; left--) {
        end++;
        while (end < yaml->text.size && !is_character_begin(yaml->text.data[end]))
            end++;
    }
    size_t joined = sp_json_count_joined((struct sp_str){yaml->text.data + begin, end - begin});
    return column + joined * (SP_JSON_PAIR_CHARS - SP_JSON_JOINED_CHARS);
}

const char *sp_yaml_split_place(const char *message, size_t *line, size_t *column) {
    unsigned long found_line = 0, found_column = 0;
    const char *rest =
        sp_text_read_number(sp_text_read_number(message, "line ", &found_line), ", column ", &found_column);
    if (rest == NULL || strncmp(rest, ": ", 2) != 0)
        return message;
    *line = found_line;
    *column = found_column;
    return rest + 2;
}

static enum sp_status refuse_mark(const struct sp_yaml *yaml, const yaml_mark_t *mark, const char *what) {
    sp_error_set(yaml->error, SP_ERR_INVALID, "line %zu, column %zu: %s", mark->line + 1,
                 sp_yaml_column(yaml, mark->line + 1, mark->column + 1), what);
    return SP_ERR_INVALID;
}

/* The reader, which checks bytes before there are lines, gives only an offset. */
static enum sp_status refuse_bytes(const struct sp_yaml *yaml) {
    yaml_mark_t mark = {0};
    for (size_t i = 0; i < yaml->text.size && i < yaml->parser->problem_offset; i++) {
        mark.column = yaml->text.data[i] == '\n' ? 0 : mark.column + 1;
        mark.line += yaml->text.data[i] == '\n';
    }
    return refuse_mark(yaml, &mark, yaml->parser->problem);
}

/* "* /path", which YAML takes for an alias without a name. */
static bool is_bare_star(const yaml_parser_t *parser) {
    return parser->context != NULL && strcmp(parser->context, "while scanning an alias") == 0;
}

static enum sp_status refuse_yaml(const struct sp_yaml *yaml) {
    if (yaml->parser->error == YAML_MEMORY_ERROR)
        return sp_yaml_refuse_memory(yaml);
    if (yaml->parser->error == YAML_READER_ERROR)
        return refuse_bytes(yaml);
    if (is_bare_star(yaml->parser))
        return refuse_mark(yaml, &yaml->parser->context_mark, "text that begins with '*' must be quoted");
    return refuse_mark(yaml, &yaml->parser->problem_mark, yaml->parser->problem);
}

/* What is refused wherever it stands; NULL for nothing. */
static const char *fault_of_event(const struct sp_yaml *yaml, const yaml_event_t *event) {
    switch ((int)event->type) {
    case YAML_ALIAS_EVENT:
        return "aliases are not allowed; write the value out";
    case YAML_SCALAR_EVENT:
        if (event->data.scalar.anchor != NULL)
            return "anchors are not allowed; write the value out";
        return event->data.scalar.tag != NULL ? "tags are not allowed; remove the tag" : NULL;
    case YAML_MAPPING_START_EVENT:
        if (event->data.mapping_start.anchor != NULL)
            return "anchors are not allowed; write the value out";
        return event->data.mapping_start.tag != NULL ? "tags are not allowed; remove the tag" : NULL;
    case YAML_SEQUENCE_START_EVENT:
        if (!yaml->lists)
            return "a list is not allowed here";
        if (event->data.sequence_start.anchor != NULL)
            return "anchors are not allowed; write the value out";
        return event->data.sequence_start.tag != NULL ? "tags are not allowed; remove the tag" : NULL;
    case YAML_DOCUMENT_START_EVENT:
        if (event->data.document_start.version_directive != NULL ||
            event->data.document_start.tag_directives.start != event->data.document_start.tag_directives.end)
            return "directives are not allowed; remove the directive";
        return NULL;
    default:
        return NULL;
    }
}

/* Reads an event, which the caller deletes. */
static enum sp_status next_event(struct sp_yaml *yaml, yaml_event_t *ret_event) {
    yaml_event_t event = {.type = YAML_NO_EVENT};
    if (!yaml_parser_parse(yaml->parser, &event)) {
        yaml->broken = true;
        return refuse_yaml(yaml);
    }
    const char *fault = fault_of_event(yaml, &event);
    if (fault != NULL) {
        yaml->broken = true;
        enum sp_status status = refuse_mark(yaml, &event.start_mark, fault);
        yaml_event_delete(&event);
        return status;
    }
    *ret_event = event;
    return SP_OK;
}

/* Reads on to the end of a value that began with the event. */
static enum sp_status skip_rest(struct sp_yaml *yaml, const yaml_event_t *began) {
    size_t depth = began->type == YAML_MAPPING_START_EVENT || began->type == YAML_SEQUENCE_START_EVENT;
    while (depth > 0) {
        yaml_event_t event = {.type = YAML_NO_EVENT};
        enum sp_status status = next_event(yaml, &event);
        if (status != SP_OK)
            return status;
        depth += event.type == YAML_MAPPING_START_EVENT || event.type == YAML_SEQUENCE_START_EVENT;
        depth -= event.type == YAML_MAPPING_END_EVENT || event.type == YAML_SEQUENCE_END_EVENT;
        yaml_event_delete(&event);
    }
    return SP_OK;
}

/* Refuses a value of which the event is the beginning, and goes behind it for a caller who keeps
 * the error. */
static enum sp_status refuse_value(struct sp_yaml *yaml, const yaml_event_t *began, const char *what) {
    struct sp_error later = {0}, *error = yaml->error;
    yaml_mark_t mark = began->start_mark;
    yaml->error = &later;
    enum sp_status status = skip_rest(yaml, began);
    yaml->error = error;
    yaml->broken = status != SP_OK;
    return refuse_mark(yaml, &mark, what);
}

enum sp_status sp_yaml_skip(struct sp_yaml *yaml) {
    yaml_event_t event = {.type = YAML_NO_EVENT};
    enum sp_status status = next_event(yaml, &event);
    if (status != SP_OK)
        return status;
    status = skip_rest(yaml, &event);
    yaml_event_delete(&event);
    return status;
}

/* Reads an event that must be of the type, and forgets it. */
static enum sp_status expect_event(struct sp_yaml *yaml, yaml_event_type_t type, const char *otherwise) {
    yaml_event_t event = {.type = YAML_NO_EVENT};
    enum sp_status status = next_event(yaml, &event);
    if (status != SP_OK)
        return status;
    if (event.type != type)
        status = refuse_value(yaml, &event, otherwise);
    yaml_event_delete(&event);
    return status;
}

static enum sp_status copy_scalar(const struct sp_yaml *yaml, const yaml_event_t *event,
                                  struct sp_yaml_scalar *ret_scalar) {
    struct sp_str text = {(const char *)event->data.scalar.value, event->data.scalar.length};
    char *copy = sp_arena_strdup(yaml->arena, text);
    if (copy == NULL)
        return sp_yaml_refuse_memory(yaml);
    *ret_scalar = (struct sp_yaml_scalar){{copy, text.size}, event->start_mark.line + 1, event->start_mark.column + 1};
    return SP_OK;
}

enum sp_status sp_yaml_read_scalar(struct sp_yaml *yaml, struct sp_yaml_scalar *ret_scalar) {
    yaml_event_t event = {.type = YAML_NO_EVENT};
    enum sp_status status = next_event(yaml, &event);
    if (status != SP_OK)
        return status;
    status = event.type == YAML_SCALAR_EVENT
                 ? copy_scalar(yaml, &event, ret_scalar)
                 : refuse_value(yaml, &event,
                                event.type == YAML_SEQUENCE_START_EVENT ? "expected text here, not a list"
                                                                        : "expected text here, not a mapping");
    yaml_event_delete(&event);
    return status;
}

enum sp_status sp_yaml_read_choice(struct sp_yaml *yaml, const char *first, const char *second, const char *choice,
                                   bool *ret_is_second) {
    struct sp_yaml_scalar scalar = {0};
    enum sp_status status = sp_yaml_read_scalar(yaml, &scalar);
    if (status != SP_OK)
        return status;
    *ret_is_second = sp_str_equal(scalar.text, sp_str_from(second));
    if (*ret_is_second || sp_str_equal(scalar.text, sp_str_from(first)))
        return SP_OK;
    return sp_yaml_refuse(yaml, &scalar, "must be", choice);
}

/* Reads a key; none at the mapping's end. */
static enum sp_status read_mapping_key(struct sp_yaml *yaml, struct sp_yaml_scalar *ret_key, bool *ret_end) {
    yaml_event_t event = {.type = YAML_NO_EVENT};
    enum sp_status status = next_event(yaml, &event);
    if (status != SP_OK)
        return status;
    *ret_end = event.type == YAML_MAPPING_END_EVENT;
    if (event.type == YAML_SCALAR_EVENT)
        status = copy_scalar(yaml, &event, ret_key);
    else if (!*ret_end) {
        yaml->broken = true;
        status = refuse_mark(yaml, &event.start_mark, "a key must be text");
    }
    yaml_event_delete(&event);
    return status;
}

/* The keys and values of a mapping that has begun. */
static enum sp_status read_entries(struct sp_yaml *yaml, sp_yaml_entry *read, void *context) {
    for (;;) {
        struct sp_yaml_scalar key = {0};
        bool end = false;
        enum sp_status status = read_mapping_key(yaml, &key, &end);
        if (status != SP_OK || end)
            return status;
        status = read(yaml, &key, context);
        if (status != SP_OK)
            return status;
    }
}

enum sp_status sp_yaml_read_mapping(struct sp_yaml *yaml, const char *otherwise, sp_yaml_entry *read, void *context) {
    return sp_yaml_read_value(yaml, &(struct sp_yaml_shapes){.otherwise = otherwise, .entry = read}, context);
}

/* A value of a list, which the event is or begins. */
static enum sp_status read_item(struct sp_yaml *yaml, const yaml_event_t *event, const struct sp_yaml_shapes *shapes,
                                void *context) {
    struct sp_yaml_scalar item = {0};
    if (event->type == YAML_MAPPING_START_EVENT && shapes->item_entry != NULL)
        return read_entries(yaml, shapes->item_entry, context);
    if (event->type != YAML_SCALAR_EVENT || shapes->item == NULL) {
        yaml->broken = true; /* the list does not go on behind it */
        return refuse_mark(yaml, &event->start_mark,
                           shapes->item != NULL ? "expected text in this list" : "expected a mapping in this list");
    }
    enum sp_status status = copy_scalar(yaml, event, &item);
    return status != SP_OK ? status : shapes->item(yaml, &item, context);
}

/* The values of a list that has begun. */
static enum sp_status read_items(struct sp_yaml *yaml, const struct sp_yaml_shapes *shapes, void *context) {
    for (;;) {
        yaml_event_t event = {.type = YAML_NO_EVENT};
        enum sp_status status = next_event(yaml, &event);
        if (status != SP_OK)
            return status;
        bool end = event.type == YAML_SEQUENCE_END_EVENT;
        if (!end)
            status = read_item(yaml, &event, shapes, context);
        yaml_event_delete(&event);
        if (end || status != SP_OK)
            return status;
    }
}

enum sp_status sp_yaml_read_list(struct sp_yaml *yaml, const char *otherwise, sp_yaml_take *take, void *context) {
    return sp_yaml_read_value(yaml, &(struct sp_yaml_shapes){.otherwise = otherwise, .item = take}, context);
}

enum sp_status sp_yaml_read_value(struct sp_yaml *yaml, const struct sp_yaml_shapes *shapes, void *context) {
    yaml_event_t event = {.type = YAML_NO_EVENT};
    struct sp_yaml_scalar text = {0};
    enum sp_status status = next_event(yaml, &event);
    if (status != SP_OK)
        return status;
    yaml_event_type_t type = event.type;
    bool fits = (type == YAML_SCALAR_EVENT && shapes->text != NULL) ||
                (type == YAML_SEQUENCE_START_EVENT && (shapes->item != NULL || shapes->item_entry != NULL)) ||
                (type == YAML_MAPPING_START_EVENT && shapes->entry != NULL);
    if (!fits)
        status = refuse_value(yaml, &event, shapes->otherwise);
    else if (type == YAML_SCALAR_EVENT)
        status = copy_scalar(yaml, &event, &text);
    yaml_event_delete(&event);
    if (status != SP_OK)
        return status;
    if (type == YAML_SCALAR_EVENT)
        return shapes->text(yaml, &text, context);
    return type == YAML_SEQUENCE_START_EVENT ? read_items(yaml, shapes, context)
                                             : read_entries(yaml, shapes->entry, context);
}

enum sp_status sp_yaml_find_key(const struct sp_yaml *yaml, const struct sp_yaml_scalar *key, const char *const *keys,
                                size_t count, const char *expected, unsigned *seen, size_t *ret_index) {
    for (size_t i = 0; i < count; i++) {
        if (!sp_str_equal(key->text, sp_str_from(keys[i])))
            continue;
        if (*seen >> i & 1)
            return sp_yaml_refuse(yaml, key, keys[i], "is given twice; remove one");
        *seen |= 1U << i;
        *ret_index = i;
        return SP_OK;
    }
    return sp_yaml_refuse(yaml, key, "unknown key; expected", expected);
}

/* ---- before libyaml reads ---- */

/* YAML 1.1, which libyaml reads, ends lines where YAML 1.2, editors and reviews do not. Within
 * quotes too: libyaml folds U+0085 there into a blank, and drops the blanks around U+2028 and
 * U+2029; YAML 1.2 keeps all as they are. */
static const struct line_end {
    const char *bytes;
    const char *what;
} hidden_line_ends[] = {
    {"\xc2\x85", "U+0085 ends a line here but not in other YAML parsers; remove it, or write \"\\N\" in double quotes"},
    {"\xe2\x80\xa8",
     "U+2028 ends a line here but not in other YAML parsers; remove it, or write \"\\L\" in double quotes"},
    {"\xe2\x80\xa9",
     "U+2029 ends a line here but not in other YAML parsers; remove it, or write \"\\P\" in double quotes"},
    {"\r", "a carriage return without a line feed ends a line here but not in every editor; remove it"},
};

static const char *find_hidden_line_end(struct sp_str rest) {
    if (rest.size > 1 && rest.data[0] == '\r' && rest.data[1] == '\n')
        return NULL;
    for (size_t i = 0; i < sizeof(hidden_line_ends) / sizeof(*hidden_line_ends); i++)
        if (sp_str_begins_with(rest, sp_str_from(hidden_line_ends[i].bytes)))
            return hidden_line_ends[i].what;
    return NULL;
}

static enum sp_status check_line_ends(const struct sp_yaml *yaml) {
    yaml_mark_t mark = {0};
    for (size_t i = 0; i < yaml->text.size; i++) {
        uint8_t byte = (uint8_t)yaml->text.data[i];
        const char *what = NULL;
        if (byte == '\r' || byte == 0xc2 || byte == 0xe2)
            what = find_hidden_line_end((struct sp_str){yaml->text.data + i, yaml->text.size - i});
        if (what != NULL)
            return refuse_mark(yaml, &mark, what);
        mark.column += (byte & 0xc0) != 0x80; /* characters, not bytes */
        if (byte == '\n') {
            mark.line++;
            mark.column = 0;
        }
    }
    return SP_OK;
}

static enum sp_status check_yaml_text(const struct sp_yaml *yaml) {
    if (sp_text_is_utf16(yaml->text))
        return refuse_mark(yaml, &(yaml_mark_t){0}, "the file is in UTF-16; save it as UTF-8");
    return yaml->stored ? SP_OK : check_line_ends(yaml);
}

static enum sp_status read_document_content(struct sp_yaml *yaml, const char *otherwise, sp_yaml_entry *read) {
    enum sp_status status = sp_yaml_read_mapping(yaml, otherwise, read, NULL);
    if (status != SP_OK)
        return status;
    return expect_event(yaml, YAML_DOCUMENT_END_EVENT, "expected the end of the document here");
}

/* From one document to the next. */
static enum sp_status read_documents(struct sp_yaml *yaml, const char *otherwise, sp_yaml_entry *read) {
    for (;;) {
        yaml_event_t event = {.type = YAML_NO_EVENT};
        enum sp_status status = next_event(yaml, &event);
        if (status != SP_OK)
            return status;
        bool end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
        if (end)
            return SP_OK;
        status = read_document_content(yaml, otherwise, read);
        if (status != SP_OK)
            return status;
    }
}

static enum sp_status read_document(struct sp_yaml *yaml, const char *empty, const char *otherwise,
                                    sp_yaml_entry *read) {
    enum sp_status status = expect_event(yaml, YAML_STREAM_START_EVENT, "not YAML");
    if (status != SP_OK)
        return status;
    if (yaml->documents)
        return read_documents(yaml, otherwise, read);
    status = expect_event(yaml, YAML_DOCUMENT_START_EVENT, empty);
    if (status != SP_OK)
        return status;
    status = read_document_content(yaml, otherwise, read);
    if (status != SP_OK)
        return status;
    return expect_event(yaml, YAML_STREAM_END_EVENT, "several documents are not allowed; keep one");
}

enum sp_status sp_yaml_read(struct sp_yaml *yaml, struct sp_str text, const char *empty, const char *otherwise,
                            sp_yaml_entry *read) {
    yaml_parser_t parser;
    enum sp_status status =
        sp_json_join_escapes(sp_text_skip_bom(text), yaml->arena, &yaml->text, &yaml->has_joined_escapes);
    if (status != SP_OK)
        return sp_yaml_refuse_memory(yaml);
    text = yaml->text;
    status = check_yaml_text(yaml);
    if (status != SP_OK)
        return status;
    if (!yaml_parser_initialize(&parser))
        return sp_yaml_refuse_memory(yaml);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.size > 0 ? text.data : ""), text.size);
    yaml->parser = &parser;
    status = read_document(yaml, empty, otherwise, read);
    yaml->parser = NULL;
    yaml_parser_delete(&parser);
    return status;
}
