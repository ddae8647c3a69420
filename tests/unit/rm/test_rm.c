// SPDX-License-Identifier: Apache-2.0
/* What is understood of the NVIDIA kernel driver's ioctls, and when a timeslice is set.
 * shim/nvidia/rm.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <cmocka.h>

#include "shim/nvidia/rm.h"

static const struct rm_file file = {.fd = 7, .device = 1, .inode = 2, .rdev = 3};
enum { CLIENT = 0xc1d00001, DEVICE = 0x5c000001, GROUP = 0x5c000010 };
#define MS 1000000ull

static struct rm_alloc a_group(uint32_t object)
{
    return (struct rm_alloc){
        .root = CLIENT, .parent = DEVICE, .object = object, .class_ = RM_CLASS_CHANNEL_GROUP};
}

static bool allocate(struct rm_groups *g, uint32_t object, uint64_t work)
{
    struct rm_alloc a = a_group(object);
    return rm_watch(g, &file, RM_ESC_ALLOC, sizeof(a), &a, work);
}

static void release(struct rm_groups *g, uint32_t parent, uint32_t object)
{
    struct rm_free f = {.root = CLIENT, .parent = parent, .old = object};
    assert_false(rm_watch(g, &file, RM_ESC_FREE, sizeof(f), &f, 0));
}

static struct rm_group *due(struct rm_groups *g, uint64_t work, uint64_t now_ns)
{
    uint64_t next;
    return rm_due(g, work, now_ns, &next);
}

static void test_requests(void **state)
{
    assert_true(rm_wants(_IOWR('F', 0x2b, struct rm_alloc)));
    assert_true(rm_wants(_IOWR('F', 0x2b, struct rm_alloc_rights)));
    assert_true(rm_wants(_IOWR('F', 0x29, struct rm_free)));
    assert_true(rm_wants(_IOWR('F', 211, struct rm_xfer)));
    assert_false(rm_wants(_IOWR('F', 0x2a, struct rm_control)));
    assert_false(rm_wants(_IOWR('K', 0x2b, struct rm_alloc)));
    assert_false(rm_wants(0x5413 /* TIOCGWINSZ */));
}

/* Not before there was work, not right after it, and once more when there was work again. */
static void test_when(void **state)
{
    struct rm_groups g = {0};
    uint64_t next;
    assert_true(allocate(&g, GROUP, 10));
    assert_null(rm_due(&g, 10, 0, &next));
    assert_true(next == UINT64_MAX);
    assert_null(rm_due(&g, 11, 100 * MS, &next));
    assert_true(next > 0 && next < 100 * MS);
    struct rm_group *group = rm_due(&g, 11, 100 * MS + next, &next);
    assert_non_null(group);
    assert_int_equal(group->object, GROUP);
    assert_int_equal(group->client, CLIENT);
    assert_int_equal(group->file.fd, 7);
    rm_answer(&g, group, 0, 0, 11, 200 * MS);
    assert_int_equal(g.set, 1);
    assert_null(due(&g, 11, 1000 * MS)); /* no work since */
    assert_null(due(&g, 12, 201 * MS));  /* too early */
    assert_ptr_equal(due(&g, 12, 1000 * MS), group);
    rm_answer(&g, group, 0, 0, 12, 1000 * MS);
    assert_null(due(&g, 13, 10000 * MS));
    assert_int_equal(g.set, 1);
}

