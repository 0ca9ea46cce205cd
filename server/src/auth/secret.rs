//! Tokens and codes: random, shown once, stored as their SHA-256.

use sha2::{Digest, Sha256};
use sync_core::id::WorkspaceId;
use uuid::Uuid;

use crate::store::people::SecretHash;

/// Base 32 without the letters that look like digits (Crockford's).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// 260 bits: nobody guesses a token.
const TOKEN_SYMBOLS: usize = 52;

/// 140 bits, in seven groups of four: short enough to type when a camera is missing.
const CODE_SYMBOLS: usize = 28;
const CODE_GROUP: usize = 4;

/// Random bytes from the system.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system gives random bytes; without them nothing here is safe");
    bytes
}

fn symbols<const N: usize>() -> String {
    random::<N>().iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect()
}

fn hash(text: &str) -> SecretHash {
    Sha256::digest(text.as_bytes()).into()
}

/// What a token is for. It is part of the token and of its hash: one never passes for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A person, in a browser or through the API.
    Session,
    /// A device.
    Device,
    /// A program.
    Key,
    /// A calendar program, for one person's calendar.
    Calendar,
    /// Whoever was sent a link.
    Share,
    /// Whoever reads the page that a form stands in: no secret.
    Form,
    /// Somebody whose password was right and whose code is still to come.
    Ticket,
}

impl TokenKind {
    fn prefix(self) -> &'static str {
        match self {
            TokenKind::Session => "rps",
            TokenKind::Device => "rpd",
            TokenKind::Key => "rpk",
            TokenKind::Calendar => "rpc",
            TokenKind::Share => "rpl",
            TokenKind::Form => "rpf",
            TokenKind::Ticket => "rpt",
        }
    }
}

/// A token as a client holds it: it says which workspace to look in, the rest is random.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: String,
    workspace: WorkspaceId,
}

impl Token {
    /// A new one.
    pub fn new(kind: TokenKind, workspace: WorkspaceId) -> Self {
        let text = format!("{}_{}_{}", kind.prefix(), workspace.0.simple(), symbols::<TOKEN_SYMBOLS>());
        Self { text, workspace }
    }

    /// A token of a kind, from what a client sent. Says nothing about whether it is valid.
    pub fn parse(kind: TokenKind, text: &str) -> Option<Self> {
        let (workspace, random) = text.strip_prefix(kind.prefix())?.strip_prefix('_')?.split_once('_')?;
        let workspace = Uuid::try_parse(workspace).ok().map(WorkspaceId)?;
        (random.len() == TOKEN_SYMBOLS).then(|| Self { text: text.to_owned(), workspace })
    }

    /// The workspace it says it is for.
    pub fn workspace(&self) -> WorkspaceId {
        self.workspace
    }

    /// What is stored of it.
    pub fn hash(&self) -> SecretHash {
        hash(&self.text)
    }

    /// What the client is given, once.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token({}, <secret>)", self.workspace)
    }
}

/// 60 bits, in three groups of four: guesses are counted, and it is typed from paper.
const RECOVERY_SYMBOLS: usize = 12;

/// A one-time code: one that makes a phone a device, or that stands in for a lost phone.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(String);

impl Code {
    /// A new one.
    #[expect(clippy::new_without_default, reason = "every code is another one")]
    pub fn new() -> Self {
        Self(symbols::<CODE_SYMBOLS>())
    }

    /// A new one for when the phone is lost.
    pub fn recovery() -> Self {
        Self(symbols::<RECOVERY_SYMBOLS>())
    }

    /// From what somebody typed: in lower case, without the dashes, with an O for a zero.
    pub fn parse(typed: &str) -> Option<Self> {
        Self::parse_of(typed, CODE_SYMBOLS)
    }

    /// The same for one that stands in for a lost phone.
    pub fn parse_recovery(typed: &str) -> Option<Self> {
        Self::parse_of(typed, RECOVERY_SYMBOLS)
    }

    fn parse_of(typed: &str, symbols: usize) -> Option<Self> {
        let symbol = |c: char| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        let text: String = typed.chars().filter(|c| *c != '-' && !c.is_whitespace()).map(symbol).collect();
        let clean = text.len() == symbols && text.bytes().all(|byte| ALPHABET.contains(&byte));
        clean.then_some(Self(text))
    }

    /// What is stored of it.
    pub fn hash(&self) -> SecretHash {
        hash(&self.0)
    }

    /// What is shown, once: groups of four.
    pub fn reveal(&self) -> String {
        let groups: Vec<_> = self.0.as_bytes().chunks(CODE_GROUP).map(|group| String::from_utf8_lossy(group).into_owned()).collect();
        groups.join("-")
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code(<secret>)")
    }
}

/// The hash under which attempts of a subject, a login or an address, are counted.
pub fn subject(text: &str) -> SecretHash {
    hash(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_as_its_own_kind_only() {
        let workspace = WorkspaceId::of_cause("main");
        let token = Token::new(TokenKind::Session, workspace);
        assert_eq!(Token::parse(TokenKind::Session, token.reveal()), Some(token.clone()));
        assert_eq!(token.workspace(), workspace);
        assert_eq!(Token::parse(TokenKind::Device, token.reveal()), None);
        assert!(!format!("{token:?}").contains(&token.reveal()[37..]));
        for bad in ["", "rps_", "rps_x_y", "rps__", &token.reveal()[..60], &format!("{}x", token.reveal())] {
            assert_eq!(Token::parse(TokenKind::Session, bad), None, "{bad}");
        }
    }

    #[test]
    fn a_code_survives_how_people_type_it() {
        let code = Code::new();
        let shown = code.reveal();
        assert_eq!(shown.len(), 34, "{shown}");
        for typed in [shown.clone(), shown.to_lowercase(), shown.replace('-', " "), shown.replace('0', "o").replace('1', "l")] {
            assert_eq!(Code::parse(&typed), Some(code.clone()), "{typed}");
        }
        assert_eq!(Code::parse("short"), None);
        assert_eq!(Code::parse(&shown.replace('-', "é")), None);
    }
}
