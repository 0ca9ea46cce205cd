//! Who works with the system: when people last signed in, and how much they write down each week.

use std::collections::BTreeMap;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use sync_core::access::Right;
use sync_core::id::{DeviceId, UserId};

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

/// `GET /adoption`: of the last eight weeks.
pub async fn page(desk: Desk) -> Result<Response, Error> {
    let no = || Error::Forbidden(Text::new("Only administrators do this.", "只有管理员可以进行此操作。"));
    desk.may(Right::Administer).then_some(()).ok_or_else(no)?;
    let since = desk.now - (WEEKS as i64) * WEEK_MS;
    let workspace = desk.caller.workspace;
    let server: DeviceId = desk.app.intake.itself(workspace).device;
    let mut tx = desk.app.store.reader().await?;
    let users: Vec<User> = people::users(&mut tx, workspace).await?.into_iter().filter(|user| user.disabled_at.is_none()).collect();
    let made = adoption::made_since(&mut tx, workspace, since, server.as_bytes()).await?;
    let signed_in = adoption::signed_in(&mut tx, workspace, Act::SignedIn.as_str()).await?;
    let mut phones: BTreeMap<UserId, i64> = BTreeMap::new();
    for device in devices::devices(&mut tx, workspace).await?.into_iter().filter(|device| device.revoked_at.is_none()) {
        let seen = phones.entry(device.user).or_default();
        *seen = device.last_seen_at.max(*seen);
    }
    drop(tx);
    let mut rows: Vec<(u64, PersonView)> = users
        .iter()
        .map(|user| {
            let own: Vec<&Made> = made.iter().filter(|made| made.user == user.user).collect();
            let signed_in = signed_in.get(&user.user).copied();
            (own.iter().map(|made| made.count).sum(), person(&desk, user, &own, (signed_in, phones.get(&user.user).copied())))
        })
        .collect();
    rows.sort_by(|(one, a), (other, b)| other.cmp(one).then_with(|| a.name.cmp(&b.name)));
    let active = rows.iter().filter(|(_, person)| !person.is_idle).count();
    let all: Vec<&Made> = made.iter().filter(|made| users.iter().any(|user| user.user == made.user)).collect();
    let page = AdoptionPage {
        frame: desk.frame(desk.words.say("menu.adoption"), "/adoption").await?,
        weeks: (0..WEEKS).rev().map(|week| short(&format::day(since + (week as i64) * WEEK_MS))).collect(),
        sums: weeks(&all),
        active: desk.words.fill("adoption.active", &[&active.to_string(), &rows.len().to_string()]),
        rows: rows.into_iter().map(|(_, person)| person).collect(),
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

fn person(desk: &Desk, user: &User, made: &[&Made], (signed_in, phone): (Option<i64>, Option<i64>)) -> PersonView {
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
        by_phone: if all == 0 { String::new() } else { format!("{} %", by_phone * 100 / all) },
        kinds: named.join(" · "),
        is_idle: all == 0,
    }
}
