//! `rapport device ...`: the phones.

use anyhow::Context;
use clap::{Args, Subcommand};
use sync_core::id::DeviceId;

use super::user::find;
use super::{In, open_existing, say, shown, table};
use crate::app::App;
use crate::audit::Act;
use crate::config::Config;
use crate::store::{devices, people, trail};

/// Enrol, list and shut out phones
#[derive(Debug, Subcommand)]
pub enum Device {
    Code(Code),
    List(List),
    Revoke(Revoke),
}

/// Make a code with which somebody's phone enrols
///
/// It works once, for 10 minutes unless configured otherwise. Whoever holds it becomes that person:
/// show it to nobody else.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rapport device code ann")]
pub struct Code {
    /// Whose phone
    login: String,
    #[command(flatten)]
    place: In,
}

/// List the phones
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rapport device list")]
pub struct List {
    #[command(flatten)]
    place: In,
}

/// Shut a phone out, for ever and at once
///
/// Its app wipes what it holds when it next reaches the server.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rapport device revoke 01890a5d-ac96-774b-bcce-b302099a8057")]
pub struct Revoke {
    /// Its id, from `rapport device list`
    device: DeviceId,
    #[command(flatten)]
    place: In,
}

impl Device {
    /// Runs the command.
    pub async fn run(self, config: Config) -> anyhow::Result<()> {
        let app = open_existing(config).await?;
        match self {
            Device::Code(command) => command.run(&app).await?,
            Device::List(command) => command.run(&app).await?,
            Device::Revoke(command) => command.run(&app).await?,
        }
        app.store.close().await;
        Ok(())
    }
}

impl Code {
    async fn run(self, app: &App) -> anyhow::Result<()> {
        let person = find(app, &self.place, &self.login).await?;
        anyhow::ensure!(person.disabled_at.is_none(), "{} is shut out", person.login);
        let (code, expires_at) = app.auth.device_code(person.workspace, person.user, None).await.context("cannot make a code")?;
        println!("{}", code.reveal());
        eprintln!("for one phone of {}, until {}", person.login, shown(expires_at));
        Ok(())
    }
}

impl List {
    async fn run(self, app: &App) -> anyhow::Result<()> {
        let workspace = self.place.find(app).await?.workspace;
        let mut tx = app.store.reader().await?;
        let logins = people::users(&mut tx, workspace).await?;
        let login = |id| logins.iter().find(|one| one.user == id).map_or_else(String::new, |one| one.login.clone());
        let forks = trail::last_of_each(&mut tx, workspace, Act::DeviceForked.as_str()).await?;
        let mut rows = vec![["DEVICE", "USER", "NAME", "APP", "LAST SEEN", ""].map(str::to_owned).to_vec()];
        rows.extend(devices::devices(&mut tx, workspace).await?.into_iter().map(|one| {
            let state = match one.revoked_at {
                Some(_) => "revoked",
                None if forks.contains_key(&one.device.to_string()) => "two copies?",
                None => "",
            };
            vec![one.device.to_string(), login(one.user), one.name, one.app, shown(one.last_seen_at), state.to_owned()]
        }));
        say(&table(&rows))?;
        Ok(())
    }
}

impl Revoke {
    async fn run(self, app: &App) -> anyhow::Result<()> {
        let workspace = self.place.find(app).await?.workspace;
        let was_in = app.auth.revoke_device(workspace, self.device, None).await?;
        anyhow::ensure!(was_in, "there is no such device, or it was shut out before; `rapport device list` shows them");
        println!("shut out");
        Ok(())
    }
}
