//! What follows from records and stands beside them: the next step, a portrait, what is in packages, what is probably a slip, a
//! card for the address book.
//! Worked out on the device, without a network.

use std::collections::HashMap;
use std::time::SystemTime;

use sync_core::actions::{doubts, next, packages, portrait};
use sync_core::device::Device;
use sync_core::schema::{Field, Kind, Trait, ValueType};

use crate::client::Client;
use crate::edit::RecordEdit;
use crate::error::ClientError;
use crate::kinds::Word;
use crate::read::{RecordId, moment};
use crate::runtime::{blocking, guarded};
use crate::value::Value;

/// The action needed next about a record.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct NextStep {
    /// The activity.
    pub activity: RecordId,
    /// What it is.
    pub title: String,
    /// When it is due, if it is planned for a time.
    pub due: Option<Due>,
    /// How it stands with it.
    pub tone: Tone,
}

/// When something is due.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Due {
    /// On a day, wherever that is.
    Day {
        /// `2026-05-03`.
        day: String,
    },
    /// At a moment.
    Moment {
        /// When.
        at: SystemTime,
    },
}

/// How it stands with what is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Tone {
    /// It should have been done.
    Late,
    /// It is due today.
    Today,
    /// It is planned for a later day, or for no day.
    Planned,
}

impl From<next::NextStep> for NextStep {
    fn from(step: next::NextStep) -> Self {
        let due = match step.due {
            Some(serde_json::Value::String(day)) => Some(Due::Day { day }),
            Some(other) => other.as_i64().map(|at| Due::Moment { at: moment(at) }),
            None => None,
        };
        let tone = match step.tone {
            next::Tone::Late => Tone::Late,
            next::Tone::Today => Tone::Today,
            next::Tone::Planned => Tone::Planned,
        };
        Self { activity: step.id.into(), title: step.title, due, tone }
    }
}

/// A line of a portrait: `Favourite products`.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct PortraitLine {
    /// Its name within the kind.
    pub name: String,
    /// What people read.
    pub label: Word,
    /// What it says, what most records say first.
    pub says: Vec<PortraitItem>,
}

/// A part of a line of a portrait.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct PortraitItem {
    /// What it says.
    pub what: Said,
    /// The records that say so, those made last first.
    pub evidence: Vec<RecordId>,
}

/// What a line of a portrait says.
#[derive(Debug, Clone, PartialEq, uniffi::Enum)]
pub enum Said {
    /// A record: a favourite product.
    Linked {
        /// Which.
        record: RecordId,
        /// What it is called, if that is known here.
        title: Option<String>,
    },
    /// An option of a choice: the channel that they like.
    Chosen {
        /// The stored word.
        value: String,
        /// What people read.
        label: Word,
    },
    /// Any other value.
    Plain {
        /// The value.
        value: Value,
    },
    /// A time of day, from one hour to another.
    Hours {
        /// From, 0 to 23.
        from: u8,
        /// To, 1 to 24.
        to: u8,
    },
    /// From one amount to another.
    Band {
        /// From.
        low: Value,
        /// To.
        high: Value,
    },
}

/// A line of a quote or an order whose product is a package.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Package {
    /// The package.
    pub product: RecordId,
    /// What it is called, if that is known here.
    pub title: Option<String>,
    /// How many of it.
    pub quantity: f64,
    /// What that makes of each product in it, packages in it opened, too.
    pub parts: Vec<PackagePart>,
}

/// A product in a package.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct PackagePart {
    /// The product.
    pub product: RecordId,
    /// What it is called, if that is known here.
    pub title: Option<String>,
    /// How many of it, of all the packages of the line together.
    pub quantity: f64,
    /// In how many packages it is: 1 in the line's own, 2 in one of those.
    pub depth: u32,
}

/// A value that is probably a slip. It may be written all the same: say it beside the value.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Doubt {
    /// The field.
    pub field: String,
    /// The row that it stands in, if the field has rows.
    pub row: Option<String>,
    /// The part of that row.
    pub part: Option<String>,
    /// Its code: `phone`, `email`, `credit_code`; more may come.
    pub code: String,
    /// What people read.
    pub words: Word,
}

impl From<doubts::Doubtful> for Doubt {
    fn from(found: doubts::Doubtful) -> Self {
        let (part, row) = found.part.map(|(part, row)| (part.to_string(), row)).unzip();
        let (code, words) = (found.doubt.as_str().to_owned(), (&found.doubt.words()).into());
        Self { field: found.field.to_string(), row, part, code, words }
    }
}

fn title(device: &Device, record: sync_core::id::RecordId) -> Result<Option<String>, ClientError> {
    Ok(device.row(record)?.map(|row| row.title))
}

