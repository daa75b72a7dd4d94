//! Faults as users type them: `502`, `reset-after:leave`, `refused:leave:2`, `silent:connect:zeo`.

use super::faults::{Call, Fault, ServerKind};

/// A fault, the calls that it affects, how often, and at which servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultSpec {
    pub(super) fault: Fault,
    pub(super) call: Option<Call>,
    pub(super) times: Option<usize>,
    /// `None` means all that can have the fault.
    pub(super) server: Option<ServerKind>,
}

impl FaultSpec {
    /// Parses `FAULT[:CALL][:TIMES][:SERVER]`.
    ///
    /// # Errors
    ///
    /// The fault does not exist, and the text lists all faults; a part is neither a call nor a
    /// number nor a kind of server; or the fault cannot happen to the call or the server.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        let fault = Fault::from_name(name).ok_or_else(|| {
            format!("unknown fault `{name}`; the faults are:\n{}", list_of_faults())
        })?;
        let mut spec = Self { fault, call: None, times: None, server: None };
        for part in parts {
            spec.add(part).ok_or_else(|| not_understood(part, text))?;
        }
        spec.check(name)
    }

    /// Tells whether a server of this kind gets the fault.
    pub(super) fn is_for(&self, server: ServerKind) -> bool {
        self.fault.is_of(server) && self.server.is_none_or(|limited| limited == server)
    }

    /// Adds a part; `None` if it means nothing.
    fn add(&mut self, part: &str) -> Option<()> {
        match (Call::from_name(part), part.parse(), part) {
            (Some(call), ..) => self.call = Some(call),
            (_, Ok(times), _) => self.times = Some(times),
            (.., "zope") => self.server = Some(ServerKind::Zope),
            (.., "zeo") => self.server = Some(ServerKind::Zeo),
            _ => return None,
        }
        Some(())
    }

    /// Checks that the parts fit together. Limits the fault to ZEO servers if only they have such a call.
    fn check(mut self, name: &str) -> Result<Self, String> {
        if let Some(call) = self.call {
            if !self.fault.can_affect(call) {
                return Err(format!("`{name}` cannot happen to this call"));
            }
            if !call.is_of_snapshot() && self.server.is_none() {
                self.server = Some(ServerKind::Zeo);
            }
        }
        match self.server {
            Some(ServerKind::Zope) if !self.fault.is_of(ServerKind::Zope) => {
                Err(format!("`{name}` is a fault of ZEO servers, not of Zopes"))
            }
            Some(ServerKind::Zope) if self.call.is_some_and(|call| !call.is_of_snapshot()) => {
                Err("a Zope has only the calls enter, leave and status".to_owned())
            }
            Some(ServerKind::Zeo) if !self.fault.is_of(ServerKind::Zeo) => {
                Err(format!("`{name}` is a fault of Zopes, not of ZEO servers"))
            }
            _ => Ok(self),
        }
    }
}

fn not_understood(part: &str, text: &str) -> String {
    let calls = Call::ALL.map(|(_, name)| name).join(", ");
    format!("`{part}` in `{text}` is neither a call ({calls}) nor a number, nor zope or zeo")
}

/// Lists all faults with their meanings and the servers that can have them, one on a line.
pub(crate) fn list_of_faults() -> String {
    let all = Fault::ALL.into_iter().chain(Fault::ONLY_OF_ZEO);
    let line = |(fault, name, meaning): (Fault, _, _)| {
        let servers = match (fault.is_of(ServerKind::Zope), fault.is_of(ServerKind::Zeo)) {
            (true, true) => "Zope, ZEO",
            (true, false) => "Zope",
            _ => "ZEO",
        };
        format!("{name:14} {meaning} ({servers})")
    };
    all.map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_can_be_limited_to_one_call_and_a_number_of_times() {
        let parse = |text| FaultSpec::parse(text).unwrap();
        let all = FaultSpec { fault: Fault::BadGateway, call: None, times: None, server: None };
        assert_eq!(parse("502"), all);
        assert_eq!(parse("502:leave"), FaultSpec { call: Some(Call::Leave), ..all });
        assert_eq!(
            parse("502:enter:2"),
            FaultSpec { call: Some(Call::Enter), times: Some(2), ..all }
        );
        assert!(FaultSpec::parse("earthquake").unwrap_err().contains("reset-before"));
        assert!(FaultSpec::parse("502:later").is_err());
    }

    #[test]
    fn a_fault_can_be_limited_to_one_kind_of_server() {
        let parse = |text| FaultSpec::parse(text);
        assert_eq!(parse("silent:enter:zeo").unwrap().server, Some(ServerKind::Zeo));
        assert_eq!(parse("silent:zope:1").unwrap().server, Some(ServerKind::Zope));
        assert_eq!(parse("silent").unwrap().server, None);
        let only_zeo_announces = parse("silent:connect").unwrap().server;
        assert_eq!(only_zeo_announces, Some(ServerKind::Zeo));
    }

    #[test]
    fn a_fault_that_the_server_cannot_have_is_refused() {
        for (text, words) in [
            ("502:zeo", "is a fault of Zopes"),
            ("flood:zope", "is a fault of ZEO servers"),
            ("silent:login:zope", "only the calls enter, leave and status"),
            ("502:connect", "is a fault of Zopes"),
            ("refused:connect", "cannot happen to this call"),
            ("wrong-password:enter", "cannot happen to this call"),
        ] {
            let refused = FaultSpec::parse(text).unwrap_err();
            assert!(refused.contains(words), "{text}: {refused}");
        }
    }

    #[test]
    fn the_list_says_which_server_can_have_each_fault() {
        let list = list_of_faults();
        for (name, servers) in [("silent", "(Zope, ZEO)"), ("502", "(Zope)"), ("flood", "(ZEO)")] {
            let line = list.lines().find(|line| line.starts_with(name)).unwrap();
            assert!(line.ends_with(servers), "{line}");
        }
    }
}
