// SPDX-License-Identifier: Apache-2.0
/* Reading lines of words from memory, and numbers from words, the same in every locale. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REPLAY_LINE = 8192 };

struct replay_text {
    const char *at, *end;
    unsigned line;
    char *next; /* in @words; NULL: the line is used up */
    bool failed;
    char *err;
    size_t err_size;
    char words[REPLAY_LINE];
};

void replay_text_init(struct replay_text *text, const char *from, size_t size, char *err,
                      size_t err_size);
/** Goes to the next line. False at the end, or if the line is too long or has a zero byte. */
bool replay_text_line(struct replay_text *text);
/** The next word of the line, to be changed at will until the next line; NULL: no more. */
char *replay_text_word(struct replay_text *text);
/** Writes "line N: ..." to the caller's err. Returns false. */
__attribute__((format(printf, 2, 3))) bool replay_text_fail(struct replay_text *text,
                                                            const char *format, ...);
/** A decimal number of at most @most, all of @word. */
bool replay_text_uint(const char *word, uint64_t most, uint64_t *value);
/** A decimal number with at most three digits behind the point, in thousandths, at most @most. */
bool replay_text_milli(const char *word, uint64_t most, uint64_t *value);
