#!/bin/bash
# Agents: enrolled with one-time codes, connected through a proxy that ends TLS and tries to read and change what
# passes; a CA whose key is in their tokens signs through them, whoever of them is left, and again when one returns.
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

pin=agent-pin-1
so_pin=agent-so-pin
agents_port=''
proxy_port=''

find_softhsm() {
    local path
    for path in "${SOFTHSM2_MODULE:-}" /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do
        [ ! -e "$path" ] || softhsm=$path
    done
    [ -n "${softhsm:-}" ] || die "libsofthsm2.so is missing: run scripts/deps"
}

# Two tokens of the same label with the same key: one of softtoken, one of SoftHSM2.
make_tokens() {
    local tool
    softtoken=$bin/../lib/gatehouse/gatehouse-softtoken.so
    printf '%s\n' "$pin" >pin
    chmod 600 pin
    "$openssl" genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ca.key 2>>openssl.log
    "$openssl" pkey -in ca.key -outform DER -out ca.der
    "$openssl" pkey -in ca.key -pubout -outform DER -out ca-public.der
    mkdir softtoken softhsm
    printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$work/softhsm" >softhsm2.conf
    for tool in "$softtoken" "$softhsm"; do
        GATEHOUSE_SOFTTOKEN_DIR=$work/softtoken SOFTHSM2_CONF=$work/softhsm2.conf make_token "$tool"
    done
}

make_token() {
    pkcs11-tool --module "$1" --init-token --slot-index 0 --label card --so-pin "$so_pin" >>tool.log 2>&1 &&
        pkcs11-tool --module "$1" --token-label card --init-pin --login --login-type so --so-pin "$so_pin" \
            --new-pin "$pin" >>tool.log 2>&1 &&
        pkcs11-tool --module "$1" --token-label card --login --pin "$pin" --write-object ca.der --type privkey \
            --id 01 --label ca --usage-sign >>tool.log 2>&1 &&
        pkcs11-tool --module "$1" --token-label card --login --pin "$pin" --write-object ca-public.der --type pubkey \
            --id 01 --label ca --usage-sign >>tool.log 2>&1 || die "no token: $(tail -n 3 tool.log)"
}

start_proxy() {
    "$openssl" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout proxy.key -out proxy.pem \
        -subj /CN=proxy -days 2 2>>openssl.log
    : >mode
    proxy_port=$(free_port)
    python3 "$interop_root/tests/interop/agent_proxy.py" "$proxy_port" "$agents_port" proxy.pem proxy.key record mode >proxy.out 2>proxy.log &
    other_pids+=($!)
    within 10 grep -q ready proxy.out || die "no proxy: $(cat proxy.log)"
}

# enrol NAME: state in NAME.state, by a code of its own.
enrol() {
    rest POST agents "{\"name\":\"$1\"}" >"$1.json"
    jq -er .code "$1.json" >"$1.code"
    "$bin/gatehouse-signer" --agent --enrol --code-file "$1.code" --state "$work/$1.state" \
        --gateway "127.0.0.1:$proxy_port" >"$1.enrol" 2>&1 || die "$1 does not enrol: $(cat "$1.enrol")"
    [ "$(stat -c %a "$1.state/key.pem")" = 600 ] || die "the agent's key is readable by others"
}

# run_agent NAME MODULE: $agent_pid
run_agent() {
    SOFTHSM2_CONF=$work/softhsm2.conf "$bin/gatehouse-agent" --state "$work/$1.state" --gateway "127.0.0.1:$proxy_port" \
        --module "local=$2" --pin "card=$work/pin" --token-dir "$work/${3:-softtoken}" >>"$1.log" 2>&1 &
    agent_pid=$!
    other_pids+=($!)
}

state_of() { rest GET "agents/$(jq -r .id "$1.json")" | jq -r .state; }
is_state() { [ "$(state_of "$1")" = "$2" ]; }
has_token() { [ "$(rest GET "agents/$(jq -r .id "$1.json")" | jq '[.tokens[] | select(.label == "card" and .problem == null)] | length')" = 1 ]; }
is_up() { is_state "$1" connected && has_token "$1"; }

# issue NAME: a certificate by the CA on the token.
issue() {
    local body
    body=$(jq -Rs '{csr: .}' leaf.csr)
    rest POST "templates/$ca-web-server/requests" "$body" >request.json &&
        rest POST "requests/$(jq -r .id request.json)/sign" '{}' | jq -er .certificate.pem >"$1.pem" &&
        "$openssl" verify -CAfile root.pem "$1.pem" >>openssl.log 2>&1
}

prepare() {
    need pkcs11-tool python3
    find_softhsm
    make_tokens
    agents_port=$(free_port)
    start_instance --agents "127.0.0.1:$agents_port"
    start_proxy
    make_csr P-256 leaf leaf.example
}

begin
prepare
enrol one
enrol two
shown "two agents enrol with one-time codes, through a proxy that ends TLS"
"$bin/gatehouse-agent" --enrol --code-file one.code --state "$work/thief.state" --gateway "127.0.0.1:$proxy_port" \
    >thief.log 2>&1 && die "a code was taken twice"
grep -q bad-code thief.log || die "no reason for the refusal: $(cat thief.log)"
shown "a code is taken once"

run_agent one "$softtoken"
one_pid=$agent_pid
within 20 is_up one || die "agent one does not come: $(tail -n 5 one.log)"
ca=$(make_ca "On Card" '{"uri":"pkcs11:token=card;object=ca;type=private"}')
curl -sS --fail "$GATEHOUSE_HTTP_URL/ca/$ca.crt" | "$openssl" x509 -inform DER -out root.pem
issue first || die "the CA on the agent's token does not issue"
shown "a CA is provisioned by REST on a key in the agent's token, and issues"
finish
