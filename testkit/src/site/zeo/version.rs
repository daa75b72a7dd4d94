//! The ZEO server that a site has, and the differences between the generations of servers.

use super::pickle::{PYTHON_2, PYTHON_3, Protocol};

/// The generation of ZEO servers that is simulated, by the version that it announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ZeoVersion {
    /// ZODB 3.3 to 3.7.
    Z303,
    /// ZODB3 3.8.
    Z308,
    /// ZODB3 3.9.
    Z309,
    /// ZODB3 3.10, ZEO 4.0 and 4.1.
    #[default]
    Z3101,
    /// ZEO 4.2 and 4.3.
    Z4,
    /// ZEO 5 and 6. It has no snapshot methods: a call of one ends the connection.
    Z5,
    /// ZEO 5 and 6 with msgpack: the same server, which announces another version.
    M5,
}

/// All versions before ZEO 5 that clients have answered so far, oldest first.
const ANSWERS: [&str; 8] = ["Z200", "Z201", "Z303", "Z308", "Z309", "Z310", "Z3101", "Z4"];

/// What a client of ZEO 5 and later answers, to both of its announcements.
const ANSWERS_OF_ZEO_5: [&str; 2] = ["Z5", "M5"];

/// A server of 3.9 and later names objects without a version to clients that answer this or more.
const WITHOUT_VERSIONS: &str = "Z309";

impl ZeoVersion {
    /// All versions.
    pub const ALL: [Self; 7] =
        [Self::Z303, Self::Z308, Self::Z309, Self::Z3101, Self::Z4, Self::Z5, Self::M5];

    /// Returns what the server announces, which is also the name on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Z303 => "Z303",
            Self::Z308 => "Z308",
            Self::Z309 => "Z309",
            Self::Z3101 => "Z3101",
            Self::Z4 => "Z4",
            Self::Z5 => "Z5",
            Self::M5 => "M5",
        }
    }

    /// Tells whether the server accepts a client that gives this answer: its own version or an older
    /// one. ZEO 5 and later accept no older one.
    pub(super) fn accepts(self, answer: &str) -> bool {
        if !self.has_snapshots() {
            return ANSWERS_OF_ZEO_5.contains(&answer);
        }
        let known = ANSWERS.iter().position(|known| *known == answer);
        let own = ANSWERS.iter().position(|known| *known == self.name());
        known.zip(own).is_some_and(|(known, own)| known <= own)
    }

    /// Tells whether a storage can have methods of its own, such as those of a snapshot.
    pub(super) fn has_snapshots(self) -> bool {
        !matches!(self, Self::Z5 | Self::M5)
    }

    /// Tells whether the server answers the question `ruok`. ZEO 4.1 does, too, but announces the same
    /// version as ZODB3 3.10, which does not.
    pub(super) fn has_statistics(self) -> bool {
        matches!(self, Self::Z4 | Self::Z5 | Self::M5)
    }

    /// Returns the newest protocol of the pickles that the server understands.
    pub(super) fn newest_pickles(self) -> Protocol {
        if self.has_snapshots() { PYTHON_2 } else { PYTHON_3 }
    }

    /// Tells whether one thread serves all connections. Such a server answers no client while it enters
    /// a snapshot.
    pub(super) fn has_one_thread(self) -> bool {
        matches!(self, Self::Z303 | Self::Z308 | Self::Z309)
    }

    /// Tells whether one-way messages are numbered, and so collide with the numbers of calls.
    pub(super) fn numbers_messages(self) -> bool {
        self.has_one_thread()
    }

    /// Tells whether messages to a client with this answer name the version of each object, which
    /// was always empty.
    pub(super) fn names_object_versions(self, answer: &str) -> bool {
        matches!(self, Self::Z303 | Self::Z308) || answer < WITHOUT_VERSIONS
    }
}

/// The account that a server with digest authentication knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZeoAccount {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
    /// The realm, which the server tells its clients.
    pub realm: String,
}

/// The account in the access file of a site, and the realm of the recorded servers.
impl Default for ZeoAccount {
    fn default() -> Self {
        Self { user: "admin".into(), password: "adminpass".into(), realm: "ds-realm".into() }
    }
}

/// How the ZEO server of a site is configured.
#[derive(Debug, Clone, Default)]
pub struct ZeoConfig {
    /// The generation of servers.
    pub version: ZeoVersion,
    /// Listens on a socket in a temporary folder; otherwise on a port of the loopback interface.
    pub unix: bool,
    /// Wants the password of this account; otherwise none.
    pub authentication: Option<ZeoAccount>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_accepts_its_own_version_and_all_older_ones() {
        let accepted = |version: ZeoVersion| -> Vec<_> {
            ANSWERS.into_iter().filter(|answer| version.accepts(answer)).collect()
        };
        assert_eq!(accepted(ZeoVersion::Z303), ["Z200", "Z201", "Z303"]);
        assert_eq!(accepted(ZeoVersion::Z3101), ANSWERS[..7]);
        assert_eq!(accepted(ZeoVersion::Z4), ANSWERS);
        assert!(!ZeoVersion::Z4.accepts("Z999"));
    }

    #[test]
    fn zeo_5_accepts_pickles_and_msgpack_but_no_older_version() {
        for version in [ZeoVersion::Z5, ZeoVersion::M5] {
            assert!(version.accepts("Z5") && version.accepts("M5"));
            assert!(!ANSWERS.into_iter().any(|answer| version.accepts(answer)));
        }
    }

    #[test]
    fn objects_have_versions_for_clients_and_servers_before_3_9() {
        assert!(ZeoVersion::Z3101.names_object_versions("Z308"));
        assert!(ZeoVersion::Z308.names_object_versions("Z308"));
        for answer in ["Z309", "Z310", "Z3101", "Z4"] {
            assert!(!ZeoVersion::Z4.names_object_versions(answer));
        }
    }
}
