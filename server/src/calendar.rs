//! What somebody has to do, as a calendar that their phone subscribes to.
//!
//! Its address is a secret and is all that a calendar program knows: it shows what its person may see, nothing
//! is changed through it, and a new one makes the old one lead nowhere.

use serde_json::{Map, Value as Json, json};
use sync_core::actions::next::{ABOUT, ACTIVITY};
use sync_core::id::{Millis, UserId, WorkspaceId};

use crate::app::App;
use crate::audit::{Act, Note};
use crate::auth::Caller;
use crate::auth::secret::{Token, TokenKind};
use crate::error::Error;
use crate::reading::{List, Names, Reading, Row};
use crate::store::{StoreError, calendars};
use sync_core::lines::Lines;

/// Activities in one calendar, the newest ones: a phone fetches all of it each time.
const ENTRIES_MAX: usize = 2_000;

/// Records read at once.
const PAGE: u32 = 200;

/// How far back a calendar goes.
const PAST_MS: Millis = 180 * 86_400_000;

/// How often programs that ask are told to come back.
const REFRESH: &str = "PT15M";

/// Gives the caller a new secret address.
///
/// # Errors
/// When the database fails.
pub async fn renew(app: &App, caller: &Caller) -> Result<Token, Error> {
    let (workspace, user, now) = (caller.workspace, caller.user, app.clock.now());
    let token = Token::new(TokenKind::Calendar, workspace);
    let hash = token.hash();
    app.store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                calendars::put(tx, workspace, user, &hash, now).await?;
                Note::of(workspace, Some(user), Act::CalendarShared, user).write(tx, now).await
            })
        })
        .await?;
    Ok(token)
}

/// Makes the caller's address lead nowhere; answers whether there was one.
///
/// # Errors
/// When the database fails.
pub async fn withdraw(app: &App, caller: &Caller) -> Result<bool, Error> {
    let (workspace, user, now) = (caller.workspace, caller.user, app.clock.now());
    let done = app.store.write::<_, StoreError, _>(move |tx| {
        Box::pin(async move {
            let there_was = calendars::drop_of(tx, workspace, user).await?;
            if there_was {
                Note::of(workspace, Some(user), Act::CalendarWithdrawn, user).write(tx, now).await?;
            }
            Ok(there_was)
        })
    });
    Ok(done.await?)
}

/// Since when the caller has an address.
///
/// # Errors
/// When the database fails.
pub async fn since(app: &App, workspace: WorkspaceId, user: UserId) -> Result<Option<Millis>, Error> {
    Ok(calendars::since(&mut app.store.reader().await?, workspace, user).await?)
}

/// The path of an address.
pub fn path(token: &Token) -> String {
    format!("/calendar/{}.ics", token.reveal())
}

/// The calendar behind an address, for whoever knows it.
///
/// # Errors
/// [`Error::NotFound`] when it leads nowhere, or its person is shut out.
pub async fn feed(app: &App, file: &str, base: &str) -> Result<String, Error> {
    let token = file.strip_suffix(".ics").and_then(|text| Token::parse(TokenKind::Calendar, text)).ok_or(Error::NotFound)?;
    let user = calendars::by_token(&mut app.store.reader().await?, token.workspace(), &token.hash()).await?;
    let user = user.filter(|user| user.disabled_at.is_none()).ok_or(Error::NotFound)?;
    let caller = Caller::seeing(user);
    let reading = Reading::of(app, &caller);
    let mut lines = Lines::default();
    lines.plain("BEGIN", "VCALENDAR");
    lines.plain("VERSION", "2.0");
    lines.plain("PRODID", "-//Rapport//Calendar//EN");
    lines.plain("CALSCALE", "GREGORIAN");
    lines.plain("METHOD", "PUBLISH");
    lines.text("NAME", &format!("Rapport · {}", caller.name));
    lines.text("X-WR-CALNAME", &format!("Rapport · {}", caller.name));
    lines.plain("REFRESH-INTERVAL;VALUE=DURATION", REFRESH);
    lines.plain("X-PUBLISHED-TTL", REFRESH);
    let (rows, names) = activities(&reading, &caller).await?;
    let since = app.clock.now() - PAST_MS;
    for row in &rows {
        if let Some(times) = Times::of(&row.fields).filter(|times| times.end >= since) {
            entry(&mut lines, row, &times, &names, base);
        }
    }
    lines.plain("END", "VCALENDAR");
    Ok(lines.into_text())
}

