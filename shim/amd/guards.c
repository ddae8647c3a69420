// SPDX-License-Identifier: Apache-2.0
/* The memory of guards, and the table of guarded kernels. See guards.h. */
#include "shim/amd/guards.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "shim/amd/code/inside.h"
#include "shim/preload/log.h"

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct reef_guards *list;

bool reef_guards_wanted(void)
{
    const struct reef_config *config = &reef_state.config;
    return reef_restart_wanted() &&
           (config->reset == REEF_RESET_AUTO || config->reset == REEF_RESET_GUARD);
}

/* --- memory --- */

struct search {
    hsa_amd_memory_pool_t pool;
    hsa_agent_t cpu;
    bool fine, found;
};

static hsa_status_t match_pool(hsa_amd_memory_pool_t pool, void *arg)
{
    struct search *search = arg;
    hsa_amd_segment_t segment;
    uint32_t flags = 0;
    bool allowed = false;
    if (reef_hsa.hsa_amd_memory_pool_get_info(pool, HSA_AMD_MEMORY_POOL_INFO_SEGMENT, &segment) ||
        segment != HSA_AMD_SEGMENT_GLOBAL ||
        reef_hsa.hsa_amd_memory_pool_get_info(pool, HSA_AMD_MEMORY_POOL_INFO_GLOBAL_FLAGS,
                                              &flags) ||
        reef_hsa.hsa_amd_memory_pool_get_info(pool, HSA_AMD_MEMORY_POOL_INFO_RUNTIME_ALLOC_ALLOWED,
                                              &allowed) ||
        !allowed)
        return HSA_STATUS_SUCCESS;
    bool fine = (flags & HSA_AMD_MEMORY_POOL_GLOBAL_FLAG_FINE_GRAINED) != 0;
    /* On the GPU whatever there is, best what is not cached. */
    if (fine != search->fine && (search->fine || search->found))
        return HSA_STATUS_SUCCESS;
    search->pool = pool;
    search->found = true;
    return fine ? HSA_STATUS_INFO_BREAK : HSA_STATUS_SUCCESS;
}

static hsa_status_t match_cpu(hsa_agent_t agent, void *arg)
{
    struct search *search = arg;
    hsa_device_type_t type;
    if (reef_hsa.hsa_agent_get_info(agent, HSA_AGENT_INFO_DEVICE, &type) ||
        type != HSA_DEVICE_TYPE_CPU)
        return HSA_STATUS_SUCCESS;
    search->cpu = agent;
    reef_hsa.hsa_amd_agent_iterate_memory_pools(agent, match_pool, search);
    return search->found ? HSA_STATUS_INFO_BREAK : HSA_STATUS_SUCCESS;
}

struct pool_list {
    _Atomic uint64_t *pools;
    unsigned count, found;
};

static hsa_status_t note_pool(hsa_amd_memory_pool_t pool, void *arg)
{
    struct pool_list *list_of = arg;
    if (list_of->found < list_of->count)
        atomic_store(&list_of->pools[list_of->found++], pool.handle);
    return HSA_STATUS_SUCCESS;
}

static hsa_status_t note_cpu_pools(hsa_agent_t agent, void *arg)
{
    hsa_device_type_t type;
    if (!reef_hsa.hsa_agent_get_info(agent, HSA_AGENT_INFO_DEVICE, &type) &&
        type == HSA_DEVICE_TYPE_CPU)
        reef_hsa.hsa_amd_agent_iterate_memory_pools(agent, note_pool, arg);
    return HSA_STATUS_SUCCESS;
}

void reef_guards_list_host_pools(_Atomic uint64_t *pools, unsigned count)
{
    struct pool_list list_of = {.pools = pools, .count = count};
    if (reef_hsa_has_guards())
        reef_hsa.hsa_iterate_agents(note_cpu_pools, &list_of);
}

