//! `dsnap-testkit conformance`: does a snapshot method keep its contract?

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::contract::{Finding, MethodLine, Outcome, Suite};
use crate::site::ZopeVersion;
use clap::{Args, ValueHint};
use dsnap_core::method::Methods;
use dsnap_direct::Direct;
use dsnap_exec::Exec;
use dsnap_host::Registry;
use dsnap_http::Http;
use dsnap_zeo::Zeo;

use super::choice::one_of;
use super::print;
use super::zeo_options::ZeoOptions;

#[derive(Args)]
#[command(
    after_help = "Each check runs on a simulated site of its own. These placeholders in the line \
    get the site's values: {storage}, the storage's directory; {url}, the URL of the Zope's toolkit; \
    {zeo}, the address of the ZEO server (the site has one if the line contains {zeo}, or with --zeo); {access}, the file with user and password; {control}, HOST:PORT of the \
    control port. Relative paths on the line are relative to the working directory.\n\nThe exit status is 0 if the method \
    keeps its contract, 1 if it breaks a rule, and 2 if it cannot be tested."
)]
pub(crate) struct ConformanceArgs {
    /// Ignore the methods that are linked in; use only loaded ones
    #[arg(long)]
    loaded: bool,
    /// Search this directory for libraries (repeatable)
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    plugin_dir: Vec<PathBuf>,
    /// Answer like Zope 2.13 (zope2) or like Zope 4 to 6 (zope5)
    #[arg(long, value_name = "VERSION", default_value = "zope2")]
    #[arg(value_parser = one_of(ZopeVersion::ALL, ZopeVersion::name))]
    answers: ZopeVersion,
    #[command(flatten)]
    zeo: ZeoOptions,
    /// Skip checks that take more than a few seconds
    #[arg(long)]
    quick: bool,
    /// The method's line of snapshot.conf, as one argument or as words
    #[arg(required = true, trailing_var_arg = true, value_name = "METHOD-LINE")]
    #[arg(value_hint = ValueHint::Other)]
    line: Vec<OsString>,
}

/// Makes every check, and prints each finding.
pub(crate) fn run(args: &ConformanceArgs) -> io::Result<ExitCode> {
    let line = MethodLine::parse(&args.line).map_err(io::Error::other)?;
    let methods = || Box::new(args.methods()) as Box<dyn Methods>;
    let suite = Suite {
        line,
        methods: &methods,
        answers: args.answers,
        zeo: args.zeo.config(),
        owns_process: true,
        quick: args.quick,
    };
    let (mut kept, mut breaches) = (0, 0);
    suite.run(&mut |finding| {
        match &finding.outcome {
            Outcome::Kept => kept += 1,
            Outcome::Breach(_) => breaches += 1,
            Outcome::NotTried(_) => {}
        }
        show(&finding);
    })?;
    print::line(format_args!("{kept} kept, {breaches} broken"));
    Ok(if breaches == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(finding: &Finding) {
    let rule = finding.rule;
    match &finding.outcome {
        Outcome::Kept => print::line(format_args!("kept    {rule}")),
        Outcome::Breach(sentence) => print::line(format_args!("BROKEN  {rule}: {sentence}")),
        Outcome::NotTried(why) => print::line(format_args!("-       {rule}: not tried, {why}")),
    }
}

impl ConformanceArgs {
    fn methods(&self) -> Registry {
        let linked = Registry::new(env!("CARGO_PKG_VERSION")).with(Direct);
        let linked = linked.with(Http::default()).with(Exec).with(Zeo::default());
        let methods = if self.loaded { linked.without_linked() } else { linked };
        methods.searching(self.plugin_dir.clone())
    }
}
