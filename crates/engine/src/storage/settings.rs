//! `config/settings`: the few keys that a snapshot tool obeys.
//!
//! The file is read as the original reads it (Python 2.7's `ConfigParser`, made case-sensitive), so
//! that it means the same to the server and to us.

use std::collections::BTreeMap;
use std::fmt;

use crate::limits::MAX_SHOWN_SETTING_CHARS;
use crate::storage::format::Format;

/// The settings that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// `[structure] format`.
    pub format: Format,
    /// `[filesystem] sync`: false means that nothing is ever synced. Absent counts as true.
    pub sync: bool,
    /// `[posix] dirsync`: false means that no folder is synced (NFS). Absent counts as true.
    pub dirsync: bool,
}

/// Why a settings file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingsError {
    /// The line with that number, from 1, is one that the original's parser rejects.
    Line(usize),
    /// A required key is missing: section, key.
    Missing(&'static str, &'static str),
    /// A value is invalid: section, key, the value, and what it may be.
    Value(&'static str, &'static str, String, &'static str),
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number} is neither a section nor a setting"),
            Self::Missing(section, key) => write!(f, "there is no `{key}` in section [{section}]"),
            Self::Value(section, key, value, valid) => {
                let short: String = value.chars().take(MAX_SHOWN_SETTING_CHARS).collect();
                let cut = if short.len() < value.len() { "…" } else { "" };
                write!(f, "[{section}] {key} is {short:?}{cut}; it can only be {valid}")
            }
        }
    }
}

impl std::error::Error for SettingsError {}

impl Settings {
    /// Reads the text of a settings file.
    ///
    /// # Errors
    ///
    /// The original rejects a line as well, the version is not 0.11, the format is unknown, or a
    /// switch is not a whole number.
    pub fn parse(text: &[u8]) -> Result<Self, SettingsError> {
        let text = String::from_utf8_lossy(text);
        let values = Values::parse(&text)?;
        values.required("structure", "version", "0.11", |version| {
            (version == "0.11").then_some(())
        })?;
        Ok(Self {
            format: values.required(
                "structure",
                "format",
                "bushy, chunky, lawn or flat",
                Format::from_name,
            )?,
            sync: values.switch("filesystem", "sync")?,
            dirsync: values.switch("posix", "dirsync")?,
        })
    }
}

/// All sections and keys of a file. Missing keys come from the section `DEFAULT`, as in the original.
struct Values<'a>(BTreeMap<(&'a str, &'a str), String>);

impl<'a> Values<'a> {
    fn parse(text: &'a str) -> Result<Self, SettingsError> {
        let mut values = BTreeMap::new();
        let mut section = None;
        let mut last_key = None;
        for (at, line) in text.lines().enumerate() {
            if is_blank_or_comment(line) {
                continue;
            }
            if line.starts_with(char::is_whitespace)
                && let Some(key) = last_key
            {
                let value: &mut String = values.entry(key).or_default();
                value.push('\n');
                value.push_str(line.trim());
                continue;
            }
            if let Some(name) = section_name(line) {
                section = Some(name);
                last_key = None;
                continue;
            }
            let (key, value) = key_and_value(line).ok_or(SettingsError::Line(at + 1))?;
            let key = (section.ok_or(SettingsError::Line(at + 1))?, key);
            values.insert(key, value);
            last_key = Some(key);
        }
        Ok(Self(values))
    }

    fn value(&self, section: &'static str, key: &'static str) -> Option<&str> {
        let value = self.0.get(&(section, key)).or_else(|| self.0.get(&("DEFAULT", key)));
        value.map(String::as_str)
    }

