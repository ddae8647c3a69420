// SPDX-License-Identifier: Apache-2.0
/*
 * Stands in for the rest of the driver when sdma.c is tested alone: two ranges of device memory
 * that touch (they lie apart in host memory), and counted reports. Definitions: include it in one
 * file only.
 */
#pragma once

#include "emu/amd/driver.h"

#include <stdio.h>
#include <stdlib.h>

enum { SDMA_RANGE = 8 * 4096 };
#define SDMA_VA  0x500000000000ull
#define SDMA_END (SDMA_VA + 2 * SDMA_RANGE)

static char *sdma_ranges[2]; /* exact allocations, so that a sanitizer sees what leaves them */
static unsigned sdma_missing, sdma_reports;
static char sdma_text[256];

static void sdma_memory_reset(void)
{
    for (unsigned i = 0; i < 2; i++) {
        free(sdma_ranges[i]);
        sdma_ranges[i] = calloc(1, SDMA_RANGE);
        if (!sdma_ranges[i])
            abort();
    }
    sdma_missing = sdma_reports = 0;
}

static void sdma_memory_free(void)
{
    for (unsigned i = 0; i < 2; i++) {
        free(sdma_ranges[i]);
        sdma_ranges[i] = NULL;
    }
}

void *emu_vm_host(uint64_t va, size_t size)
{
    uint64_t at = va - SDMA_VA;

    if (at >= 2 * SDMA_RANGE || at % SDMA_RANGE + size > SDMA_RANGE)
        return NULL;
    return sdma_ranges[at / SDMA_RANGE] + at % SDMA_RANGE;
}

void emu_missing(const char *format, ...)
{
    va_list arguments;

    sdma_missing++;
    va_start(arguments, format);
    vsnprintf(sdma_text, sizeof(sdma_text), format, arguments);
    va_end(arguments);
}

void emu_report(const char *format, ...)
{
    va_list arguments;

    sdma_reports++;
    va_start(arguments, format);
    vsnprintf(sdma_text, sizeof(sdma_text), format, arguments);
    va_end(arguments);
}
