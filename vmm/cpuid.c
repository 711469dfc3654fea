/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUID policy. The table `features` is the policy: one line for each feature bit a guest may see,
 * with the condition; a bit without a line is hidden. The rest of the file fills the leaves that
 * are not feature bits: identity, caches, topology, clocks, extended state.
 */
#include "vmm/cpuid.h"

#include <stddef.h>
#include <string.h>

/* CPUID leaves that are named below */
enum {
    LEAF_VENDOR = 0x0,
    LEAF_FEATURES = 0x1,
    LEAF_DESCRIPTORS = 0x2,
    LEAF_CACHE = 0x4,
    LEAF_POWER = 0x6,
    LEAF_EXT_FEATURES = 0x7,
    LEAF_TOPOLOGY = 0xB,
    LEAF_XSAVE = 0xD,
    LEAF_TSC = 0x15,
    LEAF_FREQUENCY = 0x16
};
#define LEAF_HYPERVISOR 0x40000000u
#define LEAF_TIMING     0x40000010u
#define LEAF_EXTENDED   CPUID_EXTENDED_BASE
#define LEAF_EXT_1      0x80000001u
#define LEAF_BRAND      0x80000002u
#define LEAF_BRAND_END  0x80000004u
#define LEAF_L2         0x80000006u
#define LEAF_INVARIANT  0x80000007u
#define LEAF_ADDRESS    0x80000008u

/* how a subleaf selects a row */
enum {
    KIND_PLAIN = CPUID_PLAIN, /* it does not */
    KIND_INDEXED,             /* directly; zero beyond the last */
    KIND_TOPOLOGY,            /* directly; beyond the last: no level */
    KIND_XSAVE                /* directly; sizes depend on XCR0 */
};

/* rows of leaf 4, 7, 0xB, 0xD in cpuid_table.subleaf */
enum {
    CACHE_ROWS = 8,
    EXT_FEATURE_ROWS = 2,
    TOPOLOGY_ROWS = 2,
    XSAVE_ROWS = 8,
    CACHE_FIRST = 0,
    EXT_FEATURE_FIRST = CACHE_FIRST + CACHE_ROWS,
    TOPOLOGY_FIRST = EXT_FEATURE_FIRST + EXT_FEATURE_ROWS,
    XSAVE_FIRST = TOPOLOGY_FIRST + TOPOLOGY_ROWS
};
_Static_assert(XSAVE_FIRST + XSAVE_ROWS == CPUID_SUBLEAF_ROWS, "every row has its place");

/* SDM vol. 1, "XSAVE-Supported Features and State-Component Bitmaps" */
enum {
    XCR0_X87_SSE = 0x03,
    XCR0_AVX = 0x04,
    XCR0_AVX512 = 0xE0,
    XSAVE_LEGACY_SIZE = 512 + 64, /* legacy region and XSAVE header */
    XSAVE_FIRST_COMPONENT = 2,
    XSAVE_ALIGNMENT = 64,
    XSAVE_ALIGNED = 1 << 1 /* leaf 0xD, subleaf n, ECX */
};

#define FEATURE_OSXSAVE (1u << 27) /* of leaf 1: ECX, */
#define FEATURE_APIC    (1u << 9)  /* and EDX */
#define FEATURE_HTT     (1u << 28)

enum rule {
    RULE_HOST,     /* if the host has it */
    RULE_EMULATED, /* always: the VMM provides it */
    RULE_XSAVE,    /* if the host has it and the guest may use XSAVE */
    RULE_AVX,      /* and YMM state */
    RULE_AVX512,   /* and ZMM and opmask state */
    RULE_PCID,
    RULE_RDTSCP,
    RULE_COUNT
};

struct feature {
    uint32_t leaf;
    uint8_t subleaf, reg, bit;
    enum rule rule;
};

/*
 * Hidden, since nothing behind them works in a guest: VMX, SMX, MONITOR, EIST, TM, TM2, DS, PDCM,
 * PBE, PSN, DCA, xTPR, SGX, HLE and RTM, MPX, PQM and PQE, Intel PT, PKU, CET, LA57, WAITPKG, AMX,
 * HYBRID, performance monitoring, XSAVES, IBRS, STIBP, SSBD and IA32_ARCH_CAPABILITIES (no MSR
 * behind them).
 */
