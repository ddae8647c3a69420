// SPDX-License-Identifier: Apache-2.0
/* Kernels with guards: what is found in a code object, what is made of it, what is left alone; and
 * the code object that guards are put into. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>

#include "object_builder.h"

#include "isa/gcn/isa.h"
#include "shim/amd/code/container.h"

static const struct reef_guard_layout layout = {
    .lines = 0x123456789000, .records = 0x7fff00001000, .tickets = 8, .per_queue_shift = 2};

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

/* The same kernels, without what takes time. */
static void descriptors_are_found(void **state)
{
    static struct built b;
    struct reef_object object;
    unsigned broken = 0, count = 0;
    uint64_t va = 0;
    (void)state;
    built_make(&b, 0x2f, 2);
    assert_int_equal(reef_object_open(&object, b.bytes, sizeof(b.bytes)), 0);
    for (uint64_t at = 0; reef_object_next_descriptor(&object, &at, &va, &broken); count++) {
        struct reef_object_kernel kernel;
        uint64_t symbol = at - 1;
        assert_int_equal(va, BUILT_DESCRIPTORS + count * 64);
        assert_true(reef_object_next_kernel(&object, &symbol, &kernel, &broken));
        assert_int_equal(kernel.descriptor_va, va);
        assert_int_equal(symbol, at);
    }
    assert_int_equal(count, 2);
    assert_int_equal(broken, 0);
}

static bool find(const struct built *b, unsigned number, struct reef_object *object,
                 struct reef_object_kernel *kernel)
{
    unsigned broken = 0;
    uint64_t at = 0;
    if (reef_object_open(object, b->bytes, sizeof(b->bytes)) != 0)
        return false;
    while (reef_object_next_kernel(object, &at, kernel, &broken))
        if (number-- == 0)
            return true;
    return false;
}