/* Zeroed memory of @pool that @other may use too, or NULL. */
static void *allocate(hsa_amd_memory_pool_t pool, hsa_agent_t other, size_t bytes)
{
    hsa_amd_memory_pool_access_t access = HSA_AMD_MEMORY_POOL_ACCESS_NEVER_ALLOWED;
    void *memory = NULL;
    if (reef_hsa.hsa_amd_agent_memory_pool_get_info(
            other, pool, HSA_AMD_AGENT_MEMORY_POOL_INFO_ACCESS, &access) ||
        access == HSA_AMD_MEMORY_POOL_ACCESS_NEVER_ALLOWED ||
        reef_hsa.hsa_amd_memory_pool_allocate(pool, bytes, 0, &memory))
        return NULL;
    if (access == HSA_AMD_MEMORY_POOL_ACCESS_DISALLOWED_BY_DEFAULT &&
        reef_hsa.hsa_amd_agents_allow_access(1, &other, NULL, memory)) {
        reef_hsa.hsa_amd_memory_pool_free(memory);
        return NULL;
    }
    memset(memory, 0, bytes);
    return memory;
}

static bool allocate_all(struct reef_guards *guards)
{
    struct search cpu = {.fine = true}, gpu = {.fine = false};
    reef_hsa.hsa_iterate_agents(match_cpu, &cpu);
    reef_hsa.hsa_amd_agent_iterate_memory_pools(guards->agent, match_pool, &gpu);
    if (!cpu.found || !gpu.found)
        return false;
    guards->lines = allocate(gpu.pool, cpu.cpu, (size_t)guards->queues * REEF_LINE_BYTES);
    guards->records =
        allocate(cpu.pool, guards->agent, (size_t)guards->layout.tickets * REEF_RECORD_BYTES);
    if (guards->lines && guards->records) {
        guards->layout.lines = (uint64_t)(uintptr_t)guards->lines;
        guards->layout.records = (uint64_t)(uintptr_t)guards->records;
        return true;
    }
    if (guards->lines)
        reef_hsa.hsa_amd_memory_pool_free((void *)guards->lines);
    if (guards->records)
        reef_hsa.hsa_amd_memory_pool_free((void *)guards->records);
    return false;
}

/* Every kernel has two blocks for each ticket, so there are no more of these than the depth asks
 * for; and lines for a few queues, HIP has four. */
static void lay_out(struct reef_guards *guards)
{
    enum { TICKETS = 64, QUEUES_MIN = 4, PER_QUEUE_MAX = REEF_TICKETS_MAX / QUEUES_MIN };
    unsigned shift = 0;
    while (1u << shift < reef_state.config.depth && 1u << shift < PER_QUEUE_MAX)
        shift++;
    guards->queues = (TICKETS >> shift) < QUEUES_MIN ? QUEUES_MIN : TICKETS >> shift;
    guards->layout.per_queue_shift = shift;
    guards->layout.tickets = guards->queues << shift;
}

static struct reef_guards *make(hsa_agent_t agent)
{
    struct reef_guards *guards = calloc(1, sizeof(*guards));
    if (!guards)
        return NULL;
    guards->agent = agent;
    lay_out(guards);
    if (!reef_hsa_has_guards() || !allocate_all(guards)) {
        reef_info("no guards: the GPU's memory is not in reach of the host");
        guards->queues = 0; /* kept, so that this is not tried again */
    }
    return guards;
}

struct reef_guards *reef_guards_get(hsa_agent_t agent)
{
    pthread_mutex_lock(&list_lock);
    struct reef_guards *guards = list;
    while (guards && guards->agent.handle != agent.handle)
        guards = guards->next;
    if (!guards && (guards = make(agent))) {
        guards->next = list;
        list = guards;
    }
    pthread_mutex_unlock(&list_lock);
    return guards && guards->queues > 0 ? guards : NULL;
}

/* --- lines --- */

