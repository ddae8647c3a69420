// SPDX-License-Identifier: Apache-2.0
/*
 * See harness.h. The code object's layout: AMDGPU usage guide, "Code Object" (symbol NAME.kd,
 * kernel descriptor); the packet: HSA runtime header hsa.h, hsa_kernel_dispatch_packet_t; the
 * scratch descriptor: what ROCr writes to amd_queue_t.scratch_resource_descriptor for gfx9.
 */
#include "harness.h"

#include "wave.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_ALLOCATIONS = 256, PAGE = 4096, SLICE = 1 << 20 };

struct allocation {
    uint64_t va, bytes;
    char *host; /* owned */
};

struct harness {
    struct gcn_memory memory; /* first: downcast in find() */
    struct allocation allocation[MAX_ALLOCATIONS];
    unsigned allocations;
    uint64_t next_va;
    struct gcn_code *code;
    struct gcn_thread *thread;
    char *file; /* owned: the code object as it is in the file */
    size_t file_bytes;
    uint64_t image_va;       /* where its address 0 was loaded */
    uint32_t issue_scale_q8; /* of the present launch */
    struct gcn_dispatch wave_dispatch;
    struct gcn_workgroup *wave; /* owned */
};

static bool find(struct gcn_memory *memory, uint64_t va, struct gcn_range *range)
{
    struct harness *h = (struct harness *)memory;

    for (unsigned i = 0; i < h->allocations; i++) {
        const struct allocation *a = &h->allocation[i];

        if (va - a->va < a->bytes) {
            *range = (struct gcn_range){a->va, a->va + a->bytes, a->host, true};
            return true;
        }
    }
    return false;
}

struct harness *harness_create(void)
{
    struct harness *h = calloc(1, sizeof(*h));

    if (!h)
        return NULL;
    h->memory.find = find;
    h->next_va = 0x7000000000;
    h->issue_scale_q8 = 256;
    h->code = gcn_code_create(&h->memory);
    h->thread = gcn_thread_create();
    return h;
}

void harness_destroy(struct harness *h)
{
    gcn_workgroup_destroy(h->wave);
    gcn_code_destroy(h->code);
    gcn_thread_destroy(h->thread);
    for (unsigned i = 0; i < h->allocations; i++)
        free(h->allocation[i].host);
    free(h->file);
    free(h);
}

void *harness_alloc(struct harness *h, size_t bytes, uint64_t *va)
{
    struct allocation *a = &h->allocation[h->allocations];

    bytes = (bytes + PAGE - 1) / PAGE * PAGE;
    if (h->allocations == MAX_ALLOCATIONS || bytes == 0)
        return NULL;
    a->host = aligned_alloc(PAGE, bytes);
    if (!a->host)
        return NULL;
    memset(a->host, 0, bytes);
    a->va = h->next_va;
    a->bytes = bytes;
    h->next_va += bytes + 16 * PAGE;
    h->allocations++;
    *va = a->va;
    return a->host;
}

/* Takes back what was allocated after @allocations was the count. */
static void free_since(struct harness *h, unsigned allocations)
{
    while (h->allocations > allocations)
        free(h->allocation[--h->allocations].host);
    atomic_fetch_add(&h->memory.generation, 1);
}

void *harness_host(struct harness *h, uint64_t va)
{
    struct gcn_range range;

    return find(&h->memory, va, &range) ? range.host + (va - range.start) : NULL;
}

static char *read_whole(const char *path, size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    char *data = NULL;
    long size;

    if (!f)
        return NULL;
    if (fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) > 0) {
        rewind(f);
        data = malloc((size_t)size);
        if (data && fread(data, 1, (size_t)size, f) != (size_t)size) {
            free(data);
            data = NULL;
        }
        *bytes = (size_t)size;
    }
    fclose(f);
    return data;
}

