//! What `xtask` and the programs behind it share: starting programs, printing, Python, directory
//! trees, links of pages, and where things are.
#![forbid(unsafe_code)]

pub mod markdown;
pub mod output;
pub mod process;
pub mod python;
pub mod tree;
pub mod wheel;
pub mod workspace;
