#!/bin/bash
# A backup script, rehearsed:  dsnap-testkit run -- ./backup.sh
#
# On the real site DSNAP_TESTKIT_STORAGE is not set, and the real storage is backed up.
set -euo pipefail

storage=${DSNAP_TESTKIT_STORAGE:-/srv/ds}
backup=${BACKUP:-$(mktemp -d)}/ds

mkdir -p "$backup"
dsnap -t 10m --storage "$storage" cp -a "$storage/A" "$storage/config" "$backup"

# Only in the rehearsal: is it a good one?
if [ -n "${DSNAP_TESTKIT_STORAGE:-}" ]; then
    dsnap-testkit verify "$backup" --site "$storage"
    rm -r "$(dirname "$backup")"
fi
