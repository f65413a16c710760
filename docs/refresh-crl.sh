#!/bin/sh
# Fetches the CRL of an authority, checks it, puts it in place in one step, and tells the program that uses it. For
# servers that read a CRL from a file: Mosquitto, nginx (ssl_crl), Apache, stunnel, OpenVPN, PostgreSQL. Run it from
# cron or a systemd timer, more often than the CRL's nextUpdate comes.
#
#   refresh-crl.sh URL CA.pem CRL.pem [COMMAND...]
#   refresh-crl.sh http://pki.example.org/crl/issuing.crl /etc/mosquitto/ca.pem /etc/mosquitto/crl.pem \
#       systemctl reload mosquitto
#
# Nothing changes when the CRL cannot be fetched, does not verify with CA.pem, or is the one that is there.
set -eu
[ $# -ge 3 ] || { echo "usage: refresh-crl.sh URL CA.pem CRL.pem [COMMAND...]" >&2; exit 2; }
url=$1 ca=$2 crl=$3
shift 3
draft=$(mktemp "$crl.XXXXXX")
trap 'rm -f "$draft" "$draft.der" "$draft.log"' EXIT
curl --silent --show-error --fail --max-time 60 --output "$draft.der" "$url"
if ! openssl crl -inform DER -in "$draft.der" -CAfile "$ca" -verify -out "$draft" 2>"$draft.log" ||
    ! grep -q 'verify OK' "$draft.log"; then
    echo "the CRL from $url does not verify with $ca" >&2
    exit 1
fi
[ ! -e "$crl" ] || ! cmp -s "$draft" "$crl" || exit 0
chmod 644 "$draft"
mv "$draft" "$crl"
[ $# -eq 0 ] || "$@"
