//! What was typed: the command line as words and switches.
//!
//! Nothing here looks at the world. What the words mean together with the environment and the
//! file system is [`resolve`](crate::resolve)'s business.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use dsnap_core::text;

const AFTER: &str = "\
DURATION: a number of seconds, or one like 1.5, 90s, 10m, 2h, 1d.

Exit status: COMMAND's own (128+N if signal N killed it), or
  75   COMMAND was not run: the storage was in use for the whole of -t
  122  COMMAND ran, but the snapshot was broken meanwhile or could not be left
  125  COMMAND was not run: no fresh snapshot was to be had, or misuse
  126  COMMAND cannot be executed        127  COMMAND is not found
  128+N  COMMAND was not run: signal N stopped the tool

Example, from cron: wait up to an hour, then copy what a backup needs:
  dsnap --storage /srv/ds -t 1h rsync -a -@-1 /srv/ds/A /srv/ds/config /backup/";

const USAGE: &str = "dsnap [OPTIONS] --storage DIR [COMMAND [ARG]...]
       dsnap [OPTIONS] DIR CONF COMMAND [ARG]...     (the old form; CONF may be -)";

/// The command line, as it was typed.
#[derive(Debug, Default)]
pub(crate) struct Args {
    pub(crate) storage: Option<PathBuf>,
    pub(crate) verbose: u8,
    pub(crate) quiet: u8,
    pub(crate) wait: Option<OsString>,
    pub(crate) pause: Option<OsString>,
    pub(crate) kill_after: Option<OsString>,
    pub(crate) accept_existing: Option<OsString>,
    pub(crate) recover: bool,
    pub(crate) code: Option<OsString>,
    pub(crate) snapshot_conf: Option<OsString>,
    pub(crate) methods: Vec<OsString>,
    pub(crate) plugin_dirs: Vec<PathBuf>,
    pub(crate) list_methods: bool,
    pub(crate) json: bool,
    pub(crate) operands: Vec<OsString>,
}

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Asked {
    /// To run.
    Run(Box<Args>),
    /// To print this text on stdout.
    Print(String),
}

/// Why a command line cannot be understood: one line, and perhaps what to do.
#[derive(Debug)]
pub(crate) struct Misuse {
    pub(crate) what: String,
    pub(crate) hint: String,
}

impl Misuse {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: "`dsnap --help` shows all options".to_owned() }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }
}

/// Reads the command line.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Asked, Misuse> {
    match command().try_get_matches_from(words) {
        Ok(matches) => Ok(Asked::Run(Box::new(Args::from(matches)))),
        Err(error) if !error.use_stderr() => Ok(Asked::Print(error.render().to_string())),
        Err(error) => {
            let message = error.render().to_string();
            let first = message.lines().next().unwrap_or_default();
            Err(Misuse::new(text::harmless(first.trim_start_matches("error: "))))
        }
    }
}

/// The names of all long options.
pub(crate) fn long_options() -> Vec<String> {
    let mut command = command();
    command.build();
    command.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect()
}

fn command() -> Command {
    Command::new("dsnap")
        .version(clap::crate_version!())
        .about("Runs COMMAND while a DirectoryStorage is a guaranteed fresh snapshot.")
        .override_usage(USAGE)
        .after_help(AFTER)
        .args_override_self(true)
        .infer_long_args(true)
        .max_term_width(100)
        .arg(value("storage", "DIR", "The storage directory").alias("st"))
        .arg(
            value("wait", "DURATION", "While it is busy, keep trying for so long [default: 0]")
                .short('t')
                .long(None),
        )
        .arg(
            value("pause", "DURATION", "Pause between two tries [default: 10]")
                .short('s')
                .long(None),
        )
        .arg(value("snapshot-conf", "FILE", "Methods to try [default: DIR/config/snapshot.conf]"))
        .arg(
            value("method", "LINE", "One such line, instead of any file; repeatable")
                .action(ArgAction::Append),
        )
        .arg(
            value("kill", "DURATION", "After a signal, kill COMMAND when so much time has gone by")
                .short('k')
                .long(None),
        )
        .arg(value("accept-existing", "AGE", "Run also in another's snapshot, if it is no older"))
        .args(plugins())
        .args(recover())
        .arg(count("verbose", 'v', "More words; repeatable"))
        .arg(count("quiet", 'q', "Fewer words; repeatable"))
        .arg(operands())
}

/// Where methods come from that are not linked in, and which there are.
fn plugins() -> [Arg; 3] {
    [
        value("plugin-dir", "DIR", "Where loadable methods are; repeatable")
            .action(ArgAction::Append)
            .value_parser(value_parser!(PathBuf)),
        Arg::new("list-methods")
            .long("list-methods")
            .help("Only list the methods there are, and what the conf's lines come to")
            .action(ArgAction::SetTrue),
        Arg::new("json")
            .long("json")
            .help("With --list-methods: for programs")
            .action(ArgAction::SetTrue),
    ]
}

/// To repair instead of running COMMAND.
fn recover() -> [Arg; 2] {
    [
        Arg::new("recover")
            .long("recover")
            .help("Only leave what earlier runs left behind")
            .action(ArgAction::SetTrue),
        value("code", "CODE", "With --recover: leave the snapshot CODE, too"),
    ]
}

