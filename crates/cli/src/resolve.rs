//! What the command line means, together with the environment.
//!
//! The old form, the new form and a nested run become one [`Invocation`] here. The arguments
//! themselves are parsed in [`args`].

mod also;
mod combinations;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dsnap_core::{Code, text};
use dsnap_engine::conf::plan::Source;
use dsnap_engine::run::job::Job;
use dsnap_engine::run::nested::Inherited;
use dsnap_engine::run::recover::RecoverOptions;
use dsnap_engine::system::credential_folder::CredentialFolder;
use dsnap_engine::{durations, limits, quoting};

use crate::args::{self, Args, InsteadArgs, MethodArgs, RunArgs, UsageError};
use crate::documents::result_files::ResultFiles;
use crate::environment::CallerEnvironment;
use crate::resolve::combinations::Mode;
use crate::spawn::CommandSpec;

/// Everything that the program needs to know to act.
// wide: one field for each part of the command line.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) action: Action,
    /// The storage directory; a nested run may leave it to the outer run.
    pub(crate) dir: Option<PathBuf>,
    /// The other storages that the run freezes, each with the command that recovers it.
    pub(crate) also: Vec<(PathBuf, String)>,
    pub(crate) job: Job,
    pub(crate) command: CommandSpec,
    /// Positive with `-v`, negative with `-q`.
    pub(crate) verbosity: i16,
    /// The folders that are searched for loadable methods, in order.
    pub(crate) plugin_dirs: Vec<PathBuf>,
    /// The credentials of the systemd service that the program runs in.
    pub(crate) credentials: CredentialFolder,
    /// What is written after the run.
    pub(crate) files: ResultFiles,
    /// The run that this one is nested in.
    pub(crate) outer_run: Option<Inherited>,
}

/// What the program does with the storage.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Runs COMMAND in a snapshot, or tests that the storage can be put into snapshot mode.
    Run,
    /// Ends the snapshots that earlier runs left behind.
    Recover {
        options: RecoverOptions,
        /// As JSON, for programs.
        json: bool,
    },
    /// Tells what is wrong with storages.
    Status(Look),
    /// Lists the methods.
    List {
        /// As JSON, for programs.
        json: bool,
    },
}

/// How the program looks at storages.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// The storages, each with the command that recovers it.
    pub(crate) storages: Vec<(PathBuf, String)>,
    /// As JSON, for programs.
    pub(crate) json: bool,
    /// Again and again, until a signal comes.
    pub(crate) watch: bool,
}

/// Works out what to do.
pub(crate) fn resolve(mut args: Args, caller: CallerEnvironment) -> Result<Invocation, UsageError> {
    let storage_is_there = args.methods.storage.as_ref().is_none_or(|dir| dir.exists());
    match args.took_option.take() {
        Some(cause) if !storage_is_there => Err(cause),
        Some(cause) => invocation(args, caller).map_err(|_| cause),
        None => invocation(args, caller),
    }
}

fn invocation(args: Args, caller: CallerEnvironment) -> Result<Invocation, UsageError> {
    let action = action(&args)?;
    let Args { methods, run, messages, operands, .. } = args;
    let MethodArgs { storage, also, snapshot_conf, lines, plugin_dirs } = methods;
    // Only a run can be nested. --recover and --list-methods apply to the storage that they name.
    let outer_run = caller.outer_run.filter(|_| action == Action::Run);
    if outer_run.is_some() {
        check_nested(&run)?;
    }
    let plugin_dirs: Vec<_> = plugin_dirs.iter().map(|dir| absolute(dir)).collect();
    also::check(storage.as_deref(), &also, &action, outer_run.is_some())?;
    let form = match action {
        Action::List { .. } | Action::Status(_) => {
            Form { dir: storage, conf: snapshot_conf, command: Vec::new() }
        }
        _ => form(storage, operands, snapshot_conf, outer_run.is_some())?,
    };
    let source = source(lines, form.conf);
    let action = action.with_commands(&source, &plugin_dirs);
    let recover = recover_command(form.dir.as_deref(), &source, &plugin_dirs);
    Ok(Invocation {
        action,
        dir: form.dir,
        also: also::with_commands(also, &plugin_dirs),
        job: job(&run, source, recover, form.command.first().cloned())?,
        command: CommandSpec {
            words: form.command,
            kill_after: duration("-k, --kill-after", run.kill_after.as_deref())?,
        },
        verbosity: i16::from(messages.verbose) - i16::from(messages.quiet),
        plugin_dirs: plugin_dirs.into_iter().chain(caller.plugin_path).collect(),
        credentials: caller.credentials,
        files: ResultFiles { report: run.report, metrics: run.metrics },
        outer_run,
    })
}

