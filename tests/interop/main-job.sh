#!/bin/bash
# The main job from an empty directory: two hierarchies whose keys live behind PKCS#11 issue, revoke and
# answer, and openssl, nginx and curl agree with what the gateway says.
#
#   main-job.sh [OPTIONS for gatehouse init and serve...]
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/flow.sh
. "$here/flow.sh"

begin
need nginx
start_instance "$@"
shown "an instance from an empty directory: private database, managed token, first administrator"

hierarchy classic "Classic" '{"type":"EC","curve":"P-384"}' '{"type":"RSA","bits":3072}'
hierarchy quantum "Post-Quantum" '{"type":"ML-DSA-65"}' '{"type":"ML-DSA-65"}'
expect "the classic keys" "$(key_of classic/root.pem), $(key_of classic/made.pem)" "NIST P-384, RSA 3072 bit"
expect "the post-quantum keys" "$(key_of quantum/root.pem), $(key_of quantum/made.pem)" "ML-DSA-65, ML-DSA-65"
issue_and_revoke classic "Classic"
issue_and_revoke quantum "Post-Quantum"
serve_by_nginx classic Classic RSA
serve_by_openssl quantum Post-Quantum ML-DSA-44
public_pages classic
restart classic
finish
