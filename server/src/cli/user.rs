//! `rapport user ...`: who may sign in.

use anyhow::Context;
use clap::{Args, Subcommand};
use sync_core::access::RoleSet;

use super::{In, open, open_existing, password, say, shown, table};
use crate::app::App;
use crate::auth::{Factor, normal_login};
use crate::config::Config;
use crate::language::Language;
use crate::people::{self, NewPerson, Place, add};
use crate::store::devices::in_use_by;
use crate::store::people::{User as Person, user_by_login, users};
use crate::store::workspaces;

/// Add, list and shut out people
#[derive(Debug, Subcommand)]
pub enum User {
    Add(Add),
    List(List),
    Password(Password),
    Disable(Disable),
    Roles(Roles),
    Second(Second),
}

/// Add somebody who may sign in
///
/// The first one on an empty database also makes the workspace. The password is asked for, or read
/// from standard input, or taken from RAPPORT_PASSWORD; it needs at least 10 characters. Whoever signs in
/// with it chooses another one first, but for the first one of a workspace and with --own.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rapport user add ann --role office --name 'Ann Li' --language zh-CN
  pwgen 20 1 | tee bo.txt | rapport user add bo")]
pub struct Add {
    /// What they type to sign in
    login: String,
    /// What others read; the login if not given
    #[arg(long)]
    name: Option<String>,
    /// What they may do: rep, manager, office or a role of the workspace's own; several with `+`
    #[arg(long, default_value = "rep")]
    role: RoleSet,
    /// What they read: en or zh-CN
    #[arg(long, default_value = "en", value_parser = language)]
    language: Language,
    #[command(flatten)]
    place: In,
    /// The password is their own choice: it need not be changed when they sign in
    #[arg(long)]
    own: bool,
    /// Make the workspace, although there are others
    #[arg(long, requires = "workspace")]
    new_workspace: bool,
}

fn language(tag: &str) -> Result<Language, String> {
    [Language::En, Language::Zh].into_iter().find(|language| language.tag() == tag).ok_or_else(|| "expected `en` or `zh-CN`".to_owned())
}

/// List who may sign in
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rapport user list")]
pub struct List {
    #[command(flatten)]
    place: In,
}

/// Set a new password, and end the sessions that began with the old one
///
/// Whoever signs in with it chooses another one first, but with --own.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rapport user password bo
  rapport user password ann --own")]
pub struct Password {
    /// Whose
    login: String,
    /// It is their own choice: it need not be changed when they sign in
    #[arg(long)]
    own: bool,
    #[command(flatten)]
    place: In,
}

/// Shut somebody out, on all devices and at once
///
/// Their phones are handed back: they deliver what was not sent to the desk, then forget everything. Those that have not
/// done so when the account is let in again go on as before.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rapport user disable bo
  rapport user disable bo --undo")]
pub struct Disable {
    /// Whom
    login: String,
    /// Let them in again
    #[arg(long)]
    undo: bool,
    #[command(flatten)]
    place: In,
}

/// Give somebody other roles, from now on and on all devices
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rapport user roles bo manager
  rapport user roles bo rep+buyer")]
pub struct Roles {
    /// Whom
    login: String,
    /// The roles, with `+` between them; what one of them allows is allowed
    roles: RoleSet,
    #[command(flatten)]
    place: In,
}

/// Take somebody's second factor away, app and phone number: they lost the phone and the recovery codes
///
/// Make sure that it is them. They sign in with the password alone until they set up another one.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rapport user second ann --off")]
pub struct Second {
    /// Whose
    login: String,
    /// Take it away
    #[arg(long, required = true)]
    off: bool,
    #[command(flatten)]
    place: In,
}

/// What is said of a password that is not its user's own choice.
const CHANGED_FIRST: &str = ", and changes the password then (--own: it is theirs already)";

/// What the workspace is called when nobody says.
const WORKSPACE_NAME: &str = "main";

