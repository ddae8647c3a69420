// SPDX-License-Identifier: Apache-2.0
/* The copy engine's packets, each kind, on a stand-in for device memory (tests/fuzz/sdma_memory.h).
 */
#include "tests/fuzz/sdma_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define LO(va)   (uint32_t)(va)
#define HI(va)   (uint32_t)((va) >> 32)
#define PAIR(va) LO(va), HI(va)

static int setup(void **state)
{
    sdma_memory_reset();
    return 0;
}

static int teardown(void **state)
{
    sdma_memory_free();
    return 0;
}

/** Runs a packet that must go through and use all of its words, and every cut of it, which must
 * fault without being read further (the words are an exact allocation). */
static struct emu_sdma_step run(const uint32_t *words, size_t bytes)
{
    struct emu_sdma_step step;

    for (size_t cut = 0; cut < bytes; cut++) {
        char *copy = malloc(cut ? cut : 1);

        assert_non_null(copy);
        memcpy(copy, words, cut);
        sdma_reports = 0;
        step = emu_sdma_run((const uint32_t *)copy, cut, 0);
        assert_true(step.fault);
        assert_int_equal(step.consumed_bytes, 0);
        assert_int_equal(step.copied_bytes, 0);
        assert_int_equal(sdma_reports, 1);
        free(copy);
    }
    sdma_reports = 0;
    step = emu_sdma_run(words, bytes + 400, 123456789);
    assert_false(step.fault);
    assert_false(step.again);
    assert_int_equal(step.consumed_bytes, bytes);
    assert_int_equal(sdma_reports + sdma_missing, 0);
    return step;
}
#define RUN(...) run((const uint32_t[128]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}))

static uint64_t sdma_fault_va; /* of the packet that was refused last */

/** Runs a packet that must fault. */
static void refused(const uint32_t *words, size_t bytes)
{
    struct emu_sdma_step step;

    sdma_missing = sdma_reports = 0;
    step = emu_sdma_run(words, bytes, 0);
    assert_true(step.fault);
    assert_int_equal(step.consumed_bytes, 0);
    assert_int_equal(sdma_missing + sdma_reports, 1);
    sdma_fault_va = step.fault_va;
}
#define REFUSED(...)                                                                               \
    refused((const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}))

static uint8_t *at(uint64_t va)
{
    return emu_vm_host(va, 1);
}

static void fill(uint64_t va, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        *at(va + i) = (uint8_t)(i * 7 + (i >> 8) + 1);
}

static void assert_same(uint64_t a, uint64_t b, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(*at(a + i), *at(b + i));
}

static uint64_t peek64(uint64_t va)
{
    uint64_t v;

    memcpy(&v, emu_vm_host(va, 8), 8);
    return v;
}

static uint32_t peek32(uint64_t va)
{
    uint32_t v;

    memcpy(&v, emu_vm_host(va, 4), 4);
    return v;
}

static void poke64(uint64_t va, uint64_t v)
{
    memcpy(emu_vm_host(va, 8), &v, 8);
}

static void nops(void **state)
{
    RUN(0);
    RUN(0 | 3 << 16, 1, 2, 3);
}

static void copies(void **state)
{
    static const struct {
        uint64_t src, dst;
        uint32_t bytes;
    } cases[] = {
        {SDMA_VA, SDMA_VA + 4096, 4096},
        {SDMA_VA + 3, SDMA_VA + 10001, 1},
        {SDMA_VA + 1, SDMA_VA + SDMA_RANGE + 5, 12345},
        {SDMA_VA + SDMA_RANGE - 5000, SDMA_VA, 9000}, /* from both ranges */
        {SDMA_VA, SDMA_VA + SDMA_RANGE - 5001, 9000}, /* to both ranges */
        {SDMA_VA + SDMA_RANGE - 100, SDMA_VA + SDMA_RANGE - 9000, 7000},
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t src = cases[i].src, dst = cases[i].dst;
        struct emu_sdma_step step;

        sdma_memory_reset();
        fill(src, cases[i].bytes);
        step = RUN(1, cases[i].bytes - 1, 0, PAIR(src), PAIR(dst));
        assert_int_equal(step.copied_bytes, cases[i].bytes);
        if (dst < src + cases[i].bytes && src < dst + cases[i].bytes)
            continue; /* overlapping: only that it ends well */
        assert_same(src, dst, cases[i].bytes);
    }
}

static void copy_faults(void **state)
{
    fill(SDMA_END - 4096, 4096);
    REFUSED(1, 8191, 0, PAIR(SDMA_END - 4096), PAIR(SDMA_VA));
    assert_int_equal(sdma_fault_va, SDMA_END);
    REFUSED(1, 0, 0, PAIR(SDMA_VA), PAIR(0x1000ull));
    assert_int_equal(sdma_fault_va, 0x1000);
    REFUSED(1, 63, 0, PAIR(~0ull - 8), PAIR(SDMA_VA));
    REFUSED(1 | 1 << 27, 63, 0, PAIR(SDMA_VA), PAIR(SDMA_VA)); /* broadcast */
    REFUSED(1, 63, 1 << 16, PAIR(SDMA_VA), PAIR(SDMA_VA));     /* swap */
    REFUSED(1 | 1 << 8, 63, 0, PAIR(SDMA_VA), PAIR(SDMA_VA));  /* tiled */
}

