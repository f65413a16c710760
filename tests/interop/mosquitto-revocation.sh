#!/bin/bash
# A Mosquitto broker that asks for client certificates of our CA refuses a client once its certificate is revoked and
# the CRL refreshed by docs/refresh-crl.sh.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

begin
need mosquitto mosquitto_pub
start_instance
ca=$(make_ca "Devices" '{"type":"EC","curve":"P-256"}')
public "/ca/$ca.pem" >ca.pem
make_csr P-256 localhost localhost
submit_and_sign "$ca-web-server" localhost
devices=$(rest POST "cas/$ca/templates" '{"name":"Devices","starter":"tls-client"}' | jq -er .id) || die "no template for devices"
for name in pump valve; do
    make_csr P-256 "$name" "$name"
    submit_and_sign "$devices" "$name"
done
refresh() { PATH=$(dirname "$openssl"):$PATH "$interop_root/docs/refresh-crl.sh" "$(url_in valve.pem crl)" ca.pem crl.pem "$@"; }
refresh || die "the first CRL"
port=$(free_port)
cat >mosquitto.conf <<CONF
listener $port 127.0.0.1
cafile $work/ca.pem
certfile $work/localhost.pem
keyfile $work/localhost.key
crlfile $work/crl.pem
require_certificate true
use_identity_as_username true
allow_anonymous false
$([ "$(id -u)" -ne 0 ] || echo 'user root')
CONF
env -u OPENSSL_CONF mosquitto -c mosquitto.conf >broker.log 2>&1 &
broker=$!
other_pids+=("$broker")
publish() { # NAME
    env -u OPENSSL_CONF timeout 10 mosquitto_pub -h localhost -p "$port" --cafile ca.pem --cert "$1.pem" --key "$1.key" \
        -t state -m on -q 1 >"$1.log" 2>&1
}
within 15 publish valve || die "valve: $(cat valve.log broker.log)"
publish pump || die "pump: $(cat pump.log)"
shown "two devices publish to Mosquitto with certificates of our CA"
rest POST "certificates/$(certificate_id pump)/revoke" '{"reason":"keyCompromise"}' >/dev/null
refresh kill -HUP "$broker" || die "refresh"
"$openssl" crl -in crl.pem -noout -text | grep -q 'Key Compromise' || die "the refreshed CRL lacks the revocation"
refused() { ! publish pump; }
if ! within 5 refused; then
    # Before 2.0.15 or so the CRL is read when the listener starts.
    note "this Mosquitto reads its CRL at its start alone; it is started again"
    kill "$broker"
    within 10 gone "$broker" || die "mosquitto does not stop"
    env -u OPENSSL_CONF mosquitto -c mosquitto.conf >>broker.log 2>&1 &
    other_pids+=($!)
fi
within 15 publish valve || die "valve: $(cat valve.log broker.log)"
publish pump && die "the revoked device publishes still"
shown "after its revocation and docs/refresh-crl.sh the broker refuses the one, and takes the other"
before=$(stat -c %Y.%i crl.pem)
refresh false || die "a refresh without news ran its command"
expect "a refresh without news" "$(stat -c %Y.%i crl.pem)" "$before"
if PATH=$(dirname "$openssl"):$PATH "$interop_root/docs/refresh-crl.sh" "$(url_in valve.pem crl)" localhost.pem crl.pem 2>/dev/null; then
    die "a CRL that does not verify was taken"
fi
shown "without news nothing is touched; a CRL that does not verify is not taken"
finish
