//! Door 3: HTML for the back office, generic over kinds.
//!
//! Pages for people: lists, records with their disagreements and history, what waits for a decision. A
//! handler takes its input, asks `reading` or `intake`, and fills a template. Never touches the database
//! itself, and writes no HTML outside of `templates/`. Every page works without the script.

mod account;
mod admin;
mod adoption;
mod agents;
mod answers;
mod ask;
pub mod assets;
mod audit;
mod collisions;
mod conditions;
mod dashboards;
mod desk;
mod devices;
mod disputes;
mod dossier;
mod duplicates;
mod edit;
mod events;
mod files;
mod follows;
mod foreseen;
mod format;
mod forms;
mod gaps;
mod handover;
mod help;
mod history;
mod hooks;
mod imports;
mod inputs;
mod keys;
mod kinds;
mod linked;
mod links;
mod list;
mod made;
pub mod mails;
mod make;
mod mentions;
mod packages;
mod people;
mod phone;
mod plan;
mod portrait;
mod privacy;
mod problems;
mod quality;
mod record;
mod rejected;
mod replay;
pub mod requests;
mod retention;
mod role_form;
mod roles;
mod search;
mod sees;
mod shares;
mod shown_to;
mod sign_in;
mod start;
mod stays;
mod teams;
mod timeline;
mod told;
mod typed;
mod why;
mod with;
pub mod words;
mod worth;

use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::app::App;
use crate::error::{Error, Text};
use crate::routes::Routes;

pub use problems::{as_pages, not_this_way, nothing_here};

/// Every address of the console.
pub fn routes(app: &App) -> Routes {
    Routes::new()
        .merge(list::routes())
        .merge(one_record())
        .merge(files_brought_in())
        .merge(own_account())
        .merge(office())
        .merge(beside())
        .route("/", get(start::front))
        .route("/start", get(start::page))
        .route("/start/sample", post(start::change))
        .route("/sign-in", get(sign_in::form).post(sign_in::enter))
        .route("/sign-in/code", post(sign_in::send_code))
        .route("/sign-in/with/{provider}", get(with::away))
        .route("/sign-in/back", get(with::back))
        .route("/sign-out", post(sign_in::leave))
        .route("/language", post(sign_in::switch_language))
        .route("/search", get(search::page))
        .route("/lookup", get(links::lookup))
        .route("/conflicts", get(disputes::page))
        .route("/conflicts/resolve", post(disputes::resolve_many))
        .route("/followed", get(follows::page))
        .route("/followed/seen", post(follows::seen))
        .route("/mentions", get(mentions::page))
        .route("/mentions/seen", post(mentions::seen))
        .route("/mentions/offer", get(mentions::offer))
        .route("/rejected", get(rejected::page).post(rejected::decide_many))
        .route("/rejected/{change}", get(rejected::change).post(rejected::decide))
        .route("/rejected/{change}/change", post(rejected::accept_changed))
        .route("/collisions", get(collisions::page))
        .route("/quality", get(quality::page))
        .route("/gaps", get(gaps::page))
        .route("/plan", get(plan::page))
        .route("/duplicates", get(duplicates::page))
        .route("/duplicates/undo/{act}", post(duplicates::undo))
        .route("/duplicates/{kind}/{survivor}", get(duplicates::choose))
        .route("/duplicates/{kind}/{survivor}/{duplicate}", get(duplicates::pair).post(duplicates::decide))
        .route("/dashboards", get(dashboards::start).post(dashboards::make))
        .route("/dashboards/{id}", get(dashboards::page).post(dashboards::change))
        .route("/dashboards/{id}/report.pdf", get(dashboards::report))
        .route("/dashboards/{id}/report.csv", get(dashboards::figures))
        .route("/dashboards/{id}/links", post(shares::make))
        .route("/dashboards/{id}/mails", post(mails::make))
        .route("/dashboards/{id}/mails/{mail}/stop", post(mails::stop))
        .route("/dashboards/{id}/links/{link}/revoke", post(shares::revoke))
        .route("/shared/{token}", get(shares::page))
        .route("/shared/{token}/report.pdf", get(shares::pdf))
        .route("/shared/{token}/report.csv", get(shares::csv))
        .route("/keys", get(keys::page).post(keys::make))
        .route("/keys/{key}/revoke", post(keys::revoke))
        .route("/webhooks", get(hooks::page).post(hooks::make))
        .route("/webhooks/{id}", get(hooks::one).post(hooks::change))
        .route("/webhooks/{id}/remove", get(hooks::ask_remove))
        .route("/webhooks/{id}/deliveries/{delivery}/replay", post(hooks::replay))
        .route("/retention", get(retention::page))
        .route("/retention/daily", post(retention::switch))
        .route("/retention/{rule}", post(retention::erase))
        .route("/privacy", get(privacy::list))
        .route("/privacy/{id}", get(privacy::page).post(privacy::erase))
        .route("/privacy/{id}/forget", post(privacy::forget))
        .route("/privacy/{id}/page.html", get(dossier::take_out))
        .route("/audit", get(audit::page))
        .route("/events", get(events::stream))
        .layer(from_fn_with_state(app.clone(), problems::as_pages))
        .route("/assets/{name}", get(assets::get))
        .route("/favicon.ico", get(assets::favicon))
}

