//! Price collisions: two quotes offer one customer one product at different prices.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use sync_core::actions::quotes::{Collision, Product, Quoted};
use sync_core::id::RecordId;
use sync_core::schema::Field;

use super::desk::{Desk, Frame, page as answer};
use super::format::{self, Formatter, Shown};
use crate::error::Error;
use crate::reading::{Collisions, Names, ReadError, RecordView};

/// Collisions on the page: the next ones come up when these are settled.
const SHOWN: usize = 20;

/// A collision as a card shows it.
pub struct CollisionView {
    /// The product.
    pub product: Shown,
    /// The customer.
    pub party: Shown,
    /// The quotes, lowest price first.
    pub sides: Vec<SideView>,
}

/// One of the quotes.
pub struct SideView {
    /// The price of one.
    pub price: Shown,
    /// Whose quote it is.
    pub owner: Shown,
    /// The quote.
    pub offer: Shown,
    /// What became of it.
    pub status: Shown,
    /// From when to when it holds.
    pub valid: Shown,
    /// When it went out.
    pub sent: Option<Shown>,
}

#[derive(Template)]
#[template(path = "collisions.html")]
struct CollisionsPage {
    frame: Frame,
    rows: Vec<CollisionView>,
    /// How many more there are, in words.
    more: Option<String>,
    cut: bool,
}

/// `GET /collisions`.
pub async fn page(desk: Desk) -> Result<Response, Error> {
    let found = seen(desk.reading.quote_collisions().await)?;
    let frame = desk.frame(desk.words.say("menu.collisions"), "/collisions").await?;
    let rows = found.rows.iter().take(SHOWN).map(|collision| view(&desk, &found.names, collision)).collect();
    let more = found.rows.len().saturating_sub(SHOWN) as u64;
    let more = (more > 0).then(|| desk.words.count("collision.more", more));
    answer(StatusCode::OK, &CollisionsPage { frame, rows, more, cut: found.cut })
}

/// Who may not see quotes sees no collisions.
fn seen(found: Result<Collisions, ReadError>) -> Result<Collisions, Error> {
    match found {
        Ok(found) => Ok(found),
        Err(ReadError::UnknownKind(_) | ReadError::Hidden { .. }) => Ok(Collisions { rows: Vec::new(), names: Names::new(), cut: false }),
        Err(error) => Err(error.into()),
    }
}

/// The collisions that a record is part of: as the customer, as the product, or as one of the quotes.
pub async fn of_record(desk: &Desk, record: &RecordView) -> Result<Vec<CollisionView>, Error> {
    let Some(found) = desk.reading.quote_collisions_around(&record.row).await.transpose() else { return Ok(Vec::new()) };
    let (found, id) = (seen(found)?, record.row.id);
    let is_part = |collision: &&Collision| {
        let quoted = |quote: &Quoted| quote.offer == id || quote.party == id;
        collision.party == id || collision.product == Product::Record(id) || collision.quotes.iter().any(quoted)
    };
    Ok(found.rows.iter().filter(is_part).map(|collision| view(desk, &found.names, collision)).collect())
}

fn view(desk: &Desk, names: &Names, collision: &Collision) -> CollisionView {
    let format = desk.formatter(names);
    let product = match &collision.product {
        Product::Record(product) => format.record(*product),
        Product::Name(name) => Shown::Text(name.clone()),
    };
    let status = desk.reading.kind("offer").ok().and_then(|kind| kind.field("status"));
    let side = |quote: &Quoted| side(&format, status, &collision.currency, quote);
    CollisionView { product, party: format.record(collision.party), sides: collision.quotes.iter().map(side).collect() }
}

fn side(format: &Formatter<'_>, status: Option<&Field>, currency: &str, quote: &Quoted) -> SideView {
    let state = status.zip(quote.status.as_ref()).map_or(Shown::Nothing, |(field, state)| format.scalar(field, &json!(state)));
    let valid = match (quote.from.map(format::day), quote.until.map(format::day)) {
        (None, None) => Shown::Nothing,
        (start, end) => Shown::Text(format!("{} → {}", start.unwrap_or_default(), end.unwrap_or_default())),
    };
    SideView {
        price: Shown::Number(format::price(quote.price, currency)),
        owner: quote.owner.map_or(Shown::Nothing, |owner| format.record(RecordId(owner.0))),
        offer: format.record(quote.offer),
        status: state,
        valid,
        sent: quote.sent_at.map(format::moment),
    }
}
