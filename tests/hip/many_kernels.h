// SPDX-License-Identifier: Apache-2.0
/*
 * For programs of HSA's that load code as HIP does: a code object of as many kernels as one likes,
 * made of another one's, each of which is there many times under different names; and what it takes
 * to launch them. One thread, but for launching.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <hsa/hsa.h>
#include <hsa/hsa_ext_amd.h>
#pragma GCC diagnostic pop

#include "shim/amd/code/object.h"

static inline void check(hsa_status_t status, const char *what)
{
    if (status == HSA_STATUS_SUCCESS || status == HSA_STATUS_INFO_BREAK)
        return;
    fprintf(stderr, "%s: 0x%x\n", what, (unsigned)status);
    exit(1);
}

/* --- the code object --- */

enum { KERNELS_MAX = 64, NAME = 48, PAGE = 4096 };
enum { NOTHING, NOTE, SYMBOLS, STRINGS, DESCRIPTORS, TEXT, NAMES, SYMBOLS_AGAIN, SECTIONS };
static const char section_names[] = "\0.note\0.dynsym\0.dynstr\0.rodata\0.text\0.shstrtab\0.symtab";
static const unsigned section_name[] = {0, 1, 7, 15, 23, 31, 37, 47};

/* NT_AMDGPU_METADATA with an empty map: by it ROCr 5.2 tells that this is code object version 3 or
 * later. */
static const uint32_t note[] = {7, 1, 32, 0x47444d41, 0x00005550, 0x80};

struct made {
    uint8_t *bytes;
    size_t size;
    unsigned kernels;
};

static inline uint64_t align(uint64_t value, uint64_t to)
{
    return (value + to - 1) / to * to;
}

static inline unsigned read_kernels(const struct reef_object *object,
                                    struct reef_object_kernel *kernel)
{
    unsigned count = 0, broken = 0;
    for (uint64_t at = 0;
         count < KERNELS_MAX && reef_object_next_kernel(object, &at, &kernel[count], &broken);)
        count += kernel[count].code_bytes > 0;
    return count;
}

static inline void name_of(const struct reef_object_kernel *kernel, unsigned n, const char *end,
                           char name[NAME])
{
    snprintf(name, NAME, "%.*s_%u%s", (int)(kernel->name_length < 24 ? kernel->name_length : 24),
             kernel->name, n, end);
}

static inline void add_symbol(uint8_t *bytes, const Elf64_Shdr *sections, unsigned number,
                              const char *name, unsigned type, unsigned section, uint64_t va,
                              uint64_t size)
{
    Elf64_Sym symbol = {.st_name = (number - 1) * NAME + 1,
                        .st_info = ELF64_ST_INFO(STB_GLOBAL, type),
                        .st_other = STV_PROTECTED,
                        .st_shndx = (Elf64_Half)section,
                        .st_value = va,
                        .st_size = size};
    memcpy(bytes + sections[SYMBOLS].sh_offset + number * sizeof(symbol), &symbol, sizeof(symbol));
    strcpy((char *)bytes + sections[STRINGS].sh_offset + symbol.st_name, name);
}

/* Headers, symbols and descriptors in a segment that is read; the code in one that is executed; and
 * the header for a stack that lld writes. */
static inline void write_headers(struct made *made, const struct reef_object *from,
                                 const Elf64_Shdr *sections)
{
    Elf64_Ehdr header = from->header;
    uint64_t text = sections[TEXT].sh_offset;
    Elf64_Phdr segments[] = {
        {PT_LOAD, PF_R, 0, 0, 0, text, text, PAGE},
        {PT_LOAD, PF_R | PF_X, text, text, text, sections[TEXT].sh_size, sections[TEXT].sh_size,
         PAGE},
        {PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 0},
    };
    header.e_phoff = sizeof(header);
    header.e_phnum = 3;
    header.e_shoff = align(sections[NAMES].sh_offset + sizeof(section_names), 8);
    header.e_shnum = SECTIONS;
    header.e_shstrndx = NAMES;
    memcpy(made->bytes, &header, sizeof(header));
    memcpy(made->bytes + sizeof(header), segments, sizeof(segments));
    memcpy(made->bytes + sections[NOTE].sh_offset, note, sizeof(note));
    memcpy(made->bytes + sections[NAMES].sh_offset, section_names, sizeof(section_names));
    memcpy(made->bytes + header.e_shoff, sections, SECTIONS * sizeof(*sections));
}

