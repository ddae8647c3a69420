// SPDX-License-Identifier: Apache-2.0
/*
 * The lexer. Words keep their dots ("ld.global.u32", "%tid.x"), since PTX gives each its meaning
 * only by where it stands.
 */
#include "isa/ptx/lex.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || c == '%';
}

static void skip_space(struct ptx_lexer *x)
{
    while (x->at < x->end) {
        if (*x->at == '\n')
            x->line++;
        if (isspace((unsigned char)*x->at)) {
            x->at++;
        } else if (x->end - x->at >= 2 && x->at[0] == '/' && x->at[1] == '/') {
            while (x->at < x->end && *x->at != '\n')
                x->at++;
        } else if (x->end - x->at >= 2 && x->at[0] == '/' && x->at[1] == '*') {
            x->at += 2;
            while (x->at < x->end && !(x->end - x->at >= 2 && x->at[0] == '*' && x->at[1] == '/'))
                x->line += *x->at++ == '\n';
            x->at += x->end - x->at >= 2 ? 2 : x->end - x->at;
        } else if (*x->at == '\0') {
            x->at = x->end; /* text from a program ends at its NUL */
        } else {
            return;
        }
    }
}

static int hex_value(char c)
{
    if (isdigit((unsigned char)c))
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* @digits hexadecimal digits at x->at + 2, as 0f and 0d literals have them. */
static bool hex_bits(struct ptx_lexer *x, unsigned digits, uint64_t *bits)
{
    *bits = 0;
    if (x->end - x->at < (ptrdiff_t)digits + 2)
        return false;
    for (unsigned i = 0; i < digits; i++) {
        int value = hex_value(x->at[2 + i]);

        if (value < 0)
            return false;
        *bits = *bits << 4 | (unsigned)value;
    }
    x->at += 2 + digits;
    return x->at == x->end || !word_char(*x->at);
}

static void lex_decimal_float(struct ptx_lexer *x)
{
    char text[64];
    size_t length = 0;
    double value;

    while (x->at < x->end && length + 1 < sizeof(text) &&
           (isalnum((unsigned char)*x->at) || *x->at == '.' ||
            ((*x->at == '-' || *x->at == '+') && tolower((unsigned char)x->at[-1]) == 'e')))
        text[length++] = *x->at++;
    text[length] = '\0';
    value = strtod(text, NULL);
    memcpy(&x->token.integer, &value, sizeof(value));
    x->token.kind = PTX_FLOAT;
}

static void lex_integer(struct ptx_lexer *x)
{
    unsigned base = 10;
    const char *at = x->at;
    uint64_t value = 0;

    if (at[0] == '0' && x->end - at > 1) {
        char c = (char)tolower((unsigned char)at[1]);

        base = c == 'x' ? 16 : c == 'b' ? 2 : isdigit((unsigned char)c) ? 8 : 10;
        at += base == 16 || base == 2 ? 2 : 0;
    }
    for (; at < x->end; at++) {
        int digit = hex_value(*at);

        if (digit < 0 || digit >= (int)base)
            break;
        value = value * base + (unsigned)digit;
    }
    if (at < x->end && (*at == '.' || ((*at == 'e' || *at == 'E') && base == 10))) {
        lex_decimal_float(x);
        return;
    }
    x->token.kind = PTX_INTEGER;
    x->token.integer = value;
    if (at < x->end && *at == 'U') {
        x->token.is_unsigned = true;
        at++;
    }
    if (at < x->end && word_char(*at))
        x->token.kind = PTX_BAD;
    x->at = at;
}

static void lex_number(struct ptx_lexer *x)
{
    char second = x->end - x->at > 1 ? (char)tolower((unsigned char)x->at[1]) : '\0';

    if (x->at[0] == '0' && second == 'f')
        x->token.kind = hex_bits(x, 8, &x->token.integer) ? PTX_SINGLE : PTX_BAD;
    else if (x->at[0] == '0' && second == 'd')
        x->token.kind = hex_bits(x, 16, &x->token.integer) ? PTX_FLOAT : PTX_BAD;
    else
        lex_integer(x);
}

/* Dots belong to it, and the :: of sub-qualifiers such as .shared::cta. */
static void lex_word(struct ptx_lexer *x)
{
    while (x->at < x->end) {
        if (word_char(*x->at) || (*x->at == '.' && x->end - x->at > 1 && word_char(x->at[1])))
            x->at++;
        else if (x->end - x->at > 2 && x->at[0] == ':' && x->at[1] == ':' && word_char(x->at[2]))
            x->at += 2;
        else
            break;
    }
}

void ptx_lex_next(struct ptx_lexer *x)
{
    struct ptx_token *token = &x->token;

    skip_space(x);
    *token = (struct ptx_token){.kind = PTX_END, .text = x->at, .line = x->line};
    if (x->at >= x->end)
        return;
    if (isdigit((unsigned char)*x->at)) {
        lex_number(x);
        if (x->at == token->text)
            x->at++;
    } else if (word_char(*x->at)) {
        token->kind = PTX_WORD;
        lex_word(x);
    } else if (*x->at == '.' && x->end - x->at > 1 && word_char(x->at[1])) {
        token->kind = PTX_DIRECTIVE;
        x->at++;
        lex_word(x);
    } else if (*x->at == '"') {
        token->kind = PTX_STRING;
        for (x->at++; x->at < x->end && *x->at != '"'; x->at++)
            x->line += *x->at == '\n';
        x->at += x->at < x->end;
    } else {
        token->kind = PTX_PUNCTUATION;
        x->at++;
    }
    token->length = (size_t)(x->at - token->text);
}

void ptx_lex_start(struct ptx_lexer *lexer, const char *text, size_t size)
{
    *lexer = (struct ptx_lexer){.at = text, .end = text + size, .line = 1};
    ptx_lex_next(lexer);
}

bool ptx_token_is(const struct ptx_token *token, const char *text)
{
    return token->length == strlen(text) && memcmp(token->text, text, token->length) == 0;
}
