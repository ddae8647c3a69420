// SPDX-License-Identifier: Apache-2.0
/*
 * Modules: a code object loaded from a file and from memory, launched with an array of argument
 * pointers and with a packed argument buffer, and its globals. The code object lies beside the
 * program.
 */
#include "check.h"

#include <fstream>
#include <iterator>
#include <string>
#include <unistd.h>

enum { N = 1000 };

static std::string beside_program(const char *name)
{
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

    CHECK(length > 0);
    path[length] = 0;
    *strrchr(path, '/') = 0;
    return std::string(path) + "/" + name;
}

static void test_module(hipModule_t module, const char *name)
{
    std::vector<int> in(N), want(N);
    hipFunction_t scale, missing;
    hipDeviceptr_t global;
    size_t size;
    int factor = 3, offset = 11;
    unsigned n = N;
    char label[64];

    HIP(hipModuleGetFunction(&scale, module, "scale"));
    CHECK(hipModuleGetFunction(&missing, module, "no_such_kernel") == hipErrorNotFound);
    for (int i = 0; i < N; i++) {
        in[i] = i * 3 - 7;
        want[i] = in[i] * factor + 5;
    }
    int *din = check_upload(in), *dout = check_alloc<int>(N);
    void *params[] = {&din, &dout, &factor, &n};
    HIP(hipModuleLaunchKernel(scale, check_groups(N, 128), 1, 1, 128, 1, 1, 0, nullptr, params,
                              nullptr));
    snprintf(label, sizeof(label), "modules/%s/params", name);
    check_equal(label, check_download(dout, N), want);

    HIP(hipModuleGetGlobal(&global, &size, module, "offset_by"));
    CHECK(size == sizeof(int));
    HIP(hipMemcpyHtoD(global, &offset, sizeof(offset)));
    struct {
        const int *in;
        int *out;
        int factor;
        unsigned n;
    } packed = {din, dout, -4, N};
    size_t bytes = sizeof(packed);
    void *extra[] = {HIP_LAUNCH_PARAM_BUFFER_POINTER, &packed, HIP_LAUNCH_PARAM_BUFFER_SIZE, &bytes,
                     HIP_LAUNCH_PARAM_END};
    HIP(hipModuleLaunchKernel(scale, check_groups(N, 64), 1, 1, 64, 1, 1, 0, nullptr, nullptr,
                              extra));
    for (int i = 0; i < N; i++)
        want[i] = in[i] * -4 + offset;
    snprintf(label, sizeof(label), "modules/%s/packed", name);
    check_equal(label, check_download(dout, N), want);
    HIP(hipFree(din));
    HIP(hipFree(dout));
}

static void test_mixed(hipModule_t module)
{
    hipFunction_t mixed;
    double *out = check_alloc<double>(1), d = 0.25;
    char c = 3;
    short s = -70;
    float f = 1.5f;
    void *params[] = {&c, &d, &s, &out, &f};

    HIP(hipModuleGetFunction(&mixed, module, "mixed"));
    HIP(hipModuleLaunchKernel(mixed, 1, 1, 1, 64, 1, 1, 0, nullptr, params, nullptr));
    check_equal("modules/mixed-arguments", check_download(out, 1), {3 + 0.25 - 70 + 1.5});
    HIP(hipFree(out));
}

int main()
{
    std::string path = beside_program("modules_kernels.hsaco");
    std::ifstream file(path, std::ios::binary);
    std::vector<char> image((std::istreambuf_iterator<char>(file)),
                            std::istreambuf_iterator<char>());
    hipModule_t module;

    check_begin();
    CHECK(!image.empty());
    HIP(hipModuleLoad(&module, path.c_str()));
    test_module(module, "file");
    test_mixed(module);
    HIP(hipModuleUnload(module));
    HIP(hipModuleLoadData(&module, image.data()));
    test_module(module, "memory");
    HIP(hipModuleUnload(module));
    CHECK(hipModuleLoad(&module, beside_program("no_such_file.hsaco").c_str()) != hipSuccess);
    printf("modules/missing-file ok\n");
    return 0;
}
