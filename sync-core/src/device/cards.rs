//! Records as cards for the phone's own address book, out of what is on this device. Works offline.

use super::Device;
use crate::actions::cards::{Companies, card, has_cards, is_company, relations};
use crate::id::RecordId;
use crate::lines::Lines;
use crate::store::StoreError;

impl Device {
    /// A record as a vCard; nothing for one of a kind that no address book has.
    ///
    /// # Errors
    /// When the store fails.
    pub fn card(&self, record: RecordId) -> Result<Option<String>, StoreError> {
        let Some(row) = self.row(record)? else { return Ok(None) };
        let Some(kind) = self.schema().kind(&row.kind).filter(|kind| has_cards(kind)) else { return Ok(None) };
        let mut companies = Companies::new();
        for (related, _) in relations(&row.fields) {
            let company = self.row(related)?.filter(|row| is_company(&row.fields) && !row.title.is_empty());
            companies.extend(company.map(|company| (related, company.title)));
        }
        let mut lines = Lines::default();
        card(&mut lines, kind, (&row.title, &row.fields), &companies);
        Ok(Some(lines.into_text()))
    }
}
