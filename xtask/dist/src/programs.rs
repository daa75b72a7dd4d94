//! The programs: for glibc 2.17 or later, and fully static.
//!
//! `dsnap` and `dsnap-testkit` are built one after the other, because cargo unites the features of all
//! packages that one call builds. Other machines need a toolchain that this task does not install:
//!
//! ```sh
//! rustup target add aarch64-unknown-linux-gnu x86_64-unknown-linux-musl
//! cargo zigbuild --locked --release --target aarch64-unknown-linux-gnu.2.17 -p dsnap
//! cargo zigbuild --locked --release --target x86_64-unknown-linux-musl -p dsnap
//! ```

mod elf;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xtask_base::process::{Program, environment};
use xtask_base::{output, workspace};

use crate::Dist;
use crate::tools::{self, CargoTool};

/// The programs, each of the package with the same name.
pub(crate) const PROGRAMS: [&str; 2] = ["dsnap", "dsnap-testkit"];

/// What the programs are compiled for.
pub(crate) const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The oldest C library: that of RHEL 7 and later, Debian 8 and Ubuntu 14.04.
const OLDEST_GLIBC: (u32, u32) = (2, 17);

const CARGO_ZIGBUILD: CargoTool =
    CargoTool { name: "cargo-zigbuild", version: "0.24.1", options: &[] };
const ZIG: &str = "ziglang==0.15.2";

/// How programs are linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Linkage {
    /// With the C library of the machine, version 2.17 or later.
    Glibc,
    /// With everything in the program. It loads no libraries, so it offers no loadable methods.
    Static,
}

impl Linkage {
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::Glibc, Self::Static];

    /// Returns the folder of these programs.
    pub(crate) fn folder(self, dist: &Dist) -> PathBuf {
        let name = match self {
            Self::Glibc => "glibc-2.17",
            Self::Static => "static",
        };
        dist.out.join("programs").join(name)
    }
}

/// Builds all programs, and checks what each needs of a machine.
pub(crate) fn make(dist: &Dist) -> Result<()> {
    for linkage in Linkage::ALL {
        let folder = linkage.folder(dist);
        fs::create_dir_all(&folder)?;
        for program in PROGRAMS {
            let built = build(dist, linkage, program)?;
            let copy = folder.join(program);
            fs::copy(&built, &copy).with_context(|| format!("cannot copy {}", built.display()))?;
            check(linkage, &copy)?;
        }
    }
    Ok(())
}

/// Builds one program, and returns its path.
fn build(dist: &Dist, linkage: Linkage, program: &str) -> Result<PathBuf> {
    let mut flags = without_paths()?;
    let (target, target_dir) = match linkage {
        Linkage::Glibc => (format!("{TARGET}.{}.{}", OLDEST_GLIBC.0, OLDEST_GLIBC.1), "glibc"),
        Linkage::Static => (TARGET.to_owned(), "static"),
    };
    if linkage == Linkage::Static {
        flags.push("-Ctarget-feature=+crt-static".to_owned());
    }
    let target_dir = dist.work.join("build").join(target_dir);
    output::line(format_args!("building {program} for {target}, {linkage:?}"));
    cargo(dist, linkage)?
        .args(["--quiet", "--locked", "--release", "--target", &target, "-p", program])
        .env("CARGO_TARGET_DIR", &target_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .env("DSNAP_COMMIT", &dist.commit.id)
        .env("SOURCE_DATE_EPOCH", dist.commit.epoch.to_string())
        .dir(&workspace::root())
        .run()?;
    Ok(target_dir.join(TARGET).join("release").join(program))
}

/// Makes `cargo build`, or for an old C library `cargo zigbuild`: zig links with any version of glibc.
fn cargo(dist: &Dist, linkage: Linkage) -> Result<Program> {
    if linkage == Linkage::Static {
        return Ok(Program::cargo().arg("build"));
    }
    let zigbuild = CARGO_ZIGBUILD.program(dist)?;
    let caches = dist.work.join("zigbuild");
    let cargo = Program::new(zigbuild).arg("zigbuild").env("CARGO_ZIGBUILD_CACHE_DIR", caches);
    Ok(with_zig_caches(dist, cargo).env("CARGO_ZIGBUILD_ZIG_PATH", zig(dist)?))
}

/// Compiles a library in C for the oldest C library.
pub(crate) fn compile_library(
    dist: &Dist,
    source: &Path,
    headers: &Path,
    library: &Path,
) -> Result<()> {
    let target = format!("x86_64-linux-gnu.{}.{}", OLDEST_GLIBC.0, OLDEST_GLIBC.1);
    let cc = Program::new(zig(dist)?).args(["cc", "-target", &target, "-shared", "-fPIC", "-I"]);
    let cc = cc.arg(headers).arg(source).arg("-o").arg(library);
    with_zig_caches(dist, cc).quiet().map(drop)
}

fn zig(dist: &Dist) -> Result<PathBuf> {
    Ok(tools::python(dist, "ziglang", &[ZIG])?.join("ziglang/zig"))
}

/// Lets zig keep its caches below the working files.
fn with_zig_caches(dist: &Dist, program: Program) -> Program {
    let folder = dist.work.join("zig");
    program.env("ZIG_GLOBAL_CACHE_DIR", &folder).env("ZIG_LOCAL_CACHE_DIR", &folder)
}

/// Returns the flags that keep source paths of this machine out of the programs.
fn without_paths() -> Result<Vec<String>> {
    let home = environment("HOME").context("HOME is not set")?;
    let cargo =
        environment("CARGO_HOME").map_or_else(|| Path::new(&home).join(".cargo"), Into::into);
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    Ok(vec![remap(&workspace::root(), "/dsnap"), remap(&cargo, "/cargo")])
}

/// Checks that a program starts on the machines that it is for, and prints what it needs.
fn check(linkage: Linkage, program: &Path) -> Result<()> {
    let bytes = fs::read(program)?;
    let needs = match linkage {
        Linkage::Glibc => elf::check_glibc(&bytes, OLDEST_GLIBC),
        Linkage::Static => elf::check_static(&bytes),
    };
    let needs =
        needs.with_context(|| format!("{} would not start everywhere", program.display()))?;
    output::line(format_args!("{}: {} bytes, {needs}", program.display(), bytes.len()));
    Ok(())
}
