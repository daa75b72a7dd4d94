//! The program that cargo-fuzz builds: libFuzzer around one target. `DSNAP_FUZZ_TARGET` names the target,
//! so that one build serves all of them.
#![no_main]
#![forbid(unsafe_code)]

use std::sync::LazyLock;

use dsnap_fuzz::target::Target;
use dsnap_fuzz::targets;
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<&Target> = LazyLock::new(targets::of_environment);

fuzz_target!(|bytes: &[u8]| (TARGET.check)(bytes));
