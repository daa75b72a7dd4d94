//! The pages of the documentation, and a reader who does what they say.

mod markdown;
mod place;
mod reader;
mod spans;
mod stubs;

use std::path::Path;

pub(crate) use markdown::Page;
pub(crate) use reader::Reader;
pub(crate) use spans::{CommandLines, command_lines};

/// The checkout.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}
