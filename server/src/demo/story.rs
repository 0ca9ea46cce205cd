//! The story: two reps in flight mode, one customer, one product, two prices.

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value as Json, json};
use sync_core::id::RecordId;
use sync_core::record::fields::FieldEdit;

use super::compare::{collisions_on, collisions_on_server};
use super::stage::{Phone, Stage};
use super::tell::{Teller, yuan};

/// Minutes of the story.
const MINUTE: i64 = 60_000;

/// What the story left behind, for the comparison.
pub(super) struct Told {
    /// Everything that somebody wrote: record, field, value.
    pub written: Vec<(RecordId, String, Json)>,
    pub conflicts: usize,
    pub quote_collisions: usize,
}

/// Plays the story.
pub(super) async fn tell(stage: &Stage, teller: &Teller) -> Result<Told> {
    let mut told = Told { written: Vec::new(), conflicts: 0, quote_collisions: 0 };
    teller.scene("08:40", "Flight mode. Ann is in a basement, Bo on a train. Both open the customer 佳美.");
    in_the_basement(stage, teller, &mut told)?;
    stage.wait(25 * MINUTE);
    on_the_train(stage, teller, &mut told)?;
    stage.wait(110 * MINUTE);
    back_online(stage, teller, &mut told).await?;
    two_prices(stage, teller, &mut told).await?;
    decided(stage, teller, &mut told).await?;
    Ok(told)
}

fn in_the_basement(stage: &Stage, teller: &Teller, told: &mut Told) -> Result<()> {
    let ann = &stage.ann;
    write(
        ann,
        told,
        stage.party,
        vec![
            FieldEdit::set("name", "佳美办公用品有限公司"),
            FieldEdit::set("tax_id", "91310115MA1K2900X7"),
            row("phones", "ann-mobile", &[("value", json!("138 0013 8000")), ("label", json!("张总手机"))]),
            FieldEdit::Add { field: "tags".to_owned(), value: "重点客户".to_owned() },
            FieldEdit::Splice { field: "notes".to_owned(), at: 14, delete: 0, insert: "张总周五回电。".to_owned() },
        ],
    )?;
    teller.line(
        "Ann: renames it 佳美办公用品有限公司, copies its tax id from an invoice, adds a mobile number and a tag, notes “张总周五回电”",
    );
    let visit = vec![
        FieldEdit::set("type", "visit"),
        FieldEdit::set("subject", "上门拜访，看打印机"),
        FieldEdit::Add { field: "about".to_owned(), value: stage.party.to_string() },
    ];
    create(ann, told, "activity", visit)?;
    quote(stage, ann, told, 290_000)?;
    teller.line(&format!("Ann: logs a visit and quotes 激光打印机 L-2900 at {}", yuan(290_000)));
    Ok(())
}

fn on_the_train(stage: &Stage, teller: &Teller, told: &mut Told) -> Result<()> {
    let bo = &stage.bo;
    write(
        bo,
        told,
        stage.party,
        vec![
            FieldEdit::set("name", "佳美（上海）"),
            FieldEdit::set("tax_id", "91310115MA1K2900XT"),
            row("phones", "bo-fax", &[("value", json!("021-5888 2901")), ("label", json!("传真"))]),
            FieldEdit::Add { field: "tags".to_owned(), value: "价格敏感".to_owned() },
            FieldEdit::Splice { field: "notes".to_owned(), at: 0, delete: 0, insert: "喜欢龙井茶。".to_owned() },
        ],
    )?;
    teller.line("Bo:  renames it 佳美（上海）, reads its tax id off a letterhead, adds a fax number and a tag, notes “喜欢龙井茶”");
    quote(stage, bo, told, 270_000)?;
    teller.line(&format!("Bo:  quotes the same printer to the same customer at {}", yuan(270_000)));
    let discounted = bo.host.with(|device, now| {
        let line = [
            ("product_name", json!("A4 复印纸")),
            ("quantity", json!(200)),
            ("price", json!({"amount": 2_500, "currency": "CNY"})),
            ("discount_percent", json!(25)),
        ];
        let edits = [
            FieldEdit::set("form", "quote"),
            FieldEdit::set("title", "复印纸 25% 折扣"),
            FieldEdit::set("party", stage.party.to_string()),
            row("lines", "1", &line),
        ];
        device.create(now, "offer", &edits)
    })?;
    if let Some((_, message)) = &discounted.needs_approval {
        teller.line(&format!("Bo:  offers paper at 25 % off; his phone says at once: {}", message.en));
    }
    Ok(())
}

