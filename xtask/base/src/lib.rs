//! What `xtask` and the programs behind it share: starting programs, printing, Python, and where things
//! are.
#![forbid(unsafe_code)]

pub mod output;
pub mod process;
pub mod python;
pub mod wheel;
pub mod workspace;
