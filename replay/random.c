// SPDX-License-Identifier: Apache-2.0
/* Random numbers. Integers only: libm's results differ between machines. */
#include "replay/workload.h"

uint64_t replay_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dull;
}

/* splitmix64 (Steele, Lea, Flood 2014). */
uint64_t replay_random_seed(uint64_t seed, uint64_t number)
{
    uint64_t z = seed + (number + 1) * 0x9e3779b97f4a7c15ull;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    z ^= z >> 31;
    return z ? z : 1;
}

/* -log2(x / 2^32) in units of 2^-32, 0 < x <= 2^32: the whole part by shifting, the bits behind the
 * point by squaring (Knuth, TAOCP vol. 1, 1.2.2, exercise 25's method). */
static uint64_t minus_log2(uint64_t x)
{
    uint64_t whole = 0, bits = 0;

    while (x < 1ull << 32) {
        x <<= 1;
        whole++;
    }
    for (int i = 0; i < 32; i++) { /* 1 <= x / 2^32 < 2 */
        x = (uint64_t)((unsigned __int128)x * x >> 32);
        bits <<= 1;
        if (x >= 1ull << 33) {
            x >>= 1;
            bits |= 1;
        }
    }
    return (whole << 32) - bits;
}

uint64_t replay_random_exponential(uint64_t *state, uint64_t mean_ns)
{
    const uint64_t ln2 = 2977044472ull; /* ln 2 in units of 2^-32 */
    uint64_t log2 = minus_log2((replay_random(state) >> 32) + 1);
    uint64_t log = (uint64_t)((unsigned __int128)log2 * ln2 >> 32);

    return (uint64_t)((unsigned __int128)log * mean_ns >> 32);
}
