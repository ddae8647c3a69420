// SPDX-License-Identifier: Apache-2.0
/*
 * See mem_fixture.h.
 */
#include "mem_fixture.h"

#include "rows.h"

static bool find(struct gcn_memory *memory, uint64_t va, struct gcn_range *range)
{
    struct fixture *f = (struct fixture *)memory;

    for (unsigned i = 0; i < RANGES; i++)
        if (va - f->range[i].start < RANGE_BYTES) {
            *range = f->range[i];
            return true;
        }
    return false;
}

struct fixture *make_fixture(void)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->memory.find = find;
    f->range[0] = (struct gcn_range){DATA_VA, DATA_VA + RANGE_BYTES, f->data, true};
    f->range[1] = (struct gcn_range){CONST_VA, CONST_VA + RANGE_BYTES, f->constant, false};
    f->range[2] = (struct gcn_range){SCRATCH_VA, SCRATCH_VA + RANGE_BYTES, f->scratch, true};
    f->range[3] = (struct gcn_range){HIGH_VA, HIGH_VA + RANGE_BYTES, f->scratch, true};
    f->dispatch.memory = &f->memory;
    f->dispatch.vmem_latency = VMEM_LATENCY;
    f->dispatch.lds_latency = LDS_LATENCY;
    f->wg.dispatch = &f->dispatch;
    f->wg.lds = f->lds;
    f->wg.lds_bytes = LDS_BYTES;
    f->wave.dispatch = &f->dispatch;
    f->wave.wg = &f->wg;
    f->wave.thread = &f->thread;
    f->wave.vgpr = f->vgpr;
    f->wave.vgprs = 256;
    f->wave.mode = GCN_MODE_DENORM32 | GCN_MODE_DENORM64;
    f->wave.issue_scale_q8 = 256;
    for (unsigned i = 0; i <= 64; i++)
        f->wave.sgpr[GCN_CONSTANTS + i] = i;
    gcn_set_sgpr64(&f->wave, GCN_EXEC, ~0ull);
    gcn_set_sgpr64(&f->wave, GCN_FLAT_SCRATCH, SCRATCH_VA);
    for (unsigned r = 0; r < 256; r++)
        for (unsigned i = 0; i < 64; i++)
            f->vgpr[r][i] = 0xabab0000u + r * 64 + i;
    return f;
}

static const struct isa_opcode *row(const char *name)
{
    for (unsigned id = 1; id < ISA_IDS; id++)
        if (!strcmp(isa_opcodes[id].name, name))
            return &isa_opcodes[id];
    fail_msg("no opcode %s", name);
    return NULL;
}

static gcn_handler handler_of(enum isa_id id)
{
    for (unsigned i = 0; i < gcn_ops_mem_count; i++)
        if (gcn_ops_mem[i].id == id)
            return gcn_ops_mem[i].handler;
    return gcn_fault_illegal;
}

/** An instruction with this file's registers. */
struct gcn_inst instruction(const char *name)
{
    const struct isa_opcode *op = row(name);
    struct gcn_inst inst = {.op = op, .handler = handler_of(isa_id(op)), .size = 2, .dst = DST};

    inst.src[0] = ADDR;
    inst.src[1] = DATA;
    inst.src[2] = DATA1;
    if (op->format == GCN_FLAT || op->format == GCN_GLOBAL || op->format == GCN_SCRATCH)
        inst.src[2] = GCN_SADDR_OFF;
    if (op->format == GCN_MUBUF || op->format == GCN_MTBUF) {
        inst.dst = strstr(name, "load") ? DST : DATA;
        inst.src[1] = RSRC;
        inst.src[2] = GCN_CONSTANTS; /* soffset 0 */
    }
    return inst;
}

void run(struct fixture *f, const struct gcn_inst *inst)
{
    rows_note(inst->op);
    inst->handler(&f->wave, inst);
}

void run_name(struct fixture *f, const char *name)
{
    struct gcn_inst inst = instruction(name);

    run(f, &inst);
}

void no_fault(const struct fixture *f)
{
    assert_int_equal(f->wave.fault.kind, GCN_FAULT_NONE);
}

/** Lane addresses base + lane * stride, as 64 or (upper half 0) 32 bits. */
void set_addresses(struct fixture *f, uint64_t base, int64_t stride)
{
    for (unsigned i = 0; i < 64; i++) {
        uint64_t va = base + (uint64_t)(stride * i);

        f->vgpr[ADDR][i] = (uint32_t)va;
        f->vgpr[ADDR + 1][i] = (uint32_t)(va >> 32);
    }
}

void set_all(struct fixture *f, unsigned reg, uint32_t value)
{
    for (unsigned i = 0; i < 64; i++)
        f->vgpr[reg][i] = value;
}

