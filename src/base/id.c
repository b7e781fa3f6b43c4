/* SPDX-License-Identifier: Apache-2.0 */
#include <pqi/trust.h>

#include <stdbool.h>

static bool id_byte(uint8_t c)
{
    bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    return letter || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

pqi_status pqi_id_check(pqi_cspan id)
{
    if (id.ptr == NULL || id.len == 0 || id.len > PQI_ID_MAX) {
        return PQI_ERR_ARG;
    }
    for (size_t i = 0; i < id.len; i++) {
        if (!id_byte(id.ptr[i])) {
            return PQI_ERR_ARG;
        }
    }
    return PQI_OK;
}
