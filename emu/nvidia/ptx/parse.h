// SPDX-License-Identifier: Apache-2.0
/*
 * The parser's state, as its files share it. Private to emu/nvidia/ptx/.
 *
 *   parse.c     modules: directives, variables, functions and their parameters
 *   body.c      function bodies: declarations, labels, instructions, what follows from the whole
 *   operand.c   operands, names, constants
 *   decode.c    instructions: from spelling and operands to code
 *
 * Everything comes from outside: every count and size is checked, the first error ends it all.
 */
#pragma once

#include "code.h"
#include "isa/ptx/lex.h"
#include "types.h"
#include "warp.h"

enum { PTX_MAX_OPERANDS = 8, PTX_MAX_PARTS = 16, PTX_MAX_BYTES = 1 << 26 };

enum ptx_name_kind {
    PTX_NAME_REGISTER,
    PTX_NAME_LOCAL,       /* variable in local memory; place is its offset */
    PTX_NAME_SHARED,      /* function-scope shared variable; place is its offset */
    PTX_NAME_FRAME_PARAM, /* in the frame, lane by lane */
    PTX_NAME_ENTRY_PARAM, /* place is its offset among the parameters */
    PTX_NAME_TARGETS,     /* .branchtargets: place is the list, count its length */
    PTX_NAME_OTHER,       /* .callprototype */
};

struct ptx_name {
    const char *text;
    size_t length;
    uint32_t count; /* > 0: text0, text1, ... */
    enum ptx_name_kind kind;
    enum ptx_type type;
    uint32_t place, bytes;
};

struct ptx_label {
    const char *text;
    size_t length;
    uint32_t pc;
};

struct ptx_fixup {
    const char *text;
    size_t length;
    uint32_t insn, list; /* one of the two is PTX_NO_PLACE */
    unsigned line;
};

enum ptx_operand_kind {
    PTX_O_NONE,
    PTX_O_REGISTER,
    PTX_O_SPECIAL,
    PTX_O_INTEGER,
    PTX_O_SINGLE,
    PTX_O_DOUBLE,
    PTX_O_SYMBOL, /* of module scope */
    PTX_O_NAME,   /* variable or parameter of the function */
    PTX_O_ADDRESS,
    PTX_O_VECTOR,
    PTX_O_LABEL,
    PTX_O_SINK, /* _ */
};

struct ptx_operand {
    enum ptx_operand_kind kind;
    enum ptx_operand_kind base; /* of an address: REGISTER, SYMBOL, NAME, INTEGER */
    enum ptx_type type;         /* of a register */
    uint32_t place;
    uint64_t value;
    int64_t offset;
    uint32_t symbol;
    bool negated;  /* !p */
    bool has_pair; /* d|p */
    uint32_t pair; /* its place, PTX_NO_PLACE: _ */
    const struct ptx_name *name;
    const char *text;
    size_t length;
    uint32_t count;
    struct ptx_operand *items; /* of a vector, or an address's coordinates; in the arena */
};

struct ptx_parser {
    struct ptx_lexer x;
    struct ptx_module *m;
    struct ptx_error *error;
    bool failed;
    uint32_t *hash, hash_size; /* symbols by name; 0: free, else 1 + number */
    char **symbol_names;       /* by number of entry; in the arena */
    uint32_t *symbol_ids;      /* variable i: i, function i: i | FUNCTION_BIT */
    uint32_t symbol_count, symbol_size, variable_size, function_size;
    uint32_t shared_bytes; /* of module scope */
    /* the present function */
    uint32_t function;
    struct ptx_body *body;
    struct ptx_insn *code;
    const struct ptx_opcode **ops; /* of the code; NULL: control flow */
    uint32_t code_count, code_size, ops_size;
    struct ptx_name *names;
    uint32_t name_count, name_size;
    struct ptx_label *labels;
    uint32_t label_count, label_size;
    struct ptx_fixup *fixups;
    uint32_t fixup_count, fixup_size;
    uint32_t shared_here; /* of function scope */
    const char *missing;
    unsigned line; /* of the present instruction */
};

#define PTX_FUNCTION_BIT 0x80000000u

