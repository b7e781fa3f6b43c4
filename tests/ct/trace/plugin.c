/* SPDX-License-Identifier: Apache-2.0
 * A QEMU plugin that hashes what an attacker on the same machine could observe of a traced program:
 * the address of every instruction executed and of every byte range read or written. tools/ct-trace
 * compares the hashes of runs that differ in their secrets only.
 *
 * usage: qemu-arm -plugin plugin.so,begin=0xADDR,end=0xADDR PROGRAM. The hash starts afresh when the
 * instruction at `begin` runs and is printed to stderr when the one at `end` does.
 *
 * QEMU's plugin interface, version 1 (QEMU 7.2, docs/devel/tcg-plugins); Debian ships no header. */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint32_t meminfo;
enum { CB_NO_REGS = 0, MEM_RW = 3 };
void qemu_plugin_register_vcpu_tb_trans_cb(
    uint64_t id, void (*cb)(uint64_t, struct qemu_plugin_tb *));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_cb(
    struct qemu_plugin_insn *insn, void (*cb)(unsigned, void *), int flags, void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
    void (*cb)(unsigned, meminfo, uint64_t, void *), int flags, int rw, void *data);
unsigned qemu_plugin_mem_size_shift(meminfo info);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

static uint64_t begin_at, end_at;
static uint64_t hash, instructions, accesses;

/* FNV-1a over 64-bit words: a difference in one event changes everything after it. */
static void mix(uint64_t v)
{
    hash = (hash ^ v) * 0x100000001b3u;
    hash ^= hash >> 29;
}

static void on_insn(unsigned cpu, void *data)
{
    uint64_t at = (uint64_t)(uintptr_t)data;
    (void)cpu;
    if (at == begin_at) {
        hash = 0xcbf29ce484222325u;
        instructions = 0;
        accesses = 0;
    }
    if (at == end_at) {
        (void)fprintf(
            stderr, "trace %016" PRIx64 " %" PRIu64 " %" PRIu64 "\n", hash, instructions, accesses);
    }
    mix(at);
    instructions++;
}

static void on_access(unsigned cpu, meminfo info, uint64_t at, void *data)
{
    (void)cpu;
    (void)data;
    mix(at << 3 | qemu_plugin_mem_size_shift(info));
    accesses++;
}

static void on_block(uint64_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        void *at = (void *)(uintptr_t)qemu_plugin_insn_vaddr(insn);
        qemu_plugin_register_vcpu_insn_exec_cb(insn, on_insn, CB_NO_REGS, at);
        qemu_plugin_register_vcpu_mem_cb(insn, on_access, CB_NO_REGS, MEM_RW, NULL);
    }
}

__attribute__((visibility("default"))) int qemu_plugin_install(
    uint64_t id, const void *info, int argc, char **argv);
int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "begin=", 6) == 0) {
            begin_at = strtoull(argv[i] + 6, NULL, 0);
        } else if (strncmp(argv[i], "end=", 4) == 0) {
            end_at = strtoull(argv[i] + 4, NULL, 0);
        }
    }
    if (begin_at == 0 || end_at == 0) {
        (void)fputs("trace plugin: begin= and end= are needed\n", stderr);
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_block);
    return 0;
}
