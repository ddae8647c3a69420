// SPDX-License-Identifier: Apache-2.0
/*
 * Random packets for the copy engine. The input is a ring's contents; it is run from the front
 * until something stops it. Every step must say one thing, consume whole words within the input,
 * and leave memory outside the device's ranges and input behind the write pointer alone (a
 * sanitizer's work).
 *
 * With libFuzzer:
 *   clang -g -O1 -D_GNU_SOURCE -DREEF_LIBFUZZER -fsanitize=fuzzer,address,undefined -I. \
 *       tests/fuzz/fuzz_sdma.c emu/amd/sdma.c -o fuzz_sdma
 * Without: a program that runs a given number of inputs from a fixed seed (a test).
 */
#include "sdma_memory.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "fuzz_sdma: %s\n", what);
    abort();
}

/** Boxes of many empty-handed rows only take time: keep at most 64 rows. */
static void bound_rows(uint32_t *words, size_t count)
{
    if (count < 13 || (words[0] & 0xffff) != 0x0401)
        return;
    words[11] &= ~(0x3ff8u << 16);
    words[12] &= ~0x7f8u;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t at = 0, whole = size / 4 * 4;
    char *ring = malloc(size ? size : 1); /* exact, so that reading on is seen */

    check(ring, "no memory");
    memcpy(ring, data, size);
    sdma_memory_reset();
    while (at < whole) {
        struct emu_sdma_step step;
        unsigned said = sdma_missing + sdma_reports;

        bound_rows((uint32_t *)(ring + at), (whole - at) / 4);
        step = emu_sdma_run((const uint32_t *)(ring + at), size - at, 42);
        if (step.fault || step.again) {
            check(!step.consumed_bytes, "stopped, yet consumed");
            check(!step.fault || sdma_missing + sdma_reports > said, "fault without a report");
            break;
        }
        check(step.consumed_bytes && step.consumed_bytes % 4 == 0, "no progress");
        check(step.consumed_bytes <= whole - at, "consumed what is not there");
        at += step.consumed_bytes;
    }
    sdma_memory_free();
    free(ring);
    return 0;
}

#ifndef REEF_LIBFUZZER
static uint64_t seed = 0x9e3779b97f4a7c15;

static uint32_t random32(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 16);
}

/** An address that often is near or in the device's ranges. */
static uint64_t random_address(void)
{
    static const uint64_t places[] = {SDMA_VA, SDMA_VA + SDMA_RANGE, SDMA_END};
    uint64_t va = places[random32() % 3] + random32() % 4096 - 256;

    if (random32() % 2)
        va &= ~7ull;
    return random32() % 16 ? va : (uint64_t)random32() << 20;
}

/** A packet that often is nearly right. */
static size_t random_packet(uint32_t *w)
{
    static const uint8_t lengths[] = {1, 7, 6, 0, 0, 4, 2, 0, 6, 0, 8, 5, 0, 3};
    uint32_t opcode = random32() % 14, sub = opcode == 1 && random32() % 2 ? 4 : 0;
    size_t length = sub == 4 ? 13 : lengths[opcode] ? lengths[opcode] : 1 + random32() % 8;
    uint64_t first = random_address(), second = random_address();
    unsigned second_at = sub == 4 ? 6 : 5;

    for (size_t i = 0; i < length; i++)
        w[i] = random32() % 4 ? random32() % 64 : random32();
    w[0] = opcode | sub << 8;
    if (opcode == 13)
        w[0] |= 2 << 8;
    if (opcode == 11)
        w[0] |= 2u << 30;
    if (opcode == 10)
        w[0] |= (random32() % 2 ? 47u : random32() % 128) << 25;
    if (opcode == 8)
        w[0] |= 1u << 31 | random32() % 8 << 28;
    if (random32() % 8 == 0)
        w[0] ^= 1u << random32() % 32;
    if (length > 2) {
        unsigned at = opcode == 1 && sub == 0 ? 3 : 1;

        memcpy(w + at, &first, 8);
        if (opcode == 1 && length > second_at + 1)
            memcpy(w + second_at, &second, 8);
    }
    return length;
}

int main(int argc, char **argv)
{
    unsigned long runs = argc > 1 ? strtoul(argv[1], NULL, 0) : 20000;

    for (unsigned long i = 0; i < runs; i++) {
        uint32_t words[128];
        size_t count = 0, bytes;

        while (count < 100 && random32() % 6)
            count += random_packet(words + count);
        bytes = count * 4;
        if (bytes && random32() % 4 == 0)
            bytes -= random32() % (bytes < 16 ? bytes : 16);
        LLVMFuzzerTestOneInput((const uint8_t *)words, bytes);
    }
    printf("%lu inputs\n", runs);
    return 0;
}
#endif
