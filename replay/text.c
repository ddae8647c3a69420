// SPDX-License-Identifier: Apache-2.0
/* Lines, words, numbers. See text.h. */
#include "replay/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void replay_text_init(struct replay_text *text, const char *from, size_t size, char *err,
                      size_t err_size)
{
    text->at = from;
    text->end = from + size;
    text->line = 0;
    text->next = NULL;
    text->failed = false;
    text->err = err;
    text->err_size = err_size;
}

bool replay_text_fail(struct replay_text *text, const char *format, ...)
{
    va_list args;
    int used = snprintf(text->err, text->err_size, "line %u: ", text->line);

    text->failed = true;
    if (used < 0 || (size_t)used >= text->err_size)
        return false;
    va_start(args, format);
    vsnprintf(text->err + used, text->err_size - (size_t)used, format, args);
    va_end(args);
    return false;
}

bool replay_text_line(struct replay_text *text)
{
    const char *newline;
    size_t length;

    if (text->failed || text->at >= text->end)
        return false;
    newline = memchr(text->at, '\n', (size_t)(text->end - text->at));
    length = (size_t)((newline ? newline : text->end) - text->at);
    text->line++;
    if (length >= sizeof(text->words))
        return replay_text_fail(text, "longer than %d bytes", REPLAY_LINE - 1);
    if (memchr(text->at, '\0', length))
        return replay_text_fail(text, "has a zero byte");
    memcpy(text->words, text->at, length);
    text->words[length] = '\0';
    text->words[strcspn(text->words, "#")] = '\0';
    text->at = newline ? newline + 1 : text->end;
    text->next = text->words;
    return true;
}

char *replay_text_word(struct replay_text *text)
{
    static const char spaces[] = " \t\r\v\f";
    char *word;

    if (!text->next)
        return NULL;
    word = text->next + strspn(text->next, spaces);
    if (!*word) {
        text->next = NULL;
        return NULL;
    }
    text->next = word + strcspn(word, spaces);
    if (*text->next)
        *text->next++ = '\0';
    return word;
}

bool replay_text_uint(const char *word, uint64_t most, uint64_t *value)
{
    uint64_t number = 0;

    if (!*word)
        return false;
    for (; *word; word++) {
        if (*word < '0' || *word > '9' || number > most / 10)
            return false;
        number = number * 10 + (uint64_t)(*word - '0');
        if (number > most)
            return false;
    }
    *value = number;
    return true;
}

bool replay_text_milli(const char *word, uint64_t most, uint64_t *value)
{
    char digits[32];
    const char *point = strchr(word, '.');
    size_t whole = point ? (size_t)(point - word) : strlen(word);
    size_t behind = point ? strlen(point + 1) : 0;

    if (whole == 0 || whole > 20 || behind > 3 || (point && behind == 0))
        return false;
    memcpy(digits, word, whole);
    memcpy(digits + whole, "000", 4);
    if (point)
        memcpy(digits + whole, point + 1, behind);
    return replay_text_uint(digits, most, value);
}