static const struct feature features[] = {
    {LEAF_FEATURES, 0, CPUID_ECX, 0, RULE_HOST},      /* SSE3 */
    {LEAF_FEATURES, 0, CPUID_ECX, 1, RULE_HOST},      /* PCLMULQDQ */
    {LEAF_FEATURES, 0, CPUID_ECX, 9, RULE_HOST},      /* SSSE3 */
    {LEAF_FEATURES, 0, CPUID_ECX, 12, RULE_AVX},      /* FMA */
    {LEAF_FEATURES, 0, CPUID_ECX, 13, RULE_HOST},     /* CMPXCHG16B */
    {LEAF_FEATURES, 0, CPUID_ECX, 17, RULE_PCID},     /* PCID */
    {LEAF_FEATURES, 0, CPUID_ECX, 19, RULE_HOST},     /* SSE4.1 */
    {LEAF_FEATURES, 0, CPUID_ECX, 20, RULE_HOST},     /* SSE4.2 */
    {LEAF_FEATURES, 0, CPUID_ECX, 21, RULE_EMULATED}, /* x2APIC */
    {LEAF_FEATURES, 0, CPUID_ECX, 22, RULE_HOST},     /* MOVBE */
    {LEAF_FEATURES, 0, CPUID_ECX, 23, RULE_HOST},     /* POPCNT */
    {LEAF_FEATURES, 0, CPUID_ECX, 24, RULE_EMULATED}, /* TSC deadline */
    {LEAF_FEATURES, 0, CPUID_ECX, 25, RULE_HOST},     /* AES */
    {LEAF_FEATURES, 0, CPUID_ECX, 26, RULE_XSAVE},    /* XSAVE */
    {LEAF_FEATURES, 0, CPUID_ECX, 28, RULE_AVX},      /* AVX */
    {LEAF_FEATURES, 0, CPUID_ECX, 29, RULE_AVX},      /* F16C */
    {LEAF_FEATURES, 0, CPUID_ECX, 30, RULE_HOST},     /* RDRAND */
    {LEAF_FEATURES, 0, CPUID_ECX, 31, RULE_EMULATED}, /* runs under a hypervisor */
    {LEAF_FEATURES, 0, CPUID_EDX, 0, RULE_HOST},      /* FPU */
    {LEAF_FEATURES, 0, CPUID_EDX, 1, RULE_HOST},      /* VME */
    {LEAF_FEATURES, 0, CPUID_EDX, 2, RULE_HOST},      /* DE */
    {LEAF_FEATURES, 0, CPUID_EDX, 3, RULE_HOST},      /* PSE */
    {LEAF_FEATURES, 0, CPUID_EDX, 4, RULE_HOST},      /* TSC */
    {LEAF_FEATURES, 0, CPUID_EDX, 5, RULE_HOST},      /* MSR */
    {LEAF_FEATURES, 0, CPUID_EDX, 6, RULE_HOST},      /* PAE */
    {LEAF_FEATURES, 0, CPUID_EDX, 7, RULE_HOST},      /* MCE: MSRs with no banks */
    {LEAF_FEATURES, 0, CPUID_EDX, 8, RULE_HOST},      /* CMPXCHG8B */
    {LEAF_FEATURES, 0, CPUID_EDX, 9, RULE_EMULATED},  /* APIC */
    {LEAF_FEATURES, 0, CPUID_EDX, 11, RULE_HOST},     /* SEP */
    {LEAF_FEATURES, 0, CPUID_EDX, 12, RULE_EMULATED}, /* MTRR: stored by msr.c */
    {LEAF_FEATURES, 0, CPUID_EDX, 13, RULE_HOST},     /* PGE */
    {LEAF_FEATURES, 0, CPUID_EDX, 14, RULE_HOST},     /* MCA: MSRs with no banks */
    {LEAF_FEATURES, 0, CPUID_EDX, 15, RULE_HOST},     /* CMOV */
    {LEAF_FEATURES, 0, CPUID_EDX, 16, RULE_HOST},     /* PAT */
    {LEAF_FEATURES, 0, CPUID_EDX, 17, RULE_HOST},     /* PSE-36 */
    {LEAF_FEATURES, 0, CPUID_EDX, 19, RULE_HOST},     /* CLFLUSH */
    {LEAF_FEATURES, 0, CPUID_EDX, 23, RULE_HOST},     /* MMX */
    {LEAF_FEATURES, 0, CPUID_EDX, 24, RULE_HOST},     /* FXSR */
    {LEAF_FEATURES, 0, CPUID_EDX, 25, RULE_HOST},     /* SSE */
    {LEAF_FEATURES, 0, CPUID_EDX, 26, RULE_HOST},     /* SSE2 */
    {LEAF_FEATURES, 0, CPUID_EDX, 27, RULE_HOST},     /* self snoop */

    {LEAF_POWER, 0, CPUID_EAX, 2, RULE_EMULATED}, /* ARAT: the emulated APIC timer never stops */

    {LEAF_EXT_FEATURES, 0, CPUID_EBX, 0, RULE_HOST},     /* FSGSBASE */
    {LEAF_EXT_FEATURES, 0, CPUID_EBX, 1, RULE_EMULATED}, /* IA32_TSC_ADJUST */
    {LEAF_EXT_FEATURES, 0, CPUID_EBX, 3, RULE_HOST},     /* BMI1 */
    {LEAF_EXT_FEATURES, 0, CPUID_EBX, 5, RULE_AVX},      /* AVX2 */
    {LEAF_EXT_FEATURES, 0, CPUID_EBX, 6, RULE_HOST},     /* FDP_EXCPTN_ONLY */
    {LEAF_EXT_FEATURES, 0, CPUID_EBX, 7, RULE_HOST},     /* SMEP */
    {LEAF_EXT_FEATURES, 0, CPUID_EBX, 8, RULE_HOST},     /* BMI2 */
    {LEAF_EXT_FEATURES, 0, CPUID_EBX, 9, RULE_HOST},     /* ERMS */
    {LEAF_EXT_FEATURES, 0, CPUID_EBX, 10, RULE_PCID},    /* INVPCID */
    {LEAF_EXT_FEATURES, 0, CPUID_EBX, 13, RULE_HOST},    /* FPU CS and DS deprecated */
    {LEAF_EXT_FEATURES, 0, CPUID_EBX, 16, RULE_AVX512},  /* AVX512F */
    {LEAF_EXT_FEATURES, 0, CPUID_EBX, 17, RULE_AVX512},  /* AVX512DQ */
    {LEAF_EXT_FEATURES, 0, CPUID_EBX, 18, RULE_HOST},    /* RDSEED */
    {LEAF_EXT_FEATURES, 0, CPUID_EBX, 19, RULE_HOST},    /* ADX */
    {LEAF_EXT_FEATURES, 0, CPUID_EBX, 20, RULE_HOST},    /* SMAP */
    {LEAF_EXT_FEATURES, 0, CPUID_EBX, 21, RULE_AVX512},  /* AVX512_IFMA */
    {LEAF_EXT_FEATURES, 0, CPUID_EBX, 23, RULE_HOST},    /* CLFLUSHOPT */
    {LEAF_EXT_FEATURES, 0, CPUID_EBX, 24, RULE_HOST},    /* CLWB */
    {LEAF_EXT_FEATURES, 0, CPUID_EBX, 26, RULE_AVX512},  /* AVX512PF */
    {LEAF_EXT_FEATURES, 0, CPUID_EBX, 27, RULE_AVX512},  /* AVX512ER */
    {LEAF_EXT_FEATURES, 0, CPUID_EBX, 28, RULE_AVX512},  /* AVX512CD */
    {LEAF_EXT_FEATURES, 0, CPUID_EBX, 29, RULE_HOST},    /* SHA */
    {LEAF_EXT_FEATURES, 0, CPUID_EBX, 30, RULE_AVX512},  /* AVX512BW */
    {LEAF_EXT_FEATURES, 0, CPUID_EBX, 31, RULE_AVX512},  /* AVX512VL */
    {LEAF_EXT_FEATURES, 0, CPUID_ECX, 0, RULE_HOST},     /* PREFETCHWT1 */
    {LEAF_EXT_FEATURES, 0, CPUID_ECX, 1, RULE_AVX512},   /* AVX512_VBMI */
    {LEAF_EXT_FEATURES, 0, CPUID_ECX, 2, RULE_HOST},     /* UMIP */
    {LEAF_EXT_FEATURES, 0, CPUID_ECX, 6, RULE_AVX512},   /* AVX512_VBMI2 */
    {LEAF_EXT_FEATURES, 0, CPUID_ECX, 8, RULE_HOST},     /* GFNI */
    {LEAF_EXT_FEATURES, 0, CPUID_ECX, 9, RULE_AVX},      /* VAES */
    {LEAF_EXT_FEATURES, 0, CPUID_ECX, 10, RULE_AVX},     /* VPCLMULQDQ */
    {LEAF_EXT_FEATURES, 0, CPUID_ECX, 11, RULE_AVX512},  /* AVX512_VNNI */
    {LEAF_EXT_FEATURES, 0, CPUID_ECX, 12, RULE_AVX512},  /* AVX512_BITALG */
    {LEAF_EXT_FEATURES, 0, CPUID_ECX, 14, RULE_AVX512},  /* AVX512_VPOPCNTDQ */
    {LEAF_EXT_FEATURES, 0, CPUID_ECX, 22, RULE_RDTSCP},  /* RDPID: #UD without "enable RDTSCP" */
    {LEAF_EXT_FEATURES, 0, CPUID_ECX, 27, RULE_HOST},    /* MOVDIRI */
    {LEAF_EXT_FEATURES, 0, CPUID_ECX, 28, RULE_HOST},    /* MOVDIR64B */
    {LEAF_EXT_FEATURES, 0, CPUID_EDX, 2, RULE_AVX512},   /* AVX512_4VNNIW */
    {LEAF_EXT_FEATURES, 0, CPUID_EDX, 3, RULE_AVX512},   /* AVX512_4FMAPS */
    {LEAF_EXT_FEATURES, 0, CPUID_EDX, 4, RULE_HOST},     /* fast short REP MOV */
    {LEAF_EXT_FEATURES, 0, CPUID_EDX, 8, RULE_AVX512},   /* AVX512_VP2INTERSECT */
    {LEAF_EXT_FEATURES, 0, CPUID_EDX, 10, RULE_HOST},    /* MD_CLEAR: VERW, no MSR */
    {LEAF_EXT_FEATURES, 0, CPUID_EDX, 14, RULE_HOST},    /* SERIALIZE */
    {LEAF_EXT_FEATURES, 0, CPUID_EDX, 23, RULE_AVX512},  /* AVX512_FP16 */
    {LEAF_EXT_FEATURES, 1, CPUID_EAX, 4, RULE_AVX},      /* AVX-VNNI */
    {LEAF_EXT_FEATURES, 1, CPUID_EAX, 5, RULE_AVX512},   /* AVX512_BF16 */
    {LEAF_EXT_FEATURES, 1, CPUID_EAX, 10, RULE_HOST},    /* fast zero-length REP MOVSB */
    {LEAF_EXT_FEATURES, 1, CPUID_EAX, 11, RULE_HOST},    /* fast short REP STOSB */
    {LEAF_EXT_FEATURES, 1, CPUID_EAX, 12, RULE_HOST},    /* fast short REP CMPSB, SCASB */

    {LEAF_XSAVE, 1, CPUID_EAX, 0, RULE_XSAVE}, /* XSAVEOPT */
    {LEAF_XSAVE, 1, CPUID_EAX, 1, RULE_XSAVE}, /* XSAVEC */
    {LEAF_XSAVE, 1, CPUID_EAX, 2, RULE_XSAVE}, /* XGETBV with ECX = 1 */

    {LEAF_EXT_1, 0, CPUID_ECX, 0, RULE_HOST},    /* LAHF in 64-bit mode */
    {LEAF_EXT_1, 0, CPUID_ECX, 5, RULE_HOST},    /* LZCNT */
    {LEAF_EXT_1, 0, CPUID_ECX, 8, RULE_HOST},    /* PREFETCHW */
    {LEAF_EXT_1, 0, CPUID_EDX, 11, RULE_HOST},   /* SYSCALL */
    {LEAF_EXT_1, 0, CPUID_EDX, 20, RULE_HOST},   /* execute disable */
    {LEAF_EXT_1, 0, CPUID_EDX, 26, RULE_HOST},   /* 1 GiB pages */
    {LEAF_EXT_1, 0, CPUID_EDX, 27, RULE_RDTSCP}, /* RDTSCP */
    {LEAF_EXT_1, 0, CPUID_EDX, 29, RULE_HOST},   /* Intel 64 */
    {LEAF_INVARIANT, 0, CPUID_EDX, 8,
     RULE_EMULATED}, /* invariant TSC: the VMM's own clock is the TSC */
};

