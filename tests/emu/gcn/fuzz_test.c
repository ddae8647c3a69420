// SPDX-License-Identifier: Apache-2.0
/*
 * Runs random instructions in random registers and memory. Whatever a program holds, the
 * interpreter ends it or reports a fault: it does not crash, hang or touch what is not the
 * program's (best run under the sanitizers). Usage: fuzz_test COUNT [SEED]; a failing run prints
 * the words it was at.
 */
#include "harness.h"

#include "refusal.h"
#include "wave.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static uint64_t state = 1;

static uint32_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state >> 32;
}

enum { WORDS = 8 };

static uint32_t words[WORDS];

static void crashed(int signal)
{
    char text[128];
    int n = snprintf(text, sizeof(text), "signal %d at words %08x %08x %08x %08x\n", signal,
                     words[0], words[1], words[2], words[3]);

    if (write(2, text, (size_t)n) != n)
        _exit(2);
    _exit(1);
}

/* A word that begins an instruction of some format; the formats are equally likely. */
static uint32_t first_word(void)
{
    static const struct {
        uint32_t match, free;
    } formats[] = {
        {0xbe800000, 0x007fffff}, {0xbf000000, 0x007fffff}, {0xbf800000, 0x007fffff},
        {0xb0000000, 0x0fffffff}, {0x80000000, 0x3fffffff}, {0x7e000000, 0x01ffffff},
        {0x7c000000, 0x01ffffff}, {0x00000000, 0x7fffffff}, {0xc0000000, 0x03ffffff},
        {0xd3800000, 0x007fffff}, {0xd0000000, 0x03ffffff}, {0xd8000000, 0x03ffffff},
        {0xdc000000, 0x03ffffff}, {0xe0000000, 0x03ffffff}, {0xe8000000, 0x03ffffff},
        {0x00000000, 0xffffffff},
    };
    const unsigned f = next_random() % (sizeof(formats) / sizeof(formats[0]));

    return formats[f].match | (next_random() & formats[f].free);
}

/* Two words: seven times of eight an instruction that the interpreter executes, if one is found
 * soon. */
static void fill_words(uint32_t pair[2])
{
    const bool any = next_random() % 8 == 0;
    struct isa_inst inst;

    for (unsigned tries = 0; tries < 32; tries++) {
        pair[0] = first_word();
        pair[1] = next_random();
        if (any || (isa_decode_fields(pair, 2, &inst) == ISA_OK && !gcn_refusal(&inst)))
            return;
    }
}

/* Values that lead somewhere: addresses within @va's memory, small numbers, edges, noise. */
static uint32_t value(uint64_t va, bool high)
{
    switch (next_random() % 6) {
    case 0:
    case 1:
        return high ? (uint32_t)(va >> 32) : (uint32_t)va + next_random() % 8192;
    case 2:
        return next_random() % 256;
    case 3:
        return 0u - next_random() % 16;
    case 4:
        return 1u << next_random() % 32;
    default:
        return next_random();
    }
}

static void set_registers(struct gcn_wave *w, uint64_t va)
{
    for (unsigned i = 0; i < GCN_FLAT_SCRATCH; i++)
        w->sgpr[i] = value(va, i & 1);
    w->sgpr[GCN_M0] = value(va, false);
    gcn_set_sgpr64(w, GCN_VCC, (uint64_t)next_random() << 32 | next_random());
    if (next_random() % 2)
        gcn_set_sgpr64(w, GCN_EXEC, (uint64_t)next_random() << 32 | next_random());
    for (unsigned i = 0; i < w->vgprs; i++) {
        const uint32_t common = value(va, i & 1);
        const unsigned spread = next_random() % 3;

        for (unsigned lane = 0; lane < 64; lane++)
            w->vgpr[i][lane] = spread == 0   ? common
                               : spread == 1 ? common + lane * 4
                                             : next_random();
    }
}

int main(int argc, char **argv)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM};
    struct harness *h = harness_create();
    struct gcn_thread *thread = gcn_thread_create();
    long count = argc > 1 ? atol(argv[1]) : 1000;
    unsigned long done = 0, faults = 0;
    uint64_t va;

    if (argc > 2)
        state = strtoull(argv[2], NULL, 0) | 1;
    if (!h || !thread || !harness_alloc(h, 4096, &va))
        return 1;
    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        signal(signals[i], crashed);
    for (long i = 0; i < count; i++) {
        struct gcn_slice slice = {.budget_cycles = 100000, .issue_scale_q8 = 256};
        struct gcn_workgroup *wg;
        enum gcn_status status;

        for (unsigned k = 0; k < WORDS; k += 2)
            fill_words(&words[k]);
        wg = harness_wave(h, words, WORDS);
        if (!wg)
            return 1;
        set_registers(&wg->wave[0], va);
        alarm(10);
        status = gcn_workgroup_run(wg, thread, &slice);
        done += status == GCN_DONE;
        faults += status == GCN_FAULT;
        if (status == GCN_FAULT && (slice.fault.kind == GCN_FAULT_NONE || !slice.fault.text[0])) {
            printf("a fault without a reason at %08x %08x\n", words[0], words[1]);
            return 1;
        }
    }
    printf("%ld programs: %lu ended, %lu faulted\n", count, done, faults);
    gcn_thread_destroy(thread);
    harness_destroy(h);
    return 0;
}
