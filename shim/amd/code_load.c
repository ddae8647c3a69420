// SPDX-License-Identifier: Apache-2.0
/*
 * Where code objects come in: HIP, OpenCL and hipRTC all make a reader (from memory or from a file)
 * and load it into an executable for one GPU. It is loaded as it is. In a BE process its bytes are
 * kept, and where its kernels are: all else is found out when one is launched (prepare.h), for of
 * large libraries most never are.
 *
 * Kernels are known by their addresses from the moment the executable is frozen, when these are
 * final, until it is destroyed. What was made for them is unloaded then.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hsa/hsa_ven_amd_loader.h>

#include "shim/amd/hsa_hooks.h"
#include "shim/amd/prepare.h"
#include "shim/preload/log.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

enum { FILE_BYTES_MAX = 1 << 30 };

/* --- readers --- */

struct reader {
    struct reader *next;
    uint64_t handle;
    const void *bytes; /* the application's, or @copy */
    size_t size;
    void *copy; /* owned; NULL: not from a file */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct reader *readers;

static void remember(hsa_code_object_reader_t handle, const void *bytes, size_t size, void *copy)
{
    struct reader *reader = malloc(sizeof(*reader));
    if (!reader) {
        free(copy);
        return;
    }
    *reader = (struct reader){.handle = handle.handle, .bytes = bytes, .size = size, .copy = copy};
    pthread_mutex_lock(&lock);
    reader->next = readers;
    readers = reader;
    pthread_mutex_unlock(&lock);
}

static void forget(hsa_code_object_reader_t handle)
{
    struct reader *found = NULL;
    pthread_mutex_lock(&lock);
    for (struct reader **at = &readers; *at; at = &(*at)->next) {
        if ((*at)->handle == handle.handle) {
            found = *at;
            *at = found->next;
            break;
        }
    }
    pthread_mutex_unlock(&lock);
    if (found)
        free(found->copy);
    free(found);
}

/* The whole file, or NULL. The descriptor's position is not changed. */
static void *read_whole(int fd, size_t *size)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 ||
        st.st_size > FILE_BYTES_MAX)
        return NULL;
    char *bytes = malloc((size_t)st.st_size);
    size_t got = 0;
    while (bytes && got < (size_t)st.st_size) {
        ssize_t n = pread(fd, bytes + got, (size_t)st.st_size - got, (off_t)got);
        if (n <= 0) {
            free(bytes);
            return NULL;
        }
        got += (size_t)n;
    }
    *size = got;
    return bytes;
}

HOOK(hsa_status_t, hsa_code_object_reader_create_from_memory)
(const void *bytes, size_t size, hsa_code_object_reader_t *reader)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    hsa_status_t status = REAL(hsa_code_object_reader_create_from_memory)(bytes, size, reader);
    if (status == HSA_STATUS_SUCCESS && reef_restart_wanted())
        remember(*reader, bytes, size, NULL);
    return status;
}

HOOK(hsa_status_t, hsa_code_object_reader_create_from_file)
(hsa_file_t file, hsa_code_object_reader_t *reader)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    hsa_status_t status = REAL(hsa_code_object_reader_create_from_file)(file, reader);
    if (status == HSA_STATUS_SUCCESS && reef_restart_wanted()) {
        size_t size = 0;
        void *copy = read_whole(file, &size);
        if (copy)
            remember(*reader, copy, size, copy);
    }
    return status;
}

HOOK(hsa_status_t, hsa_code_object_reader_destroy)(hsa_code_object_reader_t reader)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    forget(reader);
    return REAL(hsa_code_object_reader_destroy)(reader);
}

/* --- loaded code objects --- */

struct known_kernel {
    uint64_t descriptor_va; /* relative to the code object */
    uint64_t symbol;
    struct reef_prepared *prepared; /* owned; NULL: it was not launched, or in vain */
};

struct reef_loaded {
    struct reef_loaded *next;
    uint64_t executable;
    hsa_agent_t agent;
    hsa_loaded_code_object_t object;
    uint8_t *bytes; /* owned; the application may free its own when it has destroyed the reader */
    size_t size;
    struct known_kernel *kernels; /* owned */
    unsigned count, broken;
    unsigned uses;  /* kernels of it that are being prepared */
    bool known;     /* its kernels are in the table */
    uint64_t delta; /* from an address in the code object to one in memory */
};

static struct reef_loaded *all_loaded; /* under lock */
static pthread_cond_t unused = PTHREAD_COND_INITIALIZER;

