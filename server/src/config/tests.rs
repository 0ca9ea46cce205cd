//! What an operator sees when the configuration is wrong, and that the example tells the truth.

use std::path::Path;

use serde_json::Value;

use super::reading::keys_of;
use super::*;

fn read(file: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rapport.toml");
    std::fs::write(&path, file).unwrap();
    Config::read(Some(&path), environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let file = "[listen]\naddress = '127.0.0.1:1'\n[database]\nreaders = 7\n[log]\n";
    let config = read(file, &[("RAPPORT_LISTEN__ADDRESS", "[::1]:2"), ("RAPPORT_LOG__FORMAT", "json"), ("PATH", "/bin")]).unwrap();
    assert_eq!(config.listen.address.to_string(), "[::1]:2");
    assert_eq!(config.database.readers, 7);
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.limits, Limits::default());
}

#[test]
fn variables_are_read_as_what_their_key_takes() {
    let environment = [
        ("RAPPORT_DATABASE__PATH", "1234"),
        ("RAPPORT_DATABASE__READERS", "2"),
        ("RAPPORT_LISTEN__TRUST_FORWARDED_FOR", "true"),
        ("RAPPORT_METRICS__TOKEN", "5678"),
        ("RAPPORT_CONFIG", "read by the command line"),
        ("RAPPORT_PASSWORD", "read by `rapport user`"),
    ];
    let config = read("", &environment).unwrap();
    assert_eq!(config.database, Database { path: "1234".into(), readers: 2, ..Database::default() });
    assert!(config.listen.trust_forwarded_for);
    assert_eq!(config.metrics.token, Some(Secret("5678".to_owned())));
    assert!(!format!("{config:?}").contains("5678"), "a secret is never printed");
}

#[test]
fn mistakes_are_named_with_what_was_expected() {
    for (file, environment, parts) in [
        ("[listen]\nadress = 'x'", &[][..], &["rapport.toml", "`listen.adress`", "did you mean `listen.address`"][..]),
        ("[lisen]\naddress = 'x'", &[], &["`lisen.address`", "`listen.address`"]),
        ("lisen = 3", &[], &["`lisen`", "did you mean `listen`?"]),
        ("port = 80", &[], &["`port`", "`rapport.example.toml` shows all"]),
        ("[listen]\naddress = 'here'", &[], &["rapport.toml", "line 2", "expected an address and a port"]),
        ("[listen]\npublic_url = 'crm.example.com'", &[], &["`https://crm.example.com`"]),
        ("[database]\nreaders = 'many'", &[], &["line 2", "invalid type: string \"many\", expected u32"]),
        ("[database]\nreaders = 0", &[], &["`database.readers` is `0`", "1 or more"]),
        ("[log]\nformat = 'xml'", &[], &["`text` or `json`"]),
        ("[log", &[], &["rapport.toml", "line 1"]),
        ("[tls]\ncertificate = 'a.pem'", &[], &["`tls.key`"]),
        ("[tls]\nacme_names = ['localhost']", &[], &["`tls.acme_names` is `localhost`", "crm.example.com"]),
        ("[tls]\nacme_names = ['10.0.0.1']", &[], &["`tls.acme_names` is `10.0.0.1`"]),
        ("[tls]\nacme_names = ['a.example']\ncertificate = 'a.pem'\nkey = 'a.key'", &[], &["`tls.certificate` is set"]),
        ("[[oidc.providers]]\nname = 'A B'\nlabel = ''\nissuer = ''\nclient_id = ''", &[], &["`oidc.providers.name` is `A B`"]),
        ("[sms]\nurl = 'https://sms.example/send'", &[], &["`sms.secret`", "whsec_"]),
        ("[sms]\nurl = 'http://10.0.0.1/send'\nsecret = 'whsec_'", &[], &["`sms.url` is `http://10.0.0.1/send`", "only https"]),
        ("[sms]\nurl = 'https://sms.example/send'\nsecret = 'hunter2'", &[], &["`sms.secret` is `<secret>`", "24 bytes"]),
        ("", &[("RAPPORT_LISTEN__PORT", "80")], &["environment", "`RAPPORT_LISTEN__PORT`", "RAPPORT_LISTEN__"]),
        ("", &[("RAPPORT_DATABSE__PATH", "x")], &["did you mean `RAPPORT_DATABASE__PATH`"]),
        ("", &[("RAPPORT_LISTEN__ADDRESS", "8080")], &["RAPPORT_LISTEN__ADDRESS is `8080`", "an address and a port"]),
        ("", &[("RAPPORT_LIMITS__BODY_MAX_BYTES", "16 MB")], &["RAPPORT_LIMITS__BODY_MAX_BYTES is `16 MB`", "usize"]),
        ("", &[("RAPPORT_LOG__LEVEL", "loud")], &["`error`", "`debug`"]),
    ] {
        let message = read(file, environment).unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "{message}\nshould contain: {part}");
        }
    }
    let missing = Config::read(Some(Path::new("/nowhere/rapport.toml")), []).unwrap_err();
    assert!(missing.to_string().contains("/nowhere/rapport.toml"));
}

/// The example without the `#` before its keys: those with a default, or all.
fn example(with_those_without_default: bool) -> String {
    let text = include_str!("../../../rapport.example.toml");
    let line = |line: &'static str| match line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase())) {
        Some(key) if with_those_without_default || !key.ends_with("# no default") => key,
        _ => line,
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_as_it_stands_changes_nothing() {
    assert_eq!(read(include_str!("../../../rapport.example.toml"), &[]).unwrap(), Config::default());
}

#[test]
fn the_example_names_every_key_with_its_default() {
    assert_eq!(read(&example(false), &[]).unwrap(), Config::default());
    let all: Value = toml::from_str(&example(true)).unwrap();
    let (mut named, mut known) = (keys_of(&all), Config::keys());
    named.sort();
    known.sort();
    assert_eq!(named, known);
    read(&example(true), &[]).unwrap();
}
