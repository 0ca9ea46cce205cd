//! Approvals in steps: whose word an edit needs before it is accepted, one after the other.
//!
//! The steps stand in a record of the kind `rule` with the purpose `approval`: one action `approve` for each step,
//! with settings such as `{"role": "manager", "hours": 24, "deputy": {"role": "office"}}`. Knows nothing of who has
//! spoken: that is told. Never reads a clock.

use serde_json::{Map, Value as Json};

use super::workdays::WorkDays;
use crate::access::RoleSet;
use crate::id::{Millis, Name, UserId};

/// The purpose of rules that say whose word an edit needs.
pub const PURPOSE: &str = "approval";
/// The action that is one step.
pub const APPROVE: &str = "approve";
/// What the settings of a step, and those of its deputy, may say.
const SETTINGS: [&str; 4] = ["role", "member", "hours", "deputy"];
const SETTINGS_OF_DEPUTY: [&str; 2] = ["role", "member"];
/// More steps than any house has floors.
pub const STEPS_MAX: usize = 16;

/// Nobody waits longer than a year of hours for a word.
pub const HOURS_MAX: u32 = 24 * 366;

/// Why a rule's steps cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadStep {
    /// There is none, or there are too many.
    #[error("an approval takes 1 to {STEPS_MAX} actions `approve`")]
    Count,
    /// Its settings are no object.
    #[error("the settings of step {0} are not an object such as {{\"role\": \"manager\"}}")]
    Settings(usize),
    /// It names nobody, or its deputy is nobody.
    #[error("step {0} or its deputy names neither a `role` nor a `member`")]
    Nobody(usize),
    /// The hours are no number, or too many.
    #[error("`hours` of step {0} is not a whole number from 1 to {HOURS_MAX}")]
    Hours(usize),
    /// It says something that nobody knows: what was meant would not be followed.
    #[error("step {0} has no setting `{1}`: there are `role`, `member`, `hours` and `deputy`")]
    Unknown(usize, String),
    /// Its deputy does.
    #[error("the deputy of step {0} has no setting `{1}`: there are `role` and `member`")]
    UnknownOfDeputy(usize, String),
}

impl BadStep {
    /// What a person reads in Chinese; the English is its `Display`.
    pub fn message_zh(&self) -> String {
        match self {
            BadStep::Count => format!("审批须有 1 至 {STEPS_MAX} 个 `approve` 动作"),
            BadStep::Settings(step) => format!("第 {step} 步的设置须为对象，例如 {{\"role\": \"manager\"}}"),
            BadStep::Nobody(step) => format!("第 {step} 步或其代理人没有指明 `role` 或 `member`"),
            BadStep::Hours(step) => format!("第 {step} 步的 `hours` 须为 1 至 {HOURS_MAX} 的整数"),
            BadStep::Unknown(step, setting) => {
                format!("第 {step} 步没有名为 `{setting}` 的设置，可用：`role`、`member`、`hours`、`deputy`")
            }
            BadStep::UnknownOfDeputy(step, setting) => format!("第 {step} 步的代理人没有名为 `{setting}` 的设置，可用：`role`、`member`"),
        }
    }
}

/// Whose word it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approver {
    /// Anybody of a role.
    Role(Name),
    /// One person.
    Member(UserId),
    /// Whoever may make the edit.
    Anybody,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Whose word it takes.
    pub approver: Approver,
    /// How many hours they have, if somebody else speaks for them after that.
    pub hours: Option<u32>,
    /// Who that is.
    pub deputy: Option<Approver>,
}

/// Where an edit stands on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn<'a> {
    /// The step, counted from one.
    pub number: usize,
    /// How many there are.
    pub of: usize,
    /// What it takes.
    pub step: &'a Step,
    /// Until when the step has time: the deputy's begins then, if there is one.
    pub due: Option<Millis>,
    /// Whether it has begun.
    pub is_handed_over: bool,
}

impl Approver {
    fn read(settings: &Map<String, Json>) -> Option<Self> {
        let text = |key| settings.get(key).and_then(Json::as_str);
        let role = text("role").and_then(|role| role.parse().ok()).map(Approver::Role);
        role.or_else(|| text("member")?.parse().ok().map(Approver::Member))
    }

    /// Whether somebody with these roles is meant.
    pub fn is(&self, user: UserId, roles: &RoleSet) -> bool {
        match self {
            Approver::Role(name) => roles.names().any(|role| role == &**name),
            Approver::Member(member) => *member == user,
            Approver::Anybody => true,
        }
    }
}

