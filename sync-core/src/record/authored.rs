//! What an author is held to beyond what is admitted: an e-mail address is one, a web address can be visited, and no text
//! has a zero character, which many databases cannot hold.
//!
//! Asked by everything that people and programs write through: phones, forms, the API, imports. Never asked about changes
//! of others: an older app did not know these rules, and what it wrote stays readable, can be taken back and be merged.

use serde_json::Value as Json;

use super::fields::{BadEdit, FieldEdit};
use super::valid::BadValue;
use crate::schema::{Field, Kind, ValueType};

/// Whether edits of a kind may be written by an author. Fields that the kind has not are not looked at.
///
/// ```
/// use sync_core::record::{authored, fields::FieldEdit};
/// let schema = sync_core::schema::Schema::builtin();
/// let party = schema.kind("party").unwrap();
/// assert!(authored::check(party, &[FieldEdit::set("website", "https://jiamei.example")]).is_ok());
/// assert!(authored::check(party, &[FieldEdit::set("website", "javascript:alert(1)")]).is_err());
/// ```
///
/// # Errors
/// [`BadEdit::BadValue`] for the first value that does not fit.
pub fn check(kind: &Kind, edits: &[FieldEdit]) -> Result<(), BadEdit> {
    edits.iter().try_for_each(|edit| match kind.field(edit.field()) {
        Some(field) => of_edit(field, edit),
        None => Ok(()),
    })
}

fn of_edit(field: &Field, edit: &FieldEdit) -> Result<(), BadEdit> {
    let at = |name: String, checked: Result<(), BadValue>| checked.map_err(|problem| BadEdit::BadValue { field: name, problem });
    match edit {
        FieldEdit::Set { value, .. } => at(field.name.to_string(), check_value(field, value)),
        FieldEdit::Add { value, .. } => at(field.name.to_string(), text(&field.value, value)),
        FieldEdit::Splice { insert, .. } => at(field.name.to_string(), text(&field.value, insert)),
        FieldEdit::SetRow { values, .. } | FieldEdit::Append { values, .. } => values.iter().try_for_each(|(name, value)| {
            let checked = field.item(name).map_or(Ok(()), |item| check_value(item, value));
            at(format!("{}.{name}", field.name), checked)
        }),
        FieldEdit::Remove { .. } | FieldEdit::RemoveRow { .. } | FieldEdit::MoveRow { .. } | FieldEdit::Increment { .. } => Ok(()),
    }
}

/// Whether a value of a field, or of a part of a row, may be written by an author.
///
/// # Errors
/// [`BadValue`] with what is wrong.
pub fn check_value(field: &Field, value: &Json) -> Result<(), BadValue> {
    match value {
        Json::String(word) => text(&field.value, word),
        Json::Array(elements) => elements.iter().try_for_each(|element| check_value(field, element)),
        Json::Object(parts) => parts.values().try_for_each(|part| check_value(field, part)),
        Json::Null | Json::Bool(_) | Json::Number(_) => Ok(()),
    }
}

fn text(value: &ValueType, text: &str) -> Result<(), BadValue> {
    if text.contains('\0') {
        return Err(BadValue::ZeroCharacter);
    }
    match value {
        ValueType::Email if !text.is_empty() && !is_email(text) => Err(BadValue::NoEmail { found: text.to_owned() }),
        ValueType::Url if !text.is_empty() && web_address(text).is_none() => Err(BadValue::NoWebAddress { found: text.to_owned() }),
        _ => Ok(()),
    }
}

/// Whether a text is an e-mail address: something on both sides of one `@`, and nothing that ends an address in a list.
pub fn is_email(text: &str) -> bool {
    let sides = text.trim().split_once('@').filter(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    sides.is_some() && !has_gap(text.trim()) && !text.contains([',', ';'])
}

/// Where a browser may be sent for a text: the address itself if it begins with `http://` or `https://`, and with
/// `https://` in front if it is a host, as people and other systems write it. `None` for anything else.
///
/// ```
/// use sync_core::record::authored::web_address;
/// assert_eq!(web_address("www.jiamei.example/a").as_deref(), Some("https://www.jiamei.example/a"));
/// assert_eq!(web_address("javascript:alert(1)"), None);
/// ```
pub fn web_address(text: &str) -> Option<String> {
    let text = text.trim();
    if has_gap(text) {
        return None;
    }
    let scheme =
        ["https://", "http://"].into_iter().find(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    match scheme {
        Some(scheme) => (text.len() > scheme.len()).then(|| text.to_owned()),
        None => is_host(text.split(['/', '?', '#']).next().unwrap_or_default()).then(|| format!("https://{text}")),
    }
}

/// A name with a dot in it, and a port if need be: no scheme is mistaken for one.
fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').unwrap_or((text, "443"));
    let label = |label: &str| !label.is_empty() && label.chars().all(|letter| letter.is_alphanumeric() || letter == '-');
    name.contains('.') && name.split('.').all(label) && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Characters that no address has, and with which one would get out of where it is shown.
fn has_gap(text: &str) -> bool {
    text.chars().any(|letter| letter.is_whitespace() || letter.is_control() || "\"<>\\".contains(letter))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Schema;

    fn refused(edit: FieldEdit) -> Option<String> {
        let schema = Schema::builtin();
        check(schema.kind("party").unwrap(), &[edit]).err().map(|bad| bad.to_string())
    }

    #[test]
    fn addresses_are_told_from_what_is_none() {
        for good in ["a@b.cn", "王@例.cn", "o'neil+x@mail.example.com", "root@localhost"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["a", "@b.cn", "a@", "a@b@c", "a b@c.cn", "a@b.cn, c@d.cn", "a@b.cn;c@d.cn", "<a@b.cn>"] {
            assert!(!is_email(bad), "{bad}");
        }
        for good in ["https://a.example/?q=1", "HTTP://a", "jiamei.example", "www.a.cn:8080/x?y#z", "例子.cn"] {
            assert!(web_address(good).is_some(), "{good}");
        }
        let bad =
            ["javascript:alert(1)", "JaVaScRiPt://x.y", "javascript:1.5", "data:text/html,x.y", "https://a b", "http://", "//evil.cn"];
        for bad in bad.into_iter().chain(["https://x\"onclick=1", "no address", "mailto:a@b.cn", "jiamei", ".cn", "a..b"]) {
            assert_eq!(web_address(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_sort_of_edit_is_looked_into() {
        let row = |value: &str| FieldEdit::SetRow {
            field: "emails".to_owned(),
            row: "1".to_owned(),
            values: [("value".to_owned(), json!(value))].into_iter().collect(),
        };
        assert_eq!(refused(row("a@b.cn")), None);
        assert_eq!(refused(row("n/a")).as_deref(), Some("field `emails.value`: `n/a` is not an e-mail address"));
        let zero = [
            FieldEdit::set("name", "a\0b"),
            FieldEdit::set("notes", "a\0b"),
            FieldEdit::set("tags", json!(["a\0b"])),
            FieldEdit::Splice { field: "notes".to_owned(), at: 0, delete: 0, insert: "\0".to_owned() },
        ];
        for edit in zero {
            assert!(refused(edit.clone()).is_some_and(|why| why.contains("zero character")), "{edit:?}");
        }
        assert_eq!(refused(FieldEdit::set("website", json!(null))), None);
        assert_eq!(refused(FieldEdit::set("nothing", "\0")), None, "it is named as unknown elsewhere");
    }
}
