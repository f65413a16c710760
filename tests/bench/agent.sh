#!/bin/bash
# What an agent costs: tests/bench/agent.sh [SECONDS]. Prints the figures of docs/agent.md.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/../interop/lib.sh"

begin
need pkcs11-tool
softtoken=$bin/../lib/gatehouse/gatehouse-softtoken.so
export GATEHOUSE_SOFTTOKEN_DIR=$work/token
mkdir token
printf 'bench-pin\n' >pin
chmod 600 pin
pkcs11-tool --module "$softtoken" --init-token --slot-index 0 --label bench --so-pin bench-so >>tool.log 2>&1 &&
    pkcs11-tool --module "$softtoken" --token-label bench --init-pin --login --login-type so --so-pin bench-so \
        --new-pin bench-pin >>tool.log 2>&1 &&
    pkcs11-tool --module "$softtoken" --token-label bench --login --pin bench-pin --keypairgen --key-type EC:prime256v1 \
        --id 01 --label key --usage-sign >>tool.log 2>&1 || die "no token: $(tail -n 3 tool.log)"
"$bin/bench_agent" "$bin/gatehouse-signer" "$softtoken" "$work/token" "bench=$work/pin" \
    'pkcs11:token=bench;object=key;type=private' "${1:-5}"
