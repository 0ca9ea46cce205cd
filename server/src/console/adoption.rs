//! Who works with the system: when people last signed in, and how much they write down each week.

use std::collections::{BTreeMap, HashMap};

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use sync_core::access::Right;
use sync_core::id::{Millis, UserId};

use super::desk::{Desk, Frame, page as answer};
use super::format::{self, Shown};
use crate::audit::Act;
use crate::error::{Error, Text};
use crate::store::adoption::{self, Made, WEEK_MS};
use crate::store::people::User;
use crate::store::{devices, people};

/// Weeks that are looked back on, the present one among them.
const WEEKS: usize = 8;
/// Kinds that are named for each person.
const NAMED: usize = 3;

#[derive(Template)]
#[template(path = "adoption.html")]
struct AdoptionPage {
    frame: Frame,
    /// When each week began, the present one first.
    weeks: Vec<String>,
    rows: Vec<PersonView>,
    /// Everybody's, week by week.
    sums: Vec<String>,
    active: String,
}

struct PersonView {
    name: String,
    href: String,
    signed_in: Option<Shown>,
    phone: Option<Shown>,
    weeks: Vec<String>,
    by_phone: String,
    kinds: String,
    is_idle: bool,
}

/// What is known of people: who there is, what they changed, when they were last there.
struct Facts {
    users: Vec<User>,
    made: Vec<Made>,
    signed_in: HashMap<UserId, Millis>,
    phones: HashMap<UserId, Millis>,
}

impl Facts {
    async fn since(desk: &Desk, since: Millis) -> Result<Self, Error> {
        let workspace = desk.caller.workspace;
        let server = desk.app.intake.itself(workspace).device;
        let mut tx = desk.app.store.reader().await?;
        let mut users = people::users(&mut tx, workspace).await?;
        users.retain(|user| user.disabled_at.is_none());
        let made = adoption::made_since(&mut tx, workspace, since, server.as_bytes()).await?;
        let signed_in = adoption::signed_in(&mut tx, workspace, Act::SignedIn.as_str()).await?;
        let mut phones: HashMap<UserId, Millis> = HashMap::new();
        for device in devices::devices(&mut tx, workspace).await?.into_iter().filter(|device| device.revoked_at.is_none()) {
            let seen = phones.entry(device.user).or_default();
            *seen = device.last_seen_at.max(*seen);
        }
        Ok(Self { users, made, signed_in, phones })
    }

    /// Those who changed most come first.
    fn people(&self, desk: &Desk) -> Vec<PersonView> {
        let view = |user: &User| {
            let own: Vec<&Made> = self.made.iter().filter(|made| made.user == user.user).collect();
            let seen = (self.signed_in.get(&user.user).copied(), self.phones.get(&user.user).copied());
            (own.iter().map(|made| made.count).sum::<u64>(), person(desk, user, &own, seen))
        };
        let mut people: Vec<(u64, PersonView)> = self.users.iter().map(view).collect();
        people.sort_by(|(one, a), (other, b)| other.cmp(one).then_with(|| a.name.cmp(&b.name)));
        people.into_iter().map(|(_, person)| person).collect()
    }
}

/// `GET /adoption`: of the last eight weeks.
pub async fn page(desk: Desk) -> Result<Response, Error> {
    let no = || Error::Forbidden(Text::new("Only administrators do this.", "只有管理员可以进行此操作。"));
    desk.may(Right::Administer).then_some(()).ok_or_else(no)?;
    let since = desk.now - (WEEKS as Millis) * WEEK_MS;
    let facts = Facts::since(&desk, since).await?;
    let rows = facts.people(&desk);
    let active = rows.iter().filter(|person| !person.is_idle).count();
    let all: Vec<&Made> = facts.made.iter().filter(|made| facts.users.iter().any(|user| user.user == made.user)).collect();
    let page = AdoptionPage {
        frame: desk.frame(desk.words.say("menu.adoption"), "/adoption").await?,
        weeks: (0..WEEKS).rev().map(|week| short(&format::day(since + (week as Millis) * WEEK_MS))).collect(),
        sums: weeks(&all),
        active: desk.words.fill("adoption.active", &[&active.to_string(), &rows.len().to_string()]),
        rows,
    };
    answer(StatusCode::OK, &page)
}

/// A day without its year.
fn short(day: &str) -> String {
    day.get(5..).unwrap_or(day).to_owned()
}

fn weeks(made: &[&Made]) -> Vec<String> {
    // What was written at this very moment belongs to the last week.
    let sum = |week: usize| made.iter().filter(|made| made.week.min(WEEKS - 1) == week).map(|made| made.count).sum::<u64>();
    (0..WEEKS).rev().map(|week| format::grouped(&sum(week).to_string())).collect()
}

fn person(desk: &Desk, user: &User, made: &[&Made], (signed_in, phone): (Option<Millis>, Option<Millis>)) -> PersonView {
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    made.iter().for_each(|made| *kinds.entry(&made.kind).or_default() += made.count);
    let mut kinds: Vec<(&str, u64)> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let label = |name: &str| desk.reading.kind(name).map_or_else(|_| name.to_owned(), |kind| desk.words.label(&kind.plural).to_owned());
    let named: Vec<String> =
        kinds.iter().take(NAMED).map(|(kind, count)| format!("{} {}", label(kind), format::grouped(&count.to_string()))).collect();
    let (all, by_phone) = (made.iter().map(|made| made.count).sum::<u64>(), made.iter().map(|made| made.by_phone).sum::<u64>());
    PersonView {
        name: user.name.clone(),
        href: format!("/people/{}", user.user),
        signed_in: signed_in.map(format::moment),
        phone: phone.map(format::moment),
        weeks: weeks(made),
        by_phone: (by_phone * 100).checked_div(all).map(|percent| format!("{percent} %")).unwrap_or_default(),
        kinds: named.join(" · "),
        is_idle: all == 0,
    }
}
