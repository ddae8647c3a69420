// SPDX-License-Identifier: Apache-2.0
/*
 * What the lanes of mem_kernels.hip compute, in C: the test computes the same on the CPU.
 * Unsigned arithmetic, so that it is defined in both. DEVICE marks a function that must not be
 * inlined.
 */
#pragma once

DEVICE int mem_recurse(int depth, int seed)
{
    int local[8];
    unsigned sum = 0;

    for (int k = 0; k < 8; k++)
        local[(k + seed) & 7] = (int)((unsigned)seed * 31u + (unsigned)k);
    if (depth > 0) {
        unsigned left = (unsigned)mem_recurse(depth - 1, local[seed & 7]);
        unsigned right = depth > 1 ? (unsigned)mem_recurse(depth - 2, local[(seed >> 3) & 7]) : 1u;

        sum = left * 3u + right;
    }
    for (int k = 0; k < 8; k++)
        sum = sum * 17u + (unsigned)local[k];
    return (int)sum;
}

struct __attribute__((packed)) mem_packed {
    char a;
    int b;
    short c;
    double d;
};

DEVICE int mem_arrays(int seed)
{
    signed char bytes[13];
    unsigned short shorts[11];
    long long longs[7];
    struct mem_packed packed[5];
    unsigned sum = 0;

    for (int k = 0; k < 13; k++)
        bytes[(k * 5 + seed % 13 + 13) % 13] = (signed char)(seed + k * 41);
    for (int k = 0; k < 11; k++)
        shorts[(k * 3 + seed % 11 + 11) % 11] = (unsigned short)(seed * 7 + k * 999);
    for (int k = 0; k < 7; k++)
        longs[(k * 2 + seed % 7 + 7) % 7] = (long long)seed * 1000003 + k;
    for (int k = 0; k < 5; k++) {
        struct mem_packed *p = &packed[(k * 2 + seed % 5 + 5) % 5];

        p->a = (char)(k + 1);
        p->b = seed * 3 + k;
        p->c = (short)(seed - k);
        p->d = seed * 0.25 + k;
    }
    for (int k = 0; k < 13; k++)
        sum = sum * 5u + (unsigned)(int)bytes[k];
    for (int k = 0; k < 11; k++)
        sum = sum * 7u + shorts[k];
    for (int k = 0; k < 7; k++)
        sum = sum * 11u + (unsigned)longs[k] + (unsigned)(longs[k] >> 32);
    for (int k = 0; k < 5; k++)
        sum = sum * 13u + (unsigned)(int)packed[k].a + (unsigned)packed[k].b +
              (unsigned)(int)packed[k].c + (unsigned)(int)(packed[k].d * 4);
    return (int)sum;
}

/** Sorts 24 numbers with an explicit stack. */
DEVICE int mem_sort(int seed)
{
    int v[24], stack[48], top = 0;
    unsigned x = (unsigned)seed, sum = 0;

    for (int k = 0; k < 24; k++) {
        x = x * 1664525u + 1013904223u;
        v[k] = (int)(x >> 9 & 0x3ff);
    }
    stack[top++] = 0;
    stack[top++] = 23;
    while (top > 0) {
        int high = stack[--top], low = stack[--top], at = low;

        if (low >= high)
            continue;
        for (int k = low; k < high; k++)
            if (v[k] < v[high]) {
                int t = v[k];

                v[k] = v[at];
                v[at++] = t;
            }
        int t = v[at];

        v[at] = v[high];
        v[high] = t;
        stack[top++] = low;
        stack[top++] = at - 1;
        stack[top++] = at + 1;
        stack[top++] = high;
    }
    for (int k = 0; k < 24; k++)
        sum = sum * 3u + (unsigned)v[k];
    return (int)sum;
}

/** Through a pointer to whatever memory. */
DEVICE int mem_touch(int *p)
{
    int before = *p;
    short *half = (short *)p;
    unsigned char *byte = (unsigned char *)p;

    half[1] = (short)(half[1] ^ 0x55);
    byte[0] = (unsigned char)(byte[0] + byte[1]);
    return before;
}
