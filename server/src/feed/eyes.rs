//! What a reader's role lets it see, whom it reaches, and what of that it wants.

use std::collections::{BTreeMap, HashMap, HashSet};

use minicbor::{Decode, Encode};
use sync_core::access::{Action, Holder, Level};
use sync_core::id::{Facet, KindName, Millis, RecordId};
use sync_core::protocol::{Subscription, Subscriptions, Whose};

use super::Reader;
use crate::intake::Rules;
use crate::store::sight::{self, HeldBy, Reached};
use crate::store::{Result, Tx};

const DAY_MS: Millis = 86_400_000;

/// What a reader sees of the records of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    pub level: Level,
    pub facets: Vec<Facet>,
}

/// Of each kind that is not simply seen whole in its main facet: a number for its name, and one for the view.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub(super) struct Codes(#[n(0)] Vec<(u32, u8)>);

impl Codes {
    /// The view of a kind that these stand for: level and facets.
    pub fn view(&self, kind: &KindName) -> (u8, u8) {
        let name = name_code(kind);
        let code = self.0.iter().find(|(known, _)| *known == name).map_or(PLAIN, |(_, code)| *code);
        (code >> 3, code & 7)
    }
}

/// All records, main facet: what most see of most kinds. Left out of a cursor, so that a new kind sends nothing again.
const PLAIN: u8 = (Level::All as u8) << 3 | 1;

/// FNV-1a: it only has to tell the kinds of one workspace apart.
fn name_code(kind: &KindName) -> u32 {
    kind.bytes().fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

fn facet_bits(facets: &[Facet]) -> u8 {
    facets.iter().fold(0, |bits, facet| bits | 1 << (*facet as u8))
}

fn view_code(view: &View) -> u8 {
    if view.facets.is_empty() { 0 } else { (view.level as u8) << 3 | facet_bits(&view.facets) }
}

/// Since when a reader has a record in sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Since {
    /// From this position on; what is before comes whole with it.
    pub position: u64,
    /// Whether that is a change of the record, and not a mark: the reader may lack what is before it.
    pub at_change: bool,
}

pub(super) struct Eyes<'a> {
    pub reader: &'a Reader,
    views: BTreeMap<KindName, View>,
    pub codes: Codes,
    reach: BTreeMap<Holder, Reached>,
    wants: Option<&'a Subscriptions>,
    now: Millis,
}

impl<'a> Eyes<'a> {
    pub async fn of(tx: &mut Tx, rules: &Rules, reader: &'a Reader, wants: Option<&'a Subscriptions>, now: Millis) -> Result<Self> {
        let view = |kind: &std::sync::Arc<sync_core::schema::Kind>| {
            let level = rules.roles.level(&reader.role, kind, Action::Read);
            (kind.name.clone(), View { level, facets: rules.roles.readable(&reader.role, kind) })
        };
        let views: BTreeMap<KindName, View> = rules.schema.kinds().map(view).collect();
        let codes = views.iter().map(|(kind, view)| (name_code(kind), view_code(view))).filter(|(_, code)| *code != PLAIN).collect();
        let all = Subscription::everything();
        let wants = wants.filter(|wants| !wants.0.contains(&all));
        let is_near = views.values().any(|view| !view.facets.is_empty() && view.level < Level::All);
        let reach = if is_near || wants.is_some() { sight::reach_of(tx, reader.workspace, reader.user).await? } else { BTreeMap::new() };
        Ok(Self { reader, views, codes: Codes(codes), reach, wants, now })
    }

    /// As they were with other wishes; with the same, when nobody says that there were others.
    pub fn wanting_as<'e>(&'e self, before: Option<&'e Subscriptions>) -> Eyes<'e> {
        let all = Subscription::everything();
        let wants = match before {
            Some(before) => Some(before).filter(|before| !before.0.contains(&all)),
            None => self.wants,
        };
        let (views, codes, reach) = (self.views.clone(), self.codes.clone(), self.reach.clone());
        Eyes { reader: self.reader, views, codes, reach, wants, now: self.now }
    }

    /// Whether the reader sees all records of whatever kind it sees at all, and wants them all.
    pub fn is_open(&self) -> bool {
        self.reach.is_empty()
    }

    /// A fingerprint of what the reader wants; 0 for everything.
    pub fn wants_code(&self) -> u64 {
        let Some(wants) = self.wants else { return 0 };
        // Stays the same from one version of the server to the next: a cursor may be a year old.
        let bytes = minicbor::to_vec(wants).unwrap_or_default();
        let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        hash.max(1)
    }

    /// The kinds of which the reader may see something.
    pub fn kinds(&self) -> Vec<KindName> {
        self.views.iter().filter(|(_, view)| !view.facets.is_empty()).map(|(kind, _)| kind.clone()).collect()
    }

    /// All kinds with what the reader sees of each.
    pub fn views(&self) -> impl Iterator<Item = (&KindName, &View)> {
        self.views.iter()
    }

