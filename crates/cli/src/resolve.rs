//! What the command line means, together with the environment.
//!
//! Here the old form, the new form and a run inside a run become one thing to do.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dsnap_core::{Code, text};
use dsnap_engine::conf::plan::Source;
use dsnap_engine::run::job::Job;
use dsnap_engine::run::nested::Inherited;
use dsnap_engine::{durations, limits, quoting};

use crate::args::{self, Args, Misuse};

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) action: Action,
    /// The storage directory; inside another run it may be that run's.
    pub(crate) dir: Option<PathBuf>,
    pub(crate) job: Job,
    /// COMMAND and its arguments.
    pub(crate) command: Vec<OsString>,
    /// More than 0 with `-v`, less with `-q`.
    pub(crate) verbosity: i16,
    pub(crate) kill_after: Option<Duration>,
    /// Where libraries are looked for.
    pub(crate) plugin_dirs: Vec<PathBuf>,
    pub(crate) outer: Option<Inherited>,
}

/// What counts besides the command line.
#[derive(Debug, Default)]
pub(crate) struct Outside {
    /// The run that this one stands in.
    pub(crate) outer: Option<Inherited>,
    /// Where else libraries are looked for.
    pub(crate) plugin_path: Vec<PathBuf>,
}

/// What the program does with the storage.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Runs COMMAND in a snapshot.
    Run,
    /// Leaves what earlier runs left behind, and the snapshot with this code.
    Recover(Option<Code>),
    /// Lists the methods there are; for programs, or for people.
    List {
        /// For programs.
        json: bool,
    },
}

/// Makes the task out of the arguments.
pub(crate) fn resolve(args: Args, outside: Outside) -> Result<Task, Misuse> {
    let action = action(&args)?;
    let Outside { outer, plugin_path } = outside;
    let given_dirs: Vec<_> = args.plugin_dirs.iter().map(|dir| absolute(dir)).collect();
    // To recover is not a matter of a run inside a run: it is about the storage that is named.
    let outer = outer.filter(|_| action == Action::Run);
    let form = match action {
        Action::List { .. } => {
            Form { dir: args.storage, conf: args.snapshot_conf, command: Vec::new() }
        }
        _ => form(args.storage, args.operands, args.snapshot_conf, outer.is_some())?,
    };
    let source = match form.conf {
        _ if !args.methods.is_empty() => Source::Lines(args.methods),
        Some(conf) if conf == "-" => Source::Default,
        Some(conf) => Source::File(conf.into()),
        None => Source::Default,
    };
    let job = Job {
        recover: recover_command(form.dir.as_deref(), &source, &given_dirs),
        source,
        wait: given("-t", args.wait.as_deref())?.unwrap_or(Duration::ZERO),
        pause: given("-s", args.pause.as_deref())?
            .unwrap_or(limits::DEFAULT_RETRY_PAUSE)
            .max(limits::MIN_RETRY_PAUSE),
        accept_existing: given("--accept-existing", args.accept_existing.as_deref())?,
        command: form.command.first().cloned(),
        ..Job::default()
    };
    Ok(Task {
        action,
        dir: form.dir,
        job,
        command: form.command,
        verbosity: i16::from(args.verbose) - i16::from(args.quiet),
        kill_after: given("-k", args.kill_after.as_deref())?,
        plugin_dirs: given_dirs.into_iter().chain(plugin_path).collect(),
        outer,
    })
}

fn action(args: &Args) -> Result<Action, Misuse> {
    if args.list_methods {
        return list(args);
    }
    if args.json {
        return Err(Misuse::new("--json is for --list-methods"));
    }
    match (&args.code, args.recover) {
        (None, false) => Ok(Action::Run),
        (Some(_), false) => Err(Misuse::new("--code is for --recover")),
        (_, true) if args.storage.is_none() => Err(Misuse::new("--recover needs --storage DIR")),
        (_, true) if !args.operands.is_empty() => {
            Err(Misuse::new("--recover runs no COMMAND: run it afterwards"))
        }
        (None, true) => Ok(Action::Recover(None)),
        (Some(code), true) => match Code::from_bytes(code.as_bytes()) {
            Some(code) => Ok(Action::Recover(Some(code))),
            None => Err(Misuse::new(format!("--code: `{}` is no code", text::harmless(code)))),
        },
    }
}

fn list(args: &Args) -> Result<Action, Misuse> {
    if args.recover || args.code.is_some() || !args.operands.is_empty() {
        return Err(Misuse::new("--list-methods does nothing else: no --recover, and no COMMAND"));
    }
    if args.storage.is_none() && !(args.methods.is_empty() && args.snapshot_conf.is_none()) {
        let what = "--list-methods needs --storage DIR to say what a conf's lines come to";
        return Err(Misuse::new(what));
    }
    Ok(Action::List { json: args.json })
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or(path.to_owned())
}