/// COMMAND and its words: everything from the first word that is no option.
fn operands() -> Arg {
    Arg::new("operands")
        .value_name("COMMAND")
        .help("The command and its arguments; without one the storage is only tested")
        .value_parser(value_parser!(OsString))
        .num_args(0..)
        .trailing_var_arg(true)
        .hide(true)
}

/// An option with a value, which may look like an option, as with getopt.
fn value(name: &'static str, value_name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name(value_name)
        .help(help)
        .allow_hyphen_values(true)
        .value_parser(value_parser!(OsString))
}

fn count(name: &'static str, short: char, help: &'static str) -> Arg {
    Arg::new(name).short(short).help(help).action(ArgAction::Count)
}

impl From<ArgMatches> for Args {
    fn from(mut matches: ArgMatches) -> Self {
        let mut word = |name: &str| matches.remove_one::<OsString>(name);
        Self {
            wait: word("wait"),
            pause: word("pause"),
            kill_after: word("kill"),
            accept_existing: word("accept-existing"),
            code: word("code"),
            snapshot_conf: word("snapshot-conf"),
            storage: word("storage").map(PathBuf::from),
            recover: matches.get_flag("recover"),
            list_methods: matches.get_flag("list-methods"),
            json: matches.get_flag("json"),
            verbose: matches.get_count("verbose"),
            quiet: matches.get_count("quiet"),
            methods: matches.remove_many("method").into_iter().flatten().collect(),
            plugin_dirs: matches.remove_many("plugin-dir").into_iter().flatten().collect(),
            operands: matches.remove_many("operands").into_iter().flatten().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Args {
        let words = std::iter::once("dsnap").chain(line.split_whitespace()).map(OsString::from);
        match parse(words) {
            Ok(Asked::Run(args)) => *args,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn misuse(line: &str) -> String {
        let words = std::iter::once("dsnap").chain(line.split_whitespace()).map(OsString::from);
        match parse(words) {
            Err(misuse) => misuse.what,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_definition_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn options_end_at_the_first_operand() {
        let args = parsed("-v --storage ds cp -v -t 5 --help x");
        assert_eq!(args.operands, ["cp", "-v", "-t", "5", "--help", "x"]);
        assert_eq!((args.verbose, args.wait), (1, None));
    }

    #[test]
    fn options_end_at_two_dashes() {
        assert_eq!(parsed("--storage ds -- -x --y").operands, ["-x", "--y"]);
        assert_eq!(parsed("--storage ds env -- -x").operands, ["env", "--", "-x"]);
        assert_eq!(parsed("--storage ds -- env -- -x").operands, ["env", "--", "-x"]);
        assert_eq!(parsed("ds - -- true").operands, ["ds", "-", "--", "true"]);
    }

    #[test]
    fn long_options_may_be_shortened_while_unique() {
        for line in ["--stor ds", "--st ds", "--sto=ds"] {
            assert_eq!(parsed(line).storage, Some(PathBuf::from("ds")), "{line}");
        }
        assert_eq!(parsed("--snap x --acc 5").snapshot_conf, Some("x".into()));
        assert!(misuse("--s ds").contains("--s"));
    }

    #[test]
    fn values_may_be_attached_and_flags_bundled() {
        let args = parsed("-vvqt5 -s600 --storage=ds -k1.5");
        assert_eq!((args.verbose, args.quiet), (2, 1));
        assert_eq!(
            (args.wait, args.pause, args.kill_after),
            (Some("5".into()), Some("600".into()), Some("1.5".into()))
        );
    }

    #[test]
    fn a_value_may_look_like_an_option_as_with_getopt() {
        let args = parsed("-t -5 --snapshot-conf - --storage --odd");
        assert_eq!(args.wait, Some("-5".into()));
        assert_eq!(args.snapshot_conf, Some("-".into()));
        assert_eq!(args.storage, Some("--odd".into()));
    }

    #[test]
    fn of_a_repeated_option_the_last_counts_and_methods_add_up() {
        let args = parsed("-t1 -t2 --storage a --storage b --method direct --method exec");
        assert_eq!((args.wait, args.storage), (Some("2".into()), Some("b".into())));
        assert_eq!(args.methods, ["direct", "exec"]);
    }

    #[test]
    fn an_unknown_option_is_never_command() {
        assert_eq!(misuse("--storage ds -x cp"), "unexpected argument '-x' found");
        assert_eq!(misuse("--storage ds --nope cp"), "unexpected argument '--nope' found");
    }

    #[test]
    fn a_missing_value_is_one_line() {
        assert_eq!(
            misuse("--storage"),
            "a value is required for '--storage <DIR>' but none was supplied"
        );
    }

    #[test]
    fn help_comes_before_anything_that_can_fail() {
        for line in ["--help", "-h", "-t nonsense --help", "--version", "-V"] {
            let words = std::iter::once("dsnap").chain(line.split_whitespace()).map(OsString::from);
            assert!(matches!(parse(words), Ok(Asked::Print(_))), "{line}");
        }
    }
}
