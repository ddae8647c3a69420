// SPDX-License-Identifier: Apache-2.0
/*
 * Disassembler: what the 16-bit constants of SOPK and SOPP mean: wait counts, messages, hardware
 * registers, VGPR indexing.
 */
#include "print.h"

static void put_waitcnt(struct isa_text *t, uint32_t value)
{
    const unsigned vm = (value & 15) | (value >> 14 & 3) << 4, exp = value >> 4 & 7,
                   lgkm = value >> 8 & 15;
    const bool all = vm == 63 && exp == 7 && lgkm == 15;
    const char *space = "";

    if (vm != 63 || all) {
        isa_put(t, "vmcnt(%u)", vm);
        space = " ";
    }
    if (exp != 7 || all) {
        isa_put(t, "%sexpcnt(%u)", space, exp);
        space = " ";
    }
    if (lgkm != 15 || all)
        isa_put(t, "%slgkmcnt(%u)", space, lgkm);
}

/* Messages: MSG_GS and MSG_GS_DONE have an operation and, but for GS_OP_NOP, a stream; MSG_SYSMSG
 * has an operation. */
enum { MSG_GS = 2, MSG_GS_DONE = 3, MSG_SYSMSG = 15 };

static bool put_message_name(struct isa_text *t, unsigned id, unsigned op, unsigned stream)
{
    static const char *const names[16] = {
        [1] = "MSG_INTERRUPT",         [MSG_GS] = "MSG_GS",
        [MSG_GS_DONE] = "MSG_GS_DONE", [4] = "MSG_SAVEWAVE",
        [5] = "MSG_STALL_WAVE_GEN",    [6] = "MSG_HALT_WAVES",
        [7] = "MSG_ORDERED_PS_DONE",   [8] = "MSG_EARLY_PRIM_DEALLOC",
        [9] = "MSG_GS_ALLOC_REQ",      [10] = "MSG_GET_DOORBELL",
        [MSG_SYSMSG] = "MSG_SYSMSG",
    };
    static const char *const gs[] = {"GS_OP_NOP", "GS_OP_CUT", "GS_OP_EMIT", "GS_OP_EMIT_CUT"};
    static const char *const system[] = {"SYSMSG_OP_ECC_ERR_INTERRUPT", "SYSMSG_OP_REG_RD",
                                         "SYSMSG_OP_HOST_TRAP_ACK", "SYSMSG_OP_TTRACE_PC"};

    if (!names[id])
        return false;
    if (id == MSG_SYSMSG) {
        if (op < 1 || op > 4 || stream)
            return false;
        isa_put(t, "sendmsg(%s, %s)", names[id], system[op - 1]);
    } else if (id == MSG_GS || id == MSG_GS_DONE) {
        if (op > 3 || (op == 0 && (id == MSG_GS || stream)))
            return false;
        isa_put(t, "sendmsg(%s, %s", names[id], gs[op]);
        isa_put(t, op ? ", %u)" : ")", stream);
    } else {
        if (op || stream)
            return false;
        isa_put(t, "sendmsg(%s)", names[id]);
    }
    return true;
}

static void put_message(struct isa_text *t, uint32_t value)
{
    const unsigned id = value & 15, op = value >> 4 & 7, stream = value >> 8 & 3;

    if (put_message_name(t, id, op, stream))
        return;
    if ((id | op << 4 | stream << 8) == value)
        isa_put(t, "sendmsg(%u, %u, %u)", id, op, stream);
    else
        isa_put(t, "%u", value);
}

static void put_hwreg(struct isa_text *t, uint32_t value)
{
    static const char *const names[64] = {
        [1] = "HW_REG_MODE",    [2] = "HW_REG_STATUS",        [3] = "HW_REG_TRAPSTS",
        [4] = "HW_REG_HW_ID",   [5] = "HW_REG_GPR_ALLOC",     [6] = "HW_REG_LDS_ALLOC",
        [7] = "HW_REG_IB_STS",  [15] = "HW_REG_SH_MEM_BASES", [16] = "HW_REG_TBA_LO",
        [17] = "HW_REG_TBA_HI", [18] = "HW_REG_TMA_LO",       [19] = "HW_REG_TMA_HI",
    };
    const unsigned id = value & 63, offset = value >> 6 & 31, width = (value >> 11 & 31) + 1;

    if (names[id])
        isa_put(t, "hwreg(%s", names[id]);
    else
        isa_put(t, "hwreg(%u", id);
    if (offset != 0 || width != 32)
        isa_put(t, ", %u, %u", offset, width);
    isa_put(t, ")");
}

static void put_gpr_idx(struct isa_text *t, uint32_t value)
{
    static const char *const names[] = {"SRC0", "SRC1", "SRC2", "DST"};
    const char *comma = "";

    if (value > 15) {
        isa_put(t, "0x%x", value);
        return;
    }
    isa_put(t, "gpr_idx(");
    for (unsigned i = 0; i < 4; i++)
        if (value >> i & 1) {
            isa_put(t, "%s%s", comma, names[i]);
            comma = ",";
        }
    isa_put(t, ")");
}

void isa_put_immediate(struct isa_text *t, enum isa_type type, uint32_t value)
{
    switch (type) {
    case ISA_TYPE_WAITCNT:
        put_waitcnt(t, value);
        break;
    case ISA_TYPE_MESSAGE:
        put_message(t, value);
        break;
    case ISA_TYPE_HWREG:
        put_hwreg(t, value);
        break;
    case ISA_TYPE_GPRIDX:
        put_gpr_idx(t, value);
        break;
    case ISA_TYPE_SIMM16:
        isa_put(t, "0x%x", value & 0xffff);
        break;
    case ISA_TYPE_CODE:
        isa_put(t, "%u", value);
        break;
    default:
        if (value <= 64)
            isa_put(t, "%u", value);
        else
            isa_put(t, "0x%x", value);
    }
}