static const Elf64_Shdr *section(const struct harness *h, unsigned type, const char *name)
{
    const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)h->file;
    const Elf64_Shdr *shdr;
    const char *names;

    if (!h->file)
        return NULL;
    shdr = (const Elf64_Shdr *)(h->file + ehdr->e_shoff);
    names = h->file + shdr[ehdr->e_shstrndx].sh_offset;
    for (unsigned i = 0; i < ehdr->e_shnum; i++)
        if (shdr[i].sh_type == type && (!name || !strcmp(names + shdr[i].sh_name, name)))
            return &shdr[i];
    return NULL;
}

/* Tables of pointers: AMDGPU usage guide, "Relocation Records". */
static int relocate(struct harness *h, char *image)
{
    enum { ABS64 = 3, RELATIVE64 = 13 };
    const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)h->file;
    const Elf64_Shdr *section_of = section(h, SHT_RELA, ".rela.dyn");
    const Elf64_Rela *rela;
    const Elf64_Sym *sym;

    if (!section_of)
        return 0;
    rela = (const Elf64_Rela *)(h->file + section_of->sh_offset);
    sym = (const Elf64_Sym *)(h->file +
                              ((const Elf64_Shdr *)(h->file + ehdr->e_shoff) + section_of->sh_link)
                                  ->sh_offset);
    for (size_t i = 0; i < section_of->sh_size / sizeof(*rela); i++) {
        uint64_t value = h->image_va + rela[i].r_addend;

        if (ELF64_R_TYPE(rela[i].r_info) == ABS64)
            value += sym[ELF64_R_SYM(rela[i].r_info)].st_value;
        else if (ELF64_R_TYPE(rela[i].r_info) != RELATIVE64)
            return -1;
        memcpy(image + rela[i].r_offset, &value, sizeof(value));
    }
    return 0;
}

int harness_load(struct harness *h, const char *path)
{
    const Elf64_Ehdr *ehdr;
    const Elf64_Phdr *phdr;
    uint64_t top = 0;
    char *image;

    h->file = read_whole(path, &h->file_bytes);
    ehdr = (const Elf64_Ehdr *)h->file;
    if (!h->file || h->file_bytes < sizeof(*ehdr) || memcmp(ehdr->e_ident, ELFMAG, SELFMAG) ||
        ehdr->e_machine != 224 /* EM_AMDGPU */) {
        fprintf(stderr, "%s: no code object\n", path);
        return -1;
    }
    phdr = (const Elf64_Phdr *)(h->file + ehdr->e_phoff);
    for (unsigned i = 0; i < ehdr->e_phnum; i++)
        if (phdr[i].p_type == PT_LOAD && phdr[i].p_vaddr + phdr[i].p_memsz > top)
            top = phdr[i].p_vaddr + phdr[i].p_memsz;
    image = harness_alloc(h, top, &h->image_va);
    if (!image)
        return -1;
    for (unsigned i = 0; i < ehdr->e_phnum; i++)
        if (phdr[i].p_type == PT_LOAD)
            memcpy(image + phdr[i].p_vaddr, h->file + phdr[i].p_offset, phdr[i].p_filesz);
    return relocate(h, image);
}

uint64_t harness_symbol(struct harness *h, const char *name)
{
    const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)h->file;
    const Elf64_Shdr *symbols = section(h, SHT_DYNSYM, NULL), *strings;
    const Elf64_Sym *sym;

    if (!symbols)
        return 0;
    strings = (const Elf64_Shdr *)(h->file + ehdr->e_shoff) + symbols->sh_link;
    sym = (const Elf64_Sym *)(h->file + symbols->sh_offset);
    for (size_t i = 0; i < symbols->sh_size / sizeof(*sym); i++)
        if (!strcmp(h->file + strings->sh_offset + sym[i].st_name, name))
            return h->image_va + sym[i].st_value;
    return 0;
}

bool harness_text(struct harness *h, uint64_t *va, size_t *bytes)
{
    const Elf64_Shdr *text = section(h, SHT_PROGBITS, ".text");

    if (!text)
        return false;
    *va = h->image_va + text->sh_addr;
    *bytes = text->sh_size;
    return true;
}

