//! The registry: one list of linked and loaded methods.
//!
//! Where a library is looked for and whether it may be loaded is `search`'s part; calling it is
//! `loaded`'s.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use dsnap_core::Reason;
use dsnap_core::abi::DSNAP_ABI_VERSION;
use dsnap_core::method::{Methods, NAME_RULE, SnapshotMethod, WorksWith, is_name};
use dsnap_core::text::{self, Harmless};

use crate::loaded::{LoadedMethod, Plugin};
use crate::search::{SearchPath, open_trusted};

/// Whether this build can load libraries. A static build cannot.
pub const CAN_LOAD: bool = cfg!(feature = "loading") && !cfg!(target_feature = "crt-static");

/// What kind of build this is, with regard to libraries.
pub const KIND_OF_BUILD: &str = match (cfg!(feature = "loading"), CAN_LOAD) {
    (true, true) => "a build that loads libraries",
    (true, false) => "a static build",
    (false, _) => "a build without the feature `loading`",
};

/// All methods that a program can use.
#[derive(Debug)]
pub struct Registry {
    linked: Vec<Arc<dyn SnapshotMethod>>,
    version: &'static str,
    search: SearchPath,
    program: PathBuf,
    /// What was loaded, by method name and effective user id.
    loaded: Mutex<HashMap<(String, u32), LoadResult>>,
}

type LoadResult = Result<Arc<LoadedMethod>, Reason>;

/// A method, or a library that cannot be used, as `--list-methods` shows it.
#[derive(Debug)]
pub struct ListedMethod {
    /// The name of the method on a line.
    pub name: String,
    /// The library; `None` if the method is linked in.
    pub file: Option<PathBuf>,
    /// The details of the method, or why it cannot be used.
    pub details: Result<MethodDetails, Reason>,
}

/// The details of a method.
#[derive(Debug)]
pub struct MethodDetails {
    /// The method's own version.
    pub version: String,
    /// The version of the interface, if the method is loaded.
    pub abi_version: Option<u32>,
    /// Whether the method needs the server.
    pub works_with: WorksWith,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            linked: Vec::new(),
            version: "",
            search: SearchPath::default(),
            program: "/proc/self/exe".into(),
            loaded: Mutex::default(),
        }
    }
}

impl Registry {
    /// Makes a registry without methods, for a program of that version.
    pub fn new(version: &'static str) -> Self {
        Self { version, ..Self::default() }
    }

    /// Adds a method that is linked into the program. Of two methods with one name the first is used.
    #[must_use]
    pub fn with(mut self, method: impl SnapshotMethod + 'static) -> Self {
        self.linked.push(Arc::new(method));
        self
    }

    /// Sets the folders in which libraries are looked for, in this order, when a line names a method
    /// that is not linked in.
    #[must_use]
    pub fn searching(self, folders: Vec<PathBuf>) -> Self {
        Self { search: SearchPath::new(folders), ..self }
    }

    /// Removes the linked methods, so that a loaded method of the same name is used.
    #[must_use]
    pub fn without_linked(self) -> Self {
        Self { linked: Vec::new(), ..self }
    }

    /// Lists all methods for people to read: the linked ones, then each library in the folders.
    pub fn list(&self) -> Vec<ListedMethod> {
        let linked = self.linked.iter().map(|method| ListedMethod {
            name: method.name().to_owned(),
            file: None,
            details: Ok(MethodDetails {
                version: self.version.to_owned(),
                abi_version: None,
                works_with: method.works_with(),
            }),
        });
        let files = self.search.list().into_iter().map(|(name, file)| {
            let details = self.details(&name);
            ListedMethod { name, file: Some(file), details }
        });
        linked.chain(files).collect()
    }

    /// Loads the method of that name and describes it, for the list.
    fn details(&self, name: &str) -> Result<MethodDetails, Reason> {
        if self.linked(name.as_bytes()).is_some() {
            return Err(Reason::new(format!("the method `{name}` that is linked in comes first")));
        }
        if !is_name(name) {
            let what = format!("`{}` cannot name a method: {NAME_RULE}", text::harmless(name));
            return Err(Reason::new(what));
        }
        let method = self.load(name)?;
        let works_with = method.works_with();
        let version = text::harmless(&method.description.version);
        Ok(MethodDetails { version, abi_version: Some(DSNAP_ABI_VERSION), works_with })
    }

    fn linked(&self, name: &[u8]) -> Option<Arc<dyn SnapshotMethod>> {
        self.linked.iter().find(|method| method.name().as_bytes() == name).cloned()
    }

    /// Returns the loaded method of that name, for the effective user. One user may load a library
    /// that another may not.
    fn load(&self, name: &str) -> LoadResult {
        let user = rustix::process::geteuid().as_raw();
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.entry((name.to_owned(), user)).or_insert_with(|| self.load_uncached(name)).clone()
    }

    fn load_uncached(&self, name: &str) -> LoadResult {
        if !is_name(name) {
            let hint = "a method is named, not its file: libdsnap_NAME.so in a folder of --plugin-dir is `NAME`";
            let reason = Reason::new(self.no_such_method(name));
            return Err(if name.contains('/') { reason.hint(hint) } else { reason });
        }
        let file = self.search.find(name).ok_or_else(|| self.not_found(name))?;
        if !CAN_LOAD {
            let file = text::path(file);
            return Err(Reason::new(format!(
                "this dsnap is {KIND_OF_BUILD}, which cannot load {file}"
            )));
        }
        let plugin = Plugin::new(file.clone(), open_trusted(&file)?, self.program.clone());
        let methods = plugin.describe()?;
        let names: Vec<_> = methods.iter().map(|method| text::harmless(&method.name)).collect();
        let description =
            methods.into_iter().find(|method| method.name == name).ok_or_else(|| {
                let (file, names) = (text::path(&file), text::harmless(names.join(", ")));
                Reason::new(format!("{file}: it offers no method `{name}`, but: {names}"))
            })?;
        Ok(Arc::new(LoadedMethod::new(Arc::new(plugin), description)))
    }

    /// Says that there is no such method, and which methods are linked in.
    fn no_such_method(&self, name: &str) -> String {
        let known: Vec<_> = self.linked.iter().map(|method| method.name()).collect();
        let what = format!("there is no method `{}`", text::harmless(name));
        if known.is_empty() { what } else { format!("{what}; available: {}", known.join(", ")) }
    }

    fn not_found(&self, name: &str) -> Reason {
        let what = self.no_such_method(name);
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

    fn runs_code(&self, name: &[u8]) -> bool {
        self.linked(name).is_none_or(|method| method.runs_code())
    }
}