/* A copy of what the reader reads, or NULL. */
static uint8_t *copy_bytes(hsa_code_object_reader_t handle, size_t *size)
{
    uint8_t *copy = NULL;
    pthread_mutex_lock(&lock);
    const struct reader *at = readers;
    while (at && at->handle != handle.handle)
        at = at->next;
    if (at && (copy = malloc(at->size))) {
        memcpy(copy, at->bytes, at->size);
        *size = at->size;
    }
    pthread_mutex_unlock(&lock);
    return copy;
}

/* Where its kernels are. */
static void list_kernels(struct reef_loaded *loaded)
{
    struct reef_object object;
    unsigned capacity = 0;
    uint64_t descriptor_va;
    if (reef_object_open(&object, loaded->bytes, loaded->size) != 0)
        return;
    for (uint64_t at = 0;
         reef_object_next_descriptor(&object, &at, &descriptor_va, &loaded->broken);) {
        if (loaded->count == capacity) {
            capacity = capacity ? 2 * capacity : 16;
            void *grown = realloc(loaded->kernels, capacity * sizeof(*loaded->kernels));
            if (!grown)
                return;
            loaded->kernels = grown;
        }
        loaded->kernels[loaded->count++] =
            (struct known_kernel){.descriptor_va = descriptor_va, .symbol = at - 1};
    }
}

static void count_kernels(const struct reef_loaded *loaded)
{
    bool readable = loaded->count + loaded->broken > 0; /* else it is not known how many */
    if (reef_guards_wanted())
        reef_guards_count(0, readable ? loaded->broken : 1);
    reef_debug("code object loaded: %u kernels, %u damaged", loaded->count, loaded->broken);
}

static void free_loaded(struct reef_loaded *loaded, bool unload)
{
    for (unsigned i = 0; i < loaded->count; i++)
        reef_prepared_free(loaded->kernels[i].prepared, unload);
    free(loaded->kernels);
    free(loaded->bytes);
    free(loaded);
}

HOOK(hsa_status_t, hsa_executable_load_agent_code_object)
(hsa_executable_t executable, hsa_agent_t agent, hsa_code_object_reader_t reader,
 const char *options, hsa_loaded_code_object_t *object)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    hsa_loaded_code_object_t own = {0};
    hsa_status_t status = REAL(hsa_executable_load_agent_code_object)(
        executable, agent, reader, options, object ? object : &own);
    if (status != HSA_STATUS_SUCCESS || !reef_hsa_has_guards() || !reef_restart_wanted())
        return status;
    struct reef_loaded *loaded = calloc(1, sizeof(*loaded));
    if (loaded && !(loaded->bytes = copy_bytes(reader, &loaded->size))) {
        free(loaded);
        loaded = NULL;
    }
    if (!loaded)
        return status;
    loaded->executable = executable.handle;
    loaded->agent = agent;
    loaded->object = object ? *object : own;
    list_kernels(loaded);
    count_kernels(loaded);
    pthread_mutex_lock(&lock);
    loaded->next = all_loaded;
    all_loaded = loaded;
    pthread_mutex_unlock(&lock);
    return status;
}

/* --- addresses --- */

bool reef_code_delta(hsa_loaded_code_object_t object, uint64_t *delta)
{
    hsa_ven_amd_loader_1_01_pfn_t table;
    int64_t value = 0;
    memset(&table, 0, sizeof(table));
    if (reef_hsa.hsa_system_get_major_extension_table(HSA_EXTENSION_AMD_LOADER, 1, sizeof(table),
                                                      &table) != HSA_STATUS_SUCCESS ||
        !table.hsa_ven_amd_loader_loaded_code_object_get_info ||
        table.hsa_ven_amd_loader_loaded_code_object_get_info(
            object, HSA_VEN_AMD_LOADER_LOADED_CODE_OBJECT_INFO_LOAD_DELTA, &value) !=
            HSA_STATUS_SUCCESS)
        return false;
    *delta = (uint64_t)value;
    return true;
}

static void add_kernels(struct reef_loaded *loaded)
{
    const struct reef_kernel pending = {.pending = true};
    if (loaded->known || !reef_code_delta(loaded->object, &loaded->delta))
        return;
    loaded->known = true;
    for (unsigned i = 0; i < loaded->count; i++)
        reef_guards_add_kernel(loaded->delta + loaded->kernels[i].descriptor_va, &pending);
}

