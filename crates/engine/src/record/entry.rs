//! A record: that a snapshot may be held, written before the server is asked to enter it.
//!
//! It contains all that a later run needs to leave the snapshot of a dead one. A record is data:
//! nothing in it is run or contacted unless the present conf says the same.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use dsnap_core::Code;

use crate::record::checksummed::{ChecksummedLine, LineWriter};
use crate::record::evidence::Evidence;
use crate::storage::main_lock::LockStamp;
use crate::system::process::{Host, ProcessId};

/// The first word of a record's line.
const KIND: &str = "record";

/// A snapshot that may be held.
// wide: one field for each value of the line in the file
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The code of the snapshot.
    pub code: Code,
    /// The conf line that entered it, without comment and outer blanks.
    pub line: Vec<u8>,
    /// How messages name the line, which itself may contain a password. Empty in a record of an
    /// older release.
    pub label: String,
    /// Where that line stands, for messages.
    pub conf: String,
    /// What is known of it.
    pub evidence: Evidence,
    /// Whether the method of that line may close the storage by entering.
    pub may_close: bool,
    /// When the enter was sent, in seconds since 1970.
    pub since: u64,
    /// `misc/lock` as it was then: once it has changed, another server has the storage open. `None` if
    /// it was not looked at, as in a record of an older release.
    pub main_lock: Option<LockStamp>,
    /// The host of the run.
    pub host: Host,
    /// The id of the user who ran it.
    pub user: u32,
    /// The name of COMMAND, without its arguments: they may contain secrets.
    pub command_name: OsString,
    /// The process of COMMAND, once it runs.
    pub command: Option<ProcessId>,
    /// The resolved path of the storage.
    pub storage: PathBuf,
    /// The inode of the storage's directory.
    pub directory: u64,
    /// The inode of the file that the record was written to: a copy has another one.
    pub file: u64,
}

impl Record {
    pub(crate) fn to_line(&self) -> String {
        let line = LineWriter::new(KIND)
            .field("code", self.code.as_str())
            .field("state", self.evidence.name())
            .field("line", &self.line)
            .field("label", &self.label)
            .field("conf", &self.conf)
            .number("closes", u8::from(self.may_close))
            .number("since", self.since)
            .number("user", self.user)
            .field("name", self.command_name.as_bytes())
            .field("storage", self.storage.as_os_str().as_bytes())
            .number("directory", self.directory)
            .number("file", self.file);
        let line = LockStamp::optional_field(self.main_lock, self.host.fields(line), "lock");
        ProcessId::optional_fields(self.command.as_ref(), line, "command").finish()
    }

    pub(crate) fn from_line(line: &str) -> Option<Self> {
        let fields = ChecksummedLine::parse(line, KIND)?;
        Some(Self {
            code: Code::from_file(&fields.bytes("code")?)?,
            evidence: Evidence::from_name(&fields.text("state")?)?,
            line: fields.bytes("line")?,
            label: fields.text("label").unwrap_or_default(),
            conf: fields.text("conf")?,
            may_close: fields.number::<u8>("closes")? != 0,
            since: fields.number("since")?,
            main_lock: LockStamp::from_fields(fields, "lock"),
            host: Host::from_fields(fields)?,
            user: fields.number("user")?,
            command_name: OsString::from_vec(fields.bytes("name")?),
            command: ProcessId::from_fields(fields, "command"),
            storage: OsString::from_vec(fields.bytes("storage")?).into(),
            directory: fields.number("directory")?,
            file: fields.number("file")?,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn record(code: &str) -> Record {
        Record {
            code: Code::from_bytes(code.as_bytes()).unwrap(),
            line: b"http http://x/ 'my access' \xff".to_vec(),
            label: "http://x/".to_owned(),
            conf: "/srv/ds/config/snapshot.conf".to_owned(),
            evidence: Evidence::Unknown,
            may_close: true,
            since: 1_767_225_600,
            main_lock: Some(LockStamp { inode: 19, seconds: -1, nanoseconds: 999_999_999 }),
            host: Host::here(),
            user: 33,
            command_name: "rsync".into(),
            command: None,
            storage: "/srv/ds".into(),
            directory: 17,
            file: 18,
        }
    }

    /// Gives a line that was changed the right checksum.
    fn with_checksum(line: &str) -> String {
        let content = line.rsplit_once(" crc=").unwrap().0;
        format!("{content} crc={:08x}", crc32fast::hash(content.as_bytes()))
    }

    #[test]
    fn a_record_of_an_older_release_lacks_label_lock_and_machine() {
        let record = record("db-1-x");
        let machine = format!(" machine={}", record.host.machine);
        let absent = [" label=http://x/", " lock=19,-1,999999999", &machine];
        let older = absent.iter().fold(record.to_line(), |line, field| line.replace(field, ""));
        assert!(!absent.iter().any(|field| older.contains(field)), "{older}");
        let host = Host { machine: String::new(), ..record.host.clone() };
        let read = Record { label: String::new(), main_lock: None, host, ..record };
        assert_eq!(Record::from_line(&with_checksum(&older)), Some(read));
    }

    #[test]
    fn a_record_whose_code_this_program_never_makes_cannot_be_read() {
        for code in ["../../etc/x", "a;id", "-rf", "a$x"] {
            let forged = with_checksum(&record("db-1-x").to_line().replace("db-1-x", code));
            assert_eq!(Record::from_line(&forged), None, "{code}");
        }
    }

    #[test]
    fn a_record_reads_back_as_it_was() {
        for evidence in [Evidence::Unknown, Evidence::Here, Evidence::Closed, Evidence::Elsewhere] {
            let asked = Record { evidence, ..record("db-1-x") };
            assert_eq!(Record::from_line(&asked.to_line()), Some(asked.clone()));
            let running = Record { command: Some(ProcessId::own()), ..asked };
            assert_eq!(Record::from_line(&running.to_line()), Some(running));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_code_that_a_record_may_hold_reads_back_and_no_other(code in "[!-~]{1,70}") {
            let line = record("db-1-x").to_line();
            let encoded = percent_encoding::utf8_percent_encode(&code, percent_encoding::NON_ALPHANUMERIC);
            let line = line.replace("code=db-1-x", &format!("code={encoded}"));
            let line = with_checksum(&line);
            let read = Record::from_line(&line).map(|record| record.code);
            proptest::prop_assert_eq!(read, Code::from_file(code.as_bytes()));
        }
    }
}
