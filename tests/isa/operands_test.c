// SPDX-License-Identifier: Apache-2.0
/*
 * What isa_decode says of operands, memory access and effects: a line of assembly and, written out,
 * what it must say. Notation: "w:v1" is written, "r:s[2:3]" read, "rw:" both; VGPRs and SGPRs by
 * number, other scalar registers by LLVM's names, "k" a constant or field with its value. Then
 * memory: access, segment, bytes; the operand that is result, address, base, soffset, data;
 * offsets. Then implicit effects and flags.
 */
#include "isa/gcn/isa.h"

#include "llvm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// clang-format off
static const struct row {
    const char *text, *operands, *memory, *effects;
} rows[] = {
    {"s_mov_b32 s1, s2", "w:s1 r:s2", "", ""},
    {"s_mov_b64 vcc, exec", "w:vcc r:exec", "", ""},
    {"s_mov_b32 vcc_hi, 0x12345678", "w:vcc_hi r:k12345678", "", ""},
    {"s_add_u32 s1, s2, -3", "w:s1 r:s2 r:kfffffffd", "", "scc="},
    {"s_addc_u32 s1, s2, m0", "w:s1 r:s2 r:m0", "", "=scc scc="},
    {"s_and_b64 s[2:3], s[4:5], 1.0", "w:s[2:3] r:s[4:5] r:k3ff0000000000000", "", "scc="},
    {"s_and_saveexec_b64 s[2:3], vcc", "w:s[2:3] r:vcc", "", "scc= =exec exec="},
    {"s_cselect_b32 s1, s2, s3", "w:s1 r:s2 r:s3", "", "=scc"},
    {"s_cmov_b32 s1, s2", "rw:s1 r:s2", "", "=scc"},
    {"s_bitset1_b32 s1, s2", "rw:s1 r:s2", "", ""},
    {"s_cmp_eq_u64 s[2:3], s[4:5]", "r:s[2:3] r:s[4:5]", "", "scc="},
    {"s_cmpk_eq_i32 s1, 0x7", "r:s1 r:k7", "", "scc="},
    {"s_addk_i32 s1, 0x7", "rw:s1 r:k7", "", "scc="},
    {"s_getpc_b64 s[2:3]", "w:s[2:3]", "", ""},
    {"s_setpc_b64 s[30:31]", "r:s[30:31]", "", "branch"},
    {"s_swappc_b64 s[30:31], s[4:5]", "w:s[30:31] r:s[4:5]", "", "branch call"},
    {"s_call_b64 s[2:3], 3", "w:s[2:3] r:target+16", "", "branch call"},
    {"s_branch 65535", "r:target+0", "", "branch"},
    {"s_cbranch_scc1 4", "r:target+20", "", "=scc branch conditional"},
    {"s_cbranch_vccz 4", "r:target+20", "", "=vcc branch conditional"},
    {"s_cbranch_execnz 4", "r:target+20", "", "=exec branch conditional"},
    {"s_endpgm", "", "", "end"},
    {"s_barrier", "", "", "barrier"},
    {"s_waitcnt vmcnt(0)", "r:kf70", "", "wait"},
    {"s_trap 2", "r:k2", "", "trap"},
    {"s_sendmsg sendmsg(MSG_INTERRUPT)", "r:k1", "", "=m0 message"},
    {"s_setreg_b32 hwreg(HW_REG_MODE), s3", "r:kf801 r:s3", "", ""},
    {"s_movrels_b32 s1, s2", "w:s1 r:s2", "", "=m0"},
    {"s_set_gpr_idx_on s3, gpr_idx(DST)", "r:s3 r:k8", "", "=m0 m0="},

    {"s_load_dwordx4 s[8:11], s[2:3], 0x10", "w:s[8:11] r:s[2:3]",
     "load scalar 16 result0 base1 +16", ""},
    {"s_load_dword s8, s[2:3], s5 offset:0x10", "w:s8 r:s[2:3] r:s5",
     "load scalar 4 result0 base1 soffset2 +16", ""},
    {"s_buffer_load_dwordx2 s[8:9], s[4:7], s5", "w:s[8:9] r:s[4:7] r:s5",
     "load scalar 8 result0 base1 soffset2 +0", ""},
    {"s_store_dwordx2 s[8:9], s[2:3], 0x8", "r:s[8:9] r:s[2:3]", "store scalar 8 base1 data0 +8", ""},
    {"s_atomic_cmpswap s[8:9], s[2:3], 0x0 glc", "rw:s[8:9] r:s[2:3]",
     "atomic scalar 4 returns result0 base1 data0 +0", ""},
    {"s_memtime s[2:3]", "w:s[2:3]", "", ""},

    {"v_mov_b32 v1, s2", "w:v1 r:s2", "", "=exec"},
    {"v_add_f32 v1, 0.5, v3", "w:v1 r:k3f000000 r:v3", "", "=exec"},
    {"v_add_f16 v1, 0.5, v3", "w:v1 r:k3800 r:v3", "", "=exec"},
    {"v_add_f64 v[2:3], v[4:5], 0.5", "w:v[2:3] r:v[4:5] r:k3fe0000000000000", "", "=exec"},
    {"v_mac_f32 v1, v2, v3", "rw:v1 r:v2 r:v3", "", "=exec"},
    {"v_fma_f32 v1, v2, s3, v4", "w:v1 r:v2 r:s3 r:v4", "", "=exec"},
    {"v_mad_f16 v1, v2, v3, v4", "rw:v1 r:v2 r:v3 r:v4", "", "=exec"},
    {"v_madmk_f32 v1, v2, 0x40400000, v3", "w:v1 r:v2 r:k40400000 r:v3", "", "=exec"},
    {"v_add_co_u32 v1, vcc, v2, v3", "w:v1 w:vcc r:v2 r:v3", "", "=exec"},
    {"v_addc_co_u32 v1, s[4:5], v2, v3, s[6:7]", "w:v1 w:s[4:5] r:v2 r:v3 r:s[6:7]", "", "=exec"},
    {"v_cndmask_b32_e32 v1, v2, v3, vcc", "w:v1 r:v2 r:v3 r:vcc", "", "=exec"},
    {"v_cmp_eq_u32_e32 vcc, v1, v2", "w:vcc r:v1 r:v2", "", "=exec"},
    {"v_cmpx_eq_u64_e64 s[4:5], v[2:3], v[4:5]", "w:s[4:5] r:v[2:3] r:v[4:5]", "", "=exec exec="},
    {"v_div_scale_f32 v1, vcc, v2, v3, v4", "w:v1 w:vcc r:v2 r:v3 r:v4", "", "=exec"},
    {"v_div_fmas_f32 v1, v2, v3, v4", "w:v1 r:v2 r:v3 r:v4", "", "=vcc =exec"},
    {"v_readfirstlane_b32 s1, v2", "w:s1 r:v2", "", "=exec"},
    {"v_readlane_b32 s1, v2, s3", "w:s1 r:v2 r:s3", "", ""},
    {"v_writelane_b32 v1, s2, 5", "rw:v1 r:s2 r:k5", "", ""},
    {"v_swap_b32 v1, v2", "rw:v1 rw:v2", "", "=exec"},
    {"v_pk_add_u16 v1, v2, v3", "w:v1 r:v2 r:v3", "", "=exec"},
    {"v_mov_b32_dpp v1, v2 row_shl:1 row_mask:0xf bank_mask:0xf", "rw:v1 r:v2", "", "=exec"},
    {"v_mov_b32_sdwa v1, v2 dst_sel:BYTE_0 dst_unused:UNUSED_PRESERVE src0_sel:DWORD", "rw:v1 r:v2", "",
     "=exec"},
    {"v_mqsad_u32_u8 v[12:15], v[2:3], v4, v[8:11]", "w:v[12:15] r:v[2:3] r:v4 r:v[8:11]", "", "=exec"},

    {"ds_read_b64 v[2:3], v4 offset:8", "w:v[2:3] r:v4", "load lds 8 result0 address1 +8", "=exec"},
    {"ds_read2st64_b32 v[2:3], v4 offset0:1 offset1:2", "w:v[2:3] r:v4",
     "load lds 4 two result0 address1 +256 +512", "=exec"},
    {"ds_write2_b64 v1, v[2:3], v[4:5] offset1:1", "r:v1 r:v[2:3] r:v[4:5]",
     "store lds 8 two address0 data1 data2 +0 +8", "=exec"},
    {"ds_read_u16_d16_hi v1, v2", "rw:v1 r:v2", "load lds 2 result0 address1 +0", "=exec"},
    {"ds_add_u32 v1, v2", "r:v1 r:v2", "atomic lds 4 address0 data1 +0", "=exec"},
    {"ds_add_rtn_u32 v1, v2, v3", "w:v1 r:v2 r:v3",
     "atomic lds 4 returns result0 address1 data2 +0", "=exec"},
    {"ds_cmpst_rtn_b64 v[2:3], v4, v[6:7], v[8:9]", "w:v[2:3] r:v4 r:v[6:7] r:v[8:9]",
     "atomic lds 8 returns result0 address1 data2 data3 +0", "=exec"},
    {"ds_add_u32 v1, v2 gds", "r:v1 r:v2", "atomic gds 4 address0 data1 +0", "=exec =m0"},
    {"ds_bpermute_b32 v1, v2, v3", "w:v1 r:v2 r:v3", "", "=exec"},
    {"ds_append v1 offset:4", "w:v1", "atomic lds 4 returns result0 +4", "=exec =m0"},

    {"flat_load_dwordx2 v[2:3], v[4:5] offset:8", "w:v[2:3] r:v[4:5]",
     "load flat 8 result0 address1 +8", "=exec"},
    {"global_load_ubyte v1, v[2:3], off offset:-4", "w:v1 r:v[2:3] off",
     "load global 1 result0 address1 -4", "=exec"},
    {"global_load_dword v1, v2, s[4:5]", "w:v1 r:v2 r:s[4:5]",
     "load global 4 result0 address1 base2 +0", "=exec"},
    {"global_store_dwordx3 v[2:3], v[4:6], off", "r:v[2:3] r:v[4:6] off",
     "store global 12 address0 data1 +0", "=exec"},
    {"global_atomic_add v[2:3], v4, off", "r:v[2:3] r:v4 off", "atomic global 4 address0 data1 +0", "=exec"},
    {"global_atomic_cmpswap_x2 v[8:9], v[2:3], v[4:7], off glc", "w:v[8:9] r:v[2:3] r:v[4:7] off",
     "atomic global 8 returns result0 address1 data2 +0", "=exec"},
    {"scratch_load_dword v1, off, s2 offset:4", "w:v1 off r:s2", "load scratch 4 result0 base2 +4", "=exec"},
    {"scratch_store_dword v1, v2, off", "r:v1 r:v2 off", "store scratch 4 address0 data1 +0", "=exec"},
    {"buffer_load_dword v1, off, s[4:7], s8 offset:16", "w:v1 off r:s[4:7] r:s8",
     "load buffer 4 result0 base2 soffset3 +16", "=exec"},
    {"buffer_load_short_d16 v1, v2, s[4:7], 0 offen", "rw:v1 r:v2 r:s[4:7] r:k0",
     "load buffer 2 result0 address1 base2 soffset3 +0", "=exec"},
    {"buffer_store_dwordx2 v[2:3], v[4:5], s[4:7], 0 idxen offen", "r:v[2:3] r:v[4:5] r:s[4:7] r:k0",
     "store buffer 8 address1 base2 soffset3 data0 +0", "=exec"},
    {"buffer_atomic_add v1, off, s[4:7], 0", "r:v1 off r:s[4:7] r:k0",
     "atomic buffer 4 base2 soffset3 data0 +0", "=exec"},
    {"buffer_atomic_add v1, off, s[4:7], 0 glc", "rw:v1 off r:s[4:7] r:k0",
     "atomic buffer 4 returns result0 base2 soffset3 data0 +0", "=exec"},
    {"buffer_load_dword off, s[4:7], s8 lds", "off r:s[4:7] r:s8", "load buffer 4 dma base1 soffset2 +0",
     "=exec =m0"},
};
// clang-format on

