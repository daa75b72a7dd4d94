//! What a target is. The list of all of them is in `targets`.

/// A reader of foreign bytes, and what must hold for all bytes.
#[derive(Debug)]
pub struct Target {
    /// The name on the command line, and of the file in `corpus`.
    pub name: &'static str,
    /// What is read, and what must hold, for the table in docs/promises.md.
    pub property: &'static str,
    /// Panics if the property does not hold for these bytes.
    pub check: fn(&[u8]),
    /// The longest input that finds anything new, in bytes.
    pub longest: usize,
}
