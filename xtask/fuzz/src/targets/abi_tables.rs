//! The tables of a library: sizes, counts, names.

use dsnap_core::abi::{DSNAP_ABI_VERSION, DsnapMethod};
use dsnap_core::method::is_name;
use dsnap_engine::limits::{MAX_METHOD_NAME, MAX_METHODS_PER_LIBRARY};
use dsnap_host::fuzzing::{GivenLibrary, GivenMethod, describe};

use crate::shown::check_line;
use crate::target::Target;

pub(crate) const TARGET: Target = Target {
    name: "abi_tables",
    property: "tables of a library: nothing is read behind their end, only whole methods count",
    check,
    longest: 512,
};

/// Takes numbers off the bytes. At the end of them, they are zero.
struct Numbers<'b>(&'b [u8]);

impl Numbers<'_> {
    fn byte(&mut self) -> u8 {
        let first = self.0.split_off_first();
        first.copied().unwrap_or(0)
    }

    fn bytes(&mut self) -> Vec<u8> {
        // Most names are short, and some are longer than any name may be.
        let length = match usize::from(self.byte()) {
            255 => usize::try_from(MAX_METHOD_NAME).unwrap() + 1,
            length => length,
        };
        let (name, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        let mut name = name.to_vec();
        name.resize(length, b'a');
        name
    }

    /// A small number, or one with many bits.
    fn number(&mut self) -> u64 {
        match self.byte() {
            255 => u64::MAX - u64::from(self.byte()),
            254 => u64::from(self.byte()) << 32,
            253 => u64::from(self.byte()) << 24,
            small => u64::from(small),
        }
    }
}

fn library(bytes: &[u8]) -> GivenLibrary {
    let mut numbers = Numbers(bytes);
    let (version, size, count) = (numbers.number(), numbers.number(), numbers.number());
    let mut methods = Vec::new();
    while !numbers.0.is_empty() && (methods.len() as u64) < MAX_METHODS_PER_LIBRARY {
        methods.push(method(&mut numbers));
    }
    GivenLibrary { version: version as u32, size: size as u32, count, methods }
}

fn method(numbers: &mut Numbers<'_>) -> Option<GivenMethod> {
    let shape = numbers.byte();
    (shape & 1 == 0).then(|| GivenMethod {
        size: numbers.number(),
        name: numbers.bytes(),
        version: numbers.bytes(),
        has_huge_version: shape & 2 != 0,
        works_with: numbers.number() as u32,
        flags: numbers.number() as u32,
        functions: numbers.byte(),
    })
}

fn check(bytes: &[u8]) {
    let given = library(bytes);
    match describe(&given) {
        Ok(described) => {
            assert_eq!(given.version, DSNAP_ABI_VERSION);
            assert_eq!(described.len() as u64, given.count);
            assert!((1..=MAX_METHODS_PER_LIBRARY).contains(&given.count));
            // More methods than tables would be addresses that are NULL.
            let tables = given
                .methods
                .iter()
                .take(described.len())
                .map(|it| it.as_ref().expect("no address is NULL"));
            tables.zip(&described).for_each(|(given, it)| check_method(given, it));
        }
        // The program makes it harmless before it shows it.
        Err(error) => assert!(error.len() as u64 <= MAX_METHOD_NAME + 200, "{error}"),
    }
}

fn check_method(given: &GivenMethod, described: &(String, String, u32, u32)) {
    let (name, version, works_with, flags) = described;
    assert!(is_name(name) && name.as_bytes() == given.name, "{name:?}");
    assert!(given.size >= DsnapMethod::SMALLEST && given.functions & 7 == 7, "{given:?}");
    assert_eq!((*works_with, *flags), (given.works_with, given.flags));
    let known = if given.has_huge_version || version.is_empty() { &[][..] } else { &given.version };
    assert_eq!(*version, String::from_utf8_lossy(known));
    check_line(name);
}
