//! What is known of a snapshot under a code, from what `misc/snapshot` has shown.

use dsnap_core::Code;

use crate::storage::snapshot_file::{Content, SnapshotFile};

/// What is known of a snapshot under a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Evidence {
    /// The enter was sent; whether it has had its effect is not known.
    Unknown,
    /// A server of another storage holds the snapshot, as far as can be told: `misc/snapshot` of
    /// this storage never showed the code.
    Elsewhere,
    /// This storage's server holds it: `misc/snapshot` showed the code.
    Here,
    /// The enter closed the storage (a script that stopped the server): `misc/snapshot` showed
    /// `shutdown`. Leaving opens the storage again.
    Closed,
}

impl Evidence {
    const NAMES: [(Evidence, &'static str); 4] = [
        (Self::Unknown, "unknown"),
        (Self::Elsewhere, "elsewhere"),
        (Self::Here, "held"),
        (Self::Closed, "closed"),
    ];

    /// Adds what `misc/snapshot` shows now. What was seen once stays known.
    #[must_use]
    pub(crate) fn observe(self, file: &SnapshotFile, code: &Code, may_close: bool) -> Self {
        let closed = file.content == Content::Shutdown && may_close;
        match self {
            _ if file.is_held_by(code) => Self::Here,
            Self::Elsewhere if closed => Self::Closed,
            known => known,
        }
    }

    /// Returns the word for it in a record.
    pub(super) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(it, _)| *it == self).map_or("unknown", |(_, name)| name)
    }

    /// Reads the word back.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(it, _)| *it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_evidence_has_a_name_that_reads_back() {
        for (evidence, name) in Evidence::NAMES {
            assert_eq!(evidence.name(), name);
            assert_eq!(Evidence::from_name(name), Some(evidence));
        }
        assert_eq!(Evidence::from_name("lost"), None);
    }
}
