//! What is tested, and how: the suite's input.

use std::fmt;

use dsnap_core::method::Methods;

use super::method_line::MethodLine;
use crate::Site;
use crate::site::{Builder, ZeoConfig, ZopeVersion};

/// The method under test, and how to test it.
pub struct Suite<'a> {
    /// The line that names the method.
    pub line: MethodLine,
    /// Creates a new registry for every check, so that no instance outlives its check.
    pub methods: &'a dyn Fn() -> Box<dyn Methods>,
    /// Whose answers the Zope of the simulated site gives.
    pub answers: ZopeVersion,
    /// The ZEO server of the simulated site. If this is `None` but the method's line contains `{zeo}`, the
    /// site has one with the default options.
    pub zeo: Option<ZeoConfig>,
    /// Nothing else runs in this process: output on stdout and processes that are left behind
    /// come from the method.
    pub owns_process: bool,
    /// Skip checks that take more than a few seconds.
    pub quick: bool,
}

impl Suite<'_> {
    /// Returns the site that each check gets.
    pub(super) fn site(&self) -> Builder {
        let zeo = self.zeo.clone().or_else(|| self.line.needs_zeo().then(ZeoConfig::default));
        let site = Site::builder().answers(self.answers);
        match zeo {
            Some(zeo) => site.zeo(zeo),
            None => site,
        }
    }
}

impl fmt::Debug for Suite<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suite").field("line", &self.line).finish_non_exhaustive()
    }
}
