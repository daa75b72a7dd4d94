//! Tells the program its commit and its target, for `--version -v`, and links the unwinder into it.
#![allow(clippy::print_stdout, reason = "a build script prints its instructions to cargo")]
#![allow(clippy::disallowed_methods, reason = "the rules are for the program, not for its build")]

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=DSNAP_COMMIT");
    let crate_folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let commit = env::var("DSNAP_COMMIT").ok();
    let commit = commit.or_else(|| of_package(&crate_folder)).or_else(|| of_clone(&crate_folder));
    println!("cargo::rustc-env=DSNAP_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
    println!("cargo::rustc-env=DSNAP_TARGET={}", env::var("TARGET").unwrap_or_default());
    link_the_unwinder();
}

/// Links the unwinder, which a panic needs, into the program. The program then needs no library but the C
/// library, and a short run takes a twentieth less time. Rust's static programs do the same.
fn link_the_unwinder() {
    let target = |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    let is_dynamic = target("ENV") == "gnu" && !target("FEATURE").contains("crt-static");
    if is_dynamic && has_static_unwinder() {
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
    }
}

/// Asks the C compiler, which links the program. A system without GCC has no such library.
fn has_static_unwinder() -> bool {
    let answer = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output();
    answer
        .is_ok_and(|answer| Path::new(OsStr::from_bytes(answer.stdout.trim_ascii())).is_absolute())
}

/// Reads the commit from the file that `cargo package` adds.
fn of_package(crate_folder: &Path) -> Option<String> {
    let info = fs::read_to_string(crate_folder.join(".cargo_vcs_info.json")).ok()?;
    let (_, rest) = info.split_once("\"sha1\": \"")?;
    Some(rest.split_once('"')?.0.to_owned())
}

/// Asks git. If the crate is part of another project's clone, that project's commits say nothing.
fn of_clone(crate_folder: &Path) -> Option<String> {
    let root = PathBuf::from(git(crate_folder, &["rev-parse", "--show-toplevel"])?);
    if root.join("crates/cli").canonicalize().ok()? != crate_folder.canonicalize().ok()? {
        return None;
    }
    for name in ["HEAD", "logs/HEAD"] {
        let path = git(crate_folder, &["rev-parse", "--git-path", name])?;
        println!("cargo::rerun-if-changed={}", crate_folder.join(path).display());
    }
    git(crate_folder, &["rev-parse", "HEAD"])
}

fn git(folder: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new("git").current_dir(folder).args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim_end().to_owned())
}
