/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System calls on ranges of capabilities: delegate, revoke, look up. Long ones work in bounded
 * steps; between two the thread's registers say what is left, and the call is made again
 * (syscall_continue).
 */
#include "hv/cap.h"
#include "hv/cpu.h"
#include "hv/mapping.h"
#include "hv/pd.h"
#include "hv/reclaim.h"
#include "hv/sc.h"
#include "hv/spaces.h"
#include "hv/syscall.h"

#define CAP_STEP          32u /* capabilities delegated in one step */
#define DESTINATION_SHIFT 8u
#define RIGHTS_SHIFT      16u
#define SELF_SHIFT        8u

static enum bh_status delegate_caps(struct ec *ec, struct pd *dst, uint64_t *done)
{
    const struct regs *r = &ec->regs;
    uint64_t count = r->r9 < CAP_STEP ? r->r9 : CAP_STEP;
    if (r->r9 == 0 || r->r9 > BH_SELECTORS || r->rax > BH_SELECTORS - r->r9 ||
        r->r8 > BH_SELECTORS - r->r9) {
        return BH_ERR_RANGE;
    }
    *done = count;
    return cap_delegate(ec->pd, r->rax, dst, r->r8, count, r->rsi >> RIGHTS_SHIFT & BH_RIGHTS_ALL);
}

static bool spaces_match(uint64_t src, uint64_t dst)
{
    return src == dst || (src == BH_SPACE_MEM && dst == BH_SPACE_GUEST);
}

/* Worst case of page tables that entering `count` pages anywhere takes. */
static uint64_t tables_for(uint64_t count)
{
    return count / 512 + count / (512 * 512) + 8;
}

static enum bh_status delegate_mapping(struct ec *ec, struct pd *dst, uint64_t *done)
{
    const struct regs *r = &ec->regs;
    uint64_t from = r->rsi & 0xFF;
    uint64_t to = r->rsi >> DESTINATION_SHIFT & 0xFF;
    if (from >= BH_SPACE_COUNT || to >= BH_SPACE_COUNT || !spaces_match(from, to)) {
        return BH_ERR_PARAMETER;
    }
    struct mapping_range range = {.src = &ec->pd->space[from],
                                  .dst = &dst->space[to],
                                  .from = r->rax,
                                  .to = r->r8,
                                  .count = r->r9,
                                  .rights = (unsigned)(r->rsi >> RIGHTS_SHIFT) &
                                            (PTAB_R | PTAB_W | PTAB_X)};
    if (from == BH_SPACE_PIO && r->rax != r->r8) {
        return BH_ERR_RANGE;
    }
    enum bh_status status = mapping_check(&range);
    if (status != BH_OK) {
        return status;
    }
    bool aligned =
        ((r->rax ^ r->r8) & 511) == 0; /* then large pages bring the need down to the edges */
    if (!ec->continued && from != BH_SPACE_PIO &&
        dst->quota.limit - dst->quota.used < (aligned ? tables_for(0) : tables_for(r->r9))) {
        return BH_ERR_QUOTA;
    }
    return mapping_delegate(&range, done);
}

enum bh_status syscall_delegate(struct ec *ec)
{
    struct regs *r = &ec->regs;
    enum bh_status status = BH_OK;
    struct pd *dst =
        (struct pd *)cap_lookup(ec->pd, syscall_selector(ec), BH_OBJ_PD, BH_PD_DELEGATE, &status);
    if (!ec->continued) {
        r->r10 = 0; /* units done in earlier steps */
    }
    if (dst == NULL) {
        r->rsi = r->r10;
        return status;
    }
    uint64_t done = 0;
    bool caps = (r->rsi & 0xFFFF) == (BH_SPACE_OBJ | BH_SPACE_OBJ << DESTINATION_SHIFT);
    spaces_lock();
    if (dst->obj.dead != 0) {
        status = BH_ERR_DEAD;
    } else {
        status = caps ? delegate_caps(ec, dst, &done) : delegate_mapping(ec, dst, &done);
    }
    spaces_unlock();
    r->r10 += status == BH_OK ? done : 0;
    if (status == BH_OK && done < r->r9) {
        r->rax += done;
        r->r8 += done;
        r->r9 -= done;
        syscall_continue(ec);
    }
    r->rsi = r->r10;
    return status;
}

