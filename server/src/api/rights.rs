//! What somebody may see and do; and what a change of a role or a kind would do to that, before it is made.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sync_core::access::{Action, Right, Role};
use sync_core::id::{Facet, FieldName, KindName, UserId};
use sync_core::schema::{Label, Reading};

use crate::app::App;
use crate::auth::{Caller, Person};
use crate::body::Body;
use crate::error::{Error, Text};
use crate::rights::{self, Change, Deed, Effect, Touched};
use crate::store::rights::Moved;

/// The role as it would be; or the name of one that would go, a built-in one back to what it was.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleWanted {
    #[serde(default)]
    definition: Option<String>,
    #[serde(default)]
    without: Option<String>,
}

/// The kind as it would be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindWanted {
    definition: String,
}

/// What it would do.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectView {
    /// Phones on which something goes or comes.
    phones: Moved,
    kinds: Vec<KindView>,
    people: Vec<PersonView>,
    deeds: Vec<DeedView>,
    uncounted: u64,
}

/// Of records of a kind.
#[derive(Serialize)]
pub struct KindView {
    kind: String,
    #[serde(flatten)]
    moved: Moved,
}

/// For somebody.
#[derive(Serialize)]
pub struct PersonView {
    user: UserId,
    name: String,
    phones: u64,
    #[serde(flatten)]
    moved: Moved,
}

/// What some may do no longer, or from then on.
#[derive(Serialize)]
pub struct DeedView {
    what: Label,
    lost: Vec<String>,
    won: Vec<String>,
}

impl From<Effect> for EffectView {
    fn from(effect: Effect) -> Self {
        let phones = Moved {
            gone: effect.phones(|moved| moved.gone),
            less: effect.phones(|moved| moved.less),
            more: effect.phones(|moved| moved.more),
            come: effect.phones(|moved| moved.come),
        };
        let person = |Touched { user, name, phones, moved }| PersonView { user, name, phones, moved };
        let deed = |Deed { what, lost, won }| DeedView { what, lost, won };
        Self {
            phones,
            kinds: effect.kinds.into_iter().map(|(kind, moved)| KindView { kind: kind.name.to_string(), moved }).collect(),
            people: effect.people.into_iter().map(person).collect(),
            deeds: effect.deeds.into_iter().map(deed).collect(),
            uncounted: effect.uncounted,
        }
    }
}

/// What the caller may see of a kind, and do with it.
#[derive(Serialize)]
pub struct KindRights {
    kind: KindName,
    read: &'static str,
    create: &'static str,
    edit: &'static str,
    archive: &'static str,
    resolve: &'static str,
    /// The parts in sight, and those that the kind has besides.
    facets: Vec<Facet>,
    hidden: Vec<Facet>,
    /// Fields in sight that are for others to write.
    locked: Vec<FieldName>,
    /// For which records what goes how far, and what needs somebody's word.
    said: Vec<Label>,
}

/// All kinds that somebody has business with.
#[derive(Serialize)]
pub struct OwnRights {
    rows: Vec<KindRights>,
}

/// `GET /api/v1/me/rights`: what the caller may see and do, kind by kind, as their phones say it, too.
pub async fn own(State(app): State<App>, Person(caller): Person) -> Json<OwnRights> {
    let rules = app.intake.rules(caller.workspace);
    let of_kind = |kind: &std::sync::Arc<sync_core::schema::Kind>| {
        let overview = rules.roles.overview(&caller.role, kind);
        let [read, create, edit, archive, resolve] = Action::ALL.map(|action| overview.level(action).as_str());
        (!overview.is_nothing()).then(|| KindRights {
            kind: kind.name.clone(),
            read,
            create,
            edit,
            archive,
            resolve,
            facets: overview.reads,
            hidden: overview.hidden,
            locked: overview.locked,
            said: overview.said,
        })
    };
    Json(OwnRights { rows: rules.schema.kinds().filter_map(of_kind).collect() })
}

/// `POST /api/v1/role/preview`: what a role would do, or its going.
///
/// # Errors
/// When the caller does not administer, or the role cannot be read.
pub async fn of_role(State(app): State<App>, Person(caller): Person, Body(wanted): Body<RoleWanted>) -> Result<Json<EffectView>, Error> {
    let rules = app.intake.rules(caller.workspace);
    let change = match (wanted.definition, wanted.without) {
        (Some(text), None) => {
            let role = Role::parse("the definition", &text, &rules.schema, Reading::Strict);
            Change::Role(role.map_err(|bad| bad_definition(Label { en: bad.to_string(), zh: bad.message.zh }))?)
        }
        (None, Some(name)) if rules.roles.role(&name).is_some() => Change::Gone(name),
        (None, Some(_)) => return Err(Error::NotFound),
        (Some(_), Some(_)) | (None, None) => {
            let (en, zh) = ("either `definition` or `without` is said", "请提供 `definition` 或 `without` 之一");
            return Err(Error::Invalid { field: Some("definition".to_owned()), message: Text::new(en, zh) });
        }
    };
    effect(&app, &caller, change).await
}

/// `POST /api/v1/kind/preview`: what a kind would do that says otherwise whose its records are.
///
/// # Errors
/// When the caller does not administer, or the kind cannot be taken.
pub async fn of_kind(State(app): State<App>, Person(caller): Person, Body(wanted): Body<KindWanted>) -> Result<Json<EffectView>, Error> {
    let schema = app.intake.rules(caller.workspace).schema;
    let kind = schema.define("the definition", &wanted.definition).map_err(|bad| bad_definition(bad.words()))?;
    effect(&app, &caller, Change::Kind(Box::new(kind))).await
}

fn bad_definition(Label { en, zh }: Label) -> Error {
    Error::Invalid { field: Some("definition".to_owned()), message: Text::new(en, zh) }
}

async fn effect(app: &App, caller: &Caller, change: Change) -> Result<Json<EffectView>, Error> {
    if !app.intake.rules(caller.workspace).roles.may(&caller.role, Right::Administer) {
        return Err(Error::Forbidden(Text::new("Roles and kinds are the administrators'.", "角色和对象由管理员管理。")));
    }
    Ok(Json(rights::effect(app, caller.workspace, &change).await?.into()))
}
