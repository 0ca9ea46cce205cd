//! People: users, the sessions they are signed in with, and how often somebody tried.

use sync_core::access::RoleSet;
use sync_core::id::{Millis, UserId, WorkspaceId};

use super::ledger::Withdrawal;
use super::{Result, StoreError, Tx, id};
use crate::files::hex;
use crate::language::Language;

/// The SHA-256 of a token or code: what is stored instead of it.
pub type SecretHash = [u8; 32];

/// Somebody who may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Where they work.
    pub workspace: WorkspaceId,
    /// Who they are.
    pub user: UserId,
    /// What they type to sign in: lower case.
    pub login: String,
    /// What others read.
    pub name: String,
    /// What they may do, by name.
    pub role: RoleSet,
    /// The language they read.
    pub language: Language,
    /// When they were shut out, if they were.
    pub disabled_at: Option<Millis>,
    /// When they were added.
    pub created_at: Millis,
}

type Row = (Vec<u8>, Vec<u8>, String, String, String, String, Option<Millis>, Millis);

/// A macro, because `concat!` takes no constants.
macro_rules! user_columns {
    () => {
        "u.workspace, u.user_id, u.login, u.name, u.role, u.language, u.disabled_at, u.created_at"
    };
}

fn from_row((workspace, user, login, name, role, language, disabled_at, created_at): Row) -> Result<User> {
    Ok(User {
        workspace: id(WorkspaceId::from_bytes(&workspace), "workspace id")?,
        user: id(UserId::from_bytes(&user), "user id")?,
        login,
        name,
        role: id(role.parse(), "role")?,
        language: Language::of_tag(&language),
        disabled_at,
        created_at,
    })
}

