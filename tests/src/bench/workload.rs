//! The common workload: deterministic customer records of about 1.1 KB, the same bytes for every stack
//! that is measured (20 fields, 5 tags, some 295 characters of notes, 3 contacts).

use serde_json::{Map, Value as Json, json};

/// Fields that edits touch: plain ones, which every stack can merge.
pub const EDIT_FIELDS: [&str; 10] = ["phone", "email", "street", "city", "postal_code", "industry", "stage", "owner", "source", "website"];

const FIRST: &str = "Anna Bernd Clara David Elena Farid Greta Hanna Ivan Julia Karim Lena Marco Nadia Oskar Paula Quentin Rosa Samir Tanja Uwe Vera Walter Xenia Yusuf Zoe Amelie Boris Carla Dieter";
const LAST: &str = "Albrecht Baumann Costa Dietrich Engel Fischer Gruber Hartmann Ibrahim Jansen Keller Lorenz Moreau Novak Ortega Petrov Quandt Richter Schneider Tanaka Ullmann Vogel Wagner Yilmaz Zimmermann Okafor Lindqvist Rossi Silva Kowalski";
const WORDS: &str = "meeting called left message asked for quote about renewal contract pricing discount delivery next quarter budget approved pending legal review needs demo product team manager prefers email phone visit site follow up after holidays competitor offer considering upgrade licence seats support ticket resolved invoice paid late shipment delayed new contact introduced by partner conference interested in integration with existing system requires security questionnaire signed sent draft proposal waiting response decision expected end of month";
const INDUSTRIES: [&str; 10] = [
    "Manufacturing",
    "Retail",
    "Healthcare",
    "Logistics",
    "Software",
    "Construction",
    "Education",
    "Finance",
    "Hospitality",
    "Agriculture",
];
const STAGES: [&str; 6] = ["lead", "qualified", "proposal", "negotiation", "won", "lost"];
const CITIES: [&str; 12] = ["Berlin", "Hamburg", "Lyon", "Porto", "Vienna", "Krakow", "Turin", "Ghent", "Malmo", "Brno", "Zurich", "Cork"];
const COUNTRIES: [&str; 11] = ["DE", "FR", "PT", "AT", "PL", "IT", "BE", "SE", "CZ", "CH", "IE"];
const STREETS: [&str; 8] =
    ["Main Street", "Station Road", "Harbour Lane", "Mill Alley", "Church Street", "Garden Avenue", "Market Square", "River Walk"];
const TAGS: &str = "vip newsletter trade-show-2025 referral inbound outbound churn-risk upsell pilot partner reseller enterprise smb annual monthly priority dormant reactivated gdpr-ok no-call";
const SOURCES: [&str; 6] = ["web form", "referral", "trade show", "cold call", "partner", "import"];
const FORMS: [&str; 6] = ["GmbH", "AG", "Ltd", "SARL", "Srl", "AB"];
const ROLES: [&str; 5] = ["buyer", "engineer", "cfo", "assistant", "owner"];

/// Mulberry32, as the other stacks' harness has it.
struct Rng(u32);

impl Rng {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x6d2b_79f5);
        let mut t = self.0;
        t = (t ^ (t >> 15)).wrapping_mul(t | 1);
        t ^= t.wrapping_add((t ^ (t >> 7)).wrapping_mul(t | 61));
        f64::from(t ^ (t >> 14)) / 4_294_967_296.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() * limit as f64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b'0' + self.below(10) as u8)).collect()
    }
}

