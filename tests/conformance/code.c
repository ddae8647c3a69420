// SPDX-License-Identifier: Apache-2.0
/* What can be asked of loaded code: its functions by number, list and name, and their attributes.
 */
#include "conformance.h"

#include <unistd.h>

static const char two[] =
    ".version 7.0\n.target sm_70\n.address_size 64\n"
    ".visible .entry first(.param .u64 at, .param .u8 a) { .reg .b64 %d; ld.param.u64 %d, [at]; "
    "st.global.u32 [%d], 1; ret; }\n"
    ".visible .entry second(.param .u64 at) .maxntid 64, 1, 1 { .reg .b64 %d; .shared .b32 s[16];\n"
    "ld.param.u64 %d, [at]; bar.sync 0; st.global.u32 [%d], 2; ret; }\n";

static void check_names(const char *a, const char *b)
{
    CHECK((strcmp(a, "first") == 0 && strcmp(b, "second") == 0) ||
          (strcmp(b, "first") == 0 && strcmp(a, "second") == 0));
}

CASE(code_module_list, "a module has its kernels and no others, by number and in a list")
{
    CUfunction all[8] = {0};
    const char *name[2];
    CUmodule m;
    unsigned count;

    OK(cuModuleLoadData(&m, two));
    OK(cuModuleGetFunctionCount(&count, m));
    EQUAL(count, 2);
    OK(cuModuleEnumerateFunctions(all, 2, m));
    OK(cuFuncGetName(&name[0], all[0]));
    OK(cuFuncGetName(&name[1], all[1]));
    check_names(name[0], name[1]);
    memset(all, 0, sizeof(all));
    OK(cuModuleEnumerateFunctions(all, 1, m));
    CHECK(all[0] && !all[1]);
    IS(cuModuleEnumerateFunctions(NULL, 1, m), CUDA_ERROR_INVALID_VALUE);
    IS(cuModuleGetFunction(&all[0], m, "third"), CUDA_ERROR_NOT_FOUND);
}

CASE(code_library_list, "a library has its kernels and no others, and is a module of each context")
{
    CUkernel all[8] = {0};
    CUfunction f;
    CUlibrary library;
    CUmodule m;
    unsigned count;
    CUdeviceptr at = words(1);
    void *args[] = {&at, &at};

    OK(cuLibraryLoadData(&library, two, NULL, NULL, 0, NULL, NULL, 0));
    OK(cuLibraryGetKernelCount(&count, library));
    EQUAL(count, 2);
    OK(cuLibraryEnumerateKernels(all, 2, library));
    CHECK(all[0] && all[1] && all[0] != all[1]);
    OK(cuLibraryGetModule(&m, library));
    OK(cuModuleGetFunctionCount(&count, m));
    EQUAL(count, 2);
    OK(cuModuleGetFunction(&f, m, "first"));
    OK(cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, NULL, args, NULL));
    EQUAL(word(at), 1);
}

CASE(code_parameters, "a kernel has the parameters and the limits that its code says")
{
    CUfunction first, second;
    CUmodule m;
    size_t offset, size;
    int value;

    OK(cuModuleLoadData(&m, two));
    OK(cuModuleGetFunction(&first, m, "first"));
    OK(cuModuleGetFunction(&second, m, "second"));
    OK(cuFuncGetParamInfo(first, 1, &offset, &size));
    EQUAL(offset, 8);
    EQUAL(size, 1);
    IS(cuFuncGetParamInfo(first, 2, &offset, &size), CUDA_ERROR_INVALID_VALUE);
    OK(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, second));
    EQUAL(value, 64);
    OK(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, second));
    EQUAL(value, 64);
}

CASE(code_fat_binary, "an image is loaded by any of the calls")
{
    CUfunction f;
    CUmodule m;
    CUdeviceptr at = words(1);
    void *args[] = {&at};

    OK(cuModuleLoadFatBinary(&m, two));
    OK(cuModuleGetFunction(&f, m, "second"));
    OK(cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, NULL, args, NULL));
    EQUAL(word(at), 2);
    OK(cuModuleUnload(m));
}

CASE(code_library_file, "a library is loaded from a file")
{
    char path[] = "/tmp/reef-conformance-XXXXXX";
    int fd = mkstemp(path);
    CUlibrary library;
    CUkernel k;
    unsigned count;

    CHECK(fd >= 0 && write(fd, two, sizeof(two) - 1) == (ssize_t)sizeof(two) - 1);
    close(fd);
    OK(cuLibraryLoadFromFile(&library, path, NULL, NULL, 0, NULL, NULL, 0));
    unlink(path);
    OK(cuLibraryGetKernelCount(&count, library));
    EQUAL(count, 2);
    OK(cuLibraryGetKernel(&k, library, "second"));
    OK(cuLibraryUnload(library));
    CHECK(cuLibraryLoadFromFile(&library, path, NULL, NULL, 0, NULL, NULL, 0) != CUDA_SUCCESS);
}

CASE(code_attributes, "attributes of a kernel and of its function hold, also in launches put off")
{
    CUlibrary library;
    CUkernel k;
    CUfunction f;
    CUstream s = stream();
    CUdeviceptr at = words(1), other = words(1);
    void *args[] = {&at, &at};
    int value;
    struct gate gate;

    OK(cuLibraryLoadData(&library, two, NULL, NULL, 0, NULL, NULL, 0));
    OK(cuLibraryGetKernel(&k, library, "first"));
    OK(cuKernelSetAttribute(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 64 * 1024, k, dev));
    OK(cuKernelSetCacheConfig(k, CU_FUNC_CACHE_PREFER_SHARED, dev));
    OK(cuKernelGetFunction(&f, k));
    OK(cuFuncSetCacheConfig(f, CU_FUNC_CACHE_PREFER_L1));
    OK(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, f));
    EQUAL(value, 64 * 1024);
    gate_close(&gate, s);
    affine(s, other, 1, 1);
    OK(cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 60 * 1024, s, args, NULL));
    gate_open(&gate);
    EQUAL(word(at), 1);
}
