//! Which invocation follows from the arguments and the environment.

use super::*;

fn args(storage: Option<&str>, operands: &[&str]) -> Args {
    let methods = MethodArgs { storage: storage.map(PathBuf::from), ..MethodArgs::default() };
    Args { methods, operands: operands.iter().map(OsString::from).collect(), ..Args::default() }
}

fn nested() -> CallerEnvironment {
    let directory = Some("/srv/ds".into());
    let outer_run = Some(Inherited { version: "2".into(), directory, ..Inherited::default() });
    CallerEnvironment { outer_run, ..CallerEnvironment::default() }
}

#[test]
fn the_old_form_is_directory_conf_and_command() {
    let invocation =
        resolve(args(None, &["/srv/ds", "my.conf", "cp", "-a"]), CallerEnvironment::default())
            .unwrap();
    assert_eq!(invocation.dir, Some("/srv/ds".into()));
    assert_eq!(invocation.job.source, Source::File("my.conf".into()));
    assert_eq!(invocation.command.words, ["cp", "-a"]);
    let invocation =
        resolve(args(None, &["/srv/ds", "-", "true"]), CallerEnvironment::default()).unwrap();
    assert_eq!(invocation.job.source, Source::Default);
}

#[test]
fn the_old_form_needs_a_command() {
    assert!(
        resolve(args(None, &["/srv/ds", "-"]), CallerEnvironment::default())
            .unwrap_err()
            .message
            .contains("needs all of DIR, CONF and COMMAND")
    );
    assert_eq!(
        resolve(args(None, &[]), CallerEnvironment::default()).unwrap_err().message,
        "--storage DIR is missing"
    );
}

#[test]
fn a_lone_operand_gets_a_hint_that_names_the_option() {
    let hint =
        |word: &str| resolve(args(None, &[word]), CallerEnvironment::default()).unwrap_err().hint;
    assert_eq!(hint("version"), "did you mean: dsnap --version");
    assert_eq!(hint("/"), "did you mean: dsnap --storage /");
    assert_eq!(hint("frobnicate"), "`dsnap --help` lists all options");
}

#[test]
fn in_a_nested_run_the_first_operand_is_command_unless_it_is_a_folder() {
    let invocation = resolve(args(None, &["cp", "-a"]), nested()).unwrap();
    assert_eq!((invocation.dir, invocation.command.words), (None, vec!["cp".into(), "-a".into()]));
    let invocation = resolve(args(None, &["/", "-", "cp"]), nested()).unwrap();
    assert_eq!((invocation.dir, invocation.command.words), (Some("/".into()), vec!["cp".into()]));
}

#[test]
fn method_lines_replace_any_conf() {
    let mut args = args(None, &["ds", "conf", "cp"]);
    args.methods.lines = vec!["direct".into()];
    assert_eq!(
        resolve(args, CallerEnvironment::default()).unwrap().job.source,
        Source::Lines(vec!["direct".into()])
    );
}

#[test]
fn a_bad_duration_names_its_option() {
    let mut args = args(Some("ds"), &[]);
    args.run.wait = Some("-1".into());
    assert_eq!(
        resolve(args, CallerEnvironment::default()).unwrap_err().message,
        "-t, --wait: `-1` is negative"
    );
}

#[test]
fn a_pause_of_less_than_a_tenth_counts_as_a_tenth() {
    let mut args = args(Some("ds"), &[]);
    args.run.pause = Some("0".into());
    assert_eq!(
        resolve(args, CallerEnvironment::default()).unwrap().job.pause,
        Duration::from_millis(100)
    );
}

#[test]
fn recover_takes_a_code_and_excludes_command() {
    let recover = |code: Option<&str>, operands: &[&str]| {
        let mut args = args(Some("ds"), operands);
        args.instead.recover = true;
        args.instead.code = code.map(OsString::from);
        action(&args).map_err(|error| error.message)
    };
    let recovers = |code| {
        let options = RecoverOptions { code, whole_copy: false };
        Ok(Action::Recover { options, json: false })
    };
    assert_eq!(recover(None, &[]), recovers(None));
    let code = Code::from_bytes(b"db-1-x");
    assert_eq!(recover(Some("user/db-1-x"), &[]), recovers(code.clone()));
    assert_eq!(recover(Some("db-1-x"), &[]), recovers(code));
    assert_eq!(recover(Some("a b"), &[]), Err("--code: `a b` is not a snapshot code".to_owned()));
    assert!(recover(None, &["cp"]).is_err());
    let mut args = args(Some("ds"), &["cp"]);
    args.instead.code = Some("x".into());
    assert_eq!(
        resolve(args, CallerEnvironment::default()).unwrap_err().message,
        "--code works only with --recover"
    );
    let mut args = self::args(Some("ds"), &["cp"]);
    args.instead.whole_copy = true;
    assert_eq!(
        resolve(args, CallerEnvironment::default()).unwrap_err().message,
        "--whole-copy works only with --recover"
    );
}

