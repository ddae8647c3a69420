// SPDX-License-Identifier: Apache-2.0
/*
 * Where code objects come in: HIP, OpenCL and hipRTC all make a reader (from memory or from a file)
 * and load it into an executable for one GPU. In a BE process the object is loaded with guards
 * instead: a reader of ours with the rewritten bytes takes the place of the application's. If
 * anything about that fails the application's own is loaded, and counted as unguarded.
 *
 * Kernels are known by their addresses from the moment the executable is frozen, when these are
 * final, until it is destroyed. The rewritten bytes are kept as long as the executable: debuggers
 * read the object from memory by its URI.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hsa/hsa_ven_amd_loader.h>

#include "shim/amd/guards.h"
#include "shim/amd/hsa_hooks.h"
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
    if (status == HSA_STATUS_SUCCESS && reef_guards_wanted())
        remember(*reader, bytes, size, NULL);
    return status;
}

HOOK(hsa_status_t, hsa_code_object_reader_create_from_file)
(hsa_file_t file, hsa_code_object_reader_t *reader)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    hsa_status_t status = REAL(hsa_code_object_reader_create_from_file)(file, reader);
    if (status == HSA_STATUS_SUCCESS && reef_guards_wanted()) {
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

struct loaded {
    struct loaded *next;
    uint64_t executable;
    hsa_loaded_code_object_t object;
    hsa_code_object_reader_t reader; /* ours */
    struct reef_rewritten code;      /* owned */
    bool known;                      /* its kernels are in the table */
    uint64_t delta;                  /* from an address in the code object to one in memory */
};

static struct loaded *all_loaded; /* under lock */

static bool rewrite(struct loaded *loaded, hsa_agent_t agent, hsa_code_object_reader_t reader)
{
    struct reef_guards *guards = reef_guards_get(agent);
    int error = -1;
    pthread_mutex_lock(&lock);
    struct reader *at = readers;
    while (at && at->handle != reader.handle)
        at = at->next;
    /* Under the lock, so that nobody destroys the reader meanwhile. */
    if (guards && at)
        error = reef_rewrite(&loaded->code, at->bytes, at->size, &guards->layout);
    pthread_mutex_unlock(&lock);
    return error == 0 && loaded->code.bytes;
}

/* The object with guards. False: nothing was loaded, the application's own is to be. */
static bool load_guarded(struct loaded *loaded, hsa_executable_t executable, hsa_agent_t agent,
                         const char *options)
{
    if (REAL(hsa_code_object_reader_create_from_memory)(loaded->code.bytes, loaded->code.size,
                                                        &loaded->reader) != HSA_STATUS_SUCCESS)
        return false;
    hsa_status_t status = REAL(hsa_executable_load_agent_code_object)(
        executable, agent, loaded->reader, options, &loaded->object);
    if (status == HSA_STATUS_SUCCESS)
        return true;
    reef_warn("a code object with guards was refused (%d); it is loaded without", (int)status);
    REAL(hsa_code_object_reader_destroy)(loaded->reader);
    return false;
}

static void free_loaded(struct loaded *loaded)
{
    reef_rewritten_free(&loaded->code);
    free(loaded);
}

HOOK(hsa_status_t, hsa_executable_load_agent_code_object)
(hsa_executable_t executable, hsa_agent_t agent, hsa_code_object_reader_t reader,
 const char *options, hsa_loaded_code_object_t *object)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    struct loaded *loaded = reef_guards_wanted() ? calloc(1, sizeof(*loaded)) : NULL;
    if (loaded && rewrite(loaded, agent, reader) &&
        load_guarded(loaded, executable, agent, options)) {
        loaded->executable = executable.handle;
        reef_guards_count(loaded->code.guarded,
                          loaded->code.count - loaded->code.guarded + loaded->code.broken);
        reef_debug("code object loaded with guards: %u of %u kernels", loaded->code.guarded,
                   loaded->code.count + loaded->code.broken);
        if (object)
            *object = loaded->object;
        pthread_mutex_lock(&lock);
        loaded->next = all_loaded;
        all_loaded = loaded;
        pthread_mutex_unlock(&lock);
        return HSA_STATUS_SUCCESS;
    }
    if (loaded) {
        reef_guards_count(0, loaded->code.count + loaded->code.broken > 0
                                 ? loaded->code.count + loaded->code.broken
                                 : 1); /* how many kernels it has is not known */
        free_loaded(loaded);
    }
    return REAL(hsa_executable_load_agent_code_object)(executable, agent, reader, options, object);
}

/* --- addresses --- */

static bool load_delta(hsa_loaded_code_object_t object, uint64_t *delta)
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

static void add_kernels(struct loaded *loaded)
{
    if (loaded->known || !load_delta(loaded->object, &loaded->delta))
        return;
    loaded->known = true;
    for (unsigned i = 0; i < loaded->code.count; i++) {
        const struct reef_guarded_kernel *kernel = &loaded->code.kernels[i];
        struct reef_kernel known = {.blocks = loaded->delta + kernel->blocks_va,
                                    .alone = kernel->alone};
        if (kernel->blocks_va)
            reef_guards_add_kernel(loaded->delta + kernel->descriptor_va, &known);
    }
}

HOOK(hsa_status_t, hsa_executable_freeze)(hsa_executable_t executable, const char *options)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    hsa_status_t status = REAL(hsa_executable_freeze)(executable, options);
    if (status != HSA_STATUS_SUCCESS)
        return status;
    pthread_mutex_lock(&lock);
    for (struct loaded *at = all_loaded; at; at = at->next)
        if (at->executable == executable.handle)
            add_kernels(at);
    pthread_mutex_unlock(&lock);
    return status;
}

/* Takes the objects of @executable off the list, and their kernels out of the table. */
static struct loaded *take(hsa_executable_t executable)
{
    struct loaded *taken = NULL;
    pthread_mutex_lock(&lock);
    for (struct loaded **at = &all_loaded; *at;) {
        struct loaded *loaded = *at;
        if (loaded->executable != executable.handle) {
            at = &loaded->next;
            continue;
        }
        *at = loaded->next;
        loaded->next = taken;
        taken = loaded;
        for (unsigned i = 0; i < loaded->code.count && loaded->known; i++)
            reef_guards_remove_kernel(loaded->delta + loaded->code.kernels[i].descriptor_va);
    }
    pthread_mutex_unlock(&lock);
    return taken;
}

HOOK(hsa_status_t, hsa_executable_destroy)(hsa_executable_t executable)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    if (atomic_load(&reef_state.forked))
        return REAL(hsa_executable_destroy)(executable);
    struct loaded *taken = take(executable);
    hsa_status_t status = REAL(hsa_executable_destroy)(executable);
    while (taken) {
        struct loaded *next = taken->next;
        REAL(hsa_code_object_reader_destroy)(taken->reader);
        free_loaded(taken);
        taken = next;
    }
    return status;
}
