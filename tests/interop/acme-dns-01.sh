#!/bin/bash
# dns-01 with certbot by RFC 2136 against a real BIND, and with lego: a wildcard with its domain; without the record
# the administrator reads why.
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/acme.sh
. "$here/acme.sh"

begin
need certbot lego
acme_instance
start_bind
policy=$(acme_policy DNS "{\"challenges\":[\"dns-01\"],\"dns\":{\"resolvers\":[\"127.0.0.1@$dns_port\"]}}")

acme_binding "$policy" certbot
(umask 077 && cat >rfc2136.ini <<EOF
dns_rfc2136_server = 127.0.0.1
dns_rfc2136_port = $dns_port
dns_rfc2136_name = update.
dns_rfc2136_secret = $tsig_key
dns_rfc2136_algorithm = HMAC-SHA256
EOF
)
certbot --config-dir cb --work-dir cb --logs-dir cb --non-interactive certonly --dns-rfc2136 \
    --dns-rfc2136-credentials rfc2136.ini --dns-rfc2136-propagation-seconds 1 --server "$directory" --eab-kid "$kid" \
    --eab-hmac-key "$hmac" --agree-tos -m a@example.org -d example.test -d '*.example.test' >certbot.out 2>&1 ||
    die "certbot: $(cat certbot.out)"
cp cb/live/example.test/fullchain.pem wild.pem
checked wild.pem anything.example.test
checked wild.pem example.test
shown "certbot with dns-rfc2136 and BIND: a wildcard and its domain in one certificate"

acme_binding "$policy" lego
RFC2136_NAMESERVER=127.0.0.1:$dns_port RFC2136_TSIG_ALGORITHM=hmac-sha256. RFC2136_TSIG_KEY=update. \
    RFC2136_TSIG_SECRET=$tsig_key lego --path lego --server "$directory" --email a@example.org \
    --domains '*.sub.example.test' --dns rfc2136 --dns.resolvers "127.0.0.1:$dns_port" --dns.disable-cp --accept-tos \
    --eab --kid "$kid" --hmac "$hmac" run >lego.out 2>&1 || die "lego: $(cat lego.out)"
checked lego/certificates/_.sub.example.test.crt a.sub.example.test
shown "lego with rfc2136: a wildcard"

acme_binding "$policy" without
printf '#!/bin/sh\nexit 0\n' >nothing.sh
chmod +x nothing.sh
certbot --config-dir cb2 --work-dir cb2 --logs-dir cb2 --non-interactive certonly --manual --preferred-challenges dns \
    --manual-auth-hook "$work/nothing.sh" --server "$directory" --eab-kid "$kid" --eab-hmac-key "$hmac" --agree-tos \
    -m a@example.org -d none.example.test >certbot.out 2>&1 && die "certified without a record"
order=$(rest GET acme/orders | jq -er '.items[0].id')
rest GET "acme/orders/$order" >order.json
expect "status" "$(jq -r .status order.json)" invalid
jq -er '.authorizations[0].challenges[0].problem.detail' order.json >reason
grep -q 'There is no TXT record at _acme-challenge.none.example.test' reason || die "the reason is: $(cat reason)"
shown "a challenge that fails: the order says to the administrator: $(cat reason)"
finish
