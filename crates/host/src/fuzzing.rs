//! For `xtask/fuzz`, and no part of the interface: what a library hands over, without a library.
//!
//! The tables lie in memory as a library would put them there, each in a piece of memory that is no longer
//! than the table says. So AddressSanitizer notices a read behind its end.
#![allow(unsafe_code, reason = "writes tables as a library does")]

use std::ffi::OsString;
use std::ptr;

use dsnap_core::Reason;
use dsnap_core::abi::{DsnapBytes, DsnapLibrary, DsnapMethod, DsnapRequest};
use dsnap_core::method::{Caller, CheckedLine, Entered, Left, Status};
use dsnap_engine::limits;

use crate::library::Library;
use crate::lines::{LimitedCaller, LineSplitter};
use crate::loaded::Reply;

/// What a library says that it offers.
#[derive(Debug, Clone, Default)]
pub struct GivenLibrary {
    /// The version of the interface.
    pub version: u32,
    /// The size of the table.
    pub size: u32,
    /// How many methods it says that it has.
    pub count: u64,
    /// Its methods; `None` is an address that is NULL.
    pub methods: Vec<Option<GivenMethod>>,
}

/// What a library says about a method.
// wide: the fields of the table
#[derive(Debug, Clone, Default)]
pub struct GivenMethod {
    /// The size of the table.
    pub size: u64,
    /// The name.
    pub name: Vec<u8>,
    /// The version.
    pub version: Vec<u8>,
    /// Whether the version is said to be longer than any that is read.
    pub has_huge_version: bool,
    /// With whom it works.
    pub works_with: u32,
    /// The flags.
    pub flags: u32,
    /// Which functions it has, one bit each.
    pub functions: u8,
}

/// What the program reads of a method: its name, its version, with whom it works, and its flags.
pub type Described = (String, String, u32, u32);

/// The most memory of one table, in bytes. The program never reads more.
const MAX_TABLE: usize = 4096;

/// Reads the tables of a library.
///
/// # Errors
///
/// The library is refused: the text says why.
pub fn describe(given: &GivenLibrary) -> Result<Vec<Described>, String> {
    let tables: Vec<_> = given.methods.iter().map(|it| it.as_ref().map(table_of_method)).collect();
    let address = |table: &Option<Memory>| table.as_ref().map_or(ptr::null(), Memory::address);
    let mut addresses: Vec<*const DsnapMethod> =
        tables.iter().map(|table| address(table).cast()).collect();
    // A library really has as many methods as it says. More than the limit are never read, so they may be absent.
    let count = given.count.min(limits::MAX_METHODS_PER_LIBRARY) as usize;
    addresses.resize(addresses.len().max(count), ptr::null());
    let memory = table_of_library(given, addresses.as_ptr());
    // The tables are as a library makes them, and live until the end of this function.
    let library = Library::of_table(memory.address().cast())?;
    let described =
        library.describe().map(|it| (it.name.clone(), it.version.clone(), it.works_with, it.flags));
    Ok(described.collect())
}

fn table_of_library(given: &GivenLibrary, methods: *const *const DsnapMethod) -> Memory {
    let GivenLibrary { version, size, count, .. } = given;
    let table = DsnapLibrary { abi_version: *version, size: *size, method_count: *count, methods };
    // Version and size are there in any table.
    Memory::of(&table, (*size as usize).clamp(8, MAX_TABLE))
}

fn table_of_method(given: &GivenMethod) -> Memory {
    let function = |bit: u8| (given.functions & 1 << bit != 0).then_some(nothing as Function);
    let version = DsnapBytes::of(&given.version);
    let huge = DsnapBytes { len: limits::MAX_METHOD_NAME + 1, ..version };
    let table = DsnapMethod {
        size: given.size,
        name: DsnapBytes::of(&given.name),
        version: if given.has_huge_version { huge } else { version },
        works_with: given.works_with,
        flags: given.flags,
        enter: function(0),
        leave: function(1),
        status: function(2),
        check_words: (given.functions & 1 << 3 != 0).then_some(no_check),
    };
    let size = usize::try_from(given.size).unwrap_or(MAX_TABLE);
    // The size is there in any table.
    Memory::of(&table, size.clamp(8, MAX_TABLE))
}

type Function = unsafe extern "C" fn(*const DsnapRequest) -> i32;

unsafe extern "C" fn nothing(_request: *const DsnapRequest) -> i32 {
    0
}

unsafe extern "C" fn no_check(_request: *const DsnapRequest) -> u32 {
    0
}

/// Memory of exactly some size, at an address that is aligned to nothing.
struct Memory(Box<[u8]>);

impl Memory {
    /// Copies so much of a table. What the table does not have is zero.
    fn of<T>(table: &T, size: usize) -> Self {
        let mut bytes = vec![0; 1 + size].into_boxed_slice();
        // SAFETY: a table is plain memory without padding, and both pieces are so long.
        unsafe {
            let from = ptr::from_ref(table).cast::<u8>();
            ptr::copy_nonoverlapping(from, bytes[1..].as_mut_ptr(), size.min(size_of::<T>()));
        }
        Self(bytes)
    }

    fn address(&self) -> *const u8 {
        self.0[1..].as_ptr()
    }
}

/// The answers of a process that isolates a call.
#[derive(Debug)]
pub struct GivenAnswers(Reply);

impl GivenAnswers {
    /// Reads a stream that arrives in pieces of these lengths.
    pub fn read(stream: &[u8], lengths: &[usize], caller: &dyn Caller) -> Self {
        let caller = LimitedCaller::new(caller);
        let (mut reply, mut lines, mut rest) = (Reply::default(), LineSplitter::default(), stream);
        let mut lengths = lengths.iter().cycle();
        while !rest.is_empty() {
            let length = lengths.next().copied().unwrap_or(1).clamp(1, rest.len());
            lines.push(&rest[..length], &mut |line| reply.add(line, &caller));
            rest = &rest[length..];
        }
        lines.finish(&mut |line| reply.add(line, &caller));
        Self(reply)
    }

    /// Reads them as the answers to an enter.
    pub fn into_entered(self) -> Entered {
        self.0.into_entered()
    }

    /// Reads them as the answers to a leave.
    pub fn into_left(self) -> Left {
        self.0.into_left()
    }

    /// Reads them as the answers to a status.
    pub fn into_status(self) -> Status {
        self.0.into_status()
    }

    /// Reads them as the answers to the check of a line.
    ///
    /// # Errors
    ///
    /// The words are refused.
    pub fn into_checked_line(self, name: &str, words: &[OsString]) -> Result<CheckedLine, Reason> {
        self.0.checked_line(name, words)
    }
}
