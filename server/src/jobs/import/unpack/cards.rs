//! vCards as rows under the names of our own fields: every number, address and label, as `crate::cards` and phones write them.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};
use sync_core::schema::Schema;

use super::{BadFile, text};
use crate::cards::ADDRESS;
use crate::jobs::cell::with_line;
use crate::jobs::import::source::CARD_COLUMN;
use sync_core::lines::{parts, unguarded};

/// One row for each card, under the names of our own fields.
pub(super) fn cards(text: &str) -> Result<Vec<u8>, BadFile> {
    let (mut card, mut cards): (Card, Vec<Card>) = (Card::default(), Vec::new());
    for line in unfolded(text) {
        match line.to_ascii_uppercase().as_str() {
            "BEGIN:VCARD" => card = Card::default(),
            "END:VCARD" => cards.push(Card { number: cards.len() + 1, ..std::mem::take(&mut card) }),
            _ => card.read(&line),
        }
    }
    if cards.is_empty() {
        return Err(BadFile::Empty);
    }
    // Companies come first: people find those whom they work for.
    cards.sort_by_key(Card::is_person);
    let rows: Vec<_> = cards.iter().map(Card::row).collect();
    // A column is there only if a card has something for it: not every role may write birthdays.
    let filled: Vec<usize> = (0..COLUMNS.len()).filter(|at| *at < ALWAYS || rows.iter().any(|row| !row[*at].is_empty())).collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(filled.iter().map(|at| COLUMNS[*at]))?;
    for row in &rows {
        writer.write_record(filled.iter().map(|at| &row[*at]))?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()).into())
}

/// What a card has, under the names of our own fields. Whoever somebody works for is the one record of that name, the
/// one company if persons bear it, too, or the one of which nobody has said whether it is one, and stays text if there
/// is not exactly one.
const COLUMNS: [&str; 14] = [
    CARD_COLUMN,
    "name",
    "type",
    "phones",
    "emails",
    "addresses",
    "socials",
    "website",
    "external_id",
    "notes",
    "tags",
    "birthday",
    "relations.party:name[type=org]|notes",
    "relations.role",
];

/// The first columns are there in any case.
const ALWAYS: usize = 11;

/// Long lines go on behind a space; those that are written as quoted-printable, behind an equals sign.
fn unfolded(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        if let Some(last) = lines.last_mut().filter(|last| last.ends_with('=') && is_quoted(parts(last, ':')[0])) {
            last.pop();
            last.push_str(line.trim_end());
            continue;
        }
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some(last)) => last.push_str(rest),
            _ => lines.push(line.trim_end().to_owned()),
        }
    }
    lines
}

/// Whether the head of a line says that its value is quoted-printable, as cards of version 2.1 write all but ASCII.
fn is_quoted(head: &str) -> bool {
    let says_so = |word: &str| ["QUOTED-PRINTABLE", "ENCODING=QUOTED-PRINTABLE"].iter().any(|known| word.eq_ignore_ascii_case(known));
    parts(head, ';').into_iter().skip(1).any(says_so)
}

/// A quoted-printable value in the charset that its head names, or in UTF-8, or in what Chinese phones write.
fn unquoted(head: &str, value: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), value.as_bytes());
    while let [first, behind @ ..] = rest {
        let digits = behind.get(..2).filter(|_| *first == b'=').and_then(|digits| std::str::from_utf8(digits).ok());
        let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
            bytes.push(*first);
            rest = behind;
            continue;
        };
        // What is written so is no separator.
        if matches!(byte, b';' | b',') {
            bytes.push(b'\\');
        }
        bytes.push(byte);
        rest = &behind[2..];
    }
    let charset = parts(head, ';').into_iter().find_map(|word| {
        let (name, charset) = word.split_once('=')?;
        name.eq_ignore_ascii_case("CHARSET").then(|| encoding_rs::Encoding::for_label(charset.trim_matches('"').as_bytes())).flatten()
    });
    let decoded = charset.map_or_else(|| text(&bytes), |charset| charset.decode(&bytes).0.into_owned());
    decoded.replace("\r\n", "\n")
}

/// What the head of a line says of its value, besides how it is written.
struct About {
    /// Ties lines together: the label of a number is a line of its own on some phones.
    group: String,
    name: String,
    label: String,
    /// Whether it is the one to be used first.
    is_preferred: bool,
    /// Whose account it is.
    service: String,
}

