//! Reading folders piece by piece, so that memory does not grow with their entries.

use dsnap_core::Reason;
use dsnap_engine::limits::MAX_LISTED;
use dsnap_engine::storage;
use dsnap_engine::system::folder::{Folder, Listed};

use crate::reasons::unreadable;

/// Asked in every loop over what others wrote: an error ends the work.
pub(crate) type KeepGoing<'a> = &'a dyn Fn() -> Result<(), Reason>;

/// Returns the entries of a folder one by one.
pub(crate) fn entries(
    folder: &Folder,
    keep_going: KeepGoing<'_>,
) -> Result<impl Iterator<Item = Result<Listed, Reason>>, Reason> {
    let unreadable = |error| unreadable(folder, "", &error);
    let entries = folder.entries().map_err(unreadable)?;
    Ok(entries.map(move |entry| {
        keep_going()?;
        entry.map_err(unreadable)
    }))
}

/// Returns the entries of a folder one by one, without the `.mark` files of a packing server.
pub(crate) fn entries_without_marks(
    folder: &Folder,
    keep_going: KeepGoing<'_>,
) -> Result<impl Iterator<Item = Result<Listed, Reason>>, Reason> {
    let is_mark = |entry: &Listed| !entry.is_folder && storage::is_mark(&entry.name);
    Ok(entries(folder, keep_going)?.filter(move |entry| !entry.as_ref().is_ok_and(is_mark)))
}

/// Works through entries in pieces of bounded size. Returns how many pieces there were.
pub(crate) fn in_pieces(
    mut entries: impl Iterator<Item = Result<Listed, Reason>>,
    mut work: impl FnMut(Vec<Listed>) -> Result<(), Reason>,
) -> Result<usize, Reason> {
    let mut pieces = 0;
    loop {
        let piece = entries.by_ref().take(MAX_LISTED).collect::<Result<Vec<_>, _>>()?;
        let is_last = piece.len() < MAX_LISTED;
        work(piece)?;
        pieces += 1;
        if is_last {
            return Ok(pieces);
        }
    }
}

/// Works through a folder whose entries `work` removes. `work` says whether it removed any.
///
/// If a folder changes while it is read, some file systems (NFS) pass over entries. So a folder of
/// several pieces is read again until one piece holds the rest, or nothing more can be removed.
pub(crate) fn until_done<E: Iterator<Item = Result<Listed, Reason>>>(
    entries: impl Fn() -> Result<E, Reason>,
    mut work: impl FnMut(Vec<Listed>) -> Result<bool, Reason>,
) -> Result<(), Reason> {
    loop {
        let mut did_something = false;
        let pieces = in_pieces(entries()?, |piece| {
            did_something |= work(piece)?;
            Ok(())
        })?;
        if pieces == 1 || !did_something {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use super::*;

    fn entry(number: usize) -> Listed {
        Listed { name: number.to_string().into(), is_folder: false }
    }

    #[test]
    fn a_large_folder_is_read_in_pieces_of_bounded_size() {
        for (count, expected) in [
            (0, vec![0]),
            (MAX_LISTED - 1, vec![MAX_LISTED - 1]),
            (MAX_LISTED, vec![MAX_LISTED, 0]),
            (2 * MAX_LISTED + 1, vec![MAX_LISTED, MAX_LISTED, 1]),
        ] {
            let mut sizes = Vec::new();
            let pieces = in_pieces((0..count).map(|it| Ok(entry(it))), |piece| {
                sizes.push(piece.len());
                Ok(())
            });
            assert_eq!((pieces.unwrap(), &sizes), (expected.len(), &expected));
        }
    }

    #[test]
    fn a_large_folder_is_read_again_until_one_piece_is_left_even_if_entries_are_passed_over() {
        let left: RefCell<Vec<_>> = RefCell::new((0..3 * MAX_LISTED).map(entry).collect());
        // As if every second entry were passed over.
        let entries = || Ok(left.borrow().clone().into_iter().step_by(2).map(Ok));
        let removed = until_done(entries, |piece| {
            let removed: BTreeSet<_> = piece.iter().collect();
            left.borrow_mut().retain(|entry| !removed.contains(entry));
            Ok(!piece.is_empty())
        });
        removed.unwrap();
        assert!(left.borrow().len() < MAX_LISTED, "{} are left", left.borrow().len());
    }

    #[test]
    fn a_small_folder_is_read_once() {
        let mut reads = 0;
        let entries = || Ok([Ok(entry(1))].into_iter());
        until_done(entries, |_| {
            reads += 1;
            Ok(true)
        })
        .unwrap();
        assert_eq!(reads, 1);
    }
}
