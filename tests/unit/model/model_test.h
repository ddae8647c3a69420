// SPDX-License-Identifier: Apache-2.0
/* What the tests of the device model share: cmocka, a profile, a device on the heap. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "emu/model/device.h"

/* The MI50's limits, written out here so that a slip in the data file is seen. */
static const struct emu_profile mi50 = {
    .name = "mi50",
    .compute_units = 60,
    .simds_per_cu = 4,
    .waves_per_simd = 10,
    .vgprs_per_simd = 256,
    .vgpr_granule = 4,
    .sgprs_per_simd = 800,
    .sgpr_granule = 16,
    .lds_bytes_per_cu = 65536,
    .lds_granule = 512,
    .workgroups_per_cu = 16,
    .clock_mhz = 1725,
    .memory_bytes = 17163091968,
    .vmem_latency = 400,
    .lds_latency = 64,
    .smem_latency = 120,
    .packet_ns = 1000,
    .dispatch_ns = 2000,
    .completion_ns = 1000,
    .copy_bytes_per_us = 12000,
    .pcie_latency = 1725,
    .memory_bytes_per_us = 800000,
    .l1_bytes_per_cycle = 64,
    .l2_bytes_per_cycle = 1024,
    .l2_bytes = 4194304,
    .lds_bytes_per_cycle = 128,
};

static inline struct emu_device *new_device(uint32_t timescale_milli, uint64_t wall_ns)
{
    struct emu_device *dev = malloc(sizeof(*dev));

    assert_non_null(dev);
    emu_device_init(dev, &mi50, timescale_milli, wall_ns);
    assert_true(emu_device_valid(dev));
    return dev;
}
