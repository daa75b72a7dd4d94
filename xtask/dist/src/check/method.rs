//! A loadable method, compiled against the header that a package has installed.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use xtask_base::process::Program;

use super::root::Root;
use crate::{Dist, programs, tools};

/// Compiles the sample in C for the old C library, and puts it where the installed `dsnap.pc` says.
pub(super) fn install(dist: &Dist, root: &Root) -> Result<()> {
    tools::debian("pkg-config", "pkg-config")?;
    let headers = pkg_config(root, "includedir")?;
    let folder = pkg_config(root, "plugindir")?;
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let source = root.folder.join("usr/share/dsnap/line.c");
    programs::compile_library(dist, &source, &headers, &folder.join("libdsnap_line.so"))
}

/// Reads a variable of the installed `dsnap.pc`. Its folders are relative to the file.
fn pkg_config(root: &Root, variable: &str) -> Result<PathBuf> {
    let pkg_config = Program::new("pkg-config").args(["--variable", variable, "dsnap"]);
    let path = pkg_config.env("PKG_CONFIG_LIBDIR", root.folder.join("usr/share/pkgconfig"));
    Ok(path.quiet()?.stdout.trim().into())
}
