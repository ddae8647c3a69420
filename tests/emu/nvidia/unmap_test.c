// SPDX-License-Identifier: Apache-2.0
/*
 * What CUDA does not promise and driver 580 does: cuMemUnmap waits for no user of the memory. What
 * still uses it breaks its context; and what is mapped beside it stays usable meanwhile.
 */
#include <cuda.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(what)                                                                                \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what);                     \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)
#define OK(call) CHECK((call) == CUDA_SUCCESS)

/* Waits until *flag is not zero, then adds one to *at. */
static const char text[] =
    ".version 7.0\n.target sm_70\n.address_size 64\n"
    ".visible .entry await(.param .u64 flag, .param .u64 at) {\n"
    "  .reg .b64 %d<3>; .reg .b32 %r<3>; .reg .pred %p;\n"
    "  ld.param.u64 %d1, [flag]; ld.param.u64 %d2, [at];\n"
    "L: ld.volatile.global.u32 %r1, [%d1]; setp.ne.u32 %p, %r1, 0; @%p bra E; nanosleep.u32 500;\n"
    "bra L;\n"
    "E: ld.global.u32 %r2, [%d2]; add.u32 %r2, %r2, 1; st.global.u32 [%d2], %r2; ret;\n}\n";

static CUmemAllocationProp prop = {.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                                   .location = {CU_MEM_LOCATION_TYPE_DEVICE, 0}};
static size_t bytes;

static void map(CUdeviceptr at)
{
    const CUmemAccessDesc access = {prop.location, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    CUmemGenericAllocationHandle memory;

    OK(cuMemCreate(&memory, bytes, &prop, 0));
    OK(cuMemMap(at, bytes, 0, memory, 0));
    OK(cuMemRelease(memory));
    OK(cuMemSetAccess(at, bytes, &access, 1));
}

enum user { KERNEL, FILL, COPY };

/* In a context of its own: @user stands until the memory that it uses was unmapped; or, with
 * @beside, the memory beside it. */
static CUresult unmap_under(enum user user, bool beside)
{
    CUdeviceptr at, used, flag;
    CUcontext ctx;
    CUmodule module;
    CUfunction await;
    CUstream s;
    uint32_t *word;
    void *args[] = {&flag, &used};
    CUresult result;

    OK(cuCtxCreate(&ctx, NULL, 0, 0));
    OK(cuModuleLoadData(&module, text));
    OK(cuModuleGetFunction(&await, module, "await"));
    OK(cuStreamCreate(&s, CU_STREAM_NON_BLOCKING));
    OK(cuMemAllocHost((void **)&word, 4096));
    OK(cuMemAddressReserve(&at, 2 * bytes, 0, 0, 0));
    map(at);
    map(at + bytes);
    used = beside ? at : at + bytes;
    *word = 0;
    flag = (CUdeviceptr)(uintptr_t)word;
    if (user == KERNEL)
        OK(cuLaunchKernel(await, 1, 1, 1, 1, 1, 1, 0, s, args, NULL));
    else
        OK(cuStreamWaitValue32(s, flag, 1, CU_STREAM_WAIT_VALUE_EQ));
    if (user == FILL)
        OK(cuMemsetD32Async(used, 5, 1, s));
    if (user == COPY)
        OK(cuMemcpyDtoHAsync(word + 1, used, 4, s));
    OK(cuMemUnmap(at + bytes, bytes)); /* it would not return, if it waited */
    __atomic_store_n(word, 1, __ATOMIC_SEQ_CST);
    result = cuStreamSynchronize(s);
    OK(cuCtxDestroy(ctx));
    return result;
}

int main(void)
{
    OK(cuInit(0));
    OK(cuMemGetAllocationGranularity(&bytes, &prop, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
    for (enum user user = KERNEL; user <= COPY; user++)
        OK(unmap_under(user, true));
    CHECK(unmap_under(KERNEL, false) == CUDA_ERROR_ILLEGAL_ADDRESS);
    CHECK(unmap_under(FILL, false) == CUDA_ERROR_LAUNCH_FAILED);
    CHECK(unmap_under(COPY, false) == CUDA_ERROR_ILLEGAL_ADDRESS);
    return 0;
}
