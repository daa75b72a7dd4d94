//! The options and operands of the command line, as clap reads them.
//!
//! Nothing here looks at the system. [`resolve`](crate::resolve) works out what the arguments mean
//! together with the environment and the file system.

mod help;
mod version;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::ValueHint::{CommandWithArguments, DirPath, FilePath, Other};
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, CommandFactory, FromArgMatches, Parser};
use dsnap_core::text;

/// The command line. Names and values are bytes, not UTF-8.
#[derive(Debug, Default, Parser)]
#[command(
    name = "dsnap",
    version,
    about = help::ABOUT,
    override_usage = help::USAGE,
    after_help = help::DETAILS,
    max_term_width = help::MAX_COLUMNS,
    args_override_self = true,
    infer_long_args = true
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) methods: MethodArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) messages: MessageArgs,
    #[command(flatten)]
    pub(crate) instead: InsteadArgs,
    /// The operands: everything from the first argument that is not an option.
    #[arg(trailing_var_arg = true, hide = true, value_name = "COMMAND")]
    #[arg(value_hint = CommandWithArguments)]
    pub(crate) operands: Vec<OsString>,
    /// What is said instead of another error, if an option took another option for its value.
    #[arg(skip)]
    pub(crate) took_option: Option<UsageError>,
}

/// The storage, and the methods that may put it into snapshot mode.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct MethodArgs {
    /// Storage directory (the one that contains A)
    // `--st` stays this option's name when others that begin with it are added. An empty value is
    // an error of its own, which clap's parser for paths would report as a missing one.
    #[arg(long, alias = "st", value_name = "DIR", value_hint = DirPath)]
    #[arg(allow_hyphen_values = true, value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub(crate) storage: Option<PathBuf>,
    /// Freeze this storage, too; repeatable
    #[arg(long, value_name = "DIR", value_hint = DirPath)]
    #[arg(allow_hyphen_values = true, value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub(crate) also: Vec<PathBuf>,
    /// Conf file (default: DIR/config/snapshot.conf)
    #[arg(long, value_name = "FILE", value_hint = FilePath, allow_hyphen_values = true)]
    pub(crate) snapshot_conf: Option<OsString>,
    /// Use this conf line instead of a file; repeatable
    #[arg(long = "method", value_name = "LINE", value_hint = Other, allow_hyphen_values = true)]
    pub(crate) lines: Vec<OsString>,
    /// Look for loadable methods in DIR; repeatable
    #[arg(long = "plugin-dir", value_name = "DIR", value_hint = DirPath)]
    #[arg(allow_hyphen_values = true)]
    pub(crate) plugin_dirs: Vec<PathBuf>,
}

/// When COMMAND is run, and for how long.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct RunArgs {
    /// Keep trying for this long (default: 0, one try)
    #[arg(short = 't', long, value_name = "DURATION", value_hint = Other)]
    #[arg(allow_hyphen_values = true)]
    pub(crate) wait: Option<OsString>,
    /// Pause between two tries (default: 10)
    #[arg(short = 's', long, value_name = "DURATION", value_hint = Other)]
    #[arg(allow_hyphen_values = true)]
    pub(crate) pause: Option<OsString>,
    /// Kill COMMAND this long after a signal to dsnap
    #[arg(short, long, value_name = "DURATION", value_hint = Other, allow_hyphen_values = true)]
    pub(crate) kill_after: Option<OsString>,
    /// Write the result of the run to FILE, as JSON
    #[arg(long, value_name = "FILE", value_hint = FilePath, allow_hyphen_values = true)]
    pub(crate) report: Option<PathBuf>,
    /// Write metrics of the run to FILE, for Prometheus
    #[arg(long, value_name = "FILE", value_hint = FilePath, allow_hyphen_values = true)]
    pub(crate) metrics: Option<PathBuf>,
    /// End COMMAND once the snapshot is this old
    #[arg(long, value_name = "DURATION", value_hint = Other, allow_hyphen_values = true)]
    pub(crate) max_hold: Option<OsString>,
    /// Accept an existing snapshot of at most this age
    #[arg(long, value_name = "AGE", value_hint = Other, allow_hyphen_values = true)]
    pub(crate) accept_existing: Option<OsString>,
}

