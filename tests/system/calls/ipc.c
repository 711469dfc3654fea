/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls and replies: the three sizes, transfers of pages and capabilities, refusals, the end of a
 * handler. Each exchange is made within this domain and with another one.
 */
#include "tests/system/calls/test.h"

#include <string.h>

#define WORDS_256 32u
#define WORDS_2K  256u
#define PATTERN   0x0123456789ABCDEFull
#define CHAIN     40u
#define CHAIN_MIN 8u

static uint64_t serve_short(struct service *s, struct bh_msg *m)
{
    (void)s;
    for (int i = 0; i < BH_MSG_REGISTERS; i++) {
        m->w[i] = ~m->w[i];
    }
    m->words = 0;
    return 0;
}

static void short_message(uint32_t pd)
{
    struct service *s = service_create(pd, 0, serve_short, NULL, BH_SELECTOR_NONE);
    for (uint64_t round = 0; round < 10; round++) {
        struct bh_msg m = {{round, 2, 3, 4, PATTERN}, 99};
        must(bh_call(s->pt, 0, 0, &m), "call");
        expect(m.w[0] == ~round && m.w[3] == ~4ull && m.w[4] == ~PATTERN, "words %lx %lx %lx",
               m.w[0], m.w[3], m.w[4]);
        expect_equal(m.words, 0, "UTCB words of the reply");
    }
    expect_equal(s->count, 10, "messages at the handler");
}

static void short_here(void)
{
    short_message(BH_SEL_PD);
}

static void short_across(void)
{
    short_message(domain_create(DOMAIN_QUOTA));
}

/* Adds 1 to each word; the reply has as many. What lies behind must not be touched. */
static uint64_t serve_long(struct service *s, struct bh_msg *m)
{
    uint64_t *data = ((struct bh_utcb *)s->argument)->data;
    m->w[0] = m->words;
    for (uint64_t i = 0; i < m->words; i++) {
        data[i]++;
    }
    for (uint64_t i = m->words; i < BH_UTCB_WORDS; i++) {
        m->w[1] += data[i] != 0;
    }
    return 0;
}

static void long_message(uint32_t pd)
{
    static const uint64_t sizes[] = {0, 1, WORDS_256, WORDS_2K, BH_UTCB_WORDS};
    struct service *s = service_create(pd, 0, serve_long, NULL, BH_SELECTOR_NONE);
    s->argument = service_utcb(s);
    uint64_t *data = my_utcb()->data;
    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        for (uint64_t i = 0; i < BH_UTCB_WORDS; i++) {
            data[i] = PATTERN + i;
        }
        struct bh_msg m = {{0}, 0};
        must(bh_call(s->pt, 0, sizes[k], &m), "call");
        expect(m.w[0] == sizes[k] && m.words == sizes[k], "%lu words arrived, %lu came back",
               m.w[0], m.words);
        expect_equal(m.w[1], 0, "words that were not sent but arrived");
        for (uint64_t i = 0; i < BH_UTCB_WORDS; i++) {
            uint64_t want = PATTERN + i + (i < sizes[k] ? 1 : 0);
            expect(data[i] == want, "of %lu: word %lu is %lx", sizes[k], i, data[i]);
        }
    }
}

static void long_here(void)
{
    long_message(BH_SEL_PD);
}

static void long_across(void)
{
    long_message(domain_create(DOMAIN_QUOTA));
}

static void too_long(void)
{
    struct service *s = service_create(BH_SEL_PD, 0, serve_short, NULL, BH_SELECTOR_NONE);
    struct bh_msg m = {{1, 2, 3, 4, 5}, 0};
    expect_status(bh_call(s->pt, 0, BH_UTCB_WORDS + 1, &m), BH_ERR_PARAMETER, "505 words");
    expect_status(bh_call(s->pt, 0, 0xFFFF, &m), BH_ERR_PARAMETER, "65535 words");
    expect_equal(s->count, 0, "messages at the handler");
}

static void registers_kept(void)
{
    struct service *s = service_create(BH_SEL_PD, 0, serve_short, NULL, BH_SELECTOR_NONE);
    uint64_t descriptor = bh_descriptor(BH_CALL_CALL, 0, 0, s->pt);
    expect_equal(call_preserves(descriptor), 0, "registers changed by a call");
    expect_equal(call_preserves(BH_CALL_NULL), 0, "registers changed by null");
    expect_equal(s->count, 1, "messages at the handler");
}

/* The handler receives into its window and reports the outcome; or sends from there. */
struct exchange {
    struct bh_transfer window, send;
    bool reply_transfers;
    struct bh_transfer seen;
    struct bh_utcb *utcb;
};

static uint64_t serve_exchange(struct service *s, struct bh_msg *m)
{
    struct exchange *x = s->argument;
    x->seen = x->utcb->window;
    x->utcb->send = x->send;
    x->utcb->window = x->window;
    m->words = 0;
    return x->reply_transfers ? BH_FLAG_TRANSFER : 0;
}

