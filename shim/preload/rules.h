// SPDX-License-Identifier: Apache-2.0
/*
 * What the user says of kernels by name (REEF_RESTARTABLE=FILE). A line of the file is a word and a
 * shell pattern that a kernel's name, as in its symbol, must match:
 *
 *     never    _Z6updatePfS_i
 *     assume   tvmgen_*
 *     analyze  *
 *
 * The first line that matches counts; where none does, the kernel is analysed. '#' begins a
 * comment.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum reef_rule { REEF_RULE_ANALYZE, REEF_RULE_ASSUME, REEF_RULE_NEVER };

struct reef_rules; /* a list */

/** @text: the file, @size bytes. NULL: no memory; no rules at all is a list too. Calls @warn (may
 * be NULL) with the number of each line that is not understood. */
struct reef_rules *reef_rules_parse(const char *text, size_t size,
                                    void (*warn)(void *arg, unsigned line), void *arg);
void reef_rules_free(struct reef_rules *rules);
/** @rules may be NULL. @name need not be terminated. */
enum reef_rule reef_rules_find(const struct reef_rules *rules, const char *name, size_t length);