/// The command that repairs the storage, asking the same methods: for hints.
fn recover_command(dir: Option<&Path>, source: &Source, plugin_dirs: &[PathBuf]) -> String {
    let mut words: Vec<OsString> = vec!["dsnap".into(), "--storage".into()];
    words.push(absolute(dir.unwrap_or(Path::new(""))).into());
    match source {
        Source::Default => {}
        Source::File(file) => words.extend(["--snapshot-conf".into(), absolute(file).into()]),
        Source::Lines(lines) => {
            words.extend(lines.iter().flat_map(|line| ["--method".into(), line.clone()]));
        }
    }
    words.extend(plugin_dirs.iter().flat_map(|dir| ["--plugin-dir".into(), dir.into()]));
    words.push("--recover".into());
    quoting::command_line(words.iter().map(OsString::as_os_str))
}

/// The two forms of the command line, made one.
struct Form {
    dir: Option<PathBuf>,
    conf: Option<OsString>,
    command: Vec<OsString>,
}

fn form(
    storage: Option<PathBuf>,
    operands: Vec<OsString>,
    conf: Option<OsString>,
    inside: bool,
) -> Result<Form, Misuse> {
    match storage {
        Some(dir) if dir.as_os_str().is_empty() => Err(Misuse::new("--storage is empty")),
        Some(dir) => Ok(Form { dir: Some(dir), conf, command: operands }),
        None if inside && !operands.first().is_some_and(|first| Path::new(first).is_dir()) => {
            Ok(Form { dir: None, conf, command: operands })
        }
        None => old_form(operands),
    }
}

fn old_form(operands: Vec<OsString>) -> Result<Form, Misuse> {
    let count = operands.len();
    let mut operands = operands.into_iter();
    match (operands.next(), operands.next()) {
        (Some(dir), _) if dir.is_empty() => Err(Misuse::new("DIR is empty")),
        (Some(dir), Some(conf)) if count > 2 => {
            Ok(Form { dir: Some(dir.into()), conf: Some(conf), command: operands.collect() })
        }
        (first, _) => Err(without_storage(first.as_deref(), count)),
    }
}

/// `--storage` is missing, and this is no old form either.
fn without_storage(first: Option<&OsStr>, count: usize) -> Misuse {
    let misuse = Misuse::new(match count {
        0 => "--storage DIR is missing",
        _ => {
            "--storage DIR is missing, and for the old form DIR CONF COMMAND there are too few words"
        }
    });
    match first {
        Some(word)
            if count == 1 && args::long_options().iter().any(|name| word == name.as_str()) =>
        {
            misuse.hint(format!("did you mean: dsnap --{}", text::harmless(word)))
        }
        Some(dir) if Path::new(dir).is_dir() => {
            let dir = std::path::absolute(dir).unwrap_or(dir.into());
            misuse.hint(format!("did you mean: dsnap --storage {}", quoting::quoted(dir)))
        }
        _ => misuse,
    }
}

