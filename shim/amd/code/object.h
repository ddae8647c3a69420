// SPDX-License-Identifier: Apache-2.0
/*
 * Reading an AMD GPU code object: an ELF64 shared object, code object version 3 to 5 (LLVM AMDGPU
 * usage guide, "Code Object Format"). Pure; the bytes come from the application and may be
 * anything: every offset is checked, nothing is written, and what does not fit is refused.
 *
 * By <elf.h> alone, not libelf: a preloaded library forces its dependencies on every program, and
 * all that is needed is program headers and one symbol table. The metadata note (MessagePack) is
 * not read: what a launch needs to know is in the descriptors and the code.
 */
#pragma once

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REEF_DESCRIPTOR_BYTES = 64, REEF_OBJECT_SEGMENTS = 16 };

/** What differs between the GPUs whose guards we can write (reef_target_find). */
struct reef_target {
    unsigned mach;         /* EF_AMDGPU_MACH of e_flags */
    const char *name;      /* as in llvm-mc -mcpu */
    unsigned vgpr_granule; /* of the descriptor's count */
    bool packed_ids;       /* the work-item ids are all in v0 */
    bool flat_scratch;     /* scratch needs no wave offset in an SGPR */
};

struct reef_object {
    const uint8_t *bytes; /* borrowed */
    size_t size;
    unsigned version;                 /* 3, 4, 5 */
    const struct reef_target *target; /* NULL: code that we do not know */
    Elf64_Ehdr header;
    Elf64_Phdr segments[REEF_OBJECT_SEGMENTS]; /* all program headers */
    unsigned segment_count;
    uint64_t vaddr_end; /* of what is loaded */
    uint64_t symbols_offset, symbols_count, strings_offset, strings_size;
};

struct reef_object_kernel {
    const char *name; /* borrowed from the object, without ".kd"; not terminated */
    size_t name_length;
    uint64_t descriptor_va, entry_va;
    uint64_t code_bytes; /* from the entry; 0: there is no symbol that says */
    uint8_t descriptor[REEF_DESCRIPTOR_BYTES];
};

/** 0, or -ENOEXEC: not an AMD GPU code object, or one that is damaged or strange. */
int reef_object_open(struct reef_object *object, const void *bytes, size_t size);

/** The next kernel at or after symbol *@at (begin with 0). False when there is none. A kernel whose
 *  descriptor or entry does not lie in the file is passed over and counted in *@broken. */
bool reef_object_next_kernel(const struct reef_object *object, uint64_t *at,
                             struct reef_object_kernel *kernel, unsigned *broken);

/** The same, but only where its descriptor is: cheap. The kernel's symbol is *@at - 1. */
bool reef_object_next_descriptor(const struct reef_object *object, uint64_t *at,
                                 uint64_t *descriptor_va, unsigned *broken);

/** @count bytes of what is loaded at @va, or NULL if they are not all in the file. */
const uint8_t *reef_object_at(const struct reef_object *object, uint64_t va, uint64_t count);

/** As above; *@count: how many there are up to the end of the segment, which must be executable. */
const uint8_t *reef_object_code(const struct reef_object *object, uint64_t va, uint64_t *count);

/** The target of that mach number, or NULL. */
const struct reef_target *reef_target_find(unsigned mach);

/* Fields of a kernel descriptor (LLVM AMDGPU usage guide, "Kernel Descriptor"). */
enum {
    REEF_KD_GROUP_BYTES = 0,
    REEF_KD_ENTRY = 16,
    REEF_KD_RSRC3 = 44,
    REEF_KD_RSRC1 = 48,
    REEF_KD_RSRC2 = 52,
    REEF_KD_PROPERTIES = 56,
    REEF_KD_PRELOAD = 58, /* of kernel arguments into SGPRs; 0 in what we understand */
};
