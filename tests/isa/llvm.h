// SPDX-License-Identifier: Apache-2.0
/*
 * LLVM's assembler and disassembler for gfx906, run as the programs that they are, many
 * instructions at a time. For tests; single-threaded.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LLVM_WORDS = 3, LLVM_TEXT = 192 };

/** An instruction as words and as text. */
struct llvm_inst {
    uint32_t words[LLVM_WORDS];
    uint8_t count;        /* of words given */
    uint8_t bytes;        /* out: length; 0: LLVM says that it is none */
    char text[LLVM_TEXT]; /* mnemonic and operands, one space between them */
};

/** True if llvm-objdump-15 and llvm-mc-15 can be run. */
bool llvm_present(void);
/** Disassembles words: fills bytes and text of each. False: could not run llvm-objdump-15. */
bool llvm_disassemble(struct llvm_inst *inst, size_t count);
/** Takes a line of llvm-objdump-15, "  text  // address: WORD WORD ...", whose comment begins at
 *  @comment: fills text, words (if they fit), count and bytes. False: it is none. */
bool llvm_take_line(const char *line, const char *comment, struct llvm_inst *inst);
/** Assembles text: fills words, count and bytes (0: not accepted). False: could not run. */
bool llvm_assemble(struct llvm_inst *inst, size_t count);
