// SPDX-License-Identifier: Apache-2.0
/* Texts that are almost PTX, for fuzzing. The same ones in every run. */
#pragma once

#include <stddef.h>
#include <stdint.h>

extern const char mutate_seed[];
uint32_t mutate_roll(uint32_t below);
/** One change: a byte, a stretch taken out, doubled, or moved. Returns the new size. */
size_t mutate_text(char *text, size_t size, size_t room);
