// SPDX-License-Identifier: Apache-2.0
/*
 * The calls by which memory for the GPU comes and goes: only noted (allocations.h), for the
 * question whether the buffers of a launch overlap. Memory mapped in other ways (SVM ranges,
 * graphics interoperation) is not noted, so launches that use it are not restartable.
 */
#include "shim/amd/allocations.h"
#include "shim/amd/guards.h"
#include "shim/amd/hsa_hooks.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* Whether the host may read the pool's memory by its address: if the CPU agent has it. */
static bool is_host_pool(hsa_amd_memory_pool_t pool)
{
    static _Atomic uint64_t host_pools[8];
    static _Atomic bool listed;
    if (!atomic_load(&listed)) {
        reef_guards_list_host_pools(host_pools, sizeof(host_pools) / sizeof(host_pools[0]));
        atomic_store(&listed, true);
    }
    for (unsigned i = 0; i < sizeof(host_pools) / sizeof(host_pools[0]); i++)
        if (atomic_load(&host_pools[i]) == pool.handle)
            return pool.handle != 0;
    return false;
}

HOOK(hsa_status_t, hsa_amd_memory_pool_allocate)
(hsa_amd_memory_pool_t pool, size_t size, uint32_t flags, void **memory)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    hsa_status_t status = REAL(hsa_amd_memory_pool_allocate)(pool, size, flags, memory);
    if (status == HSA_STATUS_SUCCESS && reef_restart_wanted())
        reef_allocations_add(*memory, size, is_host_pool(pool));
    return status;
}

HOOK(hsa_status_t, hsa_amd_memory_pool_free)(void *memory)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    /* First, so that nobody who gets the same address next is forgotten. */
    if (reef_restart_wanted())
        reef_allocations_remove(memory);
    return REAL(hsa_amd_memory_pool_free)(memory);
}

HOOK(hsa_status_t, hsa_memory_allocate)(hsa_region_t region, size_t size, void **memory)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    hsa_status_t status = REAL(hsa_memory_allocate)(region, size, memory);
    if (status == HSA_STATUS_SUCCESS && reef_restart_wanted())
        reef_allocations_add(*memory, size, false);
    return status;
}

HOOK(hsa_status_t, hsa_memory_free)(void *memory)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    if (reef_restart_wanted())
        reef_allocations_remove(memory);
    return REAL(hsa_memory_free)(memory);
}

/* hsa_amd_memory_unlock names the host's address, so only where that is the GPU's too. */
static void note_locked(const void *host, size_t size, const void *memory)
{
    if (host == memory)
        reef_allocations_add(memory, size, false);
}

HOOK(hsa_status_t, hsa_amd_memory_lock)
(void *host, size_t size, hsa_agent_t *agents, int count, void **memory)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    hsa_status_t status = REAL(hsa_amd_memory_lock)(host, size, agents, count, memory);
    if (status == HSA_STATUS_SUCCESS && reef_restart_wanted())
        note_locked(host, size, *memory);
    return status;
}

HOOK(hsa_status_t, hsa_amd_memory_lock_to_pool)
(void *host, size_t size, hsa_agent_t *agents, int count, hsa_amd_memory_pool_t pool,
 uint32_t flags, void **memory)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    hsa_status_t status =
        REAL(hsa_amd_memory_lock_to_pool)(host, size, agents, count, pool, flags, memory);
    if (status == HSA_STATUS_SUCCESS && reef_restart_wanted())
        note_locked(host, size, *memory);
    return status;
}

HOOK(hsa_status_t, hsa_amd_memory_unlock)(void *host)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    if (reef_restart_wanted())
        reef_allocations_remove(host);
    return REAL(hsa_amd_memory_unlock)(host);
}

HOOK(hsa_status_t, hsa_amd_ipc_memory_attach)
(const hsa_amd_ipc_memory_t *handle, size_t size, uint32_t count, const hsa_agent_t *agents,
 void **memory)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    hsa_status_t status = REAL(hsa_amd_ipc_memory_attach)(handle, size, count, agents, memory);
    if (status == HSA_STATUS_SUCCESS && reef_restart_wanted())
        reef_allocations_add(*memory, size, false);
    return status;
}

HOOK(hsa_status_t, hsa_amd_ipc_memory_detach)(void *memory)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    if (reef_restart_wanted())
        reef_allocations_remove(memory);
    return REAL(hsa_amd_ipc_memory_detach)(memory);
}
