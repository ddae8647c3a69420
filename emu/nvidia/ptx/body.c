// SPDX-License-Identifier: Apache-2.0
/*
 * Function bodies: scopes, declarations, labels; and what only the whole body tells: where branches
 * go, who waits for memory, how many registers a thread needs. See parse.h.
 */
#include "parse.h"

#include <stdlib.h>
#include <string.h>

struct scope {
    uint32_t names, labels, fixups;
};

/* ---- declarations ---- */

/* .reg .type name, name<N>, ... ; */
static bool registers(struct ptx_parser *p)
{
    enum ptx_type type;

    if (!ptx_type_of(p->x.token.text, p->x.token.length, &type)) {
        if (ptx_token_is(&p->x.token, ".b128") || ptx_token_is(&p->x.token, ".v2") ||
            ptx_token_is(&p->x.token, ".v4")) {
            p->missing = "registers of 128 bits";
            return ptx_skip_to(p, ";");
        }
        return ptx_fail(p, "type expected");
    }
    ptx_lex_next(&p->x);
    do {
        struct ptx_name name = {.text = p->x.token.text,
                                .length = p->x.token.length,
                                .kind = PTX_NAME_REGISTER,
                                .type = type};
        uint64_t count = 1, stride;

        if (p->x.token.kind != PTX_WORD)
            return ptx_fail(p, "register name expected");
        ptx_lex_next(&p->x);
        if (ptx_accept(p, "<")) {
            if (!ptx_number(p, &count) || !ptx_expect(p, ">"))
                return false;
            if (count == 0 || count > 1 << 20)
                return ptx_fail(p, "bad number of registers");
            name.count = (uint32_t)count;
        }
        stride = type == PTX_T_pred ? 4 : ptx_register_bytes(type) * PTX_LANES;
        name.place = ptx_frame_take(p, count * stride);
        if (p->failed || !ptx_name_add(p, &name))
            return false;
    } while (ptx_accept(p, ","));
    return ptx_expect(p, ";");
}

static bool variable(struct ptx_parser *p, enum ptx_name_kind kind)
{
    struct ptx_declaration d;
    struct ptx_name name;
    uint32_t *top = kind == PTX_NAME_LOCAL ? &p->body->local_bytes : &p->shared_here;

    do {
        if (!ptx_declaration(p, &d))
            return false;
        if (d.reference)
            return ptx_fail(p, "a texture reference is one global variable");
        if (d.bytes > PTX_MAX_BYTES || !d.sized)
            return ptx_fail(p, "bad size");
        name = (struct ptx_name){.text = d.text,
                                 .length = d.length,
                                 .kind = kind,
                                 .type = d.type,
                                 .bytes = (uint32_t)d.bytes};
        if (kind == PTX_NAME_FRAME_PARAM) {
            name.place = ptx_frame_take(p, d.bytes * PTX_LANES);
        } else {
            *top = (*top + d.align - 1) & ~(d.align - 1);
            name.place = *top;
            *top += (uint32_t)d.bytes;
            if (*top > PTX_MAX_BYTES)
                return ptx_fail(p, "variable too large");
            if (kind == PTX_NAME_SHARED)
                p->m->functions[p->function].shared_bytes = *top;
        }
        if (p->failed || !ptx_name_add(p, &name))
            return false;
    } while (ptx_accept(p, ","));
    return ptx_expect(p, ";");
}

/* name: .branchtargets a, b, c; */
static bool branch_targets(struct ptx_parser *p, const struct ptx_token *name)
{
    struct ptx_name entry = {.text = name->text, .length = name->length, .kind = PTX_NAME_TARGETS};

    entry.place = p->m->pool->list_count;
    do {
        uint32_t at = ptx_list_add(p, NULL, 1);

        if (p->x.token.kind != PTX_WORD || p->failed)
            return ptx_fail(p, "label expected");
        if (!ptx_grow(p, (void **)&p->fixups, p->fixup_count, &p->fixup_size, sizeof(*p->fixups)))
            return false;
        p->fixups[p->fixup_count++] = (struct ptx_fixup){p->x.token.text, p->x.token.length,
                                                         PTX_NO_PLACE, at, p->x.token.line};
        entry.bytes++;
        ptx_lex_next(&p->x);
    } while (ptx_accept(p, ","));
    return ptx_name_add(p, &entry) && ptx_expect(p, ";");
}