int reef_guards_take_line(struct reef_guards *guards)
{
    uint64_t used = atomic_load(&guards->queues_used);
    unsigned line;
    do {
        line = (unsigned)__builtin_ctzll(~used | 1ull << 63);
        if (line >= guards->queues)
            return -1;
    } while (!atomic_compare_exchange_weak(&guards->queues_used, &used, used | 1ull << line));
    reef_guards_lower(guards, (int)line, true);
    return (int)line;
}

void reef_guards_give_line(struct reef_guards *guards, int line)
{
    atomic_fetch_and(&guards->queues_used, ~(1ull << line));
}

/* The aperture may be mapped write-combining: a fence sends the store on its way, and before the
 * doorbell of a packet that is to find it. */
static void store(struct reef_guards *guards, int line, unsigned offset, uint32_t value)
{
    guards->lines[(size_t)line * (REEF_LINE_BYTES / 4) + offset / 4] = value;
}

void reef_guards_look_at_board(struct reef_guards *guards, bool look)
{
    look = look && guards->board_page;
    if (guards->looks == look)
        return;
    guards->looks = look;
    for (unsigned line = 0; line < guards->queues; line++)
        store(guards, (int)line, REEF_GUARD_LOOK, look && !(guards->blind >> line & 1));
    atomic_thread_fence(memory_order_seq_cst);
}

/* The agent may be storing to all lines just now: whoever is last has seen both words. */
void reef_guards_look_from(struct reef_guards *guards, int line, bool look)
{
    uint64_t bit = 1ull << line;
    if (look)
        atomic_fetch_and(&guards->blind, ~bit);
    else
        atomic_fetch_or(&guards->blind, bit);
    store(guards, line, REEF_GUARD_LOOK, look && guards->looks);
    atomic_thread_fence(memory_order_seq_cst);
}

void reef_guards_set_board(struct reef_guards *guards, const void *word)
{
    enum { PAGE = 4096 };
    void *page = (void *)((uintptr_t)word & ~(uintptr_t)(PAGE - 1)), *on_gpu = NULL;
    uint64_t address = 0;
    if (word &&
        reef_hsa.hsa_amd_memory_lock(page, PAGE, &guards->agent, 1, &on_gpu) == HSA_STATUS_SUCCESS)
        address = (uint64_t)(uintptr_t)on_gpu + ((uintptr_t)word & (PAGE - 1));
    else if (word)
        reef_info("guards do not look at the board: the GPU cannot be given its memory");
    guards->looks = false;
    for (unsigned line = 0; line < guards->queues; line++) {
        store(guards, (int)line, REEF_GUARD_LOOK, 0);
        store(guards, (int)line, REEF_GUARD_BOARD, (uint32_t)address);
        store(guards, (int)line, REEF_GUARD_BOARD + 4, (uint32_t)(address >> 32));
    }
    atomic_thread_fence(memory_order_seq_cst);
    if (guards->board_page)
        reef_hsa.hsa_amd_memory_unlock(guards->board_page);
    guards->board_page = address ? page : NULL;
}

/* The flag and its replicas. */
static void store_flag(struct reef_guards *guards, int line, uint32_t value)
{
    store(guards, line, REEF_GUARD_FLAG, value);
    for (unsigned i = 0; i < REEF_INSIDE_REPLICAS; i++)
        store(guards, line, (i + 1) * REEF_GUARD_REPLICA, value);
}

void reef_guards_raise(struct reef_guards *guards, int line)
{
    store_flag(guards, line, 1);
    atomic_thread_fence(memory_order_seq_cst);
}

void reef_guards_lower(struct reef_guards *guards, int line, bool empty)
{
    store_flag(guards, line, 0);
    if (empty)
        store(guards, line, REEF_GUARD_CHAIN, 0);
    atomic_thread_fence(memory_order_seq_cst);
}

/* --- kernels --- */

enum { BUCKETS = 4096 };