/// The `i`-th record.
pub fn record(i: usize) -> Json {
    let mut rng = Rng(0x9e37 + i as u32 * 7919);
    let (firsts, lasts): (Vec<_>, Vec<_>) = (FIRST.split(' ').collect(), LAST.split(' ').collect());
    let (words, all_tags): (Vec<_>, Vec<_>) = (WORDS.split(' ').collect(), TAGS.split(' ').collect());
    let (first, last) = (rng.pick(&firsts), rng.pick(&lasts));
    let company = format!("{last} {}", rng.pick(&FORMS));
    let domain = format!("{}-{}.example", last.to_lowercase(), rng.digits(3));
    let mut notes = String::new();
    while notes.len() < 290 {
        if !notes.is_empty() {
            notes.push(' ');
        }
        notes.push_str(rng.pick(&words));
    }
    let mut tags: Vec<&str> = Vec::new();
    while tags.len() < 5 {
        let tag = rng.pick(&all_tags);
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    let contacts: Vec<Json> = (0..3).map(|_| contact(&mut rng, &firsts, &lasts, &domain)).collect();
    let mut record = Map::new();
    let mut put = |name: &str, value: Json| record.insert(name.to_owned(), value);
    put("ref", json!(format!("C-{i:06}")));
    put("name", json!(company));
    put("phone", json!(format!("+49{}", rng.digits(10))));
    put("email", json!(format!("{}.{}@{domain}", first.to_lowercase(), last.to_lowercase())));
    let street = rng.pick(&STREETS);
    put("street", json!(format!("{street} {}", 1 + rng.below(200))));
    put("city", json!(rng.pick(&CITIES)));
    put("postal_code", json!(rng.digits(5)));
    put("country", json!(rng.pick(&COUNTRIES)));
    put("industry", json!(rng.pick(&INDUSTRIES)));
    put("stage", json!(rng.pick(&STAGES)));
    put("owner", json!(format!("{first} {last}")));
    put("amount", json!((rng.next() * 1e7).floor() / 100.0));
    put("currency", json!("EUR"));
    put("source", json!(rng.pick(&SOURCES)));
    put("website", json!(format!("https://www.{domain}")));
    put("created_at", json!(1_700_000_000 + (rng.next() * 3e7) as i64));
    put("updated_at", json!(1_735_000_000 + (rng.next() * 3e7) as i64));
    put("tags", json!(tags));
    put("notes", json!(notes));
    put("contacts", Json::Array(contacts));
    Json::Object(record)
}

fn contact(rng: &mut Rng, firsts: &[&str], lasts: &[&str], domain: &str) -> Json {
    let (first, last) = (rng.pick(firsts), rng.pick(lasts));
    let role = rng.pick(&ROLES);
    let phone = format!("+49{}", rng.digits(9));
    json!({"name": format!("{first} {last}"), "role": role, "phone": phone,
        "email": format!("{}.{}@{domain}", first.to_lowercase(), last.to_lowercase())})
}

/// The kind that these records are of: defined as any workspace defines a kind of its own.
pub fn kind_definition() -> String {
    let field = |name: &str, rest: &str| format!("[[field]]\nname = \"{name}\"\nlabel = {{ en = \"{name}\", zh = \"{name}\" }}\n{rest}\n");
    let mut text = "name = \"contact\"\nlabel = { en = \"Contact\", zh = \"联系人\" }\nplural = { en = \"Contacts\", zh = \"联系人\" }\n\
                    title = \"name\"\nlist = [\"name\", \"city\", \"stage\"]\nsearch = [\"phone\", \"email\"]\n\n"
        .to_owned();
    for name in ["ref", "name", "phone", "email", "street", "city", "postal_code", "country", "industry", "stage", "owner"] {
        text += &field(name, "");
    }
    for name in ["currency", "source", "website"] {
        text += &field(name, "");
    }
    text += &field("amount", "type = \"number\"");
    for name in ["created", "updated"] {
        text += &field(name, "type = \"integer\"");
    }
    text += &field("tags", "merge = \"set\"");
    text += &field("notes", "type = \"paragraph\"\nmerge = \"text\"");
    let item = |name: &str| format!("{{ name = \"{name}\", label = {{ en = \"{name}\", zh = \"{name}\" }} }}");
    let items: Vec<String> = ["name", "role", "phone", "email"].iter().map(|name| item(name)).collect();
    text += &field("contacts", &format!("merge = \"set\"\nitems = [{}]", items.join(", ")));
    text
}
