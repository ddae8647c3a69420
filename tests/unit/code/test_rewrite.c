// SPDX-License-Identifier: Apache-2.0
/* Code objects with guards: what is found, what is added, what is left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>

#include "object_builder.h"

static const struct reef_rewrite_config config = {
    .lines = 0x123456789000, .records = 0x7fff00001000, .tickets = 8, .per_queue_shift = 2};

static uint32_t word_at(const struct reef_object *object, uint64_t va)
{
    uint32_t word;
    const uint8_t *at = reef_object_at(object, va, 4);
    assert_non_null(at);
    memcpy(&word, at, 4);
    return word;
}

static void kernels_are_found(void **state)
{
    static struct built b;
    struct reef_object object;
    struct reef_object_kernel kernel;
    unsigned broken = 0, count = 0;
    (void)state;
    for (unsigned abi = 1; abi <= 3; abi++) {
        built_make(&b, 0x2f, abi);
        assert_int_equal(reef_object_open(&object, b.bytes, sizeof(b.bytes)), 0);
        assert_int_equal(object.version, abi + 2);
        assert_string_equal(object.target->name, "gfx906");
    }
    for (uint64_t at = 0; reef_object_next_kernel(&object, &at, &kernel, &broken); count++) {
        assert_memory_equal(kernel.name, count ? "two" : "one", 3);
        assert_int_equal(kernel.entry_va, BUILT_CODE + count * 0x100);
        assert_int_equal(kernel.code_bytes, 0x40);
    }
    assert_int_equal(count, 2);
    assert_int_equal(broken, 0);
}

static void a_segment_is_added_and_the_rest_stays(void **state)
{
    static struct built b;
    struct reef_rewritten out;
    struct reef_object object;
    (void)state;
    built_make(&b, 0x2f, 2);
    assert_int_equal(reef_rewrite(&out, b.bytes, sizeof(b.bytes), &config), 0);
    assert_int_equal(out.count, 2);
    assert_int_equal(out.guarded, 2);
    assert_true(out.kernels[0].alone);
    assert_false(out.kernels[1].alone);
    for (size_t i = 0; i < sizeof(b.bytes); i++) /* but for the third program header */
        if (i < sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr) ||
            i >= sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr))
            assert_int_equal(out.bytes[i], b.bytes[i]);
    assert_int_equal(reef_object_open(&object, out.bytes, out.size), 0);
    assert_int_equal(object.spare, -1); /* not twice */
    assert_int_equal(object.segments[2].p_vaddr, 0x2000);
    assert_int_equal(object.segments[2].p_offset % 0x1000, 0);
    reef_rewritten_free(&out);
}

/* Every block: the descriptor points at the block's first instruction, which lies where an entry
 * may lie, and the jump at the end of the guard goes to the kernel (one that is far:
 * test_guard_text.sh). */
static void blocks_lead_to_their_kernels(void **state)
{
    static struct built b;
    struct reef_rewritten out;
    struct reef_object object;
    (void)state;
    built_make(&b, 0x2f, 2);
    assert_int_equal(reef_rewrite(&out, b.bytes, sizeof(b.bytes), &config), 0);
    assert_int_equal(reef_object_open(&object, out.bytes, out.size), 0);
    for (unsigned k = 0; k < 2; k++) {
        for (unsigned n = 0; n < 2 * config.tickets; n++) {
            uint64_t block = out.kernels[k].blocks_va + n * REEF_GUARD_BLOCK_BYTES;
            int64_t entry;
            memcpy(&entry,
                   reef_object_at(&object, block + REEF_GUARD_CODE_BYTES + REEF_KD_ENTRY, 8), 8);
            assert_int_equal(block + REEF_GUARD_CODE_BYTES + (uint64_t)entry, block);
            assert_int_equal(block % 256, 0);
            uint64_t at = block;
            while ((word_at(&object, at) & 0xffff0000u) != 0xbf820000u) /* s_branch */
                at += 4;
            uint64_t target = at + 4 + 4 * (uint64_t)(int64_t)(int16_t)word_at(&object, at);
            assert_int_equal(target, BUILT_CODE + k * 0x100);
        }
    }
    reef_rewritten_free(&out);
}

