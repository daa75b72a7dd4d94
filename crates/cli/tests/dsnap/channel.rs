//! The channel to a Zope: proxies, odd answers, host names with dead addresses, a machine at its
//! limits. What a leave will need is tried before anything is entered; so what got in gets out.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use dsnap_engine::limits;
use dsnap_engine::system::flock::FileLock;
use dsnap_testkit::Site;
use dsnap_testkit::site::{Call, Fault, Step};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, connect, listen, socket,
};

use crate::support::{
    Dsnap, HTTP, OWNER, Ran, ScriptedServer, assert_free, conf, is_locked, may_mount, port, site,
    site_of_another_user, wait_until,
};

/// Passes a request on to the site's Zope. Returns the whole answer.
fn relay(port: &str, request: &[u8]) -> io::Result<String> {
    let mut zope = TcpStream::connect(format!("127.0.0.1:{port}"))?;
    let request = String::from_utf8_lossy(request);
    zope.write_all(request.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes())?;
    let mut answer = String::new();
    zope.read_to_string(&mut answer)?;
    Ok(answer)
}

fn calls(request: &[u8], method: &str) -> bool {
    String::from_utf8_lossy(request).contains(&format!("<methodName>{method}</methodName>"))
}

/// Starts a proxy in front of the site's Zope, which changes each answer.
fn proxy(site: &Site, change: impl Fn(&[u8], String) -> String + Send + 'static) -> ScriptedServer {
    let port = port(site);
    ScriptedServer::start(move |request, client| {
        client.write_all(change(request, relay(&port, request)?).as_bytes())
    })
}

/// Runs `true` by a line that leads through a proxy, which messages call URL.
fn run_through(proxy: &ScriptedServer, site: &Site, options: &str) -> Ran {
    conf(site, &format!("http {} access {options}\nnodirect\n", proxy.url()));
    let dsnap = Dsnap::at(site).arg("true").run();
    Ran { stderr: dsnap.stderr.replace(&proxy.url(), "URL"), ..dsnap }
}

#[test]
fn a_proxy_that_compresses_what_does_not_refuse_it_is_asked_not_to() {
    let site = site();
    let proxy = proxy(&site, |request, answer| {
        let head = String::from_utf8_lossy(request).to_ascii_lowercase();
        if head.contains("\r\naccept-encoding: identity\r\n") {
            return answer;
        }
        let (head, _) = answer.split_once("\r\n\r\n").unwrap();
        format!("{head}\r\nContent-Encoding: gzip\r\n\r\n{}", "\u{1f}".repeat(200))
    });
    run_through(&proxy, &site, "").says(0, HTTP);
    assert_free(&site);
}

#[test]
fn odd_headers_of_a_proxy_keep_nobody_from_leaving() {
    for odd in [
        "X-Folded: one\r\n two\r\n",
        "X-Blank : x\r\n",
        "no header at all\r\n",
        &"Set-Cookie: a=b\r\n".repeat(120),
    ] {
        let site = site();
        let odd = odd.to_owned();
        let proxy = proxy(&site, move |_, answer| {
            let answer = answer.replacen("\r\n", &format!("\r\n{odd}"), 1);
            answer.replacen("Content-Type: text/xml", "Content-Type: application/xml", 1)
        });
        run_through(&proxy, &site, "").says(0, HTTP);
        assert_free(&site);
    }
}

#[test]
fn where_the_question_is_not_published_nothing_is_entered() {
    let site = site();
    let asked_to_enter = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&asked_to_enter);
    let proxy = proxy(&site, move |request, answer| {
        asked.fetch_or(calls(request, "enterSnapshot"), Ordering::SeqCst);
        if calls(request, "currentSnapshotCode") {
            return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned();
        }
        answer
    });
    let ran = run_through(&proxy, &site, "");
    ran.ends(
        125,
        "COMMAND was not run: there is no DirectoryStorageToolkit at URL (404 Not Found)",
    );
    assert!(!asked_to_enter.load(Ordering::SeqCst));
    assert_free(&site);
}