/* The host, with the last leaf of each range remembered: beyond it an answer would be that of
 * another leaf. */
struct source {
    const struct cpuid_facts *host;
    uint32_t max_basic, max_extended;
};

static void ask(const struct source *s, uint32_t leaf, uint32_t subleaf, uint32_t *out)
{
    uint32_t max = leaf >= LEAF_EXTENDED ? s->max_extended : s->max_basic;

    memset(out, 0, CPUID_REGS * sizeof *out);
    if (leaf <= max) {
        s->host->query(s->host->ctx, leaf, subleaf, out);
    }
}

static struct source open_source(const struct cpuid_facts *host)
{
    struct source s = {.host = host};
    uint32_t r[CPUID_REGS];

    host->query(host->ctx, LEAF_VENDOR, 0, r);
    s.max_basic = r[CPUID_EAX];
    host->query(host->ctx, LEAF_EXTENDED, 0, r);
    s.max_extended = r[CPUID_EAX] >= LEAF_EXTENDED ? r[CPUID_EAX] : 0;
    return s;
}

/* The row of a leaf that stands in the policy table or is filled below. */
static struct cpuid_row *row_of(struct cpuid_table *t, uint32_t leaf, uint32_t subleaf)
{
    if (leaf < CPUID_BASIC_LEAVES) {
        return t->leaf[leaf].count ? &t->subleaf[t->leaf[leaf].first + subleaf] : &t->basic[leaf];
    }
    return &t->extended[leaf - LEAF_EXTENDED];
}

