#include "cli/credential.h"

#include <string.h>

#include "cli/json_path.h"
#include "cli/secret_file.h"

/* base64 of 32 bytes given in hexadecimal, as the JSON mapping wants bytes. */
static enum sp_status read_hex_sha256(const char *hex, json_t **ret_value, struct sp_error *error) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[33] = {0};
    if (strlen(hex) != 64)
        return sp_error_set(error, SP_ERR_INVALID, "--sha256: must be 64 hexadecimal digits");
    for (size_t i = 0; i < 64; i++) {
        const char *digit = strchr(digits, hex[i] >= 'A' && hex[i] <= 'F' ? hex[i] + 32 : hex[i]);
        if (digit == NULL)
            return sp_error_set(error, SP_ERR_INVALID, "--sha256: must be 64 hexadecimal digits");
        bytes[i / 2] = (unsigned char)(bytes[i / 2] << 4 | (digit - digits));
    }
    char text[45];
    for (size_t i = 0, at = 0; i < 33; i += 3, at += 4) {
        unsigned three = (unsigned)bytes[i] << 16 | (unsigned)bytes[i + 1] << 8 | bytes[i + 2];
        for (unsigned j = 0; j < 4; j++)
            text[at + j] = alphabet[three >> (18 - 6 * j) & 63];
    }
    text[43] = '=';
    text[44] = '\0';
    *ret_value = json_string(text);
    return SP_OK;
}

static enum sp_status put_sha256(struct cli_call *call, const char *hex, struct sp_error *error) {
    json_t *value = NULL;
    enum sp_status status = read_hex_sha256(hex, &value, error);
    if (status != SP_OK)
        return status;
    if (sp_cli_put(call->request, "apiKeySha256", value, false) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    return SP_OK;
}

static enum sp_status put_key_text(struct cli_call *call, const char *path, struct sp_error *error) {
    struct sp_arena arena;
    struct sp_str key = {0};
    if (sp_arena_init(&arena, 4096, 8192) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = sp_cli_read_key_file(path, &arena, &key, error);
    if (status != SP_OK)
        goto out;
    json_t *value = json_stringn(key.data, key.size);
    if (value == NULL)
        status = sp_error_set(error, SP_ERR_INVALID, "%s: the key is not UTF-8", path);
    else if (sp_cli_put(call->request, "apiKey", value, false) != SP_OK)
        status = sp_error_set(error, SP_ERR_MEMORY, "out of memory");
out:
    sp_arena_wipe(&arena);
    sp_arena_fini(&arena);
    return status;
}

enum sp_status sp_cli_put_credential(struct cli_call *call, struct sp_error *error) {
    const char *file = sp_cli_local(call, "key-file"), *sha256 = sp_cli_local(call, "sha256");
    if ((file == NULL) == (sha256 == NULL))
        return sp_error_set(error, SP_ERR_INVALID, "give one of --key-file FILE (- for standard input)%s",
                            strcmp(call->command->noun, "explain") == 0          ? ", --sha256 HEX or --key-id KEY"
                            : strcmp(call->command->noun, "list-resources") == 0 ? ", --sha256 HEX or --principal ID"
                                                                                 : " or --sha256 HEX");
    return sha256 != NULL ? put_sha256(call, sha256, error) : put_key_text(call, file, error);
}
