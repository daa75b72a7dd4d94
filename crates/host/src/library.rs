//! A loaded library: the handshake, and calls through its tables.
//!
//! This is only used in the process that isolates a call, because loading a library already runs its
//! code. The handshake goes in steps: first the version number, then sizes, then names. Each step
//! makes the next read safe. Whether the file may be loaded at all is decided in `search`.
#![allow(unsafe_code, reason = "calls through a table of C functions")]

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::path::Path;
use std::ptr;

use dsnap_core::abi::{
    DSNAP_ABI_VERSION, DSNAP_NO_LIMIT, DSNAP_SNAPSHOT_SEEN, DSNAP_WORDS_USABLE, DsnapBytes,
    DsnapCaller, DsnapEntry, DsnapLibrary, DsnapMethod, DsnapRequest,
};
use dsnap_core::method::{NAME_RULE, is_name};
use dsnap_engine::limits;
use libloading::os::unix::{Library as Shared, RTLD_LOCAL, RTLD_NOW};

use crate::wire::{Call, MethodDescription, Verb};

/// A library whose handshake succeeded.
#[derive(Debug)]
pub(crate) struct Library {
    methods: Vec<Method>,
}

#[derive(Debug)]
struct Method {
    description: MethodDescription,
    table: DsnapMethod,
}

/// Takes what a method says during a call.
pub(crate) trait Listener: Sync {
    fn say(&self, kind: u32, text: &[u8]);
    fn progress(&self, done: u64, of: u64, unit: &[u8]);
    fn should_stop(&self) -> bool;
}

impl Library {
    /// Loads the file and makes the handshake.
    ///
    /// # Errors
    ///
    /// The file is not a library, not a plugin of dsnap, or one of another version.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        // SAFETY: loading runs the library's initialisers, which may do anything. The file was
        // checked before, and this process exists for this one call.
        let shared = unsafe { Shared::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
        let shared =
            shared.map_err(|error| format!("it cannot be loaded: {}", dlopen_message(&error)))?;
        // SAFETY: the interface says that the function of this name has this type.
        let entry = unsafe { shared.get::<DsnapEntry>(b"dsnap_entry\0") };
        let entry =
            *entry.map_err(|_| "it is no plugin of dsnap: it has no function dsnap_entry")?;
        // The tables stay valid only while the library is loaded: until this process ends.
        std::mem::forget(shared);
        // SAFETY: the library exports the symbol, so it is a plugin. The function has no arguments.
        Self::of_table(unsafe { entry() })
    }

    /// Makes the handshake: reads the table that `dsnap_entry` gives back.
    ///
    /// # Errors
    ///
    /// It is the table of another version, or one that no library may have.
    pub(crate) fn of_table(library: *const DsnapLibrary) -> Result<Self, String> {
        let tables = tables(library)?;
        Ok(Self { methods: tables.into_iter().map(Method::read).collect::<Result<_, _>>()? })
    }

    pub(crate) fn describe(&self) -> impl Iterator<Item = &MethodDescription> {
        self.methods.iter().map(|method| &method.description)
    }

    /// Calls a method and returns its number.
    ///
    /// # Errors
    ///
    /// The library has no such method.
    pub(crate) fn call(&self, call: &Call, listener: &dyn Listener) -> Result<i64, String> {
        let found = self.methods.iter().find(|method| method.description.name == call.method);
        let method = found.ok_or_else(|| {
            let names: Vec<_> = self.describe().map(|it| it.name.as_str()).collect();
            format!("it offers no method `{}`, but: {}", call.method, names.join(", "))
        })?;
        Ok(method.call(call, listener))
    }
}

/// Reads the addresses of the methods' tables.
fn tables(library: *const DsnapLibrary) -> Result<Vec<*const DsnapMethod>, String> {
    if library.is_null() {
        return Err("its dsnap_entry gives back no table".to_owned());
    }
    // SAFETY: not null, and every version of the interface begins with this number.
    let version = unsafe { library.cast::<u32>().read_unaligned() };
    if version != DSNAP_ABI_VERSION {
        return Err(format!(
            "it speaks version {version} of the interface, and this dsnap version {DSNAP_ABI_VERSION}"
        ));
    }
    // SAFETY: in this version the size is the next number.
    let size = unsafe { library.cast::<u32>().add(1).read_unaligned() };
    let needed = size_of::<DsnapLibrary>();
    if (size as usize) < needed {
        return Err(format!("the table of the library has {size} bytes, and {needed} are needed"));
    }
    // SAFETY: it has at least that size.
    let library = unsafe { library.read_unaligned() };
    if library.method_count == 0 || library.methods.is_null() {
        return Err("it offers no method".to_owned());
    }
    if library.method_count > limits::MAX_METHODS_PER_LIBRARY {
        return Err(format!("it says that it has {} methods", library.method_count));
    }
    let count = usize::try_from(library.method_count).unwrap_or_default();
    // SAFETY: the library says that there are so many addresses.
    Ok((0..count).map(|number| unsafe { library.methods.add(number).read_unaligned() }).collect())
}

