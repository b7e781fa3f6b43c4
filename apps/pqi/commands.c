/* SPDX-License-Identifier: Apache-2.0
 * The one table of subcommands, in the order of the help. */
#include "commands.h"

/* clang-format off */
const pqi_cli_command pqi_commands[] = {
    {"ca", "Provisioning", NULL, "",
        "run a certificate authority", pqi_ca_commands, "pqi ca"},
    {"device", "Provisioning", NULL, "",
        "make and provision a device", pqi_device_commands, "pqi device"},
    {"inspect", "Provisioning", pqi_cmd_inspect, "[--json] [--hex] [--root FILE] FILE...|-",
        "show any object or packet, check its signatures", NULL, "pqi inspect"},
    {"listen", "Messages", pqi_cmd_listen, "[OPTION]... FILTER...",
        "print verified messages of topics", NULL, "pqi listen"},
    {"send", "Messages", pqi_cmd_send, "[OPTION]... --to ID --topic TOPIC MESSAGE|-",
        "seal a message for a device and publish it", NULL, "pqi send"},
    {"session", "Messages", NULL, "",
        "show the sessions of a running process", pqi_session_commands, "pqi session"},
    {"selftest", "This program", pqi_cmd_selftest, "[--json] [--backend NAME] [--small]",
        "compare every algorithm with a known answer", NULL, "pqi selftest"},
    {"bench", "This program", pqi_cmd_bench,
        "[--json] [--filter NAME] [--seconds S] [--backend NAME] [--small] [GROUP]",
        "measure every operation on this machine", NULL, "pqi bench"},
    {"vectors", "This program", pqi_cmd_vectors,
        "[--json] [--verbose] [--slow] [--backend NAME] [--small] FILE...",
        "run official test vectors: NIST, Wycheproof, CCTV, RFCs", NULL, "pqi vectors"},
    {"version", "This program", pqi_cmd_version, "[--json]",
        "print version, build and the algorithms that are built in", NULL, "pqi version"},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
/* clang-format on */