static void init_features(struct cpuid_table *t, const struct source *s, const struct cpuid_vm *vm)
{
    const bool granted[RULE_COUNT] = {
        [RULE_HOST] = true,
        [RULE_EMULATED] = true,
        [RULE_XSAVE] = t->xcr0 != 0,
        [RULE_AVX] = (t->xcr0 & XCR0_AVX) != 0,
        [RULE_AVX512] = (t->xcr0 & XCR0_AVX512) != 0,
        [RULE_PCID] = vm->pcid,
        [RULE_RDTSCP] = vm->rdtscp,
    };
    uint32_t host[CPUID_REGS] = {0};
    uint32_t leaf = 0, subleaf = UINT32_MAX;

    for (size_t i = 0; i < sizeof features / sizeof features[0]; i++) {
        const struct feature *f = &features[i];
        if (f->leaf != leaf || f->subleaf != subleaf) {
            leaf = f->leaf;
            subleaf = f->subleaf;
            ask(s, leaf, subleaf, host);
        }
        bool has = f->rule == RULE_EMULATED || (host[f->reg] >> f->bit & 1);
        if (has && granted[f->rule]) {
            row_of(t, leaf, subleaf)->reg[f->reg] |= 1u << f->bit;
        }
    }
}

/* Identity as the host gives it; highest leaves are our own. */
static void init_identity(struct cpuid_table *t, const struct source *s)
{
    uint32_t r[CPUID_REGS];

    ask(s, LEAF_VENDOR, 0, t->basic[LEAF_VENDOR].reg);
    t->basic[LEAF_VENDOR].reg[CPUID_EAX] = CPUID_MAX_BASIC;
    ask(s, LEAF_FEATURES, 0, r);
    t->basic[LEAF_FEATURES].reg[CPUID_EAX] = r[CPUID_EAX];
    t->basic[LEAF_FEATURES].reg[CPUID_EBX] = r[CPUID_EBX] & 0xFFFF; /* brand index, CLFLUSH size */
    ask(s, LEAF_DESCRIPTORS, 0, t->basic[LEAF_DESCRIPTORS].reg);
    t->extended[0].reg[CPUID_EAX] = LEAF_EXTENDED + CPUID_EXTENDED_LEAVES - 1;
    for (uint32_t leaf = LEAF_BRAND; leaf <= LEAF_BRAND_END; leaf++) {
        ask(s, leaf, 0, row_of(t, leaf, 0)->reg);
    }
    ask(s, LEAF_L2, 0, r);
    row_of(t, LEAF_L2, 0)->reg[CPUID_ECX] = r[CPUID_ECX];
    ask(s, LEAF_ADDRESS, 0, r);
    const uint32_t default_physical = 36, linear = 48; /* LA57 is hidden */
    uint32_t physical = r[CPUID_EAX] & 0xFF;
    row_of(t, LEAF_ADDRESS, 0)->reg[CPUID_EAX] =
        (physical ? physical : default_physical) | linear << 8;
}