impl Step {
    fn checked(number: usize, settings: &str) -> Result<Self, BadStep> {
        let Ok(Json::Object(settings)) = serde_json::from_str(settings) else { return Err(BadStep::Settings(number)) };
        let deputy = settings.get("deputy").and_then(Json::as_object);
        if let Some(setting) = unknown(&settings, &SETTINGS) {
            return Err(BadStep::Unknown(number, setting));
        }
        if let Some(setting) = deputy.and_then(|deputy| unknown(deputy, &SETTINGS_OF_DEPUTY)) {
            return Err(BadStep::UnknownOfDeputy(number, setting));
        }
        let is_limit = |hours: &Json| hours.as_u64().is_some_and(|hours| (1..=u64::from(HOURS_MAX)).contains(&hours));
        if settings.get("hours").is_some_and(|hours| !is_limit(hours)) {
            return Err(BadStep::Hours(number));
        }
        let is_somebody = |deputy: &Json| deputy.as_object().and_then(Approver::read).is_some();
        if settings.get("deputy").is_some_and(|deputy| !is_somebody(deputy)) {
            return Err(BadStep::Nobody(number));
        }
        Self::of(&settings).ok_or(BadStep::Nobody(number))
    }

    fn read(settings: &str) -> Option<Self> {
        let Ok(Json::Object(settings)) = serde_json::from_str(settings) else { return None };
        Self::of(&settings)
    }

    fn of(settings: &Map<String, Json>) -> Option<Self> {
        Some(Self {
            approver: Approver::read(settings)?,
            hours: settings.get("hours").and_then(Json::as_u64).and_then(|hours| u32::try_from(hours).ok()),
            deputy: settings.get("deputy").and_then(Json::as_object).and_then(Approver::read),
        })
    }
}

/// The first setting that is none of these.
fn unknown(settings: &Map<String, Json>, known: &[&str]) -> Option<String> {
    settings.keys().find(|setting| !known.contains(&setting.as_str())).cloned()
}

/// The steps of a rule as they are written down, wherever one cannot be read with why; none when it is no approval or is
/// switched off.
///
/// # Errors
/// The first step that cannot be followed.
pub fn checked(rule: &Map<String, Json>) -> Result<Vec<Step>, BadStep> {
    let Some(approvals) = approvals(rule) else { return Ok(Vec::new()) };
    let steps: Vec<Step> = approvals.enumerate().map(|(at, settings)| Step::checked(at + 1, settings)).collect::<Result<_, _>>()?;
    if (1..=STEPS_MAX).contains(&steps.len()) { Ok(steps) } else { Err(BadStep::Count) }
}

/// The steps that a rule asks for in edits of a kind; `None` when it is about something else, is switched off, or
/// has a step that cannot be read: what is half understood lets nothing through with half of the words.
pub fn steps(rule: &Map<String, Json>, kind: &str) -> Option<Vec<Step>> {
    let approvals = approvals(rule).filter(|_| rule.get("about").and_then(Json::as_str) == Some(kind))?;
    let steps: Option<Vec<Step>> = approvals.map(Step::read).collect();
    steps.filter(|steps| (1..=STEPS_MAX).contains(&steps.len()))
}

/// The steps of an edit on which a key account's manager has the first word, and the only one if `alone`; then whoever the
/// rule of its kind says.
pub fn after_manager(manager: UserId, alone: bool, rule: Option<Vec<Step>>) -> Vec<Step> {
    let step = |approver| Step { approver, hours: None, deputy: None };
    let others = if alone { Vec::new() } else { rule.unwrap_or_else(|| vec![step(Approver::Anybody)]) };
    std::iter::once(step(Approver::Member(manager))).chain(others).collect()
}

/// The settings of each step of a rule that is switched on and about approval; `None` of another.
fn approvals(rule: &Map<String, Json>) -> Option<impl Iterator<Item = &str>> {
    let is_on = rule.get("enabled").and_then(Json::as_bool).unwrap_or(false);
    let is_approval = rule.get("purpose").and_then(Json::as_str) == Some(PURPOSE);
    (is_on && is_approval).then(|| {
        let actions = rule.get("actions").and_then(Json::as_array).into_iter().flatten();
        let approves = |action: &&Json| action.get("action").and_then(Json::as_str) == Some(APPROVE);
        actions.filter(approves).map(|action| action.get("settings").and_then(Json::as_str).unwrap_or_default())
    })
}

/// Whose turn it is after words that were given at these times, for an edit that came at another. A rule that has lost
/// steps since takes the last one's word. Days on which nobody works do not count.
pub fn turn_after<'s>(steps: &'s [Step], words: &[Millis], came_at: Millis, now: Millis, days: &WorkDays) -> Option<Turn<'s>> {
    let done = words.len().min(steps.len().checked_sub(1)?);
    turn(steps, done, words.last().copied().unwrap_or(came_at), now, days)
}

/// Whose turn it is after `done` steps, the last of which was taken at `since`.
fn turn<'s>(steps: &'s [Step], done: usize, since: Millis, now: Millis, days: &WorkDays) -> Option<Turn<'s>> {
    let step = steps.get(done)?;
    let due = step.hours.map(|hours| days.after(since, hours));
    let is_handed_over = step.deputy.is_some() && due.is_some_and(|due| now >= due);
    Some(Turn { number: done + 1, of: steps.len(), step, due, is_handed_over })
}

