//! Faults as one types them: `502`, `reset-after:leave`, `refused:leave:2`.

use super::Site;
use super::faults::{Call, Fault};

/// A fault, which calls it meets, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    fault: Fault,
    call: Option<Call>,
    times: Option<usize>,
}

impl Wanted {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// There is no such fault; the text names all there are.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        let fault = Fault::from_name(name).ok_or_else(|| {
            format!("there is no fault `{name}`; there are:\n{}", list_of_faults())
        })?;
        let mut wanted = Self { fault, call: None, times: None };
        for part in parts {
            match (Call::from_name(part), part.parse()) {
                (Some(call), _) => wanted.call = Some(call),
                (None, Ok(times)) => wanted.times = Some(times),
                (None, Err(_)) => {
                    return Err(format!("`{part}` is neither enter, leave, status nor a number"));
                }
            }
        }
        Ok(wanted)
    }

    /// From now on it happens, at every Zope.
    pub fn plan(&self, site: &Site) {
        site.fault(None, self.fault, self.call, self.times);
    }
}

/// All faults, with their meanings.
pub(crate) fn list_of_faults() -> String {
    let lines = Fault::ALL.map(|(_, name, meaning)| format!("{name:14} {meaning}"));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_may_be_for_some_calls_only() {
        let wanted = |text| Wanted::parse(text).unwrap();
        let all = Wanted { fault: Fault::BadGateway, call: None, times: None };
        assert_eq!(wanted("502"), all);
        assert_eq!(wanted("502:leave"), Wanted { call: Some(Call::Leave), ..all });
        assert_eq!(
            wanted("502:enter:2"),
            Wanted { call: Some(Call::Enter), times: Some(2), ..all }
        );
        assert!(Wanted::parse("earthquake").unwrap_err().contains("reset-before"));
        assert!(Wanted::parse("502:later").is_err());
    }
}
