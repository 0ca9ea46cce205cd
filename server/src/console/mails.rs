//! Dashboards by mail: as PDF and CSV they go out by themselves, with what its maker may see at that moment.
//!
//! Every sending has a key, what is sent and when it was due: it is begun once, and its Message-ID follows from
//! it, so that a server which is stopped between sending and noting it sends the same letter, not another one.

use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::{Offset, TimeZone};
use jiff::{ToSpan, Zoned};
use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde::Deserialize;
use serde_json::json;
use sync_core::id::{Millis, RecordId, WorkspaceId};

use super::dashboards::{self, Beside};
use super::desk::Desk;
use super::format::{self, Shown};
use super::list::CSV_TYPE;
use crate::app::App;
use crate::audit::{Act, Note};
use crate::auth::Caller;
use crate::config::{Mail, Secret};
use crate::error::{Error, Text};
use crate::place::Path;
use crate::store::mails::{self, ReportMail, Sending};
use crate::store::{StoreError, people, workspaces};

/// How often it is looked whether something is due: mails are on time to the minute.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(20);

/// After so many tries a letter is given up: the mail server was away for more than a day.
const TRIES_MAX: u32 = 8;

/// How long to wait after the first failure; each further one doubles it.
const RETRY_MS: Millis = 10 * 60 * 1_000;

/// Until then no other server tries: longer than making and sending a letter can take.
const LEASE_MS: Millis = 10 * 60 * 1_000;

/// Addresses of one mail: more are a mailing list, which mail servers have.
const RECIPIENTS_MAX: usize = 20;

/// The words of how often, with their names.
pub const EVERY: [(&str, &str); 3] = [("day", "mail.every_day"), ("week", "mail.every_week"), ("month", "mail.every_month")];

/// A mail in the list of a dashboard.
pub struct MailView {
    /// Names it.
    pub id: String,
    /// To whom.
    pub recipients: String,
    /// How often.
    pub every: &'static str,
    /// When next.
    pub next: Shown,
    /// When last, or why not.
    pub last: Option<Shown>,
}

/// The mails of a dashboard; none where no mail server is set.
pub async fn of(desk: &Desk, dashboard: RecordId) -> Result<Option<Vec<MailView>>, Error> {
    if desk.app.config.mail.url.is_none() {
        return Ok(None);
    }
    let workspace = desk.caller.workspace;
    let mut tx = desk.app.store.reader().await?;
    let mut views = Vec::new();
    for mail in mails::of_dashboard(&mut tx, workspace, dashboard).await? {
        let last = mails::last(&mut tx, workspace, mail.mail).await?;
        let every = EVERY.iter().find(|(word, _)| *word == mail.every).map_or("mail.every_day", |(_, key)| *key);
        views.push(MailView {
            id: mail.mail.to_string(),
            recipients: mail.recipients,
            every: desk.words.say(every),
            next: format::moment(mail.next_at),
            last: last.and_then(|(sent, problem)| problem.map(Shown::Text).or(sent.map(format::moment))),
        });
    }
    Ok(Some(views))
}

/// What somebody wants.
#[derive(Debug, Clone, Deserialize)]
pub struct Wanted {
    /// To whom, as it was typed.
    pub recipients: String,
    /// How often: a word of [`EVERY`].
    pub every: String,
    /// At which hour.
    pub hour: u8,
}

/// `POST /dashboards/{id}/mails`.
pub async fn make(desk: Desk, Path(id): Path<RecordId>, axum::Form(wanted): axum::Form<Wanted>) -> Result<Response, Error> {
    let row = dashboards::mine(&desk, id).await?;
    let recipients = match addresses(&wanted.recipients) {
        Ok(recipients) => recipients,
        Err(problem) => {
            let problem = problem.in_language(desk.words.0).to_owned();
            return dashboards::show_with(&desk, row, Beside { refused: Some((wanted, problem)), ..Beside::default() }).await;
        }
    };
    let zone = desk.zone().iana_name().map_or_else(|| offset_name(desk.offset_minutes), str::to_owned);
    let every = EVERY.iter().find(|(word, _)| *word == wanted.every).map_or("day", |(word, _)| *word);
    let hour = wanted.hour.min(23);
    let next_at = next(desk.now, every, hour, &zone);
    let mail = ReportMail {
        mail: desk.writing().new_id(),
        dashboard: id,
        user: desk.caller.user,
        recipients: recipients.join(", "),
        every: every.to_owned(),
        hour,
        zone,
        created_at: desk.now,
        next_at,
    };
    add(&desk, mail, recipients.len()).await?;
    Ok(Redirect::to(&format!("/dashboards/{id}?arrange=true")).into_response())
}

