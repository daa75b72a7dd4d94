//! What the storage's owner cannot do to a run of root's, while it works with the owner's privileges.
//!
//! These scenarios need root; without it each says that it was passed over.

use std::fs;
use std::process::Command;

use dsnap_engine::record::run_record::RunRecord;
use dsnap_engine::system::process::ProcessId;
use dsnap_testkit::State;
use nix::sys::signal::Signal;
use nix::unistd::User;

use crate::support::{
    DIRECT, Dsnap, GROUP, OWNER, Running, chown_all, is_locked, site_of_another_user,
    storage_of_another_user, wait_until,
};

/// Tries everything that a process may do to another one, and says what it could do.
const ATTACKS: &str = r#"
import ctypes, os, resource, sys
pid, user, group = map(int, sys.argv[1:])
# Python itself may be in a folder that only root can pass.
os.setgroups([])
os.setresgid(group, group, group)
os.setresuid(user, user, user)
libc = ctypes.CDLL(None, use_errno=True)

def attack(name, action):
    try:
        action()
    except OSError:
        return
    print("could", name)

def ptrace(request):
    if libc.ptrace(request, pid, None, None) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")

def change(file, text):
    with open("/proc/%d/%s" % (pid, file), "w") as opened:
        opened.write(text)

for signal in (9, 15, 19, 10):
    attack("signal %d" % signal, lambda: os.kill(pid, signal))
attack("attach", lambda: ptrace(16))
attack("seize", lambda: ptrace(0x4206))
for file in ("environ", "mem", "maps", "auxv", "stack", "syscall", "pagemap"):
    attack("read " + file, lambda: open("/proc/%d/%s" % (pid, file), "rb").read(1))
for folder in ("fd", "fdinfo", "map_files"):
    attack("list " + folder, lambda: os.listdir("/proc/%d/%s" % (pid, folder)))
attack("follow cwd", lambda: os.listdir("/proc/%d/cwd" % pid))
attack("change oom_score_adj", lambda: change("oom_score_adj", "1000"))
attack("change limits", lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, (1, 1)))
attack("change priority", lambda: os.setpriority(os.PRIO_PROCESS, pid, 19))
print("done")
"#;

/// What the owner could do to a process.
fn attacked(pid: i32) -> String {
    let mut attacker = Command::new("python3");
    attacker.args(["-c", ATTACKS]).args([pid.to_string(), OWNER.to_string(), GROUP.to_string()]);
    String::from_utf8(attacker.output().unwrap().stdout).unwrap()
}

fn begun(dsnap: Dsnap) -> Running {
    dsnap.sh("echo begun; read go; true").open_stdin().start()
}

#[test]
fn the_owner_can_neither_signal_trace_read_nor_limit_the_program() {
    let Some((_folder, fixture)) = storage_of_another_user(State::Clean) else { return };
    let running = begun(Dsnap::on(&fixture));
    assert_eq!(attacked(running.pid()), "done\n");
    running.end().says(0, DIRECT);
}

#[test]
fn these_attacks_succeed_where_the_program_is_the_owners_own() {
    let Some((_folder, fixture)) = storage_of_another_user(State::Clean) else { return };
    let own = ["setpriv", "--reuid=54321", "--regid=54322", "--clear-groups"];
    let running = Dsnap::through(&own).storage(fixture.path()).sh("echo begun; read go; true");
    let running = running.open_stdin().start();
    assert!(attacked(running.pid()).contains("could signal 9\n"));
    drop(running);
}

#[test]
fn command_has_roots_ids_and_mask_and_one_descriptor_more() {
    let Some((_folder, fixture)) = storage_of_another_user(State::Clean) else { return };
    // Not `SigQ`, which counts the queued signals of the user's other processes, too.
    let looks = "grep -E '^(Uid|Gid|Groups|Cap|Umask|Sig[^Q]|NoNewPrivs)' /proc/self/status; \
                 ls -l /proc/$$/fd";
    let mut outside = Command::new("sh");
    outside.args(["-c", looks]).stdin(std::process::Stdio::null());
    let outside = String::from_utf8(outside.output().unwrap().stdout).unwrap();
    let inside = Dsnap::on(&fixture).sh(looks).run().says(0, DIRECT).stdout;
    let facts = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.contains(":\t")).map(str::to_owned).collect()
    };
    assert!(facts(&inside).len() >= 10, "{inside}");
    assert_eq!(facts(&inside), facts(&outside));
    let files = |text: &str| text.matches(" -> ").count();
    assert_eq!(files(&inside), files(&outside) + 1, "{inside}");
    assert!(inside.contains("DIR/misc/sublock"), "{inside}");
}

#[test]
fn a_process_named_by_a_record_is_never_signalled() {
    let Some((_folder, site)) = site_of_another_user() else { return };
    let mut victim = Command::new("sleep").arg("1000").spawn().unwrap();
    let named = ProcessId::of(victim.id().cast_signed()).unwrap();
    let running = begun(Dsnap::at(&site));
    let command = || RunRecord::read(site.storage()).ok().flatten()?.command;
    wait_until("a record of COMMAND", || command().is_some());
    running.signal(Signal::SIGKILL);
    wait_until("the tool's end", || !is_locked(&site.storage().run_lock()));
    // The owner writes another process into the record, with a right checksum.
    let path = site.storage().run_lock();
    let text = fs::read_to_string(&path).unwrap();
    let forged = forge(&text, &command().unwrap(), &named);
    assert_ne!(forged, text);
    fs::write(&path, forged).unwrap();
    for args in [&["true"][..], &["--recover"], &["-t1", "-k1", "true"]] {
        let ran = Dsnap::at(&site).args(args).run();
        assert_eq!(ran.status.code(), Some(75), "{ran}");
        ran.mentions(&format!("(pid {}), entered", named.pid));
    }
    assert!(victim.try_wait().unwrap().is_none(), "the victim was killed");
    victim.kill().unwrap();
    victim.wait().unwrap();
    running.end();
}

/// Replaces a process in the lines of a file, and their checksums.
fn forge(text: &str, old: &ProcessId, new: &ProcessId) -> String {
    let process = |it: &ProcessId| format!("={},{}", it.pid, it.start);
    let line = |line: &str| match line.rsplit_once(" crc=") {
        Some((content, _)) => {
            let content = content.replace(&process(old), &process(new));
            format!("{content} crc={:08x}\n", crc32fast::hash(content.as_bytes()))
        }
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[test]
fn what_the_owner_owns_is_not_given_to_a_third_user_by_a_hint() {
    let Some((_folder, fixture)) = storage_of_another_user(State::Crashed) else { return };
    // `nobody`, who is neither root nor the owner.
    let nobody = User::from_uid(65_534.into()).unwrap().unwrap();
    chown_all(fixture.path(), OWNER, GROUP);
    let third = format!("--reuid={}", nobody.uid);
    let starter = ["setpriv", &third, "--regid=65534", "--clear-groups"];
    let ran = Dsnap::through(&starter).knows(fixture.path()).storage(fixture.path());
    let ran = ran.arg("true").run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    assert!(!ran.stderr.contains("chown") && !ran.stderr.contains("chmod"), "{ran}");
    ran.mentions("\nhint: run dsnap as root or as 54321, who owns the storage");
}
