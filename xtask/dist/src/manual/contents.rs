//! Which pages in `docs`, and which sections of them, are part of a manual page.

/// A page in `docs`, and the part of it that a manual page contains.
pub(super) struct Content {
    pub(super) document: &'static str,
    /// The manual page: its name and section.
    pub(super) page: (&'static str, &'static str),
    /// The sections that the manual page contains; empty if it contains all.
    sections: &'static [&'static str],
}

pub(super) const CONF: (&str, &str) = ("snapshot.conf", "5");
pub(super) const METHOD: (&str, &str) = ("dsnap-method", "7");
pub(super) const GUIDE: &str = "docs/writing-a-method.md";

/// Every page in `docs` that is part of a manual page.
pub(super) const CONTENTS: [Content; 4] = [
    Content { document: "docs/snapshot-conf.md", page: CONF, sections: &[] },
    Content { document: "docs/zeo.md", page: CONF, sections: &[] },
    Content { document: "docs/abi.md", page: METHOD, sections: &[] },
    Content { document: GUIDE, page: METHOD, sections: &GUIDE_SECTIONS },
];

pub(super) const GUIDE_SECTIONS: [&str; 5] = [
    "What a method does",
    "What the script gets, and what it returns",
    "Its privileges",
    "Install it",
    "When a method misbehaves",
];

impl Content {
    /// Says whether the manual page contains the section with this anchor. The whole document has an empty one.
    pub(super) fn contains(&self, target: &str) -> bool {
        self.sections.is_empty() || self.sections.iter().any(|title| anchor(title) == target)
    }
}

/// Makes the anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}
