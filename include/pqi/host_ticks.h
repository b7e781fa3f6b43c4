/* SPDX-License-Identifier: Apache-2.0
 * The tick box of a site that may be cut off: makes the local ticks of one delegate that heads name
 * (docs/spec/control.md sections 1.2 and 1.9). It knows no sockets: objects and a clock in, ticks out. The
 * daemon around it is pqid(1), the commands are pqi-ticks(1).
 *
 *   DIR/keys  the provider that seals the box, under a KEK of its own
 *   DIR/box   the sealed state: seeds, what was given away, the newest root and head that it saw
 *   DIR/lock
 *
 * A chain gives tick i no sooner than i ticks after the head that names it was first seen here, each number once and
 * upwards, and what it gives was stored before. A chain that gave a tick under one head gives none under another:
 * numbers are the head's, so what is known of it would count there at once.
 *
 * A pqi_host_ticks is used by one thread at a time; one process at a time has a directory open, the next one
 * waits up to 5 s. */
#ifndef PQI_HOST_TICKS_H
#define PQI_HOST_TICKS_H

#include <pqi/control.h>
#include <pqi/host.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pqi_host_ticks pqi_host_ticks;

#define PQI_TICKS_BOOT_MAX 36u

typedef struct pqi_host_ticks_cfg {
    const char *dir;
    pqi_host_kek_source kek;
    /* for pqi_host_ticks_poll() alone; copied */
    const char *device; /* id under which heads name this box; NULL: it gives nothing */
    uint32_t tick_s;    /* as in the policy, 1..86400; 0: 3600 */
    uint32_t after;     /* ticks without one of the fleet before it begins; 0: 2 */
    int always;         /* 1: does not wait for the fleet to fall silent */
    int reuse;          /* 1: gives ticks of a chain that was used under another head, too */
    /* Milliseconds that never go back and count while the machine sleeps; NULL: CLOCK_BOOTTIME. boot names
     * the run of that clock, 1..PQI_TICKS_BOOT_MAX characters; NULL: the kernel's boot id. */
    uint64_t (*clock_ms)(void *ctx);
    void *clock_ctx;
    const char *boot;
} pqi_host_ticks_cfg;

/* Makes the directory, the provider and the first chain, of `count` ticks, 1..PQI_TICKS_MAX.
 * PQI_ERR_STATE: DIR holds a box already, or is in use; PQI_ERR_ARG; PQI_ERR_AUTH: another KEK;
 * PQI_ERR_STORAGE, PQI_ERR_RNG. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ticks_new(const pqi_host_ticks_cfg *cfg, uint32_t count);

/* Opens and locks a box. PQI_ERR_MISSING: none there; PQI_ERR_AUTH: not this KEK, or altered;
 * PQI_ERR_ROLLBACK: an older copy of the state than its keys remember; PQI_ERR_STATE: in use;
 * PQI_ERR_STORAGE: damaged, or open to other users; PQI_ERR_ARG. On error *out is NULL. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ticks_open(
    pqi_host_ticks **out, const pqi_host_ticks_cfg *cfg);
/* Wipes the seeds from memory and unlocks. NULL is fine. */
PQI_API void pqi_host_ticks_close(pqi_host_ticks *t);

/* Makes the next chain. The one before goes on until a head names the new one, and is erased then. A next
 * chain that no head named yet is replaced. Statuses as pqi_host_ticks_new(). */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ticks_renew(pqi_host_ticks *t, uint32_t count);

typedef struct pqi_ticks_chain {
    uint32_t count; /* 0: there is none */
    uint8_t anchor[PQI_HASH_LEN];
    uint32_t given;                    /* newest number given away; 0: none */
    uint32_t root_version, head_epoch; /* of the head under which; 0: it is unused */
} pqi_ticks_chain;

typedef struct pqi_ticks_info {
    pqi_ticks_chain chain, next; /* in use; made by renew, and named by no head yet */
    uint32_t root_version;       /* of the root that it follows; 0: none yet */
    uint32_t head_epoch;         /* of the head in force here; 0: none */
    int named;           /* 1: that head names this box (cfg.device) with the chain in use */
    uint32_t fleet_tick; /* newest one of the fleet under that head */
    int giving;          /* 1: the newest tick of this site is ours */
    uint64_t elapsed_ms; /* at least so long ago that head was signed */
} pqi_ticks_info;
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ticks_get_info(pqi_host_ticks *t, pqi_ticks_info *out);

/* What operators take to the control plane, of the newest chain: pqi_ticks_record_write(). */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ticks_export(
    pqi_host_ticks *t, pqi_span out, size_t *out_len);

/* The root manifest as the caller knows it to be right. The box keeps the newest one it was given or followed.
 * PQI_OK; PQI_ERR_DECODE; PQI_ERR_AUTH: of another fleet, or another manifest of the same version. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ticks_begin(pqi_host_ticks *t, pqi_cspan manifest);

/* An object from a broker, which is not trusted: ROOT (the next version, signed by the one before), HEAD, TICK of the
 * fleet. PQI_OK: it is new and stored; PQI_ERR_REPLAY: known or older; PQI_ERR_MISSING: a root or the head
 * before it is missing; PQI_ERR_AUTH, PQI_ERR_DECODE; PQI_ERR_STORAGE: nothing changed; PQI_ERR_ARG. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ticks_take(
    pqi_host_ticks *t, pqi_object kind, pqi_cspan in);

/* The next local tick, if one is due. *wait_ms: call again after at most that.
 * PQI_OK: *out is to be published, and stored; PQI_AGAIN: none is due, or all were given; PQI_ERR_MISSING: no
 * root, no head, or the head does not name this box; PQI_ERR_POLICY: the chain was used under another head;
 * PQI_ERR_STORAGE: nothing was given. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ticks_poll(
    pqi_host_ticks *t, pqi_tick *out, uint32_t *wait_ms);
/* The newest one that was given under the head in force, to publish it again. PQI_ERR_MISSING: none. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ticks_newest(pqi_host_ticks *t, pqi_tick *out);

/* One sentence for people about this thread's last failure in this header; never NULL, no secret. */
PQI_API const char *pqi_host_ticks_why(void);

#ifdef __cplusplus
}
#endif
#endif