static struct exchange exchange;

static struct service *exchange_create(uint32_t pd)
{
    exchange = (struct exchange){0};
    struct service *s = service_create(pd, 0, serve_exchange, &exchange, BH_SELECTOR_NONE);
    exchange.utcb = at(s->utcb);
    return s;
}

/* The first call makes the handler open its window. */
static enum bh_status pass(struct service *s, struct bh_transfer send, struct bh_transfer window)
{
    exchange.window = window;
    must(service_call(s), "call");
    my_utcb()->send = send;
    struct bh_msg m = {{0}, 0};
    return bh_call(s->pt, BH_FLAG_TRANSFER, 0, &m);
}

static void transfer_pages(void)
{
    uint64_t page = page_of(ram(4, 1));
    uint64_t to = free_page();
    struct service *s = exchange_create(BH_SEL_PD);
    uint32_t rw = BH_MEM_R | BH_MEM_W;
    struct bh_transfer send = {BH_SPACE_MEM, rw, 4, BH_ERR_BUSY, page};
    struct bh_transfer window = {BH_SPACE_MEM, BH_MEM_R, 2, BH_ERR_BUSY, to};
    must(pass(s, send, window), "call");
    expect_status(exchange.seen.status, BH_OK, "outcome at the receiver");
    expect_equal(exchange.seen.count, 2, "pages received: the smaller count");
    expect_equal(probe_read((to + 1) << PAGE_SHIFT), 0, "read of what was received");
    expect_equal(probe_write((to + 1) << PAGE_SHIFT, 1), 1, "write: the window allows only R");
    expect_equal(probe_read((to + 2) << PAGE_SHIFT), 1, "read behind the window");
    must(pass(s, send, window), "call");
    expect_status(exchange.seen.status, BH_ERR_OCCUPIED, "the same again");
    window.count = 0;
    must(pass(s, send, window), "call");
    expect(exchange.seen.status != BH_OK && exchange.seen.count == 0, "closed window: status %u",
           exchange.seen.status);
    window = (struct bh_transfer){BH_SPACE_OBJ, BH_RIGHTS_ALL, 4, 0, sel_range(4)};
    must(pass(s, send, window), "call");
    expect_status(exchange.seen.status, BH_ERR_PARAMETER, "window for another space");
    send.base = to + 64;
    window = (struct bh_transfer){BH_SPACE_MEM, rw, 4, 0, to + 128};
    must(pass(s, send, window), "call");
    expect_status(exchange.seen.status, BH_ERR_NOT_HELD, "not held by the sender");
    must(bh_revoke(BH_SPACE_MEM, page, 4, 0), "revoke");
    expect_equal(probe_read((to + 1) << PAGE_SHIFT), 1, "read after revocation");
}

static void transfer_caps(void)
{
    uint32_t pd = domain_create(DOMAIN_QUOTA);
    struct service *s = exchange_create(pd);
    uint32_t sm = sel_range(3);
    must(bh_create_sm(sm, 0), "create_sm");
    must(bh_create_sm(sm + 1, 0), "create_sm");
    struct bh_transfer send = {BH_SPACE_OBJ, BH_SM_UP, 2, BH_ERR_BUSY, sm};
    struct bh_transfer window = {BH_SPACE_OBJ, BH_RIGHTS_ALL, 8, BH_ERR_BUSY, DOMAIN_FREE};
    must(pass(s, send, window), "call");
    expect_status(exchange.seen.status, BH_OK, "outcome at the receiver");
    expect_equal(exchange.seen.count, 2, "capabilities received");
    /* The reply brings the second of them back. */
    exchange.reply_transfers = true;
    exchange.send = (struct bh_transfer){BH_SPACE_OBJ, BH_RIGHTS_ALL, 1, 0, DOMAIN_FREE + 1};
    my_utcb()->window = (struct bh_transfer){BH_SPACE_OBJ, BH_RIGHTS_ALL, 1, BH_ERR_BUSY, sm + 2};
    must(service_call(s), "call");
    expect_status(my_utcb()->window.status, BH_OK, "outcome at the caller");
    expect_status(bh_sm_up(sm + 2), BH_OK, "up by what came back");
    expect_status(bh_sm_down(sm + 2, 0), BH_ERR_RIGHTS, "down by what came back");
    expect_status(bh_sm_down(sm + 1, 0), BH_OK, "it is the same semaphore");
}

static void transfer_ports(void)
{
    uint32_t pd = domain_create(DOMAIN_QUOTA);
    struct service *s = exchange_create(pd);
    struct bh_transfer item = {BH_SPACE_PIO, BH_MEM_R, 2, BH_ERR_BUSY, 0x80};
    must(pass(s, item, item), "call");
    expect_status(exchange.seen.status, BH_OK, "ports at the same numbers");
    struct bh_transfer other = item;
    other.base++;
    must(pass(s, item, other), "call");
    expect(exchange.seen.status != BH_OK, "ports at other numbers");
    item.space = BH_SPACE_GUEST;
    must(pass(s, item, item), "call");
    expect_status(exchange.seen.status, BH_ERR_PARAMETER, "guest memory");
}

