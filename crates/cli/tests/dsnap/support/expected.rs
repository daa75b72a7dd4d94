//! What an ordinary run says on stderr. A scenario states its own words around these.

/// A run that enters directly: there is nothing to leave.
pub(crate) const DIRECT: &str = "Entered snapshot using direct access
Locked snapshot mode
Unlocked snapshot mode
";

/// A run that enters by http.
pub(crate) const HTTP: &str = "Entered snapshot using URL
Locked snapshot mode
Unlocked snapshot mode
Left snapshot mode
";

/// A run that finds a snapshot and neither enters nor leaves it.
pub(crate) const LOCKED: &str = "Locked snapshot mode
Unlocked snapshot mode
";

/// A run that enters by that line, and leaves by it or by another one.
pub(crate) fn entered_by(line: &str) -> String {
    HTTP.replace("URL", line)
}
