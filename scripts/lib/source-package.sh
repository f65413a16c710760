# Fetches Debian source packages of one suite, with an apt directory of our own: the machine's
# configuration stays as it is. Where from and which keys: copied from the machine's own apt
# configuration, with the suite swapped. Sourced by scripts/deps.
# shellcheck shell=bash disable=SC2154

# deb822 files: the stanzas that serve this suite, as "URI<TAB>Signed-By".
archives_from_deb822() {
    awk -v RS= -v suite="$1" '
        function value(name,   n, lines, i, line, out, on) {
            n = split($0, lines, "\n"); out = ""; on = 0
            for (i = 1; i <= n; i++) {
                line = lines[i]
                if (line ~ /^#/) continue
                if (tolower(line) ~ "^" tolower(name) ":") {
                    sub(/^[^:]*:[ \t]*/, "", line); out = line; on = 1
                } else if (on && line ~ /^[ \t]/) {
                    sub(/^[ \t]+/, "", line); out = out " " line
                } else on = 0
            }
            return out
        }
        {
            if (tolower(value("Enabled")) == "no") next
            suites = " " value("Suites") " "
            if (index(suites, " " suite " ") == 0 || value("Components") !~ /(^| )main( |$)/) next
            key = value("Signed-By")
            if (key !~ /^\//) key = ""       # an embedded key: fall back to the distribution keyring
            n = split(value("URIs"), uris, /[ \t]+/)
            for (i = 1; i <= n; i++) if (uris[i] != "") printf "%s\t%s\n", uris[i], key
        }' "${@:2}"
}

# One-line files: the same from "deb [options] URI suite main ...".
archives_from_lines() {
    awk -v suite="$1" '
        /^[ \t]*deb(-src)?[ \t]/ {
            line = $0; key = ""
            if (match(line, /\[[^]]*\]/)) {
                options = substr(line, RSTART + 1, RLENGTH - 2)
                line = substr(line, 1, RSTART - 1) substr(line, RSTART + RLENGTH)
                n = split(options, list, /[ \t]+/)
                for (i = 1; i <= n; i++)
                    if (list[i] ~ /^signed-by=\//) key = substr(list[i], 11)
            }
            n = split(line, word, /[ \t]+/); first = (word[1] == "" ? 2 : 1)
            if (word[first + 2] == suite && line ~ /[ \t]main([ \t]|$)/)
                printf "%s\t%s\n", word[first + 1], key
        }' "$@"
}

# archives SUITE: "URI<TAB>Signed-By" of the archives that serve it to this machine, each once.
archives() {
    local suite=$1 d file deb822=() lines=()
    eval "$(apt-config shell d Dir::Etc/d)"
    for file in "${d%/}/sources.list.d"/*.sources; do [ ! -f "$file" ] || deb822+=("$file"); done
    for file in "${d%/}/sources.list" "${d%/}/sources.list.d"/*.list; do
        [ ! -f "$file" ] || lines+=("$file")
    done
    {
        [ "${#deb822[@]}" -eq 0 ] || archives_from_deb822 "$suite" "${deb822[@]}"
        [ "${#lines[@]}" -eq 0 ] || archives_from_lines "$suite" "${lines[@]}"
    } | awk -F '\t' 'NF && !seen[$1]++'
}

# sources_of SUITE: deb822 stanzas for its source packages and those of its updates.
sources_of() {
    local suite=$1 release kind uri key
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    release=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
    [ -n "$release" ] || die "/etc/os-release names no release; Debian 12 or 13 is needed"
    for kind in '' -updates -security; do
        while IFS=$'\t' read -r uri key; do
            # A key file of one release alone cannot vouch for another; the distribution's
            # keyring holds those of all.
            [ ! -r "$keyring" ] || key=$keyring
            printf 'Types: deb-src\nURIs: %s\nSuites: %s\nComponents: main\n' "$uri" "$suite$kind"
            [ -z "$key" ] || printf 'Signed-By: %s\n' "$key"
            printf '\n'
        done < <(archives "$release$kind")
    done
}

# source_apt_setup DIR SUITE: makes the private apt directory and reads the suite's index.
source_apt_setup() {
    local dir=$1 suite=$2
    mkdir -p "$dir/lists/partial" "$dir/archives/partial" "$dir/sources"
    sources_of "$suite" >"$dir/sources/suite.sources"
    [ -s "$dir/sources/suite.sources" ] ||
        die "apt's configuration names no archive of this release; add one to /etc/apt"
    source_apt=(-o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$dir/sources"
        -o Dir::State::lists="$dir/lists" -o Dir::Cache="$dir"
        -o Dir::Cache::archives="$dir/archives" -o Acquire::Retries=3 -o APT::Sandbox::User=)
    "${apt_env[@]}" apt-get -q "${source_apt[@]}" update >&2 ||
        die "apt could not read the source index of '$suite'"
}

# source_versions NAME: all that the suite and its updates have, the newest first.
source_versions() {
    "${apt_env[@]}" apt-cache "${source_apt[@]}" showsrc "$1" 2>/dev/null |
        awk '$1 == "Version:" { print $2 }' | sort -Vru
}

# source_download NAME VERSION DIR: the upstream and the Debian archive. apt checks each against
# the signed index. The .dsc file adds nothing to that, and mirrors without it have been seen.
source_download() {
    local part
    rm -rf -- "$3"
    mkdir -p "$3"
    for part in --tar-only --diff-only; do
        (cd "$3" && "${apt_env[@]}" apt-get -q "${source_apt[@]}" \
            -o APT::Get::AllowUnauthenticated=false source --download-only \
            "$part" "$1=$2" >&2) || return 1
    done
}

# source_fetch NAME DIR CHECK: unpacks the newest version that CHECK VERSION accepts and that can be
# fetched, with Debian's patches applied, in DIR; sets source_version.
source_fetch() {
    local name=$1 dir=$2 check=$3 version fix
    source_version=
    for version in $(source_versions "$name"); do
        "$check" "$version" || continue
        if source_download "$name" "$version" "$dir.download"; then
            source_version=$version
            break
        fi
        say "WARNING: $name $version is in the index and cannot be fetched; trying the one before it"
    done
    [ -n "$source_version" ] || die "no usable source of $name could be fetched from '$suite'"
    mkdir -p "$dir"
    tar -xf "$dir.download/"*.orig.tar.?z -C "$dir" --strip-components=1
    tar -xf "$dir.download/"*.debian.tar.?z -C "$dir"
    while read -r fix _; do
        case $fix in '' | '#'*) continue ;; esac
        (cd "$dir" && patch -s -p1 --no-backup-if-mismatch <"debian/patches/$fix") ||
            die "$name $version: Debian's patch $fix does not apply"
    done <"$dir/debian/patches/series"
}