fn check_nested(run: &RunArgs) -> Result<(), UsageError> {
    if run.max_hold.is_none() {
        return Ok(());
    }
    let message = "--max-hold does not work inside the COMMAND of another dsnap";
    let hint = "give --max-hold to the outer dsnap, which leaves the snapshot";
    Err(UsageError::new(message).hint(hint))
}

fn action(args: &Args) -> Result<Action, UsageError> {
    match combinations::mode(args)? {
        Mode::Run => Ok(Action::Run),
        Mode::Recover => recover(args),
        Mode::Status => look(args).map(Action::Status),
        Mode::List => list(args),
    }
}

fn look(args: &Args) -> Result<Look, UsageError> {
    let MethodArgs { storage, snapshot_conf, lines, .. } = &args.methods;
    let named = args.operands.iter().map(PathBuf::from);
    let storages: Vec<_> = storage.iter().cloned().chain(named).collect();
    if storages.is_empty() {
        return Err(UsageError::new("--status needs a storage directory")
            .hint("dsnap --status DIR..., or dsnap --storage DIR --status"));
    }
    if let Some(option) = args.operands.iter().find(|word| word.as_bytes().starts_with(b"--")) {
        let option = text::harmless(option);
        return Err(UsageError::new(format!("--status: `{option}` stands behind a directory"))
            .hint(format!(
                "options stand before the directories: dsnap --status {option} DIR..."
            )));
    }
    if storages.iter().any(|dir| dir.as_os_str().is_empty()) {
        return Err(UsageError::new("--status: a directory name is empty"));
    }
    if storages.len() > 1 && (snapshot_conf.is_some() || !lines.is_empty()) {
        let message = "--snapshot-conf and --method work with one storage only";
        return Err(UsageError::new(message));
    }
    let storages = storages.into_iter().map(|dir| (dir, String::new())).collect();
    Ok(Look { storages, json: args.instead.json, watch: args.instead.watch })
}

impl Action {
    fn with_commands(self, source: &Source, plugin_dirs: &[PathBuf]) -> Self {
        match self {
            Self::Status(look) => Self::Status(look.with_commands(source, plugin_dirs)),
            other => other,
        }
    }
}

impl Look {
    fn with_commands(mut self, source: &Source, plugin_dirs: &[PathBuf]) -> Self {
        for (dir, command) in &mut self.storages {
            *command = recover_command(Some(dir), source, plugin_dirs);
        }
        self
    }
}

fn recover(args: &Args) -> Result<Action, UsageError> {
    if args.methods.storage.is_none() {
        return Err(UsageError::new("--recover needs --storage DIR"));
    }
    if !args.operands.is_empty() {
        return Err(UsageError::new("--recover does not run COMMAND")
            .hint("run dsnap with --recover first, then once more without it"));
    }
    let code = args.instead.code.as_deref().map(snapshot_code).transpose()?;
    let InsteadArgs { whole_copy, json, .. } = args.instead;
    Ok(Action::Recover { options: RecoverOptions { code, whole_copy }, json })
}

fn snapshot_code(given: &OsStr) -> Result<Code, UsageError> {
    Code::from_bytes(given.as_bytes()).ok_or_else(|| {
        let message = format!("--code: `{}` is not a snapshot code", text::harmless(given));
        UsageError::new(message).hint("the code follows `user/` in the file misc/snapshot")
    })
}

fn list(args: &Args) -> Result<Action, UsageError> {
    let MethodArgs { storage, snapshot_conf, lines, .. } = &args.methods;
    if !args.operands.is_empty() {
        return Err(UsageError::new("--list-methods does not run COMMAND"));
    }
    if storage.is_none() && (snapshot_conf.is_some() || !lines.is_empty()) {
        let message = "--list-methods needs --storage DIR to check conf lines";
        return Err(UsageError::new(message));
    }
    Ok(Action::List { json: args.instead.json })
}