/// How much is printed.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct MessageArgs {
    /// Print phases and times; -vv: also each call
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Print fewer messages; repeatable
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) quiet: u8,
}

/// What to do instead of running COMMAND.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Instead of running COMMAND")]
pub(crate) struct InsteadArgs {
    /// Say what is wrong with a storage; change nothing
    #[arg(long)]
    pub(crate) status: bool,
    /// With --status: repeat it every 2 seconds
    #[arg(long)]
    pub(crate) watch: bool,
    /// End the snapshots that earlier runs left behind
    #[arg(long)]
    pub(crate) recover: bool,
    /// With --recover: also end the snapshot CODE
    #[arg(long, value_name = "CODE", value_hint = Other, allow_hyphen_values = true)]
    pub(crate) code: Option<OsString>,
    /// With --recover: this copy is of one moment
    #[arg(long)]
    pub(crate) whole_copy: bool,
    /// List the methods; with --storage, check the conf
    #[arg(long)]
    pub(crate) list_methods: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Defines the command line: the options, and all that `--help` says.
pub fn command() -> clap::Command {
    Args::command()
}

/// A command line without errors.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// Arguments to act on.
    Args(Box<Args>),
    /// Help or the version, for stdout.
    Print(String),
}

/// A mistake in the command line, in one line, and what to do about it.
#[derive(Debug)]
pub(crate) struct UsageError {
    pub(crate) message: String,
    pub(crate) hint: String,
}

impl UsageError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: "`dsnap --help` lists all options".to_owned() }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }
}

/// Parses the command line, whose first word is the program's name.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Parsed, UsageError> {
    let words: Vec<_> = words.into_iter().collect();
    match try_parse(&words) {
        Ok(args) => Ok(Parsed::Args(Box::new(args))),
        Err(error)
            if error.kind() == ErrorKind::DisplayVersion && version::asks_for_details(&words) =>
        {
            Ok(Parsed::Print(version::details()))
        }
        Err(error) if !error.use_stderr() => Ok(Parsed::Print(error.render().to_string())),
        Err(error) => Err(usage_error(&error)),
    }
}

fn try_parse(words: &[OsString]) -> clap::error::Result<Args> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(words)?;
    let args = Args::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    Ok(Args { took_option: took_option(&command, &matches), ..args })
}

/// Finds an option that took another option for its value. A value may look like an option, as with
/// getopt, so this is an error only if the command line does not make sense.
fn took_option(command: &clap::Command, matches: &ArgMatches) -> Option<UsageError> {
    let with_value = command.get_opts().filter(|option| option.get_action().takes_values());
    with_value.into_iter().find_map(|option| {
        let mut values = matches.get_raw(option.get_id().as_str())?;
        let taken = values.find(|value| is_option(command, value))?;
        let long = option.get_long().map(|long| format!("--{long}"));
        let short = option.get_short().map(|short| format!("-{short}"));
        let names: Vec<_> = short.into_iter().chain(long).collect();
        let value = option.get_value_names().and_then(|names| names.first())?;
        let (taken, shown) = (text::harmless(taken), names.join(", "));
        let error = UsageError::new(format!("{shown} took the option `{taken}` for its {value}"));
        Some(error.hint(format!("write `{} {value}` before the option", names.first()?)))
    })
}

/// Tells whether a word would be an option if it stood elsewhere.
fn is_option(command: &clap::Command, word: &OsStr) -> bool {
    let mut known = command.get_arguments();
    match word.as_bytes() {
        [b'-', b'-', long @ ..] if !long.is_empty() => {
            let name = long.split(|byte| *byte == b'=').next().unwrap_or_default();
            known.filter_map(Arg::get_long).any(|long| long.as_bytes().starts_with(name))
        }
        [b'-', short, ..] => known.any(|arg| arg.get_short() == Some(char::from(*short))),
        _ => false,
    }
}

fn usage_error(error: &clap::Error) -> UsageError {
    let message = error.render().to_string();
    let first = message.lines().next().unwrap_or_default();
    let usage_error = UsageError::new(text::harmless(first.trim_start_matches("error: ")));
    match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(option)) => usage_error.hint(format!("did you mean: {option}")),
        _ => usage_error,
    }
}

