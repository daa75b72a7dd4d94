#!/bin/sh
# Backs up from a snapshot of the LVM volume: the storage is frozen only for the seconds of lvcreate.
# Untried: needs a volume group. Only its syntax is checked.
#
# Run it as root, and not inside dsnap: it calls dsnap itself.
set -eu
STORAGE=/srv/ds # adapt
VOLUME=vg0/srv # the volume that is mounted at MOUNTED; adapt
MOUNTED=/srv # adapt
SIZE=10G # room for what changes during the backup; adapt
BACKUPS=/backup # adapt

copy=$(mktemp -d)
cleanup() {
    umount "$copy" 2>/dev/null || true
    rmdir "$copy"
    lvremove --yes --quiet "${VOLUME%/*}/dsnap" || true
}
# lvcreate freezes the file system for a moment, so that everything is on disk.
dsnap --storage "$STORAGE" lvcreate --snapshot --size "$SIZE" --name dsnap "$VOLUME"
trap cleanup EXIT
# On XFS: -o ro,nouuid,norecovery. On ext4: -o ro,noload.
mount -o ro "/dev/${VOLUME%/*}/dsnap" "$copy"
tar -C "$copy/${STORAGE#"$MOUNTED"/}" -czf "$BACKUPS/ds-$(date -u +%Y%m%dT%H%M%SZ).tgz" A config
