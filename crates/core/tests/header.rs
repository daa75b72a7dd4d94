//! `include/dsnap.h` means the same to a C compiler as the definitions do to Rust.
//!
//! `cargo xtask header --check` checks that the header is up to date. Needs a C compiler.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "compilers are started")]

use std::fs;
use std::io::Write;
use std::mem::offset_of;
use std::path::{Path, PathBuf};
use std::process::Command;

use dsnap_core::abi::*;

const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];

fn include() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include")
}

/// Compiles one file, with warnings as errors, and returns the path of the program or object.
fn compile(compiler: &[&str], source: &Path, name: &str) -> PathBuf {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut command = Command::new(compiler[0]);
    command.args(&compiler[1..]).args(STRICT).arg("-I").arg(include());
    let done = command.arg("-o").arg(&program).arg(source).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{compiler:?} {}:\n{said}", source.display());
    program
}

fn is_installed(compiler: &str) -> bool {
    let installed = Command::new(compiler).arg("--version").output().is_ok();
    if !installed {
        // Not `eprintln!`: the test harness hides its output when a test passes.
        let _ = writeln!(std::io::stderr(), "skipped: there is no compiler {compiler}");
    }
    installed
}

macro_rules! constants {
    ($($name:ident)*) => { vec![$(format!("{} {}", stringify!($name), $name)),*] };
}

macro_rules! structure {
    ($type:ident $name:literal $($field:ident)*) => {
        [
            vec![format!("{} {}", $name, size_of::<$type>())],
            vec![$(format!("{}.{} {}", $name, stringify!($field), offset_of!($type, $field))),*],
        ]
        .concat()
    };
}

/// Lists constants, sizes and places as Rust knows them, in the header's order.
fn of_rust() -> Vec<String> {
    [
        constants!(DSNAP_ABI_VERSION DSNAP_WORKS_WITH_OWNER DSNAP_WORKS_WITH_NOBODY
            DSNAP_NEVER_CLOSES DSNAP_NO_LIMIT DSNAP_SNAPSHOT_SEEN
            DSNAP_HELD DSNAP_DONE DSNAP_BUSY DSNAP_UNAVAILABLE DSNAP_REFUSED DSNAP_FAILED
            DSNAP_UNKNOWN DSNAP_LEFT DSNAP_COULD_ENTER DSNAP_IS_HELD DSNAP_CANNOT_TELL
            DSNAP_LIKELY_FAILED
            DSNAP_SAY_WORDS DSNAP_SAY_REASON DSNAP_SAY_HINT DSNAP_SAY_CODE DSNAP_SAY_LABEL
            DSNAP_SAY_TRACE
            DSNAP_WORDS_USABLE DSNAP_WORDS_NO_RELATIVE_FILES),
        structure!(DsnapBytes "dsnap_bytes" data len),
        structure!(DsnapCaller "dsnap_caller" size context say progress shall_stop),
        structure!(DsnapRequest "dsnap_request" size storage conf_folder words word_count code
            time_left_ms caller leave_time_ms flags),
        structure!(DsnapMethod "dsnap_method" size name version works_with flags enter leave
            status check_words),
        structure!(DsnapLibrary "dsnap_library" abi_version size method_count methods),
    ]
    .concat()
}

/// Lists the names of the constants, structures and fields that the header defines, in its order.
fn of_header() -> Vec<String> {
    let text = fs::read_to_string(include().join("dsnap.h")).unwrap();
    let (mut names, mut structure) = (Vec::new(), String::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("#define DSNAP_").filter(|rest| rest.contains(' ')) {
            names.push(format!("DSNAP_{}", rest.split(' ').next().unwrap()));
        } else if let Some(name) = line.strip_prefix("struct ").and_then(|it| it.strip_suffix(" {"))
        {
            names.push(name.to_owned());
            name.clone_into(&mut structure);
        } else if line.starts_with("    ") && line.ends_with(';') && !line.contains("//") {
            names.push(format!("{structure}.{}", field(line)));
        }
    }
    names
}

fn field(line: &str) -> &str {
    match line.split_once("(*") {
        Some((_, function)) => function.split(')').next().unwrap(),
        None => line.rsplit([' ', '*']).next().unwrap().trim_end_matches(';'),
    }
}

#[test]
fn sizes_offsets_and_values_are_the_same_in_c_and_in_rust() {
    let source = include().join("../../../testkit/c/sizes.c");
    let expected = of_rust();
    let names: Vec<_> = expected.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(names, of_header(), "this test and sizes.c must list everything in the header");
    let compilers = [&["cc", "-std=c11"][..], &["g++", "-x", "c++", "-std=c++11"]];
    for compiler in compilers.into_iter().filter(|compiler| is_installed(compiler[0])) {
        let sizes = compile(compiler, &source, &format!("sizes-{}", compiler[0]));
        let said = Command::new(sizes).output().unwrap().stdout;
        let said = String::from_utf8(said).unwrap();
        assert_eq!(said.lines().collect::<Vec<_>>(), expected, "{compiler:?}");
    }
}

#[test]
fn the_header_compiles_alone_and_may_be_included_twice() {
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("alone.c");
    fs::write(&source, "#include \"dsnap.h\"\n#include \"dsnap.h\"\n").unwrap();
    for compiler in [&["cc", "-std=c99"][..], &["cc", "-std=c11"], &["g++", "-x", "c++"]] {
        if is_installed(compiler[0]) {
            compile(&[compiler, &["-c", "-Wredundant-decls"]].concat(), &source, "alone.o");
        }
    }
}
