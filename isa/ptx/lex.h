// SPDX-License-Identifier: Apache-2.0
/* PTX text as words. Not thread-safe: one lexer a thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ptx_token_kind {
    PTX_END,
    PTX_WORD,      /* identifier, opcode with its dots, register */
    PTX_DIRECTIVE, /* begins with a dot */
    PTX_INTEGER,
    PTX_FLOAT,  /* 0f..., 0d..., or with a decimal point: bits of a double in @integer */
    PTX_SINGLE, /* 0f...: bits of a float in @integer */
    PTX_STRING,
    PTX_PUNCTUATION, /* one character, in @text[0] */
    PTX_BAD,
};

struct ptx_token {
    enum ptx_token_kind kind;
    const char *text;
    size_t length;
    uint64_t integer;
    bool is_unsigned;
    unsigned line;
};

struct ptx_lexer {
    const char *at, *end;
    unsigned line;
    struct ptx_token token; /* the present one */
};

void ptx_lex_start(struct ptx_lexer *lexer, const char *text, size_t size);
/** Moves on to the next token. */
void ptx_lex_next(struct ptx_lexer *lexer);
bool ptx_token_is(const struct ptx_token *token, const char *text);