static uint32_t word(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

/* Every block: the descriptor points at the block's first instruction, which lies where an entry
 * may lie, and behind the test of the flag is a jump to the kernel's address. */
static void blocks_lead_to_their_kernels(void **state)
{
    static const uint64_t entry = 0x7f0012345600;
    static struct built b;
    struct reef_object object;
    struct reef_object_kernel kernel;
    struct reef_guarded guarded;
    (void)state;
    built_make(&b, 0x2f, 2);
    for (unsigned k = 0; k < 2; k++) {
        assert_true(find(&b, k, &object, &kernel));
        assert_int_equal(reef_guarded_make(&guarded, &object, &kernel, &layout), 0);
        assert_int_equal(guarded.bytes, 2 * layout.tickets * REEF_GUARD_BLOCK_BYTES);
        assert_int_equal(guarded.alone, k == 0);
        uint8_t *bytes = malloc(guarded.bytes); /* so that a sanitizer sees the end */
        reef_guarded_write(&guarded, bytes, entry, &layout);
        for (unsigned n = 0; n < 2 * layout.tickets; n++) {
            uint64_t descriptor =
                reef_guarded_descriptor(n < layout.tickets ? REEF_GUARD_EVICT : REEF_GUARD_FOLLOW,
                                        n % layout.tickets, layout.tickets);
            int64_t offset;
            memcpy(&offset, bytes + descriptor + REEF_KD_ENTRY, sizeof(offset));
            const uint8_t *at = bytes + descriptor + offset;
            assert_int_equal((at - bytes) % 256, 0);
            assert_int_equal((at - bytes) / 256, n);
            while ((word(at) & 0xff80ff00u) != 0xbe801d00u) /* s_setpc_b64 */
                at += 4;
            /* s_mov_b32 of both halves */
            assert_int_equal(word(at - 12), (uint32_t)entry);
            assert_int_equal(word(at - 4), (uint32_t)(entry >> 32));
        }
        reef_guarded_free(&guarded);
        free(bytes);
    }
}

/* A load of several dwords whose result overwrites its address cannot be repeated, as xnack+ GPUs
 * do it. */
static unsigned count_loads(const uint8_t *bytes, size_t size)
{
    unsigned loads = 0;
    for (size_t at = 0; at < size;) {
        struct isa_inst inst;
        uint32_t words[3] = {0};
        memcpy(words, bytes + at, size - at < sizeof(words) ? size - at : sizeof(words));
        if (isa_decode(words, 3, at, &inst) != ISA_OK) {
            at += 4; /* a descriptor */
            continue;
        }
        at += inst.bytes;
        if (inst.memory.segment != ISA_SEGMENT_SCALAR || inst.memory.result < 0)
            continue;
        const struct isa_operand *to = &inst.operand[inst.memory.result];
        const struct isa_operand *base = &inst.operand[inst.memory.base];
        loads++;
        assert_true(to->dwords == 1 || to->reg >= base->reg + base->dwords ||
                    base->reg >= to->reg + to->dwords);
    }
    return loads;
}

static void no_load_overwrites_its_address(void **state)
{
    /* Reads its arguments, counts down s2, stores, in a loop; so that there is everything. */
    static const uint32_t code[] = {
        0xc00a0002, 0,          /* s_load_dwordx4 s[0:3], s[4:5], 0 */
        0xbf8cc07f,             /* s_waitcnt lgkmcnt(0) */
        0x80828102,             /* s_sub_u32 s2, s2, 1 */
        0xdc708000, 0x00000100, /* global_store_dword v0, v1, s[0:1] */
        0xbf078002,             /* s_cmp_lg_u32 s2, 0 */
        0xbf85fffb,             /* s_cbranch_scc1 -5 */
        0xbf810000,             /* s_endpgm */
    };
    static struct built b;
    struct reef_object object;
    struct reef_object_kernel kernel;
    struct reef_guarded guarded;
    uint16_t properties = 1 | 8; /* private segment buffer, kernel arguments */
    uint32_t rsrc1 = 5, rsrc2 = 6 << 1 | 1 << 7;
    (void)state;
    built_make(&b, 0x2f, 2);
    built_symbol(&b, 2, 8, STT_FUNC, BUILT_CODE, sizeof(code));
    memcpy(b.bytes + BUILT_DESCRIPTORS + REEF_KD_PROPERTIES, &properties, sizeof(properties));
    memcpy(b.bytes + BUILT_DESCRIPTORS + REEF_KD_RSRC1, &rsrc1, sizeof(rsrc1));
    memcpy(b.bytes + BUILT_DESCRIPTORS + REEF_KD_RSRC2, &rsrc2, sizeof(rsrc2));
    memcpy(b.bytes + BUILT_CODE, code, sizeof(code));
    for (unsigned k = 0; k < 2; k++) { /* with a copy, and without */
        assert_true(find(&b, k, &object, &kernel));
        assert_int_equal(reef_guarded_make(&guarded, &object, &kernel, &layout), 0);
        assert_int_equal(guarded.inside.code != NULL, k == 0);
        uint8_t *bytes = malloc(guarded.bytes);
        reef_guarded_write(&guarded, bytes, 0x1000, &layout);
        /* One in each guard; in the copy the kernel's own, the looks' and the first work-group's.
         */
        assert_true(count_loads(bytes, guarded.bytes) >= 2 * layout.tickets + (k == 0 ? 4 : 0));
        reef_guarded_free(&guarded);
        free(bytes);
    }
}

/* What is in a container is loaded where a loader expects code, for the same GPUs. */
static void a_container_is_a_code_object(void **state)
{
    enum { CONTENT = 1000 };
    static struct built b;
    struct reef_object object, container;
    struct reef_object_kernel kernel;
    uint64_t count = 0, at = 0;
    unsigned broken = 0;
    (void)state;
    for (unsigned abi = 1; abi <= 3; abi++) {
        built_make(&b, 0x3f, abi);
        assert_int_equal(reef_object_open(&object, b.bytes, sizeof(b.bytes)), 0);
        uint8_t *bytes = malloc(reef_container_size(CONTENT));
        reef_container_write(bytes, &object, CONTENT);
        for (unsigned i = 0; i < CONTENT; i++)
            bytes[REEF_CONTAINER_HEADERS + i] = (uint8_t)(i * 7);
        assert_int_equal(reef_object_open(&container, bytes, reef_container_size(CONTENT)), 0);
        assert_int_equal(container.version, object.version);
        assert_int_equal(container.header.e_flags, object.header.e_flags);
        assert_ptr_equal(reef_object_code(&container, 0, &count), bytes + REEF_CONTAINER_HEADERS);
        assert_int_equal(count, CONTENT);
        assert_false(reef_object_next_kernel(&container, &at, &kernel, &broken));
        assert_int_equal(broken, 0);
        free(bytes);
    }
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

static int open_damaged(const struct built *b)
{
    struct reef_object object;
    return reef_object_open(&object, b->bytes, sizeof(b->bytes));
}

static void what_cannot_be_guarded_is_left_alone(void **state)
{
    static struct built b;
    struct reef_object object;
    struct reef_object_kernel kernel;
    struct reef_guarded guarded;
    uint64_t at = 0;
    unsigned broken = 0;
    (void)state;
    assert_int_equal(reef_object_open(&object, NULL, 0), -ENOEXEC);
    built_make(&b, 0x2f, 0); /* code object version 2 */
    assert_int_equal(open_damaged(&b), -ENOEXEC);
    built_make(&b, 0x41, 2); /* another GPU */
    assert_true(find(&b, 0, &object, &kernel));
    assert_int_equal(reef_guarded_make(&guarded, &object, &kernel, &layout), 0);
    assert_int_equal(guarded.bytes, 0);
    assert_int_equal(guarded.analysis.restart, REEF_RESTART_NEVER);
    reef_guarded_free(&guarded);
    built_make(&b, 0x2f, 2); /* guards that nobody wants */
    assert_true(find(&b, 0, &object, &kernel));
    assert_int_equal(reef_guarded_make(&guarded, &object, &kernel, NULL), 0);
    assert_int_equal(guarded.bytes, 0);
    reef_guarded_free(&guarded);
    built_make(&b, 0x2f, 2); /* a descriptor that points nowhere */
    b.bytes[BUILT_DESCRIPTORS + REEF_KD_ENTRY + 5] = 1;
    assert_int_equal(reef_object_open(&object, b.bytes, sizeof(b.bytes)), 0);
    assert_true(reef_object_next_kernel(&object, &at, &kernel, &broken));
    assert_false(reef_object_next_kernel(&object, &at, &kernel, &broken));
    assert_int_equal(broken, 1);
}

/* Makes what can be made of any bytes. */
static void make_all(const uint8_t *bytes, size_t size)
{
    struct reef_object object;
    struct reef_object_kernel kernel;
    unsigned broken = 0, skipped = 0;
    uint64_t next = 0, va;
    if (reef_object_open(&object, bytes, size) != 0)
        return;
    for (uint64_t at = 0; reef_object_next_kernel(&object, &at, &kernel, &broken);) {
        struct reef_guarded guarded;
        assert_true(reef_object_next_descriptor(&object, &next, &va, &skipped));
        assert_true(va == kernel.descriptor_va && next == at && skipped == broken);
        assert_int_equal(reef_guarded_make(&guarded, &object, &kernel, &layout), 0);
        uint8_t *to = malloc(guarded.bytes ? guarded.bytes : 1);
        if (guarded.bytes)
            reef_guarded_write(&guarded, to, 0x1000, &layout);
        free(to);
        reef_guarded_free(&guarded);
    }
}

/* Arbitrary damage, and any end: no crash, no hang. */
static void damage_is_survived(void **state)
{
    static struct built b;
    uint64_t seed = 20220711;
    (void)state;
    built_make(&b, 0x2f, 2);
    for (size_t size = 0; size < sizeof(b.bytes); size += 13) {
        uint8_t *exact = malloc(size + 1); /* so that a sanitizer sees the end */
        memcpy(exact, b.bytes, size);
        make_all(exact, size);
        free(exact);
    }
    for (unsigned run = 0; run < 20000; run++) {
        built_make(&b, 0x2f, 2);
        for (unsigned hits = 1 + run % 6; hits > 0; hits--) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            static const uint32_t places[] = {0, 0x40, 0x100, 0x400, 0x600, 0x800, 0x2000, 0x2040};
            uint32_t at = places[seed >> 61] + (uint32_t)(seed >> 40) % 192;
            b.bytes[at] = (uint8_t)(seed >> 33);
        }
        uint8_t *exact = malloc(sizeof(b.bytes));
        memcpy(exact, b.bytes, sizeof(b.bytes));
        make_all(exact, sizeof(b.bytes));
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_are_found),
        cmocka_unit_test(descriptors_are_found),
        cmocka_unit_test(no_load_overwrites_its_address),
        cmocka_unit_test(a_container_is_a_code_object),
        cmocka_unit_test(blocks_lead_to_their_kernels),
        cmocka_unit_test(register_counts_are_raised_where_they_must_be),
        cmocka_unit_test(what_cannot_be_guarded_is_left_alone),
        cmocka_unit_test(damage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
