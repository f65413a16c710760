#!/bin/bash
# One more node by one command and a code that holds once: it gets token and configuration, answers OCSP and signs with
# the keys of the instance.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

# invite OPTIONS...: waits in the background; $code is what it printed.
invite() {
    address=127.0.0.1:$(free_port)
    : >invite.out # what an earlier one wrote is not this one's
    "$bin/gatehouse" node invite "$address" --config "$work/first.conf" "$@" >invite.out 2>invite.err &
    inviter=$!
    other_pids+=("$inviter")
    within 20 grep -q 'node join' invite.out || die "no invitation: $(cat invite.err)"
    code=$(sed -n 's/.*node join [^ ]* //p' invite.out)
    [[ $code =~ ^([A-Z2-7]{4}-){7}[A-Z2-7]{4}$ ]] || die "the code: $code"
}

join() { # CODE DIRECTORY OPTIONS...
    local code=$1 data=$2
    shift 2
    "$bin/gatehouse" node join "$address" "$code" --data "$data" "$@" >join.out 2>join.err
}

write_first() {
    local http_port https_port
    # shellcheck disable=SC1091,SC2154 # made by gateway.sh
    . "$instance/ports"
    (umask 077 && cat "$instance/db/password" >db.password)
    printf '%s\n' "data = $instance/data" "db = mysql://gatehouse@localhost/gatehouse?socket=$instance/db/db.sock" \
        "db-password-file = $work/db.password" "http = 127.0.0.1:$http_port" "https = 127.0.0.1:$https_port" \
        "public-url = $GATEHOUSE_HTTP_URL" "public-https-url = $GATEHOUSE_URL" 'public-name = localhost' \
        'jobs-interval = 1' >first.conf
}

# A join that fails in the middle leaves a machine on which it can be tried again.
half_way() {
    invite --node-db "mysql://gatehouse@localhost/gatehouse?socket=$instance/db/db.sock"
    ! join "$code" second --write-config "$work/nowhere/gatehouse.conf" || die "a configuration in no directory"
    grep -q 'nowhere/gatehouse.conf cannot be written' join.err || die "$(cat join.err)"
    [ -z "$(find second -mindepth 1)" ] || die "left behind: $(find second -mindepth 1)"
    within 5 gone "$inviter" || die "the code was seen and holds on"
    grep -q 'could not put it in place' invite.err || die "the inviter is told nothing: $(cat invite.err)"
    shown "a join that fails half way takes back what it wrote, and the inviter is told; the code is spent"
}

refused() {
    local wrong
    ! "$bin/gatehouse" node invite "127.0.0.1:1" --config first.conf >/dev/null 2>err || die "a database of this machine alone"
    grep -q -- '--node-db' err || die "$(cat err)"
    invite --node-db "mysql://gatehouse@localhost/gatehouse?socket=$instance/db/db.sock"
    wrong=$(tr 'A-Y2-6' 'B-Z3-7' <<<"$code")
    ! join "$wrong" second || die "a wrong code"
    grep -q 'does not know this code' join.err || die "$(cat join.err)"
    ! join "${code%?}" second || die "half a code"
    grep -q 'eight groups of four' join.err || die "$(cat join.err)"
    [ -z "$(find second -type f)" ] || die "something came: $(find second -type f)"
    curl -sk --max-time 3 "https://$address/" >/dev/null 2>&1 || true
    printf 'GET / HTTP/1.0\r\n\r\n' | timeout 3 bash -c "cat >/dev/tcp/${address/:/\/}" || true
    alive "$inviter" || die "the invitation ended by a wrong code"
    grep -q 'does not have the code' invite.err || die "the log says nothing of the others: $(cat invite.err)"
    shown "a wrong code, half a code and callers without one get nothing, and the invitation holds on"
}