fn said(device: &Device, field: Option<&Field>, said: portrait::Said) -> Result<Said, ClientError> {
    let value = match said {
        portrait::Said::Hours(from, to) => return Ok(Said::Hours { from, to }),
        portrait::Said::Band(low, high) => return Ok(Said::Band { low: low.into(), high: high.into() }),
        portrait::Said::Value(value) => value,
    };
    let word = value.as_str().unwrap_or_default();
    if let Some(option) = field.and_then(|field| field.option(word)) {
        return Ok(Said::Chosen { value: word.to_owned(), label: (&option.label).into() });
    }
    match word.parse::<sync_core::id::RecordId>() {
        Ok(record) if field.is_some_and(|field| field.value == ValueType::Link) => {
            Ok(Said::Linked { record: record.into(), title: title(device, record)? })
        }
        _ => Ok(Said::Plain { value: value.into() }),
    }
}

fn portrait_line(device: &Device, kind: &Kind, (line, shown): (Trait, Vec<portrait::Shown>)) -> Result<PortraitLine, ClientError> {
    let from = line.from.as_ref().and_then(|from| device.schema().kind(&from.kind)).map_or(kind, |from| &**from);
    let field = line.field(from);
    let item = |shown: portrait::Shown| {
        let evidence = shown.evidence.into_iter().map(RecordId::from).collect();
        Ok(PortraitItem { what: said(device, field, shown.said)?, evidence })
    };
    let says = shown.into_iter().map(item).collect::<Result<_, ClientError>>()?;
    Ok(PortraitLine { name: line.name.to_string(), label: (&line.label).into(), says })
}

#[uniffi::export]
impl Client {
    /// The action needed next about each of some records, as a list shows them: of the open activities about it the one that
    /// is due first. Those about which nothing is planned are missing.
    pub async fn next_steps(&self, records: Vec<RecordId>) -> Result<HashMap<RecordId, NextStep>, ClientError> {
        let records = records.iter().map(RecordId::parse).collect::<Result<Vec<_>, _>>()?;
        let open = self.open_now()?;
        guarded(blocking(move || {
            let steps = open.host.with(|device, now| device.next_steps(&records, open.context(now)))?;
            Ok(steps.into_iter().map(|(record, step)| (record.into(), step.into())).collect())
        }))
        .await
    }

    /// What shows of a record by those that link to it, a customer's favourite products: each line that says something, with
    /// the records that say so.
    pub async fn portrait(&self, id: RecordId) -> Result<Vec<PortraitLine>, ClientError> {
        let id = id.parse()?;
        let open = self.open_now()?;
        guarded(blocking(move || {
            open.host.with(|device, now| {
                let kind = device.row(id)?.and_then(|row| device.schema().kind(&row.kind).cloned());
                let Some(kind) = kind else { return Ok(Vec::new()) };
                let lines = device.portrait(id, open.context(now))?;
                lines.into_iter().map(|line| portrait_line(device, &kind, line)).collect()
            })
        }))
        .await
    }

    /// The lines of a quote, an order or a deal whose products are packages, with what is in them. Products that are not on
    /// this device are not opened.
    pub async fn packages(&self, id: RecordId) -> Result<Vec<Package>, ClientError> {
        let id = id.parse()?;
        self.on_device(move |device, _| {
            let (packages, titles) = device.packages(id)?;
            let part = |part: packages::Part| PackagePart {
                product: part.product.into(),
                title: titles.get(&part.product).cloned(),
                quantity: part.quantity,
                depth: u32::try_from(part.depth).unwrap_or(u32::MAX),
            };
            let package = |package: packages::Package| Package {
                product: package.product.into(),
                title: titles.get(&package.product).cloned(),
                quantity: package.quantity,
                parts: package.parts.into_iter().map(part).collect(),
            };
            Ok(packages.into_iter().map(package).collect())
        })
        .await
    }

    /// A record as a vCard, with its numbers, addresses and labels, for the phone's address book or to be sent; nothing for one
    /// of a kind that no address book has.
    pub async fn card(&self, id: RecordId) -> Result<Option<String>, ClientError> {
        let id = id.parse()?;
        self.on_device(move |device, _| Ok(device.card(id)?)).await
    }

    /// What is probably a slip in a record, with these edits: of one that is being made, while somebody types it; of one that
    /// is here, with no edits or while it is edited. Nothing of it is refused.
    pub async fn doubts(&self, of: RecordEdit) -> Result<Vec<Doubt>, ClientError> {
        self.on_device(move |device, _| {
            let of = of.resolve(device)?;
            Ok(device.doubts(&of)?.into_iter().map(Doubt::from).collect())
        })
        .await
    }

    /// How a phone number is dialled from anywhere (`+8613812345678`), one without a country code as in the workspace's country;
    /// nothing where it does not say enough for that.
    pub async fn dialled(&self, number: String) -> Result<Option<String>, ClientError> {
        self.on_device(move |device, _| Ok(device.dialled(&number)?)).await
    }
}