/// Keeps it, and notes in the audit log who gets what by mail from now on.
async fn add(desk: &Desk, mail: ReportMail, recipients: usize) -> Result<(), Error> {
    let (workspace, now) = (desk.caller.workspace, desk.now);
    let note = Note::of(workspace, Some(desk.caller.user), Act::ReportMailed, mail.mail.to_string())
        .with(json!({"dashboard": mail.dashboard.to_string(), "recipients": recipients}));
    let adding = desk.app.store.write::<_, StoreError, _>(move |tx| {
        Box::pin(async move {
            mails::add(tx, workspace, &mail).await?;
            note.write(tx, now).await
        })
    });
    Ok(adding.await?)
}

/// `POST /dashboards/{id}/mails/{mail}/stop`.
pub async fn stop(desk: Desk, Path((id, mail)): Path<(RecordId, RecordId)>) -> Result<Redirect, Error> {
    dashboards::mine(&desk, id).await?;
    let (workspace, now) = (desk.caller.workspace, desk.now);
    let note = Note::of(workspace, Some(desk.caller.user), Act::ReportUnmailed, mail.to_string());
    let removing = desk.app.store.write::<_, StoreError, _>(move |tx| {
        Box::pin(async move {
            let known = mails::remove(tx, workspace, id, mail).await?;
            if known {
                note.write(tx, now).await?;
            }
            Ok(known)
        })
    });
    if !removing.await? {
        return Err(Error::NotFound);
    }
    Ok(Redirect::to(&format!("/dashboards/{id}?arrange=true")))
}

fn addresses(text: &str) -> Result<Vec<String>, Text> {
    let wrong = |en: String, zh: String| Text::new(en, zh);
    let all: Vec<String> =
        text.split([',', ';', '，', '；', '\n']).map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect();
    if all.is_empty() || all.len() > RECIPIENTS_MAX {
        return Err(wrong(format!("Give one to {RECIPIENTS_MAX} addresses."), format!("请填写 1 到 {RECIPIENTS_MAX} 个邮箱地址。")));
    }
    match all.iter().find(|one| one.parse::<Mailbox>().is_err()) {
        Some(bad) => Err(wrong(format!("`{bad}` is no mail address."), format!("“{bad}”不是有效的邮箱地址。"))),
        None => Ok(all),
    }
}

