/* SPDX-License-Identifier: Apache-2.0
 * pqi version: what this program is built from and with. */
#include "commands.h"

#include <stdio.h>

static const char *compiler(void)
{
#if defined(__clang__)
    return "clang " __clang_version__;
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#else
    return "unknown";
#endif
}

pqi_cli_exit pqi_cmd_version(const pqi_cli_command *self, int argc, char **argv)
{
    bool json = false;
    const pqi_cli_option options[] = {
        PQI_CLI_FLAG("json", &json, "print one JSON object"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Prints the version, the compiler, the OpenSSL library in use and the algorithms.", &argc,
        argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc > 0) {
        return pqi_cli_usage(self, "version takes no operand");
    }
    if (json) {
        return pqi_cli_print_json(
            json_pack("{s:s, s:s}", "version", PQI_VERSION, "compiler", compiler()));
    }
    printf("pqi %s\ncompiler: %s\n", PQI_VERSION, compiler());
    return PQI_CLI_OK;
}