impl About {
    fn of(head: &str) -> Self {
        let mut words = parts(head, ';').into_iter();
        let whole = words.next().unwrap_or_default();
        let (group, name) = whole.rsplit_once('.').unwrap_or(("", whole));
        let mut types: Vec<String> = Vec::new();
        let (mut is_preferred, mut service) = (false, String::new());
        for word in words {
            let (name, value) = word.split_once('=').unwrap_or(("", word));
            match name.to_ascii_uppercase().as_str() {
                "TYPE" => match value.strip_prefix('"') {
                    Some(quoted) => types.push(quoted.trim_end_matches('"').to_owned()),
                    None => types.extend(value.split(',').map(str::to_owned)),
                },
                // As cards of version 2.1 write types: `TEL;WORK`.
                "" if !WRITTEN.iter().any(|known| value.eq_ignore_ascii_case(known)) => types.push(value.to_owned()),
                "PREF" => is_preferred = true,
                "X-SERVICE-TYPE" => service = value.trim_matches('"').to_lowercase(),
                _ => {}
            }
        }
        is_preferred |= types.iter().any(|word| word.eq_ignore_ascii_case("pref"));
        types.retain(|word| !word.is_empty() && !SAYING_NOTHING.iter().any(|known| word.eq_ignore_ascii_case(known)));
        let label = types.join(",");
        // Phones shout words such as CELL and WORK; what somebody wrote stays as it is.
        let label = if label.chars().any(char::is_lowercase) { label } else { label.to_lowercase() };
        Self { group: group.to_lowercase(), name: name.to_ascii_uppercase(), label, is_preferred, service }
    }
}

/// How values are written.
const WRITTEN: [&str; 5] = ["QUOTED-PRINTABLE", "BASE64", "B", "8BIT", "7BIT"];

/// Types that every number or address has, and the one that is said otherwise.
const SAYING_NOTHING: [&str; 3] = ["internet", "voice", "pref"];

/// A row of a card: a number, an address, an account.
struct Entry {
    group: String,
    row: Map<String, Json>,
    /// What of the row its label is.
    label: &'static str,
}

impl Entry {
    fn of(about: &About, value: Json) -> Self {
        let mut row = Map::from_iter([("value".to_owned(), value)]);
        if !about.label.is_empty() {
            row.insert("label".to_owned(), about.label.clone().into());
        }
        Self { group: about.group.clone(), row, label: "label" }
    }

    /// One of which one is used first.
    fn ranked(about: &About, value: Json) -> Self {
        let mut entry = Self::of(about, value);
        if about.is_preferred {
            entry.row.insert("primary".to_owned(), true.into());
        }
        entry
    }

    /// An account somewhere; of what we have no name for, elsewhere.
    fn account(network: &str, value: &str) -> Self {
        let known = Schema::builtin().kind("party").and_then(|kind| kind.field("socials")?.item("network")?.option(network));
        let network = known.map_or("other", |option| &option.value);
        Self {
            group: String::new(),
            row: Map::from_iter([("value".to_owned(), value.into()), ("network".to_owned(), network.into())]),
            label: "network",
        }
    }
}

#[derive(Default)]
struct Card {
    /// Which one of its file it is: rows come in another order.
    number: usize,
    name: String,
    parts: String,
    organisation: String,
    /// The parts of the organisation, the smaller ones last.
    units: String,
    position: String,
    birthday: String,
    kind: String,
    phones: Vec<Entry>,
    emails: Vec<Entry>,
    addresses: Vec<Entry>,
    socials: Vec<Entry>,
    /// The labels that are lines of their own, by what ties them to others.
    labels: BTreeMap<String, String>,
    website: String,
    id: String,
    notes: Vec<String>,
    tags: Vec<String>,
}

