# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Configuration fragments, as the kernel and BusyBox write them.

# settings FRAGMENT...: the lines that set or clear a symbol, without the reasons.
settings() { grep -hE '^(# )?CONFIG_[A-Za-z0-9_]+(=| is not set)' -- "$@"; }

# missing CONFIG FRAGMENT...: the settings of the fragments that CONFIG does not have. Kconfig
# itself drops silently what has an unmet dependency or does not exist.
missing() {
    local config=$1
    shift
    settings "$@" | awk -v config="$config" '
        BEGIN { while ((getline line < config) > 0) have[line] = 1
                for (line in have) if (match(line, /^CONFIG_[A-Za-z0-9_]+=/)) on[substr(line, 1, RLENGTH - 1)] = 1 }
        /^#/ { if ($2 in on) print; next }
        !($0 in have)'
}

# check_config STEP CONFIG FRAGMENT...: ends the build when a setting was not taken over.
check_config() {
    local step=$1 lost
    shift
    lost=$(missing "$@")
    [[ -z $lost ]] || fail "$step" "these settings did not reach the configuration:
$lost"
}
