//! What may be written, and is probably a slip: said beside the value, never refused, and the same on phone and server.
//!
//! What somebody typed stays as it is: how a number is dialled from anywhere is shown beside it, not put in its place.

use serde_json::{Map, Value as Json};

use super::duplicates::country::Country;
use super::duplicates::likely::TAX_ID;
use super::duplicates::normal;
use crate::id::FieldName;
use crate::record::authored::is_email;
use crate::schema::{Field, Kind, Label, ValueType};

/// Characters of a 统一社会信用代码.
const CREDIT_CODE_LEN: usize = 18;
/// Digits of numbers that are dialled within a country or a house, and have no area code: 110, 95588, 10086, extensions.
const SHORT_NUMBER_MAX: usize = 6;

/// Why a value is probably not what was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    /// Nobody can call it from elsewhere: the area code or the country is missing.
    Phone,
    /// It is no address that mail could be sent to.
    Email,
    /// Its check character does not fit the others (GB 32100-2015).
    CreditCode,
}

impl Doubt {
    /// Its code, for programs and catalogues.
    pub fn as_str(self) -> &'static str {
        match self {
            Doubt::Phone => "phone",
            Doubt::Email => "email",
            Doubt::CreditCode => "credit_code",
        }
    }

    /// In words.
    pub fn words(self) -> Label {
        let (en, zh) = match self {
            Doubt::Phone => ("The area code is missing: nobody can call this from elsewhere.", "缺少区号或国家代码，外地无法拨通。"),
            Doubt::Email => ("This is no e-mail address.", "不是有效的邮箱地址。"),
            Doubt::CreditCode => ("The check character does not fit: please compare.", "统一社会信用代码的校验位不符，请核对。"),
        };
        Label { en: en.to_owned(), zh: zh.to_owned() }
    }
}

/// A value of a record that is probably a slip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubtful {
    /// The field.
    pub field: FieldName,
    /// The part of its row, and the row, if it has rows.
    pub part: Option<(FieldName, String)>,
    /// Why.
    pub doubt: Doubt,
}

impl Doubtful {
    /// The field, or `field.part`.
    pub fn path(&self) -> String {
        self.part.as_ref().map_or_else(|| self.field.to_string(), |(part, _)| format!("{}.{part}", self.field))
    }
}

/// Whether anything can be doubtful about a field, or about a part of its rows.
pub fn is_judged(field: &Field) -> bool {
    let is_one = |field: &Field| match &field.value {
        ValueType::Phone | ValueType::Email => true,
        ValueType::String => *field.name == *TAX_ID,
        _ => false,
    };
    is_one(field) || field.items.iter().any(is_one)
}

/// What is doubtful about a value of a field, or of a part of its rows.
///
/// ```
/// use sync_core::actions::doubts::{Doubt, doubt};
/// use sync_core::actions::duplicates::country::Country;
/// let schema = sync_core::schema::Schema::builtin();
/// let tax_id = schema.kind("party").unwrap().field("tax_id").unwrap();
/// assert_eq!(doubt(tax_id, "91350100M000100Y43", Country::default()), None);
/// assert_eq!(doubt(tax_id, "91350100M000100Y34", Country::default()), Some(Doubt::CreditCode));
/// ```
pub fn doubt(field: &Field, text: &str, home: Country) -> Option<Doubt> {
    match &field.value {
        ValueType::Phone => {
            let digits = text.chars().filter(char::is_ascii_digit).count();
            (digits > SHORT_NUMBER_MAX && dialled(text, home).is_none()).then_some(Doubt::Phone)
        }
        ValueType::Email => (!is_email(text)).then_some(Doubt::Email),
        ValueType::String if *field.name == *TAX_ID => {
            let id = normal::tax_id(text).filter(|id| id.len() == CREDIT_CODE_LEN)?;
            (!normal::is_credit_code(&id)).then_some(Doubt::CreditCode)
        }
        _ => None,
    }
}

/// How a number is dialled from anywhere (E.164: `+8613812345678`); none where it does not say enough for that.
pub fn dialled(text: &str, home: Country) -> Option<String> {
    normal::phone(text, home).filter(|number| number.starts_with('+'))
}

/// All that is doubtful about a record's row.
pub fn doubts(kind: &Kind, row: &Map<String, Json>, home: Country) -> Vec<Doubtful> {
    let mut found = Vec::new();
    for field in kind.fields.iter().filter(|field| !field.hidden) {
        let Some(value) = row.get(&*field.name) else { continue };
        let of = |part, doubt| Doubtful { field: field.name.clone(), part, doubt };
        found.extend(value.as_str().and_then(|text| doubt(field, text, home)).map(|doubt| of(None, doubt)));
        for entry in value.as_array().into_iter().flatten() {
            let id = entry.get("id").and_then(Json::as_str).unwrap_or_default();
            let texts = field.items.iter().filter_map(|item| Some((item, entry.get(&*item.name)?.as_str()?)));
            found.extend(texts.filter_map(|(item, text)| Some(of(Some((item.name.clone(), id.to_owned())), doubt(item, text, home)?))));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Schema;

    #[test]
    fn what_is_written_often_is_no_doubt_and_slips_are() {
        let party = Schema::builtin().kind("party").unwrap();
        let row = json!({
            "name": "Acme",
            "tax_id": "9135 0100 M000 100Y 43",
            "phones": [
                {"value": "138 1234 5678"}, {"value": "110"}, {"value": "400-800-8820"}, {"value": "+44 (0)20 7946 0018"},
                {"value": "(0755) 8888-1234 转 801"}, {"value": "8888 1234"}, {"value": "1381234567"},
            ],
            "emails": [{"value": "ann@acme.example"}, {"value": "ann at acme"}],
            "website": "somewhere",
        });
        let found = |row: &Json| {
            let doubts = doubts(party, row.as_object().unwrap(), Country::default());
            doubts.iter().map(|found| (found.path(), found.doubt)).collect::<Vec<_>>()
        };
        let expected = [("phones.value", Doubt::Phone), ("phones.value", Doubt::Phone), ("emails.value", Doubt::Email)];
        assert_eq!(found(&row), expected.map(|(field, doubt)| (field.to_owned(), doubt)));
        let odd = json!({"tax_id": "91350100M000100Y4X", "phones": "no rows", "emails": [1, {"value": 2}]});
        assert_eq!(found(&odd), [("tax_id".to_owned(), Doubt::CreditCode)]);
        assert_eq!(found(&json!({"tax_id": "110105670123456"})), [], "as they were before 2015");
        let rows = json!({"emails": [{"id": "e1", "value": "a@b.cn"}, {"id": "e2", "value": "nobody"}]});
        let which = doubts(party, rows.as_object().unwrap(), Country::default()).remove(0);
        assert_eq!(which.part.map(|(_, row)| row).as_deref(), Some("e2"), "of several rows it is said which");
    }
}
