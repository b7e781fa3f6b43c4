#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A check that cannot fail is a defect: each checker passes a small sound tree and fails each of
# these trees with one fault in it.
# shellcheck disable=SC2016 # backquotes of Markdown
set -u
cd "$(dirname "$0")/../.." || exit 1
tools=$(pwd)/tools
format=$(pwd)/.clang-format
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0
bad=0

result() { # OK NAME
    n=$((n + 1))
    if [ "$1" = 0 ]; then
        echo "ok $n - $2"
    else
        echo "not ok $n - $2"
        sed 's/^/# /' "$tmp/log" | tail -n 8
        bad=$((bad + 1))
    fi
}

# A sound tree: two layers, one public header, one claimed invariant.
tree() {
    rm -rf "$tmp/t"
    mkdir -p "$tmp/t/src/base" "$tmp/t/src/suite" "$tmp/t/src/port" "$tmp/t/include/pqi" \
        "$tmp/t/apps/tool" "$tmp/t/docs" "$tmp/t/tests/abi"
    cd "$tmp/t" || exit 1
    cp "$format" .clang-format
    printf 'ct\nbase\nsuite\nport\n' >src/LAYERS
    spdx='/* SPDX-License-Identifier: Apache-2.0 */'
    printf '%s\n#ifndef X_H\n#define X_H\nint pqi_x(void);\n#endif\n' "$spdx" >include/pqi/x.h
    printf '%s\n#ifndef B_H\n#define B_H\n#include <stdint.h>\nuint8_t pqi_b(void);\n#endif\n' \
        "$spdx" >src/base/b.h
    printf '%s\n#include "base/b.h"\n#include <pqi/x.h>\n' "$spdx" >src/suite/s.c
    printf '\nint pqi_x(void)\n{\n    return pqi_b();\n}\n' >>src/suite/s.c
    printf '%s\n#include <pqi/x.h>\n' "$spdx" >apps/tool/main.c
    printf '| id | rule | test |\n|---|---|---|\n| INV-1 | holds | tests/inv.c |\n' \
        >docs/SECURITY-INVARIANTS.md
    printf '%s\n/* %s-1 */\n' "$spdx" INV >tests/inv.c
}

good() { # CHECK
    tree
    "$tools/$1" "$tmp/t" >"$tmp/log" 2>&1
    result $? "$1 accepts a sound tree"
}

# The tree was changed in the current folder; CHECK must fail and say WORDS.
must_fail() { # CHECK WORDS NAME
    "$tools/$1" "$tmp/t" >"$tmp/log" 2>&1 && { result 1 "$1 $3"; return; }
    grep -q -- "$2" "$tmp/log"
    result $? "$1 refuses $3"
}

body() { # STATEMENT...    a function with these lines in the upper layer
    {
        printf '\nint pqi_f(int n)\n{\n'
        printf '    %s\n' "$@"
        printf '}\n'
    } >>src/suite/s.c
}

echo "1..54"
good check-layers
tree; printf '#include "suite/s.h"\n' >>src/base/b.h; : >src/suite/s.h
must_fail check-layers 'not below base' 'an upward include'
tree; printf '#include <stdio.h>\n' >>src/suite/s.c
must_fail check-layers 'system header' 'a system header below port'
tree; printf '#include "base/b.h"\n' >>apps/tool/main.c
must_fail check-layers 'own headers' 'an app that sees src'
tree; printf '#include "../../src/base/b.h"\n' >>apps/tool/main.c
must_fail check-layers 'leaves' 'an app that climbs out'
tree; mkdir src/other; printf '#include <stdint.h>\n' >src/other/o.c
must_fail check-layers 'not in src/LAYERS' 'a folder of no layer'
tree; printf '#include "base/none.h"\n' >>src/suite/s.c
must_fail check-layers 'not found' 'a missing header'
tree; printf '#include <time.h>\n' >>include/pqi/x.h
must_fail check-layers 'public header' 'an OS header in a public header'
tree; printf 'ct\nbase\nprim\nport\n' >src/LAYERS; rm -r src/suite; mkdir -p src/prim/a src/prim/b
: >src/prim/a/a.h; printf '#include "prim/a/a.h"\n' >src/prim/b/b.c
must_fail check-layers 'not below prim' 'one algorithm that uses another'

good check-banned
for call in malloc free memcmp printf time rand strcpy sprintf atoi alloca assert; do
    tree; body "return $call(n);"
    must_fail check-banned "$call() is banned" "$call in the core"
