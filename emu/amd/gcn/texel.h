// SPDX-License-Identifier: Apache-2.0
/*
 * Texel formats of typed buffers: what lies in memory and what a register holds (Vega ISA guide,
 * "Memory Buffer Instructions", data and number formats; the names of data formats list components
 * from the highest bit, the first component lies lowest).
 *
 * Values are exact where the format can hold them; a conversion that must round goes to nearest
 * even, which for stores and for halves is not documented. Refused, as it is not documented either:
 * storing to scaled and to 10- and 11-bit floating-point components, and integers that do not fit.
 *
 * Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct gcn_texel {
    uint8_t components, bytes, number;
    uint8_t bits[4]; /* of each component */
};

/** False: there is no such format. */
bool gcn_texel_find(unsigned data, unsigned number, struct gcn_texel *format);
/** Whether registers hold integers (else floating point). */
bool gcn_texel_is_integer(const struct gcn_texel *format);
/** The register value of a component; @half: the 16 bits of a D16 register. */
uint32_t gcn_texel_get(const struct gcn_texel *format, unsigned component, const uint32_t texel[4],
                       bool half);
/** Puts register values (with @half: 16 bits each) into a texel. False: refused. */
bool gcn_texel_put(const struct gcn_texel *format, const uint32_t values[4], bool half,
                   uint32_t texel[4]);
