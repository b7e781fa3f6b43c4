/* SPDX-License-Identifier: Apache-2.0
 * One count over every step that makes something durable: the writes, syncs, truncations and removals
 * of SQLite (through a VFS of our own) and the numbered points of file_atomic. At a chosen step the
 * process dies, in the middle of a write, or the step fails as on a full disk. */
#ifndef PQI_TESTS_KILL_VFS_H
#define PQI_TESTS_KILL_VFS_H

#define KILL_EXIT 42

typedef enum kill_mode {
    KILL_NEVER = 0, /* only count */
    KILL_DIE,       /* _exit(KILL_EXIT) at the step */
    KILL_FULL       /* this and every later write of SQLite fails with SQLITE_FULL */
} kill_mode;

/* Becomes SQLite's default VFS and file_atomic's hook in this process. */
void kill_vfs_install(void);
void kill_vfs_arm(kill_mode mode, unsigned step);
unsigned kill_vfs_steps(void); /* since the last arm */

#endif
