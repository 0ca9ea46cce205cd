//! Where the server may call: nowhere inside its own network, unless the operator says so.
//!
//! An address is resolved once, all answers are checked, and the connection goes to one of those that were
//! checked: a name that answers differently the next time gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;

use crate::config::Webhooks;

/// Why an address is not called.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It cannot be read as a web address.
    #[error("not a web address: expected https:// and a host")]
    NoUrl,
    /// It is not encrypted.
    #[error("only https:// is called, but for addresses in `webhooks.allow_private`")]
    Plain,
    /// The same, of an address in the configuration.
    #[error("only https:// is called, but for this machine")]
    PlainElsewhere,
    /// Whatever listens there is no web server that the operator knows of.
    #[error("port {0} is not called: only 443, 80 where http:// is allowed, and those in `webhooks.allow_ports`")]
    Port(u16),
    /// It has a login in it, which would end up in logs.
    #[error("the address may not hold a login")]
    Login,
    /// The name leads nowhere.
    #[error("the host `{0}` cannot be resolved")]
    Unresolved(String),
    /// It leads into a network that is not called.
    #[error("the host `{host}` leads to {address}, which is not a public address")]
    Private {
        /// The name.
        host: String,
        /// Where it leads.
        address: IpAddr,
    },
}

/// An address that may be called, and where exactly.
#[derive(Debug, Clone)]
pub struct Target {
    /// What is asked for.
    pub url: Url,
    /// The name.
    pub host: String,
    /// Where it leads, all of it checked.
    pub addresses: Vec<SocketAddr>,
}

/// Reads an address, without resolving it.
///
/// # Errors
/// When it is none that is ever called.
pub fn parse(text: &str) -> Result<Url, Refused> {
    let url = Url::parse(text).map_err(|_| Refused::NoUrl)?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(Refused::NoUrl);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refused::Login);
    }
    Ok(url)
}

/// Reads an address that the operator chose: it may lead into the network of the server, which is theirs, but in the
/// clear only to this very machine.
///
/// # Errors
/// When it is none that is ever called.
pub fn chosen(text: &str) -> Result<Url, Refused> {
    let url = parse(text)?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if url.scheme() == "https" || is_here { Ok(url) } else { Err(Refused::PlainElsewhere) }
}

/// Resolves an address that was named by what answers at one that the operator chose: it leads into the network of the server
/// only where that one does.
///
/// # Errors
/// When it is none that is called.
pub async fn named_by(chosen_one: &str, text: &str) -> Result<Target, Refused> {
    let target = looked_up(chosen(text)?).await?;
    let inside = |target: &Target| target.addresses.iter().map(SocketAddr::ip).find(|address| !is_public(*address));
    if let Some(address) = inside(&target)
        && inside(&looked_up(chosen(chosen_one)?).await?).is_none()
    {
        return Err(Refused::Private { host: target.host, address });
    }
    Ok(target)
}

/// An address with all that its name leads to.
async fn looked_up(url: Url) -> Result<Target, Refused> {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = url.port_or_known_default().unwrap_or(443);
    let found = tokio::net::lookup_host((host.as_str(), port)).await.map(Iterator::collect).unwrap_or_else(|_| Vec::new());
    if found.is_empty() { Err(Refused::Unresolved(host)) } else { Ok(Target { url, host, addresses: found }) }
}

/// The host of an address: what may stand in logs.
pub fn origin(text: &str) -> String {
    parse(text).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
}

/// Resolves an address and checks everything it leads to. The operator may allow addresses of their own, and ports.
///
/// # Errors
/// When any of it is not called.
pub async fn resolve(text: &str, allowed: &Webhooks) -> Result<Target, Refused> {
    let url = parse(text)?;
    let port = url.port_or_known_default().unwrap_or(443);
    let usual = if url.scheme() == "https" { 443 } else { 80 };
    if port != usual && !allowed.allow_ports.contains(&port) {
        return Err(Refused::Port(port));
    }
    let target = looked_up(url).await?;
    let is_allowed = |address: &IpAddr| allowed.allow_private.contains(&address.to_canonical());
    let inside = target.addresses.iter().map(SocketAddr::ip).find(|address| !is_public(*address) && !is_allowed(address));
    if let Some(address) = inside {
        return Err(Refused::Private { host: target.host, address });
    }
    if target.url.scheme() != "https" && !target.addresses.iter().all(|address| is_allowed(&address.ip())) {
        return Err(Refused::Plain);
    }
    Ok(target)
}

