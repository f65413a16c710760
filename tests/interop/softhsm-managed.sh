#!/bin/bash
# The same job with SoftHSM2 as the managed token: its keys are RSA and EC, and what the database holds is
# wrapped by an AES key in that token.
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/flow.sh
. "$here/flow.sh"

find_softhsm() {
    local path
    for path in "${SOFTHSM2_MODULE:-}" /usr/lib/softhsm/libsofthsm2.so \
        /usr/lib/*/softhsm/libsofthsm2.so /usr/lib64/pkcs11/libsofthsm2.so; do
        if [ -e "$path" ]; then
            softhsm=$path
            return
        fi
    done
    die "libsofthsm2.so is missing: run scripts/deps"
}

begin
need nginx softhsm2-util pkcs11-tool mariadb
find_softhsm
mkdir tokens
printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$work/tokens" >softhsm2.conf
export SOFTHSM2_CONF=$work/softhsm2.conf
start_instance --managed-module "$softhsm"
softhsm2-util --show-slots | grep -q 'Initialized: *yes' || die "SoftHSM2 has no token"
shown "an instance whose managed token is SoftHSM2"

hierarchy hsm "SoftHSM" '{"type":"EC","curve":"P-384"}' '{"type":"RSA","bits":3072}'
issue_and_revoke hsm "SoftHSM"
serve_by_nginx hsm SoftHSM RSA
restart hsm

# What SoftHSM2 cannot make is refused, and says so.
status=$(rest_status POST cas '{"name":"Too New","key":{"type":"ML-DSA-65"}}')
case $status in
4??) shown "SoftHSM: an ML-DSA-65 CA is refused ($status): this token knows no such key" ;;
*) die "an ML-DSA-65 CA on SoftHSM2: status $status" ;;
esac
expect "no half-made CA" "$(rest GET cas | jq '[.items[] | select(.name == "Too New")] | length')" 0

# The key-encryption key is in the token, and nothing of it leaves: not by its attributes, not by a rotation.
pkcs11-tool --module "$softhsm" --token-label gatehouse --login --pin "$(cat "$instance/data/token.pin")" \
    --list-objects --type secrkey >keks.txt 2>/dev/null
grep -q 'AES length 32' keks.txt && grep -q 'gatehouse-kek' keks.txt || die "no key-encryption key: $(cat keks.txt)"
grep -q 'never extractable' keks.txt && grep -q 'sensitive' keks.txt || die "it may leave: $(cat keks.txt)"
kek=$(sed -n 's/^ *ID: *//p' keks.txt)
sql() { mariadb --no-defaults --socket="$instance/db/db.sock" --user=root --batch --skip-column-names gatehouse; }
wrapped="FROM private_keys WHERE wrapped <> ''"
expect "all keys are under it, by CKM_AES_KEY_WRAP_PAD" \
    "$(sql <<<"SELECT DISTINCT LOWER(HEX(SUBSTRING(wrapped, 7, 16))), HEX(SUBSTRING(wrapped, 2, 4)) $wrapped")" "$kek	0000210A"
"$bin/gatehouse" kek rotate >/dev/null
rotated() { "$bin/gatehouse" kek status | jq -e '.rotation.state == "done"' >/dev/null; }
within 40 rotated || die "the rotation does not end: $("$bin/gatehouse" kek status)"
expect "keys under the old one" "$(sql <<<"SELECT COUNT(*) $wrapped AND LOWER(HEX(SUBSTRING(wrapped, 7, 16))) = '$kek'")" 0
kill -9 "$(signer_pid)"
rest POST "cas/$(rest GET cas | jq -r '.items[0].id')/crl" >/dev/null || die "no signature after the rotation"
shown "SoftHSM: the key-encryption key is in the token, sensitive and never extractable; every managed key is wrapped by it, and by the next one after a rotation"

# The key's home is the database: the token holds the wrapping key and no CA key at rest.
stop_gateway
count=$(find tokens -name '*.object' ! -name token.object | wc -l)
[ "$count" -le 3 ] || die "$count objects are left in SoftHSM2"
shown "SoftHSM: $count object(s) at rest in the token, every CA key only wrapped in the database"
finish