enum { ROWS = sizeof(rows) / sizeof(rows[0]), ADDRESS = 0x10000 };

static void put(char *to, const char *space, const char *text)
{
    if (*to)
        strcat(to, space);
    strcat(to, text);
}

static void describe_operand(char *to, const struct isa_operand *o)
{
    static const char *const access[] = {"", "r:", "w:", "rw:"};
    static const char *const pairs[] = {"flat_scratch", "xnack_mask", "vcc"};
    char text[64] = "?";

    if (o->kind == ISA_KIND_SGPR || o->kind == ISA_KIND_VGPR) {
        const char prefix = o->kind == ISA_KIND_SGPR ? 's' : 'v';

        if (o->dwords == 1)
            sprintf(text, "%s%c%u", access[o->access], prefix, o->reg);
        else
            sprintf(text, "%s%c[%u:%u]", access[o->access], prefix, o->reg, o->reg + o->dwords - 1);
    } else if (o->kind == ISA_KIND_CONSTANT || o->kind == ISA_KIND_LITERAL ||
               o->kind == ISA_KIND_IMMEDIATE) {
        sprintf(text, "%sk%llx", access[o->access], (unsigned long long)o->value);
    } else if (o->kind == ISA_KIND_TARGET) {
        sprintf(text, "%starget+%llu", access[o->access], (unsigned long long)(o->value - ADDRESS));
    } else if (o->kind == ISA_KIND_OFF) {
        strcpy(text, "off");
    } else if (o->kind == ISA_KIND_M0) {
        sprintf(text, "%sm0", access[o->access]);
    } else if (o->kind == ISA_KIND_EXEC || o->kind == ISA_KIND_VCC) {
        sprintf(text, "%s%s%s", access[o->access], o->kind == ISA_KIND_EXEC ? "exec" : pairs[2],
                o->dwords == 2 ? ""
                : o->reg & 1   ? "_hi"
                               : "_lo");
    }
    put(to, " ", text);
}