#[test]
fn a_snapshot_that_misc_snapshot_shows_is_left_without_an_answer_to_the_question() {
    for answer in ["404 Not Found", "500 Internal Server Error", "502 Bad Gateway"] {
        let site = site();
        let entered = AtomicBool::new(false);
        let proxy = proxy(&site, move |request, unchanged| {
            let was_entered = entered.fetch_or(calls(request, "enterSnapshot"), Ordering::SeqCst);
            if was_entered && calls(request, "currentSnapshotCode") {
                return format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n");
            }
            unchanged
        });
        run_through(&proxy, &site, "").says(0, HTTP);
        assert_free(&site);
    }
}

#[test]
fn without_an_answer_to_the_question_only_the_line_that_entered_leaves() {
    let site = site();
    let asked_to_leave = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&asked_to_leave);
    let other = ScriptedServer::start(move |request, client| {
        asked.fetch_or(calls(request, "leaveSnapshot"), Ordering::SeqCst);
        client.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    });
    conf(&site, &format!("http URL access\nhttp {} access\n", other.url()));
    site.fault(None, Fault::Refused, Some(Call::Leave), Some(1));
    let ran = Dsnap::at(&site).arg("true").run().mentions("Left snapshot mode");
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    assert!(!asked_to_leave.load(Ordering::SeqCst), "the other line's server was asked to leave");
    assert_free(&site);
}

