// SPDX-License-Identifier: Apache-2.0
/*
 * Runs mem_kernels.hip, as hipcc compiled it at some optimisation level, on the interpreter and
 * compares with the CPU. Usage: mem_kernels_test CODE_OBJECT...
 */
#include "arguments.h"
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVICE static
#include "mem_kernels.h"

enum { ITEMS = 256 * 6, GROUP = 256 };

struct run {
    struct harness *h;
    const char *path;
    int32_t input[4 * ITEMS], *in, *out;
    bool ok;
};

static uint32_t next_random(void)
{
    static uint32_t x = 2463534242u;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x;
}

/** Launches @kernel(out, in) and compares out[] with @want. */
static void launch(struct run *r, const char *kernel, uint32_t items, uint16_t group,
                   const int32_t *want)
{
    struct harness_launch l = {.kernel = kernel, .grid = {items}, .workgroup = {group}};
    struct arguments a = {0};
    uint64_t in_va, out_va;

    r->in = harness_alloc(r->h, sizeof(r->input), &in_va);
    r->out = harness_alloc(r->h, items * 4, &out_va);
    if (!r->in || !r->out) {
        r->ok = false;
        return;
    }
    memcpy(r->in, r->input, sizeof(r->input));
    arguments_pointer(&a, out_va);
    arguments_pointer(&a, in_va);
    l.kernarg = a.bytes;
    l.kernarg_bytes = a.used;
    if (harness_run(r->h, &l) != GCN_DONE) {
        printf("%s: %s did not end well\n", r->path, kernel);
        r->ok = false;
        return;
    }
    for (uint32_t i = 0; i < items; i++)
        if (r->out[i] != want[i]) {
            printf("%s: %s item %u: %d instead of %d\n", r->path, kernel, i, r->out[i], want[i]);
            r->ok = false;
            return;
        }
    printf("%s: %s: %llu wave-instructions\n", r->path, kernel, (unsigned long long)l.instructions);
}

static int32_t generic_item(int32_t in, unsigned t)
{
    int own[16], shared = (int)(in + 5), global = in, *p, before;

    for (int k = 0; k < 16; k++)
        own[k] = (int)((uint32_t)in + (uint32_t)k);
    p = t % 3 == 0 ? &own[in & 15] : t % 3 == 1 ? &shared : &global;
    before = mem_touch(p);
    return (int32_t)((uint32_t)before + (uint32_t)*p * 3 + (uint32_t)own[(t + 1) & 15]);
}

static void widths_group(const int32_t *in, int32_t *out)
{
    uint32_t sum = 0, top = 0, r[64];

    for (int t = 0; t < 64; t++) {
        const int32_t *v = in + 4 * (63 - t);
        uint32_t first = (uint32_t)in[4 * t];

        sum += first & 0xff;
        top = first > top ? first : top;
        r[t] = (uint32_t)(v[0] ^ v[1] ^ v[2] ^ v[3]);
        r[t] += (uint32_t)in[4 * ((t + 7) % 64)] + (uint16_t)in[4 * ((t + 1) % 64)] +
                (uint16_t)(in[4 * t] >> 8);
    }
    for (int t = 0; t < 64; t++) {
        int from = t + 3 < 64 ? t + 3 : t; /* __shfl_down at the end of the wave: its own value */

        out[t] = (int32_t)(r[t] + sum + top + r[t ^ 5] + (uint32_t)in[4 * (63 - from)]);
    }
}

static bool run_object(const char *path)
{
    static struct run r;
    static int32_t want[ITEMS];

    r = (struct run){.h = harness_create(), .path = path, .ok = true};
    if (!r.h || harness_load(r.h, path))
        return false;
    for (unsigned i = 0; i < 4 * ITEMS; i++)
        r.input[i] = (int32_t)(next_random() & 0x3fffffff);
    for (unsigned i = 0; i < ITEMS; i++)
        want[i] = mem_recurse(r.input[i] & 7, r.input[i]);
    launch(&r, "recursion", ITEMS, GROUP, want);
    for (unsigned i = 0; i < ITEMS; i++)
        want[i] = mem_arrays(r.input[i]);
    launch(&r, "arrays", ITEMS, GROUP, want);
    for (unsigned i = 0; i < ITEMS; i++)
        want[i] = mem_sort(r.input[i]);
    launch(&r, "sorting", ITEMS, GROUP, want);
    for (unsigned i = 0; i < ITEMS; i++)
        want[i] = generic_item(r.input[i], i % GROUP);
    launch(&r, "generic", ITEMS, GROUP, want);
    for (unsigned i = 0; i < 256; i += 64)
        widths_group(r.input + 4 * i, want + i);
    launch(&r, "widths", 256, 64, want);
    harness_destroy(r.h);
    return r.ok;
}

int main(int argc, char **argv)
{
    bool ok = argc > 1;

    for (int i = 1; i < argc; i++)
        ok &= run_object(argv[i]);
    return ok ? 0 : 1;
}