impl User {
    /// Runs the command.
    pub async fn run(self, config: Config) -> anyhow::Result<()> {
        let app = if matches!(self, User::Add(_)) { open(config).await? } else { open_existing(config).await? };
        match self {
            User::Add(command) => command.run(&app).await?,
            User::List(command) => command.run(&app).await?,
            User::Password(command) => command.run(&app).await?,
            User::Disable(command) => command.run(&app).await?,
            User::Second(command) => command.run(&app).await?,
            User::Roles(command) => command.run(&app).await?,
        }
        app.store.close().await;
        Ok(())
    }
}

impl Add {
    async fn run(self, app: &App) -> anyhow::Result<()> {
        let empty = workspaces::all(&mut app.store.reader().await?).await?.is_empty();
        let place = match self.new_workspace || empty {
            true => Place::New(self.place.workspace.clone().unwrap_or_else(|| WORKSPACE_NAME.to_owned())),
            false => Place::In(self.place.find(app).await?.workspace),
        };
        people::check(app, &place, &self.login, &self.role).await?;
        // Whoever makes a workspace sits at this shell and is its first administrator.
        let given = !self.own && matches!(place, Place::In(_));
        let password = password::read(&self.login).await?;
        let (name, role, language) = (self.name.unwrap_or_default(), self.role, self.language);
        let added = add(app, NewPerson { place, login: self.login, name, role, language, password, given, by: None }).await?;
        println!("added {}{}", added.login, if given { CHANGED_FIRST } else { "" });
        Ok(())
    }
}

impl List {
    async fn run(self, app: &App) -> anyhow::Result<()> {
        let workspace = self.place.find(app).await?.workspace;
        let people = users(&mut app.store.reader().await?, workspace).await?;
        let mut rows = vec![["LOGIN", "NAME", "ROLE", "LANGUAGE", "SINCE", ""].map(str::to_owned).to_vec()];
        rows.extend(people.into_iter().map(|one| {
            let state = if one.disabled_at.is_some() { "disabled" } else { "" };
            vec![one.login, one.name, one.role.to_string(), one.language.tag().to_owned(), shown(one.created_at), state.to_owned()]
        }));
        say(&table(&rows))?;
        Ok(())
    }
}

impl Password {
    async fn run(self, app: &App) -> anyhow::Result<()> {
        let person = find(app, &self.place, &self.login).await?;
        let password = password::read(&person.login).await?;
        app.auth
            .set_password((person.workspace, person.user), &password, None, None, !self.own)
            .await
            .context("cannot set the password")?;
        let changed = if self.own { "" } else { CHANGED_FIRST };
        println!("{} has a new password and must sign in again{changed}", person.login);
        Ok(())
    }
}

impl Disable {
    async fn run(self, app: &App) -> anyhow::Result<()> {
        let person = find(app, &self.place, &self.login).await?;
        let (author, user) = (people::author(app, person.workspace, None), person.user);
        if self.undo {
            people::set_active(app, &author, user, true).await?;
            println!("{} may sign in again", person.login);
        } else {
            let phones = in_use_by(&mut app.store.reader().await?, person.workspace, user).await?.len();
            people::set_active(app, &author, user, false).await?;
            println!("{} is shut out; phones that are handed back: {phones}", person.login);
        }
        Ok(())
    }
}

impl Roles {
    async fn run(self, app: &App) -> anyhow::Result<()> {
        let person = find(app, &self.place, &self.login).await?;
        people::set_roles(app, &people::author(app, person.workspace, None), person.user, &self.roles).await?;
        println!("{} is {} now", person.login, self.roles);
        Ok(())
    }
}

impl Second {
    async fn run(self, app: &App) -> anyhow::Result<()> {
        let person = find(app, &self.place, &self.login).await?;
        anyhow::ensure!(self.off, "say --off");
        let was = app.auth.drop_second(person.workspace, person.user, Factor::ALL, None).await?;
        println!("{}", if was { "the second factor is gone" } else { "there was none" });
        Ok(())
    }
}

/// The user with a login.
pub(super) async fn find(app: &App, place: &In, login: &str) -> anyhow::Result<Person> {
    let workspace = place.find(app).await?.workspace;
    let login = normal_login(login);
    let person = user_by_login(&mut app.store.reader().await?, workspace, &login).await?;
    person.with_context(|| format!("there is no user `{login}`; `rapport user list` shows who there is"))
}
