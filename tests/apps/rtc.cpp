// SPDX-License-Identifier: Apache-2.0
/* hiprtc: compiling at run time, names of template instances, headers from memory, errors with
 * their log, and the code as a module. */
#include "check.h"

#include <hip/hiprtc.h>

#include <string>

static void check_rtc(hiprtcResult result, const char *call, int line)
{
    if (result != HIPRTC_SUCCESS)
        check_fail("%s:%d: %s: %s", __FILE__, line, call, hiprtcGetErrorString(result));
}
#define RTC(call) check_rtc((call), #call, __LINE__)

static const char source[] = R"(
#include "scale.h"
extern "C" __global__ void saxpy(float a, const float *x, float *y, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        y[i] = SCALE * a * x[i] + y[i];
}
template <typename T, int ADD> __global__ void shift(T *p, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        p[i] += (T)ADD;
}
__device__ int answer = 42;
)";

static std::vector<char> compile(hiprtcProgram program, int count, const char **options)
{
    hiprtcResult result = hiprtcCompileProgram(program, count, options);
    size_t size = 0;

    if (result != HIPRTC_SUCCESS) {
        size_t log_size = 0;
        RTC(hiprtcGetProgramLogSize(program, &log_size));
        std::string log(log_size, '\0');
        RTC(hiprtcGetProgramLog(program, &log[0]));
        check_fail("hiprtcCompileProgram: %s\n%s", hiprtcGetErrorString(result), log.c_str());
    }
    RTC(hiprtcGetCodeSize(program, &size));
    std::vector<char> code(size);
    RTC(hiprtcGetCode(program, code.data()));
    return code;
}

static void test_saxpy(hipModule_t module)
{
    enum { N = 1000 };
    std::vector<float> x = check_floats(N, -1, 1, 1), y = check_floats(N, -1, 1, 2), want(N);
    float *d_x = check_upload(x), *d_y = check_upload(y), a = 0.75f;
    int n = N;
    void *arguments[] = {&a, &d_x, &d_y, &n};
    hipFunction_t saxpy;

    HIP(hipModuleGetFunction(&saxpy, module, "saxpy"));
    HIP(hipModuleLaunchKernel(saxpy, check_groups(N, 64), 1, 1, 64, 1, 1, 0, 0, arguments,
                              nullptr));
    for (int i = 0; i < N; i++)
        want[i] = 2 * a * x[i] + y[i];
    check_close("rtc/saxpy", check_download(d_y, N), want, 1e-6, 0);
    HIP(hipFree(d_x));
    HIP(hipFree(d_y));
}

static void test_template(hipModule_t module, const char *name)
{
    std::vector<short> v(100, 5);
    short *p = check_upload(v);
    int n = 100;
    void *arguments[] = {&p, &n};
    hipFunction_t function;

    HIP(hipModuleGetFunction(&function, module, name));
    HIP(hipModuleLaunchKernel(function, 2, 1, 1, 64, 1, 1, 0, 0, arguments, nullptr));
    check_equal("rtc/template", check_download(p, 100), std::vector<short>(100, 12));
    HIP(hipFree(p));
}

static void test_error()
{
    hiprtcProgram program;
    size_t size = 0;

    RTC(hiprtcCreateProgram(&program, "__global__ void broken( { }", "broken.cu", 0, nullptr,
                            nullptr));
    CHECK(hiprtcCompileProgram(program, 0, nullptr) == HIPRTC_ERROR_COMPILATION);
    RTC(hiprtcGetProgramLogSize(program, &size));
    std::string log(size, '\0');
    RTC(hiprtcGetProgramLog(program, &log[0]));
    CHECK(log.find("error") != std::string::npos);
    RTC(hiprtcDestroyProgram(&program));
    printf("rtc/error ok\n");
}

int main()
{
    const char *header = "#define SCALE 2\n", *header_name = "scale.h", *name = nullptr;
    const char *options[] = {"--gpu-architecture=gfx906", "-O3"};
    hiprtcProgram program;
    hipModule_t module;
    hipDeviceptr_t answer;
    size_t bytes = 0;

    check_begin();
    RTC(hiprtcCreateProgram(&program, source, "source.cu", 1, &header, &header_name));
    RTC(hiprtcAddNameExpression(program, "shift<short, 7>"));
    std::vector<char> code = compile(program, 2, options);
    RTC(hiprtcGetLoweredName(program, "shift<short, 7>", &name));
    HIP(hipModuleLoadData(&module, code.data()));
    test_saxpy(module);
    test_template(module, name);
    HIP(hipModuleGetGlobal(&answer, &bytes, module, "answer"));
    CHECK(bytes == sizeof(int));
    check_equal("rtc/global", check_download((int *)answer, 1), std::vector<int>(1, 42));
    RTC(hiprtcDestroyProgram(&program));
    HIP(hipModuleUnload(module));
    test_error();
    return 0;
}