static void test_again(void **state)
{
    struct rm_groups g = {0};
    assert_true(allocate(&g, GROUP, 10));
    rm_again(&g, 1 * MS); /* nothing was set yet */
    assert_null(due(&g, 10, 10 * MS));
    assert_null(due(&g, 11, 100 * MS));
    struct rm_group *group = due(&g, 11, 1000 * MS);
    assert_non_null(group);
    rm_answer(&g, group, 0, 0, 11, 1000 * MS);
    rm_answer(&g, group, 0, 0, 12, 1000 * MS);
    assert_null(due(&g, 13, 9000 * MS));
    rm_again(&g, 9000 * MS);
    assert_int_equal(g.set, 0);
    assert_ptr_equal(due(&g, 13, 9000 * MS), group);
    rm_answer(&g, group, 0, 0, 13, 9000 * MS);
    assert_int_equal(g.set, 1);
    rm_answer(&g, group, 0, 0x56, 14, 9000 * MS);
    rm_again(&g, 9500 * MS); /* refused: left alone */
    assert_null(due(&g, 20, 20000 * MS));
}

static void test_refused(void **state)
{
    for (int error = 0; error < 2; error++) {
        struct rm_groups g = {0};
        allocate(&g, GROUP, 0);
        due(&g, 1, 0);
        struct rm_group *group = due(&g, 1, 100 * MS);
        rm_answer(&g, group, error ? 25 : 0, error ? 0 : 0x56, 1, 100 * MS);
        assert_int_equal(g.refused, 1);
        assert_null(due(&g, 2, 1000 * MS)); /* left alone */
    }
}

static void test_freed(void **state)
{
    struct rm_groups g = {0};
    allocate(&g, GROUP, 0);
    allocate(&g, GROUP + 1, 0);
    release(&g, DEVICE, GROUP);
    assert_int_equal(g.freed, 1);
    due(&g, 1, 0);
    assert_int_equal(due(&g, 1, 100 * MS)->object, GROUP + 1);
    release(&g, CLIENT, DEVICE); /* takes its children along */
    assert_null(due(&g, 1, 100 * MS));
    allocate(&g, GROUP, 1);
    release(&g, 0, CLIENT); /* the client: everything of it */
    assert_null(due(&g, 2, 200 * MS));
    assert_int_equal(g.freed, 3);
}

/* What is not exactly as expected is not a group. */
static void test_unknown(void **state)
{
    struct rm_groups g = {0};
    struct rm_alloc a = a_group(GROUP);
    struct rm_alloc_rights r = {
        .root = CLIENT, .parent = DEVICE, .object = GROUP, .class_ = RM_CLASS_CHANNEL_GROUP};
    a.class_ = 0xc86f; /* a channel */
    assert_false(rm_watch(&g, &file, RM_ESC_ALLOC, sizeof(a), &a, 0));
    a = a_group(GROUP);
    a.status = 0x1f; /* failed */
    assert_false(rm_watch(&g, &file, RM_ESC_ALLOC, sizeof(a), &a, 0));
    a = a_group(0);
    assert_false(rm_watch(&g, &file, RM_ESC_ALLOC, sizeof(a), &a, 0));
    a = a_group(GROUP);
    assert_false(rm_watch(&g, &file, RM_ESC_CONTROL, sizeof(a), &a, 0));
    assert_int_equal(g.unknown, 0);
    assert_false(rm_watch(&g, &file, RM_ESC_ALLOC, 40, &r, 0));
    assert_int_equal(g.unknown, 1);
    assert_true(rm_watch(&g, &file, RM_ESC_ALLOC, sizeof(r), &r, 0));
    r.status = 1;
    assert_false(rm_watch(&g, &file, RM_ESC_ALLOC, sizeof(r), &r, 0));
}

static void test_many(void **state)
{
    struct rm_groups g = {0};
    for (uint32_t i = 0; i < 3 * RM_GROUPS; i++)
        assert_int_equal(allocate(&g, GROUP + i, 0), i < RM_GROUPS);
    assert_int_equal(g.unknown, 2 * RM_GROUPS);
    for (uint32_t i = 0; i < RM_GROUPS; i++)
        release(&g, DEVICE, GROUP + i);
    assert_int_equal(g.freed, RM_GROUPS);
    assert_true(allocate(&g, GROUP, 0));
}

