#!/bin/sh
# Backs up a storage into one compressed archive for each run. For small storages.
#
# Prepare:
#   mkdir -p /backup
# Back up:
#   dsnap --storage /srv/ds backup-tar.sh
# Restore:
#   mkdir /srv/ds-new
#   tar -C /srv/ds-new -xpzf "$(ls -t /backup/ds-*.tgz | head -n 1)"
set -eu
BACKUPS=${BACKUPS:-/backup} # adapt
KEEP_DAYS=30 # adapt

archive=$BACKUPS/ds-$(date -u +%Y%m%dT%H%M%SZ)-${SNAPSHOT_TID:-unknown}.tgz
trap 'rm -f "$archive.part"' EXIT
tar -C "$SNAPSHOT_DIRECTORY" -czf "$archive.part" A config
sync "$archive.part"
mv "$archive.part" "$archive"
find "$BACKUPS" -maxdepth 1 -name 'ds-*.tgz' -mtime "+$KEEP_DAYS" -delete