/* Smallest power of two that is not below n, and its logarithm. */
static unsigned log2_up(unsigned n)
{
    unsigned shift = 0;

    while ((1u << shift) < n) {
        shift++;
    }
    return shift;
}

/* "Initial EAX = 04H": the host's caches; up to level 2 private to a CPU, beyond shared by all of
 * the VM. */
static void init_caches(struct cpuid_table *t, const struct source *s, unsigned ids)
{
    const unsigned type_mask = 0x1F, keep = 0x3FFF, sharing_shift = 14, cores_shift = 26;
    const unsigned level_shift = 5, level_mask = 7, shared_level = 3;

    for (unsigned i = 0; i < CACHE_ROWS; i++) {
        uint32_t *r = t->subleaf[CACHE_FIRST + i].reg;
        ask(s, LEAF_CACHE, i, r);
        if ((r[CPUID_EAX] & type_mask) == 0) {
            memset(r, 0, sizeof t->subleaf[0].reg);
            break;
        }
        unsigned level = r[CPUID_EAX] >> level_shift & level_mask;
        unsigned sharing = level >= shared_level ? ids - 1 : 0;
        r[CPUID_EAX] = (r[CPUID_EAX] & keep) | sharing << sharing_shift | (ids - 1) << cores_shift;
    }
    t->leaf[LEAF_CACHE] =
        (struct cpuid_leaf){.kind = KIND_INDEXED, .first = CACHE_FIRST, .count = CACHE_ROWS};
}

