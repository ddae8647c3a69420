// SPDX-License-Identifier: Apache-2.0
/*
 * Words go to llvm-objdump-15 in an ELF file of our making, each instruction in a slot of its own
 * that is filled up with s_nop: so an encoding that LLVM refuses does not shift those behind it.
 * Text goes to llvm-mc-15, a label before each line, so that what it refuses is missed.
 */
#include "llvm.h"

#include <ctype.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* No instruction has more than two words, so none that begins in the three of a slot leaves it. */
enum { SLOT_WORDS = 4, S_NOP = 0xbf800000, EM_AMDGPU_ = 224, ELFOSABI_AMDGPU_HSA_ = 64 };

bool llvm_present(void)
{
    return system("llvm-objdump-15 --version >/dev/null 2>&1 && "
                  "llvm-mc-15 --version >/dev/null 2>&1") == 0;
}

static FILE *temporary(char path[32])
{
    int fd;

    strcpy(path, "/tmp/reef-isa-XXXXXX");
    fd = mkstemp(path);
    return fd < 0 ? NULL : fdopen(fd, "w+");
}

/* A relocatable ELF file with nothing but .text. */
static bool write_elf(FILE *f, const struct llvm_inst *inst, size_t count)
{
    static const char names[] = "\0.text\0.shstrtab";
    const size_t text = count * SLOT_WORDS * 4;
    Elf64_Ehdr head = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT,
                    ELFOSABI_AMDGPU_HSA_, 2},
        .e_type = ET_REL,
        .e_machine = EM_AMDGPU_,
        .e_version = EV_CURRENT,
        .e_flags = 0x52f, /* gfx906, xnack and sramecc any */
        .e_ehsize = sizeof(head),
        .e_shentsize = sizeof(Elf64_Shdr),
        .e_shnum = 3,
        .e_shstrndx = 2,
        .e_shoff = sizeof(head) + text + sizeof(names) + 7 - (text + sizeof(names) + 7) % 8,
    };
    Elf64_Shdr sections[3] = {
        [1] = {.sh_name = 1,
               .sh_type = SHT_PROGBITS,
               .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
               .sh_offset = sizeof(head),
               .sh_size = text,
               .sh_addralign = 4},
        [2] = {.sh_name = 7,
               .sh_type = SHT_STRTAB,
               .sh_offset = sizeof(head) + text,
               .sh_size = sizeof(names)},
    };

    fwrite(&head, sizeof(head), 1, f);
    for (size_t i = 0; i < count; i++) {
        uint32_t slot[SLOT_WORDS];

        for (unsigned k = 0; k < SLOT_WORDS; k++)
            slot[k] = k < LLVM_WORDS && k < inst[i].count ? inst[i].words[k] : S_NOP;
        fwrite(slot, sizeof(slot), 1, f);
    }
    fwrite(names, sizeof(names), 1, f);
    fseek(f, (long)head.e_shoff, SEEK_SET);
    fwrite(sections, sizeof(sections), 1, f);
    return fflush(f) == 0;
}

/* Copies @line up to @end without space around it. */
static void copy_text(char *text, const char *line, const char *end)
{
    size_t length;

    while (line < end && isspace((unsigned char)*line))
        line++;
    while (end > line && isspace((unsigned char)end[-1]))
        end--;
    length = (size_t)(end - line) < LLVM_TEXT - 1 ? (size_t)(end - line) : LLVM_TEXT - 1;
    memcpy(text, line, length);
    text[length] = '\0';
}

bool llvm_take_line(const char *line, const char *comment, struct llvm_inst *inst)
{
    char *end;

    strtoull(comment + 2, &end, 16);
    if (*end != ':')
        return false;
    inst->count = 0;
    for (const char *p = end + 1; inst->count < LLVM_WORDS; inst->count++) {
        inst->words[inst->count] = (uint32_t)strtoul(p, &end, 16);
        if (end == p || (*end && !isspace((unsigned char)*end)))
            break;
        p = end;
    }
    copy_text(inst->text, line, comment);
    inst->bytes = strncmp(inst->text, ".long", 5) ? inst->count * 4 : 0;
    return true;
}

/* The line of a slot: its words are known. */
static void take_slot(const char *line, const char *comment, struct llvm_inst *inst, size_t count)
{
    const unsigned long long address = strtoull(comment + 2, NULL, 16);
    const size_t slot = address / (SLOT_WORDS * 4);
    struct llvm_inst found;

    if (address % (SLOT_WORDS * 4) || slot >= count || !llvm_take_line(line, comment, &found))
        return;
    memcpy(inst[slot].text, found.text, sizeof(found.text));
    inst[slot].bytes = found.bytes;
}

bool llvm_disassemble(struct llvm_inst *inst, size_t count)
{
    char path[32], command[128], line[1024];
    FILE *f = temporary(path), *out;
    int status;

    if (!f)
        return false;
    for (size_t i = 0; i < count; i++)
        inst[i].bytes = 0;
    if (!write_elf(f, inst, count)) {
        fclose(f);
        unlink(path);
        return false;
    }
    fclose(f);
    snprintf(command, sizeof(command), "llvm-objdump-15 -d --mcpu=gfx906 %s 2>/dev/null", path);
    out = popen(command, "r");
    while (out && fgets(line, sizeof(line), out)) {
        const char *comment = strstr(line, "// 0");

        if (comment)
            take_slot(line, comment, inst, count);
    }
    status = out ? pclose(out) : -1;
    unlink(path);
    return status == 0;
}

/* "[0x01,0x02,...]" to words. */
static void take_encoding(const char *at, struct llvm_inst *inst)
{
    unsigned bytes = 0;

    memset(inst->words, 0, sizeof(inst->words));
    while (bytes < LLVM_WORDS * 4) {
        char *end;
        const unsigned long byte = strtoul(at, &end, 16);

        if (end == at)
            break;
        inst->words[bytes / 4] |= (uint32_t)byte << bytes % 4 * 8;
        bytes++;
        if (*end != ',')
            break;
        at = end + 1;
    }
    inst->bytes = bytes;
    inst->count = bytes / 4;
}

bool llvm_assemble(struct llvm_inst *inst, size_t count)
{
    char path[32], command[160], line[1024];
    FILE *f = temporary(path), *out;
    size_t at = count;
    int status;

    if (!f)
        return false;
    for (size_t i = 0; i < count; i++) {
        fprintf(f, "L%zu:\n%s\n", i, inst[i].text);
        inst[i].bytes = inst[i].count = 0;
    }
    fclose(f);
    snprintf(command, sizeof(command),
             "llvm-mc-15 -arch=amdgcn -mcpu=gfx906 -show-encoding %s 2>/dev/null", path);
    out = popen(command, "r");
    while (out && fgets(line, sizeof(line), out)) {
        const char *encoding = strstr(line, "encoding: [");
        size_t label;

        if (sscanf(line, "L%zu:", &label) == 1)
            at = label;
        else if (encoding && at < count)
            take_encoding(encoding + strlen("encoding: ["), &inst[at]);
    }
    status = out ? pclose(out) : -1; /* not 0 if there was a line that it refused */
    unlink(path);
    return status != -1 && status >> 8 != 127;
}