impl Method {
    fn read(table: *const DsnapMethod) -> Result<Self, String> {
        if table.is_null() {
            return Err("one of its methods has no table".to_owned());
        }
        // SAFETY: not null, and every table begins with its size.
        let size = unsafe { table.cast::<u64>().read_unaligned() };
        if size < DsnapMethod::SMALLEST {
            let needed = DsnapMethod::SMALLEST;
            return Err(format!("the table of a method has {size} bytes, and {needed} are needed"));
        }
        let known = usize::try_from(size).unwrap_or(usize::MAX).min(size_of::<DsnapMethod>());
        let mut copy = MaybeUninit::<DsnapMethod>::zeroed();
        // SAFETY: `known` bytes lie in the library's table, as it says itself, and fit into ours.
        // What the library does not have stays zero: a function that is not there.
        let table = unsafe {
            ptr::copy_nonoverlapping(table.cast::<u8>(), copy.as_mut_ptr().cast::<u8>(), known);
            copy.assume_init()
        };
        let name = text(table.name).filter(|name| is_name(name));
        let name = name.ok_or_else(|| format!("a method has an invalid name: {NAME_RULE}"))?;
        if table.enter.is_none() || table.leave.is_none() || table.status.is_none() {
            return Err(format!("the method `{name}` lacks a function"));
        }
        let version = text(table.version).unwrap_or_default();
        let (works_with, flags) = (table.works_with, table.flags);
        let description = MethodDescription { name, version, works_with, flags };
        Ok(Self { description, table })
    }

    fn call(&self, call: &Call, listener: &dyn Listener) -> i64 {
        let words: Vec<_> = call.words.iter().map(|word| DsnapBytes::of(&word.0)).collect();
        let caller = DsnapCaller {
            size: size_of::<DsnapCaller>() as u64,
            context: (&raw const listener).cast_mut().cast(),
            say: Some(say),
            progress: Some(progress),
            shall_stop: Some(should_stop),
        };
        let request = DsnapRequest {
            size: size_of::<DsnapRequest>() as u64,
            storage: DsnapBytes::of(&call.storage.0),
            conf_folder: DsnapBytes::of(&call.conf_folder.0),
            words: words.as_ptr(),
            word_count: words.len() as u64,
            code: DsnapBytes::of(call.code.as_bytes()),
            time_left_ms: call.time_left.unwrap_or(DSNAP_NO_LIMIT),
            caller: &raw const caller,
            leave_time_ms: call.leave_time,
            flags: if call.snapshot_seen { DSNAP_SNAPSHOT_SEEN } else { 0 },
        };
        let table = &self.table;
        let function = match call.verb {
            Verb::Enter => table.enter,
            Verb::Leave => table.leave,
            Verb::Status => table.status,
            Verb::Describe => None,
            Verb::CheckWords => {
                // Without the function all words are usable.
                let Some(check) = table.check_words else { return DSNAP_WORDS_USABLE.into() };
                // SAFETY: as below.
                return unsafe { check(&raw const request) }.into();
            }
        };
        // SAFETY: the function is the library's, of the type that the interface says. The request
        // and all that it points to outlive the call.
        function.map_or(0, |function| unsafe { function(&raw const request) }.into())
    }
}

/// Reads a name or a version; `None` if it is missing or too long.
fn text(bytes: DsnapBytes) -> Option<String> {
    let plausible = !bytes.data.is_null() && bytes.len <= limits::MAX_METHOD_NAME;
    // SAFETY: not null, and the library says that it is so long.
    plausible.then(|| String::from_utf8_lossy(unsafe { slice(bytes) }).into_owned())
}

/// Shows what dlopen says, without the descriptor by which the file was opened.
fn dlopen_message(error: &libloading::Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let text = cause.unwrap_or_else(|| error.to_string());
    let shown = text.strip_prefix("/proc/self/fd/").and_then(|rest| rest.split_once(": "));
    shown.map_or_else(|| text.clone(), |(_, rest)| rest.to_owned())
}

/// # Safety
///
/// `bytes` describes memory that stays valid and unchanged for `'a`, or is empty.
unsafe fn slice<'a>(bytes: DsnapBytes) -> &'a [u8] {
    if bytes.data.is_null() || bytes.len == 0 {
        return &[];
    }
    // SAFETY: by this function's own condition.
    unsafe { std::slice::from_raw_parts(bytes.data, usize::try_from(bytes.len).unwrap_or(0)) }
}

/// # Safety
///
/// `context` is what the caller's structure holds: the address of a listener.
unsafe fn listener<'a>(context: *mut c_void) -> &'a dyn Listener {
    // SAFETY: by this function's own condition; the listener outlives the call of the method.
    unsafe { *context.cast::<&dyn Listener>() }
}

unsafe extern "C" fn say(context: *mut c_void, kind: u32, text: DsnapBytes) {
    // SAFETY: the method passes on the context that it got, and bytes that live until we return.
    unsafe { listener(context).say(kind, slice(text)) }
}

unsafe extern "C" fn progress(context: *mut c_void, done: u64, of: u64, unit: DsnapBytes) {
    // SAFETY: as for `say`.
    unsafe { listener(context).progress(done, of, slice(unit)) }
}

unsafe extern "C" fn should_stop(context: *mut c_void) -> u32 {
    // SAFETY: as for `say`.
    u32::from(unsafe { listener(context) }.should_stop())
}