HOOK(hsa_status_t, hsa_executable_freeze)(hsa_executable_t executable, const char *options)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    hsa_status_t status = REAL(hsa_executable_freeze)(executable, options);
    if (status != HSA_STATUS_SUCCESS)
        return status;
    pthread_mutex_lock(&lock);
    for (struct reef_loaded *at = all_loaded; at; at = at->next)
        if (at->executable == executable.handle)
            add_kernels(at);
    pthread_mutex_unlock(&lock);
    return status;
}

/* Takes the objects of @executable off the list, and their kernels out of the table. Then nothing
 * of them is prepared any more. */
static struct reef_loaded *remove_objects(hsa_executable_t executable)
{
    struct reef_loaded *removed = NULL;
    pthread_mutex_lock(&lock);
    for (struct reef_loaded **at = &all_loaded; *at;) {
        struct reef_loaded *loaded = *at;
        if (loaded->executable != executable.handle) {
            at = &loaded->next;
            continue;
        }
        *at = loaded->next;
        loaded->next = removed;
        removed = loaded;
        for (unsigned i = 0; i < loaded->count && loaded->known; i++)
            reef_guards_remove_kernel(loaded->delta + loaded->kernels[i].descriptor_va);
        loaded->known = false;
    }
    for (struct reef_loaded *at = removed; at; at = at->next)
        while (at->uses > 0)
            pthread_cond_wait(&unused, &lock);
    pthread_mutex_unlock(&lock);
    return removed;
}

HOOK(hsa_status_t, hsa_executable_destroy)(hsa_executable_t executable)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    if (atomic_load(&reef_state.forked))
        return REAL(hsa_executable_destroy)(executable);
    struct reef_loaded *removed = remove_objects(executable);
    hsa_status_t status = REAL(hsa_executable_destroy)(executable);
    while (removed) {
        struct reef_loaded *next = removed->next;
        free_loaded(removed, true);
        removed = next;
    }
    return status;
}

void reef_code_forget(void)
{
    pthread_mutex_lock(&lock);
    while (all_loaded) {
        struct reef_loaded *next = all_loaded->next;
        if (all_loaded->uses == 0) /* else the thread that prepares did not end in time */
            free_loaded(all_loaded, false);
        all_loaded = next;
    }
    while (readers) {
        struct reader *next = readers->next;
        free(readers->copy);
        free(readers);
        readers = next;
    }
    pthread_mutex_unlock(&lock);
}

/* --- kernels to be prepared --- */

/* lock held. */
static bool find_kernel(uint64_t kernel_object, struct reef_code_kernel *kernel)
{
    for (struct reef_loaded *at = all_loaded; at; at = at->next) {
        for (unsigned i = 0; at->known && i < at->count; i++) {
            if (at->delta + at->kernels[i].descriptor_va != kernel_object)
                continue;
            *kernel = (struct reef_code_kernel){
                .loaded = at, .number = i, .kernel_object = kernel_object, .agent = at->agent};
            return !at->kernels[i].prepared;
        }
    }
    return false;
}

bool reef_code_take(uint64_t kernel_object, struct reef_code_kernel *kernel)
{
    unsigned broken = 0;
    pthread_mutex_lock(&lock);
    bool found = find_kernel(kernel_object, kernel);
    if (found)
        kernel->loaded->uses++;
    pthread_mutex_unlock(&lock);
    if (!found)
        return false;
    const struct reef_loaded *loaded = kernel->loaded;
    uint64_t symbol = loaded->kernels[kernel->number].symbol;
    /* It was found there before. */
    if (reef_object_open(&kernel->object, loaded->bytes, loaded->size) != 0 ||
        !reef_object_next_kernel(&kernel->object, &symbol, &kernel->kernel, &broken)) {
        const struct reef_kernel nothing = {0};
        reef_code_give(kernel, NULL, &nothing);
        return false;
    }
    kernel->entry = loaded->delta + kernel->kernel.entry_va;
    return true;
}

bool reef_code_is_leaving(const struct reef_code_kernel *kernel)
{
    pthread_mutex_lock(&lock);
    bool leaving = !kernel->loaded->known;
    pthread_mutex_unlock(&lock);
    return leaving;
}

void reef_code_give(const struct reef_code_kernel *kernel, struct reef_prepared *prepared,
                    const struct reef_kernel *known)
{
    struct reef_loaded *loaded = kernel->loaded;
    pthread_mutex_lock(&lock);
    loaded->kernels[kernel->number].prepared = prepared;
    if (loaded->known) /* else it is about to be unloaded */
        reef_guards_add_kernel(kernel->kernel_object, known);
    if (--loaded->uses == 0)
        pthread_cond_broadcast(&unused);
    pthread_mutex_unlock(&lock);
}