impl Card {
    fn read(&mut self, line: &str) {
        let head = parts(line, ':')[0];
        let Some(value) = line.get(head.len() + 1..) else { return };
        let unquoted = is_quoted(head).then(|| unquoted(head, value));
        let value = unquoted.as_deref().unwrap_or(value);
        let (about, text) = (About::of(head), plain(value));
        if text.is_empty() && about.name != "ADR" && about.name != "N" && about.name != "ORG" {
            return;
        }
        match &*about.name {
            "TEL" => self.phones.push(Entry::ranked(&about, json!(text.trim_start_matches("tel:")))),
            "EMAIL" => self.emails.push(Entry::ranked(&about, json!(text))),
            "ADR" => self.addresses.extend(address(value).map(|address| Entry::of(&about, address))),
            "URL" => self.read_url(text),
            "X-SOCIALPROFILE" => self.socials.push(Entry::account(&about.label, &text)),
            // `x-apple:12345`: before the colon stands how it is reached.
            "IMPP" => {
                let (scheme, account) = text.split_once(':').unwrap_or(("", &text));
                self.socials.push(Entry::account(if about.service.is_empty() { scheme } else { &about.service }, account));
            }
            "NICKNAME" => self.socials.push(Entry::account("", &text)),
            "X-ABLABEL" => drop(self.labels.insert(about.group, label_of(&text))),
            "NOTE" => self.notes.push(text),
            "CATEGORIES" => self.tags.extend(parts(value, ',').into_iter().map(plain).filter(|tag| !tag.is_empty())),
            name => match name.strip_prefix("X-").filter(|network| MESSENGERS.contains(network)) {
                Some(network) => self.socials.push(Entry::account(&network.to_lowercase(), &text)),
                None => self.read_once(name, value, text),
            },
        }
    }

    /// A page of the web: the first one is the website, others are kept beside it.
    fn read_url(&mut self, url: String) {
        match self.website.is_empty() {
            true => self.website = url,
            false => self.socials.push(Entry::account("", &url)),
        }
    }

    /// What a card has one of.
    fn read_once(&mut self, name: &str, value: &str, text: String) {
        match name {
            "FN" => self.name = text,
            "N" => self.parts = name_of(value),
            "ORG" => {
                let mut names = parts(value, ';').into_iter().map(plain).filter(|name| !name.is_empty());
                self.organisation = names.next().unwrap_or_default();
                self.units = names.collect::<Vec<_>>().join(" ");
            }
            "TITLE" => self.position = text,
            "ROLE" if self.position.is_empty() => self.position = text,
            "KIND" => self.kind = text.to_lowercase(),
            // Without a year (`--1031`) it is no day.
            "BDAY" if text.len() >= 8 && !text.starts_with('-') => self.birthday = text,
            "UID" => self.id = text,
            _ => {}
        }
    }

    /// Rows as JSON, with the labels that are lines of their own.
    fn rows(&self, entries: &[Entry]) -> String {
        let row = |entry: &Entry| {
            let mut row = entry.row.clone();
            if let Some(label) = self.labels.get(&entry.group).filter(|_| !entry.group.is_empty() && entry.label == "label") {
                row.insert(entry.label.to_owned(), label.as_str().into());
            }
            Json::Object(row)
        };
        if entries.is_empty() { String::new() } else { Json::Array(entries.iter().map(row).collect()).to_string() }
    }

    fn is_person(&self) -> bool {
        !self.parts.is_empty() && self.kind != "org"
    }

    fn row(&self) -> [String; COLUMNS.len()] {
        let is_person = self.is_person();
        let whole = format!("{} {}", self.organisation, self.units).trim().to_owned();
        let name = [&self.name, &self.parts, &whole].into_iter().find(|name| !name.is_empty()).cloned().unwrap_or_default();
        let employer = Some(&self.organisation).filter(|employer| is_person && **employer != name).cloned().unwrap_or_default();
        let post = [&self.position, &self.units].into_iter().filter(|text| is_person && !text.is_empty());
        let post = post.map(String::as_str).collect::<Vec<_>>().join(", ");
        // A post with nobody is no relation.
        let (role, line) = if employer.is_empty() { (String::new(), post) } else { (post, String::new()) };
        let notes = self.notes.join("\n");
        let notes = if line.is_empty() { notes } else { with_line(&line, &notes) };
        let tags = if self.tags.is_empty() { String::new() } else { Json::from(self.tags.clone()).to_string() };
        let kind = if is_person { "person" } else { "org" }.to_owned();
        [
            self.number.to_string(),
            name,
            kind,
            self.rows(&self.phones),
            self.rows(&self.emails),
            self.rows(&self.addresses),
            self.rows(&self.socials),
            self.website.clone(),
            self.id.clone(),
            notes,
            tags,
            self.birthday.clone(),
            employer,
            role,
        ]
    }
}

