//! Which code is for tests only. The rules for code that ships leave it out.

use syn::punctuated::Punctuated;
use syn::{Attribute, ImplItem, Item, Meta, Token};

/// Tells a file of tests or benchmarks by its path.
pub(super) fn is_test_file(path: &str) -> bool {
    ["tests/", "benches/"].iter().any(|folder| path.contains(folder)) || path.ends_with("/tests.rs")
}

/// Whether an item is built for tests only.
pub(super) fn is_test_item(item: &Item) -> bool {
    let attributes = match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => return false,
    };
    is_for_tests(attributes)
}

/// Whether a function or constant of an `impl` is built for tests only.
pub(super) fn is_test_impl_item(item: &ImplItem) -> bool {
    match item {
        ImplItem::Const(item) => is_for_tests(&item.attrs),
        ImplItem::Fn(item) => is_for_tests(&item.attrs),
        _ => false,
    }
}

/// Whether attributes contain `#[test]`, `#[cfg(test)]` or `#[cfg(all(test, …))]`.
pub(super) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        let is_test = path.segments.last().is_some_and(|last| last.ident == "test");
        is_test
            || path.is_ident("cfg") && attribute.parse_args().is_ok_and(|meta| needs_test(&meta))
    })
}

fn needs_test(condition: &Meta) -> bool {
    let all = Punctuated::<Meta, Token![,]>::parse_terminated;
    match condition {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("all") => {
            list.parse_args_with(all).is_ok_and(|conditions| conditions.iter().any(needs_test))
        }
        _ => false,
    }
}
