#!/bin/bash
# Agents: enrolled with one-time codes, connected through a proxy that ends TLS and tries to read and change what
# passes; a CA whose key is in their tokens signs through them, whoever of them is left, and again when one returns.
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/mailbox.sh
. "$here/mailbox.sh"
# shellcheck source=tests/interop/agent_page.sh
. "$here/agent_page.sh"

pin=agent-pin-1
so_pin=agent-so-pin
agents_port=''
proxy_port=''
agent_options=()
patience=2
module_timeout=8

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
        --module "local=$2" --pin "card=$work/pin" --token-dir "$work/softtoken" "${agent_options[@]}" >>"$1.log" 2>&1 &
    agent_pid=$!
    other_pids+=($!)
}

# The agent, its signer, the processes of its modules.
agent_processes() {
    pgrep -P "$(pgrep -P "$agent_pid" | head -n1)" || true
    pgrep -P "$agent_pid"
    echo "$agent_pid"
}

pin_is_locked_away() {
    local -a processes
    mapfile -t processes < <(agent_processes)
    python3 "$interop_root/tests/interop/memory_of.py" pin "${processes[@]}" >memory.txt || die "no look into the memory"
    ! grep -qv ' locked ' memory.txt
}

kill_agent() {
    kill -KILL "$1"
    wait "$1" 2>/dev/null || true
}

state_of() { rest GET "agents/$(jq -r .id "$1.json")" | jq -r .state; }
is_state() { [ "$(state_of "$1")" = "$2" ]; }
# Connected, answering, with its token.
is_up() {
    rest GET "agents/$(jq -r .id "$1.json")" | jq -e '.state == "connected" and .problem == null and
        ([.tokens[] | select(.label == "card" and .problem == null)] | length == 1)' >/dev/null
}
# URI of agent NAME's token, by its serial.
token_of() { rest GET "agents/$(jq -r .id "$1.json")" | jq -r '.tokens[0] | "pkcs11:token=card;serial=" + .serial'; }

# issue NAME: a certificate by the CA on the token.
issue() {
    local body
    body=$(jq -Rs '{csr: .}' leaf.csr)
    rest POST "templates/$ca-web-server/requests" "$body" >"$1.request" &&
        rest POST "requests/$(jq -r .id "$1.request")/sign" '{}' | jq -er .certificate.pem >"$1.pem" &&
        "$openssl" verify -CAfile root.pem "$1.pem" >>openssl.log 2>&1
}

