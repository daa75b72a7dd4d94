//! The texts of `--help` that do not describe a single option.
//!
//! The options are described where they are defined, in [`args`](crate::args). No line may be
//! wider than a terminal of 80 columns.
//!
//! The manual page is made from these texts, too. So [`DETAILS`] keeps to a form: paragraphs, and headings
//! that end with a colon, above indented lists of a term, two spaces and its meaning.

/// The widest help, in columns.
pub(crate) const MAX_COLUMNS: usize = 80;

pub(crate) const ABOUT: &str = "\
Runs COMMAND while a DirectoryStorage is in snapshot mode. While COMMAND runs,
nothing writes to the main directory A/ of the storage, which contains every
transaction committed before. The server keeps working and commits to B/.

dsnap enters snapshot mode with the first method that works, locks the snapshot,
checks that it is fresh (not left over from an earlier time), and runs COMMAND.
Then it unlocks and leaves, even if COMMAND fails or a signal arrives. Without
COMMAND it does all of this as a test.";

pub(crate) const USAGE: &str = "\
dsnap [OPTIONS] --storage DIR [--also DIR]... [COMMAND [ARG]...]
       dsnap [OPTIONS] DIR CONF COMMAND [ARG]...     (old form; CONF may be -)
       dsnap [--json] [--watch] --status DIR...";

pub(crate) const DETAILS: &str = "\
A DURATION or AGE is a number of seconds, or one like 1.5, 90s, 10m, 2h or 1d.

Methods, one on each line of the conf file, tried in order until one works:
  http URL ACCESS  ask the DirectoryStorageToolkit at URL in a Zope server; the
                   file ACCESS (or systemd's credential:NAME) has user:password
  zeo ADDRESS      ask the ZEO server at ADDRESS: host:port, or a socket's path
  exec PROGRAM     ask a program of yours: PROGRAM enter, later PROGRAM leave
  NAME             ask the loadable method in the library libdsnap_NAME.so
  direct           work on the storage itself, while no server has it open;
                   tried last unless the file has a direct or nodirect line
  nodirect         do not try direct last

COMMAND finds these variables in its environment:
  SNAPSHOT_VERSION    2, the version of these variables
  SNAPSHOT_DIRECTORY  DIR, as given
  SNAPSHOT_TIMESTAMP  seconds since 1970; A/ has all that was committed before
  SNAPSHOT_CODE       the name of this snapshot
  SNAPSHOT_TID        the last transaction in A/, 16 hexadecimal digits
With --also, SNAPSHOT_DIRECTORIES, _CODES and _TIDS list all storages.

Exit status: the status of COMMAND (128+N if signal N killed it), or
  75     COMMAND was not run: a snapshot, pack or run was in progress (-t),
         or --max-hold was over before COMMAND could start
  122    COMMAND ran, but the snapshot changed meanwhile (do not trust the
         result), or could not be left (the messages say what to do)
  124    COMMAND was ended because of --max-hold
  125    COMMAND was not run: no fresh snapshot, or a mistake in the options
  126    COMMAND cannot be executed
  127    COMMAND was not found
  128+N  COMMAND was not run: signal N stopped dsnap
With --status: 0 ready, 1 look (a run works), 2 a run would fail, 3 unknown

Example: try for up to an hour, then back up what a restore needs:
  dsnap --storage /srv/ds -t 1h tar -czf /backup/ds.tgz -C /srv/ds A config";
