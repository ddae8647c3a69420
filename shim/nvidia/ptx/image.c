// SPDX-License-Identifier: Apache-2.0
/* See image.h. Layouts: fatbinary_section.h (the wrapper), and what nvcc and clang write. */
#include "shim/nvidia/ptx/image.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

enum {
    WRAPPER_MAGIC = 0x466243b1,
    KIND_PTX = 1,
    FLAGS_COMPRESSED = 0x2000 | 0x8000, /* LZ4, zstd */
    MOST_BYTES = 1 << 28,
};
#define FATBIN_MAGIC 0xba55ed50u

struct wrapper {
    uint32_t magic, version;
    const char *data;
};
struct header {
    uint32_t magic;
    uint16_t version, header_bytes;
    uint64_t bytes;
};
struct entry {
    uint16_t kind, version;
    uint32_t header_bytes, payload_bytes, others[7];
    uint64_t flags;
};

bool reef_ptx_is_text(const void *image, size_t limit)
{
    const char *at = image;
    while (limit > 0 && isspace((unsigned char)*at)) {
        at++;
        limit--;
    }
    return limit > 0 && (*at == '.' || *at == '/');
}

/* The PTX of a fat binary if that is what will be used: one entry, not compressed, and no machine
 * code. */
static const char *fatbin_text(const char *image, size_t limit, size_t *size)
{
    struct header header;
    struct entry entry;
    const char *text = NULL;
    if (limit < sizeof(header))
        return NULL;
    memcpy(&header, image, sizeof(header));
    if (header.magic != FATBIN_MAGIC || header.header_bytes < sizeof(header) ||
        header.bytes > MOST_BYTES ||
        limit - sizeof(header) < header.header_bytes - sizeof(header) ||
        limit - header.header_bytes < header.bytes)
        return NULL;
    for (uint64_t at = 0; at < header.bytes;) {
        const char *here = image + header.header_bytes + at;
        if (header.bytes - at < sizeof(entry))
            return NULL;
        memcpy(&entry, here, sizeof(entry));
        uint64_t bytes = (uint64_t)entry.header_bytes + entry.payload_bytes;
        if (entry.header_bytes < sizeof(entry) || bytes > header.bytes - at ||
            entry.kind != KIND_PTX || entry.flags & FLAGS_COMPRESSED || text)
            return NULL;
        text = here + entry.header_bytes;
        *size = strnlen(text, entry.payload_bytes);
        at += bytes;
    }
    return text;
}

const char *reef_ptx_image_text(const void *image, size_t limit, size_t *size)
{
    struct wrapper wrapper;
    uint32_t magic = 0;
    if (reef_ptx_is_text(image, limit)) {
        *size = strnlen(image, limit);
        return image;
    }
    /* Whatever else it is, it is longer than a byte only if this one is of something known. */
    unsigned char first = limit > 0 ? *(const unsigned char *)image : 0;
    if ((first != 0xb1 && first != 0x50) || limit < sizeof(magic))
        return NULL;
    memcpy(&magic, image, sizeof(magic));
    if (magic == FATBIN_MAGIC)
        return fatbin_text(image, limit, size);
    if (magic != WRAPPER_MAGIC || limit < sizeof(wrapper))
        return NULL;
    memcpy(&wrapper, image, sizeof(wrapper));
    if (wrapper.version != 1 || !wrapper.data || limit != SIZE_MAX)
        return NULL; /* a pointer can be followed only in a program */
    return fatbin_text(wrapper.data, SIZE_MAX, size);
}
