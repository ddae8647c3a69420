// SPDX-License-Identifier: Apache-2.0
/* guard_bytes TARGET evict|follow|inside|inside-far: the code of a guard as llvm-mc -disassemble
 * reads it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/amd/code/guard.h"
#include "shim/amd/code/inside.h"

int main(int argc, char **argv)
{
    uint8_t descriptor[REEF_DESCRIPTOR_BYTES] = {0}, block[REEF_GUARD_BLOCK_BYTES];
    struct reef_inside inside = {.sgpr = 20,
                                 .looks = 1,
                                 .prologue = {0xc0020002, 0, 0xbe880007},
                                 .prologue_words = 3}; /* s_load_dword s0, s[4:5]; s_mov s8, s7 */
    struct reef_guard_place place = {
        .entry = 0x77788889900, .line = 0x11122223000, .record = 0x44455556666};
    /* Eight user SGPRs, a work-group id, work-item ids x and y. */
    uint32_t rsrc2 = 8 << 1 | 1 << 7 | 1 << 11, rsrc3 = 7;
    struct reef_guard_registers registers;
    if (argc != 3)
        return 2;
    memcpy(descriptor + REEF_KD_RSRC2, &rsrc2, sizeof(rsrc2));
    memcpy(descriptor + REEF_KD_RSRC3, &rsrc3, sizeof(rsrc3));
    const struct reef_target *target = reef_target_find((unsigned)strtoul(argv[1], NULL, 0));
    if (!target || !reef_guard_registers(target, descriptor, &registers))
        return 1;
    enum reef_guard guard = strcmp(argv[2], "follow") == 0 ? REEF_GUARD_FOLLOW : REEF_GUARD_EVICT;
    if (strncmp(argv[2], "inside", 6) == 0)
        place.inside = &inside;
    place.copy = strcmp(argv[2], "inside") == 0 ? 0x3000 : 0xffc000; /* beyond a branch's reach */
    reef_guard_write(block, guard, target, descriptor, &registers, &place);
    for (unsigned i = 0; i < REEF_GUARD_CODE_BYTES; i += 4)
        printf("0x%02x 0x%02x 0x%02x 0x%02x\n", block[i], block[i + 1], block[i + 2], block[i + 3]);
    return 0;
}