static void register_counts_are_raised_where_they_must_be(void **state)
{
    struct reef_guard_registers r;
    const struct reef_target *gfx906 = reef_target_find(0x2f), *gfx90a = reef_target_find(0x3f);
    uint8_t d[64] = {0}, block[REEF_GUARD_BLOCK_BYTES];
    const struct reef_guard_place place = {0};
    uint32_t rsrc1 = 0, rsrc2 = 16 << 1 | 15 << 7 | 1 | 2 << 11, rsrc3 = 0;
    (void)state;
    memcpy(d + REEF_KD_RSRC2, &rsrc2, 4);
    assert_true(reef_guard_registers(gfx906, d, &r));
    assert_int_equal(r.sgpr, 22); /* behind 16 + 4 + 1 */
    assert_int_equal(r.vgpr, 4);  /* behind v0 to v2 */
    reef_guard_write(block, REEF_GUARD_EVICT, gfx906, d, &r, &place);
    memcpy(&rsrc1, block + REEF_GUARD_CODE_BYTES + REEF_KD_RSRC1, 4);
    assert_int_equal(rsrc1 & 63, 1);      /* 8 VGPRs */
    assert_int_equal(rsrc1 >> 6 & 15, 2); /* 32 SGPRs */
    /* What is more already stays. */
    rsrc1 = 20 | 10 << 6 | 0xac0000u;
    memcpy(d + REEF_KD_RSRC1, &rsrc1, 4);
    reef_guard_write(block, REEF_GUARD_EVICT, gfx906, d, &r, &place);
    assert_memory_equal(block + REEF_GUARD_CODE_BYTES + REEF_KD_RSRC1, &rsrc1, 4);
    /* gfx90a: the ids are packed, and the plain registers must suffice. */
    assert_true(reef_guard_registers(gfx90a, d, &r));
    assert_int_equal(r.vgpr, 2);
    memcpy(d + REEF_KD_RSRC3, &rsrc3, 4);
    assert_true(reef_guard_registers(gfx90a, d, &r));
    /* Preloaded arguments: not understood. */
    d[REEF_KD_PRELOAD] = 1;
    assert_false(reef_guard_registers(gfx906, d, &r));
}

static void what_cannot_be_guarded_is_left_alone(void **state)
{
    static struct built b;
    struct reef_rewritten out;
    (void)state;
    assert_int_equal(reef_rewrite(&out, NULL, 0, &config), -ENOEXEC);
    built_make(&b, 0x41, 2); /* another GPU */
    assert_int_equal(reef_rewrite(&out, b.bytes, sizeof(b.bytes), &config), -ENOTSUP);
    built_make(&b, 0x2f, 0); /* code object version 2 */
    assert_int_equal(reef_rewrite(&out, b.bytes, sizeof(b.bytes), &config), -ENOEXEC);
    built_make(&b, 0x2f, 2); /* no header to spare */
    built_segment(&b, 2, PT_NOTE, PF_R, 0, 0);
    assert_int_equal(reef_rewrite(&out, b.bytes, sizeof(b.bytes), &config), -ENOEXEC);
    built_make(&b, 0x2f, 2); /* the spare one stands before a segment */
    built_segment(&b, 1, PT_GNU_STACK, PF_R, 0, 0);
    built_segment(&b, 2, PT_LOAD, PF_R | PF_X, BUILT_CODE, 0x300);
    assert_int_equal(reef_rewrite(&out, b.bytes, sizeof(b.bytes), &config), -ENOEXEC);
    built_make(&b, 0x2f, 2); /* a descriptor that points nowhere */
    b.bytes[BUILT_DESCRIPTORS + REEF_KD_ENTRY + 5] = 1;
    assert_int_equal(reef_rewrite(&out, b.bytes, sizeof(b.bytes), &config), 0);
    assert_int_equal(out.count, 1);
    assert_int_equal(out.broken, 1);
    reef_rewritten_free(&out);
    for (size_t size = 0; size < sizeof(b.bytes); size += 13) { /* cut off */
        built_make(&b, 0x2f, 2);
        if (reef_rewrite(&out, b.bytes, size, &config) == 0)
            reef_rewritten_free(&out);
    }
}

/* Arbitrary damage: no crash, no hang; what comes out is a code object or nothing. */
static void damage_is_survived(void **state)
{
    static struct built b;
    uint64_t seed = 20220711;
    (void)state;
    for (unsigned run = 0; run < 20000; run++) {
        struct reef_rewritten out;
        struct reef_object object;
        built_make(&b, 0x2f, 2);
        for (unsigned hits = 1 + run % 6; hits > 0; hits--) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            static const uint32_t places[] = {0, 0x40, 0x100, 0x400, 0x600, 0x800, 0x2000, 0x2040};
            uint32_t at = places[seed >> 61] + (uint32_t)(seed >> 40) % 192;
            b.bytes[at] = (uint8_t)(seed >> 33);
        }
        uint8_t *exact = malloc(sizeof(b.bytes)); /* so that a sanitizer sees the end */
        memcpy(exact, b.bytes, sizeof(b.bytes));
        int error = reef_rewrite(&out, exact, sizeof(b.bytes), &config);
        if (error == 0 && out.bytes)
            assert_int_equal(reef_object_open(&object, out.bytes, out.size), 0);
        else
            assert_null(out.bytes);
        reef_rewritten_free(&out);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_are_found),
        cmocka_unit_test(a_segment_is_added_and_the_rest_stays),
        cmocka_unit_test(blocks_lead_to_their_kernels),
        cmocka_unit_test(register_counts_are_raised_where_they_must_be),
        cmocka_unit_test(what_cannot_be_guarded_is_left_alone),
        cmocka_unit_test(damage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
