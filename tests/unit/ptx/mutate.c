// SPDX-License-Identifier: Apache-2.0
/* See mutate.h. */
#include "mutate.h"

#include <string.h>

const char mutate_seed[] =
    ".version 7.0\n.target sm_70\n.address_size 64\n.global .align 8 .u64 g[4] = {1, 2, "
    "generic(g)};\n"
    ".const .f32 c = 0f3F800000;\n.global .texref t;\n.extern .shared .b8 dyn[];\n"
    ".func (.param .b32 r) f(.param .b32 n) { .reg .b32 %r<4>; ld.param.b32 %r1, [n]; add.u32 %r1, "
    "%r1, 1; "
    "st.param.b32 [r], %r1; ret; }\n"
    ".visible .entry k(.param .u64 p, .param .u32 n) .maxntid 64, 1, 1 {\n.reg .b64 %d<6>; .reg "
    ".b32 %r<12>; "
    ".reg .pred %p<3>; .reg .f32 %f<4>; .reg .b16 %h<3>; .local .align 8 .b8 depot[32]; .shared "
    ".u32 s[8];\n"
    "ld.param.u64 %d1, [p]; ld.param.u32 %r1, [n]; mov.u32 %r2, %tid.x; and.b32 %r2, %r2, 31; "
    "mul.wide.u32 %d2, %r2, 4;\n"
    "add.u64 %d1, %d1, %d2; ld.global.u32 %r3, [%d1]; mad.lo.u32 %r3, %r3, 3, %r2; cvt.rn.f32.u32 "
    "%f1, %r3;\n"
    "fma.rn.f32 %f2, %f1, 0f40000000, %f1; cvt.rzi.u32.f32 %r4, %f2; setp.lt.and.u32 %p1|%p2, %r4, "
    "100, %p1;\n"
    "@%p1 bra L; mov.u64 %d3, depot; st.local.u32 [%d3+4], %r4; cvta.local.u64 %d4, %d3; ld.u32 "
    "%r5, [%d4+4];\n"
    "shfl.sync.bfly.b32 %r6|%p2, %r5, 1, 31, -1; vote.sync.ballot.b32 %r7, %p2, -1; bar.sync 0;\n"
    "L: { .param .b32 a; .param .b32 v; st.param.b32 [a], %r4; call.uni (v), f, (a); ld.param.b32 "
    "%r8, [v]; }\n"
    "atom.global.add.u32 %r9, [%d1], %r8; ld.global.v2.u32 {%r10, %r11}, [g]; mov.b64 %d5, {%r10, "
    "%r11};\n"
    "cvt.u16.u32 %h1, %r9; bfe.u32 %r10, %r9, 3, 5; prmt.b32 %r10, %r9, %r8, 0x3210; sub.cc.u32 "
    "%r9, %r9, %r8;\n"
    "nanosleep.u32 20; selp.b32 %r10, %r9, %r8, %p2; st.global.u32 [%d1], %r10; "
    "tex.2d.v4.f32.s32 {%f1, %f2, %f3, _}, [%d1, {%r1, %r2}]; tex.1d.v4.u32.s32 "
    "{%r9, _, %r10, _}, [t, {%r1}]; suld.b.2d.v2.b8.clamp {%h1, %h2}, "
    "[%d2, {%r1, %r2}];\n"
    "sust.b.1d.b32.trap [%d2, {%r3}], %r4; @!%p2 exit; ret; }\n";

static uint64_t state = 88172645463325252ull;

uint32_t mutate_roll(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return below ? (uint32_t)(state >> 16) % below : 0;
}

size_t mutate_text(char *text, size_t size, size_t room)
{
    static const char pieces[][12] = {"%r1", "%d1",    ", ",   "; ",       "[",   "]",
                                      "{",   "}",      ".u64", ".f32",     "-1",  "0x7fffffff",
                                      "ld.", "bra L;", ".v4",  "99999999", "%p1", "@%p2 "};
    size_t at = mutate_roll((uint32_t)size), length = mutate_roll(40), from;

    if (length > size - at)
        length = size - at;
    switch (mutate_roll(5)) {
    case 0:
        text[at] = (char)mutate_roll(256);
        return size;
    case 1:
        memmove(text + at, text + at + length, size - at - length);
        return size - length;
    case 2: {
        const char *piece = pieces[mutate_roll(sizeof(pieces) / sizeof(pieces[0]))];

        length = strlen(piece);
        if (size + length > room)
            return size;
        memmove(text + at + length, text + at, size - at);
        memcpy(text + at, piece, length);
        return size + length;
    }
    default:
        from = mutate_roll((uint32_t)size);
        if (length > size - from)
            length = size - from;
        memmove(text + at, text + from, length);
        return size;
    }
}
