//! The floor of every start: a Rust program that does nothing.
#![forbid(unsafe_code)]

fn main() {}
