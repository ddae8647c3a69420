// SPDX-License-Identifier: Apache-2.0
/*
 * Padding: which work-groups of held BE kernels run beside an RT kernel, on the compute units that
 * it leaves free, as one merged kernel (REEF, OSDI'22, section 5, "dynamic kernel padding").
 *
 * The RT kernel needs ceil(groups / CUs) *layers*, so it fills ceil(groups / layers) units; the
 * rest is left over. A merged kernel has the registers, the LDS and the work-group size of the
 * largest of its parts. Two rules: time       a BE part ends before the RT kernel does occupancy
 * the merged kernel fits on a unit as often as the RT kernel needs: the lesser of its layers and
 * its own occupancy REEF takes the first BE kernel that obeys both. Beyond that, as switches:
 * several BE kernels, each on units of its own, by how much work they bring forward per unit, and
 * the rule on occupancy is asked of all parts together; LDS counts; a margin on time.
 *
 * Pure: reads its arguments, allocates nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/** What padding must know of a GPU. Registers are those of one SIMD, as in a device profile. */
struct reef_pad_device {
    uint32_t cus, simds, waves_per_simd, groups_per_cu; /* the last: of more than one wave */
    uint32_t vgprs, vgpr_granule, sgprs, sgpr_granule, lds_bytes, lds_granule;
};

/** What padding must know of a kernel. */
struct reef_pad_kernel {
    uint32_t groups;                         /* work-groups */
    uint32_t waves, vgprs, sgprs, lds_bytes; /* of one; registers per wave */
    const uint32_t *time_ns;                 /* borrowed; [n - 1]: of a work-group, n on a unit */
    uint32_t times;
    uint64_t alone_ns; /* of the whole kernel, alone on the GPU */
    uint32_t
        overhead_ns; /* what timing it by itself added to each of these times (REEF's profiles) */
};

struct reef_pad_rules {
    uint32_t kernels;     /* most BE kernels beside one RT kernel; 0: no padding */
    bool first_fit;       /* the first that obeys the rules, not the one that gains most */
    bool ignore_lds;      /* REEF's published code: LDS does not count for occupancy */
    bool profiled;        /* decide by times with overhead_ns, as REEF does */
    uint32_t launch_ns;   /* and the RT kernel's with its launch on top */
    uint32_t merge_milli; /* what merging costs an RT kernel, in thousandths of its time */
    /* What padding may cost RT kernels on average, merging and BE parts that end late, in
     * thousandths of their time. 0: no bound on merging, and BE parts never end late. */
    uint32_t allowance_milli;
    uint32_t finish_ns; /* what it is worth to finish a BE kernel: the one behind it can go on */
    uint32_t worth;     /* BE must gain this many times what it costs RT */
};

/** What RT kernels have been granted and not used up; starts as zeroes. */
struct reef_pad_account {
    int64_t credit_ns;
};
/** RT work was held up by @ns for another reason: padding has so much less to spend. */
void reef_padding_charge(struct reef_pad_account *account, uint64_t ns);

enum { REEF_PADS_MAX = 8 };

struct reef_pad_candidate {
    const struct reef_pad_kernel *kernel;
    uint32_t groups; /* that are left of it */
};

/** @groups work-groups of candidate @candidate run on units [first_cu, first_cu + cus), @each at a
 * time on one. */
struct reef_pad {
    uint32_t candidate, groups, first_cu, cus, each;
};

/** Most work-groups of the (merged) kernel on one unit. */
uint32_t reef_padding_occupancy(const struct reef_pad_device *device,
                                const struct reef_pad_kernel *kernel, bool ignore_lds);
/** Units that the RT kernel fills; the rest is left over. */
uint32_t reef_padding_rt_cus(const struct reef_pad_device *device,
                             const struct reef_pad_kernel *rt);
/** Chooses at most REEF_PADS_MAX pads among @count candidates (the first 64 are looked at), in the
 * order of preference. Returns how many. To be called once for every RT kernel: the account grows
 * with each. */
unsigned reef_padding_choose(const struct reef_pad_device *device,
                             const struct reef_pad_rules *rules, struct reef_pad_account *account,
                             const struct reef_pad_kernel *rt,
                             const struct reef_pad_candidate *candidates, unsigned count,
                             struct reef_pad pads[REEF_PADS_MAX]);
