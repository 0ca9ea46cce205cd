//! Every route, and what it promises: who is let in, whose things its address names.
//!
//! A new route fails the tests until it stands here. `{kind}` is `party` unless the route is about another
//! kind; the other names in braces are ids of the thing that a line is about, or secrets of whoever asks.

use rapport_server::audit::Act as Noted;

use super::Thing;

/// Who is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Whoever asks.
    Anybody,
    /// A device, with its token.
    Device,
    /// A person, or a program with a key within its scopes.
    Caller,
    /// A person, a program or a device.
    Bearer,
    /// A person: keys are refused.
    Person,
    /// A person who administers.
    Office,
    /// A page: who is not signed in is sent to do so.
    Page,
    /// A page for people who administer.
    OfficePage,
    /// A page for people who may take records out.
    ExportPage,
}

/// A route.
#[derive(Debug, Clone, Copy)]
pub struct Door {
    pub method: &'static str,
    pub path: &'static str,
    pub guard: Guard,
    /// What the ids in its address name.
    pub thing: Thing,
    /// What is sent, so that a refusal is about rights and not about a form; `{id}` is the thing's id here, too.
    pub body: Body,
    /// What answers ids of another workspace.
    pub foreign: &'static [u16],
    /// What else may answer ids of this house: some things are one person's alone.
    pub own: &'static [u16],
    /// What is asked for behind the address, one after the other; `{record}` is the id of a customer.
    pub queries: &'static [&'static str],
    /// Whether it only reads, whatever its method.
    pub reads: bool,
    /// The canaries of records that who administers finds there: none of them is to be found by who may not see it.
    pub bears: &'static [Canary],
    /// Why there are none.
    pub bare: &'static str,
    /// What the audit log says once who administers has come through.
    pub told: Told,
    /// As which acts it tells of it.
    pub noted: &'static [Noted],
}

/// What the audit log says of a door: that of doors for who administers, and of what hands out records as a file.
#[derive(Debug, Clone, Copy)]
pub enum Told {
    /// That it was done, by the request that stands here.
    AsAsked,
    /// That it was done, by this one: what stands here would be refused.
    Of(Body),
    /// Nothing, and why.
    Nothing(&'static str),
}

/// What a canary stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Canary {
    /// All that is the house's: names of people, kinds, views, and records.
    House,
    /// Records that some do not see.
    Far,
    /// Offers, which some do not see.
    Sold,
    /// The private facet.
    Private,
    /// The commercial facet.
    Commercial,
    /// When the private facet was edited.
    Moment,
}

