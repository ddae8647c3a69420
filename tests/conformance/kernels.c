// SPDX-License-Identifier: Apache-2.0
/* The kernels of the suite, as PTX text. */
#include "conformance.h"

#define HEAD ".version 7.0\n.target sm_70\n.address_size 64\n"

#define LINGER(name, meet)                                                                         \
    ".visible .entry " name "(.param .u64 out, .param .u64 in, .param .u32 ms) {\n"                \
    "  .reg .b64 %d<4>; .reg .b32 %r<7>; .reg .pred %p;\n"                                         \
    "  ld.param.u64 %d1, [out]; ld.param.u64 %d2, [in]; ld.param.u32 %r1, [ms];\n"                 \
    "  mov.u32 %r2, %ctaid.x; mov.u32 %r3, %ntid.x; mov.u32 %r4, %tid.x;\n"                        \
    "  mad.lo.u32 %r4, %r2, %r3, %r4; mul.wide.u32 %d3, %r4, 4; add.u64 %d1, %d1, %d3;\n"          \
    "  add.u64 %d2, %d2, %d3; " meet " mov.u32 %r5, 0; st.global.u32 [%d1], %r5;\n"                \
    "  setp.eq.u32 %p, %r2, 0; @%p bra L; and.b32 %r1, %r2, 7; add.u32 %r1, %r1, 1;\n"             \
    "L: setp.eq.u32 %p, %r1, 0; @%p bra E; nanosleep.u32 1000000; sub.u32 %r1, %r1, 1; bra L;\n"   \
    "E: ld.global.u32 %r6, [%d2]; add.u32 %r6, %r6, 1; st.global.u32 [%d1], %r6; ret;\n}\n"

