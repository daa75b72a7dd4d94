#!/bin/sh
# A watchdog for sites whose snapshot.conf stops the server with an exec script.
#
# If dsnap is killed between stop and start, the server is down until the next run. This script starts
# it again within minutes, by the line that stopped it, and leaves any other snapshot of a killed run.
# It never disturbs a run that is at work, and starts no server that somebody else has stopped.
#
# Run it every few minutes, as the user who runs dsnap: see dsnap.cron. If the nightly run has
# --snapshot-conf, --method or --plugin-dir, give the same options here.
set -u
STORAGE=/srv/ds # adapt

said=$(dsnap --storage "$STORAGE" --recover 2>&1)
status=$?
case $status in
0 | 75) exit 0 ;; # nothing is left, or a run is at work
*)
    echo "dsnap-watchdog: $STORAGE may be down or frozen since a killed run:"
    echo "$said"
    exit "$status"
    ;;
esac
