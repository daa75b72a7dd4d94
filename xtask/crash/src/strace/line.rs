//! Reads the lines that strace writes.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Whose, is_below};

/// A system call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    /// The thread that made it: 0 is the first one.
    pub(crate) thread: usize,
    /// Its name.
    pub(crate) name: String,
    /// Its number among the calls of this name and thread, from 1: strace counts like this.
    pub(crate) nth: usize,
    /// Its arguments.
    pub(crate) args: Vec<Arg>,
    /// What it returned, with the error's name and text; `?` if it never returned.
    pub(crate) result: String,
}

/// An argument of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Arg {
    /// A descriptor, or the current folder, and its path.
    Descriptor(PathBuf),
    /// A text: a path, or what was written or read.
    Text(Vec<u8>),
    /// Anything else, as strace writes it.
    Other(String),
}

/// The calls that change neither a file, nor a lock, nor another process. All other calls count as changes,
/// those that are not known here too.
// long: one table
const HARMLESS: &str = " access arch_prctl brk capget chdir clock_getres clock_gettime clock_nanosleep \
    close close_range dup dup2 dup3 epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd2 \
    execve exit exit_group faccessat faccessat2 fadvise64 fchdir fgetxattr flistxattr fstat fstatfs futex \
    getcwd getdents getdents64 getegid geteuid getgid getgroups getpeername getpgid getpgrp getpid \
    getppid getpriority getrandom getresgid getresuid getrlimit getrusage getsid getsockname getsockopt \
    gettid gettimeofday getuid getxattr inotify_add_watch inotify_init1 ioctl lgetxattr lseek lstat \
    madvise membarrier mincore mlock mmap mprotect mremap munmap nanosleep newfstatat pause pidfd_open \
    pipe pipe2 poll ppoll prctl pread64 preadv preadv2 prlimit64 pselect6 read readlink readlinkat readv \
    recvfrom recvmsg restart_syscall rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigreturn \
    rt_sigsuspend rt_sigtimedwait sched_getaffinity sched_getparam sched_getscheduler sched_yield select \
    set_robust_list set_tid_address setfsgid setfsuid setgroups setpgid setpriority setregid setresgid \
    setresuid setreuid setrlimit setsid setsockopt sigaltstack signalfd4 socket socketpair stat statfs \
    statx sysinfo timerfd_create timerfd_settime times umask uname wait4 waitid ";

impl Call {
    /// Returns the text that the call writes.
    pub(crate) fn text(&self) -> Option<&[u8]> {
        self.args.iter().find_map(|arg| match arg {
            Arg::Text(text) => Some(text.as_slice()),
            _ => None,
        })
    }

    /// Says whether it changes a file, a lock or another process, or may. A failed call of these kinds
    /// counts, too. An open changes something if it may create or truncate.
    pub(crate) fn is_change(&self) -> bool {
        match self.name.as_str() {
            "open" | "openat" | "openat2" => self.has(&["O_CREAT", "O_TRUNC", "O_TMPFILE"]),
            "fcntl" => self.has(&["F_SETLK", "F_OFD_SETLK", "F_SETLEASE"]),
            name => !HARMLESS.contains(&format!(" {name} ")),
        }
    }

    /// Says whether an argument contains one of these flags.
    fn has(&self, flags: &[&str]) -> bool {
        self.others().any(|text| flags.iter().any(|flag| text.contains(flag)))
    }