/// Backslashes guard commas, semicolons and line ends.
fn plain(value: &str) -> String {
    unguarded(value).trim().to_owned()
}

/// A label that is a line of its own; some phones put the usual ones between signs: `_$!<Work>!$_`.
fn label_of(text: &str) -> String {
    let usual = text.strip_prefix("_$!<").and_then(|text| text.strip_suffix(">!$_"));
    usual.map_or_else(|| text.to_owned(), str::to_lowercase)
}

/// Networks that have a line of their own.
const MESSENGERS: [&str; 8] = ["QQ", "WECHAT", "WEIBO", "SKYPE", "JABBER", "MSN", "AIM", "ICQ"];

/// Family name, given name: Chinese ones without a space, the family first.
fn name_of(value: &str) -> String {
    let all: Vec<String> = parts(value, ';').into_iter().map(plain).collect();
    let part = |index: usize| all.get(index).map(String::as_str).unwrap_or_default();
    let (family, given) = (part(0), part(1));
    let is_chinese = family.chars().chain(given.chars()).any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter));
    if is_chinese { format!("{family}{given}") } else { format!("{given} {family}").trim().to_owned() }
}

fn address(value: &str) -> Option<Json> {
    let all: Vec<String> = parts(value, ';').into_iter().map(plain).collect();
    // A post box and what stands before the street come first, and go into the street.
    let street = all.iter().take(3).filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(", ");
    let part = |index: usize| if index == 0 { Some(street.as_str()) } else { all.get(index + 2).map(String::as_str) };
    let fields = ADDRESS.iter().enumerate().filter_map(|(index, name)| Some((*name, part(index).filter(|part| !part.is_empty())?)));
    let object: Map<String, Json> = fields.map(|(name, part)| (name.to_owned(), part.into())).collect();
    (!object.is_empty()).then_some(Json::Object(object))
}

#[cfg(test)]
mod tests {
    use super::super::as_csv;
    use super::*;

    #[test]
    fn cards_keep_every_number_and_address() {
        let text = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:王;芳;;;\r\nFN:王芳\r\nTEL;TYPE=CELL:+86 138 0000 0000\r\nTEL;TYPE=WORK:021-555\r\nitem1.EMAIL:w@x.cn\r\n\
                    ADR;TYPE=WORK:;;南京路 1;上海;;200000;中国\r\nNOTE:line one\\nline\r\n  two\r\nEND:VCARD\r\n";
        let csv = String::from_utf8(as_csv("a.vcf", text.as_bytes().to_vec()).unwrap()).unwrap();
        for part in
            ["王芳,person", "+86 138 0000 0000", "021-555", "w@x.cn", "南京路 1", "line one\nline two", "\"\"label\"\":\"\"cell\"\""]
        {
            assert!(csv.contains(part), "{csv} lacks {part}");
        }
    }

    #[test]
    fn cards_of_old_phones_are_read_in_the_charset_that_they_name() {
        let text = "BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=E7=8E=8B;=E8=8A=B3;;;\r\n\
                    NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:=E4=BD=A0=E5=A5=BD=0D=0A=\r\na=3Bb\r\nTEL;CELL:138\r\nEND:VCARD\r\n\
                    BEGIN:VCARD\r\nVERSION:2.1\r\nFN;CHARSET=GBK;QUOTED-PRINTABLE:=C0=EE=C3=F7\r\nN;CHARSET=GBK;QUOTED-PRINTABLE:=C0=EE;=C3=F7\r\nEND:VCARD\r\n";
        let csv = String::from_utf8(as_csv("a.vcf", text.as_bytes().to_vec()).unwrap()).unwrap();
        for part in ["1,王芳,person", "你好\na;b", "2,李明,person"] {
            assert!(csv.contains(part), "{csv} lacks {part}");
        }
        assert!(!csv.contains('='), "{csv}");
    }

