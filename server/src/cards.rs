//! Records as vCards: `sync_core::actions::cards` writes them, here is what the caller may see of them.

pub use sync_core::actions::cards::{ADDRESS, has_cards};
use sync_core::actions::cards::{Companies, card, is_company, relations};
use sync_core::id::RecordId;
use sync_core::lines::Lines;

use crate::reading::{ReadError, Reading, Row};

/// The media type.
pub const CARD_TYPE: &str = "text/vcard; charset=utf-8";

/// The cards of records, one after another. Whom a person works for is said as far as the caller sees it.
///
/// # Errors
/// When the database fails.
pub async fn cards<'r>(reading: &Reading, rows: impl IntoIterator<Item = &'r Row>) -> Result<String, ReadError> {
    let rows: Vec<&Row> = rows.into_iter().collect();
    let related: Vec<RecordId> = rows.iter().flat_map(|row| relations(&row.fields).map(|(record, _)| record)).collect();
    let related = reading.those(related).await?;
    // Who may not see what a company is called has it on no card.
    let named = related.iter().filter(|row| is_company(&row.fields) && !row.title.is_empty());
    let companies: Companies = named.map(|row| (row.id, row.title.clone())).collect();
    let mut lines = Lines::default();
    for row in rows {
        card(&mut lines, reading.kind(&row.kind)?, (&row.title, &row.fields), &companies);
    }
    Ok(lines.into_text())
}
