#!/bin/sh
# asymgen 0.1.0: source-based routing as plain ip(8) commands. Root runs it; it may be run again.
set -u
PATH=$PATH:/usr/sbin:/sbin
LC_ALL=C; export LC_ALL # ip(8)'s messages are compared
failed=0
attempt() { # attempt FORGIVEN COMMAND…
    said=$(shift; "$@" 2>&1 </dev/null) && return
    printf '%s\n' "$said" | grep -E -q "$1" || { shift; failed=1; printf 'failed: %s: %s\n' "$*" "$said" >&2; }
}
setting() { echo "$1" >"$2"; }
ensure() { attempt 'File exists' "$@"; }


exit "$failed"
