/* SPDX-License-Identifier: Apache-2.0
 * Live readings of this machine from /proc and /sys. */
#include "demo.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

enum { CPUS_MAX = 16 };

/* The number after `key` in a file of "key  value" lines; 0 when absent. */
static unsigned long long field(const char *path, const char *key)
{
    char line[256];
    unsigned long long v = 0;
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, key, strlen(key)) == 0) {
            v = strtoull(line + strlen(key), NULL, 10);
            break;
        }
    }
    if (f) {
        (void)fclose(f);
    }
    return v;
}

/* Share of time each CPU was busy since the last call, percent. */
static int cpu_busy(double busy[CPUS_MAX])
{
    static unsigned long long last_idle[CPUS_MAX], last_all[CPUS_MAX];
    char line[256];
    int n = 0;
    FILE *f = fopen("/proc/stat", "r");
    while (f && n < CPUS_MAX && fgets(line, sizeof line, f)) {
        if (strncmp(line, "cpu", 3) != 0 || line[3] < '0' || line[3] > '9') {
            continue;
        }
        char *p = strchr(line, ' ');
        unsigned long long all = 0, idle = 0;
        for (int i = 0; p && i < 8; i++) {
            unsigned long long v = strtoull(p, &p, 10);
            all += v;
            idle += (i == 3 || i == 4) ? v : 0;
        }
        unsigned long long da = all - last_all[n], di = idle - last_idle[n];
        busy[n] = da ? 100.0 * (double)(da - di) / (double)da : 0;
        last_all[n] = all;
        last_idle[n] = idle;
        n++;
    }
    if (f) {
        (void)fclose(f);
    }
    return n;
}

void demo_read_load(char *out, size_t cap)
{
    double load = 0, busy[CPUS_MAX];
    FILE *f = fopen("/proc/loadavg", "r");
    if (f) {
        char text[64];
        if (fgets(text, sizeof text, f)) {
            load = strtod(text, NULL);
        }
        (void)fclose(f);
    }
    unsigned long long total = field("/proc/meminfo", "MemTotal:"),
                       avail = field("/proc/meminfo", "MemAvailable:");
    int n = cpu_busy(busy);
    int used = snprintf(out, cap, "\"load1\": %.2f, \"mem_used_mb\": %llu, \"cpu_pct\": [", load,
        (total - avail) / 1024);
    for (int i = 0; i < n && used > 0 && (size_t)used < cap; i++) {
        used += snprintf(out + used, cap - (size_t)used, "%s%.0f", i ? ", " : "", busy[i]);
    }
    if (used > 0 && (size_t)used < cap) {
        (void)snprintf(out + used, cap - (size_t)used, "]");
    }
}

static void net_totals(unsigned long long *rx, unsigned long long *tx)
{
    char line[512];
    *rx = *tx = 0;
    FILE *f = fopen("/proc/net/dev", "r");
    while (f && fgets(line, sizeof line, f)) {
        char *p = strchr(line, ':');
        if (!p) {
            continue;
        }
        p++;
        for (int i = 0; i < 9; i++) {
            unsigned long long v = strtoull(p, &p, 10);
            *rx += i == 0 ? v : 0;
            *tx += i == 8 ? v : 0;
        }
    }
    if (f) {
        (void)fclose(f);
    }
}

/* Sectors of 512 bytes over whole disks (names without a partition are good enough here: all lines
 * are summed, so partitions count twice on some machines; it is a live number, not an audit). */
static void disk_totals(unsigned long long *rd, unsigned long long *wr)
{
    char line[512];
    *rd = *wr = 0;
    FILE *f = fopen("/proc/diskstats", "r");
    while (f && fgets(line, sizeof line, f)) {
        char *save = NULL, *tok = strtok_r(line, " ", &save);
        for (int i = 0; tok; i++, tok = strtok_r(NULL, " ", &save)) {
            *rd += i == 5 ? strtoull(tok, NULL, 10) : 0;
            *wr += i == 9 ? strtoull(tok, NULL, 10) : 0;
        }
    }
    if (f) {
        (void)fclose(f);
    }
}

void demo_read_io(char *out, size_t cap)
{
    struct statvfs v;
    double used = 0;
    if (statvfs("/", &v) == 0 && v.f_blocks != 0) {
        used = 100.0 * (1.0 - (double)v.f_bavail / (double)v.f_blocks);
    }
    unsigned long long rx, tx, rd, wr;
    net_totals(&rx, &tx);
    disk_totals(&rd, &wr);
    (void)snprintf(out, cap,
        "\"disk_used_pct\": %.1f, \"disk_read_mb\": %llu, \"disk_written_mb\": %llu, "
        "\"net_rx_kb\": %llu, \"net_tx_kb\": %llu",
        used, rd / 2048, wr / 2048, rx / 1024, tx / 1024);
}

double demo_temperature(void)
{
    const char *base = "/sys/class/thermal";
    double t = -1000;
    DIR *d = opendir(base);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        char path[512];
        if (strncmp(e->d_name, "thermal_zone", 12) != 0 ||
            snprintf(path, sizeof path, "%s/%s/temp", base, e->d_name) >= (int)sizeof path) {
            continue;
        }
        FILE *f = fopen(path, "r");
        char text[32];
        if (f && fgets(text, sizeof text, f)) {
            t = strtod(text, NULL) / 1000.0;
        }
        if (f) {
            (void)fclose(f);
        }
        if (t > -273) {
            break;
        }
    }
    if (d) {
        (void)closedir(d);
    }
    return t;
}