    #[test]
    fn birthdays_and_posts_are_read_from_both_versions() {
        let text = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Li;Ann;;;\r\nFN:Ann Li\r\nORG:Cedar;Sales\r\nTITLE:Buyer\r\nBDAY:1985-10-31\r\nEND:VCARD\r\n\
                    BEGIN:VCARD\r\nVERSION:4.0\r\nKIND:individual\r\nN:Wu;Bo;;;\r\nFN:Bo Wu\r\nBDAY;VALUE=date:19900102\r\nTEL;VALUE=uri;TYPE=\"cell\":tel:+8613800000000\r\nEND:VCARD\r\n\
                    BEGIN:VCARD\r\nVERSION:4.0\r\nKIND:org\r\nN:Cedar;;;;\r\nFN:Cedar\r\nBDAY:--0203\r\nEND:VCARD\r\n";
        let csv = String::from_utf8(as_csv("a.vcf", text.as_bytes().to_vec()).unwrap()).unwrap();
        for part in [
            ",birthday,relations.party:name[type=org]|notes,relations.role\n3,Cedar,org",
            ",1985-10-31,Cedar,\"Buyer, Sales\"\n",
            ",19900102,,\n",
        ] {
            assert!(csv.contains(part), "{csv} lacks {part}");
        }
        assert!(!csv.contains("--0203") && csv.contains("+8613800000000"), "{csv}");
    }

    #[test]
    fn all_that_phones_repeat_is_kept_with_its_label_and_which_is_first() {
        let text = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Li;Mei;;;\r\nFN:Mei Li\r\nNICKNAME:Xiao Li\r\n\
                    item1.TEL;type=pref:+86 21 5555\r\nitem1.X-ABLabel:Front desk\\; mornings\r\n\
                    TEL;type=CELL;type=VOICE:138\r\nTEL;PREF=1;TYPE=\"work,fax\":021\r\nTEL;HOME;VOICE:010\r\n\
                    item2.EMAIL;type=INTERNET:mei@one.example\r\nitem2.X-ABLabel:_$!<Other>!$_\r\n\
                    EMAIL;type=INTERNET;type=HOME;type=pref:mei@two.example\r\n\
                    URL;type=WORK:https://one.example\r\nitem3.URL:https://two.example\r\nitem3.X-ABLabel:_$!<HomePage>!$_\r\n\
                    IMPP;X-SERVICE-TYPE=QQ;type=HOME:x-apple:12345\r\nX-WECHAT:meili\r\nX-SOCIALPROFILE;type=twitter:https://x.example/mei\r\n\
                    ADR;type=HOME:Box 7;Floor 3;Main Street 1;Wuxi;Jiangsu;214000;China\r\n\
                    NOTE:first\r\nNOTE:second\r\nCATEGORIES:a\r\nCATEGORIES:b,c\r\nORG:Acme\r\nROLE:Buyer\r\nEND:VCARD\r\n";
        let csv = as_csv("a.vcf", text.as_bytes().to_vec()).unwrap();
        let mut reader = csv::Reader::from_reader(&*csv);
        let heads = reader.headers().unwrap().clone();
        let row = reader.records().next().unwrap().unwrap();
        let of = |name: &str| row.get(heads.iter().position(|head| head == name).unwrap()).unwrap().to_owned();
        let rows = |name: &str| serde_json::from_str::<Json>(&of(name)).unwrap();
        assert_eq!(
            rows("phones"),
            json!([
                {"value": "+86 21 5555", "label": "Front desk; mornings", "primary": true},
                {"value": "138", "label": "cell"},
                {"value": "021", "label": "work,fax", "primary": true},
                {"value": "010", "label": "home"},
            ])
        );
        assert_eq!(
            rows("emails"),
            json!([{"value": "mei@one.example", "label": "other"}, {"value": "mei@two.example", "label": "home", "primary": true}])
        );
        let socials = ["Xiao Li", "https://two.example", "12345", "meili", "https://x.example/mei"];
        let networks = ["other", "other", "qq", "wechat", "other"];
        let expected: Vec<Json> =
            socials.iter().zip(networks).map(|(value, network)| json!({"value": value, "network": network})).collect();
        assert_eq!(rows("socials"), Json::from(expected));
        assert_eq!(rows("addresses")[0]["value"]["street"], "Box 7, Floor 3, Main Street 1");
        assert_eq!(rows("tags"), json!(["a", "b", "c"]));
        assert_eq!(
            (of("website"), of("notes"), of("relations.role")),
            ("https://one.example".into(), "first\nsecond".into(), "Buyer".into())
        );
    }
}
