#!/bin/sh
# Backs up a storage with BorgBackup: encrypted, without duplicates.
#
# Prepare:
#   export BORG_REPO=/backup/borg BORG_PASSCOMMAND="cat /etc/dsnap/borg.passphrase"
#   borg init --encryption=repokey
# Back up:
#   dsnap --storage /srv/ds backup-borg.sh
# Restore:
#   export BORG_REPO=/backup/borg BORG_PASSCOMMAND="cat /etc/dsnap/borg.passphrase"
#   mkdir /srv/ds-new && cd /srv/ds-new
#   borg extract "::$(borg list --short --last 1)"
set -eu
export BORG_REPO="${BORG_REPO:-/backup/borg}" # adapt
export BORG_PASSCOMMAND="${BORG_PASSCOMMAND:-cat /etc/dsnap/borg.passphrase}" # adapt

# From within the folder: a restore then gets A and config, without the folders above.
cd "$SNAPSHOT_DIRECTORY"
borg create "::ds-$(date -u +%Y%m%dT%H%M%S.%N)-${SNAPSHOT_TID:-unknown}" A config