static void describe_index(char *to, const char *name, int index)
{
    char text[32];

    if (index < 0)
        return;
    sprintf(text, "%s%d", name, index);
    put(to, " ", text);
}

static void describe_memory(char *to, const struct isa_memory *m)
{
    static const char *const access[] = {"", "load", "store", "atomic"};
    static const char *const segment[] = {"",        "scalar", "flat", "global",
                                          "scratch", "buffer", "lds",  "gds"};
    char text[64];

    if (m->access == ISA_ACCESS_NONE)
        return;
    sprintf(to, "%s %s %u", access[m->access], segment[m->segment], m->bytes);
    if (m->addresses == 2)
        put(to, " ", "two");
    if (m->returns)
        put(to, " ", "returns");
    if (m->lds_dma)
        put(to, " ", "dma");
    describe_index(to, "result", m->result);
    describe_index(to, "address", m->address);
    describe_index(to, "base", m->base);
    describe_index(to, "soffset", m->soffset);
    describe_index(to, "data", m->data[0]);
    describe_index(to, "data", m->data[1]);
    for (unsigned i = 0; i < m->addresses; i++) {
        sprintf(text, "%+d", m->offset[i]);
        put(to, " ", text);
    }
}

static void describe_effects(char *to, const struct isa_inst *inst)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } effects[] =
        {
            {ISA_SCC_R, "=scc"},   {ISA_SCC_W, "scc="}, {ISA_VCC_R, "=vcc"}, {ISA_EXEC_R, "=exec"},
            {ISA_EXEC_W, "exec="}, {ISA_M0_R, "=m0"},   {ISA_M0_W, "m0="},
        },
      flags[] = {
          {ISA_BRANCH, "branch"}, {ISA_CONDITIONAL, "conditional"}, {ISA_CALL, "call"},
          {ISA_END, "end"},       {ISA_BARRIER, "barrier"},         {ISA_WAIT, "wait"},
          {ISA_TRAP, "trap"},     {ISA_MESSAGE, "message"},
      };

    for (unsigned i = 0; i < sizeof(effects) / sizeof(effects[0]); i++)
        if (inst->implicit & effects[i].flag)
            put(to, " ", effects[i].name);
    for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (inst->op->flags & flags[i].flag)
            put(to, " ", flags[i].name);
}

