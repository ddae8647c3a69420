// SPDX-License-Identifier: Apache-2.0
/*
 * Scalar memory: loads, stores and atomics of every size, through addresses and buffer descriptors,
 * with immediate and register offsets, against memory that the host fills and reads itself.
 */
#include "harness.h"

#include "rows.h"
#include "wave.h"

#include <stdio.h>
#include <stdlib.h>

enum { BYTES = 4096, MAX = 16, BASE = 0, RSRC = 4, OFFSET = 8, DATA = 16, SIZE = 256 };

static struct harness *harness;
static uint32_t *memory;
static uint64_t memory_va;
static unsigned checks, failures;

/* All texts in the order in which they run: a first pass writes them down, one call of the
 * assembler makes words of them, s_nop with its number before each; the second pass runs those. */
enum { WORDS_MAX = 8192, S_NOP = 0xbf800000 };
static FILE *texts; /* of the first pass; NULL in the second */
static unsigned next;
static uint32_t all_words[WORDS_MAX];
static int all_count, at;

static void check(const char *text, const char *what, uint64_t got, uint64_t want)
{
    if (texts)
        return;
    checks++;
    if (got != want && failures++ < 20)
        printf("FAIL %s: %s is %#llx instead of %#llx\n", text, what, (unsigned long long)got,
               (unsigned long long)want);
}

/* The words of the text whose turn it is. */
static const uint32_t *take_words(unsigned *count)
{
    const int first = at + 1;

    next++;
    for (at = first; at < all_count && all_words[at] != (S_NOP | next); at++)
        ;
    *count = (unsigned)(at - first);
    return all_words + first;
}

/* Runs @text on fresh memory and registers; @size is the buffer's. */
static struct gcn_wave *run(const char *text, uint32_t size)
{
    static struct gcn_wave nothing;
    struct gcn_workgroup *wg;
    const uint32_t *words;
    struct gcn_wave *w;
    struct gcn_inst inst;
    unsigned count;

    if (texts) {
        fprintf(texts, "s_nop %u\n%s\n", next++, text);
        return &nothing;
    }
    words = take_words(&count);
    wg = count > 0 ? harness_wave(harness, words, count) : NULL;
    if (!wg) {
        check(text, "the assembled text", 0, 1);
        exit(1);
    }
    for (unsigned i = 0; i < BYTES / 4; i++)
        memory[i] = i * 0x01010101u + 7;
    w = &wg->wave[0];
    gcn_set_sgpr64(w, BASE, memory_va);
    gcn_set_sgpr64(w, RSRC, memory_va);
    w->sgpr[RSRC + 2] = size;
    w->sgpr[RSRC + 3] = 0;
    w->sgpr[OFFSET] = 64;
    for (unsigned i = 0; i < 2 * MAX; i++)
        w->sgpr[DATA + i] = 0xd0000000 + i;
    gcn_decode(words, count, &inst);
    rows_note(inst.op);
    check(text, "the end", harness_wave_run(harness, NULL), GCN_DONE);
    return w;
}

static void registers(char *text, unsigned first, unsigned count)
{
    if (count == 1)
        sprintf(text, "s%u", first);
    else
        sprintf(text, "s[%u:%u]", first, first + count - 1);
}

/* The texts of one operation: its ways to say where. */
static const struct way {
    const char *text; /* behind the data registers */
    unsigned at;      /* byte offset of the access */
    bool buffer;
} ways[] = {
    {", s[0:1], 0x20", 0x20, false},
    {", s[0:1], s8", 64, false},
    {", s[0:1], s8 offset:0x10", 80, false},
    {", s[4:7], 0x20", 0x20, true},
    {", s[4:7], s8", 64, true},
};

static void transfers(void)
{
    static const char *const sizes[] = {"", "x2", "x4", "x8", "x16"};

    for (unsigned k = 0; k < 5; k++)
        for (unsigned n = 0; n < sizeof(ways) / sizeof(ways[0]); n++) {
            const unsigned dwords = 1u << k, first = ways[n].at / 4;
            const char *kind = ways[n].buffer ? "buffer_" : "";
            char text[96], data[16];
            struct gcn_wave *w;

            registers(data, DATA, dwords);
            sprintf(text, "s_%sload_dword%s %s%s", kind, sizes[k], data, ways[n].text);
            w = run(text, SIZE);
            for (unsigned i = 0; i < 2 * MAX; i++)
                check(text, "a register", w->sgpr[DATA + i],
                      i < dwords ? (first + i) * 0x01010101u + 7 : 0xd0000000 + i);
            if (dwords > 4)
                continue;
            sprintf(text, "s_%sstore_dword%s %s%s", kind, sizes[k], data, ways[n].text);
            run(text, SIZE);
            for (unsigned i = 0; i < BYTES / 4; i++)
                check(text, "memory", memory[i],
                      i - first < dwords ? 0xd0000000 + i - first : i * 0x01010101u + 7);
        }
}