/// Lists the names of all long options.
pub(crate) fn long_options() -> Vec<String> {
    let mut command = command();
    command.build();
    command.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Args {
        let words = std::iter::once("dsnap").chain(line.split_whitespace()).map(OsString::from);
        match parse(words) {
            Ok(Parsed::Args(args)) => *args,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn error(line: &str) -> UsageError {
        let words = std::iter::once("dsnap").chain(line.split_whitespace()).map(OsString::from);
        match parse(words) {
            Err(error) => error,
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
        assert_eq!((args.messages.verbose, args.run.wait), (1, None));
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
            assert_eq!(parsed(line).methods.storage, Some(PathBuf::from("ds")), "{line}");
        }
        assert_eq!(parsed("--snap x --acc 5").methods.snapshot_conf, Some("x".into()));
        assert!(error("--s ds").message.contains("--s"));
    }

    #[test]
    fn short_options_have_long_names() {
        let args = parsed("--wait 1 --pause=2 --kill-after 3 --verbose --verbose --quiet");
        let RunArgs { wait, pause, kill_after, .. } = args.run;
        assert_eq!([wait, pause, kill_after], ["1", "2", "3"].map(|it| Some(it.into())));
        assert_eq!((args.messages.verbose, args.messages.quiet), (2, 1));
    }

    #[test]
    fn st_stays_short_for_storage_beside_status() {
        assert_eq!(parsed("--st ds").methods.storage, Some(PathBuf::from("ds")));
        assert!(parsed("--stat ds").instead.status);
    }

    #[test]
    fn values_may_be_attached_and_flags_bundled() {
        let args = parsed("-vvqt5 -s600 --storage=ds -k1.5");
        assert_eq!((args.messages.verbose, args.messages.quiet), (2, 1));
        assert_eq!(
            (args.run.wait, args.run.pause, args.run.kill_after),
            (Some("5".into()), Some("600".into()), Some("1.5".into()))
        );
    }

    #[test]
    fn a_value_may_look_like_an_option_as_with_getopt() {
        let args = parsed("-t -5 --snapshot-conf - --storage --odd");
        assert_eq!(args.run.wait, Some("-5".into()));
        assert_eq!(args.methods.snapshot_conf, Some("-".into()));
        assert_eq!(args.methods.storage, Some("--odd".into()));
    }

    #[test]
    fn the_last_of_a_repeated_option_counts_and_methods_add_up() {
        let args = parsed("-t1 -t2 --storage a --storage b --method direct --method exec");
        assert_eq!((args.run.wait, args.methods.storage), (Some("2".into()), Some("b".into())));
        assert_eq!(args.methods.lines, ["direct", "exec"]);
    }

    #[test]
    fn an_unknown_option_is_never_taken_for_command() {
        assert_eq!(error("--storage ds -x cp").message, "unexpected argument '-x' found");
        assert_eq!(error("--storage ds --nope cp").message, "unexpected argument '--nope' found");
    }

    #[test]
    fn a_misspelt_option_is_corrected_in_the_hint() {
        assert_eq!(error("--storge ds cp").hint, "did you mean: --storage");
        assert_eq!(error("--nope ds cp").hint, "`dsnap --help` lists all options");
    }

    #[test]
    fn a_missing_value_is_reported_in_one_line() {
        assert_eq!(
            error("--storage").message,
            "a value is required for '--storage <DIR>' but none was supplied"
        );
    }

    #[test]
    fn help_comes_before_anything_that_can_fail() {
        for line in ["--help", "-h", "-t nonsense --help", "--version", "-V"] {
            let words = std::iter::once("dsnap").chain(line.split_whitespace()).map(OsString::from);
            assert!(matches!(parse(words), Ok(Parsed::Print(_))), "{line}");
        }
    }

    #[test]
    fn version_with_verbose_prints_the_details_of_the_build() {
        let prints = |line: &str| {
            let words = std::iter::once("dsnap").chain(line.split_whitespace()).map(OsString::from);
            let Ok(Parsed::Print(text)) = parse(words) else { panic!("{line}") };
            text.contains("ABI version")
        };
        for line in ["-vV", "-Vv", "--version -v", "-v --version", "-V --verbose", "-v -t x -V"] {
            assert!(prints(line), "{line}");
        }
        for line in ["-V", "--version", "--version ls -v", "-q --version"] {
            assert!(!prints(line), "{line}");
        }
    }
}
