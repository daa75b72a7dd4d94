//! The registry: one list of linked and loaded methods.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use dsnap_core::Reason;
use dsnap_core::abi::DSNAP_ABI_VERSION;
use dsnap_core::method::{Methods, SnapshotMethod, WorksWith, is_name};
use dsnap_core::text::{self, Harmless};

use crate::loaded::{Loaded, Plugin};
use crate::search::{Search, open_trusted};

/// Whether this build can load libraries at all.
pub const CAN_LOAD: bool = !cfg!(target_feature = "crt-static");

/// All methods that a program can use.
#[derive(Debug)]
pub struct Registry {
    linked: Vec<Arc<dyn SnapshotMethod>>,
    version: &'static str,
    search: Search,
    program: PathBuf,
    loaded: Mutex<HashMap<(String, u32), Found>>,
}

type Found = Result<Arc<Loaded>, Reason>;

/// A method, or a library that is none, as `--list-methods` shows it.
#[derive(Debug)]
pub struct Listed {
    /// The name by which a line calls it.
    pub name: String,
    /// Where it is; none is linked in.
    pub file: Option<PathBuf>,
    /// What it is, or why it cannot be used.
    pub about: Result<About, Reason>,
}

/// What is known of a method.
#[derive(Debug)]
pub struct About {
    /// Its own version.
    pub version: String,
    /// The version of the interface, if it is loaded.
    pub abi: Option<u32>,
    /// With whom it works.
    pub works_with: WorksWith,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            linked: Vec::new(),
            version: "",
            search: Search::default(),
            program: "/proc/self/exe".into(),
            loaded: Mutex::default(),
        }
    }
}

impl Registry {
    /// A registry without methods, of a program of that version.
    pub fn new(version: &'static str) -> Self {
        Self { version, ..Self::default() }
    }

    /// Adds a method that is linked into the program. Of two with one name the first is used.
    #[must_use]
    pub fn with(mut self, method: impl SnapshotMethod + 'static) -> Self {
        self.linked.push(Arc::new(method));
        self
    }

    /// Where libraries are looked for, in that order, once a line names a method that is not
    /// linked in.
    #[must_use]
    pub fn searching(self, folders: Vec<PathBuf>) -> Self {
        Self { search: Search::new(folders), ..self }
    }

    /// Forgets what is linked in, so that a loaded method of the same name is used.
    #[must_use]
    pub fn without_linked(self) -> Self {
        Self { linked: Vec::new(), ..self }
    }

    /// Everything there is, for people: linked methods, then each library in the folders.
    pub fn list(&self) -> Vec<Listed> {
        let linked = self.linked.iter().map(|method| Listed {
            name: method.name().to_owned(),
            file: None,
            about: Ok(About {
                version: self.version.to_owned(),
                abi: None,
                works_with: method.works_with(),
            }),
        });
        let files = self.search.list().into_iter().map(|(name, file)| {
            let about = self.about(&name);
            Listed { name, file: Some(file), about }
        });
        linked.chain(files).collect()
    }

    fn about(&self, name: &str) -> Result<About, Reason> {
        if self.linked(name.as_bytes()).is_some() {
            return Err(Reason::new(format!("the method `{name}` that is linked in comes first")));
        }
        if !is_name(name) {
            let what = format!(
                "`{}` cannot name a method: it must be a-z, then a-z, 0-9 or _",
                text::harmless(name)
            );
            return Err(Reason::new(what));
        }
        let method = self.load(name)?;
        let works_with = method.works_with();
        let version = text::harmless(&method.described.version);
        Ok(About { version, abi: Some(DSNAP_ABI_VERSION), works_with })
    }

    fn linked(&self, name: &[u8]) -> Option<Arc<dyn SnapshotMethod>> {
        self.linked.iter().find(|method| method.name().as_bytes() == name).cloned()
    }

    /// The loaded method of that name, for the effective user: what one may load, another may
    /// not.
    fn load(&self, name: &str) -> Found {
        let user = rustix::process::geteuid().as_raw();
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.entry((name.to_owned(), user)).or_insert_with(|| self.load_anew(name)).clone()
    }

    fn load_anew(&self, name: &str) -> Found {
        if !is_name(name) {
            let hint = "a method is named, not its file: libdsnap_NAME.so in a folder of --plugin-dir is `NAME`";
            let refusal = Reason::new(self.there_is(name));
            return Err(if name.contains('/') { refusal.hint(hint) } else { refusal });
        }
        let file = self.search.find(name).ok_or_else(|| self.unknown(name))?;
        if !CAN_LOAD {
            let file = text::path(file);
            return Err(Reason::new(format!(
                "this build of dsnap is static and cannot load {file}"
            )));
        }
        let plugin = Plugin::new(file.clone(), open_trusted(&file)?, self.program.clone());
        let methods = plugin.describe()?;
        let names: Vec<_> = methods.iter().map(|method| text::harmless(&method.name)).collect();
        let described =
            methods.into_iter().find(|method| method.name == name).ok_or_else(|| {
                let (file, names) = (text::path(&file), names.join(", "));
                Reason::new(format!("{file}: it offers no method `{name}`, but: {names}"))
            })?;
        Ok(Arc::new(Loaded::new(Arc::new(plugin), described)))
    }

    fn there_is(&self, name: &str) -> String {
        let known: Vec<_> = self.linked.iter().map(|method| method.name()).collect();
        let what = format!("there is no method `{}`", text::harmless(name));
        if known.is_empty() { what } else { format!("{what}; there is: {}", known.join(", ")) }
    }

    fn unknown(&self, name: &str) -> Reason {
        let what = self.there_is(name);
        let folders = self.search.folders().iter().filter(|folder| folder.is_dir());
        let folders: Vec<_> = folders.map(text::path).collect();
        if folders.is_empty() {
            return Reason::new(what);
        }
        Reason::new(format!("{what}; and no libdsnap_{name}.so in {}", folders.join(", ")))
    }
}

impl Methods for Registry {
    fn find(&self, name: &[u8]) -> Result<Arc<dyn SnapshotMethod>, Reason> {
        if let Some(linked) = self.linked(name) {
            return Ok(linked);
        }
        let name = Harmless(name).to_string();
        self.load(&name).map(|loaded| loaded as Arc<dyn SnapshotMethod>)
    }
}
