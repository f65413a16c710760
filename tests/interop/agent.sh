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
page_options=()

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
        --module "local=$2" --pin "card=$work/pin" --token-dir "$work/${3:-softtoken}" "${page_options[@]}" >>"$1.log" 2>&1 &
    agent_pid=$!
    other_pids+=($!)
}

kill_agent() {
    kill -KILL "$1"
    wait "$1" 2>/dev/null || true
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

# ---- what the proxy learns and changes ------------------------------------------------------------

# No part of what was said is in what the proxy saw: neither public key, nor label, nor code, nor digest.
learns_nothing() {
    local what
    [ "$(stat -c %s record)" -gt 3000 ] || die "the proxy has recorded nothing"
    for what in "$(xxd -p ca-public.der | tr -d '\n' | tail -c 64)" "$(printf card | xxd -p)" \
        "$(xxd -p one.state/certificate.pem | head -c 200 | tail -c 64 | tr -d '\n')"; do
        ! xxd -p record | tr -d '\n' | grep -q "$what" || die "the proxy saw $what"
    done
    ! grep -qaF "$(head -c 26 one.code | tail -c 20)" record || die "the proxy saw the code"
}
learns_nothing
shown "what the proxy saw in the clear holds no code, key, label or certificate of the agent"

events() { rest GET "events?limit=50" | jq -r '.items[].code'; }

for attack in flip -flip repeat -old swap; do
    printf '%s\n' "$attack" >mode
    # A message passes at the latest when the gateway looks at the tokens, in ten seconds.
    within 15 test ! -s mode & waiting=$!
    issue "under-$attack" || true # it is done once the agent is back, or fails; it is never done wrongly
    wait "$waiting" || die "$attack: no message passed"
    within 20 is_up one || die "after $attack the agent does not come back: $(tail -n 3 one.log)"
    issue "after-$attack" || die "no certificate after $attack"
done
events | grep -q '^agent.cut-off' || die "no event tells of the changed messages"
shown "messages changed, repeated, swapped or replaced by old ones end the connection, which comes back"

# ---- several agents -------------------------------------------------------------------------------

run_agent two "$softhsm"
two_pid=$agent_pid
within 20 is_up two || die "agent two does not come: $(tail -n 5 two.log)"
for i in 1 2 3 4; do issue "both-$i" || die "no certificate with two agents"; done
kill_agent "$one_pid"
for i in 1 2 3 4; do issue "one-left-$i" || die "no certificate by the other agent after kill -9"; done
shown "two agents with the same key, in softtoken and in SoftHSM2: one is killed, the other signs at once"

kill_agent "$two_pid"
within 10 is_state two away || die "agent two is not seen to be away"
jq -Rs '{csr: .}' leaf.csr >leaf.json
waiting=$(rest POST "templates/$ca-web-server/requests" @leaf.json | jq -r .id)
curl -sS --cacert "$GATEHOUSE_TLS_CERT" -X POST -H "Authorization: Bearer $GATEHOUSE_TOKEN" \
    -H 'Content-Type: application/json' -d '{}' "$GATEHOUSE_URL/api/v1/requests/$waiting/sign" >problem.json
expect "status without agents" "$(jq -r .status problem.json)" 503
expect "problem without agents" "$(jq -r .type problem.json)" /problems/token-unreachable
shown "without agents: $(jq -r .detail problem.json)"

page_port=$(free_port)
printf 'short\n' | "$bin/gatehouse-agent" --state "$work/one.state" --set-password 2>page.log && die "a short password is taken"
printf 'page-password-1\n' | "$bin/gatehouse-agent" --state "$work/one.state" --set-password 2>page.log ||
    die "no password: $(cat page.log)"
page_options=(--page "127.0.0.1:$page_port")
run_agent one "$softhsm" # the token has moved: the agent that had the other one
within 20 is_up one || die "agent one does not come back"
rest POST "requests/$waiting/sign" '{}' | jq -er .certificate.pem >late.pem || die "not signed after the agent came back"
"$openssl" verify -CAfile root.pem late.pem >>openssl.log 2>&1 || die "not by the CA"
shown "the CA works again by itself when an agent with the token returns, at whichever agent it is"

# page PASSWORD OPTIONS...: status of the local page; its text is in page.html.
page() {
    local password=$1 path=$2
    shift 2
    curl -sS --max-time 20 --connect-to "Agent:443:127.0.0.1:$page_port" -u "me:$password" \
        -o page.html -w '%{http_code}' "$@" "https://Agent$path"
}
expect "page without its password" "$(page wrong-password-1 / -k)" 401
expect "page" "$(page page-password-1 / -k)" 200
for what in "127.0.0.1:$proxy_port" connected '<td>card</td>' 'ready, logged in'; do
    grep -qF "$what" page.html || die "the local page does not say $what"
done
uri=$(grep -o 'value="pkcs11:[^"]*"' page.html | head -n1 | sed 's/^value="//; s/"$//; s/&amp;/\&/g')
expect "a form of another site" "$(page page-password-1 /pin -k -H 'Origin: https://evil.example' --data-urlencode "uri=$uri" \
    --data-urlencode "pin=$pin")" 403
own=(-k -H 'Origin: https://Agent')
expect "PIN" "$(page page-password-1 /pin "${own[@]}" --data-urlencode "uri=$uri" --data-urlencode "pin=$pin")" 200
expect "certificate" "$(page page-password-1 /certificate "${own[@]}" --data-urlencode "uri=$uri;object=ca;id=%01" \
    --data-urlencode "certificate@root.pem")" 200
SOFTHSM2_CONF=$work/softhsm2.conf pkcs11-tool --module "$softhsm" --token-label card --list-objects --type cert >certs.txt 2>>tool.log
grep -q 'On Card' certs.txt || die "no certificate in the token: $(cat certs.txt)"
shown "the agent's local page: status and tokens, a PIN typed, a certificate stored; wrong passwords and foreign forms refused"

stop_gateway
start_gateway
within 20 is_up one || die "the agent does not find the gateway that was started again"
issue restarted || die "no certificate after the restart of the gateway"
shown "the gateway is started again: the agent reconnects, the CA signs"

rest DELETE "agents/$(jq -r .id one.json)" >/dev/null
within 20 grep -q unknown-agent one.log || die "the removed agent is not told: $(tail -n 3 one.log)"
shown "an agent that was removed is turned away"
rss=0
for pid in $(pgrep -P "$agent_pid") $(pgrep -P "$(pgrep -P "$agent_pid" | head -n1)") "$agent_pid"; do
    rss=$((rss + $(awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup")))
done
[ "$rss" -le 32768 ] || die "the agent and its signers take $rss KiB"
shown "agent, signer and the module's process together take $rss KiB of memory"
finish
