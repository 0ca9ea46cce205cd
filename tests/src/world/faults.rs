//! What goes wrong in a world. Each seed switches a part of it off, so that no fault hides another.

use crate::dice::Dice;

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A request never arrives.
    LostRequest,
    /// A request arrives, its answer does not.
    LostAnswer,
    /// A request arrives twice.
    Twice,
    /// A request or an answer takes days.
    Slow,
    /// A frame ends in the middle.
    Cut,
    /// A phone's process dies and starts again.
    PhoneDies,
    /// A phone is replaced by an older copy of itself.
    PhoneRestored,
    /// A phone's clock jumps by years.
    ClockJumps,
    /// The server dies before or after a commit.
    ServerDies,
    /// The disk refuses a commit.
    CommitFails,
    /// The server is replaced by an older copy of itself.
    ServerRestored,
    /// Somebody sends what no device of ours would send.
    Hostile,
    /// Edits that the server has to turn down.
    Forbidden,
    /// Edits that wait for a review.
    Held,
    /// The back office edits, too.
    Office,
    /// Connections that stay open.
    Live,
    /// Somebody is given a role that sees and may do more, whatever is under way.
    Promoted,
    /// Somebody is given a role that sees and may do less, whatever is under way.
    Demoted,
    /// People change teams, territories and superiors.
    Moved,
    /// Somebody at the desk decides about edits that were not accepted.
    Desk,
    /// A device is shut out with edits that it has not sent.
    Revoked,
    /// What somebody has goes to somebody else.
    HandedOver,
    /// A record is erased for good.
    Erased,
    /// What once stood in a record is forgotten.
    Forgotten,
}

/// Those of which each seed has some.
pub const ALL: [Fault; 24] = [
    Fault::LostRequest,
    Fault::LostAnswer,
    Fault::Twice,
    Fault::Slow,
    Fault::Cut,
    Fault::PhoneDies,
    Fault::PhoneRestored,
    Fault::ClockJumps,
    Fault::ServerDies,
    Fault::CommitFails,
    Fault::ServerRestored,
    Fault::Hostile,
    Fault::Forbidden,
    Fault::Held,
    Fault::Office,
    Fault::Live,
    Fault::Promoted,
    Fault::Demoted,
    Fault::Moved,
    Fault::Desk,
    Fault::Revoked,
    Fault::HandedOver,
    Fault::Erased,
    Fault::Forgotten,
];

/// The faults that are on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Each with the same chance.
    pub fn some(dice: &mut Dice) -> Self {
        Self(ALL.into_iter().filter(|_| dice.chance(55)).collect())
    }

    /// Without those named, to find out which one a failing seed needs.
    pub fn without(mut self, names: &str) -> Self {
        self.0.retain(|fault| !names.split(',').any(|name| name == format!("{fault:?}")));
        self
    }

    /// With those named, whatever the seed has.
    pub fn with(mut self, names: &str) -> Self {
        let named = |fault: &Fault| names.split(',').any(|name| name == format!("{fault:?}"));
        self.0.extend(ALL.into_iter().filter(|fault| named(fault) && !self.0.contains(fault)).collect::<Vec<_>>());
        self
    }

    /// Whether a fault is on.
    pub fn has(&self, fault: Fault) -> bool {
        self.0.contains(&fault)
    }

    /// Whether a fault strikes now.
    pub fn strikes(&self, dice: &mut Dice, fault: Fault, percent: usize) -> bool {
        self.has(fault) && dice.chance(percent)
    }
}
