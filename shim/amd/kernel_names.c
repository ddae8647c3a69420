// SPDX-License-Identifier: Apache-2.0
/*
 * Names of kernels by their kernel object (the address an AQL packet carries), learned when the
 * application asks ROCr for a kernel object: HIP does so for every kernel it loads. For the log
 * only.
 */
#include <stdlib.h>
#include <string.h>

#include "shim/amd/vqueue.h"

enum { BUCKETS = 1024, NAME_SIZE = 512, NAMES_MAX = 65536 };

struct name {
    struct name *next;
    uint64_t kernel_object;
    char text[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct name *buckets[BUCKETS];
static unsigned count;

static struct name **bucket_of(uint64_t kernel_object)
{
    return &buckets[(kernel_object >> 6) * 0x9e3779b97f4a7c15ull >> 54];
}

static struct name *find(uint64_t kernel_object)
{
    struct name *at = *bucket_of(kernel_object);
    while (at && at->kernel_object != kernel_object)
        at = at->next;
    return at;
}

/* The name without the ".kd" of the descriptor. 0 if ROCr does not say. */
static size_t ask_name(hsa_executable_symbol_t symbol, char *text)
{
    uint32_t length = 0;
    if (reef_hsa.hsa_executable_symbol_get_info(symbol, HSA_EXECUTABLE_SYMBOL_INFO_NAME_LENGTH,
                                                &length) != HSA_STATUS_SUCCESS ||
        length == 0 || length >= NAME_SIZE ||
        reef_hsa.hsa_executable_symbol_get_info(symbol, HSA_EXECUTABLE_SYMBOL_INFO_NAME, text) !=
            HSA_STATUS_SUCCESS)
        return 0;
    if (length > 3 && memcmp(text + length - 3, ".kd", 3) == 0)
        length -= 3;
    text[length] = '\0';
    return length;
}

void reef_kernel_name_add(uint64_t kernel_object, hsa_executable_symbol_t symbol)
{
    char text[NAME_SIZE];
    size_t length = ask_name(symbol, text);
    if (length == 0)
        return;
    pthread_mutex_lock(&lock);
    struct name *name = find(kernel_object);
    if (name && strcmp(name->text, text) != 0) {
        name->kernel_object = 0; /* the code object was unloaded, another one lies there now */
        name = NULL;
    }
    if (!name && count < NAMES_MAX && (name = malloc(sizeof(*name) + length + 1))) {
        memcpy(name->text, text, length + 1);
        name->kernel_object = kernel_object;
        name->next = *bucket_of(kernel_object);
        *bucket_of(kernel_object) = name;
        count++;
    }
    pthread_mutex_unlock(&lock);
}

void reef_kernel_name_get(uint64_t kernel_object, char *text, unsigned size)
{
    pthread_mutex_lock(&lock);
    const struct name *name = find(kernel_object);
    const char *from = name ? name->text : "?";
    size_t length = strnlen(from, size - 1);
    memcpy(text, from, length);
    text[length] = '\0';
    pthread_mutex_unlock(&lock);
}
