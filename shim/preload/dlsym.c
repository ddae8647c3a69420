// SPDX-License-Identifier: Apache-2.0
/*
 * The hooks of dlsym and dlvsym: programs and language bindings that dlopen the vendor's library
 * and look its functions up get our hooks too. And the hook of dlopen, which only notes
 * RTLD_DEEPBIND.
 *
 * Rules: the real function answers first, and only a pointer it returned into the vendor's own
 * library is replaced, and not for the vendor's library itself. RTLD_NEXT, RTLD_DEFAULT and the
 * search paths of dlopen depend on the address of the caller (glibc takes it from the stack), so
 * these go on to the real function by a jump that leaves the caller's return address in place;
 * RTLD_DEFAULT finds our hooks by itself, RTLD_NEXT must not. Nothing is logged here: dlsym runs
 * before anything is set up.
 */
#include <dlfcn.h>
#include <string.h>

#include "shim/preload/hooks.h"
#include "shim/preload/real.h"
#include "shim/preload/state.h"

const struct reef_hook_table reef_hook_tables[] = {
#ifndef REEF_NO_AMD /* a build without ROCm's headers: scripts/gpu-kit */
    {"hsa_", "libhsa-runtime64.so", reef_hsa_hooks},
    {"hip", "libamdhip64.so", reef_hip_hooks},
#endif
    {"cu", "libcuda.so", reef_cuda_hooks},
    {NULL, NULL, NULL},
};

static _Atomic(const char *) deepbind; /* a copy of the first name, for ever */

const char *reef_deepbind_library(void)
{
    return atomic_load_explicit(&deepbind, memory_order_relaxed);
}

#if defined(__x86_64__)

static const char *object_name(const void *address)
{
    Dl_info info;
    if (!dladdr((void *)address, &info) || !info.dli_fname)
        return "";
    const char *slash = strrchr(info.dli_fname, '/');
    return slash ? slash + 1 : info.dli_fname;
}

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The hook in place of @address, which the real dlsym found for @name. */
static void *replace(void *address, const char *name, const void *caller)
{
    if (!address || !name || (name[0] != 'h' && name[0] != 'c'))
        return address;
    for (const struct reef_hook_table *table = reef_hook_tables; table->hooks; table++) {
        if (!has_prefix(name, table->symbol_prefix))
            continue;
        for (const struct reef_hook *hook = table->hooks; hook->name; hook++)
            if (strcmp(hook->name, name) == 0) {
                bool theirs = has_prefix(object_name(address), table->soname_prefix);
                bool asks_itself = theirs && has_prefix(object_name(caller), table->soname_prefix);
                return theirs && !asks_itself ? hook->address : address;
            }
    }
    return address;
}

__attribute__((visibility("hidden"))) void *reef_dlsym_handle(void *handle, const char *name);
__attribute__((visibility("hidden"))) void *reef_dlvsym_handle(void *handle, const char *name,
                                                               const char *version);
__attribute__((visibility("hidden"))) void reef_note_deepbind(const char *file);

/* dlsym with a handle of a library. Reached by a jump: the return address is the caller's. */
__attribute__((used)) void *reef_dlsym_handle(void *handle, const char *name)
{
    reef_dlsym_fn *real = reef_real_dlsym();
    return replace(real ? real(handle, name) : NULL, name, __builtin_return_address(0));
}

__attribute__((used)) void *reef_dlvsym_handle(void *handle, const char *name, const char *version)
{
    reef_dlvsym_fn *real = reef_real_dlvsym();
    return replace(real ? real(handle, name, version) : NULL, name, __builtin_return_address(0));
}

__attribute__((used)) void reef_note_deepbind(const char *file)
{
    const char *none = NULL;
    char *copy = file && !reef_deepbind_library() ? strdup(file) : NULL;
    if (copy)
        atomic_compare_exchange_strong(&deepbind, &none, copy); /* a lost copy is a few bytes */
}

/*
 * NAME: a pseudo handle (RTLD_NEXT is -1, RTLD_DEFAULT is 0) jumps on to what FIND returns, with
 * all arguments and the caller's return address in place; a real one jumps to HANDLE.
 */
/* clang-format off */
#define LOOKUP_STUB(NAME, HANDLE, FIND)                                                            \
    __asm__(".text\n"                                                                              \
            ".globl " NAME "\n"                                                                    \
            ".type " NAME ", @function\n"                                                          \
            NAME ":\n"                                                                             \
            "    endbr64\n"                                                                        \
            "    leaq 1(%rdi), %rax\n"                                                             \
            "    cmpq $1, %rax\n"                                                                  \
            "    ja " HANDLE "\n"                                                                  \
            "    pushq %rdi\n"                                                                     \
            "    pushq %rsi\n"                                                                     \
            "    pushq %rdx\n"                                                                     \
            "    call " FIND "\n"                                                                  \
            "    popq %rdx\n"                                                                      \
            "    popq %rsi\n"                                                                      \
            "    popq %rdi\n"                                                                      \
            "    testq %rax, %rax\n"                                                               \
            "    jz 1f\n"                                                                          \
            "    jmp *%rax\n"                                                                      \
            "1:  ret\n"                                                                            \
            ".size " NAME ", . - " NAME "\n")

LOOKUP_STUB("dlsym", "reef_dlsym_handle", "reef_real_dlsym");
LOOKUP_STUB("dlvsym", "reef_dlvsym_handle", "reef_real_dlvsym");

__asm__(".text\n"
        ".globl dlopen\n"
        ".type dlopen, @function\n"
        "dlopen:\n"
        "    endbr64\n"
        "    pushq %rdi\n"
        "    pushq %rsi\n"
        "    subq $8, %rsp\n"
        "    testl $8, %esi\n"               /* RTLD_DEEPBIND */
        "    jz 2f\n"
        "    call reef_note_deepbind\n"
        "2:  call reef_real_dlopen\n"
        "    addq $8, %rsp\n"
        "    popq %rsi\n"
        "    popq %rdi\n"
        "    testq %rax, %rax\n"
        "    jz 3f\n"
        "    jmp *%rax\n"
        "3:  ret\n"
        ".size dlopen, . - dlopen\n");
/* clang-format on */

#endif
