//! A terminal as a person sees it: tmux draws what a run writes.

use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

use super::folder::folder;
use super::waiting::wait_until;

/// A screen of 100 columns in a tmux of its own.
#[derive(Debug)]
pub(crate) struct Screen {
    folder: TempDir,
}

impl Screen {
    /// Starts `dsnap` with these arguments on a new screen. Its end is shown as `status N`.
    pub(crate) fn start(args: &[&str]) -> Self {
        let screen = Self { folder: folder() };
        // The shell waits for the end of tmux, so that the screen stays.
        let script = "\"$@\"; echo \"status $?\"; exec cat";
        let mut command = screen.tmux();
        command.args(["-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "24"]);
        command.args(["sh", "-c", script, "sh", env!("CARGO_BIN_EXE_dsnap")]).args(args);
        command.env_remove("TMUX").env_remove("NO_COLOR");
        output(command);
        screen
    }

    /// What is on the screen now, without blank lines at its end.
    pub(crate) fn shown(&self) -> String {
        let mut command = self.tmux();
        command.args(["capture-pane", "-p"]);
        String::from_utf8_lossy(&output(command).stdout).trim_end().to_owned()
    }

    /// Waits until these words are on the screen; returns all of it.
    #[track_caller]
    pub(crate) fn wait_for(&self, words: &str) -> String {
        self.wait_for_one(&[words])
    }

    /// The same for one of several words.
    #[track_caller]
    pub(crate) fn wait_for_one(&self, words: &[&str]) -> String {
        let mut shown = String::new();
        wait_until(&format!("one of {words:?} on the screen"), || {
            shown = self.shown();
            words.iter().any(|words| shown.contains(words))
        });
        shown
    }

    fn tmux(&self) -> Command {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(self.socket());
        command
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("tmux")
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.tmux().arg("kill-server").output();
    }
}

#[track_caller]
fn output(mut command: Command) -> Output {
    let output =
        command.output().expect("tmux cannot be started; install it (apt-get install tmux)");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
