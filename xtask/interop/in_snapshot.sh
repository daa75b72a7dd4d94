# Does in one snapshot what an administrator would do: the three ways to copy that docs/backup.md
# names, then, for class Full, the real check and the real backup.
#
#   sh in_snapshot.sh STORAGE COPIES CLASS
#
# The copies come first, because the check marks files with a permission bit. The real tools run
# without --storage: they must find their storage in the environment.
set -eu
storage=$1 copies=$2 class=$3

[ "$SNAPSHOT_VERSION" = 2 ] || { echo "SNAPSHOT_VERSION is $SNAPSHOT_VERSION" >&2; exit 90; }
[ "$SNAPSHOT_DIRECTORY" = "$storage" ] || { echo "SNAPSHOT_DIRECTORY is $SNAPSHOT_DIRECTORY" >&2; exit 91; }
[ "$SNAPSHOT_TIMESTAMP" -le "$(date +%s)" ] || { echo "SNAPSHOT_TIMESTAMP is $SNAPSHOT_TIMESTAMP" >&2; exit 92; }
printf '%s\n' "$SNAPSHOT_TID" >"$copies/tid"

mkdir "$copies/rsync" "$copies/tar" "$copies/cp"
rsync -a -@-1 "$storage/A" "$storage/config" "$copies/rsync/"
tar -C "$storage" -cf "$copies/copy.tar" A config
tar -C "$copies/tar" -xpf "$copies/copy.tar"
cp -a "$storage/A" "$storage/config" "$copies/cp/"

if [ "$class" = Full ]; then
    dirstorage_checkds -q
    dirstorage_backup full
fi