    /// Returns the arguments that are neither a descriptor nor a text.
    pub(crate) fn others(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.args.iter().filter_map(|arg| match arg {
            Arg::Other(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// Says whether it returned.
    pub(crate) fn is_finished(&self) -> bool {
        self.result != "?"
    }

    /// Says whether it returned without an error.
    pub(crate) fn succeeded(&self) -> bool {
        self.is_finished() && !self.result.starts_with('-')
    }

    /// Says whether strace made it fail.
    pub(crate) fn is_injected(&self) -> bool {
        self.result.ends_with("(INJECTED)")
    }

    /// Returns the files that it names: a descriptor's, or that of a name below a descriptor.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let (mut files, mut folder) = (Vec::new(), None);
        let is_text = matches!(self.name.as_str(), "write" | "pwrite64" | "read" | "pread64");
        for arg in &self.args {
            match (arg, folder.take()) {
                (Arg::Text(name), before) if !is_text => {
                    let name = PathBuf::from(OsString::from_vec(name.clone()));
                    files.push(before.map_or(name.clone(), |it: PathBuf| it.join(name)));
                }
                (Arg::Descriptor(path), before) => {
                    files.extend(before);
                    folder = Some(path.clone());
                }
                (_, before) => files.extend(before),
            }
        }
        files.extend(folder);
        files
    }

    /// Returns the files below `root`, relative to it.
    pub(crate) fn files_below(&self, root: &Path) -> Vec<PathBuf> {
        let files = self.files().into_iter();
        let below = files.filter(|file| is_below(file, root));
        below.filter_map(|file| file.strip_prefix(root).ok().map(Path::to_owned)).collect()
    }

    /// Describes it, with paths relative to `root`.
    pub(crate) fn describe(&self, root: &Path) -> String {
        let files: Vec<_> =
            self.files_below(root).iter().map(|it| it.display().to_string()).collect();
        format!("{} {} {}", self.name, self.nth, files.join(" -> "))
    }
}

/// Reads a trace.
pub(super) fn calls(trace: &str, whose: Whose) -> Result<Vec<Call>> {
    let mut threads = Vec::new();
    let mut counts = HashMap::new();
    let begun = joined(trace, whose);
    begun
        .iter()
        .map(|(pid, text)| {
            let thread = threads.iter().position(|it| it == pid).unwrap_or(threads.len());
            if thread == threads.len() {
                threads.push(*pid);
            }
            let parsed = parse(text).with_context(|| format!("strace wrote: {text}"))?;
            let (name, args, result) = parsed;
            let nth = counts.entry((thread, name.clone())).or_insert(0);
            *nth += 1;
            Ok(Call { thread, name, nth: *nth, args, result })
        })
        .collect()
}

/// Joins the two halves of calls during which another thread made one, and leaves out signals and ends.
fn joined(trace: &str, whose: Whose) -> Vec<(&str, String)> {
    let (mut begun, mut open) = (Vec::<(&str, String)>::new(), HashMap::<&str, usize>::new());
    for line in trace.lines() {
        let (pid, text) = match whose {
            Whose::FirstThread => ("", line),
            Whose::Everybody => line.split_once(char::is_whitespace).unwrap_or_default(),
        };
        let text = text.trim_start();
        if let Some((_, rest)) = text.split_once(" resumed>").filter(|_| text.starts_with("<...")) {
            if let Some(at) = open.remove(pid) {
                begun[at].1.push_str(rest);
            }
        } else if text.starts_with(|first: char| first.is_ascii_lowercase()) {
            let half = text.strip_suffix(" <unfinished ...>");
            if half.is_some() {
                open.insert(pid, begun.len());
            }
            begun.push((pid, half.unwrap_or(text).to_owned()));
        }
    }
    begun
}

/// Takes a call apart: its name, its arguments and its result.
fn parse(text: &str) -> Option<(String, Vec<Arg>, String)> {
    let (name, rest) = text.split_once('(')?;
    let (args, rest) = arguments(rest);
    let result = rest.trim_start().strip_prefix('=').map_or("?", str::trim);
    Some((name.to_owned(), args.into_iter().map(Arg::of).collect(), result.to_owned()))
}

/// Divides a list of arguments at its commas. Returns the rest after the closing parenthesis, too.
fn arguments(text: &str) -> (Vec<&str>, &str) {
    let (mut args, mut start, mut nesting) = (Vec::new(), 0, Nesting::default());
    for (at, char) in text.char_indices() {
        let is_outside = nesting.is_outside();
        if is_outside && (char == ',' || char == ')') {
            args.push(text[start..at].trim());
            start = at + 1;
            if char == ')' {
                return (args, &text[start..]);
            }
        } else {
            nesting.enter(char);
        }
    }
    args.push(text[start..].trim());
    (args, "")
}

/// Which brackets and quotes are open.
#[derive(Default)]
struct Nesting {
    brackets: usize,
    angles: usize,
    quoted: bool,
    escaped: bool,
}

impl Nesting {
    fn is_outside(&self) -> bool {
        self.brackets == 0 && self.angles == 0 && !self.quoted
    }

    fn enter(&mut self, char: char) {
        if self.quoted {
            self.quoted = self.escaped || char != '"';
            self.escaped = !self.escaped && char == '\\';
            return;
        }
        match char {
            '"' => self.quoted = true,
            '<' => self.angles += 1,
            '>' => self.angles = self.angles.saturating_sub(1),
            '(' | '[' | '{' if self.angles == 0 => self.brackets += 1,
            ')' | ']' | '}' if self.angles == 0 => self.brackets = self.brackets.saturating_sub(1),
            _ => {}
        }
    }
}

impl Arg {
    fn of(text: &str) -> Self {
        let quoted =
            text.strip_prefix('"').and_then(|it| it.trim_end_matches("...").strip_suffix('"'));
        if let Some(quoted) = quoted {
            return Self::Text(unescaped(quoted));
        }
        match text.strip_suffix('>').and_then(|it| it.split_once('<')) {
            Some((number, path)) if number == "AT_FDCWD" || number.parse::<u32>().is_ok() => {
                Self::Descriptor(OsString::from_vec(unescaped(path)).into())
            }
            _ => Self::Other(text.to_owned()),
        }
    }
}

/// Undoes what strace does to bytes that do not print: the escapes of C.
fn unescaped(text: &str) -> Vec<u8> {
    let (mut bytes, mut found) = (text.bytes().peekable(), Vec::new());
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'\\' => match bytes.next() {
                Some(digit @ b'0'..=b'7') => {
                    let mut value = u32::from(digit - b'0');
                    for _ in 0..2 {
                        let Some(digit) = bytes.next_if(|it| (b'0'..=b'7').contains(it)) else {
                            break;
                        };
                        value = value * 8 + u32::from(digit - b'0');
                    }
                    value.to_le_bytes()[0]
                }
                Some(b'n') => b'\n',
                Some(b't') => b'\t',
                Some(b'r') => b'\r',
                Some(b'v') => 0x0b,
                Some(b'f') => 0x0c,
                Some(other) => other,
                None => b'\\',
            },
            other => other,
        };
        found.push(byte);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(trace: &str) -> Vec<Call> {
        calls(trace, Whose::Everybody).unwrap()
    }

    #[test]
    fn a_call_is_taken_apart() {
        let found =
            all("7  renameat2(29</s/B/x>, \"oid, (\", 28</s/A/x>, \"o\\\"i\\1\\n\", 0) = 0\n");
        assert_eq!(found[0].files(), ["/s/B/x/oid, (", "/s/A/x/o\"i\u{1}\n"].map(PathBuf::from));
        assert_eq!(found[0].files_below(Path::new("/s/A")), [Path::new("x/o\"i\u{1}\n")]);
        assert!(found[0].succeeded() && found[0].is_change());
        let found =
            all("7 write(12</s/lock>, \" 1\\n\"..., 3) = -1 ENOSPC (No space left) (INJECTED)\n");
        assert_eq!(found[0].files(), [Path::new("/s/lock")]);
        assert_eq!(found[0].args[1], Arg::Text(b" 1\n".to_vec()));
        assert!(found[0].is_injected() && !found[0].succeeded());
    }

    #[test]
    fn calls_are_counted_by_name_and_thread() {
        let trace = "7 fsync(3</a>) = 0\n\
            8 fsync(4</b> <unfinished ...>\n\
            7 unlink(\"x\") = 0\n\
            7 --- SIGCHLD {si_signo=SIGCHLD} ---\n\
            7 fsync(3</a>) = ?\n\
            8 <... fsync resumed>) = 0\n\
            7 +++ killed by SIGKILL +++\n";
        let found = all(trace);
        let counts: Vec<_> = found.iter().map(|it| (it.thread, it.name.as_str(), it.nth)).collect();
        assert_eq!(counts, [(0, "fsync", 1), (1, "fsync", 1), (0, "unlink", 1), (0, "fsync", 2)]);
        assert!(found[1].succeeded() && !found[3].is_finished());
    }

    #[test]
    fn a_call_that_is_not_known_to_be_harmless_counts_as_a_change() {
        let is_change = |line| all(line)[0].is_change();
        assert!(is_change("7 invented(0) = 0\n"));
        assert!(is_change("7 openat(3</s>, \"x\", O_RDWR|O_CREAT, 0640) = 4</s/x>\n"));
        assert!(is_change(
            "7 openat2(3</s>, \"x\", {flags=O_RDWR|O_CREAT, mode=0640}, 24) = 4</s/x>\n"
        ));
        assert!(is_change("7 fcntl(3</s>, F_SETLK, {l_type=F_WRLCK}) = 0\n"));
        assert!(!is_change("7 openat(3</s>, \"O_CREAT\", O_RDONLY) = 4</s/x>\n"));
        assert!(!is_change("7 getdents64(3</s>, 0x1 /* 2 entries */, 32768) = 64\n"));
        assert!(!is_change("7 fcntl(3</s>, F_GETFD) = 0x1 (flags FD_CLOEXEC)\n"));
    }
}
