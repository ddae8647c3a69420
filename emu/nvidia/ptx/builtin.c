// SPDX-License-Identifier: Apache-2.0
/*
 * Functions that device code may call without defining them: vprintf, malloc, free, __assertfail,
 * cudaGraphSetConditional (of the device runtime).
 * Their interfaces: CUDA C++ Programming Guide, "Formatted Output", "Dynamic Global Memory
 * Allocation"; NVIDIA, "PTX Interoperability", "System Calls". The device heap is not emulated:
 * malloc returns NULL, which is what it may do.
 */
#include "warp.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_BYTES = 1024 };

static uint64_t argument(const struct ptx_warp *w, const struct ptx_call *call, unsigned nth,
                         unsigned lane)
{
    const struct ptx_call_value *value = &call->arguments[nth];
    uint32_t stride = value->in_memory ? value->bytes : value->bytes == 8 ? 8 : 4;
    uint64_t out = 0;

    if (nth >= call->argument_count || value->place == PTX_NO_PLACE)
        return 0;
    memcpy(&out, (uint8_t *)ptx_at(w, value->place) + (size_t)lane * stride,
           value->bytes < 8 ? value->bytes : 8);
    return out;
}

static void result(const struct ptx_warp *w, const struct ptx_call *call, unsigned lane,
                   uint64_t out)
{
    const struct ptx_call_value *value = call->results;
    uint32_t stride;

    if (call->result_count == 0 || value->place == PTX_NO_PLACE)
        return;
    stride = value->in_memory ? value->bytes : value->bytes == 8 ? 8 : 4;
    memcpy((uint8_t *)ptx_at(w, value->place) + (size_t)lane * stride, &out,
           value->bytes < 8 ? value->bytes : 8);
}

static bool device_text(struct ptx_warp *w, const struct ptx_insn *in, uint64_t va, unsigned lane,
                        char *text, size_t size)
{
    for (size_t i = 0; i + 1 < size; i++) {
        const char *at = ptx_resolve(w, in, PTX_SPACE_NONE, va + i, 1, lane, false);

        text[i] = '\0';
        if (!at)
            return false;
        if (!(text[i] = *at))
            return true;
    }
    text[size - 1] = '\0';
    return true;
}

static void *device_bytes(struct ptx_warp *w, const struct ptx_insn *in, uint64_t va, unsigned lane,
                          unsigned bytes)
{
    return ptx_resolve(w, in, PTX_SPACE_NONE, va, bytes, lane, false);
}

/* One conversion of the format at @at, with its argument. Returns its length, 0 after a fault. */
static size_t convert(struct ptx_warp *w, const struct ptx_insn *in, const char *at, uint64_t *args,
                      unsigned lane, char *out, size_t room)
{
    size_t length = 1 + strspn(at + 1, "-+ #0123456789.");
    bool wide = false;
    char one[32], text[256], kind;
    void *value;

    while (at[length] == 'l' || at[length] == 'h' || at[length] == 'z') {
        wide |= at[length] != 'h';
        length++;
    }
    kind = at[length];
    if (kind == '\0' || length + 3 >= sizeof(one))
        return strlen(at);
    memcpy(one, at, length + 1);
    one[length + 1] = '\0';
    if (kind == '%') {
        snprintf(out, room, "%%");
        return length + 1;
    }
    if (strchr("eEfFgGaAsp", kind))
        wide = true;
    *args = (*args + (wide ? 7 : 3)) & ~(uint64_t)(wide ? 7 : 3);
    value = device_bytes(w, in, *args, lane, wide ? 8 : 4);
    if (!value)
        return 0;
    *args += wide ? 8 : 4;
    if (strchr("eEfFgGaA", kind)) {
        snprintf(out, room, one, *(double *)value);
    } else if (kind == 's') {
        if (!device_text(w, in, *(uint64_t *)value, lane, text, sizeof(text)))
            return 0;
        snprintf(out, room, one, text);
    } else if (kind == 'p') {
        snprintf(out, room, one, (void *)*(uintptr_t *)value);
    } else if (strchr("diouxXc", kind)) {
        if (wide)
            snprintf(out, room, one, *(uint64_t *)value);
        else
            snprintf(out, room, one, *(uint32_t *)value);
    }
    return length + 1;
}

static void print(struct ptx_warp *w, const struct ptx_insn *in, const struct ptx_call *call,
                  unsigned lane)
{
    const struct ptx_launch *launch = w->block->launch;
    char format[TEXT_BYTES], text[TEXT_BYTES] = "", *at = format;
    uint64_t args = argument(w, call, 1, lane);
    size_t used = 0, step;

    if (!device_text(w, in, argument(w, call, 0, lane), lane, format, sizeof(format)))
        return;
    while (*at && used + 1 < sizeof(text)) {
        if (*at != '%') {
            text[used++] = *at++;
            text[used] = '\0';
            continue;
        }
        step = convert(w, in, at, &args, lane, text + used, sizeof(text) - used);
        if (step == 0)
            return;
        at += step;
        used = strlen(text);
    }
    if (launch->print)
        launch->print(launch->context, text);
    result(w, call, lane, 1);
}

static void assert_fail(struct ptx_warp *w, const struct ptx_insn *in, const struct ptx_call *call,
                        unsigned lane)
{
    char message[128] = "", text[96];

    device_text(w, in, argument(w, call, 0, lane), lane, message, sizeof(message));
    snprintf(text, sizeof(text), "assertion failed: %.70s", message);
    ptx_fault(w, in, PTX_FAULT_ASSERT, 0, text);
}

static void set_condition(struct ptx_warp *w, const struct ptx_insn *in,
                          const struct ptx_call *call, unsigned lane)
{
    const struct ptx_launch *launch = w->block->launch;

    if (launch->condition)
        launch->condition(launch->context, argument(w, call, 0, lane),
                          (uint32_t)argument(w, call, 1, lane));
    else
        ptx_fault(w, in, PTX_FAULT_MISSING, 0, "cudaGraphSetConditional");
}

bool ptx_builtin_exists(const char *name)
{
    return strcmp(name, "vprintf") == 0 || strcmp(name, "__assertfail") == 0 ||
           strcmp(name, "malloc") == 0 || strcmp(name, "free") == 0 ||
           strcmp(name, "cudaGraphSetConditional") == 0;
}

const char *ptx_undefined(const struct ptx_module *module)
{
    for (uint32_t i = 0; i < module->function_count; i++) {
        const struct ptx_function *f = &module->functions[i];

        if (!f->defined && !ptx_builtin_exists(f->name))
            return f->name;
    }
    for (uint32_t i = 0; i < module->variable_count; i++) {
        const struct ptx_variable *v = &module->variables[i];

        if (v->external && v->space != PTX_SPACE_SHARED)
            return v->name;
    }
    return NULL;
}

void ptx_builtin(struct ptx_warp *w, const struct ptx_insn *in, const char *name,
                 const struct ptx_call *call, uint32_t mask)
{
    for (uint32_t left = mask; left && !w->faulted; left &= left - 1) {
        unsigned lane = (unsigned)__builtin_ctz(left);

        if (name[0] == 'v')
            print(w, in, call, lane);
        else if (name[0] == '_')
            assert_fail(w, in, call, lane);
        else if (name[0] == 'm')
            result(w, call, lane, 0);
        else if (name[0] == 'c')
            set_condition(w, in, call, lane);
    }
}
