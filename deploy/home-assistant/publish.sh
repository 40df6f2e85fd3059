#!/bin/bash
# Publishes each event of `facedge verify --watch` over MQTT, and the entities that Home Assistant makes of them.
#
#   publish.sh ID [OPTION OF mosquitto_pub ...] -- facedge verify --camera 0 --watch --bundle ana
#
# ID: letters, digits, - and _. facedge takes the place of this process, so that signals, exit code and notifications
# to systemd are its own. Events are sent once and never late (QoS 0, not retained): what happens while the broker is
# away is not published. A broker that is away at the start is an error.
set -euo pipefail

usage='expected: publish.sh ID [OPTION OF mosquitto_pub ...] -- facedge verify --camera SRC --watch ...'
id=${1:-}
[[ $id =~ ^[A-Za-z0-9_-]+$ ]] || { echo "publish.sh: $usage" >&2; exit 2; }
shift
options=()
while [[ $# -gt 0 && $1 != -- ]]; do
    options+=("$1")
    shift
done
[[ $# -ge 2 ]] || { echo "publish.sh: $usage" >&2; exit 2; }
shift

topic=facedge/$id
discovery=$(sed "s/@ID@/$id/g" "$(dirname "$(readlink -f "$0")")/discovery.json" | tr -d '\n')

keep() { # publish a retained message: topic, text
    mosquitto_pub ${options[@]+"${options[@]}"} -r -q 1 -t "$1" -m "$2"
}

announce() {
    keep "homeassistant/device/facedge_$id/config" "$discovery" && keep "$topic/status" online
}

publish() { # the lines of stdin, until its end
    trap '' INT TERM # the last event comes after the signal
    # A broker that was restarted has the will of the old connection as the status, or nothing at all.
    (while true; do read -r -t 60 <> <(:) || announce || true; done) < /dev/null & # read waits without a process
    mosquitto_pub ${options[@]+"${options[@]}"} -l -t "$topic/event" \
        --will-topic "$topic/status" --will-payload offline --will-retain || true
    kill -KILL $!
    keep "$topic/status" offline
}

announce || { echo "publish.sh: the broker cannot be reached with the options: ${options[*]-none}" >&2; exit 2; }
exec "$@" > >(publish)