/// Where people look after their own account.
fn own_account() -> Routes {
    Routes::new()
        .route("/account", get(account::page))
        .route("/account/password", get(account::own_password).post(account::password))
        .route("/account/second", get(account::second).post(account::confirm_second))
        .route("/account/second/off", post(account::drop_second))
        .route("/account/phone", get(phone::page).post(phone::add))
        .route("/account/phone/code", post(phone::confirm))
        .route("/account/phone/again", post(phone::again))
        .route("/account/phone/off", post(phone::remove))
        .route("/account/calendar", post(account::calendar))
        .route("/account/sees", get(sees::own))
        .route("/account/sessions/end", post(account::end_sessions))
        .route("/account/devices/{device}/leave", get(devices::ask_own).post(devices::leave))
}

/// Where files are brought in and taken back.
fn files_brought_in() -> Routes {
    Routes::new()
        .route("/imports", get(imports::page).post(imports::upload))
        .route("/imports/{id}", get(imports::file).post(imports::go))
        .route("/imports/{id}/failed.csv", get(imports::failed))
        .route("/imports/undo/{import}", post(imports::undo))
        .route("/imports/records/{import}", get(imports::records::page))
}

/// Where one record is made, read and changed.
fn one_record() -> Routes {
    Routes::new()
        .route("/records/{kind}/new", get(make::form))
        .route("/records/{kind}/likely", post(duplicates::while_typing))
        .route("/records/{kind}/foreseen", post(foreseen::while_typing))
        .route("/records/{kind}/{id}", get(record::page))
        .route("/records/{kind}/{id}/fields/{field}", post(edit::save))
        .route("/records/{kind}/{id}/resolve", post(disputes::resolve))
        .route("/records/{kind}/{id}/archive", get(edit::ask_archive).post(edit::archive))
        .route("/records/{kind}/{id}/restore", post(edit::restore))
        .route("/records/{kind}/{id}/history", get(history::page))
        .route("/records/{kind}/{id}/replay", get(replay::page))
        .route("/records/{kind}/{id}/part", post(duplicates::part))
        .route("/records/{kind}/{id}/comments", post(timeline::comment))
        .route("/records/{kind}/{id}/undo", post(timeline::undo))
        .route("/records/{kind}/{id}/follow", post(follows::follow))
        .route("/records/{kind}/{id}/unfollow", post(follows::unfollow))
}

/// Which of two words was sent: any other one does neither.
fn either(field: &str, sent: &str, yes: &str, no: &str) -> Result<bool, Error> {
    let unknown = || Text::new(format!("It is `{yes}` or `{no}`."), format!("应为 `{yes}` 或 `{no}`。"));
    match sent {
        _ if sent == yes => Ok(true),
        _ if sent == no => Ok(false),
        _ => Err(Error::Invalid { field: Some(field.to_owned()), message: unknown() }),
    }
}

/// Help, and the forms of strangers, who need no help.
fn beside() -> Routes {
    Routes::new()
        .route("/help", get(help::all))
        .route("/help/{name}", get(help::one))
        .route("/forms/{key}", get(forms::public).post(forms::send))
        .route("/forms/{key}/answers/{id}", get(answers::page).post(answers::judge))
}

/// Where the workspace itself is kept in order: its kinds, people, roles and phones.
fn office() -> Routes {
    Routes::new()
        .route("/admin", get(admin::page))
        .route("/adoption", get(adoption::page))
        .route("/lead-forms", get(forms::page).post(forms::make))
        .route("/lead-forms/{form}/revoke", post(forms::revoke))
        .route("/admin/settings", post(admin::open_settings))
        .route("/admin/numbers", post(admin::make_numbers))
        .route("/kinds", get(kinds::page))
        .route("/kinds/new", get(kinds::new).post(kinds::make))
        .route("/kinds/template", get(kinds::blueprint::page).post(kinds::blueprint::put))
        .route("/kinds/template/file", post(kinds::blueprint::take))
        .route("/kinds/{name}", get(kinds::one).post(kinds::change))
        .route("/devices", get(devices::page))
        .route("/devices/code", post(devices::code))
        .route("/devices/terms", post(devices::terms))
        .route("/devices/{device}/revoke", get(devices::ask).post(devices::revoke))
        .route("/devices/{device}/confirm", post(devices::confirm))
        .route("/handover", get(handover::page).post(handover::change))
        .route("/handover/{act}/undo", post(handover::undo))
        .route("/people", get(people::page).post(people::invite))
        .route("/people/{user}", get(people::one).post(people::change))
        .route("/people/{user}/password", post(people::password))
        .route("/people/{user}/second/off", post(people::drop_second))
        .route("/people/{user}/sessions/end", post(people::end_sessions))
        .route("/people/{user}/sees", get(sees::page))
        .route("/people/{user}/why", get(people::why))
        .route("/teams", get(teams::page).post(teams::change))
        .route("/roles", get(roles::page).post(roles::begin))
        .route("/roles/{role}", get(roles::one).post(roles::change))
        .route("/roles/{role}/remove", post(roles::remove))
}
