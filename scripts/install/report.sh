# What install-pi says: each step as it begins, and in one line which one failed and why.

step="starting" log='' code=1
at_exit=() # commands that tidy up, whatever happens

ticker=''

say() {
    hush
    printf '== %s\n' "$*"
}

die() {
    trap - ERR
    hush
    printf 'error: %s\n' "$*" >&2
    exit "$code"
}

# begin_log: what the programs that install-pi runs say goes into a file, not onto the terminal.
# In /run, which is there when the disk is full and empty after a restart.
begin_log() {
    log=$(mktemp /run/install-pi.XXXXXX)
    trap 'failed' ERR
    trap 'tidy' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

end_log() {
    rm -f "$log"
    log=''
}

step() {
    step=$*
    say "$step"
    echo "== $step" >>"$log"
    tick
}

# tick: on a terminal, show that it goes on, until the next line.
tick() {
    [ -t 1 ] || return 0
    (
        trap - ERR EXIT INT TERM HUP
        SECONDS=0
        while sleep 1; do printf '\r   %d s ' "$SECONDS"; done
    ) &
    ticker=$!
}

hush() {
    [ "$ticker" ] || return 0
    kill "$ticker" 2>/dev/null || true
    wait "$ticker" 2>/dev/null || true
    ticker=''
    printf '\r         \r'
}

# quietly COMMAND…: run it, with all it says in the log.
quietly() { "$@" >>"$log" 2>&1; }

tidy() {
    local command
    trap - ERR
    hush
    for command in "${at_exit[@]}"; do eval "$command" || true; done
    [ -z "$log" ] || [ -s "$log" ] || rm -f "$log" # nothing was done yet
}

failed() {
    trap - ERR
    local said
    said=$(sed -n '/^== /h;/^== /!H;${x;p}' "$log" | tail -n +2) # of the last step
    [ -z "$said" ] || printf '%s\n' "$said" | tail -n 5 | sed 's/^/   /' >&2
    die "$step: $(reason "$said") (all of it: $log)"
}

FULL="the disk is full – make room; df -h shows where"

# reason TEXT: what a failed program meant, and what to do about it.
reason() {
    case $1 in
    *"No space left on device"* | *"not enough free space"* | *"don't have enough free space"*)
        echo "$FULL" ;;
    *"Temporary failure"*resol* | *"Could not resolve"* | *"Network is unreachable"* | *NewConnectionError* | *NameResolutionError*)
        echo "no network – connect this Pi and try again, or give --wheelhouse DIR" ;;
    *"Could not get lock"* | *"Unable to lock"*)
        echo "another package manager runs – wait until it is done" ;;
    *"Failed to fetch"* | *"Unable to fetch"* | *"Unable to locate package"* | *"does not have a Release file"* | *"is not signed"*)
        echo "a package cannot be had from this system's mirror – sudo apt update shows why" ;;
    *"No matching distribution"*)
        printf '%s – see whether this Python and processor are supported\n' "$(printf '%s\n' "$1" | grep "No matching distribution" | tail -n 1)" ;;
    *"'-m', 'ensurepip'"*) # which keeps its reasons to itself
        if [ "$(df -Pk /opt | awk 'END { print $4 }')" -lt 20000 ]; then echo "$FULL"; else echo "pip cannot be set up – sudo apt install --reinstall python3-venv"; fi ;;
    *[![:space:]]*) printf '%s\n' "$1" | grep -v '^[[:space:]]*$' | tail -n 1 ;;
    *) echo "it failed without a word" ;;
    esac
}