async fn back_online(stage: &Stage, teller: &Teller, told: &mut Told) -> Result<()> {
    teller.scene("10:55", "The basement has a door, the train a station: both come back online.");
    for phone in [&stage.ann, &stage.bo, &stage.ann] {
        phone.sync().await?;
    }
    let view = stage.ann.host.with(|device, _| device.get(stage.party))?.context("the customer is gone")?;
    let fields = &view.row.fields;
    teller.line("Both phones and the server now show one customer:");
    teller.detail(&format!("name    {}", text(fields, "name")));
    teller.detail(&format!("phones  {}", list(fields, "phones")));
    teller.detail(&format!("tags    {}", list(fields, "tags")));
    teller.detail(&format!("notes   {}", text(fields, "notes")));
    for conflict in &view.conflicts {
        let values: Vec<String> =
            conflict.claims.iter().map(|claim| format!("{} ({})", plain(&claim.value), stage.name_of(claim.user))).collect();
        teller.line(&format!("They disagree on `{}`, and nothing is lost: {}", conflict.field, values.join("  |  ")));
    }
    told.conflicts = view.conflicts.len();
    for draft in stage.bo.host.with(|device, _| device.drafts())? {
        teller.line(&format!("Bo's paper quote waits for a decision, on his phone and at the office: {}", draft.message));
    }
    Ok(())
}

async fn two_prices(stage: &Stage, teller: &Teller, told: &mut Told) -> Result<()> {
    teller.scene("10:56", "One customer, one printer, two prices: who is told?");
    let on_server = collisions_on_server(stage).await?;
    for (who, collisions) in
        [("Ann's phone", collisions_on(&stage.ann)?), ("Bo's phone", collisions_on(&stage.bo)?), ("Mei's console", on_server.clone())]
    {
        for collision in &collisions {
            let prices: Vec<String> = collision
                .quotes
                .iter()
                .map(|quote| format!("{} by {}", yuan(quote.price), quote.owner.map_or("?".to_owned(), |owner| stage.name_of(owner))))
                .collect();
            teller.line(&format!("{who}: 佳美 was quoted {}", prices.join(" and ")));
        }
    }
    told.quote_collisions = on_server.len();
    Ok(())
}

async fn decided(stage: &Stage, teller: &Teller, told: &mut Told) -> Result<()> {
    teller.scene("11:10", "Bo goes offline again and decides which name is right. That is an edit like any other.");
    stage.wait(14 * MINUTE);
    let name = "佳美办公用品有限公司";
    stage.bo.host.with(|device, now| device.resolve(now, stage.party, "name", json!(name)))?;
    told.written.push((stage.party, "name".to_owned(), json!(name)));
    stage.wait(30 * MINUTE);
    for phone in [&stage.bo, &stage.ann] {
        phone.sync().await?;
    }
    let view = stage.ann.host.with(|device, _| device.get(stage.party))?.context("the customer is gone")?;
    ensure!(!view.conflicts.is_empty(), "the reader is sent to a disagreement, and none is open");
    let left: Vec<String> = view.conflicts.iter().map(|conflict| format!("`{}`", conflict.field)).collect();
    teller.line(&format!("Ann sees: {}; {} is left for Mei to decide, in her browser", text(&view.row.fields, "name"), left.join(", ")));
    Ok(())
}

/// Two people quote one product to one customer, without knowing of each other.
fn quote(stage: &Stage, phone: &Phone, told: &mut Told, price: i64) -> Result<()> {
    let line = [
        ("product", json!(stage.product.to_string())),
        ("product_name", json!("激光打印机 L-2900")),
        ("quantity", json!(1)),
        ("price", json!({"amount": price, "currency": "CNY"})),
    ];
    let edits = vec![
        FieldEdit::set("form", "quote"),
        FieldEdit::set("title", format!("打印机报价 {}", yuan(price))),
        FieldEdit::set("party", stage.party.to_string()),
        FieldEdit::set("owner", phone.user.to_string()),
        FieldEdit::set("status", "draft"),
        row("lines", "1", &line),
    ];
    create(phone, told, "offer", edits)
}

fn create(phone: &Phone, told: &mut Told, kind: &str, edits: Vec<FieldEdit>) -> Result<()> {
    let edited = phone.host.with(|device, now| device.create(now, kind, &edits))?;
    note(told, edited.record, &edits);
    Ok(())
}

fn write(phone: &Phone, told: &mut Told, record: RecordId, edits: Vec<FieldEdit>) -> Result<()> {
    phone.host.with(|device, now| device.edit(now, "party", record, &edits))?;
    note(told, record, &edits);
    Ok(())
}

/// Remembers what was written, to look for it at the end.
fn note(told: &mut Told, record: RecordId, edits: &[FieldEdit]) {
    for edit in edits {
        let values: Vec<Json> = match edit {
            FieldEdit::Set { value, .. } => vec![value.clone()],
            FieldEdit::Add { value, .. } | FieldEdit::Splice { insert: value, .. } => vec![json!(value)],
            FieldEdit::SetRow { values, .. } => values.values().cloned().collect(),
            _ => Vec::new(),
        };
        told.written.extend(values.into_iter().map(|value| (record, edit.field().to_owned(), value)));
    }
}

fn row(field: &str, id: &str, values: &[(&str, Json)]) -> FieldEdit {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    FieldEdit::SetRow { field: field.to_owned(), row: id.to_owned(), values }
}

fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn text(fields: &Map<String, Json>, name: &str) -> String {
    fields.get(name).map(plain).unwrap_or_default()
}

fn list(fields: &Map<String, Json>, name: &str) -> String {
    let values = fields.get(name).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let shown = |value: &Json| value.get("value").map_or_else(|| plain(value), plain);
    values.iter().map(shown).collect::<Vec<_>>().join(", ")
}
