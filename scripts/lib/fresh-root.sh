# Roots of a Debian release, made from nothing in a temporary directory, and what runs in them. Sourced, as root, after
# common.sh and source-package.sh. The mirror is the one of this machine's apt configuration.
# shellcheck shell=bash disable=SC2154

# fresh_root_needs: what must be here for it.
fresh_root_needs() {
    [ "$(id -u)" -eq 0 ] || die "debootstrap and chroot need root"
    have debootstrap || die "debootstrap is missing: apt-get install debootstrap"
}

# fresh_root SUITE: makes one and sets fresh_root to it.
fresh_root() {
    local suite=$1 mirror packages=$gh_cache/debootstrap-$1
    mirror=$(sources_of "$suite" | awk '$1 == "URIs:" && !seen++ { print $2 }')
    [ -n "$mirror" ] || die "apt's configuration names no archive of this release"
    fresh_root=$(mktemp -d "${TMPDIR:-/tmp}/gatehouse-$suite.XXXXXX")
    fresh_roots+=("$fresh_root")
    chmod 755 "$fresh_root"
    mkdir -p "$packages"
    say "making a $suite root in $fresh_root"
    debootstrap --variant=minbase --include=ca-certificates --cache-dir="$packages" \
        --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
        "$suite" "$fresh_root" "$mirror" >"$fresh_root.log" 2>&1 || {
        tail -n 20 "$fresh_root.log" >&2
        die "debootstrap failed"
    }
    rm -f -- "$fresh_root.log"
    # Its updates, and how this machine reaches the mirrors.
    rm -f -- "$fresh_root/etc/apt/sources.list"
    sources_of "$suite" | sed 's/^Types: .*/Types: deb/' >"$fresh_root/etc/apt/sources.list.d/debian.sources"
    apt-config dump | grep -E '^Acquire::(http|https|Retries)' >"$fresh_root/etc/apt/apt.conf.d/10host" || true
    cp -L /etc/resolv.conf /etc/hosts "$fresh_root/etc/"
    if have npm; then
        install -D -m 644 "${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}" "$fresh_root/root/mirrors.pem"
        printf 'registry=%s\ncafile=/root/mirrors.pem\n' "$(npm config get registry 2>/dev/null)" >"$fresh_root/root/.npmrc"
    fi
}
fresh_roots=()

remove_fresh_roots() {
    local root
    for root in "${fresh_roots[@]}"; do rm -rf --one-file-system -- "$root"; done
}

# copy_tree ROOT: this tree, as git knows it, to /srv/gatehouse there.
copy_tree() {
    mkdir -p "$1/srv/gatehouse"
    (cd "$gh_root" && git ls-files -z --cached --others --exclude-standard |
        while IFS= read -r -d '' name; do [ ! -e "$name" ] || printf '%s\0' "$name"; done |
        tar --null --files-from=- -cf -) | tar -xf - -C "$1/srv/gatehouse"
}

# run_in_root ROOT PROGRAM ARGUMENT...: in namespaces of its own: what is mounted and started there ends with it.
run_in_root() {
    local mounts
    # shellcheck disable=SC2016 # expanded inside
    mounts='mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" &&
            mount -t tmpfs tmpfs "$1/run" && mount -t tmpfs tmpfs "$1/tmp" && chmod 1777 "$1/tmp" &&
            mount -t sysfs -o ro sysfs "$1/sys"; root=$1; shift; exec chroot "$root" "$@"'
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM="${TERM:-dumb}" HOME=/root LC_ALL=C.UTF-8 CI=true \
        DEBIAN_FRONTEND=noninteractive ${GATEHOUSE_JOBS:+GATEHOUSE_JOBS="$GATEHOUSE_JOBS"} \
        unshare --mount --pid --fork --kill-child --propagation private bash -c "$mounts" inside "$@"
}
