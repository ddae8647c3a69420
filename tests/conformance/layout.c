// SPDX-License-Identifier: Apache-2.0
/*
 * Layouts of arguments at random: kernels with parameters of every size and alignment, launched
 * with an array of pointers and with a buffer, whose sources are overwritten at once. TEST_SEED
 * (1) makes others.
 */
#include "conformance.h"

enum { LAYOUTS = 16, MOST = 10, MOST_BYTES = 40, TEXT = 64 * 1024 };

struct layout {
    unsigned count;
    struct {
        size_t offset, size, align;
    } params[MOST];
    unsigned to; /* the parameter that is the address to write to */
    size_t bytes;
    CUfunction function;
};

static uint32_t seed;

static uint32_t roll(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % below;
}

static void invent(struct layout *l)
{
    l->count = 1 + roll(MOST);
    l->to = roll(l->count);
    l->bytes = 0;
    for (unsigned i = 0; i < l->count; i++) {
        size_t align = (size_t)1 << roll(5), size = 1 + roll(MOST_BYTES);

        if (roll(2))
            size = align = (size_t)1 << roll(4);
        if (i == l->to)
            size = align = sizeof(CUdeviceptr);
        l->bytes = (l->bytes + align - 1) / align * align;
        l->params[i].offset = l->bytes;
        l->params[i].size = size;
        l->params[i].align = align;
        l->bytes += size;
    }
}

/* A kernel that writes every byte of its parameters to where it lies in the buffer. */
static void load(struct layout *l)
{
    static char text[TEXT];
    int at = sprintf(text, ".version 7.0\n.target sm_70\n.address_size 64\n.visible .entry k(");
    CUmodule module;

    for (unsigned i = 0; i < l->count; i++) {
        const char *comma = i ? ", " : "";

        if (l->params[i].size == l->params[i].align && l->params[i].size <= 8)
            at += sprintf(text + at, "%s.param .b%zu p%u", comma, 8 * l->params[i].size, i);
        else
            at += sprintf(text + at, "%s.param .align %zu .b8 p%u[%zu]", comma, l->params[i].align,
                          i, l->params[i].size);
    }
    at +=
        sprintf(text + at, ") {\n.reg .b64 %%d; .reg .b16 %%h;\nld.param.u64 %%d, [p%u];\n", l->to);
    for (unsigned i = 0; i < l->count; i++)
        for (size_t k = 0; k < l->params[i].size; k++)
            at += sprintf(text + at, "ld.param.u8 %%h, [p%u+%zu]; st.global.u8 [%%d+%zu], %%h;\n",
                          i, k, l->params[i].offset + k);
    sprintf(text + at, "ret;\n}\n");
    OK(cuModuleLoadData(&module, text));
    OK(cuModuleGetFunction(&l->function, module, "k"));
}

static void ask(const struct layout *l)
{
    size_t offset, size;

    for (unsigned i = 0; i < l->count; i++) {
        OK(cuFuncGetParamInfo(l->function, i, &offset, &size));
        EQUAL(offset, l->params[i].offset);
        EQUAL(size, l->params[i].size);
    }
    IS(cuFuncGetParamInfo(l->function, l->count, &offset, &size), CUDA_ERROR_INVALID_VALUE);
}

/* With fresh values, of which @kept keeps a copy: padding is zero there, as in fresh memory. */
static void launch(const struct layout *l, bool buffered, CUstream s, CUdeviceptr to, uint8_t *kept)
{
    uint8_t values[MOST * (MOST_BYTES + 16)];
    void *params[MOST];
    size_t bytes = l->bytes;
    void *extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, values, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes,
                     CU_LAUNCH_PARAM_END};

    for (size_t i = 0; i < sizeof(values); i++)
        values[i] = (uint8_t)roll(256);
    memcpy(values + l->params[l->to].offset, &to, sizeof(to));
    for (unsigned i = 0; i < l->count; i++) {
        params[i] = values + l->params[i].offset;
        memcpy(kept + l->params[i].offset, params[i], l->params[i].size);
    }
    OK(cuLaunchKernel(l->function, 1, 1, 1, 1, 1, 1, 0, s, buffered ? NULL : params,
                      buffered ? extra : NULL));
    memset(values, 0xee, sizeof(values));
    memset(params, 0, sizeof(params));
    memset(extra, 0, sizeof(extra));
    bytes = 0;
}

CASE(launch_layouts, "arguments of any sizes are those of the call, by array and by buffer")
{
    enum { ROOM = 1024 };
    static struct layout layouts[LAYOUTS];
    static uint8_t kept[2 * LAYOUTS][ROOM], got[2 * LAYOUTS][ROOM];
    const char *text = getenv("TEST_SEED");
    uint32_t first = seed = text ? (uint32_t)strtoul(text, NULL, 0) : 1;
    CUdeviceptr to = words(sizeof(got) / 4);
    CUstream s = stream();
    struct gate gate;

    for (unsigned i = 0; i < LAYOUTS; i++) {
        invent(&layouts[i]);
        load(&layouts[i]);
        ask(&layouts[i]);
    }
    gate_close(&gate, s);
    for (unsigned i = 0; i < 2 * LAYOUTS; i++)
        launch(&layouts[i / 2], i % 2, s, to + (CUdeviceptr)i * ROOM, kept[i]);
    gate_open(&gate);
    OK(cuStreamSynchronize(s));
    OK(cuMemcpyDtoH(got, to, sizeof(got)));
    for (unsigned i = 0; i < 2 * LAYOUTS; i++)
        if (memcmp(got[i], kept[i], ROOM) != 0)
            conf_fail(__FILE__, __LINE__, "layout %u of seed %u differs", i, first);
}

/* The parameters that it does not hold may be anything: here what is put at the address. */
CASE(launch_extra_short, "a buffer that is too short is refused, or what it holds is what counts")
{
    CUdeviceptr at = words(3), to = at + 4;
    uint8_t buffer[16] = {0};
    size_t size = sizeof(to);
    void *extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, buffer, CU_LAUNCH_PARAM_BUFFER_SIZE, &size,
                     CU_LAUNCH_PARAM_END};
    struct gate gate;
    CUstream s = stream();
    CUresult rc;

    memcpy(buffer, &to, sizeof(to));
    gate_close(&gate, s);
    gate_begun(&gate);
    rc = cuLaunchKernel(fn("put"), 1, 1, 1, 1, 1, 1, 0, s, NULL, extra);
    CHECK(rc == CUDA_SUCCESS || rc == CUDA_ERROR_INVALID_VALUE);
    memset(buffer, 0, sizeof(buffer));
    affine(s, at, 1, 5);
    gate_open(&gate);
    EQUAL(word(at), 5);
    EQUAL(word(at + 8), 0);
}