prepare() {
    need pkcs11-tool python3
    find_softhsm
    make_tokens
    agents_port=$(free_port)
    start_instance --agents "127.0.0.1:$agents_port" --agent-patience "$patience"
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

# The softtoken behind a module that does what the file "order" says.
export FAULTY_MODULE=$softtoken FAULTY_TOKENS=$work/softtoken FAULTY_ORDER=$work/order
agent_options=(--module-timeout "$module_timeout")
run_agent one "$bin/../lib/gatehouse/libfaulty_module.so"
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

events() { rest GET "events?limit=200&code=agent." | jq -r '.items[].code'; }

for attack in flip -flip repeat -old swap; do
    printf '%s\n' "$attack" >mode
    # Two at once, so that there is something to swap. They are done once the agent is back, or fail; never wrongly.
    issue "beside-$attack" 2>>attack.log &
    issue "under-$attack" 2>>attack.log || true
    wait "$!" || true
    [ ! -s mode ] || die "$attack: no message passed"
    within 20 is_up one || die "after $attack the agent does not come back: $(tail -n 3 one.log)"
    issue "after-$attack" || die "no certificate after $attack"
done
events | grep -q '^agent.cut-off' || die "no event tells of the changed messages"
shown "messages changed, repeated, swapped or replaced by old ones end the connection, which comes back"

# ---- keys made at an agent, by the gateway --------------------------------------------------------

key() { "$bin/gatehouse" key "$@" --url "$GATEHOUSE_URL" --ca-file "$GATEHOUSE_TLS_CERT"; }
ctl() { "$bin/gatehouse" ctl "$@" --url "$GATEHOUSE_URL" --ca-file "$GATEHOUSE_TLS_CERT" --output json; }

elsewhere_keys() {
    local token uri
    token=$(token_of one)
    key create --uri "$token;object=made" --key '{"type":"EC","curve":"P-384"}' --subject '{"CN":"made"}' >made.json ||
        die "no key is made at the agent"
    uri=$(jq -r .key.uri made.json)
    jq -r .csr made.json | "$openssl" req -verify -noout 2>/dev/null || die "its CSR does not verify"
    key csr --uri "$uri" --subject '{"CN":"again"}' | jq -r .csr | "$openssl" req -noout -subject | grep -q again || die "key csr"
    expect "keys" "$(key list --output json --uri "$token" | jq -c '[.items[].label] | sort')" '["ca","made"]'
    expect "check" "$(ctl check-token --uri "$uri" | jq -r '[.items[] | select(.outcome == "failed")] | length')" 0
    "$bin/gatehouse" token list >list.txt || die "token list of the instance"
    expect "tokens of agents" "$(grep -c 'module agent \(one\|two\): local' list.txt)" 2
    grep -qF ', the managed token' list.txt || die "the gateway's own token is not in the list: $(cat list.txt)"
    "$bin/gatehouse" token check "$uri" >check.txt || die "token check: $(cat check.txt)"
    expect "steps of the check" "$(awk '{ print $1, $2 }' check.txt | grep -cE '^ok +(log-in|log|find|sign|verify)')" \
        "$(ctl check-token --uri "$uri" | jq '[.items[] | select(.outcome == "done" and (.step | test("^(log|find|sign|verify)")))] | length')"
    ! "$bin/gatehouse" token check pkcs11:serial=99 >none.txt 2>&1 || die "token check finds what is not there"
    grep -q '^PROBLEM .*No token matches' none.txt || die "token check of nothing: $(cat none.txt)"
    jq -r .key.publicKey made.json >made.pub
    "$openssl" x509 -new -force_pubkey made.pub -key proxy.key -subj /CN=made -days 5 -out made.pem 2>>openssl.log
    key certificate --uri "$uri" --certificate @made.pem || die "key certificate"
    expect "a certificate of another key" "$(rest_status POST token-keys/certificate \
        "$(jq -n --arg uri "$uri" --rawfile pem root.pem '{uri: $uri, certificate: $pem}')")" 422
    ! key create --uri "pkcs11:token=card;object=other" --key '{"type":"EC","curve":"P-256"}' 2>ambiguous.err ||
        die "a key was made in one of two tokens"
    grep -q 'add serial=' ambiguous.err || die "two tokens that match: $(cat ambiguous.err)"
    ! key create --uri "$(token_of two);object=other" --key '{"type":"EC","curve":"P-256"}' 2>refused.err ||
        die "a key was made at an agent that does not want it"
    grep -q 'gateway-keys in agent.conf' refused.err || die "not refused by the agent: $(cat refused.err)"
    key delete --uri "$uri" --confirm "$uri" || die "key delete"
    expect "keys that are left" "$(key list --output json --uri "$token" | jq '.items | length')" 1
    shown "gatehouse key create, csr, list, certificate, delete, gatehouse token list and check at an agent, as the agent allows"
}

# A process that is stopped keeps its connections: only its silence tells.
stopped() {
    local before took i
    kill -STOP "$one_pid"
    before=$(date +%s%N)
    for i in 1 2 3 4; do issue "stopped-$i" || die "no certificate beside a stopped agent"; done
    took=$((($(date +%s%N) - before) / 1000000))
    [ "$took" -lt $((patience * 3500)) ] || die "four certificates beside a stopped agent took $took ms"
    rest GET "agents/$(jq -r .id one.json)" | jq -er .problem | grep -q 'has not answered' || die "its silence is not told"
    within 10 is_warned one || die "readyz says nothing of the silent agent"
    kill -CONT "$one_pid"
    within 10 is_up one || die "the agent that goes on is not asked again"
    [ "$(events | grep -c '^agent.gone')" = "$1" ] || die "the late answer ended the connection"
    shown "an agent is stopped: its share goes to the other one after $patience s, four certificates in $took ms; it goes on, its late answer is dropped"
}
is_warned() { public /readyz | jq -e --arg name "agent $1" '.degraded and any(.checks[]; .name == $name and .warning != null)' >/dev/null; }

# A module that hangs under an agent that lives: the agent says that it is at it, ends the module's process and starts
# it again. Alone, the request fails with that reason; beside another agent with the same key nobody waits for it.
hang() {
    cp order.pid order.before
    echo 'hang once' >order
}
# The agent's module runs again, in another process.
works_again() { ! cmp -s order.pid order.before && is_up one; }

hung_alone() {
    local before hung
    jq -Rs '{csr: .}' leaf.csr >hung.json
    hung=$(rest POST "templates/$ca-web-server/requests" @hung.json | jq -r .id)
    hang
    before=$SECONDS
    ! rest POST "requests/$hung/sign" '{}' 2>hung.err || die "signed by a module that hangs"
    [ $((SECONDS - before)) -le $((module_timeout + 3)) ] || die "it took $((SECONDS - before)) s to say so"
    grep -q ': 503 .*/problems/module-hung.*module \\"local\\" gave no answer for '$module_timeout hung.err ||
        die "not the reason: $(cat hung.err)"
    rest POST "requests/$hung/sign" '{}' | jq -er .certificate.pem >hung.pem || die "not signed after the module hung"
    "$openssl" verify -CAfile root.pem hung.pem >>openssl.log 2>&1 || die "not by the CA"
    works_again || die "the module's process is the same"
    shown "a module hangs under the only agent: after $module_timeout s the request is told so, its process is started again, the next one is signed"
}

hung_beside() {
    local before took i
    hang
    before=$(date +%s%N)
    for i in 1 2 3 4; do issue "hung-$i" || die "no certificate beside a module that hangs"; done
    took=$((($(date +%s%N) - before) / 1000000))
    [ ! -e order ] || die "the module was not asked"
    [ "$took" -lt $((module_timeout * 1000)) ] || die "four certificates beside a module that hangs took $took ms"
    within 15 works_again || die "the module does not come back: $(tail -n 3 one.log)"
    [ "$(events | grep -c '^agent.gone')" = "$1" ] || die "the late answer ended the connection"
    shown "a module hangs under one of two agents: four certificates by the other one in $took ms, its process is started again"
}

# ---- several agents -------------------------------------------------------------------------------

hung_alone
agent_options=(--gateway-keys none)
run_agent two "$softhsm"
agent_options=()
two_pid=$agent_pid
within 20 is_up two || die "agent two does not come: $(tail -n 5 two.log)"
for i in 1 2 3 4; do issue "both-$i" || die "no certificate with two agents"; done
elsewhere_keys
stopped "$(events | grep -c '^agent.gone')"
hung_beside "$(events | grep -c '^agent.gone')"

kill_agent "$one_pid"
for i in 1 2 3 4; do issue "one-left-$i" || die "no certificate by the other agent after kill -9"; done
shown "two agents with the same key, in softtoken and in SoftHSM2: one is killed, the other signs at once"

start_mailbox
rest PUT notices '{"rules":[{"id":"gone","on":"trouble","kinds":["agent"],"minutes":0,"to":["ops@example.test"]}]}' >/dev/null
kill_agent "$two_pid"
within 10 is_state two away || die "agent two is not seen to be away"
within 10 is_warned two || die "readyz says nothing of the agent that is away"
within 30 told 'agent two cannot be used on .* since 20.*: It is not connected' || die "no notice of it: $(cat said)"
[ "$(events | grep -c '^agent.connected')" -ge 3 ] || die "no events tell of agents that come: $(events)"
[ "$(events | grep -c '^agent.gone')" -ge 3 ] || die "no events tell of agents that go: $(events)"
curl -sS --cacert "$GATEHOUSE_TLS_CERT" -H "Authorization: Bearer $GATEHOUSE_TOKEN" "$GATEHOUSE_URL/metrics" >metrics.txt
grep -qxF 'gatehouse_agents_connected 0' metrics.txt || die "metrics: $(grep agent metrics.txt)"
for what in 'agent="one",operation="sign",outcome="lost"' 'agent="two",operation="sign",outcome="answered"' \
    'agent="two",operation="token",outcome="refused"'; do
    grep -qF "gatehouse_agent_requests_total{$what}" metrics.txt || die "no metric $what: $(grep agent_requests metrics.txt)"
done
grep -qx 'gatehouse_agents_missed [1-9]' metrics.txt || die "metrics: $(grep agent metrics.txt)"
shown "events, a mail, readyz and metrics tell which agents came and went, are silent, are away, and what they were asked"
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
agent_options=(--page "127.0.0.1:$page_port")
run_agent one "$softhsm" # the token has moved: the agent that had the other one
within 20 is_up one || die "agent one does not come back"
rest POST "requests/$waiting/sign" '{}' | jq -er .certificate.pem >late.pem || die "not signed after the agent came back"
"$openssl" verify -CAfile root.pem late.pem >>openssl.log 2>&1 || die "not by the CA"
within 30 told 'Back again: agent one is not missed' || die "no notice that it is back: $(cat said)"
shown "the CA works again by itself when an agent with the token returns, at whichever agent it is; a mail tells of its return"

expect "page without its password" "$(page wrong-password-1 / -k)" 401
expect "page" "$(page page-password-1 / -k)" 200
for what in "127.0.0.1:$proxy_port" connected '>card</a>' 'ready, logged in'; do
    grep -qF "$what" page.html || die "the local page does not say $what"
done
uri=$(links token | head -n1)
expect "a form of another site" "$(page page-password-1 /pin -k -H 'Origin: https://evil.example' --data-urlencode "uri=$uri" \
    --data-urlencode "pin=$pin")" 403
form /pin 200 "uri=$uri" "pin=$pin"
within 10 pin_is_locked_away || die "the PIN lies in memory that is not locked: $(cat memory.txt)"
form /certificate 200 "uri=$uri;object=ca" "certificate@root.pem"
SOFTHSM2_CONF=$work/softhsm2.conf pkcs11-tool --module "$softhsm" --token-label card --list-objects --type cert >certs.txt 2>>tool.log
grep -q 'On Card' certs.txt || die "no certificate in the token: $(cat certs.txt)"
refused /certificate 422 'The certificate is of another key' "uri=$uri;object=ca" "certificate@proxy.pem"
shown "the agent's local page: status and tokens, a PIN typed that stays in no unlocked memory, a certificate stored; wrong passwords, foreign forms and certificates refused"

# A token made for trying out, a root on it while no gateway is asked, and then the gateway's: chain and key come by and by.
form /tokens 200 module=local label=trial
trial=$(links token | grep token=trial)
form /keys 200 "uri=$trial" name=device-root how=generate type=P-384
form /certify 200 "uri=$trial;object=device-root" what=root "cn=Device Root" o=Example c=CH years=5
taken CERTIFICATE device.pem
"$openssl" verify -x509_strict -CAfile device.pem device.pem >/dev/null || die "the root of the page does not verify"
rest POST cas/import "$(jq -n --rawfile pem device.pem '{name: "Device Root", certificate: $pem}')" >/dev/null || die "it is not imported"
expect "its state without its key" "$(rest GET cas/device-root | jq -r .state)" certificate-only
rest PUT cas/device-root/key '{"uri":"pkcs11:token=trial;object=device-root;type=private"}' >/dev/null || die "its key is not taken"
expect "its state with its key" "$(rest GET cas/device-root | jq -r .state)" active
"$openssl" genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -aes256 -pass pass:geheim -out import.pem 2>>openssl.log
form /keys 200 "uri=$trial" name=sub how=import "key@import.pem" password=geheim
form /certify 200 "uri=$trial;object=sub" what=csr "pattern@root.pem"
taken 'CERTIFICATE REQUEST' sub.csr
"$openssl" req -in sub.csr -verify -noout -subject 2>>openssl.log | grep -q 'On Card' || die "the CSR has not the names of the pattern"
"$openssl" req -in sub.csr -noout -pubkey | cmp - <("$openssl" pkey -in import.pem -passin pass:geheim -pubout) || die "not the imported key"
refused /delete 409 'its name was not typed' "uri=$trial;object=sub" confirm=other
form /delete 200 "uri=$trial;object=sub" confirm=sub
form /reload 200 now=yes
within 20 is_up one || die "the agent does not come back after its reload"
rest POST cas/device-root/crl >/dev/null || die "the token that was made is not logged in after the reload"
shown "on the page: a token made, a key made and one taken in, a root and a CSR by a pattern, taken over by the gateway, deleted, reloaded"

# ---- two nodes ------------------------------------------------------------------------------------

start_second() {
    cp -a "$instance/data" second
    "$bin/gatehouse" serve --db "$GATEHOUSE_DB" --data "$work/second" --http none --https "127.0.0.1:$second_port" \
        --agents "127.0.0.1:$second_agents" --public-name localhost --public-url "$GATEHOUSE_HTTP_URL" \
        </dev/null >second.out 2>>second.log &
    other_pids+=($!)
    within 60 grep -q '^ready:' second.out || die "the second node does not start: $(tail -n 3 second.log)"
}
# COMMAND... at the second node.
at_second() { GATEHOUSE_URL=https://localhost:$second_port "$@"; }

second_port=$(free_port)
second_agents=$(free_port)
kill_agent "$agent_pid"
agent_options=(--gateway "127.0.0.1:$second_agents")
start_second
run_agent one "$softhsm"
within 20 is_up one || die "the agent is not at the first node: $(tail -n 3 one.log)"
within 20 at_second is_up one || die "the agent is not at the second node: $(tail -n 3 one.log)"
issue at-first || die "no certificate at the first node"
at_second issue at-second || die "no certificate at the second node"
"$gateway_sh" kill-gateway "$instance"
at_second issue one-node-left || die "no certificate at the node that is left"
start_gateway
within 20 is_up one || die "the agent does not find the node that was started again"
issue restarted || die "no certificate after the restart"
shown "two nodes on one database: the agent is at both; one is killed, the CA goes on at the other; it comes back, the agent too"

rest DELETE "agents/$(jq -r .id one.json)" >/dev/null
within 20 grep -q unknown-agent one.log || die "the removed agent is not told: $(tail -n 3 one.log)"
shown "an agent that was removed is turned away"
rss=0
for pid in $(agent_processes); do
    rss=$((rss + $(awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup")))
done
[ "$rss" -le 32768 ] || die "the agent and its signers take $rss KiB"
shown "agent, signer and the module's process together take $rss KiB of memory"
finish
