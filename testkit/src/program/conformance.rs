//! `dsnap-testkit conformance`: is somebody's snapshot method what it must be?

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use dsnap_core::method::Methods;
use dsnap_direct::Direct;
use dsnap_exec::Exec;
use dsnap_host::Registry;
use dsnap_http::Http;
use dsnap_testkit::contract::{Finding, Outcome, Suite, Words};

use super::print as say;

#[derive(Args)]
#[command(
    after_help = "In the line {storage}, {url}, {access} and {control} stand for the simulated \
    site's: its directory, its Zope's toolkit, the file with the password, HOST:PORT of its control \
    port. Each check has a site of its own. What is relative on the line is relative to the working \
    directory. The exit status is 0 if the method keeps its contract, 1 if it breaks it, 2 if it \
    cannot be tried."
)]
pub(crate) struct Wish {
    /// Only loaded methods: those that are linked in are ignored
    #[arg(long)]
    loaded: bool,
    /// Where libraries are looked for (repeatable)
    #[arg(long, value_name = "DIR")]
    plugin_dir: Vec<PathBuf>,
    /// Leave out what takes more than a few seconds
    #[arg(long)]
    quick: bool,
    /// The line of snapshot.conf that calls the method: one argument, or a word each
    #[arg(required = true, trailing_var_arg = true, value_name = "METHOD-LINE")]
    line: Vec<OsString>,
}

/// Makes every check, and says what came of it.
pub(crate) fn run(wish: &Wish) -> io::Result<ExitCode> {
    let line = Words::read(&wish.line).map_err(io::Error::other)?;
    let methods = || Box::new(wish.methods()) as Box<dyn Methods>;
    let suite = Suite { line, methods: &methods, alone: true, quick: wish.quick };
    let (mut kept, mut breaches) = (0, 0);
    suite.run(&mut |finding| {
        match &finding.outcome {
            Outcome::Kept => kept += 1,
            Outcome::Breach(_) => breaches += 1,
            Outcome::NotAsked(_) => {}
        }
        show(&finding);
    })?;
    say::line(format_args!("{kept} kept, {breaches} broken"));
    Ok(if breaches == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(finding: &Finding) {
    let what = finding.what;
    match &finding.outcome {
        Outcome::Kept => say::line(format_args!("kept    {what}")),
        Outcome::Breach(sentence) => say::line(format_args!("BROKEN  {what}: {sentence}")),
        Outcome::NotAsked(why) => say::line(format_args!("-       {what}: not tried, {why}")),
    }
}

impl Wish {
    fn methods(&self) -> Registry {
        let linked = Registry::new(env!("CARGO_PKG_VERSION")).with(Direct).with(Http).with(Exec);
        let methods = if self.loaded { linked.without_linked() } else { linked };
        methods.searching(self.plugin_dir.clone())
    }
}