struct entry {
    struct entry *next;
    uint64_t kernel_object;
    struct reef_kernel kernel;
};

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry *buckets[BUCKETS];
static _Atomic uint64_t table_version; /* changed under the lock, together with the table */
static _Atomic uint64_t kernels_guarded, kernels_unguarded;

static struct entry **find(uint64_t kernel_object)
{
    struct entry **at = &buckets[(kernel_object >> 6) * 0x9e3779b97f4a7c15ull >> 52];
    while (*at && (*at)->kernel_object != kernel_object)
        at = &(*at)->next;
    return at;
}

void reef_guards_add_kernel(uint64_t kernel_object, const struct reef_kernel *kernel)
{
    struct entry *entry = malloc(sizeof(*entry));
    pthread_mutex_lock(&table_lock);
    atomic_fetch_add(&table_version, 1);
    struct entry **at = find(kernel_object);
    if (*at) { /* of a code object that was there before */
        (*at)->kernel = *kernel;
    } else if (entry) {
        *entry = (struct entry){.kernel_object = kernel_object, .kernel = *kernel};
        *at = entry;
        entry = NULL;
    }
    pthread_mutex_unlock(&table_lock);
    free(entry);
}

void reef_guards_remove_kernel(uint64_t kernel_object)
{
    pthread_mutex_lock(&table_lock);
    atomic_fetch_add(&table_version, 1);
    struct entry **at = find(kernel_object), *entry = *at;
    if (entry)
        *at = entry->next;
    pthread_mutex_unlock(&table_lock);
    free(entry);
}

void reef_guards_give_up_kernel(uint64_t kernel_object)
{
    pthread_mutex_lock(&table_lock);
    struct entry *entry = *find(kernel_object);
    if (entry && entry->kernel.pending) {
        atomic_fetch_add(&table_version, 1);
        entry->kernel = (struct reef_kernel){0};
    }
    pthread_mutex_unlock(&table_lock);
}

bool reef_guards_find(uint64_t kernel_object, struct reef_kernel *kernel)
{
    pthread_mutex_lock(&table_lock);
    const struct entry *entry = *find(kernel_object);
    if (entry)
        *kernel = entry->kernel;
    pthread_mutex_unlock(&table_lock);
    return entry != NULL;
}

const struct reef_kernel *reef_guards_find_cached(struct reef_kernel_cache *cache,
                                                  uint64_t kernel_object)
{
    enum { ENTRIES = sizeof(cache->entries) / sizeof(cache->entries[0]) };
    struct reef_cached_kernel *entry = &cache->entries[(kernel_object >> 6) % ENTRIES];
    /* Before the table is looked at: so an entry is never thought younger than it is. */
    uint64_t version = atomic_load_explicit(&table_version, memory_order_acquire);
    if (reef_unlikely(entry->kernel_object != kernel_object || entry->version != version)) {
        entry->known = reef_guards_find(kernel_object, &entry->kernel);
        entry->kernel_object = kernel_object;
        entry->version = version;
    }
    return entry->known ? &entry->kernel : NULL;
}

void reef_guards_count(unsigned guarded, unsigned unguarded)
{
    atomic_fetch_add(&kernels_guarded, guarded);
    atomic_fetch_add(&kernels_unguarded, unguarded);
}

struct reef_guard_counts reef_guards_counts(void)
{
    return (struct reef_guard_counts){
        .kernels = atomic_load(&kernels_guarded),
        .unguarded = atomic_load(&kernels_unguarded),
    };
}

void reef_guards_forget(void)
{
    pthread_mutex_lock(&list_lock);
    list = NULL; /* stopped queues may still point to what was in it */
    pthread_mutex_unlock(&list_lock);
    pthread_mutex_lock(&table_lock);
    atomic_fetch_add(&table_version, 1);
    for (unsigned i = 0; i < BUCKETS; i++) {
        while (buckets[i]) {
            struct entry *next = buckets[i]->next;
            free(buckets[i]);
            buckets[i] = next;
        }
    }
    pthread_mutex_unlock(&table_lock);
}