static uint64_t serve_chain(struct service *s, struct bh_msg *m)
{
    struct service *next = s->argument;
    m->w[0] = next == NULL ? BH_OK : service_call(next);
    m->words = 0;
    return 0;
}

static void deadlock(void)
{
    struct service *self = service_create(BH_SEL_PD, 0, serve_chain, NULL, BH_SELECTOR_NONE);
    self->argument = self;
    struct bh_msg m = {{0}, 0};
    must(bh_call(self->pt, 0, 0, &m), "call");
    expect_status((enum bh_status)m.w[0], BH_ERR_DEADLOCK, "a handler that calls itself");
    struct service *a = service_create(BH_SEL_PD, 0, serve_chain, NULL, BH_SELECTOR_NONE);
    struct service *b = service_create(BH_SEL_PD, 0, serve_chain, a, BH_SELECTOR_NONE);
    a->argument = b;
    must(bh_call(a->pt, 0, 0, &m), "call");
    expect_status((enum bh_status)m.w[0], BH_OK, "the first");
    expect(a->count == 1 && b->count == 1, "a was called %lu times, b %lu times", a->count,
           b->count);
}

static void long_chain(void)
{
    struct service *next = NULL;
    struct service *all[CHAIN_MIN];
    for (uint32_t i = 0; i < CHAIN_MIN; i++) {
        next = service_create(BH_SEL_PD, 0, serve_chain, next, BH_SELECTOR_NONE);
        all[i] = next;
    }
    struct bh_msg m = {{0}, 0};
    must(bh_call(next->pt, 0, 0, &m), "call");
    for (uint32_t i = 0; i < CHAIN_MIN; i++) {
        expect(all[i]->count == 1, "handler %u was called %lu times", i, all[i]->count);
    }
}

/* A chain that is too long is refused, not fatal. */
static void endless_chain(void)
{
    static struct service *last;
    struct service *next = NULL;
    for (uint32_t i = 0; i < CHAIN - 4; i++) {
        next = service_create(BH_SEL_PD, 0, serve_chain, next, BH_SELECTOR_NONE);
        last = i == 0 ? next : last;
    }
    expect_status(service_call(next), BH_OK, "call");
    expect_equal(last->count, 0, "calls of the last of 36 handlers");
    expect_status(service_call(last), BH_OK, "call of the last afterwards");
}

static void cross_cpu(void)
{
    if (test_cpus() < 2) {
        skip("one CPU");
    }
    struct service *s = service_create(BH_SEL_PD, 1, serve_short, NULL, BH_SELECTOR_NONE);
    struct bh_msg m = {{0}, 0};
    expect_status(bh_call(s->pt, 0, 0, &m), BH_ERR_CPU, "call to another CPU");
    expect_status(bh_call(s->pt, BH_FLAG_NO_WAIT, 0, &m), BH_ERR_CPU, "the same with NO_WAIT");
    expect_equal(s->count, 0, "messages at the handler");
}

/* A UTCB of a new thread holds nothing of anyone's. */
static void utcb_is_clean(void)
{
    struct service *s = service_create(BH_SEL_PD, 0, serve_short, NULL, BH_SELECTOR_NONE);
    memset(service_utcb(s), 0xFF, sizeof(struct bh_utcb));
    must(bh_revoke(BH_SPACE_OBJ, s->ec, 2, 1), "destroy");
    objects_used();
    struct service *n = service_create(BH_SEL_PD, 0, serve_short, NULL, BH_SELECTOR_NONE);
    const uint64_t *w = at(n->utcb);
    for (uint32_t i = 0; i < BH_UTCB_SIZE / sizeof(uint64_t); i++) {
        expect(w[i] == 0, "word %u is %lx", i, w[i]);
    }
    expect_equal(probe_read(s->utcb), 1, "access to the UTCB of a dead thread");
}

const struct test ipc_tests[] = {
    {"short_message_in_one_domain", short_here},
    {"short_message_across_domains", short_across},
    {"long_messages_in_one_domain", long_here},
    {"long_messages_across_domains", long_across},
    {"message_of_more_than_504_words_is_refused", too_long},
    {"call_preserves_registers", registers_kept},
    {"message_transfers_pages", transfer_pages},
    {"messages_transfer_capabilities_both_ways", transfer_caps},
    {"message_transfers_ports", transfer_ports},
    {"deadlock_is_detected", deadlock},
    {"calls_nest", long_chain},
    {"too_long_chain_of_calls_is_refused", endless_chain},
    {"call_to_another_cpu_is_refused", cross_cpu},
    {"utcb_is_clean_and_goes_with_its_thread", utcb_is_clean},
    {NULL, NULL},
};
