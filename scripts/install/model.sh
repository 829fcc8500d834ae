# Taking a model: proved where it can do no harm, then put in the old one's place in one step.

# check_model FILE NAME: refuse at once what cannot be a model.
check_model() {
    local file=$1 name=$2
    if [ -z "$file" ]; then
        [ -z "$name" ] || [ -e "$(model_of "$name")" ] || code=2 die "--service $name has no model – give --model FILE"
        return 0
    fi
    [ -f "$file" ] || die "$file: no such file – name a model that rnn-convert made"
    case $(head -c 8 "$file" | tr -d '\0') in
    *TFL3) ;;
    *HDF*) die "$file is a checkpoint, not a model – run on the desktop: rnn-convert $file" ;;
    *) die "$file is not a model – name a .tflite file that rnn-convert made" ;;
    esac
}

# confined COMMAND…: run it as nobody, in the service's own sandbox, with bounded memory and time.
# A model is a stranger's file, and the interpreter was not written to survive a forged one.
confined() {
    local line properties=()
    if systemd_runs; then
        while read -r line; do
            case $line in *=*) [[ $line = \#* ]] || properties+=(-p "$line") ;; esac
        done <"$source/systemd/rnn-speak.service.d/00-sandbox.conf"
        systemd-run --quiet --wait --pipe --collect "${properties[@]}" \
            -p PrivateDevices=yes -p MemoryMax=450M -p MemorySwapMax=0 -p TasksMax=64 \
            -p LimitAS=4G -p LimitCORE=0 -p RuntimeMaxSec=300 \
            -E LANG=C.UTF-8 -E OPENBLAS_NUM_THREADS=1 -E OMP_NUM_THREADS=1 "$@"
    else # in an image that is being built
        timeout 300 setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs \
            --bounding-set=-all prlimit --as=4294967296 --core=0 --nproc=256 -- \
            env -i PATH=/usr/bin:/bin LANG=C.UTF-8 OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 "$@"
    fi </dev/null
}

# prove FILE: say what it does here, or fail with why not in $refusal.
prove() {
    local said
    if said=$(confined "$home/bin/rnn-doctor" "$1" --only model 2>&1); then
        say "the model computes the right numbers, $(printf '%s\n' "$said" | grep -o '[0-9]* characters per second')"
        return
    fi
    # A stranger's file has a say in this text.
    said=$(printf '%s\n' "$said" | tr -d '\001-\010\013-\037\177')
    refusal=$(printf '%s\n' "$said" | sed -n "s|^WRONG model *||; t found; b; :found; s|$1: *||; p" | cut -c1-300)
    [ "$refusal" ] || refusal=$(printf '%s\n' "$said" | tail -n 1 | cut -c1-300)
    refusal=${refusal:-it ends the process}
    return 1
}

# take_model FILE NAME: and start the service with it.
take_model() {
    local file=$1 name=$2 target candidate unit refusal=''
    target=$(model_of "$name") unit=$(unit "$2")
    if [ "$file" ]; then
        step "the model: $(basename -- "$file")"
        quietly rm -f "$models"/.candidate.*.tflite "$models/.previous.tflite" # a killed run's
        candidate=$(temporary_for "$target") || false # the subshell is not to report it, too
        at_exit+=("rm -f '$candidate' '$models/.previous.tflite'")
        quietly cp -- "$file" "$candidate"
        quietly chmod 644 "$candidate"
        prove "$candidate" || die "$step does not run here: $refusal – $(stays "$target")"
        [ ! -e "$target" ] || quietly ln -f "$target" "$models/.previous.tflite"
        quietly settle "$candidate" "$target"
    fi
    if [ ! -e "$target" ]; then
        say "no model yet: sudo install-pi --model FILE, or scripts/deploy from the desktop"
    elif ! systemd_runs; then
        say "systemd does not run here: systemctl enable $unit.socket $unit.service"
    else
        step "starting $unit"
        start "$name" || refused "$target" "$unit"
        say "$unit runs with $target; rnn-doctor tells more"
    fi
}

stays() { [ ! -e "$1" ] || echo -n "the old one stays; "; echo "convert it again with rnn-convert"; }

# refused TARGET UNIT: the service did not come up. Put the model that it had back, and say why.
refused() {
    local why
    why=$(journalctl --no-pager -o cat -n 20 -u "$2" 2>/dev/null | grep -E '^(error: |not reloaded)' | tail -n 1) || true
    why=${why#error: }
    if [ -e "$models/.previous.tflite" ] && quietly settle "$models/.previous.tflite" "$1"; then
        quietly systemctl restart "$2.service" || true
        die "$step with the new model: ${why:-it failed} – the old one is back; journalctl -u $2"
    fi
    die "$step: ${why:-it failed} – journalctl -u $2 -n 20"
}