/* Beyond a buffer's end: 0 comes, nothing goes. */
static void ranges(void)
{
    struct gcn_wave *w = run("s_buffer_load_dwordx8 s[16:23], s[4:7], 0x20", 44);

    for (unsigned i = 0; i < 8; i++)
        check("a load across the end", "a register", w->sgpr[DATA + i],
              i < 3 ? (8 + i) * 0x01010101u + 7 : 0);
    run("s_buffer_store_dwordx4 s[16:19], s[4:7], 0x20", 40);
    for (unsigned i = 0; i < 16; i++)
        check("a store across the end", "memory", memory[i],
              i == 8 || i == 9 ? 0xd0000000 + i - 8 : i * 0x01010101u + 7);
    w = run("s_buffer_atomic_add s16, s[4:7], 0x20 glc", 32);
    check("an atomic beyond the end", "memory", memory[8], 8 * 0x01010101u + 7);
    check("an atomic beyond the end", "its result", w->sgpr[DATA], 0);
}

static uint64_t signed_less(uint64_t a, uint64_t b, unsigned bits)
{
    return bits == 32 ? (int32_t)a < (int32_t)b : (int64_t)a < (int64_t)b;
}

/* New value of memory that holds @m, with operands @a and @b. */
static uint64_t expected(const char *op, uint64_t m, uint64_t a, uint64_t b, unsigned bits)
{
    if (!strcmp(op, "swap"))
        return a;
    if (!strcmp(op, "cmpswap"))
        return m == b ? a : m;
    if (!strcmp(op, "add"))
        return m + a;
    if (!strcmp(op, "sub"))
        return m - a;
    if (!strcmp(op, "smin"))
        return signed_less(m, a, bits) ? m : a;
    if (!strcmp(op, "smax"))
        return signed_less(m, a, bits) ? a : m;
    if (!strcmp(op, "umin"))
        return m < a ? m : a;
    if (!strcmp(op, "umax"))
        return m < a ? a : m;
    if (!strcmp(op, "and"))
        return m & a;
    if (!strcmp(op, "or"))
        return m | a;
    if (!strcmp(op, "xor"))
        return m ^ a;
    if (!strcmp(op, "inc"))
        return m < a ? m + 1 : 0;
    return m == 0 || m > a ? a : m - 1; /* dec */
}

static void atomics(void)
{
    static const char *const ops[] = {"swap", "cmpswap", "add", "sub", "smin", "umin", "smax",
                                      "umax", "and",     "or",  "xor", "inc",  "dec"};

    for (unsigned k = 0; k < 2 * sizeof(ops) / sizeof(ops[0]); k++)
        for (unsigned n = 0; n < sizeof(ways) / sizeof(ways[0]); n++) {
            const unsigned bits = k & 1 ? 64 : 32, first = ways[n].at / 4, dwords = bits / 32;
            const char *op = ops[k / 2];
            const bool two = !strcmp(op, "cmpswap"), glc = n & 1;
            uint64_t before = 0, after = 0, want, a = 0, b = 0;
            char text[96], data[16];
            struct gcn_wave *w;

            registers(data, DATA, two ? 2 * dwords : dwords);
            sprintf(text, "s_%satomic_%s%s %s%s%s", ways[n].buffer ? "buffer_" : "", op,
                    k & 1 ? "_x2" : "", data, ways[n].text, glc ? " glc" : "");
            w = run(text, SIZE);
            for (unsigned i = 0; i < dwords; i++) {
                before |= (uint64_t)((first + i) * 0x01010101u + 7) << 32 * i;
                after |= (uint64_t)memory[first + i] << 32 * i;
                a |= (0xd0000000ull + i) << 32 * i;
                b |= (0xd0000000ull + dwords + i) << 32 * i;
            }
            want = expected(op, before, a, b, bits);
            if (bits == 32)
                want = (uint32_t)want;
            check(text, "memory", after, want);
            check(text, "the dword behind", memory[first + dwords],
                  (first + dwords) * 0x01010101u + 7);
            check(text, "the register", w->sgpr[DATA], glc ? (uint32_t)before : 0xd0000000);
        }
    /* Where it compares equal. */
    static const char text[] =
        "s_mov_b32 s16, 5\ns_movk_i32 s17, 7\ns_load_dword s17, s[0:1], 0x20\n"
        "s_waitcnt lgkmcnt(0)\ns_atomic_cmpswap s[16:17], s[0:1], 0x20";
    run(text, SIZE);
    check(text, "memory", memory[8], 5);
}

static void all_tests(void)
{
    transfers();
    ranges();
    atomics();
}

int main(void)
{
    char *source = NULL;
    size_t size;

    harness = harness_create();
    if (harness)
        memory = harness_alloc(harness, BYTES, &memory_va);
    if (!memory)
        return 1;
    if (system("llvm-mc-15 --version >/dev/null 2>&1")) {
        printf("no llvm-mc-15: skipped\n");
        return 77;
    }
    texts = open_memstream(&source, &size);
    if (!texts)
        return 1;
    all_tests();
    fclose(texts);
    texts = NULL;
    all_count = harness_assemble(source, all_words, WORDS_MAX);
    free(source);
    next = 0;
    all_tests();
    printf("%u values compared, %u failed\n", checks, failures);
    harness_destroy(harness);
    return failures != 0;
}
