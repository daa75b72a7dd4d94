#!/bin/sh
# Backs up with a ZFS snapshot: the storage is frozen only for the second that this takes.
# Untried: needs a ZFS pool. Only its syntax is checked.
#
# Run it as root, and not inside dsnap: it calls dsnap itself.
set -eu
STORAGE=/srv/ds # adapt
DATASET=tank/srv/ds # the dataset that is mounted there; adapt
TARGET="ssh backup zfs receive -F backup/ds" # adapt
KEEP=14 # how many snapshots to keep; adapt

name=$DATASET@dsnap-$(date -u +%Y%m%dT%H%M%SZ)
before=$(zfs list -H -t snapshot -o name -s creation -d 1 "$DATASET" | grep '@dsnap-' | tail -n 1)
dsnap --storage "$STORAGE" zfs snapshot "$name"
# In a snapshot, A and config are the backup. The other folders are those of a running server.
# shellcheck disable=SC2086 # TARGET is a command with its arguments
zfs send ${before:+-i "$before"} "$name" | $TARGET
zfs list -H -t snapshot -o name -s creation -d 1 "$DATASET" | grep '@dsnap-' |
    head -n "-$KEEP" | xargs -r -n 1 zfs destroy