/** A box of @size elements from one pitched memory to another, compared with a plain loop. */
static void check_box(unsigned log2_element, const uint32_t src_at[3], const uint32_t dst_at[3],
                      const uint32_t size[3])
{
    const uint32_t src_pitch = 40, src_slice = 40 * 9, dst_pitch = 24, dst_slice = 24 * 11;
    uint64_t src = SDMA_VA, dst = SDMA_VA + SDMA_RANGE;
    unsigned element = 1u << log2_element;
    uint8_t *want = calloc(1, SDMA_RANGE);
    struct emu_sdma_step step;

    assert_non_null(want);
    sdma_memory_reset();
    fill(src, SDMA_RANGE);
    for (uint32_t z = 0; z < size[2]; z++)
        for (uint32_t y = 0; y < size[1]; y++)
            for (uint32_t x = 0; x < size[0]; x++) {
                uint32_t from =
                    src_at[0] + x + (src_at[1] + y) * src_pitch + (src_at[2] + z) * src_slice;
                uint32_t to =
                    dst_at[0] + x + (dst_at[1] + y) * dst_pitch + (dst_at[2] + z) * dst_slice;

                memcpy(want + (size_t)to * element, at(src) + (size_t)from * element, element);
            }
    step = RUN(1 | 4 << 8 | log2_element << 29, PAIR(src), src_at[0] | src_at[1] << 16,
               src_at[2] | (src_pitch - 1) << 13, src_slice - 1, PAIR(dst),
               dst_at[0] | dst_at[1] << 16, dst_at[2] | (dst_pitch - 1) << 13, dst_slice - 1,
               (size[0] - 1) | (size[1] - 1) << 16, size[2] - 1);
    assert_int_equal(step.copied_bytes, (size_t)size[0] * size[1] * size[2] * element);
    assert_memory_equal(want, at(dst), SDMA_RANGE);
    free(want);
}

static void boxes(void **state)
{
    for (unsigned log2_element = 0; log2_element <= 4; log2_element++) {
        check_box(log2_element, (uint32_t[]){0, 0, 0}, (uint32_t[]){0, 0, 0},
                  (uint32_t[]){1, 1, 1});
        check_box(log2_element, (uint32_t[]){3, 2, 1}, (uint32_t[]){1, 4, 2},
                  (uint32_t[]){20, 7, 4});
    }
    /* An element of 32 bytes, a byte swap, memory that is not there. */
    REFUSED(1 | 4 << 8 | 5u << 29, PAIR(SDMA_VA), 0, 0, 0, PAIR(SDMA_VA), 0, 0, 0, 0, 0);
    REFUSED(1 | 4 << 8, PAIR(SDMA_VA), 0, 0, 0, PAIR(SDMA_VA), 0, 0, 0, 0, 1 << 16);
    REFUSED(1 | 4 << 8, PAIR(SDMA_END - 8), 0, 0, 0, PAIR(SDMA_VA), 0, 0, 0, 1 << 16, 0x7ff);
    assert_int_equal(sdma_fault_va, SDMA_END);
}

static void writes(void **state)
{
    RUN(2, PAIR(SDMA_VA + SDMA_RANGE - 4), 2, 0x11111111, 0x22222222, 0x33333333);
    assert_int_equal(peek64(SDMA_VA + SDMA_RANGE), 0x3333333322222222);
    assert_int_equal(peek64(SDMA_VA + SDMA_RANGE - 8), 0x1111111100000000);
    REFUSED(2, PAIR(SDMA_END - 4), 1, 1, 2);
    REFUSED(2 | 1 << 8, PAIR(SDMA_VA), 0, 1); /* tiled */
}

static void fences(void **state)
{
    RUN(5, PAIR(SDMA_VA + 12), 0xcafe);
    assert_int_equal(peek64(SDMA_VA + 8), 0x0000cafe00000000);
    REFUSED(5, PAIR(SDMA_VA + 13), 0xcafe);
    REFUSED(5, PAIR(SDMA_END), 0xcafe);
}

static void traps(void **state)
{
    struct emu_sdma_step step = RUN(6, 0xf0000007);

    assert_true(step.trap);
    assert_int_equal(step.trap_event, 7);
}