/* Leaves 1 and 0BH: one package of single-threaded cores. */
static void init_topology(struct cpuid_table *t, const struct cpuid_vm *vm, unsigned shift)
{
    const uint32_t smt_level = 1 << 8, core_level = 2 << 8;
    uint32_t *features_row = t->basic[LEAF_FEATURES].reg;

    features_row[CPUID_EBX] |= (1u << shift) << 16 | vm->cpu << 24;
    if (vm->cpus > 1) {
        features_row[CPUID_EDX] |= FEATURE_HTT;
    }
    t->subleaf[TOPOLOGY_FIRST].reg[CPUID_EBX] = 1;
    t->subleaf[TOPOLOGY_FIRST].reg[CPUID_ECX] = smt_level;
    t->subleaf[TOPOLOGY_FIRST].reg[CPUID_EDX] = vm->cpu;
    t->subleaf[TOPOLOGY_FIRST + 1].reg[CPUID_EAX] = shift;
    t->subleaf[TOPOLOGY_FIRST + 1].reg[CPUID_EBX] = vm->cpus;
    t->subleaf[TOPOLOGY_FIRST + 1].reg[CPUID_ECX] = 1 | core_level;
    t->subleaf[TOPOLOGY_FIRST + 1].reg[CPUID_EDX] = vm->cpu;
}

/* Leaf 0DH for the components in t->xcr0, all of them user state. EBX of subleaves 0 and 1 is found
 * when asked. */
