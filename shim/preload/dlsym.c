// SPDX-License-Identifier: Apache-2.0
/*
 * The dlsym hook: programs and language bindings that dlopen the vendor's library and look its
 * functions up get our hooks too.
 *
 * Rules: the real dlsym answers first, and only a pointer it returned into the vendor's own library
 * is replaced. RTLD_NEXT and RTLD_DEFAULT depend on the address of the caller (glibc takes it from
 * the stack), so they go on to the real dlsym by a jump that leaves the caller's return address in
 * place; RTLD_DEFAULT finds our hooks by itself, RTLD_NEXT must not. Nothing is logged here: dlsym
 * runs before anything is set up. dlvsym is not hooked.
 */
#include <dlfcn.h>
#include <string.h>

#include "shim/preload/hooks.h"
#include "shim/preload/real.h"
#include "shim/preload/state.h"

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

__attribute__((visibility("hidden"))) void *reef_dlsym_handle(void *handle, const char *name);

/* dlsym with a handle of a library. */
__attribute__((used)) void *reef_dlsym_handle(void *handle, const char *name)
{
    reef_dlsym_fn *real = reef_real_dlsym();
    void *address = real ? real(handle, name) : NULL;
    if (!address || !name || name[0] != 'h')
        return address;
    for (const struct reef_hook_table *table = reef_hook_tables; table->hooks; table++) {
        if (!has_prefix(name, table->symbol_prefix))
            continue;
        for (const struct reef_hook *hook = table->hooks; hook->name; hook++)
            if (strcmp(hook->name, name) == 0)
                return has_prefix(object_name(address), table->soname_prefix) ? hook->address
                                                                              : address;
    }
    return address;
}

/* clang-format off */
__asm__(".text\n"
        ".globl dlsym\n"
        ".type dlsym, @function\n"
        "dlsym:\n"
        "    endbr64\n"
        "    leaq 1(%rdi), %rax\n"           /* RTLD_NEXT is -1, RTLD_DEFAULT is 0 */
        "    cmpq $1, %rax\n"
        "    ja reef_dlsym_handle\n"
        "    pushq %rdi\n"
        "    pushq %rsi\n"
        "    subq $8, %rsp\n"
        "    call reef_real_dlsym\n"
        "    addq $8, %rsp\n"
        "    popq %rsi\n"
        "    popq %rdi\n"
        "    testq %rax, %rax\n"
        "    jz 1f\n"
        "    jmp *%rax\n"                    /* the caller's return address is on top again */
        "1:  ret\n"
        ".size dlsym, . - dlsym\n");
/* clang-format on */

#endif