void set_exec(struct fixture *f, uint64_t exec)
{
    gcn_set_sgpr64(&f->wave, GCN_EXEC, exec);
}

uint32_t peek(const void *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
    return v;
}

uint64_t peek64(const void *p)
{
    uint64_t v;

    memcpy(&v, p, 8);
    return v;
}

void poke(void *p, uint32_t v)
{
    memcpy(p, &v, 4);
}

void poke64(void *p, uint64_t v)
{
    memcpy(p, &v, 8);
}

uint8_t pattern(unsigned i)
{
    return (uint8_t)(i * 37 + 129);
}

/* ---- loads and stores of every size ---- */

const struct load_case loads[LOADS] = {
    {"read_u8", "load_ubyte", 1, false, 0},
    {"read_i8", "load_sbyte", 1, true, 0},
    {"read_u16", "load_ushort", 2, false, 0},
    {"read_i16", "load_sshort", 2, true, 0},
    {"read_u8_d16", "load_ubyte_d16", 1, false, 'l'},
    {"read_u8_d16_hi", "load_ubyte_d16_hi", 1, false, 'h'},
    {"read_i8_d16", "load_sbyte_d16", 1, true, 'l'},
    {"read_i8_d16_hi", "load_sbyte_d16_hi", 1, true, 'h'},
    {"read_u16_d16", "load_short_d16", 2, false, 'l'},
    {"read_u16_d16_hi", "load_short_d16_hi", 2, false, 'h'},
    {"read_b32", "load_dword", 4, false, 0},
    {"read_b64", "load_dwordx2", 8, false, 0},
    {"read_b96", "load_dwordx3", 12, false, 0},
    {"read_b128", "load_dwordx4", 16, false, 0},
};

/** What register @n of a load from @bytes must hold, having held @old. */
uint32_t expected_load(const struct load_case *c, const uint8_t *bytes, unsigned n, uint32_t old)
{
    uint32_t v = 0;

    for (unsigned i = 0; i < 4 && n * 4 + i < c->bytes; i++)
        v |= (uint32_t)bytes[n * 4 + i] << 8 * i;
    if (c->is_signed && c->bytes == 1 && v & 0x80)
        v |= 0xffffff00;
    if (c->is_signed && c->bytes == 2 && v & 0x8000)
        v |= 0xffff0000;
    if (c->half == 'l')
        v = (old & 0xffff0000) | (v & 0xffff);
    if (c->half == 'h')
        v = (old & 0xffff) | v << 16;
    return v;
}

/** Runs a load in @f whose lane i reads @memory + offset[i]; 16 registers are looked at. @in_range
 * tells whether a lane's access is. */
void check_load(struct fixture *f, const struct gcn_inst *inst, const struct load_case *c,
                const uint8_t *memory, const unsigned offset[64], uint64_t in_range)
{
    static const uint8_t zero[16];
    uint64_t exec = gcn_exec(&f->wave);
    uint32_t old[8][64];

    for (unsigned n = 0; n < 8; n++)
        for (unsigned i = 0; i < 64; i++)
            f->vgpr[inst->dst + n][i] = 0x5a5a0000 + n * 64 + i;
    memcpy(old, f->vgpr[inst->dst], sizeof(old));
    run(f, inst);
    no_fault(f);
    for (unsigned i = 0; i < 64; i++)
        for (unsigned n = 0; n < 8; n++) {
            const uint8_t *from = in_range >> i & 1 ? memory + offset[i] : zero;
            uint32_t want = old[n][i];

            if (exec >> i & 1 && n < (c->bytes + 3) / 4)
                want = expected_load(c, from, n, want);
            if (f->vgpr[inst->dst + n][i] != want)
                fail_msg("%s lane %u register %u: 0x%x instead of 0x%x", inst->op->name, i, n,
                         f->vgpr[inst->dst + n][i], want);
        }
}

const uint64_t execs[EXECS] = {~0ull, 0x8000000000000001ull, 0x00ff00f0f0f0aaaaull, 0};

void fill_pattern(void *memory, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        ((uint8_t *)memory)[i] = pattern(i);
}

/** Every kind of load through @prefix ("flat_", ...); lane i reads byte offset[i] of @memory. */
void check_vmem_loads(struct fixture *f, const char *prefix, int32_t imm, unsigned saddr,
                      const uint8_t *memory, const unsigned offset[64])
{
    char name[64];

    for (unsigned k = 0; k < LOADS; k++)
        for (unsigned e = 0; e < EXECS; e++) {
            snprintf(name, sizeof(name), "%s%s", prefix, loads[k].suffix_flat);
            struct gcn_inst inst = instruction(name);

            inst.imm = imm;
            if (inst.op->format != GCN_MUBUF)
                inst.src[2] = saddr;
            set_exec(f, execs[e]);
            check_load(f, &inst, &loads[k], memory, offset, ~0ull);
        }
    set_exec(f, ~0ull);
}