# Who connects and says nothing, or half a handshake: more of them than the listener keeps.
crowd() {
    python3 - "${address##*:}" <<'PYTHON' &
import socket, sys, time
callers = []
for number in range(40):
    callers.append(socket.create_connection(("127.0.0.1", int(sys.argv[1]))))
    if number % 2:
        callers[-1].sendall(b"\x16\x03\x01\x02\x00\x01")
open("crowd", "w").close()
time.sleep(60)
PYTHON
    other_pids+=("$!")
    within 10 test -e crowd || die "the silent callers do not come through"
    asked=$(date +%s%N)
}

joined() {
    second_http=$(free_port)
    second_https=$(free_port)
    crowd
    join "$code" second --http "127.0.0.1:$second_http" --https "127.0.0.1:$second_https" ||
        die "it does not join: $(cat join.err join.out)"
    # Each of them used to hold up the next for ten seconds.
    [ $((($(date +%s%N) - asked) / 1000000)) -lt 8000 ] || die "silent callers hold up the one with the code"
    shown "forty callers that are silent, or stop in the middle of a handshake, do not keep the one with the code waiting"
    grep -q '^ready: gatehouse serve --config' join.out || die "$(cat join.out)"
    within 5 gone "$inviter" || die "the invitation goes on"
    grep -q '^joined: 127.0.0.1' invite.out || die "$(cat invite.out)"
    expect "modes" "$(find second -type f ! -perm 600 | wc -l)" 0
    grep -qx "db-password-file = $work/second/db-password" second/gatehouse.conf || die "$(cat second/gatehouse.conf)"
    cmp -s second/db-password <(tr -d '\n' <db.password) || die "another password"
    ! grep -qF "$(cat db.password)" join.out join.err invite.out invite.err second/gatehouse.conf || die "the password is told"
    shown "with the code it gets configuration, secrets and token (modes 0600), and check finds nothing wanting"
    ! join "$code" third || die "the code holds twice"
    ! join "$code" second || die "it joins twice"
    grep -q 'empty machine' join.err || die "$(cat join.err)"
    rest GET 'events?code=node.joined' | jq -e '.items | length == 2' >/dev/null || die "no event for each that had a code"
    shown "the code is spent, a machine that has a token is left alone, each that had a code is an event node.joined"
}

serves() {
    "$bin/gatehouse" serve --config second/gatehouse.conf </dev/null >second.out 2>second.log &
    other_pids+=("$!")
    within 30 grep -q '^ready:' second.out || die "the second node does not start: $(tail -n 5 second.log)"
    make_csr P-256 leaf leaf.example.test
    submit_and_sign "$ca-web-server" leaf
    "$openssl" ocsp -issuer ca.pem -cert leaf.pem -url "http://127.0.0.1:$second_http/ocsp/$ca" -CAfile ca.pem >ocsp.out 2>&1 ||
        die "$(cat ocsp.out)"
    grep -q 'leaf.pem: good' ocsp.out || die "$(cat ocsp.out)"
    grep -q 'Response verify OK' ocsp.out || die "$(cat ocsp.out)"
    GATEHOUSE_URL=https://localhost:$second_https
    make_csr P-256 other other.example.test
    submit_and_sign "$ca-web-server" other
    "$openssl" verify -CAfile ca.pem other.pem >/dev/null || die "what the second node signed does not verify"
    rest POST "cas/$ca/crl" >/dev/null || die "the second node signs no CRL"
    shown "the new node answers OCSP, issues and signs CRLs with the instance's managed keys"
}

expires() {
    GATEHOUSE_URL=$first_url
    invite --node-db "mysql://gatehouse@localhost/gatehouse?socket=$instance/db/db.sock" --expires 1
    within 5 gone "$inviter" || die "it waits on"
    grep -q 'holds no longer' invite.err || die "$(cat invite.err)"
    ! join "$code" late || die "a code that is over"
    shown "an invitation ends with its time"
}

begin
start_instance
ca=$(make_ca Issuing '{"type":"EC","curve":"P-256"}')
rest GET "cas/$ca/certificate?format=pem" >ca.pem
first_url=$GATEHOUSE_URL
unset GATEHOUSE_DB # an option from the environment, which would win over the file
write_first
half_way
refused
joined
serves
expires
finish
