#!/bin/sh
# Backs up a storage with rsync: one folder for each run, in which unchanged files are hard links to
# the run before. Every folder is a whole backup.
#
# Prepare:
#   mkdir -p /backup
# Back up:
#   dsnap --storage /srv/ds backup-rsync.sh
# Restore:
#   mkdir /srv/ds-new
#   rsync -a /backup/latest/A /backup/latest/config /srv/ds-new/
set -eu
BACKUPS=${BACKUPS:-/backup} # adapt

name=$(date -u +%Y%m%dT%H%M%S.%NZ)
# -@-1: files that changed within a second have the same size and the same second. docs/backup.md says more.
# The link latest does not exist at the first run. rsync then says so, and copies everything.
rsync -a -@-1 --delete --link-dest="$BACKUPS/latest" \
    "$SNAPSHOT_DIRECTORY/A" "$SNAPSHOT_DIRECTORY/config" "$BACKUPS/incomplete/"
mv "$BACKUPS/incomplete" "$BACKUPS/$name"
ln -sfn "$name" "$BACKUPS/latest"
