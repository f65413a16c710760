#!/bin/bash
# A CA that is not ours (`openssl ca`) publishes CRLs; a validator here answers OCSP for it: lists fetched over HTTP and
# pushed, complete and delta, refused ones refused, stale ones tryLater, a responder certificate signed by that CA.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

foreign_ca() {
    mkdir -p foreign/certs www
    "$openssl" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout foreign/key -out foreign/ca.pem \
        -subj "/O=Elsewhere/CN=Foreign CA" -days 30 -addext basicConstraints=critical,CA:TRUE \
        -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
    : >foreign/index.txt
    : >foreign/index.txt.attr
    echo 1000 >foreign/serial
    echo 10 >foreign/crlnumber
    cat >foreign/conf <<CONF
[ca]
default_ca = d
[d]
database = $work/foreign/index.txt
serial = $work/foreign/serial
crlnumber = $work/foreign/crlnumber
new_certs_dir = $work/foreign/certs
certificate = $work/foreign/ca.pem
private_key = $work/foreign/key
default_md = sha256
default_days = 20
default_crl_days = 7
policy = p
crl_extensions = c
[p]
commonName = supplied
[c]
authorityKeyIdentifier = keyid
[ocsp]
basicConstraints = CA:FALSE
keyUsage = digitalSignature
extendedKeyUsage = OCSPSigning
noCheck = ignored
[leaf]
basicConstraints = CA:FALSE
CONF
}

ca_run() { "$openssl" ca -config foreign/conf -batch -notext "$@" >foreign/log 2>&1 || die "openssl ca: $(cat foreign/log)"; }

foreign_leaf() { # NAME
    "$openssl" req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$1" 2>/dev/null
    ca_run -extensions leaf -in "$1.csr" -out "$1.pem"
}

foreign_crl() { ca_run -gencrl "$@" -out foreign/crl.pem && "$openssl" crl -in foreign/crl.pem -outform DER -out www/foreign.crl; }

push() { # FILE: the status
    curl -sS --max-time 60 --cacert "$GATEHOUSE_TLS_CERT" -H "Authorization: Bearer $GATEHOUSE_TOKEN" -o push.out \
        -H 'Content-Type: application/pkix-crl' --data-binary "@$1" -w '%{http_code}' "$GATEHOUSE_URL/api/v1/validators/foreign/crl"
}

state() { # LEAF [OPTIONS]: what openssl ocsp says
    local leaf=$1
    shift
    "$openssl" ocsp "$@" -issuer foreign/ca.pem -cert "$leaf.pem" -url "$GATEHOUSE_HTTP_URL/ocsp/foreign" -CAfile foreign/ca.pem \
        >ocsp.out 2>&1
    grep -q '^Response verify OK' ocsp.out || { grep -o 'trylater\|unauthorized' ocsp.out || cat ocsp.out; return; }
    sed -n "s|^$leaf.pem: ||p" ocsp.out | head -n1
}

begin
need python3
foreign_ca
foreign_leaf good
foreign_leaf bad
foreign_leaf later
ca_run -revoke bad.pem -crl_reason keyCompromise
foreign_crl
port=$(free_port)
python3 -B -m http.server --bind 127.0.0.1 --directory www "$port" >web.log 2>&1 &
other_pids+=($!)
start_instance
within 10 curl -sS -o /dev/null "http://127.0.0.1:$port/" || die "python3 -m http.server"

jq -n --rawfile c foreign/ca.pem --arg u "http://127.0.0.1:$port/foreign.crl" \
    '{name: "Foreign", certificate: $c, settings: {sources: [$u], intervalSeconds: 5}}' >v.json