done
tree; body 'again:' 'n--;' 'if (n > 0) {' '    goto again;' '}' 'return n;'
must_fail check-banned 'jumps backwards' 'goto backwards'
tree; body 'return n == 0 ? 0 : pqi_f(n - 1);'
must_fail check-banned 'calls itself' 'recursion'
tree; printf '/* %sDO: later */\n' TO >>src/suite/s.c
must_fail check-banned 'the word' 'an unfinished mark'
tree; printf 'Some %sME here.\n' FIX >docs/x.md
must_fail check-banned 'the word' 'an unfinished mark in a document'

good check-pk
for call in 'pqi_kem_encaps(k)' 'at->classic->x25519(s, k, p)'; do
    tree; mkdir src/session; printf '\nint f(int n)\n{\n    return %s;\n}\n' "$call" >src/session/s.c
    must_fail check-pk 'goes past' "$call past the counters"
done
tree; mkdir -p src/proto/x; printf '\nint f(int n)\n{\n    return pqi_cert_verify(n);\n}\n' >src/proto/x/s.c
must_fail check-pk 'is not counted' 'a door that counts nothing'

good check-size
tree; for i in $(seq 600); do echo "/* $i */"; done >>src/suite/s.c
must_fail check-size 'limit 600' 'a long file'
# shellcheck disable=SC2046 # words are lines
tree; body $(seq 101)
must_fail check-size 'pqi_f has' 'a long function'

good check-text
tree; printf 'int pqi_y;\n' >src/suite/y.c
must_fail check-text 'no licence line' 'a source without licence'
tree; mkdir tests/models; echo 'byte x;' >tests/models/m.pml
must_fail check-text 'no licence line' 'a protocol model without licence'
tree; printf 'see %swork/x\n' / >docs/x.md
must_fail check-text 'path of one machine' 'a machine path'
tree; printf 'https:%sregistry.example.org/x\n' // >docs/x.md
must_fail check-text 'package registry' 'a registry address'

good check-format
tree; body 'return  n ;'
must_fail check-format 'clang-format' 'another format'

good check-headers
tree; printf 'pqi_unknown *pqi_z(void);\n' >>include/pqi/x.h
must_fail check-headers 'pqi_unknown' 'a header that needs another'
tree; printf 'struct twice {\n    int a;\n};\n' >>include/pqi/x.h
must_fail check-headers 'twice' 'a header without a guard'

domains() { # a sound tree with one label that is used and listed
    tree
    mkdir -p docs/spec
    printf '#define LABEL "PQI4 one"\n' >>src/base/b.h
    printf '| `PQI4 one` | signature | a thing |\n' >docs/spec/domains.md
}
domains
"$tools/check-domains" "$tmp/t" >"$tmp/log" 2>&1
result $? "check-domains accepts a sound tree"
printf '#define OTHER "PQI4 two"\n' >>src/base/b.h
must_fail check-domains 'lacks "PQI4 two"' 'a label that is not listed'
domains
printf '| `PQI4 three` | signature | nothing |\n' >>docs/spec/domains.md
must_fail check-domains 'does not use' 'a listed label that nothing uses'
domains
printf '| `PQI4 one` | HMAC | another thing |\n' >>docs/spec/domains.md
must_fail check-domains 'twice' 'a label with two meanings'

good check-invariants
tree; printf '| INV-2 | holds too | tests/inv.c |\n' >>docs/SECURITY-INVARIANTS.md
must_fail check-invariants 'not named in' 'a claim without a test'
tree; printf '/* %s-3 */\n' INV >>tests/inv.c
must_fail check-invariants 'not in docs' 'a test of an unclaimed rule'

# check-symbols reads a build.
archive() { # C-TEXT
    tree
    mkdir build
    printf '%s\n' "$1" >build/a.c
    cc -O1 -c -o build/a.o build/a.c && ar rcs build/libpqi-core.a build/a.o
    echo pqi_a >tests/abi/symbols.txt
}
archive 'int pqi_a(void) { return 1; }'
"$tools/check-symbols" "$tmp/t" >"$tmp/log" 2>&1
result $? 'check-symbols accepts a sound library'
archive 'int pqi_a(void) { return 1; } int other(void) { return 1; }'
must_fail check-symbols 'no prefix' 'a name without prefix'
archive 'int puts(const char *); int pqi_a(void) { return puts("x"); }'
must_fail check-symbols 'needs puts' 'a call into libc'
archive 'int pqi_a(void) { return 1; } int pqi_b(void) { return 1; }'
must_fail check-symbols 'not in tests/abi' 'an unlisted export'
archive '__attribute__((visibility("hidden"))) int pqi_a(void) { return 1; }'
must_fail check-symbols 'not exported' 'a lost export'
[ "$bad" = 0 ]
