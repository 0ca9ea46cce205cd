//! Where the price of a row is looked up: declared with the part that holds it.

use serde::Serialize;

use super::reader::{Mistake, Section};
use super::write::quoted;
use super::{Field, Kind, Merge, ValueType};
use crate::id::FieldName;

/// Where the price of a row comes from while nobody types one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fill {
    /// The part of the row that links to what has prices.
    pub from: FieldName,
    /// The part that says how many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<FieldName>,
    /// The field of the record that names the price list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<FieldName>,
    /// The link to the customer whose list holds otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<FieldName>,
    /// The day on which it must hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<FieldName>,
}

impl Fill {
    /// The fill of a field, if it has one.
    pub(super) fn read(field: Section<'_>) -> Result<Option<Self>, Mistake> {
        let Some(section) = field.section("fill")? else { return Ok(None) };
        section.only("`fill`", &["from", "quantity", "list", "customer", "date"])?;
        let may = |key| section.word(key)?.map(|word| word.parse()).transpose();
        Ok(Some(Self {
            from: section.required("`fill`", "from")?.parse()?,
            quantity: may("quantity")?,
            list: may("list")?,
            customer: may("customer")?,
            date: may("date")?,
        }))
    }

    /// It as TOML, on one line.
    pub(super) fn to_toml(&self) -> String {
        let Fill { from, quantity, list, customer, date } = self;
        let more = [("quantity", quantity), ("list", list), ("customer", customer), ("date", date)];
        let more = more.into_iter().filter_map(|(key, name)| Some(format!(", {key} = {}", quoted(name.as_ref()?))));
        format!("{{ from = {}{} }}", quoted(from), more.collect::<String>())
    }
}

/// Holds the fills of a field's rows to what makes sense; `section` is the field's.
pub(super) fn check(kind: &Kind, field: &Field, section: Section<'_>) -> Result<(), Mistake> {
    if section.has("fill") {
        let mistake = section.mistake_at("fill", format!("field `{}` is no part of a row: it has no `fill`", field.name));
        return Err(mistake.zh(format!("“{}”不是子表的子字段，不能有 `fill`", field.name)));
    }
    for (part, section) in field.items.iter().zip(section.sections("items")?) {
        let (Some(fill), Some(section)) = (&part.fill, section.section("fill")?) else { continue };
        let is_row = matches!(field.merge, Merge::List | Merge::Set) && part.value == ValueType::Money;
        let of_row = [(Some(&fill.from), ValueType::Link), (fill.quantity.as_ref(), ValueType::Number)];
        let is_part = |(name, value): (Option<&FieldName>, ValueType)| {
            name.is_none_or(|name| {
                field.item(name).is_some_and(|item| item.value == value || (value == ValueType::Number && item.value == ValueType::Integer))
            })
        };
        let of_record = [(&fill.list, ValueType::String), (&fill.customer, ValueType::Link), (&fill.date, ValueType::Date)];
        let is_field = |(name, value): (&Option<FieldName>, ValueType)| {
            name.as_ref().is_none_or(|name| {
                kind.field(name).is_some_and(|other| other.value == value && other.merge.is_single() && other.facet == field.facet)
            })
        };
        if !is_row || !of_row.into_iter().all(is_part) || !of_record.into_iter().all(is_field) {
            let mistake = section.mistake(format!("`fill` of `{}` names a link (`from`) and a number (`quantity`) of the same row, and a text (`list`), a link (`customer`) and a day (`date`) of the record: it fills an amount", part.name));
            return Err(mistake.zh(format!("“{}”的 `fill` 应指定同一行的关联（`from`）和数字（`quantity`），以及记录的文本（`list`）、关联（`customer`）和日期（`date`），且只用于金额", part.name)));
        }
    }
    Ok(())
}