#[test]
fn the_recover_command_is_complete_and_quoted() {
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
fn list_methods_needs_no_storage_and_excludes_everything_else() {
    let list = |json, operands: &[&str]| {
        let mut args = args(None, operands);
        args.instead.list_methods = true;
        args.instead.json = json;
        resolve(args, CallerEnvironment::default())
            .map(|invocation| invocation.action)
            .map_err(|error| error.message)
    };
    assert_eq!(list(false, &[]), Ok(Action::List { json: false }));
    assert_eq!(list(true, &[]), Ok(Action::List { json: true }));
    assert!(list(false, &["cp"]).is_err());
    let mut args = args(Some("ds"), &["cp"]);
    args.instead.json = true;
    let error = resolve(args, CallerEnvironment::default()).unwrap_err();
    assert_eq!(error.message, "--json works only with --list-methods, --recover and --status");
}

#[test]
fn plugin_dir_is_searched_before_the_plugin_path() {
    let mut args = args(Some("/ds"), &[]);
    args.methods.plugin_dirs = vec!["/opt/a b".into()];
    let plugin_path = vec!["/usr/lib/dsnap".into()];
    let caller = CallerEnvironment { plugin_path, ..CallerEnvironment::default() };
    let invocation = resolve(args, caller).unwrap();
    assert_eq!(invocation.plugin_dirs, [Path::new("/opt/a b"), Path::new("/usr/lib/dsnap")]);
    let recover = "dsnap --storage /ds --plugin-dir '/opt/a b' --recover";
    assert_eq!(invocation.job.recover, recover);
}

#[test]
fn without_command_the_storage_is_tested() {
    assert_eq!(
        resolve(args(Some("ds"), &[]), CallerEnvironment::default()).unwrap().job.command,
        None
    );
}

/// What is wrong with `--also` of these directories.
fn wrong_also(also: &[&str], change: impl FnOnce(&mut Args), caller: CallerEnvironment) -> String {
    let mut args = args(Some("/"), &["cp"]);
    args.methods.also = also.iter().map(PathBuf::from).collect();
    change(&mut args);
    resolve(args, caller).unwrap_err().message
}

#[test]
fn also_needs_different_directories_that_one_line_can_name() {
    let wrong = |also: &[&str]| wrong_also(also, |_| {}, CallerEnvironment::default());
    assert_eq!(wrong(&["/usr", "/usr/../"]), "--also: /usr/../ and / are the same directory");
    assert_eq!(wrong(&["/proc/self/root"]), "--also: /proc/self/root and / are the same directory");
    assert_eq!(wrong(&["/no/a", "/no/a"]), "--also: /no/a and /no/a are the same directory");
    assert_eq!(wrong(&[""]), "--also: a directory name is empty");
    assert_eq!(wrong(&["/a\nb"]), "--also: `/a\u{fffd}b` contains a line feed");
    let first = |args: &mut Args| args.methods.storage = Some("/a\nb".into());
    let wrong = wrong_also(&["/usr"], first, CallerEnvironment::default());
    assert_eq!(wrong, "--also: `/a\u{fffd}b` contains a line feed");
}

#[test]
fn also_works_only_with_a_run_of_the_new_form_that_is_not_nested() {
    let wrong = |change: fn(&mut Args)| wrong_also(&["/usr"], change, CallerEnvironment::default());
    let none = |args: &mut Args| args.methods.storage = None;
    let old_form = |args: &mut Args| {
        args.methods.storage = None;
        args.operands = ["/", "-", "cp"].map(OsString::from).to_vec();
    };
    for change in [none, old_form] {
        assert_eq!(wrong(change), "--also needs --storage DIR");
    }
    let recover = |args: &mut Args| {
        args.operands.clear();
        args.instead.recover = true;
    };
    let status = |args: &mut Args| {
        args.operands.clear();
        args.instead.status = true;
    };
    let list = |args: &mut Args| {
        args.operands.clear();
        args.instead.list_methods = true;
    };
    for change in [recover, status, list] {
        assert_eq!(wrong(change), "--also works only with a run");
    }
    let message = "--also does not work inside the COMMAND of another dsnap";
    assert_eq!(wrong_also(&["/usr"], |_| {}, nested()), message);
}

#[test]
fn each_storage_has_its_own_command_that_recovers_it() {
    let mut args = args(Some("/ds"), &["cp"]);
    args.methods.also = vec!["/my ds".into()];
    args.methods.lines = vec!["direct".into()];
    args.methods.plugin_dirs = vec!["/opt".into()];
    let invocation = resolve(args, CallerEnvironment::default()).unwrap();
    let recover = "dsnap --storage '/my ds' --plugin-dir /opt --recover".to_owned();
    assert_eq!(invocation.also, [("/my ds".into(), recover)]);
    assert!(invocation.job.recover.contains("--method direct"), "{}", invocation.job.recover);
}