static bool label(struct ptx_parser *p, const struct ptx_token *name)
{
    struct ptx_name other = {.text = name->text, .length = name->length, .kind = PTX_NAME_OTHER};

    if (ptx_accept(p, ".branchtargets"))
        return branch_targets(p, name);
    if (ptx_accept(p, ".callprototype") || ptx_accept(p, ".calltargets"))
        return ptx_name_add(p, &other) && ptx_skip_to(p, ";");
    if (!ptx_grow(p, (void **)&p->labels, p->label_count, &p->label_size, sizeof(*p->labels)))
        return false;
    p->labels[p->label_count++] = (struct ptx_label){name->text, name->length, p->code_count};
    return true;
}

/* ---- scopes ---- */

static bool resolve(struct ptx_parser *p, const struct ptx_fixup *fixup, uint32_t from)
{
    for (uint32_t i = p->label_count; i-- > from;) {
        const struct ptx_label *l = &p->labels[i];

        if (l->length != fixup->length || memcmp(l->text, fixup->text, l->length) != 0)
            continue;
        if (fixup->insn != PTX_NO_PLACE)
            p->code[fixup->insn].imm = (int32_t)l->pc;
        else
            p->m->pool->lists[fixup->list] = l->pc;
        return true;
    }
    return false;
}

/* Labels of the scope that ends are seen from inside it only. */
static bool leave_scope(struct ptx_parser *p, const struct scope *scope, bool outermost)
{
    uint32_t kept = scope->fixups;

    for (uint32_t i = scope->fixups; i < p->fixup_count; i++) {
        const struct ptx_fixup fixup = p->fixups[i];

        if (resolve(p, &fixup, scope->labels))
            continue;
        if (outermost) {
            p->x.token.line = fixup.line;
            return ptx_fail(p, "unknown label '%.*s'", (int)fixup.length, fixup.text);
        }
        p->fixups[kept++] = fixup;
    }
    p->fixup_count = kept;
    p->label_count = scope->labels;
    p->name_count = scope->names;
    return true;
}

static bool body_statement(struct ptx_parser *p)
{
    if (p->x.token.kind == PTX_WORD) {
        struct ptx_lexer before = p->x;

        ptx_lex_next(&p->x);
        if (ptx_accept(p, ":"))
            return label(p, &before.token);
        p->x = before;
        return ptx_instruction(p);
    }
    if (ptx_token_is(&p->x.token, "@"))
        return ptx_instruction(p);
    if (ptx_accept(p, ".reg"))
        return registers(p);
    if (ptx_accept(p, ".local"))
        return variable(p, PTX_NAME_LOCAL);
    if (ptx_accept(p, ".shared"))
        return variable(p, PTX_NAME_SHARED);
    if (ptx_accept(p, ".param"))
        return variable(p, PTX_NAME_FRAME_PARAM);
    if (ptx_accept(p, ".global"))
        return ptx_add_variable(p, PTX_SPACE_GLOBAL, false);
    if (ptx_accept(p, ".const"))
        return ptx_add_variable(p, PTX_SPACE_CONST, false);
    if (ptx_token_is(&p->x.token, ".loc") || ptx_token_is(&p->x.token, ".file")) {
        ptx_skip_line(p);
        return true;
    }
    if (ptx_accept(p, ".pragma"))
        return ptx_skip_to(p, ";");
    if (ptx_accept(p, ";"))
        return true;
    return ptx_fail(p, "'%.*s' is not expected here", (int)p->x.token.length, p->x.token.text);
}

enum { MAX_SCOPES = 64 };

static bool statements(struct ptx_parser *p)
{
    struct scope scopes[MAX_SCOPES];
    unsigned depth = 0;

    if (!ptx_expect(p, "{"))
        return false;
    scopes[depth++] = (struct scope){p->name_count, p->label_count, p->fixup_count};
    while (depth > 0) {
        if (ptx_accept(p, "{")) {
            if (depth == MAX_SCOPES)
                return ptx_fail(p, "scopes nested too deep");
            scopes[depth++] = (struct scope){p->name_count, p->label_count, p->fixup_count};
        } else if (ptx_accept(p, "}")) {
            depth--;
            if (!leave_scope(p, &scopes[depth], depth == 0))
                return false;
        } else if (!body_statement(p) || p->failed) {
            return false;
        }
    }
    return true;
}

/* ---- after the whole body ---- */

enum { MAX_PENDING = 64 };

struct pending {
    uint32_t places[MAX_PENDING];
    unsigned count;
    bool overflow;
};

static bool pending_has(const struct pending *pending, uint32_t place)
{
    if (pending->overflow)
        return true;
    for (unsigned i = 0; i < pending->count; i++) {
        if (pending->places[i] == place)
            return true;
    }
    return false;
}

