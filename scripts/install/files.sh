# Files that appear whole or not at all, also when the power goes, and what a killed run leaves.

# one_at_a_time: what another run left is told from what it is at work on by its not running.
one_at_a_time() {
    exec {running}>/run/install-pi.lock
    flock --nonblock "$running" || die "install-pi runs already – wait until it is done"
}

# temporary_for DEST: make an empty file in its folder, and say its name.
temporary_for() { mktemp "$(dirname -- "$1")/.$(basename -- "$1").rnn-$$-XXXXXXXX.tmp" 2>>"$log"; }

# settle TEMPORARY DEST: put a complete file in its place, on the disk and in one step.
settle() {
    # Failing by return: here, under quietly, the ERR trap would speak into the log.
    sync -- "$1" && mv -T -- "$1" "$2" && sync -- "$(dirname -- "$2")" || return 1
}

# put_file SRC DEST MODE: copy a file, "-" for stdin, over the one that is there.
put_file() {
    local temporary
    temporary=$(temporary_for "$2") &&
        cat -- "$1" >"$temporary" &&
        chmod -- "$3" "$temporary" &&
        settle "$temporary" "$2" && return
    rm -f -- "$temporary"
    return 1
}

# clear_leftovers FOLDER…: remove what killed runs left there.
clear_leftovers() {
    local folder
    for folder in "$@"; do
        [ ! -d "$folder" ] || find "$folder" -maxdepth 1 -type f -user "$(id -u)" \
            -name '.*.rnn-*-????????.tmp' -exec flock --nonblock {} rm -f {} \; || true
    done
}