#[test]
fn after_a_500_of_a_proxy_nothing_waits_and_the_next_run_leaves_what_came_late() {
    let site = site();
    let server = site.server().unwrap();
    server.hold_at(Step::Flush);
    let (port, entered) = (port(&site), AtomicBool::new(false));
    let proxy = ScriptedServer::start(move |request, client| {
        if !calls(request, "enterSnapshot") || entered.swap(true, Ordering::SeqCst) {
            return client.write_all(relay(&port, request)?.as_bytes());
        }
        let (request, port) = (request.to_vec(), port.clone());
        std::thread::spawn(move || relay(&port, &request));
        client.write_all(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")
    });
    let ran = run_through(&proxy, &site, "");
    let why = "URL answered 500 Internal Server Error, and is in no snapshot";
    ran.ends(125, &format!("COMMAND was not run: {why}"));
    assert!(server.wait_at(Step::Flush));
    server.go_on();
    wait_until("the late enter", || site.held().is_some() && !is_locked(&site.storage().sublock()));
    let ran = run_through(&proxy, &site, "");
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    ran.mentions("which an earlier run had left behind");
    assert_free(&site);
}

/// Starts a proxy that answers each exception of the Zope with a bare 500, as Zope 4 and later do.
fn without_faults(site: &Site) -> ScriptedServer {
    proxy(site, |_, answer| {
        if !answer.contains("<fault>") {
            return answer;
        }
        "HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n"
            .to_owned()
    })
}

#[test]
fn a_zope_that_names_no_exception_is_understood_by_its_snapshot_code() {
    let site = site();
    let (zope, server) = (without_faults(&site), site.server().unwrap());
    run_through(&zope, &site, "").says(0, HTTP);
    server.wait_until_free();
    let in_use = |what: &str| {
        // The conf leads through the proxy. At the end only the storage is told to be in use.
        let ran = Dsnap::at(&site).args(["-v", "true"]).run().mentions(what);
        assert_eq!(ran.status.code(), Some(75), "{ran}");
    };
    server.enter("stranger").unwrap();
    in_use("is already in another snapshot (user/stranger)");
    server.leave("stranger").unwrap();
    server.wait_until_free();
    server.pack().unwrap();
    in_use("is packing");
    server.end_packing().unwrap();
    server.wait_until_free();
    server.fill_disk(true);
    let ran = run_through(&zope, &site, "").mentions("misc/snapshot is empty");
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    assert_free(&site);
    server.fill_disk(false);
    run_through(&zope, &site, "").says(0, HTTP);
    assert_free(&site);
}

#[test]
fn a_server_in_startup_that_names_no_exception_is_refused_with_the_reason() {
    let site = site();
    let zope = without_faults(&site);
    site.stop_server().unwrap();
    let tool = FileLock::take(&site.storage().sublock()).unwrap();
    site.start_server().unwrap();
    drop(tool);
    let ran = run_through(&zope, &site, "").mentions("until it is restarted, it can neither enter");
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    ran.hint("restart the server while no other process has misc/sublock locked");
}

#[test]
fn a_500_to_a_leave_while_somebody_holds_the_sublock_means_in_use() {
    let site = site();
    site.server().unwrap().enter("lost").unwrap();
    site.fault(None, Fault::ServerError, Some(Call::Leave), None);
    let recover = || Dsnap::at(&site).args(["--recover", "--code", "lost"]).run();
    assert_eq!(recover().status.code(), Some(122), "nobody holds it");
    let user = FileLock::take(&site.storage().sublock()).unwrap();
    let ran = recover().mentions(
        "URL answered 500 Internal Server Error, while a process has misc/sublock locked",
    );
    assert_eq!(ran.status.code(), Some(75), "{ran}");
    drop(user);
    site.no_faults();
    assert_eq!(recover().status.code(), Some(0));
    assert_free(&site);
}

/// Makes an address of this machine on which no connection is ever accepted, nor refused: its queue
/// is full. The sockets keep it so.
fn dead_address(address: Ipv4Addr, port: u16) -> Vec<std::os::fd::OwnedFd> {
    let new = |flags| socket(AddressFamily::Inet, SockType::Stream, flags, None).unwrap();
    let full = new(SockFlag::SOCK_CLOEXEC);
    let at = SockaddrIn::from(std::net::SocketAddrV4::new(address, port));
    bind(std::os::fd::AsRawFd::as_raw_fd(&full), &at).unwrap();
    listen(&full, Backlog::new(0).unwrap()).unwrap();
    let waiting = (0..4).map(|_| {
        let client = new(SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK);
        let _ = connect(std::os::fd::AsRawFd::as_raw_fd(&client), &at);
        client
    });
    waiting.collect::<Vec<_>>().into_iter().chain([full]).collect()
}

#[test]
fn a_host_with_three_dead_addresses_before_the_good_one_is_entered_and_left() {
    if !may_mount() {
        return;
    }
    let site = site();
    // The system sorts addresses by their distance from 127.0.0.1: the good one comes last.
    let good = TcpListener::bind("127.99.0.1:0").unwrap();
    let number = good.local_addr().unwrap().port();
    let zope = port(&site);
    let serving = std::thread::spawn(move || {
        for client in good.incoming() {
            let mut client = client.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"</methodCall>\n") {
                let mut byte = [0];
                if client.read(&mut byte).unwrap_or(0) == 0 {
                    return;
                }
                request.push(byte[0]);
            }
            let _ = client.write_all(relay(&zope, &request).unwrap().as_bytes());
        }
    });
    let dead = [2, 3, 4].map(|last| dead_address(Ipv4Addr::new(127, 0, 0, last), number));
    let hosts = site.path().parent().unwrap().join("hosts");
    let names = "127.0.0.2 zope\n127.0.0.3 zope\n127.0.0.4 zope\n127.99.0.1 zope\n";
    fs::write(&hosts, format!("127.0.0.1 localhost\n{names}")).unwrap();
    conf(&site, &format!("http http://zope:{number}/DSToolkit access\nnodirect\n"));
    let began = Instant::now();
    let dsnap = Dsnap::with_mounts(&format!("mount --bind {} /etc/hosts", hosts.display()));
    let ran = dsnap.storage(site.path()).arg("true").run();
    let took = began.elapsed();
    let url = format!("http://zope:{number}/DSToolkit");
    ran.says(0, &HTTP.replace("URL", &url));
    assert!(took >= 3 * limits::ADDRESS_TIMEOUT, "the dead addresses cost nothing: {took:?}");
    drop(dead);
    drop(TcpStream::connect(("127.99.0.1", number)));
    serving.join().unwrap();
    assert_free(&site);
}

#[test]
fn a_snapshot_is_left_even_if_command_used_up_the_limit_of_processes() {
    let Some((_folder, site)) = site_of_another_user() else { return };
    conf(&site, &format!("http http://localhost:{}/DSToolkit access\nnodirect\n", port(&site)));
    let ran = Dsnap::at(&site).sh("exec prlimit --pid $PPID --nproc=1:1").change(|command| {
        command.uid(OWNER).gid(OWNER);
    });
    let ran = ran.knows_as("localhost".as_ref(), "127.0.0.1").run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    ran.counts("Left snapshot mode\n", 1);
    assert_free(&site);
}
