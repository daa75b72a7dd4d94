//! The program `dsnap-testkit`: see [`dsnap_testkit::program`].
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    dsnap_testkit::program::main()
}
