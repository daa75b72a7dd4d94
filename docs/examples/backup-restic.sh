#!/bin/sh
# Backs up a storage with restic: encrypted, without duplicates, also to another machine.
#
# Prepare:
#   export RESTIC_REPOSITORY=/backup/restic RESTIC_PASSWORD_FILE=/etc/dsnap/restic.password
#   restic init
# Back up:
#   dsnap --storage /srv/ds backup-restic.sh
# Restore:
#   export RESTIC_REPOSITORY=/backup/restic RESTIC_PASSWORD_FILE=/etc/dsnap/restic.password
#   restic restore latest --target /srv/ds-new
set -eu
export RESTIC_REPOSITORY="${RESTIC_REPOSITORY:-/backup/restic}" # adapt
export RESTIC_PASSWORD_FILE="${RESTIC_PASSWORD_FILE:-/etc/dsnap/restic.password}" # adapt

# From within the folder: a restore then gets A and config, without the folders above.
cd "$SNAPSHOT_DIRECTORY"
restic backup --quiet --tag "tid-${SNAPSHOT_TID:-unknown}" A config