/// An offset as the name of a zone.
fn offset_name(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

fn zone_of(name: &str) -> Option<TimeZone> {
    if let Some((hours, minutes)) = name.strip_prefix(['+', '-']).and_then(|rest| rest.split_once(':')) {
        let sign = if name.starts_with('-') { -1 } else { 1 };
        let seconds = sign * (hours.parse::<i32>().ok()? * 3_600 + minutes.parse::<i32>().ok()? * 60);
        return Offset::from_seconds(seconds).ok().map(TimeZone::fixed);
    }
    (!name.is_empty()).then(|| TimeZone::get(name).ok()).flatten()
}

/// The next time at which it is due: by the clocks of the zone, whatever they do in spring and autumn.
fn next(now: Millis, every: &str, hour: u8, zone: &str) -> Millis {
    /// A month and a bit.
    const DAYS_MAX: i64 = 32;
    let zone = zone_of(zone).unwrap_or(TimeZone::UTC);
    let here = Timestamp::from_millisecond(now).unwrap_or_default().to_zoned(zone.clone());
    let at = |days: i64| -> Option<Zoned> {
        let date = here.date().checked_add(days.days()).ok()?;
        date.at(i8::try_from(hour).ok()?, 0, 0, 0).to_zoned(zone.clone()).ok()
    };
    let fits = |moment: &Zoned| match every {
        "week" => moment.weekday() == Weekday::Monday,
        "month" => moment.day() == 1,
        _ => true,
    };
    let due = (0..=DAYS_MAX).filter_map(at).find(|moment| fits(moment) && moment.timestamp().as_millisecond() > now);
    due.map_or(now + DAYS_MAX * 86_400_000, |moment| moment.timestamp().as_millisecond())
}

/// Sends what is due until the server stops.
pub async fn run(app: App) {
    if app.config.mail.url.is_none() {
        return;
    }
    let (mut head, mut looked_at) = (app.intake.head(), Millis::MIN);
    loop {
        // What people write is another occasion to look at the clock.
        if app.clock.now() >= looked_at.saturating_add(LOOK_EVERY.as_millis() as Millis) {
            looked_at = app.clock.now();
            if let Err(error) = round(&app).await {
                tracing::error!(error = &error as &dyn std::error::Error, "reports could not be looked after; it is tried again");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            changed = head.changed() => if changed.is_err() { return },
            () = app.until_stopping() => return,
        }
    }
}

/// Begins what is due, and tries what waits.
///
/// # Errors
/// When the database fails; a mail server that fails is noted and tried again.
pub async fn round(app: &App) -> Result<(), StoreError> {
    let now = app.clock.now();
    let all = workspaces::all(&mut app.store.reader().await?).await?;
    for workspace in all.into_iter().map(|known| known.workspace) {
        let due = mails::due(&mut app.store.reader().await?, workspace, now).await?;
        for mail in due {
            let next_at = next(now, &mail.every, mail.hour, &mail.zone);
            app.store
                .write::<_, StoreError, _>(move |tx| Box::pin(async move { mails::begin(tx, workspace, &mail, now, next_at).await }))
                .await?;
        }
        let waiting = mails::waiting(&mut app.store.reader().await?, workspace, now).await?;
        for sending in waiting {
            attempt(app, workspace, sending).await?;
        }
    }
    Ok(())
}

/// Sends one, unless another server does.
async fn attempt(app: &App, workspace: WorkspaceId, sending: Sending) -> Result<(), StoreError> {
    // Letters go one after the other: a round may take longer than what is claimed of it.
    let (now, claimed) = (app.clock.now(), sending.clone());
    let claiming = app
        .store
        .write::<_, StoreError, _>(move |tx| Box::pin(async move { mails::claim(tx, workspace, &claimed, now, now + LEASE_MS).await }));
    if !claiming.await? {
        return Ok(());
    }
    let (sent_at, retry_at, problem) = match send(app, workspace, &sending).await {
        Ok(true) => (Some(now), None, None),
        // Stopped, or its maker was shut out: there is nothing to send any more.
        Ok(false) => (None, None, None),
        Err(error) => {
            let problem = format!("{error:#}");
            tracing::warn!(mail = %sending.mail, attempts = sending.attempts + 1, problem, "a report was not sent");
            let is_last = sending.attempts + 1 >= TRIES_MAX;
            (None, (!is_last).then(|| now + (RETRY_MS << sending.attempts.min(TRIES_MAX))), Some(problem))
        }
    };
    app.store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move { mails::tried(tx, workspace, &sending, sent_at, retry_at, problem.as_deref()).await })
        })
        .await
}