static void init_xsave(struct cpuid_table *t, const struct source *s)
{
    uint32_t max_size = XSAVE_LEGACY_SIZE;

    if (t->xcr0 == 0) {
        return;
    }
    for (unsigned i = XSAVE_FIRST_COMPONENT; i < XSAVE_ROWS; i++) {
        uint32_t *r = t->subleaf[XSAVE_FIRST + i].reg;
        if (!(t->xcr0 >> i & 1)) {
            continue;
        }
        ask(s, LEAF_XSAVE, i, r);
        r[CPUID_ECX] &= XSAVE_ALIGNED;
        r[CPUID_EDX] = 0;
        if (r[CPUID_EAX] + r[CPUID_EBX] > max_size) {
            max_size = r[CPUID_EAX] + r[CPUID_EBX];
        }
    }
    t->subleaf[XSAVE_FIRST].reg[CPUID_EAX] = (uint32_t)t->xcr0;
    t->subleaf[XSAVE_FIRST].reg[CPUID_ECX] = max_size;
}

/* Components that host and kernel both have and that guests get: x87, SSE, AVX, AVX-512; complete
 * sets only. */
static uint64_t usable_xcr0(const struct source *s, uint64_t offered)
{
    const uint32_t xsave = 1u << 26;
    uint32_t r[CPUID_REGS];

    ask(s, LEAF_FEATURES, 0, r);
    if (!(r[CPUID_ECX] & xsave)) {
        return 0;
    }
    ask(s, LEAF_XSAVE, 0, r);
    uint64_t xcr0 = offered & r[CPUID_EAX] & (XCR0_X87_SSE | XCR0_AVX | XCR0_AVX512);
    if ((xcr0 & XCR0_X87_SSE) != XCR0_X87_SSE) {
        return 0;
    }
    if ((xcr0 & XCR0_AVX512) != XCR0_AVX512 || !(xcr0 & XCR0_AVX)) {
        xcr0 &= ~(uint64_t)XCR0_AVX512;
    }
    return xcr0;
}

/* Leaves 15H and 16H, and 40000010H as VMware defined it (kHz). */
static void init_clocks(struct cpuid_table *t, const struct cpuid_vm *vm)
{
    const uint64_t khz = 1000, mhz = 1000000;
    uint32_t *tsc = t->basic[LEAF_TSC].reg;
    uint32_t *frequency = t->basic[LEAF_FREQUENCY].reg;
    uint32_t *timing = t->hypervisor[LEAF_TIMING - LEAF_HYPERVISOR].reg;

    if (vm->apic_hz != 0 && vm->apic_hz <= UINT32_MAX && vm->tsc_hz % vm->apic_hz == 0 &&
        vm->tsc_hz / khz <= UINT32_MAX) {
        tsc[CPUID_EAX] = 1;
        tsc[CPUID_EBX] = (uint32_t)(vm->tsc_hz / vm->apic_hz);
        tsc[CPUID_ECX] = (uint32_t)vm->apic_hz;
    }
    frequency[CPUID_EAX] = (uint32_t)(vm->tsc_hz / mhz);
    frequency[CPUID_EBX] = (uint32_t)(vm->tsc_hz / mhz);
    frequency[CPUID_ECX] = (uint32_t)(vm->apic_hz / mhz);
    timing[CPUID_EAX] = (uint32_t)(vm->tsc_hz / khz);
    timing[CPUID_EBX] = (uint32_t)(vm->apic_hz / khz);
}

static void init_hypervisor(struct cpuid_table *t)
{
    static const char signature[] = "BulkheadBulk";
    uint32_t *r = t->hypervisor[0].reg;

    r[CPUID_EAX] = LEAF_TIMING;
    memcpy(&r[CPUID_EBX], signature, 3 * sizeof *r);
}