/// Adds a user; the login must be free in the workspace.
pub async fn add_user(tx: &mut Tx, user: &User, password_hash: &str) -> Result<()> {
    sqlx::query(
        "insert into users (workspace, user_id, login, name, role, password_hash, language, disabled_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&user.workspace.as_bytes()[..])
    .bind(&user.user.as_bytes()[..])
    .bind(&user.login)
    .bind(&user.name)
    .bind(user.role.as_str())
    .bind(password_hash)
    .bind(user.language.tag())
    .bind(user.disabled_at)
    .bind(user.created_at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Everybody in a workspace, by login.
pub async fn users(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<User>> {
    let sql = concat!("select ", user_columns!(), " from users u where u.workspace = $1 order by u.login");
    let rows: Vec<Row> = sqlx::query_as(sql).bind(&workspace.as_bytes()[..]).fetch_all(tx.conn()).await?;
    rows.into_iter().map(from_row).collect()
}

/// One user.
pub async fn user(tx: &mut Tx, workspace: WorkspaceId, user: UserId) -> Result<Option<User>> {
    let sql = concat!("select ", user_columns!(), " from users u where u.workspace = $1 and u.user_id = $2");
    let query = sqlx::query_as::<_, Row>(sql).bind(&workspace.as_bytes()[..]).bind(&user.as_bytes()[..]);
    query.fetch_optional(tx.conn()).await?.map(from_row).transpose()
}

/// The user with a login, shut out or not.
pub async fn user_by_login(tx: &mut Tx, workspace: WorkspaceId, login: &str) -> Result<Option<User>> {
    let sql = concat!("select ", user_columns!(), " from users u where u.workspace = $1 and u.login = $2");
    let query = sqlx::query_as::<_, Row>(sql).bind(&workspace.as_bytes()[..]).bind(login);
    query.fetch_optional(tx.conn()).await?.map(from_row).transpose()
}

/// The stored password hash of a user.
pub async fn password_hash(tx: &mut Tx, workspace: WorkspaceId, user: UserId) -> Result<Option<String>> {
    let sql = "select password_hash from users where workspace = $1 and user_id = $2";
    let query = sqlx::query_scalar(sql).bind(&workspace.as_bytes()[..]).bind(&user.as_bytes()[..]);
    Ok(query.fetch_optional(tx.conn()).await?)
}

/// Replaces the stored hash by one of another password: the one before is good for nothing any more.
pub async fn change_password(tx: &mut Tx, workspace: WorkspaceId, user: UserId, hash: &str) -> Result<()> {
    tx.withdrawn(workspace, Withdrawal::Password { user });
    set_password_hash(tx, workspace, user, hash).await
}

/// Replaces the stored hash of the same password.
pub async fn set_password_hash(tx: &mut Tx, workspace: WorkspaceId, user: UserId, hash: &str) -> Result<()> {
    sqlx::query("update users set password_hash = $3 where workspace = $1 and user_id = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(&user.as_bytes()[..])
        .bind(hash)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Notes since when somebody else's choice is the password, or that it is the user's own (`None`).
pub async fn set_password_given(tx: &mut Tx, workspace: WorkspaceId, user: UserId, given_at: Option<Millis>) -> Result<()> {
    sqlx::query("update users set password_given_at = $3 where workspace = $1 and user_id = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(&user.as_bytes()[..])
        .bind(given_at)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Since when a user's password is one that somebody else chose.
pub async fn password_given(tx: &mut Tx, workspace: WorkspaceId, user: UserId) -> Result<Option<Millis>> {
    let sql = "select password_given_at from users where workspace = $1 and user_id = $2";
    let query = sqlx::query_scalar(sql).bind(&workspace.as_bytes()[..]).bind(&user.as_bytes()[..]);
    Ok(query.fetch_optional(tx.conn()).await?.flatten())
}

/// Notes the language that a user reads.
pub async fn set_language(tx: &mut Tx, workspace: WorkspaceId, user: UserId, language: Language) -> Result<()> {
    sqlx::query("update users set language = $3 where workspace = $1 and user_id = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(&user.as_bytes()[..])
        .bind(language.tag())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Shuts a user out (`Some`) or lets them in again (`None`).
pub async fn set_disabled(tx: &mut Tx, workspace: WorkspaceId, user: UserId, disabled_at: Option<Millis>) -> Result<()> {
    sqlx::query("update users set disabled_at = $3 where workspace = $1 and user_id = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(&user.as_bytes()[..])
        .bind(disabled_at)
        .execute(tx.conn())
        .await?;
    tx.withdrawn(workspace, Withdrawal::Person { user, out: disabled_at.is_some() });
    Ok(())
}

/// What an account takes over from its member record, as far as it has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Following {
    /// What the person may do.
    pub role: Option<RoleSet>,
    /// What others read.
    pub name: Option<String>,
    /// The language that the person reads.
    pub language: Option<Language>,
    /// Whether they may sign in.
    pub active: Option<bool>,
}

/// Lets an account follow its member record; whoever may not sign in any more is signed out.
pub async fn follow(tx: &mut Tx, workspace: WorkspaceId, user: UserId, following: &Following, now: Millis) -> Result<()> {
    sqlx::query(
        "update users set role = coalesce($3, role), name = coalesce($4, name), language = coalesce($5, language)
         where workspace = $1 and user_id = $2",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&user.as_bytes()[..])
    .bind(following.role.as_ref().map(RoleSet::as_str))
    .bind(&following.name)
    .bind(following.language.map(Language::tag))
    .execute(tx.conn())
    .await?;
    if let Some(active) = following.active {
        set_disabled(tx, workspace, user, (!active).then_some(now)).await?;
    }
    if following.active == Some(false) {
        drop_sessions_of(tx, workspace, user, None).await?;
    }
    Ok(())
}

/// The users shut out at `since` or later.
pub async fn disabled_since(tx: &mut Tx, workspace: WorkspaceId, since: Millis) -> Result<Vec<UserId>> {
    let rows: Vec<Vec<u8>> = sqlx::query_scalar("select user_id from users where workspace = $1 and disabled_at >= $2")
        .bind(&workspace.as_bytes()[..])
        .bind(since)
        .fetch_all(tx.conn())
        .await?;
    rows.into_iter().map(|user| id(UserId::from_bytes(&user), "user id")).collect()
}

/// One time of being signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Where.
    pub workspace: WorkspaceId,
    /// The hash of its token.
    pub token_hash: SecretHash,
    /// Who.
    pub user: UserId,
    /// When it began.
    pub created_at: Millis,
    /// When it was last used, to the minute or so.
    pub last_seen_at: Millis,
    /// When it ends however busy it is.
    pub expires_at: Millis,
    /// What its client calls itself.
    pub agent: String,
    /// Where it began.
    pub address: String,
    /// Whether another system said who it is.
    pub by_provider: bool,
}

type SessionRow = (Vec<u8>, Vec<u8>, Millis, Millis, Millis, String, String, i64);

/// A macro, because `concat!` takes no constants.
macro_rules! session_columns {
    () => {
        "token_hash, user_id, created_at, last_seen_at, expires_at, agent, address, by_provider"
    };
}

fn session_of(workspace: WorkspaceId, row: SessionRow) -> Result<Session> {
    let (hash, user, created_at, last_seen_at, expires_at, agent, address, by_provider) = row;
    let token_hash = hash.try_into().map_err(|_| StoreError::Damaged("session"))?;
    let (user, by_provider) = (id(UserId::from_bytes(&user), "user id")?, by_provider != 0);
    Ok(Session { workspace, token_hash, user, created_at, last_seen_at, expires_at, agent, address, by_provider })
}

/// Adds a session.
pub async fn add_session(tx: &mut Tx, session: &Session) -> Result<()> {
    sqlx::query(
        "insert into sessions (workspace, token_hash, user_id, created_at, last_seen_at, expires_at, agent, address, by_provider)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&session.workspace.as_bytes()[..])
    .bind(&session.token_hash[..])
    .bind(&session.user.as_bytes()[..])
    .bind(session.created_at)
    .bind(session.last_seen_at)
    .bind(session.expires_at)
    .bind(&session.agent)
    .bind(&session.address)
    .bind(i64::from(session.by_provider))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A session and its user, expired, shut out or not.
pub async fn session(tx: &mut Tx, workspace: WorkspaceId, token_hash: &SecretHash) -> Result<Option<(Session, User)>> {
    let sql = concat!("select ", session_columns!(), " from sessions where workspace = $1 and token_hash = $2");
    let query = sqlx::query_as::<_, SessionRow>(sql).bind(&workspace.as_bytes()[..]).bind(&token_hash[..]);
    let Some(row) = query.fetch_optional(tx.conn()).await? else { return Ok(None) };
    let session = session_of(workspace, row)?;
    let user = user(tx, workspace, session.user).await?.ok_or(StoreError::Damaged("session: its user is missing"))?;
    Ok(Some((session, user)))
}

/// Notes that a session is in use.
pub async fn touch_session(tx: &mut Tx, workspace: WorkspaceId, token_hash: &SecretHash, now: Millis) -> Result<()> {
    sqlx::query("update sessions set last_seen_at = $3 where workspace = $1 and token_hash = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(&token_hash[..])
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Ends one session.
pub async fn drop_session(tx: &mut Tx, workspace: WorkspaceId, token_hash: &SecretHash) -> Result<()> {
    let sql = "delete from sessions where workspace = $1 and token_hash = $2 returning token_hash";
    let query = sqlx::query_scalar(sql).bind(&workspace.as_bytes()[..]).bind(&token_hash[..]);
    let ended = query.fetch_all(tx.conn()).await?;
    ended_sessions(tx, workspace, &ended);
    Ok(())
}

/// Ends all sessions of a user but `keep`; answers how many.
pub async fn drop_sessions_of(tx: &mut Tx, workspace: WorkspaceId, user: UserId, keep: Option<&SecretHash>) -> Result<u64> {
    let sql = "delete from sessions where workspace = $1 and user_id = $2 and token_hash <> $3 returning token_hash";
    let query = sqlx::query_scalar(sql).bind(&workspace.as_bytes()[..]).bind(&user.as_bytes()[..]);
    let ended = query.bind(keep.map_or(&[][..], |keep| &keep[..])).fetch_all(tx.conn()).await?;
    Ok(ended_sessions(tx, workspace, &ended))
}

/// Ends one session, if it is the user's; answers how many.
pub async fn drop_session_of(tx: &mut Tx, workspace: WorkspaceId, user: UserId, token_hash: &SecretHash) -> Result<u64> {
    let sql = "delete from sessions where workspace = $1 and user_id = $2 and token_hash = $3 returning token_hash";
    let query = sqlx::query_scalar(sql).bind(&workspace.as_bytes()[..]).bind(&user.as_bytes()[..]).bind(&token_hash[..]);
    let ended = query.fetch_all(tx.conn()).await?;
    Ok(ended_sessions(tx, workspace, &ended))
}

fn ended_sessions(tx: &mut Tx, workspace: WorkspaceId, ended: &[Vec<u8>]) -> u64 {
    if !ended.is_empty() {
        tx.withdrawn(
            workspace,
            Withdrawal::Sessions { hashes: ended.iter().filter_map(|hash| hash.as_slice().try_into().ok()).map(hex).collect() },
        );
    }
    ended.len() as u64
}

/// The sessions of a user, the last used one first.
pub async fn sessions_of(tx: &mut Tx, workspace: WorkspaceId, user: UserId) -> Result<Vec<Session>> {
    let rows: Vec<SessionRow> = sqlx::query_as(concat!(
        "select ",
        session_columns!(),
        " from sessions where workspace = $1 and user_id = $2 order by last_seen_at desc, created_at desc"
    ))
    .bind(&workspace.as_bytes()[..])
    .bind(&user.as_bytes()[..])
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(|row| session_of(workspace, row)).collect()
}

/// Attempts at one secret within the running window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    /// How many, this one included.
    pub attempts: i64,
    /// When they are forgotten.
    pub window_ends_at: Millis,
}

/// Counts one more attempt, in a window that begins with the first one.
pub async fn count_attempt(
    tx: &mut Tx,
    workspace: WorkspaceId,
    scope: &str,
    subject: &SecretHash,
    now: Millis,
    window_ms: Millis,
) -> Result<Attempts> {
    let (attempts, window_ends_at) = sqlx::query_as(
        "insert into login_attempts (workspace, scope, subject, attempts, window_ends_at) values ($1, $2, $3, 1, $4 + $5)
         on conflict (workspace, scope, subject) do update set
           attempts = case when login_attempts.window_ends_at <= $4 then 1 else login_attempts.attempts + 1 end,
           window_ends_at = case when login_attempts.window_ends_at <= $4 then $4 + $5 else login_attempts.window_ends_at end
         returning attempts, window_ends_at",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(scope)
    .bind(&subject[..])
    .bind(now)
    .bind(window_ms)
    .fetch_one(tx.conn())
    .await?;
    Ok(Attempts { attempts, window_ends_at })
}

/// Takes back one counted attempt: it was right.
pub async fn forgive_attempt(tx: &mut Tx, workspace: WorkspaceId, scope: &str, subject: &SecretHash) -> Result<()> {
    sqlx::query("update login_attempts set attempts = attempts - 1 where workspace = $1 and scope = $2 and subject = $3 and attempts > 0")
        .bind(&workspace.as_bytes()[..])
        .bind(scope)
        .bind(&subject[..])
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Forgets what was counted for a subject.
pub async fn forget_attempts(tx: &mut Tx, workspace: WorkspaceId, scope: &str, subject: &SecretHash) -> Result<()> {
    sqlx::query("delete from login_attempts where workspace = $1 and scope = $2 and subject = $3")
        .bind(&workspace.as_bytes()[..])
        .bind(scope)
        .bind(&subject[..])
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Removes what time has made worthless: sessions that ended, windows that closed, codes nobody used.
pub async fn sweep(tx: &mut Tx, workspace: WorkspaceId, now: Millis, idle_since: Millis) -> Result<()> {
    let workspace = &workspace.as_bytes()[..];
    sqlx::query("delete from sessions where workspace = $1 and (expires_at <= $2 or last_seen_at <= $3)")
        .bind(workspace)
        .bind(now)
        .bind(idle_since)
        .execute(tx.conn())
        .await?;
    let statements = [
        "delete from login_attempts where workspace = $1 and window_ends_at <= $2",
        "delete from device_codes where workspace = $1 and expires_at <= $2",
        "delete from sign_in_tickets where workspace = $1 and expires_at <= $2",
    ];
    for sql in statements {
        sqlx::query(sql).bind(workspace).bind(now).execute(tx.conn()).await?;
    }
    Ok(())
}
