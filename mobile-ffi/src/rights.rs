//! What the user of this device may see and do, in words that people read.

use sync_core::access::{Action, Level, Overview, part};
use sync_core::id::Facet;
use sync_core::schema::Kind;

use crate::client::Client;
use crate::error::ClientError;
use crate::kinds::Word;

/// How far somebody may go with records of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Reach {
    /// None of them. Not called `None`: Swift would take that for an absent value.
    NotAtAll,
    /// As far as their own.
    Own,
    /// Those of their teams, too.
    Team,
    /// Those of their territories, too.
    Territory,
    /// All.
    All,
}

impl From<Level> for Reach {
    fn from(level: Level) -> Self {
        match level {
            Level::None => Reach::NotAtAll,
            Level::Own => Reach::Own,
            Level::Team => Reach::Team,
            Level::Territory => Reach::Territory,
            Level::All => Reach::All,
        }
    }
}

/// What the user of this device may see of a kind, and do with it. Where that hangs on what a record says, as far as for any;
/// `said` has the rest.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct KindRights {
    /// The kind.
    pub kind: String,
    /// Many of it.
    pub plural: Word,
    /// Which of them they see.
    pub see: Reach,
    /// Whether they make some.
    pub create: Reach,
    /// Which they change.
    pub change: Reach,
    /// Which they put away.
    pub archive: Reach,
    /// In which they settle conflicts.
    pub settle: Reach,
    /// The parts of a record that they see.
    pub parts: Vec<Word>,
    /// The parts that never come to this device.
    pub hidden: Vec<Word>,
    /// Fields that they see, and that others write.
    pub locked: Vec<String>,
    /// For which records what goes how far, and what needs somebody's word: whole sentences.
    pub said: Vec<Word>,
}

fn kind_rights(kind: &Kind, overview: Overview) -> KindRights {
    let reach = |action| overview.level(action).into();
    let parts = |facets: &[Facet]| facets.iter().map(|facet| (&part(*facet)).into()).collect();
    KindRights {
        kind: kind.name.to_string(),
        plural: (&kind.plural).into(),
        see: reach(Action::Read),
        create: reach(Action::Create),
        change: reach(Action::Edit),
        archive: reach(Action::Archive),
        settle: reach(Action::Resolve),
        parts: parts(&overview.reads),
        hidden: parts(&overview.hidden),
        locked: overview.locked.iter().map(ToString::to_string).collect(),
        said: overview.said.iter().map(Word::from).collect(),
    }
}

#[uniffi::export]
impl Client {
    /// What the user of this device may see and do, kind by kind, by the rights that are here: also without a network. Kinds
    /// that they have no business with are left out; before the device is enrolled there are none.
    pub async fn rights(&self) -> Result<Vec<KindRights>, ClientError> {
        let of_each = |(kind, overview): (std::sync::Arc<Kind>, Overview)| kind_rights(&kind, overview);
        self.on_device(move |device, _| Ok(device.rights().into_iter().map(of_each).collect())).await
    }
}