const char conf_ptx[] = HEAD
    ".visible .global .align 4 .u32 counter = 5;\n"
    ".visible .const .align 4 .u32 table[4] = {10, 20, 30, 40};\n"
    ".extern .shared .align 4 .b8 dynamic[];\n"
    /* x = x * a + b */
    ".visible .entry affine(.param .u64 at, .param .u32 a, .param .u32 b) {\n"
    "  .reg .b64 %d; .reg .b32 %r<4>;\n"
    "  ld.param.u64 %d, [at]; ld.param.u32 %r1, [a]; ld.param.u32 %r2, [b];\n"
    "  ld.global.u32 %r3, [%d]; mad.lo.u32 %r3, %r3, %r1, %r2; st.global.u32 [%d], %r3; ret;\n}\n"
    /* x = x + 1 after some microseconds */
    ".visible .entry slow(.param .u64 at, .param .u32 us) {\n"
    "  .reg .b64 %d; .reg .b32 %r<3>; .reg .pred %p;\n"
    "  ld.param.u64 %d, [at]; ld.param.u32 %r1, [us];\n"
    "L: setp.eq.u32 %p, %r1, 0; @%p bra E; nanosleep.u32 1000; sub.u32 %r1, %r1, 1; bra L;\n"
    "E: ld.global.u32 %r2, [%d]; add.u32 %r2, %r2, 1; st.global.u32 [%d], %r2; ret;\n}\n"
    /* out[i] = in[i] + 1 for i < n */
    ".visible .entry plus1(.param .u64 out, .param .u64 in, .param .u32 n) {\n"
    "  .reg .b64 %d<4>; .reg .b32 %r<6>; .reg .pred %p;\n"
    "  ld.param.u64 %d1, [out]; ld.param.u64 %d2, [in]; ld.param.u32 %r1, [n];\n"
    "  mov.u32 %r2, %ctaid.x; mov.u32 %r3, %ntid.x; mov.u32 %r4, %tid.x;\n"
    "  mad.lo.u32 %r2, %r2, %r3, %r4; setp.ge.u32 %p, %r2, %r1; @%p bra E;\n"
    "  mul.wide.u32 %d3, %r2, 4; add.u64 %d1, %d1, %d3; add.u64 %d2, %d2, %d3;\n"
    "  ld.global.u32 %r5, [%d2]; add.u32 %r5, %r5, 1; st.global.u32 [%d1], %r5;\nE: ret;\n}\n"
    /* adds its thread's global number into *at */
    ".visible .entry count(.param .u64 at) {\n"
    "  .reg .b64 %d; .reg .b32 %r;\n"
    "  ld.param.u64 %d, [at]; atom.global.add.u32 %r, [%d], 1; ret;\n}\n"
    ".visible .entry nothing() { ret; }\n"
    ".visible .entry bump() {\n"
    "  .reg .b32 %r; ld.global.u32 %r, [counter]; add.u32 %r, %r, 1; st.global.u32 [counter], %r; "
    "ret;\n}\n"
    ".visible .entry readtable(.param .u64 at, .param .u32 i) {\n"
    "  .reg .b64 %d<4>; .reg .b32 %r<2>;\n"
    "  ld.param.u64 %d1, [at]; ld.param.u32 %r0, [i]; mul.wide.u32 %d2, %r0, 4; mov.u64 %d3, "
    "table;\n"
    "  add.u64 %d2, %d2, %d3; ld.const.u32 %r1, [%d2]; st.global.u32 [%d1], %r1; ret;\n}\n"
    /* sixteen parameters of mixed sizes: *at = their sum */
    ".visible .entry mixed(.param .u64 at, .param .u8 a, .param .u16 b, .param .u32 c, .param .u64 "
    "d,\n"
    "  .param .align 8 .b8 e[24]) {\n"
    "  .reg .b64 %d<6>; .reg .b32 %r; .reg .b16 %h<3>;\n"
    "  ld.param.u64 %d1, [at]; ld.param.u8 %h1, [a]; cvt.u64.u16 %d2, %h1; ld.param.u16 %h2, [b];\n"
    "  cvt.u64.u16 %d3, %h2; add.u64 %d2, %d2, %d3; ld.param.u32 %r, [c]; cvt.u64.u32 %d3, %r;\n"
    "  add.u64 %d2, %d2, %d3; ld.param.u64 %d3, [d]; add.u64 %d2, %d2, %d3; ld.param.u64 %d3, "
    "[e];\n"
    "  add.u64 %d2, %d2, %d3; ld.param.u64 %d3, [e+16]; add.u64 %d2, %d2, %d3; st.global.u64 "
    "[%d1], %d2; ret;\n}\n"
    /* the block's threads reverse its words through dynamic shared memory */
    ".visible .entry reverse(.param .u64 at) {\n"
    "  .reg .b64 %d<5>; .reg .b32 %r<5>;\n"
    "  ld.param.u64 %d1, [at]; mov.u32 %r1, %tid.x; mul.wide.u32 %d2, %r1, 4; add.u64 %d3, %d1, "
    "%d2;\n"
    "  ld.global.u32 %r2, [%d3]; mov.u64 %d4, dynamic; add.u64 %d2, %d4, %d2; st.shared.u32 [%d2], "
    "%r2;\n"
    "  bar.sync 0; mov.u32 %r3, %ntid.x; sub.u32 %r3, %r3, %r1; sub.u32 %r3, %r3, 1; mul.wide.u32 "
    "%d2, %r3, 4;\n"
    "  add.u64 %d2, %d4, %d2; ld.shared.u32 %r4, [%d2]; st.global.u32 [%d3], %r4; ret;\n}\n"
    /* all blocks meet: needs them all to be resident */
    ".visible .entry meet(.param .u64 at, .param .u64 out) {\n"
    "  .reg .b64 %d<3>; .reg .b32 %r<4>; .reg .pred %p;\n"
    "  ld.param.u64 %d1, [at]; ld.param.u64 %d2, [out]; mov.u32 %r1, %nctaid.x;\n"
    "  atom.global.add.u32 %r2, [%d1], 1;\n"
    "L: ld.volatile.global.u32 %r2, [%d1]; setp.ge.u32 %p, %r2, %r1; @%p bra E; nanosleep.u32 500; "
    "bra L;\n"
    "E: atom.global.add.u32 %r3, [%d2], 1; ret;\n}\n"
    /* waits until *at is not zero */
    ".visible .entry await(.param .u64 at, .param .u64 out) {\n"
    "  .reg .b64 %d<3>; .reg .b32 %r<3>; .reg .pred %p;\n"
    "  ld.param.u64 %d1, [at]; ld.param.u64 %d2, [out];\n"
    "L: ld.volatile.global.u32 %r1, [%d1]; setp.ne.u32 %p, %r1, 0; @%p bra E; nanosleep.u32 500; "
    "bra L;\n"
    "E: ld.global.u32 %r2, [%d2]; add.u32 %r2, %r2, 1; st.global.u32 [%d2], %r2; ret;\n}\n"
    /* out[i] = in[i] + 1; the first block takes ms milliseconds, the others one to eight. The
       threads of a block meet once, before, or never */
    LINGER("linger_met", "bar.sync 0;") LINGER("linger", "")
    /* stays on its multiprocessor until *at is not zero; sets the next word when it is there */
    ".visible .entry stay(.param .u64 at) {\n"
    "  .reg .b64 %d; .reg .b32 %r; .reg .pred %p; ld.param.u64 %d, [at];\n"
    "  mov.u32 %r, 1; st.volatile.global.u32 [%d+4], %r;\n"
    "L: ld.volatile.global.u32 %r, [%d]; setp.ne.u32 %p, %r, 0; @%p bra E; nanosleep.u32 200000; "
    "bra L;\nE: ret;\n}\n"
    ".visible .entry put(.param .u64 at, .param .u32 v) {\n"
    "  .reg .b64 %d; .reg .b32 %r; ld.param.u64 %d, [at]; ld.param.u32 %r, [v]; "
    "st.volatile.global.u32 [%d], %r; ret;\n}\n"
    ".visible .entry wild() { .reg .b64 %d; .reg .b32 %r; mov.u64 %d, 64; ld.global.u32 %r, [%d];\n"
    "  st.global.u32 [%d], %r; ret; }\n"
    ".visible .entry odd(.param .u64 at) { .reg .b64 %d; .reg .b32 %r; ld.param.u64 %d, [at];\n"
    "  add.u64 %d, %d, 1; mov.u32 %r, 1; st.global.u32 [%d], %r; ret; }\n"
    /* each block says on which multiprocessor it runs, and stays there for a while */
    ".visible .entry where(.param .u64 at) {\n"
    "  .reg .b64 %d<3>; .reg .b32 %r<4>; .reg .pred %p;\n"
    "  ld.param.u64 %d1, [at]; mov.u32 %r1, %ctaid.x; mul.wide.u32 %d2, %r1, 4; add.u64 %d1, %d1, "
    "%d2;\n"
    "  mov.u32 %r2, %smid; st.global.u32 [%d1], %r2; mov.u32 %r3, 50;\n"
    "L: setp.eq.u32 %p, %r3, 0; @%p bra E; nanosleep.u32 1000; sub.u32 %r3, %r3, 1; bra L;\nE: "
    "ret;\n}\n"
    ".visible .entry fails() { trap; ret; }\n"
    ".visible .entry fixed() .reqntid 32, 1, 1 { ret; }\n"
    ".visible .entry limited() .maxntid 64, 1, 1 { ret; }\n";