rest POST validators @v.json >v.out
expect "state" "$(jq -r .state v.out)" waiting
rest GET validators/foreign/csr >responder.csr
ca_run -extensions ocsp -in responder.csr -out responder.pem
jq -n --rawfile c good.pem '{certificate: $c}' >wrong.json
expect "a certificate for another key" "$(rest_status POST validators/foreign/certificate @wrong.json)" 422
jq -n --rawfile c responder.pem '{certificate: $c}' >right.json
rest POST validators/foreign/certificate @right.json >v.out
expect "state" "$(jq -r .state v.out)" active
shown "a validator made over REST; its CSR signed by openssl ca; another certificate refused"

rest POST validators/foreign/fetch >v.out
expect "problem" "$(jq -r .problem v.out)" null
expect "entries" "$(jq -r .crl.entries v.out)" 1
expect "good" "$(state good)" good
expect "revoked" "$(state bad)" revoked
grep -q 'Reason: keyCompromise' ocsp.out || die "no reason: $(cat ocsp.out)"
expect "good, SHA-256, no nonce" "$(state good -no_nonce -sha256)" good
shown "the CRL fetched over HTTP; openssl ocsp says good and revoked with its reason, verified by the foreign CA alone"

"$openssl" ocsp -issuer foreign/ca.pem -cert bad.pem -url "$GATEHOUSE_HTTP_URL/ocsp" -CAfile foreign/ca.pem >any.out 2>&1
grep -q '^bad.pem: revoked' any.out || die "/ocsp without a CA: $(cat any.out)"
shown "/ocsp without a CA: the CertID chooses"

public /crl/foreign.crl | cmp - www/foreign.crl || die "the list that is served again is another"
shown "its CRL is served again, octet for octet"

cp www/foreign.crl old.crl
ca_run -revoke later.pem -crl_reason superseded
foreign_crl
for _ in {1..100}; do [ "$(state later -no_nonce)" = revoked ] && break; sleep 0.2; done
expect "revoked since" "$(state later -no_nonce)" revoked
shown "a new list is found by itself within the interval"

expect "an old list" "$(push old.crl)" 422
expect "the present list again" "$(push www/foreign.crl)" 200
"$openssl" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout forger.key -out forger.pem -subj "/O=Elsewhere/CN=Foreign CA" -days 3 \
    -addext basicConstraints=critical,CA:TRUE 2>/dev/null
"$openssl" ca -config foreign/conf -gencrl -cert forger.pem -keyfile forger.key -out forged.pem >/dev/null 2>&1 || die "forging"
expect "a list with the right name and a wrong key" "$(push forged.pem)" 422
head -c 100 www/foreign.crl >short.crl
expect "half a list" "$(push short.crl)" 400
shown "old lists, lists of another key and broken ones are refused"

# Deltas, which openssl ca does not make.
cat >delta.py <<'PY'
import datetime, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
base, number, serial, reason, out = sys.argv[1:]
with open("foreign/ca.pem", "rb") as file:
    ca = x509.load_pem_x509_certificate(file.read())
with open("foreign/key", "rb") as file:
    key = serialization.load_pem_private_key(file.read(), None)
now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
entry = (x509.RevokedCertificateBuilder().serial_number(int(serial, 16)).revocation_date(now)
         .add_extension(x509.CRLReason(x509.ReasonFlags(reason)), False).build())
crl = (x509.CertificateRevocationListBuilder().issuer_name(ca.subject).last_update(now)
       .next_update(now + datetime.timedelta(days=1)).add_extension(x509.CRLNumber(int(number)), False)
       .add_extension(x509.DeltaCRLIndicator(int(base)), True).add_revoked_certificate(entry).sign(key, hashes.SHA256()))
with open(out, "wb") as file:
    file.write(crl.public_bytes(serialization.Encoding.DER))