/// What the person does or takes part in, the newest first.
async fn activities(reading: &Reading, caller: &Caller) -> Result<(Vec<Row>, Names), Error> {
    let me = caller.user.to_string();
    let filter = json!([
        {"type": "notEquals", "attribute": "status", "value": "cancelled"},
        {"type": "or", "value": [
            {"type": "linkedWith", "attribute": "assignee", "value": me},
            {"type": "linkedWith", "attribute": "people", "value": me},
        ]},
    ])
    .to_string();
    let (mut rows, mut names, mut after) = (Vec::new(), Names::new(), None);
    while rows.len() < ENTRIES_MAX {
        let size = PAGE.to_string();
        let mut params = vec![("where", &*filter), ("orderBy", "updatedAt"), ("order", "desc"), ("maxSize", &*size)];
        params.extend(after.as_deref().map(|after| ("after", after)));
        let query = match reading.query(ACTIVITY, params) {
            // Whoever sees no activities has an empty calendar.
            Err(crate::reading::ReadError::UnknownKind(_)) => break,
            query => query?,
        };
        let page = reading.list(&List::of(query)).await?;
        rows.extend(page.rows);
        names.extend(page.names);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    rows.truncate(ENTRIES_MAX);
    Ok((rows, names))
}

/// When something is, as calendars write it.
#[derive(Debug, PartialEq, Eq)]
struct Times {
    start: String,
    stop: Option<String>,
    end: Millis,
}

impl Times {
    /// From the period in which it is done, or else the moment by which it must be.
    fn of(fields: &Map<String, Json>) -> Option<Self> {
        let when = fields.get("when").filter(|when| when.get("start").is_some_and(|start| !start.is_null()));
        let start = when.map_or_else(|| fields.get("due"), |when| when.get("start"))?;
        let stop = when.and_then(|when| when.get("end")).filter(|end| !end.is_null());
        let (start, began) = moment("DTSTART", start, false)?;
        // The end of days is the day after the last one.
        let stop = stop.and_then(|stop| moment("DTEND", stop, true)).filter(|(line, at)| *at > began && is_day(line) == is_day(&start));
        Some(Self { start, end: stop.as_ref().map_or(began, |(_, at)| *at), stop: stop.map(|(line, _)| line) })
    }
}

fn is_day(line: &str) -> bool {
    line.contains(";VALUE=DATE:")
}

/// A day or a moment as a line, and where it is in time. Moments are UTC: a phone shows them in its own zone.
fn moment(name: &str, value: &Json, is_end: bool) -> Option<(String, Millis)> {
    if let Some(day) = value.as_str() {
        let day: jiff::civil::Date = day.parse().ok()?;
        let day = if is_end { day.tomorrow().ok()? } else { day };
        let at = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();
        return Some((format!("{name};VALUE=DATE:{}", day.strftime("%Y%m%d")), at));
    }
    let millis = value.as_i64()?;
    Some((format!("{name}:{}", stamp(millis)?), millis))
}

fn stamp(millis: Millis) -> Option<String> {
    Some(jiff::Timestamp::from_millisecond(millis).ok()?.strftime("%Y%m%dT%H%M%SZ").to_string())
}

fn entry(lines: &mut Lines, row: &Row, times: &Times, names: &Names, base: &str) {
    let text = |name: &str| row.fields.get(name).and_then(Json::as_str).filter(|text| !text.trim().is_empty());
    let Some(changed) = stamp(row.updated_at) else { return };
    lines.plain("BEGIN", "VEVENT");
    lines.plain("UID", format_args!("{}@rapport", row.id));
    lines.plain("DTSTAMP", &changed);
    lines.plain("LAST-MODIFIED", &changed);
    lines.plain("SEQUENCE", row.version % (1 << 31));
    for line in [Some(&times.start), times.stop.as_ref()].into_iter().flatten() {
        if let Some((name, value)) = line.split_once(':') {
            lines.plain(name, value);
        }
    }
    lines.text("SUMMARY", &row.title);
    let about = row.fields.get(ABOUT).and_then(Json::as_array).into_iter().flatten();
    let about = about.filter_map(|id| names.get(&id.as_str()?.parse().ok()?)).map(|linked| linked.title.as_str());
    let about = about.collect::<Vec<_>>().join(", ");
    let parts: Vec<&str> = [Some(&*about).filter(|about| !about.is_empty()), text("outcome"), text("body")].into_iter().flatten().collect();
    if !parts.is_empty() {
        lines.text("DESCRIPTION", &parts.join("\n"));
    }
    lines.plain("URL", format_args!("{base}/records/{ACTIVITY}/{}", row.id));
    if let Some(place) = row.fields.get("place")
        && let (Some(lat), Some(lon)) = (place["lat"].as_f64(), place["lon"].as_f64())
    {
        lines.plain("GEO", format_args!("{lat};{lon}"));
    }
    reminders(lines, row);
    lines.plain("END", "VEVENT");
}

fn reminders(lines: &mut Lines, row: &Row) {
    for reminder in row.fields.get("reminders").and_then(Json::as_array).into_iter().flatten() {
        if let Some(at) = reminder["at"].as_i64().and_then(stamp) {
            lines.plain("BEGIN", "VALARM");
            lines.plain("ACTION", "DISPLAY");
            lines.text("DESCRIPTION", &row.title);
            lines.plain("TRIGGER;VALUE=DATE-TIME", at);
            lines.plain("END", "VALARM");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(fields: Json) -> Option<(String, Option<String>)> {
        let Json::Object(fields) = fields else { panic!("an object") };
        Times::of(&fields).map(|times| (times.start, times.stop))
    }

    #[test]
    fn days_are_days_and_moments_are_utc() {
        let nine = 1_800_000_000_000_i64;
        for (fields, start, stop) in [
            (json!({"when": {"start": "2026-05-03"}}), "DTSTART;VALUE=DATE:20260503", None),
            (
                json!({"when": {"start": "2026-05-03", "end": "2026-05-04"}}),
                "DTSTART;VALUE=DATE:20260503",
                Some("DTEND;VALUE=DATE:20260505"),
            ),
            (json!({"when": {"start": nine, "end": nine + 3_600_000}}), "DTSTART:20270115T080000Z", Some("DTEND:20270115T090000Z")),
            (json!({"when": {"start": nine, "end": nine - 1}}), "DTSTART:20270115T080000Z", None),
            (json!({"due": nine}), "DTSTART:20270115T080000Z", None),
        ] {
            assert_eq!(times(fields), Some((start.to_owned(), stop.map(str::to_owned))));
        }
        assert_eq!(times(json!({"subject": "some day"})), None);
    }
}