/// Whether an address is one of the open internet.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let protocol = a == 192 && b == 0 && c == 0;
    let relay = a == 192 && b == 88 && c == 99;
    let benchmark = a == 198 && (b == 18 || b == 19);
    let special = address.is_private() || address.is_loopback() || address.is_link_local() || address.is_documentation();
    !(a == 0 || a >= 224 || special || shared || protocol || relay || benchmark)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(v4) = address.to_ipv4_mapped() {
        return is_public_v4(v4);
    }
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match (a, b) {
        // Translated and tunnelled addresses lead to the one inside.
        (0x64, 0xff9b) if (c, d, e, f) == (0, 0, 0, 0) => is_public_v4(v4(g, h)),
        (0x2002, _) => is_public_v4(v4(b, c)),
        (0x2001, 0 | 0xdb8) => false,
        // Benchmarks, names that are no places (ORCHIDv2), documentation.
        (0x2001, 2) if c == 0 => false,
        (0x2001, 0x20..=0x2f) => false,
        (0x3fff, 0..=0xfff) => false,
        // Only 2000::/3 is given out; everything local, mapped or multicast lies outside of it.
        _ => a & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_open_internet_are_public() {
        for inside in [
            "127.0.0.1",
            "127.8.8.8",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2002:a00:1::",
            "2001:db8::1",
            "::127.0.0.1",
            "100::1",
            "64:ff9b:1::1",
            "2001:2::1",
            "2001:20::1",
            "2001:2f:ffff::1",
            "3fff::1",
            "3fff:fff:ffff::1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for outside in [
            "1.1.1.1",
            "93.184.216.34",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2001:30::1",
            "2001:200::1",
            "3fff:1000::1",
        ] {
            assert!(is_public(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn nothing_that_the_operator_chose_is_called_in_the_clear_but_this_machine() {
        for (url, may) in [
            ("https://id.example/token", true),
            ("https://10.0.0.1/token", true),
            ("http://127.0.0.1:9/token", true),
            ("http://[::1]/token", true),
            ("http://localhost:8/token", true),
            ("http://id.example/token", false),
            ("http://10.0.0.1/token", false),
            ("http://127.0.0.1.evil.example/", false),
            ("file:///etc/passwd", false),
            ("no address", false),
        ] {
            assert_eq!(chosen(url).is_ok(), may, "{url}");
        }
    }

    #[tokio::test]
    async fn what_a_chosen_address_names_leads_inside_only_where_that_does() {
        for (issuer, named, may) in [
            ("https://1.1.1.1", "https://1.0.0.1/token", true),
            ("https://1.1.1.1", "https://10.0.0.1/token", false),
            ("https://1.1.1.1", "https://169.254.169.254/latest", false),
            ("https://1.1.1.1", "http://127.0.0.1/token", false),
            ("https://10.0.0.1", "https://10.0.0.2/token", true),
            ("http://127.0.0.1:9", "http://127.0.0.1:9/token", true),
            ("https://10.0.0.1", "http://10.0.0.2/token", false),
        ] {
            assert_eq!(named_by(issuer, named).await.is_ok(), may, "{issuer} names {named}");
        }
    }

    #[tokio::test]
    async fn an_address_is_called_only_where_it_was_checked() {
        for (text, part) in [
            ("http://127.0.0.1/", "not a public address"),
            ("https://localhost/", "not a public address"),
            ("https://[::1]/", "not a public address"),
            ("https://2130706433/", "not a public address"),
            ("https://0x7f.1/", "not a public address"),
            ("http://1.1.1.1/", "only https"),
            ("https://1.1.1.1:6379/", "port 6379 is not called"),
            ("https://1.1.1.1:80/", "port 80 is not called"),
            ("http://127.0.0.1:1/", "port 1 is not called"),
            ("ftp://1.1.1.1/", "not a web address"),
            ("https://ann:secret@1.1.1.1/", "login"),
            ("https://no.such.host.invalid/", "resolved"),
            ("file:///etc/passwd", "not a web address"),
            ("here", "not a web address"),
        ] {
            let refused = resolve(text, &Webhooks::default()).await.unwrap_err().to_string();
            assert!(refused.contains(part), "{text}: {refused}");
        }
        let own = Webhooks { allow_private: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)], allow_ports: vec![8080] };
        assert_eq!(resolve("http://127.0.0.1:8080/x", &own).await.unwrap().addresses, ["127.0.0.1:8080".parse().unwrap()]);
        assert!(resolve("http://10.0.0.1/", &own).await.is_err());
    }
}
