//! `config/settings`.

use dsnap_engine::storage::settings::{Settings, SettingsError};

use crate::shown::check_line;
use crate::target::Target;

pub(crate) const TARGET: Target = Target {
    name: "settings",
    property: "config/settings: an error names its line, comments change nothing, values read back",
    check,
    longest: 512,
};

fn check(bytes: &[u8]) {
    let read = Settings::parse(bytes);
    match &read {
        Ok(settings) => {
            assert_eq!(Settings::parse(written(settings).as_bytes()).as_ref(), Ok(settings))
        }
        Err(error) => check_error(bytes, error),
    }
    let below = [bytes, b"\n# a comment\n; another\nrem one more\n"].concat();
    assert_eq!(Settings::parse(&below), read, "comments below");
    let above = [b"# a comment\n\n", bytes].concat();
    assert_eq!(Settings::parse(&above), read.map_err(moved), "comments above");
}

/// Writes settings as an administrator would.
fn written(settings: &Settings) -> String {
    let Settings { format, sync, dirsync } = settings;
    let (sync, dirsync) = (u8::from(*sync), u8::from(*dirsync));
    format!(
        "[structure]\nformat: {}\nversion: 0.11\n[filesystem]\nsync = {sync}\n[posix]\ndirsync: {dirsync}\n",
        format.name()
    )
}

fn check_error(bytes: &[u8], error: &SettingsError) {
    check_line(&error.to_string());
    if let SettingsError::Line(number) = error {
        let text = String::from_utf8_lossy(bytes);
        let line = text.split('\n').nth(number - 1).unwrap();
        assert!(!line.trim().is_empty(), "line {number} is empty");
    }
}

/// Two lines more stand above.
fn moved(error: SettingsError) -> SettingsError {
    match error {
        SettingsError::Line(number) => SettingsError::Line(number + 2),
        other => other,
    }
}