/* Whether an instruction stands for several registers in its d (or a). */
static unsigned list_length(const struct ptx_insn *in, const char *name)
{
    if (strcmp(name, "pack") == 0 || strcmp(name, "unpack") == 0)
        return in->aux & 0xff;
    if (strncmp(name, "ld", 2) == 0 || strncmp(name, "st", 2) == 0)
        return (in->aux >> 8 & 15) > 1 ? in->aux >> 8 & 15 : 0;
    return 0;
}

/* Marks the first instruction that reads what a load brings. What crosses a branch is waited for
 * there, which is a little early. */
static void mark_waits(struct ptx_parser *p)
{
    struct pending pending = {.count = 0};

    for (uint32_t i = 0; i < p->code_count; i++) {
        struct ptx_insn *in = &p->code[i];
        const char *name = p->ops[i] ? p->ops[i]->name : "";
        unsigned list = list_length(in, name);
        bool load = strncmp(name, "ld", 2) == 0 || strncmp(name, "atom", 4) == 0;
        bool store = strncmp(name, "st", 2) == 0;
        bool waits = in->kind >= PTX_BRANCH && (pending.count > 0 || pending.overflow);

        waits |= pending_has(&pending, in->a) || pending_has(&pending, in->b) ||
                 pending_has(&pending, in->c) || pending_has(&pending, in->guard) ||
                 pending_has(&pending, (uint32_t)in->imm) ||
                 (store && !list && pending_has(&pending, in->d));
        for (unsigned k = 0; k < list; k++) {
            uint32_t first = strcmp(name, "pack") == 0 ? in->a : in->d;

            waits |= pending_has(&pending, p->m->pool->lists[first + k]);
        }
        if (waits) {
            in->waits = 1;
            pending = (struct pending){.count = 0};
        }
        if (!load || strncmp(name, "ld.param", 8) == 0 || strncmp(name, "ld.frame", 8) == 0)
            continue;
        for (unsigned k = 0; k < (list ? list : 1); k++) {
            uint32_t place = list ? p->m->pool->lists[in->d + k] : in->d;

            if (pending.count == MAX_PENDING)
                pending.overflow = true;
            else if (place != PTX_NO_PLACE)
                pending.places[pending.count++] = place;
        }
    }
}

/* How many 32-bit registers are in use at once, by first and last mention: what a register
 * allocator would need, roughly. Occupancy depends on it. */
static uint32_t count_registers(const struct ptx_parser *p)
{
    uint32_t slots = p->body->frame_bytes / 128 + 1, most = 0, now = 0;
    int32_t *change = calloc(p->code_count + 2, sizeof(*change));
    uint32_t *first = calloc(slots, sizeof(*first)), *last = calloc(slots, sizeof(*last));

    if (change && first && last) {
        for (uint32_t i = 0; i < p->code_count; i++) {
            const struct ptx_insn *in = &p->code[i];
            const uint32_t places[] = {in->d, in->a, in->b, in->c};

            for (unsigned k = 0; k < 4; k++) {
                uint32_t slot = (places[k] & ((1u << PTX_WHERE_SHIFT) - 1)) / 128;

                if (places[k] >> PTX_WHERE_SHIFT != PTX_FRAME || slot < 2 || slot >= slots)
                    continue;
                first[slot] = first[slot] ? first[slot] : i + 1;
                last[slot] = i + 1;
            }
        }
        for (uint32_t s = 0; s < slots; s++) {
            if (first[s]) {
                change[first[s] - 1]++;
                change[last[s]]--;
            }
        }
        for (uint32_t i = 0; i <= p->code_count; i++) {
            now = (uint32_t)((int32_t)now + change[i]);
            most = now > most ? now : most;
        }
    }
    free(change);
    free(first);
    free(last);
    most += 8; /* addresses, temporaries */
    return most < 16 ? 16 : most > 255 ? 255 : most;
}

bool ptx_parse_body(struct ptx_parser *p)
{
    struct ptx_function *f;
    struct ptx_insn *end;

    if (!statements(p))
        return false;
    end = ptx_emit_control(p, PTX_RETURN); /* falling off the end */
    if (!end)
        return false;
    mark_waits(p);
    p->body->code = ptx_arena_take(p->m->arena, p->code_count * sizeof(*p->code));
    if (!p->body->code)
        return ptx_fail(p, "out of memory");
    memcpy(p->body->code, p->code, p->code_count * sizeof(*p->code));
    p->body->count = p->code_count;
    f = &p->m->functions[p->function];
    f->registers = count_registers(p);
    f->local_bytes = p->body->local_bytes;
    f->missing = p->missing;
    return true;
}
