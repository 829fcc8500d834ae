# The service's units, its settings, and the group that may ask it.

UNITS="rnn-speak.service rnn-speak.socket rnn-speak@.service rnn-speak@.socket
       rnn-speak-hourly.service rnn-speak-hourly.timer"
# What the services share: one file each in systemd/rnn-speak.service.d, a copy for each service.
DROP_INS="rnn-speak.service.d/00-sandbox.conf rnn-speak.service.d/00-rnn-speakd.conf
          rnn-speak@.service.d/00-sandbox.conf rnn-speak@.service.d/00-rnn-speakd.conf
          rnn-speak-hourly.service.d/00-sandbox.conf"

systemd_runs() { [ -d /run/systemd/system ]; }

# unit NAME, settings NAME, model_of NAME: those of a service; the plain one has no name.
unit() { echo "rnn-speak${1:+@$1}"; }
settings() { echo "/etc/default/rnn-speak${1:+-$1}"; }
model_of() { echo "$models/${1:-model}.tflite"; }

# check_name NAME: it becomes part of file names and unit names.
check_name() {
    case $1 in
    control | model | *[!a-zA-Z0-9_-]* | [!a-zA-Z0-9]*)
        code=2 die "--service $1 – take a name of letters, digits, - and _, but not control or model" ;;
    esac
    [ ${#1} -le 40 ] || code=2 die "--service $1 – take a name of up to 40 characters"
}

make_group() {
    if ! getent group rnn-speak >/dev/null; then
        step "group rnn-speak: its members may ask the service"
        quietly groupadd --system rnn-speak
    fi
    if [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != root ] && ! id -nG "$SUDO_USER" | grep -qw rnn-speak; then
        quietly usermod -aG rnn-speak "$SUDO_USER"
        say "$SUDO_USER is a member from the next login on"
    fi
}

install_units() {
    local file
    step "units and settings"
    # Drop-ins first: no service starts without its sandbox.
    for file in $DROP_INS; do
        quietly install -d -m 755 "/etc/systemd/system/${file%/*}"
        quietly put_file "$source/systemd/rnn-speak.service.d/${file##*/}" "/etc/systemd/system/$file" 644
    done
    for file in $UNITS; do
        quietly put_file "$source/systemd/$file" "/etc/systemd/system/$file" 644
    done
    quietly install -d -m 755 "$models"
    ! systemd_runs || quietly systemctl daemon-reload
}

# write_settings NAME ENGINE: those that are there stay.
write_settings() {
    local file options="--interval 10m"
    file=$(settings "$1")
    if [ -e "$file" ]; then
        [ -z "$2" ] || say "kept: $file; to speak with another engine, write --engine there"
        return
    fi
    case $2 in
    '') ;;
    none) options="--on-demand --engine none" ;;
    *) options="$options --engine $2" ;;
    esac
    sed -e "s/^OPTIONS=.*/OPTIONS=\"$options\"/" -e "s/reload rnn-speak/reload $(unit "$1")/" \
        "$source/systemd/rnn-speak.default" | quietly put_file - "$file" 644 || false
}

# start NAME: start the service, or let it take what changed. Fails if it does not come up.
start() {
    local unit
    unit=$(unit "$1")
    quietly systemctl enable "$unit.socket" "$unit.service" || return
    if ! systemctl is-active --quiet "$unit.service"; then
        quietly systemctl reset-failed "$unit.service" || true
        quietly systemctl start "$unit.service"
    elif [ "$program_changed" ]; then
        quietly systemctl restart "$unit.service"
    else
        quietly systemctl reload "$unit.service"
    fi
}
