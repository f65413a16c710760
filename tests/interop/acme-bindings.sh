#!/bin/bash
# External account bindings used up, expired, revoked and wrong; a scope narrower than the policy's; pre-approved
# names without any challenge; an account that stays bound when its binding is gone; a policy's limits.
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/acme.sh
. "$here/acme.sh"

# register DIR: certbot's account with $kid and $hmac
register() {
    certbot --config-dir "$1" --work-dir "$1" --logs-dir "$1" --non-interactive register --server "$directory" \
        --eab-kid "$kid" --eab-hmac-key "$hmac" --agree-tos -m a@example.org >"$1.out" 2>&1
}
order() { # DIR NAME...: by a port that nobody validates
    local dir=$1 name
    local -a names=()
    shift
    for name in "$@"; do names+=(-d "$name"); done
    certbot --config-dir "$dir" --work-dir "$dir" --logs-dir "$dir" --non-interactive certonly --standalone \
        --http-01-port "$port" --server "$directory" --force-renewal "${names[@]}" >"$dir.out" 2>&1
}

begin
need certbot
acme_instance
port=$(free_port)
policy=$(acme_policy Approved '{"preapproved":["**.example.test"],"identifiers":["**.example.test"],"limits":{"ordersPerHour":4}}')

acme_binding "$policy" once
register one || die "register: $(cat one.out)"
register two && die "a binding for one use was used twice"
grep -q 'is used up' two.out || die "used up: $(cat two.out)"
shown "a binding for one use: the second account is told that it is used up"

acme_binding "$policy" short "{\"expiresAt\":\"$(date -u -d '+2 seconds' +%FT%TZ)\"}"
sleep 3
register three && die "an expired binding was taken"
grep -q 'has expired' three.out || die "expired: $(cat three.out)"
acme_binding "$policy" wrong
hmac=$("$openssl" rand -base64 32 | tr '+/' '-_' | tr -d '=')
register four && die "a wrong key was taken"
grep -q 'wrong MAC' four.out || die "wrong: $(cat four.out)"
acme_binding "$policy" revoked
rest DELETE "acme/bindings/$kid"
register five && die "a revoked binding was taken"
shown "expired, wrong and revoked bindings are refused"

order one www.example.test a.b.example.test || die "order: $(cat one.out)"
checked one/live/www.example.test/fullchain.pem a.b.example.test
expect "challenges" "$(rest GET "acme/orders/$(rest GET acme/orders | jq -r '.items[0].id')" |
    jq '[.authorizations[].challenges[]] | length')" 0
shown "pre-approved names: a certificate without any challenge"

order one www.example.org && die "a name outside the policy was certified"
grep -qi 'not among the names' one.out one/letsencrypt.log || die "outside: $(cat one.out)"
shown "a name outside the policy is refused with the reason"

acme_binding "$policy" narrow '{"scope":["*.dev.example.test"]}'
register six || die "register: $(cat six.out)"
rest DELETE "acme/bindings/$kid"
order six a.dev.example.test || die "narrow: $(cat six.out)"
order six www.example.test && die "the binding's scope is not kept"
grep -qi 'external binding' six.out six/letsencrypt.log || die "scope: $(cat six.out)"
shown "a narrower scope holds, also after its binding is gone"

account=$(rest GET acme/accounts | jq -er '.items[0].id')
rest POST "acme/accounts/$account/deactivate" >/dev/null
order six a.dev.example.test && die "a revoked account got a certificate"
shown "an account that an administrator has revoked gets nothing"

for i in 1 2 3 4; do order one "limit$i.example.test" || break; done
grep -qi 'orders of this hour' one.out one/letsencrypt.log || die "no limit: $(cat one.out)"
shown "a policy's limit of orders per hour is told as rateLimited"

curl -sS --cacert "$GATEHOUSE_TLS_CERT" -H "Authorization: Bearer $GATEHOUSE_TOKEN" "$GATEHOUSE_URL/metrics" >metrics.txt
for sample in 'bindings_total{outcome="taken"} 2' 'bindings_total{outcome="used-up"} 1' 'bindings_total{outcome="expired"} 1' \
    'bindings_total{outcome="wrong"} 2' 'limits_total{limit="orders-of-account"} 1' 'problems_total{problem="rateLimited"} 1' \
    'problems_total{problem="rejectedIdentifier"} 2'; do
    grep -qxF "gatehouse_acme_$sample" metrics.txt || die "no $sample: $(grep '^gatehouse_acme' metrics.txt)"
done
expect "orders that were made" "$(sed -n 's/^gatehouse_acme_orders_total{outcome="created"} //p' metrics.txt)" \
    "$(rest GET acme/orders | jq '.items | length')"
expect "orders that took time" "$(sed -n 's/^gatehouse_acme_order_seconds_count //p' metrics.txt)" \
    "$(rest GET acme/orders | jq '[.items[] | select(.status == "valid")] | length')"
shown "/metrics counts bindings, limits, refusals and orders by what became of them"
finish
