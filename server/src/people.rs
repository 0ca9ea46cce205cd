//! Adding people: the account that signs in, and the member record that phones show.
//!
//! Used by the command line and by the demo. Never hashes a password itself and never decides who may
//! sign in: `auth` does.

use sync_core::id::{Name, RecordId, UserId, WorkspaceId};
use sync_core::record::fields::FieldEdit;

use crate::app::App;
use crate::audit::{Act, Note};
use crate::auth::secret::random;
use crate::auth::{normal_login, password::BadPassword};
use crate::intake::{Expect, IntakeError, NotEdited, RecordEdit};
use crate::language::Language;
use crate::store::StoreError;
use crate::store::people::{self, User};
use crate::store::workspaces::{self, SealKey};

/// Where somebody is added.
#[derive(Debug, Clone)]
pub enum Place {
    /// In a workspace that exists.
    In(WorkspaceId),
    /// In a new one of this name.
    New(String),
}

/// Somebody to add.
#[derive(Debug, Clone)]
pub struct NewPerson {
    /// Where.
    pub place: Place,
    /// What they type to sign in.
    pub login: String,
    /// What others read.
    pub name: String,
    /// What they may do, by name.
    pub role: Name,
    /// The language they read.
    pub language: Language,
    /// What they sign in with.
    pub password: String,
}

/// Why nobody was added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// There is nothing to type.
    #[error("a login cannot be empty")]
    NoLogin,
    /// The login or the workspace's name is taken.
    #[error("there is a user `{0}`, or a workspace of that name, already")]
    Taken(String),
    /// The password is not taken.
    #[error(transparent)]
    Password(#[from] BadPassword),
    /// The member record could not be written; the account exists.
    #[error("the account was made, but not its member record: {0}")]
    Member(NotEdited),
    /// Nothing could be kept.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// Nothing could be kept.
    #[error("the database failed")]
    Store(#[from] StoreError),
}

/// Adds a person, with the workspace where it is new.
///
/// # Errors
/// [`AddError`]; but for [`AddError::Member`] nothing was kept.
pub async fn add(app: &App, person: NewPerson) -> Result<User, AddError> {
    let login = normal_login(&person.login);
    if login.is_empty() {
        return Err(AddError::NoLogin);
    }
    let now = app.clock.now();
    let (workspace, made) = match person.place {
        Place::In(workspace) => (workspace, None),
        Place::New(name) => (WorkspaceId::new(now, random()), Some(name)),
    };
    let hash = app.auth.passwords().hash(&person.password).await?;
    let user = User {
        workspace,
        user: UserId::new(now, random()),
        name: if person.name.is_empty() { login.clone() } else { person.name },
        login: login.clone(),
        role: person.role,
        language: person.language,
        disabled_at: None,
        created_at: now,
    };
    let kept = user.clone();
    let added = app.store.write::<_, StoreError, _>(move |tx| {
        Box::pin(async move {
            if let Some(name) = made {
                workspaces::add(tx, workspace, &name, random(), SealKey(random()), now).await?;
            }
            people::add_user(tx, &kept, &hash).await?;
            let note = Note::of(workspace, None, Act::UserAdded, kept.user);
            note.with(serde_json::json!({"role": &*kept.role})).write(tx, now).await
        })
    });
    match added.await {
        Ok(()) => {}
        Err(StoreError::Exists(_)) => return Err(AddError::Taken(login)),
        Err(error) => return Err(error.into()),
    }
    add_member(app, &user).await?;
    Ok(user)
}

/// The record that names the person on phones and in links: it has the id of the user.
async fn add_member(app: &App, user: &User) -> Result<(), AddError> {
    let office = Name::try_from(OFFICE.to_owned()).expect("a literal name");
    let author = app.intake.on_behalf(user.workspace, user.user, office);
    let edits =
        vec![FieldEdit::set("name", user.name.as_str()), FieldEdit::set("role", user.role.as_str()), FieldEdit::set("active", true)];
    let kind = Name::try_from(MEMBER.to_owned()).expect("a literal name");
    let edit = RecordEdit { kind, record: RecordId(user.user.0), edits, expect: Expect::New };
    let edited = app.intake.edit(&author, vec![edit], app.clock.now(), None).await?;
    edited.into_iter().find_map(Result::err).map_or(Ok(()), |error| Err(AddError::Member(error)))
}

/// The role that may write member records.
const OFFICE: &str = "office";
/// The kind of member records.
const MEMBER: &str = "member";
