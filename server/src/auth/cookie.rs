//! What the console keeps in a browser: whose session it is, what a sign-in began with, where somebody wanted to go.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::error::Error;

/// A cookie of ours, by its name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cookie(&'static str);

impl Cookie {
    /// A session's token.
    pub const SESSION: Self = Self("rapport");
    /// What a sign-in through another system began with.
    pub const BEGUN: Self = Self("rapport-begun");
    /// The page that somebody asked for who had to sign in first.
    pub const WANTED: Self = Self("rapport-wanted");

    /// With encryption a name that no other site of the same domain, and nobody in the clear, can set.
    fn name(self, https: bool) -> String {
        format!("{}{}", if https { "__Host-" } else { "" }, self.0)
    }

    /// What a browser holds.
    pub fn read(self, headers: &HeaderMap, https: bool) -> Option<&str> {
        value(headers, &self.name(https))
    }

    /// The header that has a browser hold it for so many seconds; for none, forget it.
    ///
    /// # Errors
    /// When the value is none that a header takes.
    pub fn set(self, https: bool, value: &str, max_age_s: i64) -> Result<HeaderValue, Error> {
        let secure = if https { "; Secure" } else { "" };
        // Lax: who comes from a mail, or back from where they signed in, comes from another site.
        let text = format!("{}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}", self.name(https));
        let mut value = HeaderValue::try_from(text).map_err(|error| Error::Internal(error.into()))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// What a browser holds under a name.
pub(crate) fn value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|line| line.split(';'));
    cookies.filter_map(|pair| pair.trim().split_once('=')).find(|(known, _)| *known == name).map(|(_, value)| value)
}
