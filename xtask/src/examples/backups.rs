//! Backups of `docs/examples`: each is done twice on a simulated site, restored as its header says, and
//! the restored copy is checked.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use xtask_base::process::Program;
use xtask_base::{output, workspace};

const BACKUPS: [&str; 4] =
    ["backup-tar.sh", "backup-rsync.sh", "backup-restic.sh", "backup-borg.sh"];

/// How long one example may take.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Files that hold passwords, in the place of `/etc/dsnap`.
const PASSWORDS: [&str; 2] = ["restic.password", "borg.passphrase"];

/// Rehearses every backup, all at the same time. The folder contains dsnap and dsnap-testkit.
pub(super) fn run(programs: &Path) -> Result<()> {
    output::line(format_args!("backup, restore: {}", BACKUPS.join(", ")));
    thread::scope(|threads| {
        let started = BACKUPS.map(|name| threads.spawn(move || rehearse(name, programs)));
        let ended = started.map(|it| it.join().unwrap_or_else(|_| Err(anyhow!("a panic"))));
        ended.into_iter().collect()
    })
}

fn rehearse(name: &str, programs: &Path) -> Result<()> {
    let rehearsed = Rehearsal::prepare(name).and_then(|rehearsal| rehearsal.run(programs));
    rehearsed.with_context(|| format!("docs/examples/{name}"))
}

/// An example, adapted to folders of its own.
struct Rehearsal {
    folder: PathBuf,
    /// The example with these folders.
    text: String,
}

impl Rehearsal {
    /// Writes the adapted script and the passwords.
    fn prepare(name: &str) -> Result<Self> {
        let folder = workspace::target()?.join("examples").join(name);
        _ = fs::remove_dir_all(&folder);
        for made in ["bin", "etc", "backup"] {
            fs::create_dir_all(folder.join(made))?;
        }
        for password in PASSWORDS {
            fs::write(folder.join("etc").join(password), "a secret\n")?;
        }
        let text = fs::read_to_string(super::folder().join(name))?;
        let rehearsal = Self { text: adapted(&text, &folder), folder };
        let script = rehearsal.folder.join("bin").join(name);
        fs::write(&script, &rehearsal.text)?;
        fs::set_permissions(&script, Permissions::from_mode(0o755))?;
        Ok(rehearsal)
    }

    /// Does what the header of the example says, and checks the restored copy.
    fn run(self, programs: &Path) -> Result<()> {
        let testkit = Program::within(TIMEOUT, programs.join("dsnap-testkit"));
        let run = testkit.args(["run", "--storage"]).arg(self.folder.join("ds"));
        let run = run.args(["--", "sh", "-euc"]).arg(self.steps()).dir(&self.folder);
        let run = run.env("HOME", &self.folder).env("BORG_BASE_DIR", &self.folder);
        run.env("XDG_CACHE_HOME", self.folder.join("cache")).path_first(programs)?.quiet()?;
        Ok(fs::remove_dir_all(&self.folder)?)
    }

    fn steps(&self) -> String {
        let block = |heading| format!("(\n{})\n", block(&self.text, heading));
        let (prepare, back_up, restore) = (block("Prepare"), block("Back up"), block("Restore"));
        format!(
            "PATH=$PWD/bin:$PATH\n\
             {prepare}{back_up}\
             dsnap-testkit ctl ds commit 20\n\
             {back_up}{restore}\
             dsnap-testkit verify ds-new --site ds\n\
             mkdir ds-new/B ds-new/journal ds-new/misc\n\
             dsnap -q --storage ds-new --method direct true\n"
        )
    }
}

/// Replaces the folders that an example names, all of them at once.
fn adapted(text: &str, folder: &Path) -> String {
    let places = [
        ("/srv/ds-new", "ds-new"),
        ("/srv/ds", "ds"),
        ("/backup", "backup"),
        ("/etc/dsnap", "etc"),
    ];
    let marks = ["\u{1}", "\u{2}", "\u{3}", "\u{4}"];
    let marked = places.iter().zip(marks);
    let text = marked.fold(text.to_owned(), |text, ((from, _), mark)| text.replace(from, mark));
    places.iter().zip(marks).fold(text, |text, ((_, to), mark)| {
        text.replace(mark, &folder.join(to).display().to_string())
    })
}

/// Returns the commands below a heading of the comment at the beginning: the lines that are indented.
fn block(text: &str, heading: &str) -> String {
    let heading = format!("# {heading}:");
    let lines = text.lines().skip_while(|line| *line != heading).skip(1);
    lines.map_while(|line| line.strip_prefix("#   ")).map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_ends_where_the_indentation_does() {
        let text = "#!/bin/sh\n# Prepare:\n#   one\n#   two\n# Back up:\n#   three\nset -e\n";
        assert_eq!(block(text, "Prepare"), "one\ntwo\n");
        assert_eq!(block(text, "Back up"), "three\n");
    }

    #[test]
    fn a_folder_is_replaced_once_even_if_its_new_path_contains_another_one() {
        let text = adapted("/srv/ds-new /srv/ds /backup/x", Path::new("/backup/srv/ds"));
        assert_eq!(text, "/backup/srv/ds/ds-new /backup/srv/ds/ds /backup/srv/ds/backup/x");
    }

    #[test]
    fn every_backup_says_how_to_prepare_make_and_restore_it() {
        for name in BACKUPS {
            let text = fs::read_to_string(super::super::folder().join(name)).unwrap();
            for heading in ["Prepare", "Back up", "Restore"] {
                assert!(!block(&text, heading).is_empty(), "{name}: {heading}");
            }
        }
    }
}