/// Sends one letter. Answers whether there was one to send.
async fn send(app: &App, workspace: WorkspaceId, sending: &Sending) -> anyhow::Result<bool> {
    let Mail { url: Some(Secret(url)), from } = &app.config.mail else { return Ok(false) };
    let mut tx = app.store.reader().await?;
    let Some(mail) = mails::get(&mut tx, workspace, sending.mail).await? else { return Ok(false) };
    let maker = people::user(&mut tx, workspace, mail.user).await?.filter(|user| user.disabled_at.is_none());
    drop(tx);
    let Some(maker) = maker else { return Ok(false) };
    let mut desk = Desk::through_the_eyes_of(app, Caller::seeing(maker), &HeaderMap::new());
    let here = Timestamp::from_millisecond(sending.due_at)?.to_zoned(zone_of(&mail.zone).unwrap_or(TimeZone::UTC));
    desk.offset_minutes = here.offset().seconds() / 60;
    let row = match dashboards::row(&desk, mail.dashboard).await {
        Ok(row) => row,
        Err(Error::NotFound) => return Ok(false),
        Err(error) => return Err(anyhow::anyhow!("{error}")),
    };
    let pdf = dashboards::pdf(&desk, &row).await.map_err(|error| anyhow::anyhow!("{error}"))?;
    let csv = dashboards::csv(&desk, &row).await.map_err(|error| anyhow::anyhow!("{error}"))?;
    let files = [("pdf", "application/pdf", pdf), ("csv", CSV_TYPE, csv)];
    let letter = letter(&desk, &mail, sending, from, (dashboards::title_of(&desk, &row), &here.date().to_string()), files)?;
    let transport: AsyncSmtpTransport<Tokio1Executor> = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)?.build();
    transport.send(letter).await?;
    Ok(true)
}

/// What goes out: each file's ending, type and bytes.
type Files = [(&'static str, &'static str, Vec<u8>); 2];

fn letter(
    desk: &Desk,
    mail: &ReportMail,
    sending: &Sending,
    from: &str,
    (title, day): (&str, &str),
    files: Files,
) -> anyhow::Result<Message> {
    let words = desk.words;
    let host = from.rsplit('@').next().unwrap_or("rapport").trim_end_matches('>');
    let mut letter = Message::builder()
        .from(from.parse()?)
        .message_id(Some(format!("<{}.{}@{host}>", mail.mail, sending.due_at)))
        .subject(words.fill("mail.subject", &[title, day]));
    for to in mail.recipients.split(", ") {
        letter = letter.to(to.parse()?);
    }
    let address = desk.app.config.listen.public_url.clone().unwrap_or_else(|| format!("http://{}", desk.app.config.listen.address));
    let text = words.fill("mail.text", &[title, &format!("{address}/dashboards/{}", mail.dashboard)]);
    let mut parts = MultiPart::mixed().singlepart(SinglePart::plain(text));
    for (ending, mime, bytes) in files {
        parts = parts.singlepart(Attachment::new(format!("{title} {day}.{ending}")).body(bytes, ContentType::parse(mime)?));
    }
    Ok(letter.multipart(parts)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(text: &str) -> Millis {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn a_mail_is_due_by_the_clocks_of_its_zone_in_summer_and_winter() {
        for (now, every, zone, due) in [
            ("2026-05-06T00:00:00Z", "day", "Asia/Shanghai", "2026-05-07T00:00:00Z"),
            ("2026-05-05T23:59:00Z", "day", "+08:00", "2026-05-06T00:00:00Z"),
            ("2026-05-06T12:00:00Z", "week", "UTC", "2026-05-11T08:00:00Z"),
            ("2026-05-06T12:00:00Z", "month", "UTC", "2026-06-01T08:00:00Z"),
            // Clocks go forward on 29 March: the letter still comes at eight.
            ("2026-03-28T12:00:00Z", "day", "Europe/Berlin", "2026-03-29T06:00:00Z"),
            ("2026-03-27T12:00:00Z", "day", "Europe/Berlin", "2026-03-28T07:00:00Z"),
        ] {
            assert_eq!(next(millis(now), every, 8, zone), millis(due), "{now} {every} {zone}");
        }
    }

    #[test]
    fn addresses_come_in_any_usual_way_and_a_wrong_one_is_named() {
        assert_eq!(addresses("a@b.example, c@d.example；e@f.example").unwrap().len(), 3);
        assert!(addresses("").is_err() && addresses("a@b.example, nobody").is_err());
        assert_eq!((offset_name(480), offset_name(-330)), ("+08:00".into(), "-05:30".into()));
    }
}
