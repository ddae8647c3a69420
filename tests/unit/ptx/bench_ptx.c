// SPDX-License-Identifier: Apache-2.0
/* How many instructions of threads the interpreter does in a second of one core's time. Not a test.
 */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* c = a * b in tiles of 16 x 16 in shared memory; n is a multiple of 16. */
static const char matmul[] =
    ".version 7.0\n.target sm_70\n.address_size 64\n"
    ".visible .entry k(.param .u64 a, .param .u64 b, .param .u64 c, .param .u32 n) {\n"
    ".reg .b64 %d<12>; .reg .b32 %r<24>; .reg .f32 %f<6>; .reg .pred %p;\n"
    ".shared .align 4 .b8 ta[1024]; .shared .align 4 .b8 tb[1024];\n"
    "ld.param.u64 %d1, [a]; ld.param.u64 %d2, [b]; ld.param.u64 %d3, [c]; ld.param.u32 %r1, [n];\n"
    "mov.u32 %r2, %tid.x; and.b32 %r3, %r2, 15; shr.u32 %r4, %r2, 4; mov.u32 %r5, %ctaid.x;\n"
    "shr.u32 %r6, %r1, 4; rem.u32 %r7, %r5, %r6; div.u32 %r8, %r5, %r6;\n"
    "mad.lo.u32 %r9, %r8, 16, %r4; mad.lo.u32 %r10, %r7, 16, %r3; mov.f32 %f1, 0f00000000; mov.u32 "
    "%r11, 0;\n"
    "shl.b32 %r12, %r2, 2; mov.u32 %r13, ta; mov.u32 %r14, tb; add.u32 %r15, %r13, %r12; add.u32 "
    "%r16, %r14, %r12;\n"
    "shl.b32 %r17, %r4, 6; add.u32 %r17, %r17, %r13; shl.b32 %r18, %r3, 2; add.u32 %r18, %r18, "
    "%r14;\n"
    "K: add.u32 %r19, %r11, %r3; mad.lo.u32 %r19, %r9, %r1, %r19; mul.wide.u32 %d4, %r19, 4; "
    "add.u64 %d4, %d4, %d1;\n"
    "ld.global.f32 %f2, [%d4]; st.shared.f32 [%r15], %f2; add.u32 %r19, %r11, %r4;\n"
    "mad.lo.u32 %r19, %r19, %r1, %r10; mul.wide.u32 %d4, %r19, 4; add.u64 %d4, %d4, %d2;\n"
    "ld.global.f32 %f2, [%d4]; st.shared.f32 [%r16], %f2; bar.sync 0; mov.u32 %r20, 0; mov.u32 "
    "%r21, %r17; mov.u32 %r22, %r18;\n"
    "J: ld.shared.f32 %f3, [%r21]; ld.shared.f32 %f4, [%r22]; fma.rn.f32 %f1, %f3, %f4, %f1; "
    "add.u32 %r21, %r21, 4;\n"
    "add.u32 %r22, %r22, 64; add.u32 %r20, %r20, 1; setp.lt.u32 %p, %r20, 16; @%p bra J;\n"
    "bar.sync 0; add.u32 %r11, %r11, 16; setp.lt.u32 %p, %r11, %r1; @%p bra K;\n"
    "mad.lo.u32 %r19, %r9, %r1, %r10; mul.wide.u32 %d4, %r19, 4; add.u64 %d4, %d4, %d3; "
    "st.global.f32 [%d4], %f1; ret; }";

int main(void)
{
    enum { N = 256 };
    float *memory = calloc(3 * N * N, sizeof(*memory));
    struct {
        float *a, *b, *c;
        uint32_t n;
    } params = {memory, memory + N * N, memory + 2 * N * N, N};
    clock_t begin = clock();
    struct run run;
    double seconds;

    for (unsigned i = 0; i < 2 * N * N; i++)
        memory[i] = (float)(i % 7);
    run = rig_run(matmul, "k", N * N / 256, 256, &params, memory, 3 * N * N * sizeof(*memory));
    seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    printf("%.0f M thread instructions in %.2f s of CPU time: %.0f M/s\n",
           (double)run.instructions / 1e6, seconds, (double)run.instructions / 1e6 / seconds);
    free(memory);
    return run.status == PTX_DONE ? 0 : 1;
}
