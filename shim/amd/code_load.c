// SPDX-License-Identifier: Apache-2.0
/*
 * Where code objects come in: HIP, OpenCL and hipRTC all make a reader (from memory or from a file)
 * and load it into an executable for one GPU. In a BE process its kernels are analysed (restart.h),
 * and the object is loaded with guards: a reader of ours with the rewritten bytes takes the place
 * of the application's. If anything about that fails the application's own is loaded, and counted
 * as unguarded.
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

/* Addresses relative to the code object. */
struct loaded_kernel {
    uint64_t descriptor_va, blocks_va; /* blocks_va 0: no guards */
    struct reef_ranges *ranges;        /* owned; may be NULL */
    struct reef_restart_rule rule;
};

struct loaded {
    struct loaded *next;
    uint64_t executable;
    hsa_loaded_code_object_t object;
    bool own_reader;
    hsa_code_object_reader_t reader; /* ours, of the rewritten bytes */
    struct reef_rewritten code;      /* owned; empty: loaded without guards */
    struct loaded_kernel *kernels;   /* owned */
    unsigned count;
    bool known;     /* its kernels are in the table */
    uint64_t delta; /* from an address in the code object to one in memory */
};

static struct loaded *all_loaded; /* under lock */

static bool find_bytes(hsa_code_object_reader_t handle, const void **bytes, size_t *size)
{
    pthread_mutex_lock(&lock);
    const struct reader *at = readers;
    while (at && at->handle != handle.handle)
        at = at->next;
    if (at) {
        *bytes = at->bytes;
        *size = at->size;
    }
    pthread_mutex_unlock(&lock);
    return at != NULL;
}

static bool rewrite(struct loaded *loaded, hsa_agent_t agent, const void *bytes, size_t size)
{
    struct reef_guards *guards = reef_guards_wanted() ? reef_guards_get(agent) : NULL;
    return guards && reef_rewrite(&loaded->code, bytes, size, &guards->layout) == 0 &&
           loaded->code.bytes;
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
    loaded->own_reader = status == HSA_STATUS_SUCCESS;
    if (loaded->own_reader)
        return true;
    reef_warn("a code object with guards was refused (%d); it is loaded without", (int)status);
    REAL(hsa_code_object_reader_destroy)(loaded->reader);
    return false;
}

/* What is to be known of each kernel. */
static void list_kernels(struct loaded *loaded, const void *bytes, size_t size)
{
    struct reef_object object;
    struct reef_object_kernel kernel;
    unsigned broken = 0, capacity = 0;
    if (reef_object_open(&object, bytes, size) != 0)
        return;
    for (uint64_t at = 0; reef_object_next_kernel(&object, &at, &kernel, &broken);) {
        if (loaded->count == capacity) {
            capacity = capacity ? 2 * capacity : 16;
            void *grown = realloc(loaded->kernels, capacity * sizeof(*loaded->kernels));
            if (!grown)
                return;
            loaded->kernels = grown;
        }
        const struct reef_guarded_kernel *guarded =
            loaded->own_reader ? &loaded->code.kernels[loaded->count] : NULL;
        struct reef_analysis analysis;
        if (guarded)
            analysis = guarded->analysis;
        else
            reef_analyse(&analysis, &object, &kernel);
        struct reef_ranges *ranges = analysis.restart == REEF_RESTART_IF_DISJOINT
                                         ? reef_analyse_ranges(&object, &kernel)
                                         : NULL;
        loaded->kernels[loaded->count++] = (struct loaded_kernel){
            .descriptor_va = kernel.descriptor_va,
            .blocks_va = guarded ? guarded->blocks_va : 0,
            .ranges = ranges,
            .rule = reef_restart_rule_for(&kernel, &analysis, ranges, guarded && guarded->alone),
        };
    }
}

static void count_kernels(const struct loaded *loaded)
{
    unsigned guarded = loaded->own_reader ? loaded->code.guarded : 0;
    unsigned all = loaded->count + loaded->code.broken;
    if (reef_guards_wanted()) /* of an object that cannot be read it is not known how many */
        reef_guards_count(guarded, all > 0 ? all - guarded : 1);
    reef_debug("code object loaded: %u kernels, %u with guards", all, guarded);
}

static void free_known(struct loaded *loaded)
{
    for (unsigned i = 0; i < loaded->count; i++)
        reef_ranges_free(loaded->kernels[i].ranges);
    free(loaded->kernels);
    reef_rewritten_free(&loaded->code);
}

static void free_loaded(struct loaded *loaded)
{
    if (loaded->own_reader)
        REAL(hsa_code_object_reader_destroy)(loaded->reader);
    free_known(loaded);
    free(loaded);
}

HOOK(hsa_status_t, hsa_executable_load_agent_code_object)
(hsa_executable_t executable, hsa_agent_t agent, hsa_code_object_reader_t reader,
 const char *options, hsa_loaded_code_object_t *object)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    const void *bytes;
    size_t size;
    hsa_status_t status = HSA_STATUS_SUCCESS;
    struct loaded *loaded =
        reef_hsa_has_guards() && reef_restart_wanted() && find_bytes(reader, &bytes, &size)
            ? calloc(1, sizeof(*loaded))
            : NULL;
    if (!loaded)
        return REAL(hsa_executable_load_agent_code_object)(executable, agent, reader, options,
                                                           object);
    loaded->executable = executable.handle;
    if (!rewrite(loaded, agent, bytes, size) || !load_guarded(loaded, executable, agent, options))
        status = REAL(hsa_executable_load_agent_code_object)(executable, agent, reader, options,
                                                             &loaded->object);
    if (status != HSA_STATUS_SUCCESS) {
        free_loaded(loaded);
        return status;
    }
    if (object)
        *object = loaded->object;
    list_kernels(loaded, bytes, size);
    count_kernels(loaded);
    pthread_mutex_lock(&lock);
    loaded->next = all_loaded;
    all_loaded = loaded;
    pthread_mutex_unlock(&lock);
    return status;
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
    for (unsigned i = 0; i < loaded->count; i++) {
        const struct loaded_kernel *kernel = &loaded->kernels[i];
        struct reef_kernel known = {
            .blocks = kernel->blocks_va ? loaded->delta + kernel->blocks_va : 0,
            .rule = kernel->rule,
        };
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
        for (unsigned i = 0; i < loaded->count && loaded->known; i++)
            reef_guards_remove_kernel(loaded->delta + loaded->kernels[i].descriptor_va);
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
        free_loaded(taken);
        taken = next;
    }
    return status;
}

void reef_code_load_forget(void)
{
    pthread_mutex_lock(&lock);
    while (all_loaded) {
        struct loaded *next = all_loaded->next;
        free_known(all_loaded);
        free(all_loaded);
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