fn source(lines: Vec<OsString>, conf: Option<OsString>) -> Source {
    match conf {
        _ if !lines.is_empty() => Source::Lines(lines),
        Some(conf) if conf != "-" => Source::File(conf.into()),
        _ => Source::Default,
    }
}

/// Describes the run for the engine.
fn job(
    run: &RunArgs,
    source: Source,
    recover: String,
    command: Option<OsString>,
) -> Result<Job, UsageError> {
    Ok(Job {
        source,
        recover,
        command,
        wait: duration("-t, --wait", run.wait.as_deref())?.unwrap_or(Duration::ZERO),
        pause: duration("-s, --pause", run.pause.as_deref())?
            .unwrap_or(limits::DEFAULT_RETRY_PAUSE)
            .max(limits::MIN_RETRY_PAUSE),
        max_hold: max_hold(run.max_hold.as_deref())?,
        accept_existing: duration("--accept-existing", run.accept_existing.as_deref())?,
        ..Job::default()
    })
}

fn max_hold(value: Option<&OsStr>) -> Result<Option<Duration>, UsageError> {
    match duration("--max-hold", value)? {
        Some(Duration::ZERO) => Err(UsageError::new("--max-hold: no time is left for COMMAND")
            .hint("leave --max-hold out to let COMMAND run as long as it needs")),
        max => Ok(max),
    }
}

fn duration(option: &str, value: Option<&OsStr>) -> Result<Option<Duration>, UsageError> {
    let Some(value) = value else { return Ok(None) };
    let parsed = durations::parse(&value.to_string_lossy());
    parsed
        .map(Some)
        .map_err(|error| UsageError::new(format!("{option}: `{}` {error}", text::harmless(value))))
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or(path.to_owned())
}

/// Writes the command that recovers the storage with the methods of this run, for hints.
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

/// What both forms of the command line say.
struct Form {
    dir: Option<PathBuf>,
    conf: Option<OsString>,
    command: Vec<OsString>,
}

fn form(
    storage: Option<PathBuf>,
    operands: Vec<OsString>,
    conf: Option<OsString>,
    is_nested: bool,
) -> Result<Form, UsageError> {
    match storage {
        Some(dir) if dir.as_os_str().is_empty() => {
            Err(UsageError::new("--storage: the directory name is empty"))
        }
        Some(dir) => Ok(Form { dir: Some(dir), conf, command: operands }),
        None if is_nested && !operands.first().is_some_and(|first| Path::new(first).is_dir()) => {
            Ok(Form { dir: None, conf, command: operands })
        }
        None => old_form(operands),
    }
}

fn old_form(operands: Vec<OsString>) -> Result<Form, UsageError> {
    let count = operands.len();
    let mut operands = operands.into_iter();
    match (operands.next(), operands.next()) {
        (Some(dir), _) if dir.is_empty() => {
            Err(UsageError::new("DIR: the directory name is empty"))
        }
        (Some(dir), Some(conf)) if count > 2 => {
            Ok(Form { dir: Some(dir.into()), conf: Some(conf), command: operands.collect() })
        }
        (first, _) => Err(missing_storage(first.as_deref(), count)),
    }
}

/// Explains that `--storage` is missing, where the operands are not the old form either.
fn missing_storage(first: Option<&OsStr>, count: usize) -> UsageError {
    let error = UsageError::new(match count {
        0 => "--storage DIR is missing",
        _ => "--storage DIR is missing (the old form needs all of DIR, CONF and COMMAND)",
    });
    let is_option = |word: &OsStr| args::long_options().iter().any(|name| word == name.as_str());
    match first {
        Some(word) if count == 1 && is_option(word) => {
            error.hint(format!("did you mean: dsnap --{}", text::harmless(word)))
        }
        Some(dir) if Path::new(dir).is_dir() => {
            let dir = quoting::quoted(absolute(Path::new(dir)));
            error.hint(format!("did you mean: dsnap --storage {dir}"))
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests;