void cpuid_init(struct cpuid_table *table, const struct cpuid_facts *host,
                const struct cpuid_vm *vm)
{
    struct source s = open_source(host);
    unsigned shift = log2_up(vm->cpus);

    memset(table, 0, sizeof *table);
    table->apic_id = vm->cpu;
    table->xcr0 = usable_xcr0(&s, vm->xcr0);
    table->leaf[LEAF_EXT_FEATURES] = (struct cpuid_leaf){
        .kind = KIND_INDEXED, .first = EXT_FEATURE_FIRST, .count = EXT_FEATURE_ROWS};
    table->leaf[LEAF_TOPOLOGY] =
        (struct cpuid_leaf){.kind = KIND_TOPOLOGY, .first = TOPOLOGY_FIRST, .count = TOPOLOGY_ROWS};
    table->leaf[LEAF_XSAVE] =
        (struct cpuid_leaf){.kind = KIND_XSAVE, .first = XSAVE_FIRST, .count = XSAVE_ROWS};
    init_identity(table, &s);
    init_features(table, &s, vm);
    init_caches(table, &s, 1u << shift);
    init_topology(table, vm, shift);
    init_xsave(table, &s);
    init_clocks(table, vm);
    init_hypervisor(table);
    /* Subleaf 1 of leaf 7 counts only if it says something. */
    table->subleaf[EXT_FEATURE_FIRST].reg[CPUID_EAX] =
        table->subleaf[EXT_FEATURE_FIRST + 1].reg[CPUID_EAX] != 0;
}

/* Size of an XSAVE area that holds the components in xcr0, in standard or compacted form. */
static uint32_t xsave_size(const struct cpuid_table *t, uint64_t xcr0, bool compacted)
{
    uint32_t size = XSAVE_LEGACY_SIZE;

    for (unsigned i = XSAVE_FIRST_COMPONENT; i < XSAVE_ROWS; i++) {
        const uint32_t *r = t->subleaf[XSAVE_FIRST + i].reg;
        if (!(xcr0 & t->xcr0 & 1u << i)) {
            continue;
        }
        if (!compacted) {
            uint32_t end = r[CPUID_EBX] + r[CPUID_EAX];
            size = end > size ? end : size;
            continue;
        }
        if (r[CPUID_ECX] & XSAVE_ALIGNED) {
            size = (size + XSAVE_ALIGNMENT - 1) & ~(uint32_t)(XSAVE_ALIGNMENT - 1);
        }
        size += r[CPUID_EAX];
    }
    return size;
}

/* Leaves whose answer depends on the subleaf or on the guest's registers. */
static void query_special(const struct cpuid_table *t, uint32_t leaf, uint32_t subleaf,
                          uint64_t xcr0, uint32_t *out)
{
    const struct cpuid_leaf *l = &t->leaf[leaf];

    if (subleaf < l->count) {
        memcpy(out, t->subleaf[l->first + subleaf].reg, sizeof t->subleaf[0].reg);
    } else {
        memset(out, 0, sizeof t->subleaf[0].reg);
        if (l->kind == KIND_TOPOLOGY) {
            out[CPUID_ECX] = subleaf & 0xFF;
            out[CPUID_EDX] = t->apic_id;
        }
    }
    if (l->kind == KIND_XSAVE && t->xcr0 != 0 && subleaf < XSAVE_FIRST_COMPONENT) {
        out[CPUID_EBX] = xsave_size(t, xcr0, subleaf == 1);
    }
}

void cpuid_query(const struct cpuid_table *table, uint32_t leaf, uint32_t subleaf, uint64_t xcr0,
                 uint32_t *out)
{
    const struct cpuid_row *row = &table->basic[CPUID_MAX_BASIC];

    if (leaf <= CPUID_MAX_BASIC) {
        if (table->leaf[leaf].kind != KIND_PLAIN) {
            query_special(table, leaf, subleaf, xcr0, out);
            return;
        }
        row = &table->basic[leaf];
    } else if (leaf - LEAF_EXTENDED < CPUID_EXTENDED_LEAVES) {
        row = &table->extended[leaf - LEAF_EXTENDED];
    } else if (leaf - LEAF_HYPERVISOR < CPUID_HYPERVISOR_LEAVES) {
        row = &table->hypervisor[leaf - LEAF_HYPERVISOR];
    }
    memcpy(out, row->reg, sizeof row->reg);
}

static void show(uint32_t *reg, uint32_t bit, bool set)
{
    *reg = set ? *reg | bit : *reg & ~bit;
}

void cpuid_show_osxsave(struct cpuid_table *table, bool set)
{
    show(&table->basic[LEAF_FEATURES].reg[CPUID_ECX], FEATURE_OSXSAVE, set);
}

void cpuid_show_apic(struct cpuid_table *table, bool set)
{
    show(&table->basic[LEAF_FEATURES].reg[CPUID_EDX], FEATURE_APIC, set);
}
