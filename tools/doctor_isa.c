// SPDX-License-Identifier: Apache-2.0
/*
 * reef doctor --emulate: which instructions of the program's gfx906 code objects will the emulated
 * GPU refuse? Looks at the program (hipcc's fat binary, or a code object) and at the .hsaco and .co
 * files in its folder. Reads files only.
 *
 * Format: ELF of the AMDGPU code object (LLVM's AMDGPU usage guide).
 */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emu/amd/gcn/refusal.h"
#include "tools/code_objects.h"
#include "tools/doctor.h"

enum { MACHINE_AMDGPU = 224, FLAGS_MACHINE = 0xff, FLAGS_GFX906 = 0x2f };

/* An instruction that is refused, by mnemonic and reason. */
struct finding {
    char mnemonic[64], text[192], where[PATH_MAX + 32];
    const char *reason;
    unsigned long count;
};

struct census {
    struct doctor *d;
    const char *file; /* that is looked at */
    unsigned objects; /* code objects for gfx906 */
    unsigned long instructions;
    struct finding *finding; /* owned */
    size_t findings;
    bool no_memory;
};

/* Bytes of a file. */
struct view {
    const uint8_t *bytes;
    size_t size;
};

static void note(struct census *c, const struct isa_inst *inst, uint64_t address,
                 const char *reason, const char *text)
{
    char mnemonic[64];
    struct finding *f;

    if (inst)
        isa_print_mnemonic(inst, mnemonic, sizeof(mnemonic));
    else
        snprintf(mnemonic, sizeof(mnemonic), "unknown");
    for (size_t i = 0; i < c->findings; i++)
        if (!strcmp(c->finding[i].mnemonic, mnemonic) && !strcmp(c->finding[i].reason, reason)) {
            c->finding[i].count++;
            return;
        }
    f = realloc(c->finding, (c->findings + 1) * sizeof(*f));
    if (!f) {
        c->no_memory = true;
        return;
    }
    c->finding = f;
    f += c->findings++;
    *f = (struct finding){.reason = reason, .count = 1};
    snprintf(f->mnemonic, sizeof(f->mnemonic), "%s", mnemonic);
    snprintf(f->text, sizeof(f->text), "%s", text);
    snprintf(f->where, sizeof(f->where), "%s+0x%llx", c->file, (unsigned long long)address);
}

/* The instructions in @code, which the file maps at @address. */
static void look_at_code(struct census *c, struct view code, uint64_t address)
{
    uint32_t words[3];
    size_t at = 0;

    while (at + 4 <= code.size) {
        const size_t available = (code.size - at) / 4 < 3 ? (code.size - at) / 4 : 3;
        struct isa_inst inst;
        char text[192];

        memcpy(words, code.bytes + at, available * 4);
        c->instructions++;
        if (isa_decode(words, available, address + at, &inst) != ISA_OK) {
            snprintf(text, sizeof(text), ".long 0x%08x", words[0]);
            note(c, NULL, address + at, "no instruction of compute programs", text);
            at += 4;
            continue;
        }
        if (gcn_refusal(&inst)) {
            isa_print(&inst, text, sizeof(text));
            note(c, &inst, address + at, gcn_refusal(&inst), text);
        }
        at += inst.bytes;
    }
}

static bool sub_view(struct view v, uint64_t offset, uint64_t size, struct view *out)
{
    if (offset > v.size || size > v.size - offset)
        return false;
    *out = (struct view){v.bytes + offset, size};
    return true;
}

static bool section(struct view object, const Elf64_Ehdr *head, unsigned n, Elf64_Shdr *out)
{
    struct view v;

    if (n >= head->e_shnum || head->e_shentsize < sizeof(*out) ||
        !sub_view(object, head->e_shoff + (uint64_t)n * head->e_shentsize, sizeof(*out), &v))
        return false;
    memcpy(out, v.bytes, sizeof(*out));
    return true;
}

/* The functions that the symbol table @symbols names; false: none. Between them lies padding. */
static bool look_at_functions(struct census *c, struct view object, const Elf64_Ehdr *head,
                              const Elf64_Shdr *symbols)
{
    struct view table;
    bool any = false;

    if (!sub_view(object, symbols->sh_offset, symbols->sh_size, &table))
        return false;
    for (size_t at = 0; at + sizeof(Elf64_Sym) <= table.size; at += sizeof(Elf64_Sym)) {
        Elf64_Shdr text;
        Elf64_Sym symbol;
        struct view code;

        memcpy(&symbol, table.bytes + at, sizeof(symbol));
        if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || !symbol.st_size ||
            !section(object, head, symbol.st_shndx, &text) || !(text.sh_flags & SHF_EXECINSTR) ||
            symbol.st_value < text.sh_addr ||
            !sub_view(object, text.sh_offset + (symbol.st_value - text.sh_addr), symbol.st_size,
                      &code))
            continue;
        look_at_code(c, code, symbol.st_value);
        any = true;
    }
    return any;
}

