//! The place in which a section is read: an empty folder, and the simulated sites that it names.
//!
//! Paths and addresses of the page stand for others here. The folder contains what the page says is
//! in `/srv`, `/backup` and so on, so that nothing outside of it is touched.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use dsnap_testkit::Site;
use dsnap_testkit::control::Control;
use dsnap_testkit::site::ZeoConfig;
use tempfile::TempDir;

use super::markdown::Section;
use super::{root, stubs};
use crate::support::folder::folder;
use crate::support::site::site_builder;

/// The checkout, as pages name it.
const SOURCES: &str = "/srv/src/dsnap";
/// The folder in which a section begins.
const BEGIN: &str = "srv/try";
/// The folders of the page that are in the folder of the test.
const FOLDERS: [&str; 9] = [
    "/srv",
    "/backup",
    "/tmp",
    "/var/lib",
    "/usr/local",
    "/etc/cron.d",
    "/etc/dsnap",
    "/etc/systemd",
    "/mnt",
];
/// Those that a reader has from the beginning.
const PRESENT: [&str; 6] =
    ["srv/try", "backup", "tmp", "usr/local/bin", "etc/cron.d", "var/lib/node_exporter"];
/// The storages of a page, and the addresses of the Zopes in front of each.
const SITES: [(&str, &[&str]); 5] = [
    ("/srv/ds", &["localhost:8080", "zope2:8080"]),
    ("/srv/mail", &["localhost:8081"]),
    ("/srv/main", &["localhost:8082"]),
    ("/srv/catalog", &["localhost:8083"]),
    ("/srv/members", &["localhost:8084"]),
];
/// The storage whose conf a block writes that names no file.
pub(super) const STORAGE: &str = SITES[0].0;
/// The address of the ZEO server of the first storage, which has one if the section names it.
const ZEO: &str = "localhost:8100";
/// Other names of the first Zope.
const FIRST_ZOPE: (&str, &str) = ("zope1:8080", "localhost:8080");

/// The folder and the sites of a section.
#[derive(Debug)]
pub(super) struct Place {
    /// Dropped first: the port is closed before the site ends.
    sites: Vec<(Control, Arc<Site>)>,
    folder: TempDir,
    /// What a page says, and what it stands for.
    here: Vec<(String, String)>,
}

impl Place {
    /// Makes the folder, and starts the sites that the section names.
    pub(super) fn new(section: &Section) -> Self {
        let folder = folder();
        for present in PRESENT {
            fs::create_dir_all(folder.path().join(present)).unwrap();
        }
        link_programs(&folder.path().join("usr/local/bin"));
        let top = folder.path().canonicalize().unwrap();
        let mut here = vec![(SOURCES.to_owned(), root().to_str().unwrap().to_owned())];
        here.extend(FOLDERS.map(|it| (it.to_owned(), format!("{}{it}", top.display()))));
        let mut place = Self { sites: Vec::new(), folder, here };
        let writes_conf =
            section.blocks().any(|it| it.kind() == "conf" && it.file_name().is_none());
        for (storage, zopes) in SITES {
            if section.mentions(storage) || (writes_conf && storage == STORAGE) {
                place.start(storage, zopes, section);
            }
        }
        stubs::write(&place.stubs(), section, |text| place.here(text));
        place
    }

    /// Starts a site that keeps committing.
    fn start(&mut self, storage: &str, zopes: &[&str], section: &Section) {
        let builder = site_builder().storage(self.here(storage)).zopes(zopes.len());
        let has_zeo = storage == STORAGE && section.mentions(ZEO);
        let builder = if has_zeo { builder.zeo(ZeoConfig::default()) } else { builder };
        let site = Arc::new(builder.commits_per_second(20).start().unwrap());
        site.server().unwrap().commit(20).unwrap();
        self.here.extend(site.zeo_address().map(|address| (ZEO.to_owned(), address)));
        for (zope, url) in zopes.iter().zip(site.urls()) {
            let address = url.split('/').nth(2).unwrap().to_owned();
            self.here.push(((*zope).to_owned(), address.clone()));
            if *zope == FIRST_ZOPE.1 {
                self.here.push((FIRST_ZOPE.0.to_owned(), address));
            }
        }
        self.sites.push((Control::listen(&site).unwrap(), site));
    }

    /// The folder in which the section begins.
    pub(super) fn begin(&self) -> PathBuf {
        self.folder.path().join(BEGIN).canonicalize().unwrap()
    }

    fn stubs(&self) -> PathBuf {
        self.folder.path().join("stubs")
    }

    /// Returns a command that finds the programs of this build first.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let found_first = [self.stubs(), self.folder.path().join("usr/local/bin")];
        let path = std::env::var_os("PATH").unwrap();
        let path = found_first.into_iter().chain(std::env::split_paths(&path));
        command
            .current_dir(self.begin())
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("CARGO_NET_OFFLINE", "true")
            // The library of the guide is tried, not measured.
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
            .env_remove("DSNAP_PLUGIN_PATH");
        command
    }

    /// Puts what is here in the place of what a page says.
    pub(super) fn here(&self, text: &str) -> String {
        let (mut result, mut rest) = (String::new(), text);
        let next = |rest: &str, before: &str| {
            let found = self
                .here
                .iter()
                .filter_map(|(from, to)| Some((find(rest, before, from)?, from.len(), to.clone())));
            found.min_by_key(|(at, ..)| *at)
        };
        while let Some((at, len, to)) = next(rest, &result) {
            result.push_str(&rest[..at]);
            result.push_str(&to);
            rest = &rest[at + len..];
        }
        result + rest
    }

    /// Puts what a page says in the place of what is here.
    pub(super) fn as_on_page(&self, text: &str) -> String {
        self.here.iter().fold(text.to_owned(), |text, (from, to)| text.replace(to, from))
    }

    /// The path here of a file that a page names; a relative one begins where the section does.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.begin().join(self.here(name))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for (_, site) in &self.sites {
            // The thread that answered the last order may still share the site.
            let _ = site.stop_server();
        }
    }
}

/// Finds words in a text: not as the end of a longer path, nor as the beginning of a longer name.
fn find(text: &str, before: &str, words: &str) -> Option<usize> {
    let is_name = |it: char| it.is_alphanumeric() || "._-".contains(it);
    let is_path = words.starts_with('/');
    let mut found = text.match_indices(words).map(|(at, _)| at);
    found.find(|at| {
        let last = text[..*at].chars().last().or_else(|| before.chars().last());
        let continues = last.is_some_and(|it| is_name(it) || "/}~*".contains(it));
        let goes_on = text[at + words.len()..].starts_with(is_name);
        !(goes_on || is_path && continues)
    })
}

/// Puts the programs of this build into a folder.
fn link_programs(folder: &Path) {
    let dsnap = Path::new(env!("CARGO_BIN_EXE_dsnap"));
    let testkit = dsnap.with_file_name("dsnap-testkit");
    assert!(testkit.exists(), "build it first: cargo build -p dsnap-testkit");
    for program in [dsnap, &testkit] {
        symlink(program, folder.join(program.file_name().unwrap())).unwrap();
    }
}
