// SPDX-License-Identifier: Apache-2.0
/*
 * Rows without semantics say so in the table; here is what is refused of the others.
 */
#include "refusal.h"

#include <string.h>

/* Hardware registers that s_getreg_b32 reads; s_setreg writes MODE only. Numbers: ISA guide,
 * "Hardware register values". */
enum { HWREG_MODE = 1, HWREG_IB_STS = 7, HWREG_SH_MEM_BASES = 15 };

static const char *refuse_scalar(const struct isa_inst *inst)
{
    const struct isa_fields *f = &inst->fields;
    const unsigned hwreg = f->imm & 63;

    switch (isa_id(inst->op)) {
    case ISA_ID_s_getreg_b32:
        return (hwreg >= HWREG_MODE && hwreg <= HWREG_IB_STS) || hwreg == HWREG_SH_MEM_BASES
                   ? NULL
                   : "reads a hardware register that is not modelled";
    case ISA_ID_s_setreg_b32:
    case ISA_ID_s_setreg_imm32_b32:
        return hwreg == HWREG_MODE ? NULL : "writes a hardware register other than MODE";
    case ISA_ID_s_sendmsg:
        return (f->imm & 15) == 1 ? NULL : "sends a message other than MSG_INTERRUPT";
    case ISA_ID_s_sethalt:
        return f->imm & 1 ? "halts the wave" : NULL;
    default:
        return NULL;
    }
}

static bool dpp_exists(unsigned ctrl)
{
    switch (ctrl) {
    case 0x130:
    case 0x134:
    case 0x138:
    case 0x13c:
    case 0x140:
    case 0x141:
    case 0x142:
    case 0x143:
        return true;
    default:
        return ctrl <= 0xff || (ctrl > 0x100 && ctrl < 0x130 && ctrl & 15);
    }
}

static const char *refuse_vector(const struct isa_inst *inst)
{
    const struct isa_fields *f = &inst->fields;

    if (f->mods & ISA_MOD_DPP && !dpp_exists(f->dpp_ctrl))
        return "a DPP control that does not exist";
    for (unsigned n = 0; n < 3; n++)
        if (inst->op->src[n] && f->src[n] == ISA_LDS_DIRECT)
            return "reads LDS as an operand (graphics)";
    return NULL;
}

/* Loads straight into LDS: a dword for each lane, whatever it is made from. */
static const char *refuse_lds_bit(const struct isa_inst *inst)
{
    const struct isa_opcode *op = inst->op;
    const bool exists = op->access == ISA_ACCESS_LOAD && op->dst == ISA_TYPE_B32 &&
                        !(op->flags & (ISA_DST_R | ISA_TYPED)) && inst->format != ISA_FLAT;

    if (isa_id(op) == ISA_ID_buffer_store_lds_dword)
        return inst->fields.mods & ISA_MOD_LDS ? NULL : "a store from LDS without its lds bit";
    return inst->fields.mods & ISA_MOD_LDS && !exists ? "no load into LDS that exists" : NULL;
}

const char *gcn_refusal(const struct isa_inst *inst)
{
    const uint32_t mods = inst->fields.mods;

    if (inst->op->refused)
        return inst->op->refused;
    switch (inst->format) {
    case ISA_SOPK:
    case ISA_SOPP:
        return refuse_scalar(inst);
    case ISA_VOP1:
    case ISA_VOP2:
    case ISA_VOPC:
    case ISA_VOP3:
    case ISA_VOP3P:
        return refuse_vector(inst);
    case ISA_DS:
        if (strncmp(inst->op->name, "ds_gws_", 7) == 0)
            return NULL; /* global wave sync, which has the bit too */
        return mods & ISA_MOD_GDS ? "global data share" : NULL;
    case ISA_FLAT:
    case ISA_GLOBAL:
    case ISA_SCRATCH:
        return refuse_lds_bit(inst);
    case ISA_MUBUF:
    case ISA_MTBUF:
        if (mods & ISA_MOD_TFE)
            return "reports partially resident textures";
        return refuse_lds_bit(inst);
    default:
        return NULL;
    }
}