PY
delta() { python3 -B delta.py "$1" "$2" "$("$openssl" x509 -in good.pem -noout -serial | sed 's/serial=//')" "$3" "$4" || die "a delta"; }
good_is() { [ "$(state good)" = "$1" ]; } # or what else is said
base=$("$openssl" crl -inform DER -in www/foreign.crl -noout -crlnumber)
base=$((${base#*=}))
delta "$base" $((base + 1)) certificateHold held.crl
expect "a delta" "$(push held.crl)" 200
within 10 good_is revoked || die "the delta is not obeyed: $(cat ocsp.out)"
grep -q 'Reason: certificateHold' ocsp.out || die "no reason of the delta: $(cat ocsp.out)"
expect "revoked in the complete list" "$(state bad)" revoked
delta $((base + 100)) $((base + 101)) keyCompromise ahead.crl
expect "a delta to a list that is not here" "$(push ahead.crl)" 422
delta "$base" $((base + 2)) removeFromCRL www/delta.crl
jq -n --arg u "http://127.0.0.1:$port" '{settings: {sources: [$u + "/foreign.crl"], intervalSeconds: 5, deltaSources: [$u + "/delta.crl"]}}' >d.json
rest PATCH validators/foreign @d.json >v.out
rest POST validators/foreign/fetch >v.out
expect "problem" "$(jq -r .problem v.out)" null
within 10 good_is good || die "removeFromCRL is not obeyed: $(cat ocsp.out)"
expect "the delta before" "$(push held.crl)" 422
shown "deltas are pushed and fetched: a hold, its removal; those without their base and older ones are refused"
printf '%X\n' $((base + 10)) >foreign/crlnumber

# The first source is nowhere, the second says nothing; the third has it.
cat >silent.py <<'PY'
import socket, sys, time
with socket.create_server(("127.0.0.1", int(sys.argv[1]))):
    time.sleep(600)
PY
silent=$(free_port)
python3 -B silent.py "$silent" &
other_pids+=($!)
heard() { (exec 3<>"/dev/tcp/127.0.0.1/$silent") 2>/dev/null; }
within 10 heard || die "the silent server"
jq -n --arg s "http://127.0.0.1:$silent/x.crl" --arg n "http://127.0.0.1:$(free_port)/x.crl" --arg u "http://127.0.0.1:$port" \
    '{settings: {sources: [$n, $s, $u + "/foreign.crl"], timeoutSeconds: 1, intervalSeconds: 600, deltaSources: []}}' >d.json
rest PATCH validators/foreign @d.json >v.out
ca_run -revoke good.pem -crl_reason superseded
foreign_crl
rest POST validators/foreign/fetch >v.out
expect "problem" "$(jq -r .problem v.out)" null
within 10 good_is revoked || die "the third source was not asked: $(cat ocsp.out)"
sed -i '/^R.*CN=good$/{s/^R/V/;s/\t[0-9]*Z,superseded\t/\t\t/}' foreign/index.txt
foreign_crl
jq -n --arg u "http://127.0.0.1:$port/foreign.crl" '{settings: {sources: [$u], intervalSeconds: 5}}' >d.json
rest PATCH validators/foreign @d.json >v.out
rest POST validators/foreign/fetch >v.out
within 10 good_is good || die "its list again: $(cat ocsp.out) $(cat foreign/index.txt)"
shown "several sources: one that is away and one that is silent (time-out of a second) do not hold up the next"

printf '1000\n1001\n1002\n' >issued.txt
curl -sS --fail --cacert "$GATEHOUSE_TLS_CERT" -H "Authorization: Bearer $GATEHOUSE_TOKEN" -H 'Content-Type: text/plain' \
    --data-binary @issued.txt -o issued.out "$GATEHOUSE_URL/api/v1/validators/foreign/issued"
expect "issued" "$(jq .issued.entries issued.out)" 3
expect "good still" "$(state good)" good
"$openssl" ocsp -issuer foreign/ca.pem -serial 0x77 -url "$GATEHOUSE_HTTP_URL/ocsp/foreign" -CAfile foreign/ca.pem >ocsp.out 2>&1
grep -q '0x77: unknown' ocsp.out || die "never issued: $(cat ocsp.out)"
measured() {
    curl -sS -H "Authorization: Bearer $GATEHOUSE_TOKEN" --cacert "$GATEHOUSE_TLS_CERT" "$GATEHOUSE_URL/metrics" >metrics.out
    ends=$(sed -n 's/^gatehouse_expiry_timestamp_seconds{kind="validator-list",ca="foreign"} \([0-9.e+]*\).*/\1/p' metrics.out)
    [ -n "$ends" ] && awk -v e="$ends" -v n="$(date +%s)" 'BEGIN { exit e + 0 > n + 0 ? 0 : 1 }'
}
within 60 measured || die "no metric of the list's end: $(grep expiry metrics.out)"
shown "with the list of issued serial numbers, others are unknown"

"$openssl" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout lister.key -out lister.pem -subj "/CN=Lister" -days 3 2>/dev/null
sign_list() { # KEY CERTIFICATE OUT
    "$openssl" cms -sign -binary -nodetach -outform DER -signer "$2" -inkey "$1" -in issued.txt -out "$3" 2>/dev/null
}
issued() { # FILE: the status
    curl -sS --cacert "$GATEHOUSE_TLS_CERT" -H "Authorization: Bearer $GATEHOUSE_TOKEN" -H 'Content-Type: application/pkcs7-mime' \
        --data-binary "@$1" -o issued.out -w '%{http_code}' "$GATEHOUSE_URL/api/v1/validators/foreign/issued"
}
lists="http://127.0.0.1:$port/issued.p7m"
jq -n --arg u "http://127.0.0.1:$port/foreign.crl" --arg l "$lists" '{settings: {sources: [$u], intervalSeconds: 5, issuedSources: [$l]}}' >s.json
expect "an unsigned list by plain HTTP" "$(rest_status PATCH validators/foreign @s.json)" 422
sign_list lister.key lister.pem older.p7m
sleep 1.1 # a signing time has seconds
printf '77\n' >>issued.txt
sign_list lister.key lister.pem www/issued.p7m
jq --rawfile c lister.pem '.settings.issuedSigner = $c' s.json >t.json
rest PATCH validators/foreign @t.json >v.out
rest POST validators/foreign/fetch >v.out
expect "problem" "$(jq -r .problem v.out)" null
expect "issued" "$(jq .issued.entries v.out)" 4
"$openssl" ocsp -issuer foreign/ca.pem -serial 0x77 -url "$GATEHOUSE_HTTP_URL/ocsp/foreign" -CAfile foreign/ca.pem -no_nonce >ocsp.out 2>&1
grep -q '0x77: good' ocsp.out || die "of the signed list: $(cat ocsp.out)"
expect "the same again" "$(issued www/issued.p7m)" 200
expect "an older one" "$(issued older.p7m)" 422
expect "an unsigned one" "$(issued issued.txt)" 422
sign_list forger.key forger.pem forged.p7m
expect "one of another key" "$(issued forged.p7m)" 422
sed 's/1001/1009/' www/issued.p7m >changed.p7m
expect "a changed one" "$(issued changed.p7m)" 422
"$openssl" cms -sign -binary -noattr -nodetach -outform DER -signer lister.pem -inkey lister.key -in issued.txt -out timeless.p7m
expect "one without a signing time" "$(issued timeless.p7m)" 422
shown "signed lists of issued serial numbers are fetched and pushed; unsigned, older, forged, changed and undated ones are refused"

foreign_crl -crlsec 6
rest POST validators/foreign/fetch >v.out
sleep 7
expect "after the end of the list" "$(state good -no_nonce)" trylater
rest POST validators/foreign/fetch >v.out
jq -r .problem v.out | grep -q 'validator.stale' || die "no problem shown: $(jq .problem v.out)"
rest GET 'events?limit=50' | jq -e '.items[] | select(.code == "validator.stale")' >/dev/null || die "no event"
foreign_crl
rest POST validators/foreign/fetch >v.out
expect "after a new list" "$(state good -no_nonce)" good
shown "at the end of its list answers are tryLater, with an event; a new list ends that"
finish