static void test_parse(void **state)
{
    static const char *const bad[] = {"", "0", "1000001", "-1", " 1", "1us", "on", "0x1", "auto "};
    uint32_t us = 9;
    bool given = true;
    assert_true(rm_parse_timeslice(NULL, RM_BE_US, &us, &given) && us == 1 && !given);
    assert_true(rm_parse_timeslice("auto", RM_RT_US, &us, &given) && us == 10000 && !given);
    assert_true(rm_parse_timeslice("off", 1, &us, &given) && us == 0);
    assert_true(rm_parse_timeslice("1000000", 1, &us, &given) && us == 1000000 && given);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        us = 9;
        assert_false(rm_parse_timeslice(bad[i], 1, &us, &given));
        assert_int_equal(us, 0);
    }
}

static void test_driver(void **state)
{
    static const char *const unknown[] = {
        "", "545.23.08", "600.1", "x550.1", "550", "-580.1", "58000000000000000000000.1"};
    assert_true(rm_known_driver("550.120"));
    assert_true(rm_known_driver("580.159.04\n"));
    assert_true(rm_known_driver("595.45.04"));
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        assert_false(rm_known_driver(unknown[i]));
}

/* Every field of every structure at random, every size: no crash, and never a group that was not
 * announced as one with success. Each buffer is exactly as long as said, for the sanitizers. */
static void test_fuzz(void **state)
{
    static const size_t sizes[] = {0, 1, 12, 15, 16, 17, 31, 32, 33, 40, 47, 48, 49, 64};
    static const uint32_t words[] = {0,         1, CLIENT, DEVICE, GROUP, RM_CLASS_CHANNEL_GROUP,
                                     0xffffffff};
    unsigned seed = 1;
    struct rm_groups g = {0};
    for (int round = 0; round < 300000; round++) {
        size_t size = sizes[(unsigned)rand_r(&seed) % 14];
        unsigned command = 0x28 + (unsigned)rand_r(&seed) % 4;
        unsigned char *bytes = malloc(size ? size : 1);
        for (size_t at = 0; at < size; at += 4) {
            uint32_t word =
                rand_r(&seed) % 8 ? words[(unsigned)rand_r(&seed) % 7] : (uint32_t)rand_r(&seed);
            memcpy(bytes + at, &word, size - at < 4 ? size - at : 4);
        }
        const uint32_t group_class = RM_CLASS_CHANNEL_GROUP, zero = 0;
        if (rand_r(&seed) % 2 &&
            (size == 32 || size == 48 || size == 16)) { /* often a likely one */
            memcpy(bytes + 12, size == 16 ? &zero : &group_class, 4);
            memcpy(bytes + (size == 48 ? 40 : size - 4), &zero, 4);
        }
        uint32_t class_ = 0, status = 1;
        if (size >= 16)
            memcpy(&class_, bytes + 12, 4);
        if (size == 32 || size == 48)
            memcpy(&status, bytes + (size == 32 ? 28 : 40), 4);
        bool added = rm_watch(&g, &file, command, size, bytes, (uint64_t)round);
        if (added)
            assert_true(command == RM_ESC_ALLOC && class_ == RM_CLASS_CHANNEL_GROUP && status == 0);
        free(bytes);
        struct rm_group *group = due(&g, (uint64_t)round + 1, (uint64_t)round * MS);
        if (group)
            rm_answer(&g, group, rand_r(&seed) % 4 ? 0 : 5, rand_r(&seed) % 4 ? 0 : 1,
                      (uint64_t)round, (uint64_t)round * MS);
    }
    assert_true(g.seen > 100 && g.freed > 100 && g.unknown > 100 && g.set > 100 && g.refused > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests), cmocka_unit_test(test_when),
        cmocka_unit_test(test_again),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_freed),    cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_many),     cmocka_unit_test(test_parse),
        cmocka_unit_test(test_driver),   cmocka_unit_test(test_fuzz),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
