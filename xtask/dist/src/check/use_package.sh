# Uses what a package has installed: the programs, a loaded method, the old name, and the pages.
set -eu

dsnap --version -v
dsnap --list-methods | grep 'line .* loaded from /usr/lib/dsnap/libdsnap_line.so'

# A copy that is taken with the loaded method holds everything that was committed.
rm -rf /tmp/use
mkdir /tmp/use
cd /tmp/use
cat >rehearse <<'END'
set -eu
port=$(cat "$DSNAP_TESTKIT_STORAGE/misc/dsnap-testkit.port")
dsnap-testkit ctl "$DSNAP_TESTKIT_STORAGE" commit 20
dsnap --storage "$DSNAP_TESTKIT_STORAGE" --method "line 127.0.0.1:$port" cp -a "$DSNAP_TESTKIT_STORAGE/A" copy
dsnap-testkit verify copy --site "$DSNAP_TESTKIT_STORAGE"
# The name and the two forms of the command line that existing cron lines have.
dirstorage_snapshot --storage "$DSNAP_TESTKIT_STORAGE" -t 60 true
dirstorage_snapshot "$DSNAP_TESTKIT_STORAGE" - true
END
dsnap-testkit run --commits-per-second 0 -- sh rehearse
cd / && rm -r /tmp/use

# The whole text of each page, with nothing to complain about.
for page in dsnap snapshot.conf dsnap-testkit dsnap-method dirstorage_snapshot; do
    man "$page" >/tmp/page 2>/tmp/complaints
    grep -q '^NAME' /tmp/page
    test "$(wc -l </tmp/page)" -gt 100
    test ! -s /tmp/complaints || { cat /tmp/complaints; exit 1; }
done
rm /tmp/page /tmp/complaints

for file in bash-completion/completions/dsnap doc/dsnap/docs/examples/dsnap-backup.service dsnap/template/Cargo.toml; do
    test -s "/usr/share/$file"
done