/* One step; *finished when the range is done. */
static enum bh_status revoke_step(struct ec *ec, uint64_t space, bool self, bool *finished)
{
    struct regs *r = &ec->regs;
    if (space != BH_SPACE_OBJ) {
        return mapping_revoke(&ec->pd->space[space], r->rax, r->r9, self, finished);
    }
    *finished = false;
    for (unsigned n = 0; n < CAP_STEP; n++) {
        if (r->r9 == 0) {
            *finished = true;
            break;
        }
        if (!cap_revoke(ec->pd, r->rax, self)) {
            break;
        }
        r->rax++;
        r->r9--;
    }
    return BH_OK;
}

/* What the revocation has killed goes on ending; the call returns when it has ended. */
static _Noreturn void await_end(struct ec *ec)
{
    ec->continued = false;
    ec->regs.rdi = BH_OK;
    ec->cont = ec_return_sysexit;
    if (!reclaim_wait(ec)) {
        ec->blocked = true;
        sched_block(cpu_self(), ec);
    }
    ec_resume(ec);
}

static void reap(struct ec *ec)
{
    if (pd_reap()) {
        ec->cont = reap;
        sched_preemption_point(cpu_self());
        ec_resume(ec);
    }
    await_end(ec);
}

enum bh_status syscall_revoke(struct ec *ec)
{
    struct regs *r = &ec->regs;
    uint64_t space = r->rsi & 0xFF;
    if (space >= BH_SPACE_COUNT) {
        return BH_ERR_PARAMETER;
    }
    uint64_t units = space == BH_SPACE_OBJ ? BH_SELECTORS : ec->pd->space[space].units;
    if ((r->r9 == 0 && !ec->continued) || r->r9 > units || r->rax > units - r->r9) {
        return BH_ERR_RANGE;
    }
    bool finished = true;
    spaces_lock();
    enum bh_status status = revoke_step(ec, space, (r->rsi >> SELF_SHIFT & 1) != 0, &finished);
    spaces_unlock();
    cpu_kill_later(cpu_self());
    if (status != BH_OK) {
        return status;
    }
    if (ec->obj.dead != 0) {
        sched_reschedule(cpu_self());
    }
    if (!finished) {
        syscall_continue(ec);
    }
    reap(ec);
    return BH_OK;
}

enum bh_status syscall_lookup(struct ec *ec)
{
    struct regs *r = &ec->regs;
    uint64_t space = r->rsi;
    if (space >= BH_SPACE_COUNT) {
        return BH_ERR_PARAMETER;
    }
    if (r->rax >= (space == BH_SPACE_OBJ ? BH_SELECTORS : ec->pd->space[space].units)) {
        return BH_ERR_RANGE;
    }
    spaces_lock();
    if (space == BH_SPACE_OBJ) {
        const struct cap *leaf = ec->pd->caps[r->rax >> CAP_LEAF_SHIFT];
        uint64_t word = leaf != NULL ? leaf[r->rax % CAP_LEAF].word : 0;
        r->rsi = word == 0 ? BH_OBJ_NONE
                           : ((struct object *)(word & ~CAP_RIGHTS))
                                 ->type; // NOLINT(performance-no-int-to-ptr)
        r->rax = word & CAP_RIGHTS;
    } else {
        const struct mapping *m = mapping_find(&ec->pd->space[space], r->rax);
        r->rsi = m != NULL;
        r->rax = m == NULL ? 0 : m->rights & (PTAB_R | PTAB_W | PTAB_X);
    }
    spaces_unlock();
    return BH_OK;
}
