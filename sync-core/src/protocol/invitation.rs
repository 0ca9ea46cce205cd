//! What a phone scans to become somebody's device.

use std::fmt;
use std::str::FromStr;

/// Where the server is, and a one-time code: the text of the square in the console,
/// `rapport:enrol?code=KQ2D-4M9X&server=https://crm.example.com`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The server's address: scheme, host and port.
    pub server: String,
    /// The code.
    pub code: String,
}

/// What was scanned is something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no invitation: scan the square that the back office shows under Devices, or type the code below it")]
pub struct NoInvitation;

const BEGIN: &str = "rapport:enrol?";
/// An address and a code are far shorter; a square that holds more was not made by a server.
const CHARS_MAX: usize = 512;

impl fmt::Display for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither holds a character that ends a part of an address.
        write!(f, "{BEGIN}code={}&server={}", self.code, self.server)
    }
}

impl FromStr for Invitation {
    type Err = NoInvitation;

    fn from_str(text: &str) -> Result<Self, NoInvitation> {
        let text = text.trim();
        let parts = text.strip_prefix(BEGIN).filter(|parts| parts.len() <= CHARS_MAX).ok_or(NoInvitation)?;
        // A newer server may say more: what is not known is passed over.
        let part = |name: &str| parts.split('&').filter_map(|part| part.split_once('=')).find(|(known, _)| *known == name);
        let (_, server) = part("server").ok_or(NoInvitation)?;
        let (_, code) = part("code").ok_or(NoInvitation)?;
        let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let is_address = server.starts_with("https://") || server.starts_with("http://");
        let invitation = || Self { server: server.to_owned(), code: code.to_owned() };
        (is_address && is_plain(server) && is_plain(code)).then(invitation).ok_or(NoInvitation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_shows_a_phone_reads() {
        for server in ["https://crm.example.com", "http://192.168.1.20:8080", "http://[::1]:8080"] {
            let invitation = Invitation { server: server.to_owned(), code: "KQ2D-4M9X-4TRW".to_owned() };
            assert_eq!(invitation.to_string().parse(), Ok(invitation));
        }
        let newer = "rapport:enrol?code=A&role=rep&server=https://a.example\n";
        assert_eq!(newer.parse(), Ok(Invitation { server: "https://a.example".to_owned(), code: "A".to_owned() }));
    }

    #[test]
    fn what_is_something_else_is_told() {
        let long = format!("rapport:enrol?code={}&server=https://a", "A".repeat(CHARS_MAX));
        for text in [
            "",
            "KQ2D-4M9X",
            "https://a.example",
            "rapport:enrol?",
            "rapport:enrol?code=A",
            "rapport:enrol?code=&server=https://a",
            "rapport:enrol?code=A&server=ftp://a",
            "rapport:enrol?code=A&server=https://a b",
            &long,
        ] {
            assert_eq!(text.parse::<Invitation>(), Err(NoInvitation), "{text}");
        }
    }
}
