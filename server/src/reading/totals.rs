//! Counts and sums of a list, all together or by the value of an attribute.

use std::collections::HashMap;

use sync_core::actions::currency::{self, Dated};
use sync_core::actions::totals::{Adding, Asked, Plan, Totals};
use sync_core::id::RecordId;
use sync_core::query::grouped::Added;
use sync_core::query::{Offer, Place, Spot, Step, groupings};
use sync_core::schema::{Field, Kind};

use super::{List, ReadError, Reading};
use crate::store::sequences::{self, FewRow};
use crate::store::{Tx, totals};

impl Reading {
    /// Counts and sums of the records that a list finds.
    ///
    /// # Errors
    /// When it looks at what the caller may not see, cannot be grouped so, or the database fails.
    pub async fn totals(&self, list: &List, asked: &Asked<'_>) -> Result<Totals, ReadError> {
        let kind = self.kind(&list.query.kind)?.clone();
        let plan = self.plan(&kind, asked)?;
        self.check(&list.query.reads(self.schema()))?;
        let mut tx = self.store.reader().await?;
        let words = self.words(&mut tx, list).await?;
        let which = self.which(list, words.as_ref());
        let dated = if plan.has_amounts() { Some(self.dated(&mut tx).await?) } else { None };
        let cuts = dated.as_ref().map(Dated::cuts).unwrap_or_default();
        let counted = totals::counts(&mut tx, self.store.answers(), which, &plan.by).await?;
        let merged = match plan.by.is_link() {
            true => self.merged(&mut tx, counted.iter().filter_map(|(key, _)| key.as_ref())).await?,
            false => HashMap::new(),
        };
        let mut adding = Adding::of(&plan, counted, merged);
        for (field, added) in &plan.sums {
            adding.add(field, totals::sums(&mut tx, self.store.answers(), which, &plan.by, added, &cuts).await?, dated.as_ref());
        }
        let mut totals = adding.totals();
        if plan.by.is_link() {
            totals.call(self.names(&mut tx, totals.records()).await?);
        }
        Ok(totals)
    }

    /// What a question comes to, if the caller may see all that it looks at.
    fn plan(&self, kind: &Kind, asked: &Asked<'_>) -> Result<Plan, ReadError> {
        let plan = Plan::of(self.schema(), kind, asked, |field| self.may_read(kind, &field.name))?;
        self.check(&plan.reads(&kind.name))?;
        Ok(plan)
    }

    /// What amounts are worth in the workspace's currency now.
    pub(super) async fn dated(&self, tx: &mut Tx) -> Result<Dated, ReadError> {
        let settings = sequences::settings(tx, self.workspace).await?;
        let read = |row: &FewRow| serde_json::from_str(&row.main).ok();
        let rates: Vec<_> = sequences::all_of_kind(tx, self.workspace, currency::RATE).await?.iter().filter_map(read).collect();
        Ok(Dated::of(settings.as_ref(), &rates))
    }

    /// The key of each record's group in [`Reading::totals`].
    ///
    /// # Errors
    /// When it looks at what the caller may not see, cannot be grouped so, or the database fails.
    pub async fn keys(
        &self,
        list: &List,
        (attribute, step): (&str, Step),
        totals: &Totals,
    ) -> Result<HashMap<RecordId, Option<String>>, ReadError> {
        let kind = self.kind(&list.query.kind)?.clone();
        let plan = self.plan(&kind, &Asked { by: Some(attribute), step, ..Asked::default() })?;
        self.check(&list.query.reads(self.schema()))?;
        let mut tx = self.store.reader().await?;
        let words = self.words(&mut tx, list).await?;
        let found = totals::keys(&mut tx, self.which(list, words.as_ref()), &plan.by).await?;
        Ok(found.into_iter().map(|(record, told)| (record, told.map(|told| totals.key_of(&plan, told)))).collect())
    }

    /// What stands where records can be put together by it.
    pub(super) fn place(&self, kind: &Kind, attribute: &str) -> Result<Place, ReadError> {
        let place = Place::of(self.schema(), kind, attribute)?;
        self.check(&place.reads(&kind.name))?;
        Ok(place)
    }

    /// What the caller may put records of a kind together by.
    pub fn groupings<'s>(&'s self, kind: &'s Kind) -> Vec<Offer<'s>> {
        let may = |(_, place): &(Offer<'_>, Place)| self.check(&place.reads(&kind.name)).is_ok();
        groupings(self.schema(), kind).into_iter().filter(may).map(|(offer, _)| offer).collect()
    }

    pub(super) fn spot(&self, kind: &Kind, attribute: &str) -> Result<Spot, ReadError> {
        let spot = Spot::of(self.schema(), kind, attribute)?;
        self.check(&spot.read(&kind.name).into_iter().collect::<Vec<_>>())?;
        Ok(spot)
    }

    pub(super) fn added(&self, kind: &Kind, field: &Field) -> Result<Added, ReadError> {
        let added = Added::of(self.schema(), kind, field)?;
        self.check(&added.reads(&kind.name))?;
        Ok(added)
    }
}
