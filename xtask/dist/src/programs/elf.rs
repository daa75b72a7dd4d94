//! Reads from an ELF file what a program needs of a machine.

use anyhow::{Context, Result, bail, ensure};
use object::Endianness;
use object::elf::{FileHeader64, PT_INTERP};
use object::read::elf::{FileHeader, ProgramHeader};

type Header = FileHeader64<Endianness>;

/// Checks that a program needs no symbol of a later glibc, and names the highest version.
///
/// # Errors
///
/// The file is no ELF program, or it needs a symbol of a later glibc.
pub(super) fn check_glibc(program: &[u8], oldest: (u32, u32)) -> Result<String> {
    let mut highest = (0, 0);
    for symbol_version in symbol_versions(program)? {
        let Some(version) = symbol_version.strip_prefix("GLIBC_") else { continue };
        let number = numbers(version).with_context(|| {
            format!("the program needs {symbol_version}, which not every glibc has")
        })?;
        highest = highest.max(number);
    }
    let (major, minor) = highest;
    ensure!(highest > (0, 0), "the program needs no symbol of glibc");
    ensure!(highest <= oldest, "the program needs GLIBC_{major}.{minor}");
    Ok(format!("highest symbol version GLIBC_{major}.{minor}"))
}

/// Checks that a program starts without any other file.
///
/// # Errors
///
/// The file is no ELF program, or it names an interpreter, which loads libraries.
pub(super) fn check_static(program: &[u8]) -> Result<String> {
    let header = Header::parse(program)?;
    let endian = header.endian()?;
    let segments = header.program_headers(endian, program)?;
    if segments.iter().any(|segment| segment.p_type(endian) == PT_INTERP) {
        bail!("the program has an interpreter, so it is not static");
    }
    Ok("static".to_owned())
}

/// Lists the versions of symbols that a program needs, such as `GLIBC_2.17` and `GCC_3.0`.
fn symbol_versions(program: &[u8]) -> Result<Vec<String>> {
    let header = Header::parse(program)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, program)?;
    let mut versions = Vec::new();
    let Some((mut libraries, link)) = sections.gnu_verneed(endian, program)? else {
        return Ok(versions);
    };
    let strings = sections.strings(endian, program, link)?;
    while let Some((_, mut needed)) = libraries.next()? {
        while let Some(version) = needed.next()? {
            versions.push(String::from_utf8_lossy(version.name(endian, strings)?).into_owned());
        }
    }
    Ok(versions)
}

/// Parses `2.2.5` as far as it says which release: 2.2.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This test program, which uses the C library of the machine.
    fn this_program() -> Vec<u8> {
        std::fs::read(std::env::current_exe().unwrap()).unwrap()
    }

    #[test]
    fn a_program_that_needs_a_later_glibc_is_refused() {
        let program = this_program();
        let needs = check_glibc(&program, (2, 999)).unwrap();
        assert!(needs.starts_with("highest symbol version GLIBC_2."), "{needs}");
        let error = check_glibc(&program, (2, 1)).unwrap_err().to_string();
        assert!(error.starts_with("the program needs GLIBC_2."), "{error}");
    }

    #[test]
    fn a_program_with_an_interpreter_is_not_static() {
        let error = check_static(&this_program()).unwrap_err().to_string();
        assert!(error.contains("interpreter"), "{error}");
    }

    #[test]
    fn releases_of_glibc_are_compared_as_numbers() {
        assert_eq!(numbers("2.2.5"), Some((2, 2)));
        assert!(numbers("2.17") < numbers("2.34"));
        assert!(numbers("2.4") < numbers("2.17"));
        assert_eq!(numbers("PRIVATE"), None);
    }
}
