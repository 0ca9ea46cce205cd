//! What somebody sees, and may do with it: kind by kind, as their phone says it, too.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use sync_core::access::{Action, Level, Overview};
use sync_core::id::{Facet, UserId};
use sync_core::schema::{Kind, Label};

use super::desk::{Desk, Frame, page as answer};
use super::format;
use super::people::{find, role_names};
use super::role_form::facet_word;
use crate::error::Error;
use crate::place::Path;
use crate::rights;
use crate::store::people::{self, User};
use crate::store::rights as counts;

#[derive(Template)]
#[template(path = "sees.html")]
struct SeesPage {
    frame: Frame,
    /// Where it is reached from: addresses and names.
    above: Vec<(String, String)>,
    roles: String,
    rows: Vec<SeenKind>,
}

struct SeenKind {
    label: String,
    level: String,
    parts: String,
    /// The parts out of sight.
    hidden: Option<String>,
    may: String,
    /// What else holds, in sentences.
    said: Vec<String>,
    count: String,
}

/// `GET /people/{user}/sees`: what somebody sees, and may do with it.
pub async fn page(desk: Desk, Path(user): Path<UserId>) -> Result<Response, Error> {
    let user = find(&desk, user).await?;
    let frame = desk.frame(&desk.words.fill("person.sees", &[&user.name]), "/people").await?;
    let above = [("/people".to_owned(), desk.words.say("menu.people").to_owned()), (format!("/people/{}", user.user), user.name.clone())];
    show(&desk, &user, frame, above.into()).await
}

/// `GET /account/sees`: the same of oneself.
pub async fn own(desk: Desk) -> Result<Response, Error> {
    let (workspace, user) = (desk.caller.workspace, desk.caller.user);
    let user = people::user(&mut desk.app.store.reader().await?, workspace, user).await?.ok_or(Error::NotFound)?;
    let frame = desk.frame(desk.words.say("account.sees"), "/account").await?;
    let above = [("/account".to_owned(), desk.words.say("account.title").to_owned())];
    show(&desk, &user, frame, above.into()).await
}

async fn show(desk: &Desk, user: &User, frame: Frame, above: Vec<(String, String)>) -> Result<Response, Error> {
    let rules = desk.app.intake.rules(user.workspace);
    let scope = rights::seen_by(&rules, user.user, &user.role);
    let counted = counts::in_sight(&mut desk.app.store.reader().await?, desk.app.store.answers(), user.workspace, &scope).await?;
    let row = |kind: &Kind| {
        let overview = rules.roles.overview(&user.role, kind);
        let count = counted.iter().find(|(known, _)| *known == kind.name).map_or(0, |(_, count)| *count);
        (!overview.is_nothing()).then(|| seen(desk, kind, &overview, count))
    };
    let rows = rules.schema.kinds().filter_map(|kind| row(kind)).collect();
    answer(StatusCode::OK, &SeesPage { frame, above, roles: role_names(desk, &user.role), rows })
}

fn seen(desk: &Desk, kind: &Kind, overview: &Overview, count: u64) -> SeenKind {
    let say = |label: &Label| desk.words.label(label).to_owned();
    let may = Action::ALL[1..].iter().filter_map(|action| {
        let level = overview.level(*action);
        (level > Level::None).then(|| format!("{} ({})", say(&action.label()), say(&level.label())))
    });
    let parts = |facets: &[Facet]| facets.iter().map(|facet| facet_word(desk.words, *facet)).collect::<Vec<_>>().join(", ");
    let hidden = parts(&overview.hidden);
    let fields = overview.locked.iter().filter_map(|field| kind.field(field)).map(|field| say(&field.label));
    let locked = fields.collect::<Vec<_>>().join(", ");
    let locked = (!locked.is_empty()).then(|| desk.words.fill("person.locked", &[&locked]));
    SeenKind {
        label: say(&kind.plural),
        level: say(&overview.level(Action::Read).label()),
        parts: parts(&overview.reads),
        hidden: (!overview.reads.is_empty() && !hidden.is_empty()).then(|| desk.words.fill("person.without", &[&hidden])),
        may: may.collect::<Vec<_>>().join(" · "),
        said: overview.said.iter().map(say).chain(locked).collect(),
        count: format::grouped(&count.to_string()),
    }
}
