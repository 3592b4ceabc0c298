/* Searches all that the programs wrote during a run of the suite for every key that the run used:
 * as text, and as the digests that are made of it, in hexadecimal and in base64.
 *
 * Usage: search FOLDER, which tests/support/evidence.c filled. Ends with 1 where it finds one, or
 * where there was nothing to search. It first proves that it would find what there is: it plants
 * each key. */
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 8, SHOWN_MAX = 20 };

struct needle {
    char *text;
    size_t size;
    const char *form; /* what of the key it is */
};

struct needles {
    struct needle *all;
    size_t count, room;
    uint8_t heads[1 << 13]; /* a bit for each two bytes that one begins with */
};

struct text {
    char *bytes;
    size_t size;
};

static void *must(void *pointer) {
    if (pointer == NULL) {
        perror("search");
        exit(2);
    }
    return pointer;
}

static struct text read_file(const char *folder, const char *name) {
    char path[4096];
    struct text text = {NULL, 0};
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return text;
    for (;;) {
        text.bytes = must(realloc(text.bytes, text.size + (1 << 20)));
        size_t got = fread(text.bytes + text.size, 1, 1 << 20, file);
        if (got == 0)
            break;
        text.size += got;
    }
    fclose(file);
    return text;
}

/* ---- needles ---- */

static void add(struct needles *needles, const char *text, size_t size, const char *form) {
    if (needles->count == needles->room) {
        needles->room = needles->room == 0 ? 1024 : needles->room * 2;
        needles->all = must(realloc(needles->all, needles->room * sizeof(*needles->all)));
    }
    struct needle *needle = &needles->all[needles->count++];
    *needle = (struct needle){must(malloc(size + 1)), size, form};
    memcpy(needle->text, text, size);
    needle->text[size] = '\0';
    unsigned head = (unsigned)(uint8_t)text[0] << 8 | (uint8_t)text[1];
    needles->heads[head >> 3] |= (uint8_t)(1U << (head & 7));
}

static void add_digest(struct needles *needles, const uint8_t digest[32], const char *hex_form, const char *base_form) {
    char hex[65], base[48];
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    add(needles, hex, 64, hex_form);
    EVP_EncodeBlock((unsigned char *)base, digest, 32);
    add(needles, base, 42, base_form); /* without the end, which padding changes */
}

static void add_key(struct needles *needles, const char *key, size_t size) {
    uint8_t once[32], twice[32];
    add(needles, key, size, "a key");
    SHA256((const unsigned char *)key, size, once);
    SHA256(once, sizeof(once), twice);
    add_digest(needles, once, "a key's SHA-256 in hexadecimal", "a key's SHA-256 in base64");
    add_digest(needles, twice, "a stored digest in hexadecimal", "a stored digest in base64");
}

static int compare(const void *a, const void *b) {
    const struct needle *x = a, *y = b;
    int head = memcmp(x->text, y->text, HEAD);
    return head != 0 ? head : strcmp(x->text, y->text);
}

static struct needles read_needles(const struct text *keys) {
    struct needles needles = {0};
    for (size_t at = 0; at < keys->size;) {
        const char *end = memchr(keys->bytes + at, '\n', keys->size - at);
        size_t size = end == NULL ? keys->size - at : (size_t)(end - keys->bytes) - at;
        if (size >= HEAD)
            add_key(&needles, keys->bytes + at, size);
        at += size + 1;
    }
    if (needles.count > 0)
        qsort(needles.all, needles.count, sizeof(*needles.all), compare);
    size_t kept = 0; /* the same key is used by many calls */
    for (size_t i = 0; i < needles.count; i++) {
        if (kept == 0 || compare(&needles.all[kept - 1], &needles.all[i]) != 0)
            needles.all[kept++] = needles.all[i];
        else
            free(needles.all[i].text);
    }
    needles.count = kept;
    return needles;
}

/* ---- searching ---- */

/* The first needle whose first bytes are those at `at`; `count` for none. */
static size_t first_with_head(const struct needles *needles, const char *at) {
    size_t low = 0, high = needles->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(needles->all[middle].text, at, HEAD) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct needle *find_at(const struct needles *needles, const char *at, size_t left) {
    unsigned head = (unsigned)(uint8_t)at[0] << 8 | (uint8_t)at[1];
    if ((needles->heads[head >> 3] >> (head & 7) & 1) == 0)
        return NULL;
    for (size_t i = first_with_head(needles, at); i < needles->count; i++) {
        const struct needle *needle = &needles->all[i];
        if (memcmp(needle->text, at, HEAD) != 0)
            return NULL;
        if (needle->size <= left && memcmp(needle->text, at, needle->size) == 0)
            return needle;
    }
    return NULL;
}

static void show(const struct text *said, size_t at, const char *form) {
    const char *source = "?";
    size_t source_size = 1;
    for (size_t i = at; i > 5; i--) {
        if (memcmp(said->bytes + i - 5, "==== ", 5) == 0) {
            source = said->bytes + i;
            source_size = strcspn(source, "\n");
            break;
        }
    }
    printf("%s in %.*s, at byte %zu\n", form, (int)source_size, source, at);
}

static size_t search(const struct needles *needles, const struct text *said, bool shown) {
    size_t found = 0;
    for (size_t at = 0; at + HEAD <= said->size; at++) {
        const struct needle *needle = find_at(needles, said->bytes + at, said->size - at);
        if (needle == NULL)
            continue;
        if (shown && found < SHOWN_MAX)
            show(said, at, needle->form);
        found++;
        at += needle->size - 1;
    }
    return found;
}

/* A search that found nothing proves nothing unless it can find. */
static bool finds_what_is_planted(const struct needles *needles) {
    for (size_t i = 0; i < needles->count; i++) {
        char planted[2048];
        const struct needle *needle = &needles->all[i];
        int size = snprintf(planted, sizeof(planted), "{\"message\":\"%s\"}", needle->text);
        struct text text = {planted, (size_t)size};
        if (search(needles, &text, false) == 0) {
            printf("%s that was planted is not found\n", needle->form);
            return false;
        }
    }
    return true;
}

/* True where nothing was found, and something would have been. */
static bool is_clean(const struct needles *needles, const struct text *said) {
    if (said->size == 0) {
        printf("nothing was kept to search for %zu keys and digests\n", needles->count);
        return false;
    }
    if (!finds_what_is_planted(needles))
        return false;
    size_t found = search(needles, said, true);
    printf("%zu keys and digests, %zu bytes that programs wrote: %zu found\n", needles->count, said->size, found);
    return found == 0;
}

enum { SKIPPED = 77 };

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: search FOLDER\n");
        return 2;
    }
    struct text keys = read_file(argv[1], "keys"), said = read_file(argv[1], "said");
    struct needles needles = read_needles(&keys);
    int status = SKIPPED;
    if (needles.count == 0)
        printf("none of the tests that ran used a key: nothing to search for\n");
    else
        status = is_clean(&needles, &said) ? 0 : 1;
    for (size_t i = 0; i < needles.count; i++)
        free(needles.all[i].text);
    free(needles.all);
    free(keys.bytes);
    free(said.bytes);
    return status;
}
