//! Which methods a program has.
//!
//! The registry makes one list of them and answers the run's question for the method of a name.
//! Methods are linked in; the list is where loaded ones will stand beside them, and neither the
//! run nor `dsnap-core` can tell which is which.
#![forbid(unsafe_code)]

use std::sync::Arc;

use dsnap_core::Refusal;
use dsnap_core::method::{Methods, SnapshotMethod};
use dsnap_core::text::Harmless;

/// All methods that a program can use.
#[derive(Debug, Default)]
pub struct Registry {
    linked: Vec<Arc<dyn SnapshotMethod>>,
}

impl Registry {
    /// A registry without methods.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a method that is linked into the program. Of two with one name the first is used.
    #[must_use]
    pub fn with(mut self, method: impl SnapshotMethod + 'static) -> Self {
        self.linked.push(Arc::new(method));
        self
    }
}

impl Methods for Registry {
    fn find(&self, name: &[u8]) -> Result<Arc<dyn SnapshotMethod>, Refusal> {
        let found = self.linked.iter().find(|method| method.name().as_bytes() == name);
        found.map(Arc::clone).ok_or_else(|| {
            let known: Vec<_> = self.linked.iter().map(|method| method.name()).collect();
            Refusal::new(format!(
                "there is no method `{}`; there is: {}",
                Harmless(name),
                known.join(", ")
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dsnap_core::method::{Entered, Left, Request, Status};

    #[derive(Debug)]
    struct Named(&'static str);

    impl SnapshotMethod for Named {
        fn name(&self) -> &str {
            self.0
        }
        fn enter(&self, _request: &Request<'_>) -> Entered {
            Entered::Done
        }
        fn leave(&self, _request: &Request<'_>) -> Left {
            Left::Left
        }
        fn status(&self, _request: &Request<'_>) -> Status {
            Status::CannotTell
        }
    }

    #[test]
    fn a_method_is_found_by_its_name() {
        let registry = Registry::new().with(Named("one")).with(Named("two"));
        assert_eq!(registry.find(b"two").unwrap().name(), "two");
    }

    #[test]
    fn an_unknown_method_is_named_with_those_there_are() {
        let registry = Registry::new().with(Named("one")).with(Named("two"));
        let refusal = registry.find(b"thr\x1bee").unwrap_err();
        assert_eq!(refusal.text(), "there is no method `thr\u{fffd}ee`; there is: one, two");
    }
}