    fn required<T>(
        &self,
        section: &'static str,
        key: &'static str,
        valid: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, SettingsError> {
        let value = self.value(section, key).ok_or(SettingsError::Missing(section, key))?;
        read(value).ok_or_else(|| SettingsError::Value(section, key, value.to_owned(), valid))
    }

    fn switch(&self, section: &'static str, key: &'static str) -> Result<bool, SettingsError> {
        let Some(value) = self.value(section, key) else {
            return Ok(true);
        };
        let number: Result<i64, _> = value.trim().parse();
        let wrong = |_| SettingsError::Value(section, key, value.to_owned(), "0 or 1");
        number.map(|number| number != 0).map_err(wrong)
    }
}

fn is_blank_or_comment(line: &str) -> bool {
    let first = line.split_whitespace().next();
    let rem =
        first.is_some_and(|word| word.eq_ignore_ascii_case("rem")) && line.starts_with(['r', 'R']);
    first.is_none() || line.starts_with(['#', ';']) || rem
}

fn section_name(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix('[')?.split_once(']')?;
    (!name.is_empty()).then_some(name)
}

fn key_and_value(line: &str) -> Option<(&str, String)> {
    let at = line.find([':', '='])?;
    let key = line[..at].trim_end();
    if key.is_empty() || key.starts_with(char::is_whitespace) {
        return None;
    }
    let value = without_comment(&line[at + 1..]).trim();
    Some((key, if value == "\"\"" { String::new() } else { value.to_owned() }))
}

/// Cuts off a comment: a `;` begins one only after white space.
fn without_comment(value: &str) -> &str {
    match value.find(';') {
        Some(at) if value[..at].ends_with(char::is_whitespace) => &value[..at],
        _ => value,
    }
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings, String> {
        Settings::parse(text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_mkds_writes_is_understood() {
        let text = "\n[structure]\n\nformat: chunky\nversion: 0.11\n\n[filesystem]\n# a comment\n\
                    sync: 1\nquick_shutdown: 0\n[posix]\nmark: permissions\ndirsync: 1\n[keepclass]\n";
        let settings = Settings { format: Format::Chunky, sync: true, dirsync: true };
        assert_eq!(parse(text), Ok(settings));
    }

    #[test]
    fn equals_signs_comments_and_continuations_are_as_in_the_original() {
        let text = "[structure]\nformat = flat ; small\n; nothing\nREM nothing\nversion=0.11\n\
                    [filesystem]\nsync=0\n[notes]\nlong: one\n  two\n[posix]\ndirsync: 0";
        let settings = Settings { format: Format::Flat, sync: false, dirsync: false };
        assert_eq!(parse(text), Ok(settings));
    }

    #[test]
    fn absent_switches_mean_the_careful_thing() {
        let settings = parse("[structure]\nformat: lawn\nversion: 0.11\n").unwrap();
        assert!(settings.sync && settings.dirsync);
    }

    #[test]
    fn keys_are_case_sensitive() {
        let error = parse("[structure]\nFormat: lawn\nversion: 0.11\n").unwrap_err();
        assert_eq!(error, "there is no `format` in section [structure]");
    }

    #[test]
    fn an_unknown_format_or_version_is_refused_by_name() {
        let error = parse("[structure]\nformat: hilly\nversion: 0.11\n").unwrap_err();
        assert_eq!(
            error,
            "[structure] format is \"hilly\"; it can only be bushy, chunky, lawn or flat"
        );
        let error = parse("[structure]\nformat: lawn\nversion: 0.12\n").unwrap_err();
        assert_eq!(error, "[structure] version is \"0.12\"; it can only be 0.11");
    }

    #[test]
    fn a_switch_that_is_no_number_is_refused() {
        let error = parse("[structure]\nformat: lawn\nversion: 0.11\n[filesystem]\nsync: yes");
        assert_eq!(error.unwrap_err(), "[filesystem] sync is \"yes\"; it can only be 0 or 1");
    }

    #[test]
    fn a_line_that_is_no_setting_is_named_by_its_number() {
        assert_eq!(
            parse("[structure]\nnonsense\n"),
            Err("line 2 is neither a section nor a setting".into())
        );
        assert_eq!(
            parse("format: lawn\n"),
            Err("line 1 is neither a section nor a setting".into())
        );
    }
}
