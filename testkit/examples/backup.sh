#!/bin/bash
# A backup script. To rehearse it on a simulated site:  dsnap-testkit run -- ./backup.sh
#
# Without dsnap-testkit, DSNAP_TESTKIT_STORAGE is not set, and the script backs up /srv/ds.
set -euo pipefail

storage=${DSNAP_TESTKIT_STORAGE:-/srv/ds}
backup=${BACKUP:-$(mktemp -d)}/ds

mkdir -p "$backup"
dsnap -t 10m --storage "$storage" cp -a "$storage/A" "$storage/config" "$backup"

# In a rehearsal only: check the copy.
if [ -n "${DSNAP_TESTKIT_STORAGE:-}" ]; then
    dsnap-testkit verify "$backup" --site "$storage"
    rm -r "$(dirname "$backup")"
fi
