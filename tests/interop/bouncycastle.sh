# Clients made of Bouncy Castle. Sourced after lib.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154 # interop_root and work are lib.sh's

bc_jars=/usr/share/java/bcpkix.jar:/usr/share/java/bcprov.jar:/usr/share/java/bcutil.jar

# compile_client CLASS: into $work/java
compile_client() {
    need java javac
    [ -s "${bc_jars%%:*}" ] || die "libbcpkix-java is missing: run scripts/deps"
    mkdir -p "$work/java"
    javac -cp "$bc_jars" -d "$work/java" "$interop_root/tests/interop/java/$1.java" 2>"$work/javac.out" ||
        die "$(cat "$work/javac.out")"
}

run_client() { # CLASS ARGUMENTS...
    env -u OPENSSL_CONF timeout 120 java -cp "$work/java:$bc_jars" "$@" 2>"$work/client.err"
}
