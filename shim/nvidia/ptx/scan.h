// SPDX-License-Identifier: Apache-2.0
/*
 * The structure of PTX text, as far as guards need it: the kernels of a module with their
 * parameters, labels, instructions and operands, each with its place in the text, and the names of
 * module scope. What an instruction does is not known here (analysis.h). Pure.
 *
 * The text comes from outside. What is not understood makes the module (reef_ptx_open) or the
 * kernel (reef_ptx_read) fail; it is then left alone. Takes time and memory in proportion to the
 * text.
 *
 * Source of the language: NVIDIA, "Parallel Thread Execution ISA", chapters 4, 5 and 7.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reef_ptx_span {
    const char *text; /* borrowed: the module's text */
    size_t length;
};

enum reef_ptx_name_kind {
    REEF_PTX_REGISTER, /* what is not known to be anything else */
    REEF_PTX_SPECIAL,  /* %tid.x and the like */
    REEF_PTX_CHANGING, /* a special register that is another the next time, or is not known */
    REEF_PTX_PARAM,    /* a parameter of the kernel */
    REEF_PTX_ARGUMENT, /* a .param variable of the body, for calls */
    REEF_PTX_LOCAL,
    REEF_PTX_SHARED,
    REEF_PTX_GLOBAL,
    REEF_PTX_CONST,
    REEF_PTX_FUNCTION,
    REEF_PTX_LABEL, /* also of a list of targets, or of a prototype */
};

struct reef_ptx_name {
    struct reef_ptx_span span;
    enum reef_ptx_name_kind kind;
    uint32_t where; /* PARAM: its number; LABEL: the instruction behind it */
    uint32_t depth; /* LABEL: of the scope it stands in; 0: the body's own */
};

/* Names by text. */
struct reef_ptx_names {
    struct reef_ptx_name *name; /* owned */
    uint32_t count, size;
    uint32_t *slot; /* owned; 0: free, else 1 + number */
    uint32_t slots;
};

struct reef_ptx_param {
    uint32_t offset, bytes;
};

#define REEF_PTX_NONE UINT32_MAX

struct reef_ptx_operand {
    uint32_t name;  /* REEF_PTX_NONE: a number */
    int64_t value;  /* the number, or what is added to the name */
    uint16_t group; /* how many commas stand before it, those within braces not counted */
    bool memory;    /* within brackets */
    bool vector;    /* within braces */
};

struct reef_ptx_inst {
    struct reef_ptx_span op; /* with its modifiers */
    uint32_t predicate;      /* name; REEF_PTX_NONE: it has none */
    bool negated;
    bool nested;         /* in a scope within the body */
    bool complex;        /* its operands have parentheses */
    uint32_t begin, end; /* in the text: from the predicate on, behind the semicolon */
    uint32_t at;         /* in the text: the opcode */
    uint32_t operand, operands, line;
};

/** Where a kernel stands. Offsets into the text. */
struct reef_ptx_entry {
    struct reef_ptx_span name;
    uint32_t begin;      /* of the first directive that belongs to it */
    uint32_t params_end; /* the closing parenthesis; behind the name if there are none */
    uint32_t body, end;  /* behind the opening brace; behind the closing one */
    bool parentheses;
    bool cluster; /* made for clusters of blocks */
    bool strange; /* parameters of a type that is not known */
    uint32_t param, params, param_bytes;
    uint32_t line; /* of the opening brace */
};

struct reef_ptx {
    const char *text; /* borrowed */
    size_t size;
    unsigned version, target; /* 70: version 7.0; 75: sm_75 */
    struct reef_ptx_names names;
    struct reef_ptx_entry *entry; /* owned */
    uint32_t entries, entry_size;
    struct reef_ptx_param *param; /* owned: of all kernels */
    struct reef_ptx_span *param_name;
    uint32_t params, param_size;
    const char *reason; /* why it was not understood; static text */
};

/** A kernel's body. */
struct reef_ptx_body {
    const struct reef_ptx_entry *entry;
    const struct reef_ptx_param *param; /* entry->params of them */
    struct reef_ptx_names names;
    struct reef_ptx_inst *inst; /* owned */
    uint32_t insts, inst_size;
    struct reef_ptx_operand *operand; /* owned */
    uint32_t operands, operand_size;
    const char *reason;
};

/** False: @m->reason says why. In both cases reef_ptx_close() frees what it holds. */
bool reef_ptx_open(struct reef_ptx *m, const char *text, size_t size);
void reef_ptx_close(struct reef_ptx *m);
/** Reads the body of kernel @number. False: @b->reason says why. reef_ptx_body_free() in both
 * cases. */
bool reef_ptx_read(const struct reef_ptx *m, uint32_t number, struct reef_ptx_body *b);
void reef_ptx_body_free(struct reef_ptx_body *b);

bool reef_ptx_span_is(struct reef_ptx_span span, const char *text);
/** Whether the opcode begins with this word: "ld" of "ld.global.u32". */
bool reef_ptx_op_is(const struct reef_ptx_inst *inst, const char *base);
/** Whether the opcode has this modifier behind its first word. */
bool reef_ptx_op_has(const struct reef_ptx_inst *inst, const char *modifier);

/* names.c */
/** The number of @span among @names, added if need be; REEF_PTX_NONE: no memory. */
uint32_t reef_ptx_names_add(struct reef_ptx_names *names, struct reef_ptx_span span);
uint32_t reef_ptx_names_find(const struct reef_ptx_names *names, struct reef_ptx_span span);
void reef_ptx_names_free(struct reef_ptx_names *names);
/** Room for one more element in an array that grows. */
bool reef_ptx_grow(void **array, uint32_t count, uint32_t *size, size_t element);
