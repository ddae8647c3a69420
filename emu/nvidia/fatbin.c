// SPDX-License-Identifier: Apache-2.0
/*
 * Fat binaries: finding the PTX in one. The layout is that of fatbinary_section.h (the wrapper)
 * and, for the entries, what nvcc and clang write: a header of 16 bytes, then entries with their
 * own headers, sizes and flags. Compressed entries need liblz4 or libzstd, which are loaded when
 * one is met.
 *
 * A program hands over an address without a size: the sizes in the headers are all there is.
 */
#include "driver.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "fatbin.h"

enum {
    WRAPPER_MAGIC = 0x466243b1,
    FATBIN_MAGIC = (int)0xba55ed50,
    KIND_PTX = 1,
    FLAG_LZ4 = 0x2000,
    FLAG_ZSTD = 0x8000,
    MOST_BYTES = 1 << 28,
};

struct wrapper {
    uint32_t magic, version;
    const void *data, *more;
};
struct header {
    uint32_t magic;
    uint16_t version, header_bytes;
    uint64_t bytes;
};
struct entry {
    uint16_t kind, version;
    uint32_t header_bytes, payload_bytes, reserved, compressed_bytes, options;
    uint16_t minor, major;
    uint32_t arch;
    uint32_t name, name_bytes;
    uint64_t flags, reserved2, plain_bytes;
};

static bool unpack_lz4(const void *from, size_t bytes, void *to, size_t size)
{
    int (*decompress)(const char *, char *, int, int);
    void *library = dlopen("liblz4.so.1", RTLD_NOW | RTLD_LOCAL);

    decompress =
        library ? (int (*)(const char *, char *, int, int))dlsym(library, "LZ4_decompress_safe")
                : NULL;
    if (!decompress) {
        emu_missing("liblz4, for a compressed fat binary");
        return false;
    }
    return decompress(from, to, (int)bytes, (int)size) == (int)size;
}

static bool unpack_zstd(const void *from, size_t bytes, void *to, size_t size)
{
    size_t (*decompress)(void *, size_t, const void *, size_t);
    void *library = dlopen("libzstd.so.1", RTLD_NOW | RTLD_LOCAL);

    decompress =
        library ? (size_t(*)(void *, size_t, const void *, size_t))dlsym(library, "ZSTD_decompress")
                : NULL;
    if (!decompress) {
        emu_missing("libzstd, for a compressed fat binary");
        return false;
    }
    return decompress(to, size, from, bytes) == size;
}

/* Text of a PTX entry, with a NUL. */
static char *entry_text(const struct entry *entry, size_t *size)
{
    const void *payload = (const char *)entry + entry->header_bytes;
    bool packed = entry->flags & (FLAG_LZ4 | FLAG_ZSTD);
    size_t bytes = packed ? entry->plain_bytes : entry->payload_bytes;
    size_t stored = entry->compressed_bytes ? entry->compressed_bytes : entry->payload_bytes;
    char *text;

    if (bytes > MOST_BYTES || stored > entry->payload_bytes || !(text = malloc(bytes + 1)))
        return NULL;
    text[bytes] = '\0';
    *size = bytes;
    if (!packed) {
        memcpy(text, payload, bytes);
        return text;
    }
    if (entry->flags & FLAG_LZ4 ? unpack_lz4(payload, stored, text, bytes)
                                : unpack_zstd(payload, stored, text, bytes))
        return text;
    free(text);
    return NULL;
}

int nv_fatbin_scan(const void *data, size_t limit, unsigned most_arch, char **text, size_t *size)
{
    const struct header *header = data;
    const struct entry *best = NULL;
    size_t at;

    if (limit < sizeof(*header) || header->magic != (uint32_t)FATBIN_MAGIC ||
        header->header_bytes < sizeof(*header) || header->header_bytes > limit ||
        header->bytes > limit - header->header_bytes)
        return -1;
    for (at = 0; at + sizeof(struct entry) <= header->bytes;) {
        const struct entry *entry = (const void *)((const char *)data + header->header_bytes + at);
        uint64_t bytes = (uint64_t)entry->header_bytes + entry->payload_bytes;

        if (entry->header_bytes < sizeof(*entry) || bytes > header->bytes - at)
            return -1;
        if (entry->kind == KIND_PTX && entry->arch <= most_arch &&
            (!best || entry->arch > best->arch))
            best = entry;
        at += bytes;
    }
    if (!best)
        return -2;
    *text = entry_text(best, size);
    return *text ? 0 : -1;
}

CUresult nv_fatbin_text(const void *data, char **text, size_t *size)
{
    const struct wrapper *wrapper = data;
    int rc;

    if (wrapper->magic == WRAPPER_MAGIC)
        data = wrapper->data;
    rc = nv_fatbin_scan(data, SIZE_MAX / 2, nv_profile.compute_capability, text, size);
    return rc == 0    ? CUDA_SUCCESS
           : rc == -2 ? CUDA_ERROR_NO_BINARY_FOR_GPU
                      : CUDA_ERROR_INVALID_IMAGE;
}
