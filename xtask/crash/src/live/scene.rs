//! A site in a folder of its own, and the runs on it.

use std::cell::Cell;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use dsnap_testkit::Site;
use dsnap_testkit::control::Control;
use dsnap_testkit::site::Server;

use super::broken::{Broken, Kept};
use super::equipment::Equipment;
use super::gate::Gate;
use super::method::Method;
use super::notes::Notes;
use super::tool::{Tool, make_fifo};
use super::waiting::until;

/// A live site with one conf line.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    equipment: &'a Equipment,
    /// The folder of everything.
    pub(crate) folder: PathBuf,
    /// The site.
    pub(crate) site: Arc<Site>,
    control: Control,
    method: Method,
    /// A run broke a promise.
    is_evidence: Cell<bool>,
}

/// A run that has begun.
#[derive(Debug)]
pub(crate) struct Started {
    /// The program.
    pub(crate) tool: Tool,
    /// How many transactions were committed before the run: its COMMAND must see them.
    pub(crate) committed: usize,
    /// The folder of the run.
    pub(crate) out: PathBuf,
}

impl Drop for Started {
    /// Lets a COMMAND end that still waits, after a point that failed.
    fn drop(&mut self) {
        let mut fifo = OpenOptions::new();
        fifo.write(true).custom_flags(nix::libc::O_NONBLOCK);
        let _ = fifo.open(self.out.join("fifo"));
    }
}

impl Started {
    /// Reads what COMMAND has noted so far.
    pub(crate) fn notes(&self) -> Notes {
        Notes::read(&self.out)
    }

    /// Lets COMMAND of a run that [waits](Scene::start_waiting) go on.
    pub(crate) fn let_command_go_on(&self) -> Result<()> {
        // Open until COMMAND has read: what is written to a pipe that nobody holds is lost.
        let mut fifo = OpenOptions::new().read(true).write(true).open(self.out.join("fifo"))?;
        fifo.write_all(b"go\n")?;
        until("COMMAND to go on", || self.out.join("copy").exists())
    }
}

impl<'a> Scene<'a> {
    /// Starts a site that commits so often each second.
    pub(crate) fn begin(
        equipment: &'a Equipment,
        name: &str,
        method: Method,
        commits: u32,
    ) -> Result<Self> {
        let folder = equipment.scene(name);
        fs::create_dir_all(&folder)?;
        let site = method.prepare(Site::builder()).commits_per_second(commits);
        let site = Arc::new(site.storage(folder.join("ds")).start()?);
        let control = Control::listen(&site)?;
        let scene =
            Self { equipment, folder, site, control, method, is_evidence: Cell::new(false) };
        scene.write_conf(&scene.address()?)?;
        Ok(scene)
    }

    /// Returns the server that has the storage open.
    pub(crate) fn server(&self) -> Result<Arc<Server>> {
        self.site.server().map_err(|error| anyhow!("the server: {error:?}"))
    }

    /// Returns HOST:PORT of the server that the method asks.
    fn address(&self) -> Result<String> {
        Ok(match self.method {
            Method::Http => {
                let url = self.site.urls().into_iter().next().context("the site has no Zope")?;
                let rest = url.trim_start_matches("http://");
                rest.split('/').next().unwrap_or_default().to_owned()
            }
            Method::Zeo => self.site.zeo_address().context("the site has no ZEO server")?,
            Method::Exec | Method::Loaded => self.control.address().to_string(),
        })
    }

    fn write_conf(&self, address: &str) -> Result<()> {
        let conf = self.site.storage().config().join("snapshot.conf");
        Ok(fs::write(conf, self.method.line(address, &self.equipment.script))?)
    }

    /// Puts a gate between dsnap and the server.
    pub(crate) fn put_gate(&self) -> Result<Gate> {
        let gate = Gate::before(self.address()?.parse()?)?;
        self.write_conf(&gate.address().to_string())?;
        Ok(gate)
    }

    /// Starts a run in a new folder, with more options.
    pub(crate) fn start(&self, name: &str, options: &[&str]) -> Result<Started> {
        self.start_under(&[], name, options, None)
    }

    /// Starts a run whose COMMAND waits until it may go on.
    pub(crate) fn start_waiting(&self, name: &str) -> Result<Started> {
        self.start_under(&[], name, &[], Some("fifo"))
    }

    /// Starts a run that another program, such as a tracer, starts.
    pub(crate) fn start_traced(
        &self,
        tracer: &[OsString],
        name: &str,
        options: &[&str],
    ) -> Result<Started> {
        self.start_under(tracer, name, options, None)
    }

    fn start_under(
        &self,
        tracer: &[OsString],
        name: &str,
        options: &[&str],
        fifo: Option<&str>,
    ) -> Result<Started> {
        let out = self.folder.join(name);
        fs::create_dir_all(&out)?;
        let fifo = fifo.map(|fifo| out.join(fifo));
        fifo.iter().try_for_each(|fifo| make_fifo(fifo))?;
        let mut words = tracer.to_vec();
        words.extend(self.words(options, &out));
        words.extend(fifo.map(Into::into));
        let committed = self.site.server().map_or(0, |server| server.committed());
        Ok(Started { tool: Tool::start(&words, &out)?, committed, out })
    }

    /// The command line of a run.
    fn words(&self, options: &[&str], out: &Path) -> Vec<OsString> {
        let Equipment { dsnap, plugins, command, .. } = self.equipment;
        let mut words = vec![dsnap.into(), "--storage".into(), self.site.path().into()];
        if self.method == Method::Loaded {
            words.extend(["--plugin-dir".into(), plugins.into()]);
        }
        words.extend(options.iter().map(Into::into));
        words.extend([command.into(), out.into()]);
        words
    }

    /// Judges one of many runs. If it broke a promise, the error says where the site is kept at the end.
    pub(crate) fn judge_run(&self, checked: Kept) -> Kept {
        checked.map_err(|broken| {
            self.is_evidence.set(true);
            self.with_place(broken)
        })
    }

    /// Ends the site. After a point that kept all promises everything is removed; otherwise it is kept, and the
    /// error says where.
    pub(crate) fn end<T>(self, checked: Result<T, Broken>) -> Result<T, Broken> {
        let checked = checked.map_err(|broken| self.with_place(broken));
        let is_kept = checked.is_err() || self.is_evidence.get();
        let (equipment, folder) = (self.equipment, self.folder.clone());
        drop(self);
        if is_kept {
            equipment.keep(&folder)?;
        } else {
            fs::remove_dir_all(folder)?;
        }
        checked
    }

    fn with_place(&self, broken: Broken) -> Broken {
        let place = self.equipment.place_of_evidence(&self.folder);
        Broken { what: format!("{}; see {}", broken.what, place.display()), ..broken }
    }
}
