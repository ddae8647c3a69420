// SPDX-License-Identifier: Apache-2.0
/*
 * From the decoder of the instruction table (isa/gcn/) to the interpreter's own compact form, with
 * the handler beside it. The semantics of the families are joined when the first instruction is
 * decoded.
 */
#include "refusal.h"
#include "wave.h"

#include <pthread.h>
#include <stdio.h>

/* By row; a row without semantics is refused. */
static struct {
    gcn_handler handler;
    uint8_t issue_cycles;
} semantics[ISA_IDS];

/* What is no instruction. */
static const struct isa_opcode unknown = {.name = "no instruction", .format = ISA_FORMATS};

static void join(const struct gcn_semantics *rows, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        semantics[rows[i].id].handler = rows[i].handler;
        semantics[rows[i].id].issue_cycles = rows[i].issue_cycles;
    }
}

bool gcn_vector_plain;

bool gcn_vector_fast(void)
{
#ifdef GCN_HAVE_AVX2
    return !gcn_vector_plain && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return false;
#endif
}

static void join_families(void)
{
    const struct gcn_semantics *valu = gcn_ops_valu_plain;

#ifdef GCN_HAVE_AVX2
    if (gcn_vector_fast())
        valu = gcn_ops_valu_avx2;
#endif
    for (unsigned i = 0; i < ISA_IDS; i++) {
        semantics[i].handler = gcn_fault_illegal;
        semantics[i].issue_cycles = 4;
    }
    join(gcn_ops_salu, gcn_ops_salu_count);
    join(gcn_ops_smem, gcn_ops_smem_count);
    join(gcn_ops_mem, gcn_ops_mem_count);
    join(valu, gcn_ops_valu_count);
}

static void copy_fields(struct gcn_inst *inst, const struct isa_fields *f)
{
    memcpy(inst->src, f->src, sizeof(inst->src));
    inst->dst = f->dst;
    inst->sdst = f->sdst;
    inst->mods = f->mods;
    inst->neg = f->neg;
    inst->abs = f->abs;
    inst->omod = f->omod;
    inst->op_sel = f->op_sel;
    inst->op_sel_hi = f->op_sel_hi;
    inst->sdwa_dst_sel = f->sdwa_dst_sel;
    inst->sdwa_dst_unused = f->sdwa_dst_unused;
    memcpy(inst->sdwa_sel, f->sdwa_sel, sizeof(inst->sdwa_sel));
    inst->sdwa_sext = f->sdwa_sext;
    inst->dpp_row_mask = f->dpp_row_mask;
    inst->dpp_bank_mask = f->dpp_bank_mask;
    inst->dpp_bound_ctrl = f->dpp_bound_ctrl;
    inst->dpp_ctrl = f->dpp_ctrl;
    inst->offset1 = f->offset1;
    inst->imm = f->imm;
    inst->literal = f->literal;
}

unsigned gcn_decode(const uint32_t *words, unsigned available, struct gcn_inst *inst)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct isa_inst decoded;

    pthread_once(&once, join_families);
    memset(inst, 0, sizeof(*inst));
    inst->words[0] = words[0];
    inst->words[1] = available > 1 ? words[1] : 0;
    inst->size = 1;
    inst->op = &unknown;
    inst->handler = gcn_fault_illegal;
    inst->issue_cycles = 4;
    if (isa_decode_fields(words, available, &decoded) != ISA_OK)
        return 0;
    inst->op = decoded.op;
    if (!gcn_refusal(&decoded))
        inst->handler = semantics[isa_id(decoded.op)].handler;
    inst->issue_cycles = semantics[isa_id(decoded.op)].issue_cycles;
    inst->size = decoded.bytes / 4;
    copy_fields(inst, &decoded.fields);
    return inst->size;
}

void gcn_fault_illegal(struct gcn_wave *w, const struct gcn_inst *inst)
{
    enum isa_format format;
    unsigned number;

    if (w->fault.kind != GCN_FAULT_NONE)
        return;
    gcn_fault_raise(w, GCN_FAULT_ILLEGAL_INSTRUCTION, 0);
    if (isa_classify(inst->words[0], &format, &number))
        snprintf(w->fault.text, sizeof(w->fault.text), "%s (%s 0x%x, words %08x %08x)",
                 inst->op->name, isa_format_name(format), number, inst->words[0], inst->words[1]);
    else
        snprintf(w->fault.text, sizeof(w->fault.text), "no instruction (words %08x %08x)",
                 inst->words[0], inst->words[1]);
}