/* Scratch of @bytes a lane for @waves waves: the descriptor has swizzling by 64 lanes of 4 bytes
 * each. */
static bool add_scratch(struct harness *h, struct gcn_dispatch *d, uint32_t bytes, uint32_t waves)
{
    d->private_segment_bytes = bytes;
    d->scratch_wave_bytes = (bytes * 64 + 1023) / 1024 * 1024;
    if (bytes == 0)
        return true;
    if (!harness_alloc(h, (size_t)d->scratch_wave_bytes * waves, &d->scratch_base_va))
        return false;
    d->scratch_resource[0] = (uint32_t)d->scratch_base_va;
    d->scratch_resource[1] = d->scratch_base_va >> 32 | 1u << 31; /* swizzle enable */
    d->scratch_resource[2] = d->scratch_wave_bytes * waves;
    d->scratch_resource[3] = 4 << 12 | 4 << 15 | 1 << 19 | 3 << 21 | 1 << 23;
    return true;
}

/* So many work-groups may be under way at once. */
static uint32_t scratch_groups(const struct gcn_dispatch *d)
{
    enum { GROUPS = 64 };
    uint32_t groups = gcn_dispatch_workgroups(d);

    return groups < GROUPS ? groups : GROUPS;
}

/* The dispatch of a kernel, with packet, queue and arguments in device memory. */
static bool prepare(struct harness *h, const struct harness_launch *l, struct gcn_dispatch *d)
{
    char symbol[256];
    uint64_t descriptor_va = l->descriptor_va;
    const char *descriptor;
    char *packet, *kernarg;
    int64_t entry;
    uint32_t group, private;

    h->issue_scale_q8 = l->issue_scale_q8 ? l->issue_scale_q8 : 256;
    snprintf(symbol, sizeof(symbol), "%s.kd", l->kernel);
    if (!descriptor_va)
        descriptor_va = harness_symbol(h, symbol);
    if (!descriptor_va) {
        fprintf(stderr, "no kernel %s\n", l->kernel);
        return false;
    }
    descriptor = harness_host(h, descriptor_va);
    memset(d, 0, sizeof(*d));
    memcpy(&group, descriptor, 4);
    memcpy(&private, descriptor + 4, 4);
    memcpy(&entry, descriptor + 16, 8);
    memcpy(&d->rsrc3, descriptor + 44, 4);
    memcpy(&d->rsrc1, descriptor + 48, 4);
    memcpy(&d->rsrc2, descriptor + 52, 4);
    memcpy(&d->properties, descriptor + 56, 2);
    d->memory = &h->memory;
    d->code = h->code;
    d->entry_va = descriptor_va + entry;
    d->dimensions = 3;
    for (unsigned i = 0; i < 3; i++) {
        d->grid_size[i] = l->grid[i] ? l->grid[i] : 1;
        d->workgroup_size[i] = l->workgroup[i] ? l->workgroup[i] : 1;
    }
    d->group_segment_bytes = group + l->dynamic_lds;
    d->vmem_latency = 400; /* as emu/profiles/mi50.conf */
    d->lds_latency = 64;
    d->smem_latency = 120;
    d->clock_mhz = 1725;
    packet = harness_alloc(h, 64, &d->packet_va);
    kernarg = harness_alloc(h, l->kernarg_bytes + 256, &d->kernarg_va);
    if (!packet || !kernarg || !harness_alloc(h, 256, &d->queue_va) ||
        !add_scratch(h, d, private, gcn_dispatch_waves(d) * scratch_groups(d)))
        return false;
    memcpy(kernarg, l->kernarg, l->kernarg_bytes);
    memcpy(packet + 2, &d->dimensions, 2);
    memcpy(packet + 4, d->workgroup_size, 6);
    memcpy(packet + 12, d->grid_size, 12);
    memcpy(packet + 24, &d->private_segment_bytes, 4);
    memcpy(packet + 28, &d->group_segment_bytes, 4);
    memcpy(packet + 32, &descriptor_va, 8);
    memcpy(packet + 40, &d->kernarg_va, 8);
    return true;
}

