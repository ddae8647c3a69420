// SPDX-License-Identifier: Apache-2.0
/* Fat binaries: which entry is chosen, and that damaged ones are refused without being read beyond.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "emu/nvidia/driver.h"
#include "emu/nvidia/fatbin.h"

struct emu_profile nv_profile;

static size_t put_entry(uint8_t *at, unsigned kind, unsigned arch, const char *text)
{
    uint32_t bytes = (uint32_t)((strlen(text) + 1 + 7) & ~7u), header = 80;
    uint16_t kind16 = (uint16_t)kind, version = 0x101;

    memset(at, 0, header + bytes);
    memcpy(at, &kind16, 2);
    memcpy(at + 2, &version, 2);
    memcpy(at + 4, &header, 4);
    memcpy(at + 8, &bytes, 4);
    memcpy(at + 28, &arch, 4);
    memcpy(at + header, text, strlen(text));
    return header + bytes;
}

static size_t make(uint8_t *at)
{
    static const uint8_t head[] = {0x50, 0xed, 0x55, 0xba, 1, 0, 16, 0};
    uint64_t size = 0;

    size += put_entry(at + 16 + size, 2, 70, "machine code");
    size += put_entry(at + 16 + size, 1, 60, "old");
    size += put_entry(at + 16 + size, 1, 70, "right");
    size += put_entry(at + 16 + size, 1, 90, "too new");
    memcpy(at, head, 8);
    memcpy(at + 8, &size, 8);
    return 16 + size;
}

static void test_choice(void **state)
{
    uint8_t data[1024];
    size_t size = make(data), length;
    char *text;

    assert_int_equal(nv_fatbin_scan(data, size, 70, &text, &length), 0);
    assert_string_equal(text, "right");
    free(text);
    assert_int_equal(nv_fatbin_scan(data, size, 90, &text, &length), 0);
    assert_string_equal(text, "too new");
    free(text);
    assert_int_equal(nv_fatbin_scan(data, size, 50, &text, &length), -2);
    assert_int_equal(nv_fatbin_scan(data, size - 1, 70, &text, &length), -1);
}

static void test_fuzz(void **state)
{
    uint8_t good[1024];
    size_t size = make(good), length;
    unsigned seed = 1;
    char *text;

    for (unsigned i = 0; i < 20000; i++) {
        uint8_t *data = malloc(size); /* exactly: a sanitizer sees what reads beyond */

        memcpy(data, good, size);
        for (int k = rand_r(&seed) % 4; k >= 0; k--)
            data[(unsigned)rand_r(&seed) % (k % 2 ? size : 200)] = (uint8_t)rand_r(&seed);
        if (nv_fatbin_scan(data, size, 75, &text, &length) == 0)
            free(text);
        free(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_choice), cmocka_unit_test(test_fuzz)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
