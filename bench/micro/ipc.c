/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Call and reply, to a handler in the same and in another protection domain. The handler returns as
 * many words as it got, so a message of 256 bytes is copied twice: there and back.
 */
#include "bench/micro/entry.h"
#include "bench/micro/micro.h"
#include "vmm/lib/portal.h"

enum { SEL_SAME_EC = SEL_IPC, SEL_SAME_PT, SEL_OTHER_PD, SEL_OTHER_EC, SEL_OTHER_PT };

#define OTHER_QUOTA 64u  /* pages */
#define WORDS_256   32u  /* 256 bytes */
#define WORDS_2K    256u /* 2 KiB */

static inline __attribute__((always_inline)) void call(uint64_t portal, uint64_t words)
{
    struct bh_result r;
    (void)bh_syscall(bh_descriptor(BH_CALL_CALL, 0, words, portal), 0, 0, 0, 0, 0, &r);
}

static __attribute__((noinline)) void op_call(void)
{
    call(SEL_SAME_PT, 0);
}

static __attribute__((noinline)) void op_call_256(void)
{
    call(SEL_SAME_PT, WORDS_256);
}

static __attribute__((noinline)) void op_call_2k(void)
{
    call(SEL_SAME_PT, WORDS_2K);
}

static __attribute__((noinline)) void op_call_pd(void)
{
    call(SEL_OTHER_PT, 0);
}

static __attribute__((noinline)) void op_call_pd_256(void)
{
    call(SEL_OTHER_PT, WORDS_256);
}

static __attribute__((noinline)) void op_call_pd_2k(void)
{
    call(SEL_OTHER_PT, WORDS_2K);
}

static const struct operation table[] = {{"call", op_call},
                                         {"call_256", op_call_256},
                                         {"call_2k", op_call_2k},
                                         {"call_pd", op_call_pd},
                                         {"call_pd_256", op_call_pd_256},
                                         {"call_pd_2k", op_call_pd_2k},
                                         {NULL, NULL}};

static void create_handler(uint32_t ec, uint32_t pt, uint64_t pd, uint64_t utcb)
{
    /* The handler touches no stack, but its stack pointer has to be a user address. */
    micro_need(bh_create_thread(ec, pd, 0, utcb, 0, BH_ROOT_UTCB, BH_SELECTOR_NONE), "handler");
    micro_need(bh_create_pt(pt, ec, code_address(entry_echo), 0), "portal");
}

const struct operation *ipc_prepare(void)
{
    const uint64_t page = code_address(entry_echo) >> PAGE_SHIFT;
    struct bh_msg m = {0};
    create_handler(SEL_SAME_EC, SEL_SAME_PT, BH_SEL_PD, UTCB_SAME_PD);
    micro_need(bh_create_pd(SEL_OTHER_PD, OTHER_QUOTA), "protection domain");
    micro_need(
        bh_delegate(SEL_OTHER_PD, BH_SPACE_MEM, BH_SPACE_MEM, BH_MEM_R | BH_MEM_X, page, page, 1),
        "code");
    create_handler(SEL_OTHER_EC, SEL_OTHER_PT, SEL_OTHER_PD, UTCB_OTHER_PD);
    micro_need(bh_call(SEL_SAME_PT, 0, WORDS_2K, &m), "call");
    micro_need(bh_call(SEL_OTHER_PT, 0, WORDS_2K, &m), "call to the other protection domain");
    micro_need(m.words == WORDS_2K ? BH_OK : BH_ERR_STATE, "the words of the reply");
    return table;
}
