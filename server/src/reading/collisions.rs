//! Quotes of one customer that contradict each other, in the whole workspace.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::{Value as Json, json};
use sync_core::actions::duplicates::{self, Duplicates};
use sync_core::actions::quotes::{self, Collision, Offer, Product};
use sync_core::id::RecordId;
use sync_core::query::{Context, Filter, Query};

use super::{Names, ReadError, Reading, Row};
use crate::store::Tx;
use crate::store::lists::{self, Shelf, Way, Which};
use crate::store::remembered::{Asked, ROWS_MAX};

/// Quotes in force that are compared, the newest: they are held in memory, at 1 KB or so each.
pub const QUOTES_MAX: usize = 20_000;
/// Whose a quote is, and what it offers.
const CUSTOMER: &str = "party";
const PRODUCTS: &str = "lines.product";
/// Quotes read at a time.
const READ_QUOTES: u32 = 1_000;

/// The collisions, and what their records are called.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Collisions {
    /// By customer and product.
    pub rows: Vec<Collision>,
    /// Customers, products, offers and owners that the caller may see.
    pub names: Names,
    /// Whether there were more quotes in force than [`QUOTES_MAX`], and the older ones were left out.
    pub cut: bool,
}

impl Reading {
    /// The quotes that contradict each other, as far as the caller sees them.
    ///
    /// # Errors
    /// When the caller may not see quotes, or the database fails.
    pub async fn quote_collisions(&self) -> Result<Collisions, ReadError> {
        let mut tx = self.store.reader().await?;
        let question = format!("collisions {:?}", self.scope);
        let turn = match self.store.answers().ask::<Collisions>(&mut tx, self.workspace, question).await? {
            Asked::Known(found) => return Ok((*found).clone()),
            Asked::Open(turn) => turn,
        };
        let found = self.collisions_among(&mut tx, None).await?;
        if found.rows.len() <= ROWS_MAX {
            turn.keep(found.clone());
        }
        Ok(found)
    }

    /// Those that a record may be part of: of the same customer, or about the same product. None for other kinds.
    ///
    /// # Errors
    /// As [`Reading::quote_collisions`].
    pub async fn quote_collisions_around(&self, row: &Row) -> Result<Option<Collisions>, ReadError> {
        let linked = |attribute: &str, ids: Vec<String>| json!({"type": "linkedWith", "attribute": attribute, "value": ids});
        let customer = match &*row.kind {
            "product" => {
                let about = linked(PRODUCTS, vec![row.id.to_string()]);
                return self.collisions_among(&mut self.store.reader().await?, Some(about)).await.map(Some);
            }
            "party" => Some(row.id),
            quotes::KIND => row.fields.get(CUSTOMER).and_then(|id| id.as_str()?.parse().ok()),
            _ => None,
        };
        let Some(customer) = customer else { return Ok(None) };
        let mut tx = self.store.reader().await?;
        // Whatever stands behind the same one is the same customer.
        let customer = self.survivors(&mut tx, &[customer]).await?.get(&customer).copied().unwrap_or(customer);
        self.collisions_among(&mut tx, Some(linked(CUSTOMER, vec![customer.to_string()]))).await.map(Some)
    }

    async fn collisions_among(&self, tx: &mut Tx, narrowed: Option<Json>) -> Result<Collisions, ReadError> {
        let (offers, cut) = self.quotes_in_force(tx, narrowed).await?;
        let duplicates = self.duplicates(tx, offers.iter().map(|offer| offer.party).collect()).await?;
        let rows = quotes::collisions(&offers, |party| duplicates.same_as(party));
        let names = self.names(tx, rows.iter().flat_map(named)).await?;
        Ok(Collisions { rows, names, cut })
    }

    async fn quotes_in_force(&self, tx: &mut Tx, narrowed: Option<Json>) -> Result<(Vec<Offer>, bool), ReadError> {
        let way = if narrowed.is_some() { Way::Gathered } else { Way::InOrder };
        let form = json!({"type": "equals", "attribute": "form", "value": quotes::FORM});
        let in_force = json!({"type": "notIn", "attribute": "status", "value": quotes::NOT_IN_FORCE});
        let filter: Json = [form, in_force].into_iter().chain(narrowed).collect();
        let kind = &self.kind(quotes::KIND)?.name;
        let newest = [("orderBy", "createdAt"), ("order", "desc")];
        let filter = Filter::from_json(self.schema(), kind, &filter)?;
        let mut query = Query { filter, max_size: READ_QUOTES, ..self.query(kind, newest)? };
        self.check(&query.reads(self.schema()))?;
        let context = Context { now: self.now, offset_minutes: 0 };
        let mut offers = Vec::new();
        while offers.len() < QUOTES_MAX {
            let which = Which { workspace: self.workspace, scope: &self.scope, query: &query, context, shelf: Shelf::InUse, words: None };
            let mut page = lists::page(tx, which, way).await?;
            let more = page.len() > READ_QUOTES as usize;
            page.truncate(READ_QUOTES as usize);
            let rows: Vec<Row> = page.into_iter().map(|row| Row::of(row, 0)).collect();
            offers.extend(rows.iter().filter_map(|row| Offer::read(row.id, &row.fields)));
            match rows.last().filter(|_| more) {
                Some(last) => query.after = Some(query.parse_cursor(&query.cursor(&last.ordered("")))?),
                None => return Ok((offers, false)),
            }
        }
        Ok((offers, true))
    }

    /// Which of these customers are the same, as far as the caller sees customers.
    async fn duplicates(&self, tx: &mut Tx, customers: HashSet<RecordId>) -> Result<Duplicates, ReadError> {
        if !self.schema().kind("party").is_some_and(|kind| self.may_read(kind, duplicates::FIELD)) {
            return Ok(Duplicates::default());
        }
        let customers: Vec<RecordId> = customers.into_iter().collect();
        let marks = self.survivors(tx, &customers).await?;
        Ok(Duplicates::of(marks))
    }
}

/// The records that a collision is about.
fn named(collision: &Collision) -> Vec<RecordId> {
    let product = match &collision.product {
        Product::Record(product) => Some(*product),
        Product::Name(_) => None,
    };
    let of_quote = |quote: &quotes::Quoted| [Some(quote.offer), Some(quote.party), quote.owner.map(|owner| RecordId(owner.0))];
    let quotes = collision.quotes.iter().flat_map(of_quote).flatten();
    quotes.chain(product).chain([collision.party]).collect()
}
