# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# BusyBox's source package, from the mirror this machine uses, without touching /etc/apt.

# debian_sources CODENAME: source lines for CODENAME out of the machine's apt configuration,
# both one-line and deb822; third-party archives have other suite names and fall through.
debian_sources() {
    local files=()
    shopt -s nullglob
    files=(/etc/apt/sources.list /etc/apt/sources.list.d/*.list)
    for i in "${!files[@]}"; do [[ -r ${files[i]} ]] || unset "files[i]"; done
    [[ ${#files[@]} -eq 0 ]] || awk -v codename="$1" '
        $1 == "deb" || $1 == "deb-src" {
            line = $0; options = ""
            if (match(line, /\[[^]]*\]/)) {
                if (match(line, /signed-by=[^] ]*/)) options = "[" substr(line, RSTART, RLENGTH) "] "
                sub(/\[[^]]*\]/, "", line)
            }
            split(line, word, " ")
            if (word[2] !~ /^cdrom:/ && (word[3] == codename || word[3] == codename "-security"))
                print "deb-src " options word[2] " " word[3] " main"
        }' "${files[@]}"
    files=(/etc/apt/sources.list.d/*.sources)
    [[ ${#files[@]} -eq 0 ]] || awk -v codename="$1" '
        function flush(  uri, suite, u, s, options) {
            options = key ~ /^\// ? "[signed-by=" key "] " : ""
            if (types ~ /deb/ && enabled != "no") {
                split(uris, uri, " "); split(suites, suite, " ")
                for (u in uri) for (s in suite)
                    if (suite[s] == codename || suite[s] == codename "-security")
                        print "deb-src " options uri[u] " " suite[s] " main"
            }
            types = uris = suites = key = enabled = ""
        }
        /^#/ { next }
        /^[ \t]*$/ || FNR == 1 { flush() }
        { name = tolower($1); value = $0; sub(/^[^:]*:[ \t]*/, "", value) }
        name == "types:" { types = value }
        name == "uris:" { uris = value }
        name == "suites:" { suites = value }
        name == "signed-by:" { key = value }
        name == "enabled:" { enabled = value }
        END { flush() }' "${files[@]}"
}

# private_apt COMMAND...: apt-get with its own sources, lists and cache.
private_apt() {
    local apt=$cache/apt
    apt-get -q -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State="$apt/state" -o Dir::State::status=/dev/null -o Dir::Cache="$apt/cache" \
        -o APT::Sandbox::User= -o Acquire::Languages=none "$@"
}

download_busybox() {
    local apt=$cache/apt codename
    # shellcheck source=/dev/null
    codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME-}")
    mkdir -p -- "$apt/state/lists/partial" "$apt/cache/archives/partial" "$cache/busybox.new"
    debian_sources "${codename:-bookworm}" | sort -u > "$apt/sources.list"
    [[ -s $apt/sources.list ]] ||
        printf 'deb-src http://deb.debian.org/debian bookworm main\n' > "$apt/sources.list"
    private_apt update
    (cd -- "$cache/busybox.new" && private_apt source --download-only busybox)
    rm -rf -- "$cache/busybox"
    mv -- "$cache/busybox.new" "$cache/busybox"
}

# find_busybox: sets busybox_dsc; downloads at most once.
find_busybox() {
    busybox_dsc=${BUSYBOX_DSC-}
    if [[ -n $busybox_dsc ]]; then
        [[ -r $busybox_dsc ]] || refuse "no BusyBox source at $busybox_dsc"
        return
    fi
    local found=("$cache"/busybox/*.dsc)
    if [[ ! -r ${found[0]} ]]; then
        require busybox apt-get apt dpkg-source dpkg-dev
        : > "$out/log/busybox-download.log"
        run busybox "$out/log/busybox-download.log" "downloading Debian's source package..." download_busybox
        found=("$cache"/busybox/*.dsc)
    fi
    busybox_dsc=${found[0]}
}