static void polls(void **state)
{
    static const struct {
        uint32_t function, value, met; /* met: bit n: with n in memory, 0..2 */
    } cases[] = {{0, 9, 7}, {1, 1, 1}, {2, 1, 3}, {3, 1, 2}, {4, 1, 5}, {5, 1, 6}, {6, 1, 4}};

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (uint32_t n = 0; n < 3; n++) {
            const uint32_t words[6] = {8 | 1u << 31 | cases[i].function << 28, PAIR(SDMA_VA + 64),
                                       cases[i].value, 0xff, 0x0fff0004};
            struct emu_sdma_step step;

            poke64(SDMA_VA + 64, 0xffffff00 | n); /* masked */
            step = emu_sdma_run(words, sizeof(words), 0);
            assert_false(step.fault);
            assert_int_equal(step.again, !(cases[i].met >> n & 1));
            assert_int_equal(step.consumed_bytes, step.again ? 0 : sizeof(words));
        }
    RUN(8, 0, 0x80000000, 0, 0, 0); /* what ROCr builds to flush the host data path */
    REFUSED(8, 0x1234, 0, 0, 0, 0); /* a register */
    REFUSED(8 | 1u << 31 | 7u << 28, PAIR(SDMA_VA), 0, 0, 0);
    REFUSED(8 | 1u << 31 | 3u << 28, PAIR(SDMA_END), 0, 0, 0);
    REFUSED(8 | 1u << 31 | 3u << 28, PAIR(SDMA_VA + 2), 0, 0, 0);
}

static void atomics(void **state)
{
    static const struct {
        uint32_t operation;
        uint64_t old, operand, new;
    } cases[] = {
        {47, 1, ~0ull, 0}, /* how ROCr decrements a signal */
        {47 | 64, 0xffffffff, 1, 0x100000000},
        {48, 0x100000000, 1, 0xffffffff},
        {39, 1, 2, 2},
        {53, 0xff00000000ff, 0x0f000000000f, 0x0f000000000f},
        {54, 0xff0000000000, 1, 0xff0000000001},
        {55, 0xff0000000001, 1, 0xff0000000000},
        {15, 0x5ffffffff, 1, 0x500000000},
        {16, 0x500000000, 1, 0x5ffffffff},
        {7, 0x500000000, 0x600000001, 0x500000001},
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        poke64(SDMA_VA + 16, cases[i].old);
        RUN(10 | cases[i].operation << 25, PAIR(SDMA_VA + 16), PAIR(cases[i].operand), 0, 0, 0);
        assert_int_equal(peek64(SDMA_VA + 16), cases[i].new);
    }
    REFUSED(10 | 8u << 25, PAIR(SDMA_VA), 0, 0, 0, 0, 0);            /* compare and swap */
    REFUSED(10 | 47u << 25 | 1 << 16, PAIR(SDMA_VA), 0, 0, 0, 0, 0); /* loop */
    REFUSED(10 | 47u << 25, PAIR(SDMA_VA + 4), 0, 0, 0, 0, 0);
    REFUSED(10 | 47u << 25, PAIR(SDMA_END), 0, 0, 0, 0, 0);
}

static void fills(void **state)
{
    uint64_t va = SDMA_VA + SDMA_RANGE - 4100;
    struct emu_sdma_step step = RUN(11 | 2u << 30, PAIR(va), 0xabcd0123, 8192 - 4);

    assert_int_equal(step.copied_bytes, 8192);
    for (unsigned i = 0; i < 8192; i += 4)
        assert_int_equal(peek32(va + i), 0xabcd0123);
    assert_int_equal(*at(va - 1), 0);
    assert_int_equal(*at(va + 8192), 0);
    RUN(11 | 2u << 30, PAIR(va), 1, 7); /* bytes - 1, as Linux writes it */
    assert_int_equal(peek64(va), 0x100000001);
    assert_int_equal(peek32(va + 8), 0xabcd0123);
    REFUSED(11, PAIR(va), 1, 7); /* bytes */
    REFUSED(11 | 2u << 30, PAIR(va + 2), 1, 7);
    REFUSED(11 | 2u << 30, PAIR(SDMA_END - 4), 1, 7);
}

static void timestamps(void **state)
{
    RUN(13 | 2 << 8, PAIR(SDMA_VA + 24));
    assert_int_equal(peek64(SDMA_VA + 24), 123456789);
    RUN(13 | 1 << 8, PAIR(SDMA_VA + 32));
    assert_int_equal(peek64(SDMA_VA + 32), 123456789);
    REFUSED(13, PAIR(SDMA_VA + 24)); /* set */
    REFUSED(13 | 2 << 8, PAIR(SDMA_VA + 28));
}

static void unknown(void **state)
{
    static const uint8_t opcodes[] = {3, 4, 7, 9, 12, 14, 15, 17, 0x80, 0xff};

    for (unsigned i = 0; i < sizeof(opcodes); i++) {
        REFUSED(opcodes[i], 0, 0, 0, 0, 0, 0, 0);
        assert_int_equal(sdma_missing, 1);
        assert_int_equal(sdma_fault_va, 0);
        assert_non_null(strstr(sdma_text, "not implemented"));
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(nops),  TEST(copies), TEST(copy_faults), TEST(boxes), TEST(writes),     TEST(fences),
        TEST(traps), TEST(polls),  TEST(atomics),     TEST(fills), TEST(timestamps), TEST(unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