fn given(option: &str, value: Option<&OsStr>) -> Result<Option<Duration>, Misuse> {
    let Some(value) = value else { return Ok(None) };
    let parsed = durations::parse(&value.to_string_lossy());
    parsed
        .map(Some)
        .map_err(|error| Misuse::new(format!("{option}: `{}` {error}", text::harmless(value))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(storage: Option<&str>, operands: &[&str]) -> Args {
        Args {
            storage: storage.map(PathBuf::from),
            operands: operands.iter().map(OsString::from).collect(),
            ..Args::default()
        }
    }

    fn outer() -> Outside {
        let directory = Some("/srv/ds".into());
        let outer = Some(Inherited { version: "2".into(), directory, code: None });
        Outside { outer, plugin_path: Vec::new() }
    }

    #[test]
    fn the_old_form_is_directory_conf_and_command() {
        let task =
            resolve(args(None, &["/srv/ds", "my.conf", "cp", "-a"]), Outside::default()).unwrap();
        assert_eq!(task.dir, Some("/srv/ds".into()));
        assert_eq!(task.job.source, Source::File("my.conf".into()));
        assert_eq!(task.command, ["cp", "-a"]);
        let task = resolve(args(None, &["/srv/ds", "-", "true"]), Outside::default()).unwrap();
        assert_eq!(task.job.source, Source::Default);
    }

    #[test]
    fn the_old_form_needs_a_command() {
        assert!(
            resolve(args(None, &["/srv/ds", "-"]), Outside::default())
                .unwrap_err()
                .what
                .contains("too few words")
        );
        assert_eq!(
            resolve(args(None, &[]), Outside::default()).unwrap_err().what,
            "--storage DIR is missing"
        );
    }

    #[test]
    fn a_lone_operand_gets_a_hint_which_option_was_meant() {
        let hint = |word: &str| resolve(args(None, &[word]), Outside::default()).unwrap_err().hint;
        assert_eq!(hint("version"), "did you mean: dsnap --version");
        assert_eq!(hint("/"), "did you mean: dsnap --storage /");
        assert_eq!(hint("frobnicate"), "`dsnap --help` shows all options");
    }

    #[test]
    fn inside_a_run_the_first_operand_is_command_unless_it_is_a_folder() {
        let task = resolve(args(None, &["cp", "-a"]), outer()).unwrap();
        assert_eq!((task.dir, task.command), (None, vec!["cp".into(), "-a".into()]));
        let task = resolve(args(None, &["/", "-", "cp"]), outer()).unwrap();
        assert_eq!((task.dir, task.command), (Some("/".into()), vec!["cp".into()]));
    }

    #[test]
    fn methods_replace_any_conf() {
        let args = Args { methods: vec!["direct".into()], ..args(None, &["ds", "conf", "cp"]) };
        assert_eq!(
            resolve(args, Outside::default()).unwrap().job.source,
            Source::Lines(vec!["direct".into()])
        );
    }

    #[test]
    fn a_bad_duration_names_its_option() {
        let args = Args { wait: Some("-1".into()), ..args(Some("ds"), &[]) };
        assert_eq!(resolve(args, Outside::default()).unwrap_err().what, "-t: `-1` is negative");
    }

    #[test]
    fn a_pause_of_less_than_a_tenth_counts_as_a_tenth() {
        let args = Args { pause: Some("0".into()), ..args(Some("ds"), &[]) };
        assert_eq!(
            resolve(args, Outside::default()).unwrap().job.pause,
            Duration::from_millis(100)
        );
    }

    #[test]
    fn recover_takes_a_code_and_no_command() {
        let recover = |code: Option<&str>, operands: &[&str]| {
            let args = Args {
                recover: true,
                code: code.map(OsString::from),
                ..args(Some("ds"), operands)
            };
            resolve(args, Outside::default()).map(|task| task.action).map_err(|misuse| misuse.what)
        };
        assert_eq!(recover(None, &[]), Ok(Action::Recover(None)));
        let code = Code::from_bytes(b"db-1-x");
        assert_eq!(recover(Some("user/db-1-x"), &[]), Ok(Action::Recover(code.clone())));
        assert_eq!(recover(Some("db-1-x"), &[]), Ok(Action::Recover(code)));
        assert_eq!(recover(Some("a b"), &[]), Err("--code: `a b` is no code".to_owned()));
        assert!(recover(None, &["cp"]).is_err());
        let args = Args { code: Some("x".into()), ..args(Some("ds"), &["cp"]) };
        assert_eq!(resolve(args, Outside::default()).unwrap_err().what, "--code is for --recover");
    }

    #[test]
    fn the_command_that_repairs_is_complete_and_quoted() {
        let words = |source| recover_command(Some(Path::new("/srv/my ds")), &source, &[]);
        assert_eq!(words(Source::Default), "dsnap --storage '/srv/my ds' --recover");
        assert_eq!(
            words(Source::File("/etc/s.conf".into())),
            "dsnap --storage '/srv/my ds' --snapshot-conf /etc/s.conf --recover"
        );
        assert_eq!(
            words(Source::Lines(vec!["http http://x/ a".into()])),
            "dsnap --storage '/srv/my ds' --method 'http http://x/ a' --recover"
        );
    }

    #[test]
    fn to_list_needs_no_storage_and_takes_nothing_else() {
        let list = |json, operands: &[&str]| {
            let args = Args { list_methods: true, json, ..args(None, operands) };
            resolve(args, Outside::default()).map(|task| task.action).map_err(|it| it.what)
        };
        assert_eq!(list(false, &[]), Ok(Action::List { json: false }));
        assert_eq!(list(true, &[]), Ok(Action::List { json: true }));
        assert!(list(false, &["cp"]).is_err());
        let args = Args { json: true, ..args(Some("ds"), &["cp"]) };
        let misuse = resolve(args, Outside::default()).unwrap_err();
        assert_eq!(misuse.what, "--json is for --list-methods");
    }

    #[test]
    fn libraries_are_looked_for_where_options_say_first() {
        let args = Args { plugin_dirs: vec!["/opt/a b".into()], ..args(Some("/ds"), &[]) };
        let outside = Outside { plugin_path: vec!["/usr/lib/dsnap".into()], ..Outside::default() };
        let task = resolve(args, outside).unwrap();
        assert_eq!(task.plugin_dirs, [Path::new("/opt/a b"), Path::new("/usr/lib/dsnap")]);
        let recover = "dsnap --storage /ds --plugin-dir '/opt/a b' --recover";
        assert_eq!(task.job.recover, recover);
    }

    #[test]
    fn without_command_the_storage_is_tested() {
        assert_eq!(resolve(args(Some("ds"), &[]), Outside::default()).unwrap().job.command, None);
    }
}
