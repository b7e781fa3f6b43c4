/* SPDX-License-Identifier: Apache-2.0
 * Certificates of endorsement keys, and files of vendors' roots. First byte 0: the rest is the certificate, and what
 * is accepted holds the very body that the vendor signed. 1: the rest is the file of roots. */
#include <pqi/host_attest.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define AT 1800000000u /* within the validity of both */

/* clang-format off */
static const char root[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBkDCCATegAwIBAgIUE2KNSqFvsk1vbgceahowuUUIfPYwCgYIKoZIzj0EAwIw\n"
    "FTETMBEGA1UEAwwKVFBNIHZlbmRvcjAgFw0yNjExMjYxMzAwMTVaGA8yMTI2MTEw\n"
    "MjEzMDAxNVowFTETMBEGA1UEAwwKVFBNIHZlbmRvcjBZMBMGByqGSM49AgEGCCqG\n"
    "SM49AwEHA0IABDraQ0NHHVpBNSMruvvu20SNej7Q5UeHIlITcOVyNPBET2hofute\n"
    "xda/MelhbRXImMbdthtPdPqY/+cZ7+bsv+CjYzBhMB0GA1UdDgQWBBQtkJbXI11v\n"
    "jsDfwFrpqYMnlO3m4DAfBgNVHSMEGDAWgBQtkJbXI11vjsDfwFrpqYMnlO3m4DAP\n"
    "BgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwICBDAKBggqhkjOPQQDAgNHADBE\n"
    "AiAa1+WdqA1gZOoRHQVfuMEvMjngpJ1QkAn7lSDQdNmJ5gIgQ5pofr84+BpsX2FY\n"
    "f7WbtanJAjlzkb5HiQtQftIQboE=\n"
    "-----END CERTIFICATE-----\n";
/* the point of the key */
static const uint8_t point[64] = {
    0xf5, 0x1f, 0xab, 0x59, 0x65, 0xba, 0x76, 0x09, 0x97, 0x4f, 0x30, 0xfb, 0x29, 0x45,
    0x10, 0x4c, 0x19, 0x5d, 0x8f, 0xd9, 0x35, 0xcd, 0x97, 0xfe, 0xb1, 0x98, 0x71, 0xde,
    0x09, 0xd8, 0xe0, 0xbc, 0x84, 0xcc, 0xbb, 0xfa, 0x20, 0xd8, 0xfb, 0x78, 0xbe, 0x8e,
    0x7a, 0x62, 0xa6, 0x39, 0xad, 0xdd, 0x4c, 0x71, 0xba, 0xe8, 0x84, 0x02, 0xd9, 0x64,
    0x81, 0x43, 0x02, 0x44, 0x68, 0xb1, 0xe5, 0x8e,
};
/* clang-format on */

static uint8_t cert[2048];
static size_t cert_len;

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static void set_up(void)
{
    FILE *f = fopen(PQI_SOURCE_DIR "/tests/fuzz/corpus/ek_cert/cert", "rb");
    must(f != NULL && fgetc(f) == 0);
    cert_len = fread(cert, 1, sizeof cert, f);
    must(fclose(f) == 0 && cert_len > 8);
}

/* tbsCertificate (RFC 5280 section 4.1), behind a header of four bytes. */
static int has_body(pqi_cspan in)
{
    const uint8_t *body = cert + 4;
    const size_t len = 4u + ((size_t)body[2] << 8 | body[3]);
    must(body[0] == 0x30 && body[1] == 0x82 && len < cert_len);
    for (size_t i = 0; i + len <= in.len; i++) {
        if (memcmp(in.ptr + i, body, len) == 0) {
            return 1;
        }
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const pqi_tpm_ek ek = {.type = 0x0023,
        .name_alg = 0x000b,
        .sym_bits = 128,
        .curve = 0x0003,
        .x = {point, 32},
        .y = {point + 32, 32}};
    if (cert_len == 0) {
        set_up();
    }
    if (size == 0) {
        return 0;
    }
    const pqi_cspan in = {data + 1, size - 1}, genuine = {cert, cert_len};
    const pqi_cspan trusted = {(const uint8_t *)root, sizeof root - 1};
    if ((data[0] & 1u) == 0) {
        pqi_status st = pqi_host_ek_verify(in, trusted, &ek, AT);
        const int same = in.len == cert_len && memcmp(in.ptr, cert, cert_len) == 0;
        must(st == PQI_OK ? has_body(in) : !same);
    } else {
        pqi_status st = pqi_host_ek_verify(genuine, in, &ek, AT);
        must(st == PQI_OK || st == PQI_ERR_AUTH || st == PQI_ERR_ARG);
    }
    return 0;
}