impl Turn<'_> {
    /// Whether it is somebody's turn. Past the deadline it is the deputy's as well.
    pub fn is_for(&self, user: UserId, roles: &RoleSet) -> bool {
        self.is_theirs(user, roles, self.is_handed_over)
    }

    /// Whether it is the turn of any of these people, now or once the deputy's time begins.
    pub fn is_for_any<'p>(&self, mut people: impl Iterator<Item = (UserId, &'p RoleSet)>) -> bool {
        people.any(|(user, roles)| self.is_theirs(user, roles, self.due.is_some()))
    }

    fn is_theirs(&self, user: UserId, roles: &RoleSet, with_deputy: bool) -> bool {
        let deputy = self.step.deputy.as_ref().filter(|_| with_deputy);
        self.step.approver.is(user, roles) || deputy.is_some_and(|deputy| deputy.is(user, roles))
    }

    /// Whether nobody comes after it.
    pub fn is_last(&self) -> bool {
        self.number == self.of
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HOUR_MS: Millis = 3_600_000;

    fn turn(steps: &[Step], done: usize, since: Millis, now: Millis) -> Option<Turn<'_>> {
        super::turn(steps, done, since, now, &WorkDays::default())
    }

    fn rule(settings: &[Json]) -> Map<String, Json> {
        let actions: Vec<Json> = settings.iter().map(|settings| json!({"action": "approve", "settings": settings.to_string()})).collect();
        let rule = json!({"name": "Discounts", "purpose": "approval", "about": "offer", "enabled": true, "actions": actions});
        rule.as_object().unwrap().clone()
    }

    fn set(roles: &str) -> RoleSet {
        roles.parse().unwrap()
    }

    #[test]
    fn a_rule_says_whose_word_comes_after_whose() {
        let ann = UserId::of_cause("ann");
        let rule = rule(&[json!({"role": "manager", "hours": 24, "deputy": {"member": ann.to_string()}}), json!({"role": "office"})]);
        let steps = steps(&rule, "offer").unwrap();
        assert_eq!(super::steps(&rule, "party"), None, "it is about quotes");
        let first = turn(&steps, 0, 1_000, 1_000 + 24 * HOUR_MS - 1).unwrap();
        assert!(first.is_for(UserId::of_cause("bo"), &set("rep+manager")) && !first.is_for(ann, &set("office")) && !first.is_last());
        let late = turn(&steps, 0, 1_000, 1_000 + 24 * HOUR_MS).unwrap();
        assert!(late.is_for(ann, &set("office")) && late.is_for(UserId::of_cause("bo"), &set("rep+manager")), "both may speak then");
        let last = turn(&steps, 1, 0, HOUR_MS).unwrap();
        assert!(last.is_last() && last.is_for(UserId::of_cause("bo"), &set("office")) && last.due.is_none());
        assert_eq!(turn(&steps, 2, 0, 0), None, "everybody has spoken");
        let after = |words: &[Millis]| turn_after(&steps, words, 1_000, 2_000, &WorkDays::default()).map(|turn| (turn.number, turn.due));
        assert_eq!((after(&[]), after(&[1_500])), (Some((1, Some(1_000 + 24 * HOUR_MS))), Some((2, None))));
        assert_eq!(after(&[1_500, 1_600, 1_700]).map(|(number, _)| number), Some(2), "steps were taken out of the rule");
    }

    #[test]
    fn a_rule_that_cannot_be_followed_says_why() {
        let bad = |settings: Json| checked(&rule(&[settings])).unwrap_err();
        assert_eq!(bad(json!({"role": "office", "hours": "x"})), BadStep::Hours(1));
        assert_eq!(bad(json!({"role": "office", "hours": 0})), BadStep::Hours(1));
        assert_eq!(bad(json!({"role": "office", "hours": 3, "deputy": {}})), BadStep::Nobody(1));
        assert_eq!((bad(json!({"hours": 3})), bad(json!("manager"))), (BadStep::Nobody(1), BadStep::Settings(1)));
        let unknown = |setting: &str| BadStep::Unknown(1, setting.to_owned());
        assert_eq!(bad(json!({"role": "manager", "bogus": 1})), unknown("bogus"));
        let of_deputy = json!({"role": "manager", "hours": 3, "deputy": {"role": "office", "hours": 3}});
        assert_eq!(bad(of_deputy), BadStep::UnknownOfDeputy(1, "hours".to_owned()));
        assert_eq!(checked(&rule(&[])), Err(BadStep::Count));
        assert_eq!(checked(&rule(&[json!({"role": "office", "hours": 3})])).unwrap().len(), 1);
    }

    #[test]
    fn a_rule_that_is_half_understood_asks_for_nothing() {
        for settings in [json!({"role": 5}), json!({"hours": 3}), json!("manager")] {
            assert_eq!(steps(&rule(&[json!({"role": "office"}), settings.clone()]), "offer"), None, "{settings}");
        }
        let mut off = rule(&[json!({"role": "office"})]);
        off.insert("enabled".to_owned(), json!(false));
        assert_eq!(steps(&off, "offer"), None);
    }
}