const struct store_case stores[STORES] = {
    {"write_b8", "store_byte", 1, 0},      {"write_b8_d16_hi", "store_byte_d16_hi", 1, 2},
    {"write_b16", "store_short", 2, 0},    {"write_b16_d16_hi", "store_short_d16_hi", 2, 2},
    {"write_b32", "store_dword", 4, 0},    {"write_b64", "store_dwordx2", 8, 0},
    {"write_b96", "store_dwordx3", 12, 0}, {"write_b128", "store_dwordx4", 16, 0},
};

/** Runs the store; memory (of @bytes) must change only where an active lane in range stores. */
void check_store(struct fixture *f, const struct gcn_inst *inst, unsigned data, unsigned k,
                 uint8_t *memory, unsigned bytes, const unsigned offset[64])
{
    uint64_t exec = gcn_exec(&f->wave);
    uint8_t *want = malloc(bytes);

    assert_non_null(want);
    memset(memory, 0xcc, bytes);
    memcpy(want, memory, bytes);
    for (unsigned i = 0; i < 64; i++)
        for (unsigned n = 0; n < stores[k].bytes; n++)
            if (exec >> i & 1 && offset[i] + stores[k].bytes <= bytes)
                want[offset[i] + n] =
                    (uint8_t)(f->vgpr[data + n / 4][i] >> 8 * (n % 4 + stores[k].shift));
    run(f, inst);
    no_fault(f);
    if (memcmp(want, memory, bytes))
        fail_msg("%s: wrong memory", inst->op->name);
    free(want);
}

/* ---- atomics ---- */

const struct atomic_case atomics[ATOMICS] = {
    {"ds_add%_u32", "atomic_add", 32, 0xfffffff0, 0x20, 0, 0x10},
    {"ds_sub%_u32", "atomic_sub", 32, 0x10, 0x20, 0, 0xfffffff0},
    {"ds_rsub%_u32", NULL, 32, 0x10, 0x25, 0, 0x15},
    {"ds_inc%_u32", "atomic_inc", 32, 5, 6, 0, 6},
    {"ds_inc%_u32", "atomic_inc", 32, 6, 6, 0, 0},
    {"ds_inc%_u32", "atomic_inc", 32, 0xffffffff, 6, 0, 0},
    {"ds_dec%_u32", "atomic_dec", 32, 5, 6, 0, 4},
    {"ds_dec%_u32", "atomic_dec", 32, 0, 6, 0, 6},
    {"ds_dec%_u32", "atomic_dec", 32, 7, 6, 0, 6},
    {"ds_min%_i32", "atomic_smin", 32, 5, 0xffffffff, 0, 0xffffffff},
    {"ds_max%_i32", "atomic_smax", 32, 5, 0xffffffff, 0, 5},
    {"ds_min%_u32", "atomic_umin", 32, 5, 0xffffffff, 0, 5},
    {"ds_max%_u32", "atomic_umax", 32, 5, 0xffffffff, 0, 0xffffffff},
    {"ds_and%_b32", "atomic_and", 32, 0xff00ff00, 0x0ff00ff0, 0, 0x0f000f00},
    {"ds_or%_b32", "atomic_or", 32, 0xff00ff00, 0x0ff00ff0, 0, 0xfff0fff0},
    {"ds_xor%_b32", "atomic_xor", 32, 0xff00ff00, 0x0ff00ff0, 0, 0xf0f0f0f0},
    {"ds_mskor%_b32", NULL, 32, 0x12345678, 0x00ffff00, 0x00abcd00, 0x12abcd78},
    {"ds_cmpst%_b32", "atomic_cmpswap", 32, 7, 7, 99, 99, true},
    {"ds_cmpst%_b32", "atomic_cmpswap", 32, 8, 7, 99, 8, true},
    {"ds_cmpst%_f32", NULL, 32, 0x80000000, 0, 99, 99}, /* -0 equals 0 */
    {"ds_cmpst%_f32", NULL, 32, 0x7fc00000, 0x7fc00000, 99, 0x7fc00000},
    {"ds_min%_f32", NULL, 32, 0x3f800000, 0xbf800000, 0, 0xbf800000},
    {"ds_max%_f32", NULL, 32, 0x3f800000, 0xbf800000, 0, 0x3f800000},
    {"ds_add%_f32", NULL, 32, 0x3f800000, 0x40000000, 0, 0x40400000},
    {"ds_wrxchg_rtn_b32", "atomic_swap", 32, 1, 2, 0, 2},
    {"ds_wrap_rtn_b32", NULL, 32, 10, 4, 3, 6},
    {"ds_wrap_rtn_b32", NULL, 32, 2, 4, 3, 5},
    {"ds_add%_u64", "atomic_add_x2", 64, 0xfffffffffffffff0, 0x100000020, 0, 0x100000010},
    {"ds_sub%_u64", "atomic_sub_x2", 64, 0x10, 0x20, 0, 0xfffffffffffffff0},
    {"ds_rsub%_u64", NULL, 64, 0x10, 0x500000025, 0, 0x500000015},
    {"ds_inc%_u64", "atomic_inc_x2", 64, 0xffffffff, 0x500000000, 0, 0x100000000},
    {"ds_inc%_u64", "atomic_inc_x2", 64, 6, 6, 0, 0},
    {"ds_dec%_u64", "atomic_dec_x2", 64, 0x100000000, 0x500000000, 0, 0xffffffff},
    {"ds_dec%_u64", "atomic_dec_x2", 64, 0, 0x500000000, 0, 0x500000000},
    {"ds_min%_i64", "atomic_smin_x2", 64, 5, ~0ull, 0, ~0ull},
    {"ds_max%_i64", "atomic_smax_x2", 64, 5, ~0ull, 0, 5},
    {"ds_min%_u64", "atomic_umin_x2", 64, 5, ~0ull, 0, 5},
    {"ds_max%_u64", "atomic_umax_x2", 64, 5, ~0ull, 0, ~0ull},
    {"ds_and%_b64", "atomic_and_x2", 64, ~0ull, 0x123456789abcdef0, 0, 0x123456789abcdef0},
    {"ds_or%_b64", "atomic_or_x2", 64, 1ull << 63, 0x123456789abcdef0, 0, 0x923456789abcdef0},
    {"ds_xor%_b64", "atomic_xor_x2", 64, ~0ull, 0x123456789abcdef0, 0, 0xedcba9876543210f},
    {"ds_mskor%_b64", NULL, 64, 0x1111111122222222, 0xff000000000000ff, 0xab000000000000cd,
     0xab111111222222cd},
    {"ds_cmpst%_b64", "atomic_cmpswap_x2", 64, 1ull << 40, 1ull << 40, 99, 99, true},
    {"ds_cmpst%_b64", "atomic_cmpswap_x2", 64, 0, 1ull << 40, 99, 0, true},
    {"ds_cmpst%_f64", NULL, 64, 1ull << 63, 0, 99, 99},
    {"ds_min%_f64", NULL, 64, 0x3ff0000000000000, 0xbff0000000000000, 0, 0xbff0000000000000},
    {"ds_max%_f64", NULL, 64, 0x3ff0000000000000, 0xbff0000000000000, 0, 0x3ff0000000000000},
    {"ds_wrxchg_rtn_b64", "atomic_swap_x2", 64, 1, 1ull << 40, 0, 1ull << 40},
};