/** Notes the first error. Always returns false. */
bool ptx_fail(struct ptx_parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Makes room for one more element in an array that grows. */
bool ptx_grow(struct ptx_parser *p, void **array, uint32_t count, uint32_t *size, size_t element);

bool ptx_accept(struct ptx_parser *p, const char *text);
bool ptx_expect(struct ptx_parser *p, const char *text);
/** ".u32" and the like. */
bool ptx_type_of(const char *text, size_t length, enum ptx_type *type);
bool ptx_number(struct ptx_parser *p, uint64_t *value);
void ptx_skip_line(struct ptx_parser *p);
bool ptx_skip_to(struct ptx_parser *p, const char *text);

/* ---- parse.c ---- */
/** A number and a flag for functions; false: unknown. */
bool ptx_symbol_find(const struct ptx_parser *p, const char *text, size_t length, uint32_t *id);
/** @name lives as long as the module (ptx_copy_name). False: no memory. */
bool ptx_symbol_add(struct ptx_parser *p, char *name, uint32_t id);
/** NULL: no memory. */
char *ptx_copy_name(struct ptx_parser *p, const char *text, size_t length);
/** .entry and .func, from the name on. */
bool ptx_function_directive(struct ptx_parser *p, bool entry);
/** A variable's declaration behind its state space. */
struct ptx_declaration {
    enum ptx_type type;
    uint32_t align, elements;
    uint64_t bytes;
    bool sized;     /* [] leaves it open */
    bool reference; /* .texref: of no bytes that a program can use */
    const char *text;
    size_t length;
};
bool ptx_declaration(struct ptx_parser *p, struct ptx_declaration *d);
bool ptx_parse_body(struct ptx_parser *p);
bool ptx_add_variable(struct ptx_parser *p, enum ptx_space space, bool external);

/* ---- operand.c ---- */
bool ptx_name_add(struct ptx_parser *p, const struct ptx_name *name);
const struct ptx_name *ptx_name_find(const struct ptx_parser *p, const char *text, size_t length,
                                     uint32_t *index);
uint32_t ptx_frame_take(struct ptx_parser *p, uint64_t bytes);
uint32_t ptx_register_bytes(enum ptx_type type); /* of a lane */
bool ptx_operand(struct ptx_parser *p, struct ptx_operand *o);
/** Place of a constant; PTX_NO_PLACE after an error. */
uint32_t ptx_constant(struct ptx_parser *p, uint64_t value, uint32_t bytes, uint32_t symbol);
bool ptx_is_dynamic(const struct ptx_parser *p, uint32_t symbol);
/** Place of a source operand that is read as @type. */
uint32_t ptx_source(struct ptx_parser *p, const struct ptx_operand *o, enum ptx_type type);
uint32_t ptx_target(struct ptx_parser *p, const struct ptx_operand *o, enum ptx_type type);
uint32_t ptx_list_add(struct ptx_parser *p, const uint32_t *places, uint32_t count);

/* ---- decode.c, decode_compute.c, decode_move.c, decode_memory.c, decode_texture.c,
 * decode_control.c ---- */
bool ptx_instruction(struct ptx_parser *p);

enum { PTX_MAX_TYPES = 4 };

/** An instruction as it is spelled. */
struct ptx_spelling {
    const char *part[PTX_MAX_PARTS]; /* behind the first: modifiers, without their dots */
    size_t length[PTX_MAX_PARTS];
    unsigned parts;
    enum ptx_type types[PTX_MAX_TYPES];
    unsigned type_count;
    struct ptx_operand operand[PTX_MAX_OPERANDS];
    unsigned operands;
};

bool ptx_has(const struct ptx_spelling *s, const char *modifier);
bool ptx_part_is(const struct ptx_spelling *s, unsigned i, const char *text);
/** NULL: there is none of that name. */
const struct ptx_opcode *ptx_find_opcode(const char *name);
/** The last type, PTX_T_b32 if there is none. */
enum ptx_type ptx_main_type(const struct ptx_spelling *s);
/** Appends an instruction of the tables; NULL after an error (an unknown one is one). */
struct ptx_insn *ptx_emit(struct ptx_parser *p, const char *opcode);
/** Appends control flow. */
struct ptx_insn *ptx_emit_control(struct ptx_parser *p, enum ptx_kind kind);
/** The operand @i; fails if there are fewer. */
const struct ptx_operand *ptx_nth(struct ptx_parser *p, const struct ptx_spelling *s, unsigned i);

typedef bool ptx_decoder(struct ptx_parser *p, struct ptx_spelling *s);
/** One instruction of @opcode with a result and @count operands of @types. False: failed. */
bool ptx_simple(struct ptx_parser *p, const struct ptx_spelling *s, const char *opcode,
                enum ptx_type result, const enum ptx_type *types, unsigned count, uint32_t aux);
/** The same where all are of one type. */
bool ptx_same(struct ptx_parser *p, const struct ptx_spelling *s, const char *opcode,
              enum ptx_type type, unsigned count, uint32_t aux);
/** What the modifiers say of rounding, and of floating point as a whole. */
unsigned ptx_rounding(const struct ptx_spelling *s);
uint32_t ptx_float_modifiers(const struct ptx_spelling *s);
ptx_decoder ptx_decode_arithmetic, ptx_decode_testp, ptx_decode_dp, ptx_decode_logic,
    ptx_decode_shift, ptx_decode_shf, ptx_decode_field, ptx_decode_lop3, ptx_decode_prmt,
    ptx_decode_fns, ptx_decode_compare, ptx_decode_select, ptx_decode_move, ptx_decode_cvt,
    ptx_decode_cvta, ptx_decode_isspacep, ptx_decode_nop, ptx_decode_nanosleep,
    ptx_decode_activemask;
ptx_decoder ptx_decode_load, ptx_decode_store, ptx_decode_atomic, ptx_decode_fence;
ptx_decoder ptx_decode_texture, ptx_decode_surface;
ptx_decoder ptx_decode_branch, ptx_decode_branch_indexed, ptx_decode_return, ptx_decode_exit,
    ptx_decode_trap, ptx_decode_barrier, ptx_decode_shfl, ptx_decode_vote, ptx_decode_match,
    ptx_decode_redux;
/** Reads the rest of a call itself. */
bool ptx_decode_call(struct ptx_parser *p);