static bool same(const struct row *row, const char *what, const char *got, const char *want)
{
    if (!strcmp(got, want))
        return true;
    printf("%s: %s \"%s\" instead of \"%s\"\n", row->text, what, got, want);
    return false;
}

int main(void)
{
    static struct llvm_inst inst[ROWS];
    unsigned failed = 0;

    if (!llvm_present())
        return 77;
    for (unsigned i = 0; i < ROWS; i++)
        strcpy(inst[i].text, rows[i].text);
    if (!llvm_assemble(inst, ROWS))
        return 1;
    for (unsigned i = 0; i < ROWS; i++) {
        char operands[256] = "", memory[256] = "", effects[256] = "";
        struct isa_inst decoded;

        if (!inst[i].bytes ||
            isa_decode(inst[i].words, inst[i].count, ADDRESS, &decoded) != ISA_OK) {
            printf("%s: not %s\n", rows[i].text, inst[i].bytes ? "decoded" : "assembled");
            failed++;
            continue;
        }
        for (unsigned n = 0; n < decoded.operands; n++)
            describe_operand(operands, &decoded.operand[n]);
        describe_memory(memory, &decoded.memory);
        describe_effects(effects, &decoded);
        if (!same(&rows[i], "operands", operands, rows[i].operands) ||
            !same(&rows[i], "memory", memory, rows[i].memory) ||
            !same(&rows[i], "effects", effects, rows[i].effects))
            failed++;
    }
    printf("%d lines, %u failed\n", ROWS, failed);
    return failed != 0;
}