/* A code object; those of other GPUs are passed over. */
static void look_at_object(struct census *c, struct view object)
{
    Elf64_Ehdr head;
    Elf64_Shdr s;
    struct view code;

    if (object.size < sizeof(head))
        return;
    memcpy(&head, object.bytes, sizeof(head));
    if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64 ||
        head.e_machine != MACHINE_AMDGPU || (head.e_flags & FLAGS_MACHINE) != FLAGS_GFX906)
        return;
    c->objects++;
    for (unsigned type = SHT_SYMTAB;; type = SHT_DYNSYM) {
        for (unsigned n = 0; section(object, &head, n, &s); n++)
            if (s.sh_type == type && look_at_functions(c, object, &head, &s))
                return;
        if (type == SHT_DYNSYM)
            break;
    }
    for (unsigned n = 0; section(object, &head, n, &s); n++)
        if (s.sh_flags & SHF_EXECINSTR && s.sh_type == SHT_PROGBITS &&
            sub_view(object, s.sh_offset, s.sh_size, &code))
            look_at_code(c, code, s.sh_addr);
}

static void found(void *arg, const uint8_t *bytes, size_t size, const char *target, size_t length)
{
    (void)target, (void)length; /* the object's own header says what it is for */
    look_at_object(arg, (struct view){bytes, size});
}

static void look_at_file(struct census *c, const char *path)
{
    c->file = path;
    reef_code_objects(path, found, c); /* what cannot be read has none */
}

static bool is_code_object_name(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot && (!strcmp(dot, ".hsaco") || !strcmp(dot, ".co"));
}

/* The .hsaco and .co files beside the program. */
static void look_beside(struct census *c, const char *program)
{
    const char *slash = strrchr(program, '/');
    char folder[PATH_MAX], path[2 * PATH_MAX];
    struct dirent *entry;
    DIR *dir;

    snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - program) : 1,
             slash ? program : ".");
    dir = opendir(folder[0] ? folder : "/");
    if (!dir)
        return;
    while ((entry = readdir(dir))) {
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (is_code_object_name(entry->d_name) && strcmp(path, program))
            look_at_file(c, path);
    }
    closedir(dir);
}

/* A JSON string: paths may hold anything. */
static void put_string(FILE *f, const char *text)
{
    fputc('"', f);
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf(f, "\\%c", *text);
        else if ((unsigned char)*text < 32)
            fprintf(f, "\\u%04x", *text);
        else
            fputc(*text, f);
    fputc('"', f);
}

static void write_json(const struct census *c, const char *program, const char *path)
{
    FILE *f = fopen(path, "w");

    if (!f) {
        doctor_no(c->d, "%s: %s", path, strerror(errno));
        return;
    }
    fputs("{\"program\": ", f);
    put_string(f, program);
    fprintf(f, ", \"target\": \"gfx906\", \"code_objects\": %u, \"instructions\": %lu,\n",
            c->objects, c->instructions);
    fputs(" \"uncovered\": [", f);
    for (size_t i = 0; i < c->findings; i++) {
        const struct finding *found = &c->finding[i];

        fprintf(f, "%s\n  {\"instruction\": \"%s\", \"count\": %lu, \"reason\": ", i ? "," : "",
                found->mnemonic, found->count);
        put_string(f, found->reason);
        fputs(", \"text\": ", f);
        put_string(f, found->text);
        fputs(", \"where\": ", f);
        put_string(f, found->where);
        fputc('}', f);
    }
    fprintf(f, "%s]}\n", c->findings ? "\n " : "");
    if (fclose(f) != 0)
        doctor_no(c->d, "%s: %s", path, strerror(errno));
}

void doctor_check_instructions(struct doctor *d, const char *program, const char *json)
{
    struct census c = {.d = d};
    char path[PATH_MAX];

    if (!reef_find_program(program, path) && access(program, R_OK) == 0)
        snprintf(path, sizeof(path), "%s", program);
    look_at_file(&c, path);
    look_beside(&c, path);
    for (size_t i = 0; i < c.findings; i++)
        doctor_warn(d, "the emulated GPU refuses %s (%lu in the program, the first at %s): %s: %s",
                    c.finding[i].mnemonic, c.finding[i].count, c.finding[i].where,
                    c.finding[i].text, c.finding[i].reason);
    if (c.no_memory)
        doctor_no(d, "no memory to list all refused instructions");
    else if (!c.objects)
        doctor_warn(d,
                    "%s: no code object for gfx906 in it or beside it; what it compiles or loads "
                    "at run time was not looked at",
                    path);
    else if (!c.findings)
        doctor_ok(d, "the emulated GPU executes all %lu instructions of %u code objects",
                  c.instructions, c.objects);
    if (json)
        write_json(&c, path, json);
    free(c.finding);
}