static inline void make_kernels(struct made *made, const struct reef_object *from,
                                const struct reef_object_kernel *kernel, unsigned count,
                                uint64_t wanted)
{
    unsigned kernels = 0;
    uint64_t code = 0;
    for (; code < wanted; kernels++)
        code += align(kernel[kernels % count].code_bytes + 256, 256);
    Elf64_Shdr sections[SECTIONS] = {{0}};
    uint64_t sizes[SECTIONS] = {sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr),
                                sizeof(note),
                                (2ull * kernels + 1) * sizeof(Elf64_Sym),
                                2ull * kernels * NAME + 1,
                                64ull * kernels,
                                code,
                                sizeof(section_names),
                                0};
    uint64_t at = sizes[NOTHING];
    for (unsigned i = 1; i < SECTIONS; i++) {
        at = align(at, i == TEXT ? PAGE : 64);
        sections[i] = (Elf64_Shdr){.sh_name = section_name[i],
                                   .sh_type = i == NOTE                    ? SHT_NOTE
                                              : i == SYMBOLS               ? SHT_DYNSYM
                                              : i == STRINGS || i == NAMES ? SHT_STRTAB
                                                                           : SHT_PROGBITS,
                                   .sh_flags = i == NAMES  ? 0
                                               : i == TEXT ? SHF_ALLOC | SHF_EXECINSTR
                                                           : SHF_ALLOC,
                                   .sh_addr = i == NAMES ? 0 : at,
                                   .sh_offset = at,
                                   .sh_size = sizes[i],
                                   .sh_link = i == SYMBOLS ? STRINGS : 0,
                                   .sh_info = i == SYMBOLS,
                                   .sh_addralign = 8,
                                   .sh_entsize = i == SYMBOLS ? sizeof(Elf64_Sym) : 0};
        at += sizes[i];
    }
    sections[SYMBOLS_AGAIN] = sections[SYMBOLS];
    sections[SYMBOLS_AGAIN].sh_name = section_name[SYMBOLS_AGAIN];
    sections[SYMBOLS_AGAIN].sh_type = SHT_SYMTAB;
    made->kernels = kernels;
    made->size = align(at, 8) + sizeof(sections);
    made->bytes = calloc(1, made->size);
    write_headers(made, from, sections);
    uint64_t entry = sections[TEXT].sh_offset, descriptor = sections[DESCRIPTORS].sh_offset;
    for (unsigned i = 0; i < kernels; i++, descriptor += 64) {
        const struct reef_object_kernel *k = &kernel[i % count];
        char name[NAME];
        int64_t distance = (int64_t)(entry - descriptor);
        memcpy(made->bytes + descriptor, k->descriptor, 64);
        memcpy(made->bytes + descriptor + REEF_KD_ENTRY, &distance, sizeof(distance));
        memcpy(made->bytes + entry, reef_object_at(from, k->entry_va, k->code_bytes),
               k->code_bytes);
        name_of(k, i, ".kd", name);
        add_symbol(made->bytes, sections, 2 * i + 1, name, STT_OBJECT, DESCRIPTORS, descriptor, 64);
        name_of(k, i, "", name);
        add_symbol(made->bytes, sections, 2 * i + 2, name, STT_FUNC, TEXT, entry, k->code_bytes);
        entry += align(k->code_bytes + 256, 256);
    }
}

/* --- the GPU --- */

static hsa_agent_t gpu;
static hsa_amd_memory_pool_t kernarg_pool;

static inline hsa_status_t find_pool(hsa_amd_memory_pool_t pool, void *arg)
{
    uint32_t flags = 0;
    (void)arg;
    hsa_amd_memory_pool_get_info(pool, HSA_AMD_MEMORY_POOL_INFO_GLOBAL_FLAGS, &flags);
    if (flags & HSA_AMD_MEMORY_POOL_GLOBAL_FLAG_KERNARG_INIT)
        kernarg_pool = pool;
    return HSA_STATUS_SUCCESS;
}

static inline hsa_status_t find_agent(hsa_agent_t agent, void *arg)
{
    hsa_device_type_t type;
    (void)arg;
    hsa_agent_get_info(agent, HSA_AGENT_INFO_DEVICE, &type);
    if (type == HSA_DEVICE_TYPE_GPU)
        gpu = agent;
    else
        hsa_amd_agent_iterate_memory_pools(agent, find_pool, NULL);
    return HSA_STATUS_SUCCESS;
}