#[derive(Debug, Clone, Copy)]
pub enum Body {
    None,
    Json(&'static str),
    Form(&'static str),
    /// A file in a form.
    File(&'static str),
}

impl Door {
    const fn json(self, body: &'static str) -> Self {
        Self { body: Body::Json(body), ..self }
    }

    const fn form(self, body: &'static str) -> Self {
        Self { body: Body::Form(body), ..self }
    }

    const fn asked(self, queries: &'static [&'static str]) -> Self {
        Self { queries, ..self }
    }

    /// A question that is too long for an address.
    const fn reads(self) -> Self {
        Self { reads: true, ..self }
    }

    /// Asks about what some may not see.
    const fn refuses(self) -> Self {
        Self { own: &[403], ..self }
    }

    const fn bears(self, bears: &'static [Canary]) -> Self {
        Self { bears, ..self }
    }

    /// Nothing of records stands there, and why.
    const fn bare(self, bare: &'static str) -> Self {
        Self { bare, ..self }
    }

    /// Foreign ids are not refused, they find nothing; nothing of theirs is shown or changed either way.
    const fn finds_nothing(self, foreign: &'static [u16]) -> Self {
        Self { foreign, ..self }
    }

    /// What the log tells of is done by this.
    const fn told(self, body: Body) -> Self {
        Self { told: Told::Of(body), ..self }
    }

    /// The acts that the log tells of then.
    const fn noted(self, noted: &'static [Noted]) -> Self {
        Self { noted, ..self }
    }

    /// The log says nothing of it, and why.
    const fn untold(self, why: &'static str) -> Self {
        Self { told: Told::Nothing(why), ..self }
    }

    /// One person's alone, though somebody else of the house may come as far as its door.
    const fn personal(self) -> Self {
        Self { own: &[404], ..self }
    }

    /// Whether it changes nothing.
    pub fn is_safe(&self) -> bool {
        self.reads || matches!(self.method, "GET" | "HEAD" | "OPTIONS")
    }
}

const fn door(method: &'static str, path: &'static str, guard: Guard, thing: Thing) -> Door {
    let (body, foreign, own, queries) = (Body::None, &[404], &[], &[""]);
    Door { method, path, guard, thing, body, foreign, own, queries, reads: false, bears: &[], bare: "", told: Told::AsAsked, noted: &[] }
}

use Canary::{Commercial, Far, Moment, Private, Sold};
use Guard::{Anybody, Bearer, Caller, Device, ExportPage, Office, OfficePage, Page, Person};
use Thing::{
    Act, Article, Colleague, Dashboard, Delivery, DeviceOf, Disputed, File, Form, Hook, Import, Key, Nothing, Pair, Record, Refused,
    Session, Upload,
};

/// All of them, in the order of `router.rs` and `console/`.
pub const DOORS: &[Door] = &[
    // Devices.
    door("POST", "/sync", Device, Nothing),
    door("GET", "/sync/live", Device, Nothing).bare("socket"),
    door("POST", "/sync/enrol", Anybody, Nothing),
    // Integrations.
    door("POST", "/api/v1/sign-in", Anybody, Nothing).json("{}"),
    door("POST", "/api/v1/sign-out", Person, Nothing),
    door("GET", "/api/v1/me", Caller, Nothing).bare("self"),
    door("GET", "/api/v1/me/rights", Person, Nothing).bare("rights"),
    door("GET", "/api/v1/me/followed", Person, Nothing).bears(&[Far]),
    door("POST", "/api/v1/me/followed/seen", Person, Nothing).json(r#"{"position": 1}"#),
    door("POST", "/api/v1/me/password", Person, Nothing).json(r#"{"present": "wrong-password", "new": "another-password"}"#),
    door("POST", "/api/v1/devices/codes", Office, Nothing).json(r#"{"login": "office"}"#).noted(&[Noted::DeviceCode]),
    door("GET", "/api/v1/sessions", Person, Nothing).bare("sessions"),
    door("DELETE", "/api/v1/sessions/{id}", Person, Session),
    door("GET", "/api/v1/keys", Person, Nothing).bare("keys"),
    door("POST", "/api/v1/keys", Person, Nothing).json("{}"),
    door("DELETE", "/api/v1/keys/{id}", Person, Key),
    door("GET", "/api/v1/webhooks", Office, Nothing).bare("addresses"),
    door("POST", "/api/v1/webhooks", Office, Nothing).json(r#"{"url": "https://1.1.1.1/", "events": "*"}"#).noted(&[Noted::WebhookChanged]),
    door("PATCH", "/api/v1/webhooks/{id}", Office, Hook).json(r#"{"paused": true}"#).noted(&[Noted::WebhookChanged]),
    door("DELETE", "/api/v1/webhooks/{id}", Office, Hook).noted(&[Noted::WebhookChanged]),
    door("GET", "/api/v1/webhooks/{id}/deliveries", Office, Hook).finds_nothing(&[200, 404]).bears(&[Moment]),
    door("POST", "/api/v1/webhooks/{id}/deliveries/{delivery}/replay", Office, Delivery).noted(&[Noted::WebhookChanged]),
    door("GET", "/api/v1/calendars", Person, Nothing).bare("secret"),
    door("POST", "/api/v1/calendars", Person, Nothing),
    door("DELETE", "/api/v1/calendars", Person, Nothing),
    door("GET", "/api/v1/privacy", Office, Nothing).bare("erased"),
    door("GET", "/api/v1/privacy/{id}", Office, Record).bears(&[Far, Sold, Private, Commercial, Moment]).noted(&[Noted::Downloaded]),
    door("POST", "/api/v1/privacy/{id}/erase", Office, Record).noted(&[Noted::Erased]),
    door("POST", "/api/v1/privacy/{id}/forget", Office, Record).noted(&[Noted::PastForgotten]),
    door("GET", "/api/v1/handovers", Office, Nothing).bare("counts"),
    door("POST", "/api/v1/handovers", Office, Colleague).json(r#"{"from": "{id}", "to": "{id}"}"#).finds_nothing(&[404, 422]).told(Body::Json(r#"{"from": "{id}", "to": "{other}"}"#)).noted(&[Noted::HandedOver]),
    door("POST", "/api/v1/handovers/preview", Office, Colleague).json(r#"{"from": "{id}", "to": "{id}"}"#).finds_nothing(&[404, 422]).reads().bare("counts"),
    door("POST", "/api/v1/handovers/{id}/undo", Office, Act).noted(&[Noted::HandedOver]),
    door("GET", "/api/v1/openapi.json", Caller, Nothing).bare("kinds"),
    door("GET", "/api/v1/kinds", Caller, Nothing).bare("kinds"),
    door("GET", "/api/v1/kinds/{kind}", Caller, Nothing).bare("kinds"),
    door("GET", "/api/v1/conflicts", Caller, Nothing).bears(&[Far, Commercial]),
    door("GET", "/api/v1/rejected", Caller, Nothing).asked(&["", "state=decided"]).bears(&[Far, Private]),
    // Deciding has tests of its own.
    door("GET", "/api/v1/rejected/{change}", Caller, Refused).personal().bears(&[Far, Private]),
    door("POST", "/api/v1/rejected/{change}/accept", Caller, Nothing).json("{}"),
    door("POST", "/api/v1/rejected/{change}/decline", Caller, Nothing).json(r#"{"note": "x"}"#),
    door("POST", "/api/v1/rejected/{change}/return", Caller, Nothing).json(r#"{"reason": "x"}"#),
    door("POST", "/api/v1/rejected/{change}/reopen", Caller, Nothing),
    door("POST", "/api/v1/role/preview", Office, Nothing).json(r#"{"without": "rep"}"#).reads().bare("counts"),
    door("POST", "/api/v1/kind/preview", Office, Nothing).json(r#"{"definition": "name = \"lease\"\nlabel = { en = \"Lease\", zh = \"租约\" }\nplural = { en = \"Leases\", zh = \"租约\" }\ntitle = \"name\"\nlist = [\"name\"]\n[[field]]\nname = \"name\"\nlabel = { en = \"Name\", zh = \"名称\" }\n"}"#).reads().bare("counts"),
    door("GET", "/api/v1/quote-collisions", Caller, Nothing).bears(&[Far, Sold]),
    door("GET", "/api/v1/{kind}", Caller, Nothing).asked(&["", "total=true&archived=any"]).bears(&[Far, Private, Commercial, Moment]),
    door("POST", "/api/v1/{kind}", Caller, Nothing).json(r#"{"fields": {}}"#),
    door("POST", "/api/v1/{kind}/batch", Caller, Record)
        .json(r#"{"mode": "update", "items": [{"id": "{id}", "fields": {"name": "x"}}]}"#)
        .finds_nothing(&[200]),
    door("POST", "/api/v1/{kind}/search", Caller, Record)
        .reads()
        .json(r#"{"filterGroups": [{"filters": [{"propertyName": "id", "operator": "EQ", "value": "{id}"}]}]}"#)
        .finds_nothing(&[200]).bears(&[Far, Private, Commercial, Moment]),
    door("GET", "/api/v1/{kind}/duplicates", Caller, Nothing).bears(&[Far, Private, Commercial, Moment]),
    door("GET", "/api/v1/{kind}/figures", Caller, Nothing).asked(&["by=industry", "by=id_number", "by=name&measure=sum:credit_limit"]).bears(&[Far, Private, Commercial]).refuses(),
    door("GET", "/api/v1/{kind}/{id}", Caller, Record).bears(&[Far, Sold, Private, Commercial, Moment]),
    door("PATCH", "/api/v1/{kind}/{id}", Caller, Record).json(r#"{"edits": [{"op": "set", "field": "name", "value": "x"}]}"#),
    door("POST", "/api/v1/{kind}/{id}/archive", Caller, Record),
    door("POST", "/api/v1/{kind}/{id}/restore", Caller, Record),
    door("GET", "/api/v1/{kind}/{id}/card", Caller, Record).bears(&[Far]).noted(&[Noted::Exported]),
    door("GET", "/api/v1/{kind}/{id}/duplicates", Caller, Record).bears(&[Far, Private]),
    // Nothing is the same as itself.
    door("POST", "/api/v1/{kind}/{id}/merge", Caller, Record).json(r#"{"duplicate": "{id}"}"#).personal(),
    door("POST", "/api/v1/{kind}/{id}/set-apart", Caller, Record).json(r#"{"other": "{id}"}"#).personal(),
    door("POST", "/api/v1/{kind}/{id}/part", Caller, Record),
    door("GET", "/api/v1/{kind}/{id}/history", Caller, Record).bears(&[Far, Private, Commercial, Moment]),
    door("GET", "/api/v1/{kind}/{id}/as-of", Caller, Record).asked(&["at=1800003600000"]).bears(&[Far, Private, Commercial]),
    door("GET", "/api/v1/{kind}/{id}/explain", Caller, Record).bare("rights"),
    door("GET", "/api/v1/{kind}/{id}/conflicts", Caller, Disputed).bears(&[Far, Commercial]),
    door("POST", "/api/v1/{kind}/{id}/conflicts/resolve", Caller, Record).json(r#"{"path": "name", "value": "x"}"#),
    // The console.
    door("GET", "/", Page, Nothing).bare("redirect"),
    door("GET", "/start", Page, Nothing).bare("help"),
    door("POST", "/start/sample", OfficePage, Nothing).form("act=load").noted(&[Noted::Imported]),
    door("GET", "/sign-in", Anybody, Nothing).bare("stranger"),
    door("POST", "/sign-in", Anybody, Nothing).form("login=nobody&password=nothing-at-all"),
    // Without the ticket of a first step it begins anew.
    door("POST", "/sign-in/code", Anybody, Nothing).form("ticket=none"),
    // No provider is set here; going there and back has tests of its own.
    door("GET", "/sign-in/with/{provider}", Anybody, Nothing).bare("stranger"),
    door("GET", "/sign-in/back", Anybody, Nothing).asked(&["code=x&state=y"]).bare("stranger"),
    door("POST", "/sign-out", Page, Nothing),
    door("POST", "/language", Page, Nothing).form("language=en"),
    door("GET", "/records/{kind}", Page, Nothing).asked(&["", "columns=name,id_number,credit_limit", "layout=bar&group=industry", "layout=bar&group=id_number&measure=sum:credit_limit", "group=id_number"]).bears(&[Far, Private, Commercial]),
    door("POST", "/records/{kind}", Page, Nothing).form("f.name="),
    door("GET", "/records/{kind}/filter", Page, Nothing).bears(&[Far]),
    door("POST", "/records/{kind}/filter", Page, Nothing).form("conditions.form=&conditions.0.attribute=industry&conditions.0.was=industry&conditions.0.op=isNull").bears(&[Far]),
    door("GET", "/records/{kind}/columns", Page, Nothing).bare("fields"),
    door("POST", "/records/{kind}/views", Page, Nothing).form("act=save&name="),
    door("POST", "/records/{kind}/cell", Page, Record).form("id={id}&field=industry&f.industry=x"),
    door("POST", "/records/{kind}/move", Page, Record).form("id={id}&value=won"),
    door("POST", "/records/{kind}/bulk", Page, Record)
        .form("id={id}&field=industry&f.industry=x&step=apply")
        .finds_nothing(&[200, 303, 404]),
    door("POST", "/records/{kind}/bulk/{act}/undo", Page, Act),
    door("GET", "/records/{kind}/export.vcf", ExportPage, Nothing).bears(&[Far]).noted(&[Noted::Exported]),
    door("GET", "/records/{kind}/export.csv", ExportPage, Nothing).asked(&["", "columns=name,id_number,credit_limit"]).bears(&[Far, Private, Commercial]).noted(&[Noted::Exported]),
    door("GET", "/records/{kind}/export.xlsx", ExportPage, Nothing).asked(&["", "columns=name,id_number,credit_limit"]).bears(&[Far, Private, Commercial]).noted(&[Noted::Exported]),
    door("GET", "/records/{kind}/export.pdf", ExportPage, Nothing).asked(&["", "columns=name,id_number,credit_limit", "layout=bar&group=id_number&measure=sum:credit_limit"]).bears(&[Far, Private, Commercial]).noted(&[Noted::Exported]),
    door("GET", "/records/{kind}/new", Page, Nothing).bears(&[Far]),
    door("GET", "/records/{kind}/{id}", Page, Record).bears(&[Far, Sold, Private, Commercial, Moment]),
    door("POST", "/records/{kind}/{id}/fields/{field}", Page, Record).form("f.industry=x"),
    door("POST", "/records/{kind}/{id}/resolve", Page, Record).form("path=name&f.name=x"),
    door("GET", "/records/{kind}/{id}/archive", Page, Record).bears(&[Far]),
    door("POST", "/records/{kind}/{id}/archive", Page, Record),
    door("POST", "/records/{kind}/{id}/restore", Page, Record),
    door("GET", "/records/{kind}/{id}/history", Page, Record).bears(&[Far, Private, Commercial, Moment]),
    door("GET", "/records/{kind}/{id}/replay", Page, Record).bears(&[Far, Sold, Private, Commercial, Moment]),
    door("POST", "/records/{kind}/{id}/comments", Page, Record).form("text=x"),
    door("POST", "/records/{kind}/{id}/undo", Page, Record).form("change=0000000000000000000000000000000000000000000000000000000000000000"),
    door("POST", "/records/{kind}/{id}/follow", Page, Record),
    door("POST", "/records/{kind}/{id}/unfollow", Page, Record).form("back="),
    door("POST", "/records/{kind}/{id}/files", Page, Record),
    door("POST", "/records/{kind}/{id}/part", Page, Record),
    door("POST", "/records/{kind}/likely", Page, Nothing).form("f.name={name}").reads().bears(&[Far]),
    door("POST", "/records/{kind}/foreseen", Page, Nothing).form("f.name=x").reads().bare("typed"),
    door("GET", "/duplicates", Page, Nothing).bears(&[Far]),
    door("GET", "/duplicates/{kind}/{survivor}", Page, Record).bears(&[Far]),
    door("GET", "/duplicates/{kind}/{survivor}/{duplicate}", Page, Pair).bears(&[Far, Private, Moment]),
    door("POST", "/duplicates/{kind}/{survivor}/{duplicate}", Page, Pair),
    door("POST", "/duplicates/undo/{act}", Page, Act),
    door("GET", "/kinds", Page, Nothing).bare("kinds"),
    door("GET", "/kinds/new", OfficePage, Nothing).bare("kinds"),
    door("POST", "/kinds/new", OfficePage, Nothing).told(Body::Form("step=text&text={kind}")).noted(&[Noted::RightsChanged]),
    door("GET", "/kinds/template", OfficePage, Nothing).bare("kinds"),
    door("POST", "/kinds/template", OfficePage, Nothing).told(Body::File("car_dealer")).noted(&[Noted::RightsChanged]),
    door("POST", "/kinds/template/file", OfficePage, Nothing).form("kind=party").untold("what kinds are, and no record"),
    door("GET", "/kinds/{name}", OfficePage, Nothing).bare("kinds"),
    door("POST", "/kinds/{name}", OfficePage, Nothing).told(Body::Form("step=text&text={party}")).noted(&[Noted::SettingsChanged]),
    door("GET", "/admin", OfficePage, Nothing).bare("settings"),
    door("POST", "/admin/numbers", OfficePage, Nothing).noted(&[Noted::SettingsChanged]),
    door("POST", "/admin/settings", OfficePage, Nothing).untold("leads to the form, which is saved elsewhere"),
    door("GET", "/people", OfficePage, Nothing).bare("people"),
    door("POST", "/people", OfficePage, Nothing).told(Body::Form("login=new&name=New&role=rep&language=en")).noted(&[Noted::UserAdded, Noted::RightsChanged]),
    door("GET", "/people/{user}", OfficePage, Colleague).bare("people"),
    door("POST", "/people/{user}", OfficePage, Colleague).told(Body::Form("whole=&step=save&name=Other&role=manager&active=on&language=en")).noted(&[Noted::RightsChanged]),
    door("POST", "/people/{user}/password", OfficePage, Colleague).noted(&[Noted::PasswordSet]),
    door("POST", "/people/{user}/second/off", OfficePage, Colleague).noted(&[Noted::SecondFactorOff]),
    door("POST", "/people/{user}/sessions/end", OfficePage, Colleague).noted(&[Noted::SessionEnded]),
    door("GET", "/people/{user}/sees", OfficePage, Colleague).bare("rights"),
    door("GET", "/people/{user}/why", OfficePage, Colleague).asked(&["record={record}"]).bears(&[Far]),
    door("GET", "/teams", OfficePage, Nothing).bare("people"),
    door("POST", "/teams", OfficePage, Nothing).told(Body::Form("what=teams&act=add&name=North&member={member}&step=save")).noted(&[Noted::RightsChanged]),
    door("GET", "/roles", OfficePage, Nothing).bare("rights"),
    door("POST", "/roles", OfficePage, Nothing).form("name=north&like=rep").untold("leads to the sheet of a role, which is saved there"),
    door("GET", "/roles/{role}", OfficePage, Nothing).bare("rights"),
    door("POST", "/roles/{role}", OfficePage, Nothing).told(Body::Form("whole=&label_en=Rep&label_zh=%E9%94%80%E5%94%AE&row=*&*.read=all&*.reads=main&step=save")).noted(&[Noted::RightsChanged]),
    door("POST", "/roles/{role}/remove", OfficePage, Nothing).noted(&[Noted::RightsChanged, Noted::Archived]),
    door("GET", "/handover", OfficePage, Nothing).bare("people"),
    door("POST", "/handover", OfficePage, Colleague).form("from={id}&to={id}").finds_nothing(&[200, 404, 422]).told(Body::Form("from={id}&to={other}&step=apply")).noted(&[Noted::HandedOver]),
    door("POST", "/handover/{act}/undo", OfficePage, Act).noted(&[Noted::HandedOver]),
    door("GET", "/imports", Page, Nothing).bare("acts"),
    door("POST", "/imports", Page, Nothing),
    door("GET", "/imports/{id}", Page, Import).personal().bare("own"),
    door("POST", "/imports/{id}", Page, Import).form("act=run"),
    door("GET", "/imports/{id}/failed.csv", Page, Import).personal().bare("own"),
    door("POST", "/imports/undo/{import}", Page, Act),
    door("GET", "/imports/records/{import}", Page, Act).bare("nothing"),
    door("GET", "/search", Page, Nothing).asked(&["q=canary"]).bears(&[Far]),
    door("GET", "/lookup", Page, Nothing).asked(&["kinds=party,deal,activity,member,kind,view&q=canary"]).bears(&[Far]),
    door("GET", "/conflicts", Page, Nothing).bears(&[Far, Commercial]),
    door("POST", "/conflicts/resolve", Page, Record).form("at=party+{id}+name&rule=shown").finds_nothing(&[303]),
    door("GET", "/followed", Page, Nothing).bears(&[Far]),
    door("POST", "/followed/seen", Page, Nothing).form("position=1"),
    door("GET", "/mentions", Page, Nothing).bears(&[Far]),
    door("POST", "/mentions/seen", Page, Nothing).form("position=1"),
    door("GET", "/mentions/offer", Page, Nothing).asked(&["q=canary"]).bare("people"),
    door("GET", "/rejected", Page, Nothing).asked(&["", "state=decided"]).bears(&[Far, Private]),
    door("POST", "/rejected", Page, Nothing),
    door("GET", "/rejected/{change}", Page, Refused).personal().bears(&[Far, Private]),
    door("POST", "/rejected/{change}", Page, Nothing),
    door("POST", "/rejected/{change}/change", Page, Nothing),
    door("GET", "/dashboards", Page, Nothing).bare("redirect"),
    door("POST", "/dashboards", Page, Nothing),
    door("GET", "/dashboards/{id}", Page, Dashboard).asked(&["whole=true"]).bears(&[Far, Private, Commercial]),
    door("POST", "/dashboards/{id}", Page, Dashboard).form("act=remove"),
    door("GET", "/dashboards/{id}/report.pdf", Page, Dashboard).bears(&[Far, Private, Commercial]).noted(&[Noted::Exported]),
    door("GET", "/dashboards/{id}/report.csv", Page, Dashboard).bears(&[Far, Private, Commercial]).noted(&[Noted::Exported]),
    door("POST", "/dashboards/{id}/links", Page, Dashboard),
    door("POST", "/dashboards/{id}/links/{link}/revoke", Page, Dashboard),
    door("POST", "/dashboards/{id}/mails", Page, Dashboard).form("recipients=a%40firm.example&every=day&hour=8"),
    door("POST", "/dashboards/{id}/mails/{mail}/stop", Page, Dashboard),
    // Whoever knows the secret address: who asks here knows the one of their own.
    door("GET", "/shared/{token}", Anybody, Nothing).bears(&[Far, Private, Commercial]),
    door("GET", "/shared/{token}/report.pdf", Anybody, Nothing).bears(&[Far, Private, Commercial]).noted(&[Noted::Exported]),
    door("GET", "/shared/{token}/report.csv", Anybody, Nothing).bears(&[Far, Private, Commercial]).noted(&[Noted::Exported]),
    door("GET", "/collisions", Page, Nothing).bears(&[Far, Sold]),
    door("GET", "/gaps", Page, Nothing).asked(&["", "whole=true"]).bare("counts"),
    door("GET", "/plan", Page, Nothing).asked(&["", "span=month"]).bears(&[Far]),
    door("GET", "/quality", Page, Nothing).asked(&["kind=party&field=name"]).bare("counts"),
    door("GET", "/help", Page, Nothing).bare("help"),
    // No page of help is called so.
    door("GET", "/help/{name}", Page, Nothing).personal().bare("help"),
    door("GET", "/adoption", OfficePage, Nothing).bare("people"),
    door("GET", "/devices", OfficePage, Nothing).bare("devices"),
    door("POST", "/devices/terms", OfficePage, Nothing).told(Body::Form("lease_days=30")).noted(&[Noted::RightsChanged]),
    door("POST", "/devices/{device}/confirm", OfficePage, DeviceOf).form("step=let_in").finds_nothing(&[303, 404, 409]).noted(&[Noted::DeviceEnrolled]),
    door("POST", "/devices/code", OfficePage, Colleague).form("user={id}").noted(&[Noted::DeviceCode]),
    door("GET", "/devices/{device}/revoke", OfficePage, DeviceOf).bare("devices"),
    door("POST", "/devices/{device}/revoke", OfficePage, DeviceOf).finds_nothing(&[303, 404]).noted(&[Noted::DeviceRevoked]),
    door("GET", "/account", Page, Nothing).bare("self"),
    door("GET", "/account/password", Page, Nothing).bare("self"),
    door("POST", "/account/password", Page, Nothing).form("present=wrong-password&new=another-password&again=another-password"),
    door("GET", "/account/second", Page, Nothing).bare("self"),
    door("POST", "/account/second", Page, Nothing).form("code=000000&present=none"),
    door("POST", "/account/second/off", Page, Nothing).form("present=wrong-password"),
    door("GET", "/account/sees", Page, Nothing).bare("rights"),
    door("POST", "/account/sessions/end", Page, Session).form("session={id}").finds_nothing(&[303]),
    door("GET", "/account/devices/{device}/leave", Page, DeviceOf).personal().bare("devices"),
    door("POST", "/account/devices/{device}/leave", Page, DeviceOf).form("act=lost").personal(),
    door("GET", "/account/phone", Page, Nothing).bare("self"),
    door("POST", "/account/phone", Page, Nothing).form("number=%2B8613812345678&present=wrong-password"),
    door("POST", "/account/phone/code", Page, Nothing).form("code=000000"),
    door("POST", "/account/phone/again", Page, Nothing),
    door("POST", "/account/phone/off", Page, Nothing).form("present=wrong-password"),
    door("POST", "/account/calendar", Page, Nothing).form("act=renew"),
    door("GET", "/lead-forms", OfficePage, Nothing).bare("forms"),
    door("POST", "/lead-forms", OfficePage, Nothing).form("name=").told(Body::Form("name=Website&kind=party&fields=name")).noted(&[Noted::LeadFormMade]),
    door("POST", "/lead-forms/{form}/revoke", OfficePage, Form).noted(&[Noted::LeadFormRevoked]),
    // Whoever knows its address.
    door("GET", "/forms/{key}", Anybody, Nothing).bare("forms"),
    door("POST", "/forms/{key}", Anybody, Nothing).form("name=x"),
    door("GET", "/forms/{key}/answers/{id}", Anybody, Article).bare("public"),
    door("POST", "/forms/{key}/answers/{id}", Anybody, Article).form("helped=yes"),
    door("GET", "/keys", Page, Nothing).bare("keys"),
    door("POST", "/keys", Page, Nothing).form("name=&scopes=&days=1"),
    door("POST", "/keys/{key}/revoke", Page, Key),
    door("GET", "/webhooks", OfficePage, Nothing).bare("addresses"),
    door("POST", "/webhooks", OfficePage, Nothing).form("url=https://1.1.1.1/&events=*").noted(&[Noted::WebhookChanged]),
    door("GET", "/webhooks/{id}", OfficePage, Hook).bears(&[Moment]),
    door("POST", "/webhooks/{id}", OfficePage, Hook).form("act=pause").noted(&[Noted::WebhookChanged]),
    door("GET", "/webhooks/{id}/remove", OfficePage, Hook).bare("addresses"),
    door("POST", "/webhooks/{id}/deliveries/{delivery}/replay", OfficePage, Delivery).noted(&[Noted::WebhookChanged]),
    door("GET", "/privacy", OfficePage, Nothing).bare("erased"),
    door("GET", "/privacy/{id}", OfficePage, Record).bears(&[Far, Sold]),
    door("GET", "/privacy/{id}/page.html", OfficePage, Record).bears(&[Far, Sold, Private, Commercial]).noted(&[Noted::Downloaded]),
    door("POST", "/privacy/{id}", OfficePage, Record).form("title=x").told(Body::Form("title=fresh")).noted(&[Noted::Erased]),
    door("POST", "/privacy/{id}/forget", OfficePage, Record).form("sure=yes").noted(&[Noted::PastForgotten, Noted::Disclosed]),
    door("GET", "/retention", OfficePage, Nothing).bare("rules"),
    door("POST", "/retention/daily", OfficePage, Nothing).form("step=off").told(Body::Form("step=on")).noted(&[Noted::RetentionSwitched]),
    // No record of this house is a rule that erases.
    door("POST", "/retention/{rule}", OfficePage, Record).form("seen=nothing&sure=true").personal().told(Body::Form("seen={seen}&sure=true")).noted(&[Noted::RetentionRun, Noted::Erased]),
    door("GET", "/audit", OfficePage, Nothing).bears(&[Far]),
    door("GET", "/events", Page, Nothing).bare("endless"),
    door("GET", "/assets/{name}", Anybody, Nothing).bare("assets"),
    door("GET", "/favicon.ico", Anybody, Nothing).bare("assets"),
    // Whoever knows the secret address, again.
    door("GET", "/calendar/{file}", Anybody, Nothing).bears(&[Far]).untold("asked for again and again, by a program: that its address was made is told"),
    // Operators; the tests ask from this machine.
    door("GET", "/healthz", Anybody, Nothing).bare("health"),
    door("GET", "/readyz", Anybody, Nothing).bare("health"),
    door("GET", "/metrics", Anybody, Nothing).bare("counts"),
    // Files.
    door("POST", "/api/v1/uploads", Bearer, Nothing),
    door("OPTIONS", "/api/v1/uploads", Anybody, Nothing).bare("headers"),
    door("HEAD", "/api/v1/uploads/{id}", Bearer, Upload).personal().bare("headers"),
    door("PATCH", "/api/v1/uploads/{id}", Bearer, Upload).finds_nothing(&[404, 415]),
    door("DELETE", "/api/v1/uploads/{id}", Bearer, Upload),
    door("OPTIONS", "/api/v1/uploads/{id}", Anybody, Upload).finds_nothing(&[204]).bare("headers"),
    door("GET", "/api/v1/file/{id}/content", Bearer, File).bears(&[Far]).untold("a file as pages show it"),
    door("GET", "/api/v1/file/{id}/thumbnail", Bearer, File).bears(&[Far]).untold("a small picture as pages show it"),
];
