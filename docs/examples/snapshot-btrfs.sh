#!/bin/sh
# Backs up with a Btrfs snapshot: the storage is frozen only for the second that this takes.
# Untried: needs a Btrfs file system. Only its syntax is checked.
#
# Run it as root, and not inside dsnap: it calls dsnap itself. STORAGE must be a subvolume.
set -eu
STORAGE=/srv/ds # adapt
SNAPSHOTS=/srv/.snapshots # on the same file system; adapt
KEEP=14 # how many snapshots to keep; adapt

dsnap --storage "$STORAGE" \
    btrfs subvolume snapshot -r "$STORAGE" "$SNAPSHOTS/ds-$(date -u +%Y%m%dT%H%M%SZ)"
# In a snapshot, A and config are the backup. The other folders are those of a running server.
find "$SNAPSHOTS" -maxdepth 1 -name 'ds-*' | sort | head -n "-$KEEP" | while read -r old; do
    btrfs subvolume delete "$old"
done