void set_operand(struct fixture *f, unsigned reg, unsigned bits, uint64_t value)
{
    set_all(f, reg, (uint32_t)value);
    if (bits == 64)
        set_all(f, reg + 1, (uint32_t)(value >> 32));
}

/** Runs the atomic on lanes at 8-byte steps of @memory (offset 64) and checks memory and result. */
void check_atomic(struct fixture *f, const struct gcn_inst *inst, const struct atomic_case *c,
                  char *memory, bool returns)
{
    const uint64_t exec = 0xff0000ffff00ff01;

    set_exec(f, exec);
    for (unsigned i = 0; i < 64; i++)
        poke64(memory + 64 + 8 * i, c->bits == 64 ? c->old : 0xeeeeeeee00000000 | c->old);
    set_all(f, DST, 0x77777777);
    set_all(f, DST + 1, 0x77777777);
    run(f, inst);
    no_fault(f);
    for (unsigned i = 0; i < 64; i++) {
        bool active = exec >> i & 1;
        uint64_t want = active ? c->new : c->old, got = peek64(memory + 64 + 8 * i);
        uint64_t result = f->vgpr[DST][i] | (uint64_t)f->vgpr[DST + 1][i] << 32;

        if (c->bits == 32)
            want |= 0xeeeeeeee00000000;
        if (got != want)
            fail_msg("%s lane %u: memory 0x%llx instead of 0x%llx", inst->op->name, i,
                     (unsigned long long)got, (unsigned long long)want);
        want = active && returns ? c->old : 0x77777777;
        if (c->bits == 32 || !active || !returns)
            want |= 0x7777777700000000;
        if (result != want)
            fail_msg("%s lane %u: returned 0x%llx instead of 0x%llx", inst->op->name, i,
                     (unsigned long long)result, (unsigned long long)want);
    }
}
