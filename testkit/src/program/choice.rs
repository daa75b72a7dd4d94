//! Values of options that are one of a few names.

use clap::builder::{PossibleValuesParser, TypedValueParser};

/// Parses one of a few values by its name.
pub(crate) fn one_of<T: Copy + Send + Sync + 'static, const N: usize>(
    all: [T; N],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(all.map(name))
        .try_map(move |given| all.into_iter().find(|one| name(*one) == given).ok_or("unknown name"))
}

/// Parses `on` and `off`.
pub(crate) fn on_or_off() -> impl TypedValueParser<Value = bool> {
    one_of([true, false], |on| if on { "on" } else { "off" })
}