static void print_fault(const char *what, const struct gcn_fault *f)
{
    fprintf(stderr, "%s: fault %d at pc %llx, address %llx: %s (%08x %08x)\n", what, f->kind,
            (unsigned long long)f->pc, (unsigned long long)f->va, f->text, f->words[0],
            f->words[1]);
}

static enum gcn_status run_workgroup(struct harness *h, struct gcn_workgroup *wg,
                                     uint64_t slice_cycles, uint64_t *cycles,
                                     struct gcn_fault *fault)
{
    struct gcn_slice slice = {.budget_cycles = slice_cycles, .issue_scale_q8 = h->issue_scale_q8};
    enum gcn_status status;
    uint64_t used = 0;

    do {
        slice.start_cycle = used;
        status = gcn_workgroup_run(wg, h->thread, &slice);
        used += slice.used_cycles;
    } while (status == GCN_RUNNING);
    *cycles = used;
    if (fault)
        *fault = slice.fault;
    return status;
}

enum gcn_status harness_run(struct harness *h, struct harness_launch *l)
{
    const uint64_t before = gcn_thread_instructions(h->thread);
    const unsigned allocations = h->allocations;
    enum gcn_status status = GCN_DONE;
    struct gcn_dispatch d;
    uint32_t count;

    memset(&l->fault, 0, sizeof(l->fault));
    l->cycles = 0;
    if (!prepare(h, l, &d))
        return GCN_STOPPED;
    count = gcn_dispatch_workgroups(&d);
    for (uint32_t i = 0; i < count && status == GCN_DONE; i++) {
        struct gcn_workgroup *wg = gcn_workgroup_create(&d, i, 0);
        uint64_t cycles = 0;

        if (!wg)
            return GCN_STOPPED;
        status =
            run_workgroup(h, wg, l->slice_cycles ? l->slice_cycles : SLICE, &cycles, &l->fault);
        gcn_workgroup_destroy(wg);
        if (cycles > l->cycles)
            l->cycles = cycles;
    }
    if (status == GCN_FAULT)
        print_fault(l->kernel, &l->fault);
    l->instructions = gcn_thread_instructions(h->thread) - before;
    free_since(h, allocations);
    return status;
}

struct harness_steps {
    struct harness *h; /* borrowed */
    struct gcn_dispatch dispatch;
    unsigned allocations, count;
    struct gcn_workgroup **group; /* owned */
};

struct harness_steps *harness_steps_begin(struct harness *h, const struct harness_launch *launch)
{
    struct harness_steps *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->h = h;
    s->allocations = h->allocations;
    if (prepare(h, launch, &s->dispatch)) {
        s->count = gcn_dispatch_workgroups(&s->dispatch);
        s->group = calloc(s->count, sizeof(struct gcn_workgroup *));
    }
    for (unsigned i = 0; s->group && i < s->count; i++)
        s->group[i] = gcn_workgroup_create(
            &s->dispatch, i, i % scratch_groups(&s->dispatch) * gcn_dispatch_waves(&s->dispatch));
    if (s->group)
        return s;
    harness_steps_end(s);
    return NULL;
}

unsigned harness_steps_count(const struct harness_steps *steps)
{
    return steps->count;
}

struct gcn_workgroup *harness_steps_group(struct harness_steps *steps, unsigned number)
{
    return steps->group[number];
}

enum gcn_status harness_steps_run(struct harness_steps *steps, unsigned number, uint64_t cycles)
{
    struct gcn_slice slice = {.budget_cycles = cycles, .issue_scale_q8 = steps->h->issue_scale_q8};
    struct gcn_workgroup *wg = steps->group[number];