    pub fn shows(&self, kind: &KindName, facet: Facet) -> bool {
        self.views.get(kind).is_some_and(|view| view.facets.contains(&facet))
    }

    /// Since when each of these records is in sight; those that are not are missing.
    pub async fn since(&self, tx: &mut Tx, records: &[(RecordId, KindName)]) -> Result<HashMap<RecordId, Since>> {
        let workspace = self.reader.workspace;
        let asked: HashSet<RecordId> = records.iter().filter(|(_, kind)| self.asks(kind)).map(|(record, _)| *record).collect();
        let asked: Vec<RecordId> = asked.into_iter().collect();
        let held = sight::holders_of(tx, workspace, &asked).await?;
        let aged: HashSet<RecordId> = records.iter().filter(|(_, kind)| self.wants_recent(kind)).map(|(record, _)| *record).collect();
        let received = sight::receipts_of(tx, workspace, &aged.into_iter().collect::<Vec<_>>()).await?;
        let mut found = HashMap::new();
        for (record, kind) in records {
            if found.contains_key(record) {
                continue;
            }
            let held = held.get(record).map_or(&[][..], Vec::as_slice);
            let Some(allowed) = self.allowed(kind, held) else { continue };
            if let Some(wanted) = self.wanted(*record, kind, held, received.get(record).map_or(&[], Vec::as_slice)) {
                let since = if allowed > wanted.position { Since { position: allowed, at_change: false } } else { wanted };
                found.insert(*record, since);
            }
        }
        Ok(found)
    }

    /// Whether holders say anything about records of a kind.
    fn asks(&self, kind: &KindName) -> bool {
        self.wants.is_some() || self.views.get(kind).is_some_and(|view| view.level < Level::All)
    }

    /// Since when the reader may see a record.
    fn allowed(&self, kind: &KindName, held: &[HeldBy]) -> Option<u64> {
        let view = self.views.get(kind).filter(|view| !view.facets.is_empty())?;
        if view.level == Level::All { Some(0) } else { self.reached(held, view.level) }
    }

    /// Since when any of these holders is reached within a level.
    fn reached(&self, held: &[HeldBy], level: Level) -> Option<u64> {
        let since = |held: &HeldBy| {
            let reached = self.reach.get(&held.holder).filter(|reached| reached.until.is_none() && reached.level <= level)?;
            Some(held.since.max(reached.since))
        };
        held.iter().filter_map(since).min()
    }

    /// Whether it matters when changes of records of a kind were received.
    fn wants_recent(&self, kind: &KindName) -> bool {
        let asks = |subscription: &Subscription| subscription.days.is_some() && subscription.is_about(kind);
        self.wants.is_some_and(|wants| wants.0.iter().any(asks))
    }

    /// Since when the reader wants a record, whose changes were `received` so.
    fn wanted(&self, record: RecordId, kind: &KindName, held: &[HeldBy], received: &[(u64, Millis)]) -> Option<Since> {
        let Some(wants) = self.wants else { return Some(Since { position: 0, at_change: false }) };
        let mut best: Option<Since> = None;
        for subscription in &wants.0 {
            if !subscription.is_about(kind) {
                continue;
            }
            let Some(whose) = self.is_of(record, held, &subscription.whose) else { continue };
            let recent = match subscription.days {
                None => Since { position: 0, at_change: false },
                Some(days) => match self.recent(received, Millis::from(days) * DAY_MS) {
                    Some(recent) => recent,
                    None => continue,
                },
            };
            let since = if whose > recent.position { Since { position: whose, at_change: false } } else { recent };
            best = Some(best.map_or(since, |best| if since.position < best.position { since } else { best }));
        }
        best
    }

    fn is_of(&self, record: RecordId, held: &[HeldBy], whose: &Whose) -> Option<u64> {
        let by = |holder: &Holder| held.iter().find(|held| held.holder == *holder).map(|held| held.since);
        match whose {
            Whose::Everyone => Some(0),
            Whose::Mine => self.reached(held, Level::Own),
            Whose::Team => self.reached(held, Level::Team),
            Whose::Territory(name) => by(&Holder::Territory(name.clone())),
            Whose::Customer(customer) if *customer == record => Some(0),
            Whose::Customer(customer) => by(&Holder::Record(*customer)),
        }
    }

    /// Since when a record was never left alone for so long. Before that the reader did not want it.
    fn recent(&self, received: &[(u64, Millis)], span: Millis) -> Option<Since> {
        if received.last().is_none_or(|(_, at)| *at < self.now - span) {
            return None;
        }
        let woken = received.windows(2).rev().find(|pair| pair[1].1 - pair[0].1 > span).map(|pair| pair[1].0);
        Some(woken.map_or(Since { position: 0, at_change: false }, |position| Since { position, at_change: true }))
    }
}