static inline hsa_executable_t load_kernels(const struct made *made)
{
    hsa_code_object_reader_t reader;
    hsa_executable_t executable;
    check(hsa_code_object_reader_create_from_memory(made->bytes, made->size, &reader), "reader");
    check(hsa_executable_create_alt(HSA_PROFILE_BASE, HSA_DEFAULT_FLOAT_ROUNDING_MODE_DEFAULT, NULL,
                                    &executable),
          "executable");
    check(hsa_executable_load_agent_code_object(executable, gpu, reader, NULL, NULL), "load");
    check(hsa_executable_freeze(executable, NULL), "freeze");
    check(hsa_code_object_reader_destroy(reader), "reader");
    return executable;
}

/* The code object in the file @path, whose kernels are to be repeated. Exits if there is none. */
static inline unsigned open_kernels(const char *path, struct reef_object *object,
                                    struct reef_object_kernel kernel[KERNELS_MAX])
{
    static uint8_t bytes[1 << 22];
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(bytes, 1, sizeof(bytes), file) : 0;
    if (!file || reef_object_open(object, bytes, size) != 0) {
        fprintf(stderr, "%s: no code object\n", path);
        exit(2);
    }
    fclose(file);
    return read_kernels(object, kernel);
}

/* --- launches --- */

static inline void open_gpu(void)
{
    check(hsa_init(), "hsa_init");
    check(hsa_iterate_agents(find_agent, NULL), "agents");
}

/* Memory of the host that the GPU sees too. */
static inline void *allocate_shared(size_t bytes)
{
    void *memory;
    check(hsa_amd_memory_pool_allocate(kernarg_pool, bytes, 0, &memory), "memory");
    check(hsa_amd_agents_allow_access(1, &gpu, NULL, memory), "memory");
    memset(memory, 0, bytes);
    return memory;
}

static inline hsa_queue_t *open_queue(void)
{
    hsa_queue_t *queue;
    check(hsa_queue_create(gpu, 1024, HSA_QUEUE_TYPE_MULTI, NULL, NULL, UINT32_MAX, UINT32_MAX,
                           &queue),
          "queue");
    return queue;
}

static inline uint64_t kernel_object(hsa_executable_t executable, const char *name)
{
    hsa_executable_symbol_t symbol;
    uint64_t object;
    check(hsa_executable_get_symbol_by_name(executable, name, &gpu, &symbol), name);
    check(hsa_executable_symbol_get_info(symbol, HSA_EXECUTABLE_SYMBOL_INFO_KERNEL_OBJECT, &object),
          name);
    return object;
}

/* Launches one work-group of 64, behind all before it in the queue. @signal is set to 1. */
static inline void launch_one(hsa_queue_t *queue, uint64_t object, void *arguments,
                              hsa_signal_t signal)
{
    uint64_t index = hsa_queue_add_write_index_screlease(queue, 1);
    hsa_kernel_dispatch_packet_t *packet =
        (hsa_kernel_dispatch_packet_t *)queue->base_address + index % queue->size;
    uint32_t header = HSA_PACKET_TYPE_KERNEL_DISPATCH << HSA_PACKET_HEADER_TYPE |
                      1u << HSA_PACKET_HEADER_BARRIER |
                      HSA_FENCE_SCOPE_SYSTEM << HSA_PACKET_HEADER_SCACQUIRE_FENCE_SCOPE |
                      HSA_FENCE_SCOPE_SYSTEM << HSA_PACKET_HEADER_SCRELEASE_FENCE_SCOPE;
    uint32_t setup = 1u << HSA_KERNEL_DISPATCH_PACKET_SETUP_DIMENSIONS;
    memset((char *)packet + 4, 0, sizeof(*packet) - 4);
    packet->workgroup_size_x = 64;
    packet->grid_size_x = 64;
    packet->workgroup_size_y = packet->workgroup_size_z = 1;
    packet->grid_size_y = packet->grid_size_z = 1;
    packet->group_segment_size = 32768;
    packet->kernel_object = object;
    packet->kernarg_address = arguments;
    packet->completion_signal = signal;
    hsa_signal_store_relaxed(signal, 1);
    __atomic_store_n((uint32_t *)packet, header | setup << 16, __ATOMIC_RELEASE);
    hsa_signal_store_screlease(queue->doorbell_signal, (hsa_signal_value_t)index);
}

static inline void wait_for(hsa_signal_t signal)
{
    hsa_signal_wait_scacquire(signal, HSA_SIGNAL_CONDITION_LT, 1, UINT64_MAX,
                              HSA_WAIT_STATE_BLOCKED);
}
