#!/bin/bash
# Rehearses backup.sh on a site of two Zopes and one ZEO server that go down one by one:
#   dsnap-testkit run --zeo --zopes 2 -- ./rehearse-zeo.sh
set -euo pipefail

ctl() { dsnap-testkit ctl "$DSNAP_TESTKIT_STORAGE" "$@"; }
backup() { echo "== $1"; "$(dirname "$0")/backup.sh"; }

backup "all servers run"
ctl fault zeo reset-before:enter:1
backup "the ZEO server loses a request, and a Zope is asked"
ctl stop zope1
ctl crash zope2
backup "no Zope runs, and the ZEO server is asked"
ctl crash zeo
backup "no server runs, and dsnap works on the files"
ctl start zeo
ctl start zope1
backup "the ZEO server and one Zope are back"
