//! Libraries and scripts that answer, talk or print without end: the program does not grow, is not kept
//! busy, and shows only a limited part.

use crate::support::{Dsnap, HTTP, Plugins, conf, site, write_script};

/// COMMAND that shows what the program has used: its memory at most, in KiB, and its time on a
/// processor, in hundredths of a second.
const USED: &str =
    "awk '/VmHWM/ {print $2}' /proc/$PPID/status; awk '{print $14 + $15}' /proc/$PPID/stat";

/// With such a line before the server's, the program says this, and neither its memory nor its time
/// on a processor grows.
#[track_caller]
fn costs_little(dsnap: Dsnap, said: &str) {
    let ran = dsnap.sh(USED).run();
    let used: Vec<u32> = ran.stdout.lines().map(|it| it.parse().unwrap()).collect();
    let ran = ran.says(0, &format!("{said}{HTTP}"));
    assert!(used[0] < 100 << 10, "memory in KiB: {ran}");
    assert!(used[1] < 200, "time in hundredths of a second: {ran}");
}

#[track_caller]
fn library_costs_little(vice: &str, line: &str, said: &str) {
    let (site, plugins) = (site(), Plugins::villain(vice));
    conf(&site, &format!("{line}\nhttp URL access\n"));
    let dsnap = Dsnap::at(&site).knows_as(plugins.path(), "PLUGINS").arg("--plugin-dir");
    costs_little(dsnap.arg(&plugins), said);
}

#[test]
fn a_library_that_answers_without_end_is_ended() {
    let ended = "the process of the call was killed, because it answered without end";
    let line = "villain timeout=60";
    library_costs_little("ANSWERS_WITHOUT_END", line, &format!("{line}: {ended}\n"));
    let place = "malformed line 1 in DIR/config/snapshot.conf";
    let said = format!("{place} (PLUGINS/libdsnap_villain.so: {ended})\n");
    library_costs_little("ANSWERS_IN_ITS_INITIALISER", line, &said);
    let said = format!("{place} ({ended})\n");
    library_costs_little("ANSWERS_WHILE_IT_CHECKS", line, &said);
}

#[test]
fn a_library_that_talks_without_end_keeps_only_itself_busy() {
    for vice in ["TALKS_WITHOUT_END", "REPORTS_WITHOUT_END"] {
        let said = "villain timeout=3: the process of the call was killed after 3 s, when its time was up\n";
        library_costs_little(vice, "villain timeout=3", said);
    }
}

#[test]
fn a_script_that_prints_without_end_keeps_only_itself_busy() {
    for text in ["exec yes", "exec yes >&2", "exec cat /dev/zero", "yes '' >&2"] {
        let site = site();
        write_script(&site.storage().config().join("method"), &format!("#!/bin/sh\n{text}\n"));
        conf(&site, "exec method timeout=3\nhttp URL access\n");
        let ran = Dsnap::at(&site).arg("-q").sh(USED).run();
        let used: Vec<u32> = ran.stdout.lines().map(|it| it.parse().unwrap()).collect();
        assert!(used[0] < 100 << 10 && used[1] < 200, "{text}: {ran}");
    }
}

#[test]
fn progress_without_end_is_shown_a_few_times_a_second() {
    let (site, plugins) = (site(), Plugins::villain("REPORTS_WITHOUT_END"));
    conf(&site, "villain timeout=2\nhttp URL access\n");
    let ran = Dsnap::at(&site).arg("-v").arg("--plugin-dir").arg(&plugins).arg("true").run();
    let shown = ran.stderr.lines().filter(|line| line.ends_with(" bottles")).count();
    assert!((1..=9).contains(&shown), "{ran}");
    ran.ends(0, "Left snapshot mode");
}

#[test]
fn words_of_a_line_fill_no_more_than_a_megabyte_whatever_its_label() {
    let site = site();
    let long = "x".repeat(900);
    write_script(
        &site.storage().config().join("method"),
        "#!/bin/sh\nyes | head -c 900000\nexit 69\n",
    );
    conf(&site, &format!("exec method {long}\nhttp URL access\n"));
    let ran = Dsnap::at(&site).args(["-v", "true"]).run();
    assert!((900 << 10..1 << 21).contains(&ran.stderr.len()), "{}", ran.stderr.len());
    assert_eq!(ran.status.code(), Some(0));
}
