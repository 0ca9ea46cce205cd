//! Adding people: the account that signs in, and the member record that phones show.
//!
//! Used by the command line and by the demo. Never hashes a password itself and never decides who may
//! sign in: `auth` does.

use sync_core::access::{RoleSet, Roles};
use sync_core::id::{Name, RecordId, UserId, WorkspaceId};
use sync_core::record::fields::FieldEdit;

use crate::app::App;
use crate::audit::{Act, Note};
use crate::auth::secret::random;
use crate::auth::{normal_login, password::BadPassword};
use crate::intake::{Author, Expect, IntakeError, NotEdited, RecordEdit};
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
    pub role: RoleSet,
    /// The language they read.
    pub language: Language,
    /// What they sign in with.
    pub password: String,
    /// Whether somebody else chose that: then they choose another one when they sign in.
    pub given: bool,
    /// Who adds them; nobody: the operator.
    pub by: Option<UserId>,
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
    /// The member record could not be written; a new account exists already.
    #[error("the member record was not written: {0}")]
    Member(NotEdited),
    /// There is no such role.
    #[error("there is no role `{role}`: one of {}", known.join(", "))]
    NoRole {
        /// What was named.
        role: String,
        /// The roles that there are.
        known: Vec<String>,
    },
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
    check(app, &person.place, &person.login, &person.role).await?;
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
            let mut detail = serde_json::json!({"role": &*kept.role});
            if person.given {
                people::set_password_given(tx, workspace, kept.user, Some(now)).await?;
                detail["given"] = true.into();
            }
            Note::of(workspace, person.by, Act::UserAdded, kept.user).with(detail).write(tx, now).await
        })
    });
    match added.await {
        Ok(()) => {}
        Err(StoreError::Exists(_)) => return Err(AddError::Taken(login)),
        Err(error) => return Err(error.into()),
    }
    add_member(app, &user, person.by).await?;
    Ok(user)
}

/// The record that names the person on phones and in links: it has the id of the user, and the account
/// follows it.
async fn add_member(app: &App, user: &User, by: Option<UserId>) -> Result<(), AddError> {
    let author = author(app, user.workspace, by);
    write(app, &author, user.user, member_edits(user), Expect::New).await
}

/// Whether somebody can be added, as far as can be told before a password is thought of.
///
/// # Errors
/// [`AddError`] with what is wrong.
pub async fn check(app: &App, place: &Place, login: &str, roles: &RoleSet) -> Result<(), AddError> {
    let login = normal_login(login);
    if login.is_empty() {
        return Err(AddError::NoLogin);
    }
    let Place::In(workspace) = *place else { return check_roles(Roles::builtin(), roles) };
    check_roles(&app.intake.rules(workspace).roles, roles)?;
    match people::user_by_login(&mut app.store.reader().await?, workspace, &login).await? {
        Some(_) => Err(AddError::Taken(login)),
        None => Ok(()),
    }
}

/// A role that is not there would let nobody do anything.
fn check_roles(known: &Roles, roles: &RoleSet) -> Result<(), AddError> {
    let Some(unknown) = roles.names().find(|name| known.role(name).is_none()) else { return Ok(()) };
    Err(AddError::NoRole { role: unknown.to_owned(), known: known.roles().map(|role| role.name.to_string()).collect() })
}

/// Gives somebody these roles and no others.
///
/// # Errors
/// When one is not there, when it is not allowed, as for the last who may administer, or nothing could be kept.
pub async fn set_roles(app: &App, author: &Author, user: UserId, roles: &RoleSet) -> Result<(), AddError> {
    check_roles(&app.intake.rules(author.workspace).roles, roles)?;
    write_or_make(app, author, user, role_edits(roles).to_vec()).await
}

/// The edits by which a member has these roles and no others.
pub fn role_edits(roles: &RoleSet) -> [FieldEdit; 2] {
    let more: Vec<&str> = roles.names().skip(1).collect();
    [FieldEdit::set("role", roles.names().next().unwrap_or_default()), FieldEdit::set("more_roles", more)]
}

/// Lets somebody in again or shuts them out: in the record that others read, and with it the account.
///
/// # Errors
/// When it is not allowed, as for the last who may administer, or nothing could be kept.
pub async fn set_active(app: &App, author: &Author, user: UserId, active: bool) -> Result<(), AddError> {
    write_or_make(app, author, user, vec![FieldEdit::set("active", active)]).await?;
    if !active {
        app.auth.shut_out(author.workspace, user);
    }
    Ok(())
}

/// Who writes for somebody who administers, or for the operator.
pub fn author(app: &App, workspace: WorkspaceId, by: Option<UserId>) -> Author {
    app.intake.on_behalf(workspace, by.unwrap_or(UserId(workspace.0)), RoleSet::office())
}

async fn write(app: &App, author: &Author, user: UserId, edits: Vec<FieldEdit>, expect: Expect) -> Result<(), AddError> {
    let kind = Name::try_from(MEMBER.to_owned()).expect("a literal name");
    let edit = RecordEdit { kind, record: RecordId(user.0), edits, expect };
    let edited = app.intake.edit(author, vec![edit], app.clock.now(), None).await?;
    edited.into_iter().find_map(Result::err).map_or(Ok(()), |error| Err(AddError::Member(error)))
}

/// Edits somebody's member record, and makes it if only the account is there.
async fn write_or_make(app: &App, author: &Author, user: UserId, edits: Vec<FieldEdit>) -> Result<(), AddError> {
    match write(app, author, user, edits.clone(), Expect::Existing).await {
        Err(AddError::Member(NotEdited::NoSuchRecord)) => {
            let found = people::user(&mut app.store.reader().await?, author.workspace, user).await?;
            let Some(account) = found else { return Err(AddError::Member(NotEdited::NoSuchRecord)) };
            write(app, author, user, member_edits(&account), Expect::New).await?;
            write(app, author, user, edits, Expect::Existing).await
        }
        other => other,
    }
}

/// A member record as an account says it.
fn member_edits(user: &User) -> Vec<FieldEdit> {
    let language = if user.language == Language::Zh { "zh" } else { "en" };
    let mut edits = vec![
        FieldEdit::set("name", user.name.as_str()),
        FieldEdit::set("active", user.disabled_at.is_none()),
        FieldEdit::set("language", language),
    ];
    edits.extend(role_edits(&user.role));
    edits
}

/// The kind of member records.
const MEMBER: &str = "member";
