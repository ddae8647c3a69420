// SPDX-License-Identifier: Apache-2.0
/*
 * cuGetProcAddress in both its versions, from the table that generate.py makes of cudaTypedefs.h:
 * the newest version of a symbol that is not newer than the one asked for; with the per-thread flag
 * the suffixed row if there is one. And cuGetExportTable, which knows no table: NVIDIA's private
 * interfaces are not emulated.
 *
 * Threading: no state, any thread.
 */
#include "driver.h"

#include <string.h>

struct row {
    const char *name;
    int version;
    int per_thread;
    void *function;
};

/* Only addresses are wanted, and the versions of a function differ in type. */
#define ROW(name, version, per_thread, symbol)                                                     \
    extern int nv_address_##symbol(void) __asm__(#symbol);
#include "resolver.inc"
#undef ROW

static const struct row rows[] = {
#define ROW(name, version, per_thread, symbol)                                                     \
    {name, version, per_thread, (void *)nv_address_##symbol},
#include "resolver.inc"
#undef ROW
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static bool usable(const struct row *row, const char *name, int version, int per_thread)
{
    return strcmp(row->name, name) == 0 && row->version <= version && row->per_thread == per_thread;
}

/* Rows are sorted by name, suffix, version: the last usable one is the newest. */
static const struct row *find(const char *name, int version, int per_thread)
{
    const struct row *found = NULL;

    for (unsigned i = 0; i < ROWS; i++) {
        if (usable(&rows[i], name, version, per_thread))
            found = &rows[i];
    }
    return found;
}

static bool known(const char *name)
{
    for (unsigned i = 0; i < ROWS; i++) {
        if (strcmp(rows[i].name, name) == 0)
            return true;
    }
    return false;
}

static CUresult resolve(const char *symbol, void **pfn, int version, cuuint64_t flags,
                        CUdriverProcAddressQueryResult *status)
{
    const struct row *row = NULL;

    if (!symbol || !pfn || (flags & ~3ull) || (flags & 3) == 3)
        return CUDA_ERROR_INVALID_VALUE;
    if (flags & CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM)
        row = find(symbol, version, 1);
    if (!row)
        row = find(symbol, version, 0);
    *pfn = row ? row->function : NULL;
    if (status)
        *status = row             ? CU_GET_PROC_ADDRESS_SUCCESS
                  : known(symbol) ? CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT
                                  : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
    return CUDA_SUCCESS; /* also if there is no such symbol: *pfn says so (seen on driver 580) */
}

#undef cuGetProcAddress
CUresult cuGetProcAddress(const char *symbol, void **pfn, int cudaVersion, cuuint64_t flags);
NV_EXPORT CUresult cuGetProcAddress(const char *symbol, void **pfn, int version, cuuint64_t flags)
{
    CUresult rc = resolve(symbol, pfn, version, flags, NULL);

    return rc == CUDA_SUCCESS && !*pfn ? CUDA_ERROR_NOT_FOUND : rc; /* without a status to tell it */
}

NV_EXPORT CUresult cuGetProcAddress_v2(const char *symbol, void **pfn, int version,
                                       cuuint64_t flags, CUdriverProcAddressQueryResult *status)
{
    return resolve(symbol, pfn, version, flags, status);
}

NV_EXPORT CUresult cuGetExportTable(const void **table, const CUuuid *id)
{
    if (!table || !id)
        return CUDA_ERROR_INVALID_VALUE;
    *table = NULL;
    return CUDA_ERROR_NOT_FOUND;
}
