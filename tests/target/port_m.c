/* SPDX-License-Identifier: Apache-2.0
 * Cortex-M under QEMU, without a C library: start-up, memory protection, semihosting, instruction
 * counts from a timer whose clock is the number of instructions (-icount), stack use by painting.
 * Board: TIMER_AT is the CMSDK timer 0; MPU_V7 where the MPU is that of Armv7-M. */
#include "target.h"

extern uint8_t tgt_stack_low[], tgt_stack_top[], tgt_bss_low[], tgt_bss_top[]; /* device.ld */
extern uint8_t tgt_arena_low[], tgt_ram_low[], tgt_ram_top[], tgt_flash_low[];

void tgt_reset(void);
void tgt_start(void);
void tgt_fault(uint32_t number);
int tgt_main(int argc, char **argv);

#define PAINT 0xA5A5A5A5u

static volatile uint32_t *reg(uintptr_t address)
{
    return (volatile uint32_t *)address;
}

/* ---- semihosting (Arm IHI "Semihosting for AArch32 and AArch64") ---------------------------- */

enum {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITE0 = 0x04,
    SYS_READ = 0x06,
    SYS_GET_CMDLINE = 0x15,
    SYS_EXIT_EXTENDED = 0x20
};

static uint32_t semihost(uint32_t op, const void *block)
{
    register uint32_t r0 __asm__("r0") = op;
    register const void *r1 __asm__("r1") = block;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void tgt_puts(const char *text)
{
    (void)semihost(SYS_WRITE0, text);
}

void tgt_exit(int code)
{
    const uint32_t block[2] = {0x20026u, (uint32_t)code}; /* ADP_Stopped_ApplicationExit */
    (void)semihost(SYS_EXIT_EXTENDED, block);
    for (;;) {
    }
}

static uint32_t file;

bool tgt_open(const char *path)
{
    const uint32_t block[3] = {(uint32_t)path, 1u /* "rb" */, (uint32_t)tgt_text_len(path)};
    file = semihost(SYS_OPEN, block);
    return file != UINT32_MAX;
}

size_t tgt_read(void *out, size_t room)
{
    const uint32_t block[3] = {file, (uint32_t)out, (uint32_t)room};
    return room - semihost(SYS_READ, block); /* the answer is the number of bytes not read */
}

void tgt_close(void)
{
    (void)semihost(SYS_CLOSE, &file);
}

/* ---- start-up ----------------------------------------------------------------------------- */

pqi_span tgt_memory(void)
{
    return (pqi_span){tgt_arena_low, (size_t)(tgt_ram_top - tgt_arena_low)};
}

#if defined(MPU_V7)
/* Armv7-M ARM B3.5: nothing but these three regions may be touched, also by privileged code.
 * RASR: XN bit 28, AP bits 26..24 (3 read-write, 6 read-only), TEX/S/C/B, size 2^(n+1), enable. */
static void protect(void)
{
    const uint32_t ram_bits = DEVICE_RAM_BITS, flash_bits = 16u; /* 128 KB */
    *reg(0xE000ED98u) = 0;
    *reg(0xE000ED9Cu) = (uint32_t)tgt_flash_low;
    *reg(0xE000EDA0u) = 6u << 24 | 2u << 16 | flash_bits << 1 | 1u;
    *reg(0xE000ED98u) = 1;
    *reg(0xE000ED9Cu) = (uint32_t)tgt_ram_low;
    *reg(0xE000EDA0u) = 1u << 28 | 3u << 24 | 6u << 16 | ram_bits << 1 | 1u;
    *reg(0xE000ED98u) = 2;
    *reg(0xE000ED9Cu) = 0x40000000u;
    *reg(0xE000EDA0u) = 1u << 28 | 3u << 24 | 5u << 16 | 28u << 1 | 1u; /* 512 MB of devices */
    *reg(0xE000ED24u) |= 7u << 16; /* SHCSR: memory, bus and usage faults have their own handler */
    *reg(0xE000ED94u) = 1u;        /* MPU_CTRL: on, no default map */
    __asm__ volatile("dsb\n isb" ::: "memory");
}
#else
static void protect(void)
{
}
#endif

/* Splits the command line in place. */
static int words(char *line, char **argv, int most)
{
    int argc = 0;
    while (*line != 0 && argc < most) {
        while (*line == ' ') {
            *line++ = 0;
        }
        if (*line != 0) {
            argv[argc++] = line;
        }
        while (*line != 0 && *line != ' ') {
            line++;
        }
    }
    return argc;
}

static void start_timer(void)
{
    *reg(TIMER_AT + 8u) = UINT32_MAX; /* RELOAD */
    *reg(TIMER_AT + 4u) = UINT32_MAX; /* VALUE */
    *reg(TIMER_AT + 0u) = 1u;         /* CTRL: count */
}

__attribute__((used)) void tgt_start(void)
{
    static char line[256];
    static char *argv[8];
    for (uint8_t *p = tgt_bss_low; p < tgt_bss_top; p += 4) {
        *(volatile uint32_t *)(void *)p = 0;
    }
    protect();
    start_timer();
    const uint32_t block[2] = {(uint32_t)line, sizeof line};
    (void)semihost(SYS_GET_CMDLINE, block);
    tgt_exit(tgt_main(words(line, argv, 8), argv));
}

/* Thread mode runs on the process stack at the bottom of the RAM. Handlers have one of their own,
 * so that a stack that left the RAM can still be reported. */
static uint64_t handler_stack[64];

__attribute__((naked, used)) void tgt_reset(void)
{
    __asm__ volatile("ldr r0, =tgt_stack_top\n"
                     "msr psp, r0\n"
                     "movs r0, #2\n"
                     "msr control, r0\n"
                     "isb\n"
                     "bl tgt_start\n"
                     ".ltorg\n");
}

static void hex(uint32_t v)
{
    char text[9];
    for (unsigned i = 0; i < 8; i++) {
        text[i] = "0123456789abcdef"[v >> (28u - 4u * i) & 15u];
    }
    text[8] = 0;
    tgt_puts(text);
}

__attribute__((used)) void tgt_fault(uint32_t number)
{
    static const char *const names[] = {
        "?", "reset", "NMI", "HardFault", "MemManage", "BusFault", "UsageFault"};
    const uint32_t vector = number & 0x1FFu;
    tgt_puts("fault ");
    tgt_puts(vector < sizeof names / sizeof names[0] ? names[vector] : "other");
    tgt_puts(" cfsr ");
    hex(*reg(0xE000ED28u));
    tgt_puts(" mmfar ");
    hex(*reg(0xE000ED34u));
    tgt_puts("\n");
    tgt_exit(9);
}

__attribute__((naked, used)) static void on_fault(void)
{
    __asm__ volatile("mrs r0, ipsr\n"
                     "bl tgt_fault\n");
}

struct vectors {
    const void *stack;
    void (*entry[15])(void);
};
extern const struct vectors tgt_vector_table;
__attribute__((section(".vectors"), used))
const struct vectors tgt_vector_table = {handler_stack + 64,
    {tgt_reset, on_fault, on_fault, on_fault, on_fault, on_fault, on_fault, on_fault, on_fault,
        on_fault, on_fault, on_fault, on_fault, on_fault, on_fault}};

/* ---- measuring ---------------------------------------------------------------------------- */

/* With -icount shift=6 an instruction takes 64 ns and a tick of the 25 MHz timer 40 ns, so 5
 * instructions are exactly 8 ticks, and only 5 of the 8 phases occur. Every measurement starts at
 * the phase of the first one: then the ticks tell the number of instructions exactly. The loop is
 * not 5 instructions long, so that each phase comes by. */
static uint32_t same_phase(void)
{
    static uint32_t known, phase;
    if (known == 0) {
        known = 1;
        phase = *reg(TIMER_AT + 4u) & 7u;
    }
    const uint32_t wanted = phase;
    uint32_t t;
    do {
        t = *reg(TIMER_AT + 4u);
    } while ((t & 7u) != wanted);
    return t;
}

static void nothing(void *arg)
{
    (void)arg;
}

static uint32_t ticks_of(void (*volatile op)(void *arg), void *arg)
{
    const uint32_t start = same_phase();
    op(arg);
    return start - *reg(TIMER_AT + 4u);
}

static uint32_t instructions(uint32_t ticks)
{
    return (uint32_t)(((uint64_t)ticks * TIMER_NS + 32u) / 64u);
}

static uint8_t *stack_pointer(void)
{
    uint8_t *sp;
    __asm__ volatile("mrs %0, psp" : "=r"(sp));
    return sp;
}

tgt_cost tgt_run(void (*op)(void *arg), void *arg)
{
    uint8_t *const here = stack_pointer();
    for (uint8_t *p = tgt_stack_low; p < here - 64; p += 4) {
        *(volatile uint32_t *)(void *)p = PAINT;
    }
    const uint32_t ticks = ticks_of(op, arg);
    const uint8_t *low = tgt_stack_low;
    while (low < here && *(const volatile uint32_t *)(const void *)low == PAINT) {
        low += 4;
    }
    const uint32_t overhead = ticks_of(nothing, NULL);
    return (tgt_cost){instructions(ticks) - instructions(overhead), (uint32_t)(here - low)};
}

/* ---- breaking the rules --------------------------------------------------------------------- */

/* Each level takes 256 bytes; the sum keeps the compiler from making a loop of it. */
static __attribute__((noinline)) uint32_t deeper(uint32_t n)
{
    volatile uint32_t room[64];
    room[n & 63u] = n;
    return n == 0 ? room[0] : deeper(n - 1u) + room[n & 63u];
}

bool tgt_misbehave(const char *how)
{
    volatile uint8_t *at = tgt_ram_top - 1;
    if (tgt_same_text(how, "past")) {
        at = tgt_ram_top;
    } else if (tgt_same_text(how, "below")) {
        at = tgt_ram_low - 1;
    } else if (tgt_same_text(how, "code")) {
        at = tgt_flash_low;
    } else if (tgt_same_text(how, "data")) {
        *(volatile uint16_t *)(void *)tgt_arena_low = 0x4770u; /* bx lr */
        ((void (*)(void))((uintptr_t)tgt_arena_low | 1u))();
        return true;
    } else if (tgt_same_text(how, "stack")) {
        return deeper(2u * (uint32_t)(tgt_stack_top - tgt_stack_low) / 256u) != 0;
    } else if (!tgt_same_text(how, "inside")) {
        return false;
    }
    *at = 1;
    return true;
}
