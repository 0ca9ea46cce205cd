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
    cut: bool,
}

/// `GET /collisions`.
pub async fn page(desk: Desk) -> Result<Response, Error> {
    let found = read(&desk).await?;
    let frame = desk.frame(desk.words.say("menu.collisions"), "/collisions").await?;
    let rows = found.rows.iter().map(|collision| view(&desk, &found.names, collision)).collect();
    answer(StatusCode::OK, &CollisionsPage { frame, rows, cut: found.cut })
}

/// Who may not see quotes sees no collisions.
async fn read(desk: &Desk) -> Result<Collisions, Error> {
    match desk.reading.quote_collisions().await {
        Ok(found) => Ok(found),
        Err(ReadError::UnknownKind(_) | ReadError::Hidden { .. }) => Ok(Collisions { rows: Vec::new(), names: Names::new(), cut: false }),
        Err(error) => Err(error.into()),
    }
}

/// The collisions that a record is part of: as the customer, as the product, or as one of the quotes.
pub async fn of_record(desk: &Desk, record: &RecordView) -> Result<Vec<CollisionView>, Error> {
    if !matches!(&*record.row.kind, "party" | "offer" | "product") {
        return Ok(Vec::new());
    }
    let (found, id) = (read(desk).await?, record.row.id);
    let is_part = |collision: &&Collision| {
        let quoted = |quote: &Quoted| quote.offer == id || quote.party == id;
        collision.party == id || collision.product == Product::Record(id) || collision.quotes.iter().any(quoted)
    };
    Ok(found.rows.iter().filter(is_part).map(|collision| view(desk, &found.names, collision)).collect())
}

fn view(desk: &Desk, names: &Names, collision: &Collision) -> CollisionView {
    let format = Formatter { words: desk.words, names };
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