    if (!wg)
        return GCN_DONE;
    enum gcn_status status = gcn_workgroup_run(wg, steps->h->thread, &slice);
    if (status == GCN_FAULT)
        print_fault("work-group", &slice.fault);
    if (status != GCN_RUNNING) {
        gcn_workgroup_destroy(wg);
        steps->group[number] = NULL;
    }
    return status;
}

void harness_steps_end(struct harness_steps *steps)
{
    for (unsigned i = 0; steps->group && i < steps->count; i++)
        gcn_workgroup_destroy(steps->group[i]);
    free(steps->group);
    free_since(steps->h, steps->allocations);
    free(steps);
}

int harness_assemble(const char *text, uint32_t *words, int max)
{
    char source[] = "/tmp/reef-asm-XXXXXX", command[128], line[4096];
    int fd = mkstemp(source), count = 0, status;
    FILE *f;

    if (fd < 0)
        return -1;
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text) || write(fd, "\n", 1) != 1)
        count = -1;
    close(fd);
    snprintf(command, sizeof(command),
             "llvm-mc-15 --arch=amdgcn --mcpu=gfx906 --show-encoding %s 2>&1", source);
    f = popen(command, "r");
    while (f && fgets(line, sizeof(line), f)) {
        /* ... ; encoding: [0x00,0x01,...] */
        const char *at = strstr(line, "encoding: [");
        char *end;

        if (!at)
            continue;
        at += strlen("encoding: [");
        for (; count < max && at[0] == '0'; count++) {
            words[count] = 0;
            for (unsigned i = 0; i < 4; i++) {
                words[count] |= (uint32_t)strtoul(at, &end, 16) << 8 * i;
                at = *end == ',' ? end + 1 : end;
            }
        }
    }
    status = f ? pclose(f) : -1;
    unlink(source);
    if (status == -1 || (WIFEXITED(status) && WEXITSTATUS(status) == 127))
        return -1;
    return status == 0 ? count : 0;
}

struct gcn_workgroup *harness_wave(struct harness *h, const uint32_t *words, unsigned count)
{
    const uint32_t s_endpgm = 0xbf810000;
    struct gcn_dispatch *d = &h->wave_dispatch;
    char *code;

    gcn_workgroup_destroy(h->wave);
    h->wave = NULL;
    if (!d->memory) {
        memset(d, 0, sizeof(*d));
        d->memory = &h->memory;
        d->code = h->code;
        d->dimensions = 1;
        d->workgroup_size[0] = d->grid_size[0] = 64;
        d->workgroup_size[1] = d->grid_size[1] = 1;
        d->workgroup_size[2] = d->grid_size[2] = 1;
        d->rsrc1 = 63 | 0xf0 << 12 | 1 << 21 | 1 << 23; /* denormals, DX10 clamp, IEEE */
        d->group_segment_bytes = 64 * 1024;
        d->vmem_latency = 500;
        d->lds_latency = 64;
        d->smem_latency = 200;
        d->clock_mhz = 1725;
        if (!harness_alloc(h, 64 * 1024, &d->entry_va) || !add_scratch(h, d, 1024, 1))
            return NULL;
    }
    if ((count + 1) * 4 > 64 * 1024)
        return NULL;
    code = harness_host(h, d->entry_va);
    memcpy(code, words, count * 4);
    memcpy(code + count * 4, &s_endpgm, 4);
    gcn_code_invalidate(h->code);
    h->wave = gcn_workgroup_create(d, 0, 0);
    if (h->wave)
        gcn_set_sgpr64(&h->wave->wave[0], GCN_FLAT_SCRATCH, d->scratch_base_va);
    return h->wave;
}

enum gcn_status harness_wave_run(struct harness *h, struct gcn_fault *fault)
{
    struct gcn_fault own;
    enum gcn_status status;
    uint64_t cycles;

    status = run_workgroup(h, h->wave, SLICE, &cycles, &own);
    if (status == GCN_FAULT && !fault)
        print_fault("wave", &own);
    if (fault)
        *fault = own;
    return status;
}
