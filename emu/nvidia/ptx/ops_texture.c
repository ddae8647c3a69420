// SPDX-License-Identifier: Apache-2.0
/*
 * Accesses through textures and surfaces: a lane's coordinates and values go to the driver, which
 * knows what an object stands for (ptx_launch.texture).
 */
#include "ops_memory.h"
#include "warp.h"

#include <string.h>

static const uint32_t *list_of(const struct ptx_warp *w, uint32_t index)
{
    return w->block->launch->image->module->pool->lists + index;
}

static uint64_t get(const struct ptx_warp *w, uint32_t place, unsigned wide, unsigned l)
{
    if (place == PTX_NO_PLACE)
        return 0;
    return wide == 8 ? ptx_u64(w, place)[l] : ptx_u32(w, place)[l];
}

static void put(const struct ptx_warp *w, uint32_t place, unsigned wide, unsigned l, uint64_t value)
{
    if (place == PTX_NO_PLACE)
        return;
    if (wide == 8)
        ptx_u64(w, place)[l] = value;
    else
        ptx_u32(w, place)[l] = (uint32_t)value;
}

/* Registers to or from the bytes of the access. */
static void move(const struct ptx_warp *w, const struct ptx_insn *in, unsigned l,
                 struct ptx_texel *t)
{
    unsigned bytes = in->aux & PTX_MEM_BYTES, count = in->aux >> PTX_MEM_COUNT_SHIFT & 15;
    unsigned wide = in->aux >> PTX_MEM_REGISTER_SHIFT & 15;
    const uint32_t *list = count > 1 ? list_of(w, in->d) : &in->d;

    for (unsigned i = 0; i < count; i++) {
        uint64_t value = 0;

        if (t->store) {
            value = get(w, list[i], wide, l);
            memcpy(t->data + (size_t)i * bytes, &value, bytes);
        } else {
            memcpy(&value, t->data + (size_t)i * bytes, bytes);
            put(w, list[i], wide, l, value);
        }
    }
}

static void access(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask, bool surface,
                   bool store)
{
    const struct ptx_launch *launch = w->block->launch;
    const uint32_t *coordinates = list_of(w, in->b);
    struct ptx_texel t = {
        .surface = surface,
        .store = store,
        .real = in->aux & PTX_TEX_REAL,
        .dimensions = in->aux >> PTX_TEX_DIMENSIONS_SHIFT & 3,
        .outside = in->aux >> PTX_TEX_OUTSIDE_SHIFT & 3,
        .bytes = (uint8_t)((in->aux & PTX_MEM_BYTES) * (in->aux >> PTX_MEM_COUNT_SHIFT & 15)),
        .as = in->aux & PTX_MEM_SIGNED     ? 's'
              : in->aux & PTX_TEX_UNSIGNED ? 'u'
                                           : 'f',
    };

    if ((in->aux & PTX_TEX_REFERENCE) && !launch->references) {
        ptx_fault(w, in, PTX_FAULT_MISSING, 0, "texture references in graphs");
        return;
    }
    for (uint32_t left = mask; left; left &= left - 1) {
        unsigned l = (unsigned)__builtin_ctz(left);
        const char *wrong;

        t.object = in->aux & PTX_TEX_REFERENCE ? launch->references[in->a] : ptx_u64(w, in->a)[l];
        for (unsigned i = 0; i < t.dimensions; i++)
            t.coordinate[i] = ptx_u32(w, coordinates[i])[l];
        if (store)
            move(w, in, l, &t);
        wrong = launch->texture ? launch->texture(launch->context, &t) : "there are no textures";
        if (wrong) {
            ptx_fault(w, in, PTX_FAULT_ADDRESS, t.object, wrong);
            return;
        }
        if (!store)
            move(w, in, l, &t);
    }
    if (!store && w->cycles + launch->global_latency > w->memory_at)
        w->memory_at = w->cycles + launch->global_latency;
}

static void load_texture(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    access(w, in, mask, false, false);
}
static void load_surface(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    access(w, in, mask, true, false);
}
static void store_surface(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    access(w, in, mask, true, true);
}

const struct ptx_opcode ptx_ops_texture[] = {
    {"ld.texture", load_texture, 16, PTX_MEMORY},
    {"ld.surface", load_surface, 8, PTX_MEMORY},
    {"st.surface", store_surface, 8, PTX_MEMORY},
    {NULL},
};
