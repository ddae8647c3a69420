// SPDX-License-Identifier: Apache-2.0
/* Work-group times by company. See curve.h. */
#include "emu/model/curve.h"

enum { FREE_WAVES = 4 }; /* on a SIMD, that do not slow each other down */

uint64_t emu_curve_at(const uint32_t *curve_ns, uint32_t length, uint32_t each, uint32_t waves)
{
    uint32_t whole = waves / each, part = waves % each;

    if (whole >= length)
        return (uint64_t)curve_ns[length - 1] * waves / ((uint64_t)each * length);
    int64_t from = curve_ns[whole - 1], to = curve_ns[whole];

    return (uint64_t)(from + (to - from) * (int64_t)part / (int64_t)each);
}

/* Waves on the fullest SIMD when @waves are spread evenly, at least FREE_WAVES. */
static uint64_t fullest(uint64_t waves, uint32_t simds)
{
    uint64_t beside = (waves + simds - 1) / simds;

    return beside < FREE_WAVES ? FREE_WAVES : beside;
}

void emu_curve_from_one(uint32_t one_ns, uint32_t each, uint32_t simds, uint32_t length,
                        uint32_t *curve_ns)
{
    uint64_t alone = fullest(each, simds);

    for (uint32_t i = 0; i < length; i++) {
        uint64_t ns = (uint64_t)one_ns * fullest((uint64_t)each * (i + 1), simds) / alone;

        curve_ns[i] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
    }
}
